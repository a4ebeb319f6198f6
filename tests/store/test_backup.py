"""Backup and restore rehearsed: to a point in time, replayed, with log roots, checkpoints and balances compared."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from made_up import MASTER_KEY, NOW, funded, happen, new_id

from entrepot.core import note
from entrepot.core.crypto import ed25519_public, ed25519_sign
from entrepot.core.errors import Refused, Unavailable
from entrepot.core.ledger import AccountClass, Phase, Transfer, account
from entrepot.core.log import tree_root
from entrepot.store import backup, embedded
from entrepot.store.backup import archive_now, back_up, restore
from entrepot.store.migrate import migrate
from entrepot.store.postgres import PostgresStore
from entrepot.store.store import Store
from entrepot.workflows.books.replay import Replayed, replayed

pytestmark = pytest.mark.slow
KEY = bytes(range(32))


def trade(store: Store) -> Replayed:
    """A settlement with an event, a posting and a signed checkpoint in one commit; what all replays to."""
    with store.work() as tx:
        one = replace(funded(), seq=0, step=0)
        tx.settlements.insert(one)
        happen(tx, one, "mispaid")
        outside, escrow = account(AccountClass.OUTSIDE, "x", "USD"), account(AccountClass.ESCROW, one.id, "USD")
        tx.ledger.open_accounts([outside, escrow])
        tx.ledger.post([Transfer(new_id(), outside.id, escrow.id, 7, Phase.POSTED, "funded", NOW)])
        size = tx.log.size()
        text = note.checkpoint_text("test", size, tree_root(tx.log.end()[1]))
        signed = note.sign_note(text, "test", ed25519_public(KEY), lambda message: ed25519_sign(KEY, message))
        tx.log.put_checkpoint(size, signed, at=NOW)
    return replayed(store)


def test_a_point_in_time_is_restored_and_replays_to_the_root_that_was_signed_then(home: Path) -> None:
    live, folder = home / "live", home / "backup"
    server = embedded.start(live)
    migrate(server.owner_dsn)
    with pytest.raises(Refused, match="once"):
        back_up(live, folder)  # it runs without an archive, and others may be using it
    server.stop()
    made = back_up(live, folder)
    server = embedded.start(live)
    store = PostgresStore(master_key=MASTER_KEY, work_dsn=server.work_dsn)
    try:
        trade(store)
        while time.time() <= made.finished_at:
            time.sleep(0.1)
        wanted = trade(store)
        time.sleep(1.1)
        at = int(time.time())
        time.sleep(1.1)
        later = trade(store)
        archive_now(server.owner_dsn)
    finally:
        store.close()
        server.stop()
    assert wanted.is_sound and later.is_sound and later.size > wanted.size
    for moment, expected in ((at, wanted), (None, later)):
        back = home / f"restored-{moment}"
        restore(folder, back, at=moment)
        assert _read(back) == expected
    with pytest.raises(Refused, match="already"):
        restore(folder, back, at=at)
    with pytest.raises(Refused, match="no copy"):
        restore(folder, home / "other", at=made.finished_at - 60)


def test_a_second_folder_takes_the_archive_over_and_is_restored_beside_the_running_server(home: Path) -> None:
    live, first, second = home / "live", home / "first", home / "it's 100% second"
    server = embedded.start(live)
    migrate(server.owner_dsn)
    server.stop()
    back_up(live, first)
    server = embedded.start(live)
    store = PostgresStore(master_key=MASTER_KEY, work_dsn=server.work_dsn)
    try:
        trade(store)
        back_up(live, second)
        shutil.rmtree(first)  # its disk is gone: nothing needs it any more
        wanted = trade(store)
        archive_now(server.owner_dsn)
        restore(second, home / "restored", at=None)
        assert _read(home / "restored") == wanted
        wal = sorted((second / "wal").iterdir())
        assert wal and all(not path.name.endswith(".part") for path in wal)
    finally:
        store.close()
        server.stop()


def test_a_restore_that_fails_leaves_nothing_behind(home: Path) -> None:
    live, folder, back = home / "live", home / "backup", home / "restored"
    server = embedded.start(live)
    migrate(server.owner_dsn)
    server.stop()
    made = back_up(live, folder)
    for at in (int(time.time()) + 3_600, 99_999_999_999_999):
        with pytest.raises(Refused) as refused:
            restore(folder, back, at=at)
        assert refused.value.code == "restore_ahead"
    (folder / "base-99991231T235959Z").mkdir()  # broken off: no copy for anybody
    (made.base / "global" / "pg_control").write_bytes(b"damaged")
    with pytest.raises(Unavailable) as failed:
        restore(folder, back, at=None)
    assert failed.value.code == "backup_failed"
    assert sorted(path.name for path in home.iterdir()) == ["backup", "live"]
    (home / "file").write_text("no folder")
    with pytest.raises(Refused) as unusable:
        back_up(live, home / "file")
    assert unusable.value.code == "backup_folder_unusable"


def _read(directory: Path) -> Replayed:
    server = embedded.start(directory)
    store = PostgresStore(master_key=MASTER_KEY, work_dsn=server.work_dsn)
    try:
        return replayed(store)
    finally:
        store.close()
        server.stop()


def test_a_segment_that_is_not_full_is_archived_after_a_while(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "ARCHIVE_TIMEOUT_S", 1)
    live, folder = home / "live", home / "backup"
    back_up(live, folder)
    server = embedded.start(live)
    try:
        before = len(list((folder / "wal").iterdir()))
        with psycopg.connect(server.owner_dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")  # else it looks first when its first checkpoint is due
            connection.execute("CREATE TABLE written AS SELECT 1")
        until = time.monotonic() + backup.WAIT_S
        while len(list((folder / "wal").iterdir())) == before:
            assert time.monotonic() < until, "what was written is not archived"
            time.sleep(0.2)
    finally:
        server.stop()
