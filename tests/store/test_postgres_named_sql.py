"""Named SQL is read strictly, every query is used, and the embedded server keeps what it committed."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from made_up import MASTER_KEY, settlement

from entrepot.core.errors import Refused
from entrepot.store import embedded
from entrepot.store.migrate import migrate, migrations
from entrepot.store.named_sql import FOLDER, load_sql
from entrepot.store.postgres import PostgresStore

STORE = FOLDER.parent


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 1;", "names no query"),
        ("SELECT 1;\n-- name: a\nSELECT 1;", "before the first name"),
        ("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;", "named twice"),
        ("-- name: a\n-- only a comment\n", "0 statements"),
        ("-- name: a\nSELECT 1; SELECT 2;", "2 statements"),
        ("-- name: a\nSELECT %s;", "without a name"),
        ("-- name: a\nSELECT 5 % 2;", "without a name"),
    ],
)
def test_a_malformed_file_stops_the_import(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "x.sql").write_text(text)
    with pytest.raises(AssertionError, match=why):
        load_sql("x", folder=tmp_path)


def test_a_well_formed_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_text("-- head\n-- name: a\nSELECT %(n)s,\n -- why\n '%%';\n-- name: b\nSELECT 2\n")
    assert load_sql("x", folder=tmp_path) == {"a": b"SELECT %(n)s,\n '%%'", "b": b"SELECT 2"}


def test_every_named_query_is_used() -> None:
    code = "".join(path.read_text() for path in STORE.glob("postgres*.py"))
    names = {name for path in FOLDER.glob("*.sql") for name in load_sql(path.stem)}
    assert {name for name in names if f'"{name}"' not in code} == set()


@pytest.mark.parametrize("version", [18, 16])
def test_what_was_committed_is_there_after_a_restart(home: Path, version: int) -> None:
    put = settlement()
    for turn in range(2):
        server = embedded.start(home / "pg", version=version if turn == 0 else None)
        try:
            assert len(migrate(server.owner_dsn)) == (len(migrations()) if turn == 0 else 0)
            store = PostgresStore(master_key=MASTER_KEY, work_dsn=server.work_dsn, serve_dsn=server.serve_dsn)
            with store.work() as tx:
                if turn == 0:
                    tx.settlements.insert(put)
                assert tx.settlements.get(put.id) == put
            store.close()
        finally:
            server.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.work_dsn)


def test_an_edited_migration_is_refused_and_a_failing_one_leaves_nothing(tmp_path: Path, database: object) -> None:
    owner_dsn = str(database.owner_dsn)  # type: ignore[attr-defined]
    for entry in migrations():
        (tmp_path / f"{entry.name}.sql").write_bytes(entry.text)
    next_version = len(migrations()) + 1
    failing = tmp_path / f"{next_version:04d}_later.sql"
    failing.write_text("CREATE TABLE later (x int); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(owner_dsn, folder=tmp_path)
    failing.write_text("CREATE TABLE later (x int);")
    assert migrate(owner_dsn, folder=tmp_path) == [failing.stem]
    failing.write_text("CREATE TABLE later (x bigint);")
    with pytest.raises(Refused) as caught:
        migrate(owner_dsn, folder=tmp_path)
    assert caught.value.code == "migration_changed"
    with pytest.raises(Refused) as caught:
        migrate(owner_dsn)
    assert caught.value.code == "schema_too_new"
