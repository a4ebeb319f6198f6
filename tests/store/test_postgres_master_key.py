"""The master key is changed: all that was sealed opens under the new one only, wherever it stops."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from made_up import MASTER_KEY, Database, paper, settlement

from entrepot.core.errors import Refused
from entrepot.store.master_key import change_master_key, keep_master_key, read_master_key
from entrepot.store.postgres import PostgresStore


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The key that the tests' databases use, in its file."""
    path = tmp_path / "keys" / "master.key"
    keep_master_key(path, MASTER_KEY)
    return path


@pytest.fixture
def papers(database: Database) -> tuple[str, str]:
    """A settlement with a paper, and one whose paper was erased."""
    put, gone = settlement(), settlement()
    store = database.open()
    with store.work() as tx:
        for one in (put, gone):
            tx.settlements.insert(one)
            tx.papers.put(paper(one, owner=one.seller))
    with store.work() as tx:
        tx.papers.erase_owner(gone.seller)
    store.close()
    return put.id, gone.id


def bodies(database: Database, master_key: bytes, *settlements: str) -> list[bytes]:
    """Their papers, as a worker with this master key reads them."""
    store = PostgresStore(master_key=master_key, work_dsn=database.work_dsn)
    with store.work() as tx:
        found = [tx.papers.of(one)[0].body for one in settlements]
    store.close()
    return found


def require_guarded(database: Database) -> None:
    """The table is as it was: nobody rewrites a key, and its owner is under row security, too."""
    with psycopg.connect(database.owner_dsn) as connection:
        question = "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'data_keys'"
        assert connection.execute(question).fetchone() == (True,)
        with pytest.raises(psycopg.IntegrityError, match="only ever erased"):
            connection.execute("UPDATE data_keys SET wrapped = 'x' WHERE wrapped IS NOT NULL")


def test_all_opens_under_the_new_key_only_and_what_was_erased_stays_so(
    database: Database, key: Path, papers: tuple[str, str]
) -> None:
    before = bodies(database, MASTER_KEY, *papers)
    assert before[0] and not before[1]
    assert change_master_key(database.owner_dsn, key) > 0
    fresh = read_master_key(key)
    assert fresh != MASTER_KEY and key.stat().st_mode & 0o777 == 0o600 and list(key.parent.iterdir()) == [key]
    assert bodies(database, fresh, *papers) == before
    with pytest.raises(Refused) as refused:
        bodies(database, MASTER_KEY, *papers)
    assert refused.value.code == "master_key_differs"
    require_guarded(database)


@pytest.mark.parametrize("role", ["work", "serve"])
def test_while_somebody_is_signed_in_nothing_changes(
    database: Database, key: Path, papers: tuple[str, str], role: str
) -> None:
    dsn = {"work_dsn": database.work_dsn} if role == "work" else {"serve_dsn": database.serve_dsn}
    store = PostgresStore(master_key=MASTER_KEY, **dsn)
    with pytest.raises(Refused) as refused:
        change_master_key(database.owner_dsn, key)
    assert refused.value.code == "database_in_use" and read_master_key(key) == MASTER_KEY
    store.close()
    assert bodies(database, MASTER_KEY, papers[0])[0]
    require_guarded(database)


def test_a_stop_between_the_database_and_the_file_is_finished_by_the_same_call(
    database: Database, key: Path, papers: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "replace", stop)
        change_master_key(database.owner_dsn, key)
    with pytest.raises(Refused):  # nobody begins with the old key meanwhile
        bodies(database, MASTER_KEY, papers[0])
    assert change_master_key(database.owner_dsn, key) > 0
    assert bodies(database, read_master_key(key), papers[0])[0]
    require_guarded(database)


def test_a_key_that_opens_nothing_changes_nothing(database: Database, key: Path, papers: tuple[str, str]) -> None:
    key.write_bytes(os.urandom(32))
    with pytest.raises(Refused) as refused:
        change_master_key(database.owner_dsn, key)
    assert refused.value.code == "master_key_differs"
    assert bodies(database, MASTER_KEY, papers[0])[0]
    key.write_bytes(MASTER_KEY[:31])
    with pytest.raises(Refused, match="no file of 32 bytes"):
        read_master_key(key)
    key.chmod(0o644)
    key.write_bytes(MASTER_KEY)
    with pytest.raises(Refused) as exposed:
        read_master_key(key)
    assert exposed.value.code == "key_exposed"
    key.unlink()
    with pytest.raises(Refused, match="no master.key"):
        change_master_key(database.owner_dsn, key)
