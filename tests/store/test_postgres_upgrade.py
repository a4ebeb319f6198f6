"""A database that an older version filled is brought to this one: what it holds is there, and work goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from made_up import MASTER_KEY, NOW, Database, happen, inbox_item, outbox_item, paper, settlement
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from entrepot.store.migrate import FOLDER, SERVE_ROLE, WORK_ROLE, migrate, migrations
from entrepot.store.postgres import PostgresTransaction
from entrepot.store.vault import Vault


@pytest.mark.parametrize("version", [18, 19])
def test_what_an_older_version_kept_is_read_and_worked_on(
    new_empty: Callable[[], str], tmp_path: Path, version: int
) -> None:
    for entry in migrations()[:version]:
        shutil.copy(FOLDER / f"{entry.name}.sql", tmp_path)
    owner_dsn = new_empty()
    migrate(owner_dsn, folder=tmp_path)
    one, other = settlement(), inbox_item()
    first, again = inbox_item(settlement=one.id), inbox_item(settlement=one.id)
    kept = paper(one, body=b"kept" * 1000)
    connection: psycopg.Connection[Any]
    with psycopg.connect(owner_dsn, row_factory=dict_row) as connection:
        tx = PostgresTransaction(connection, Vault(MASTER_KEY))
        tx.settlements.insert(one)
        one = happen(tx, one, "quote_given", "signed")
        tx.papers.put(kept)
        tx.many.put_items([first, again, other])
        tx.inbox.answer(first.id, {"status": 200}, at=NOW)
        tx.outbox.put([outbox_item("done"), outbox_item("open")])
        tx.outbox.done("done", at=NOW)
        end = tx.log.end()

    assert migrate(owner_dsn) == [entry.name for entry in migrations()[version:]]

    dsns = (owner_dsn, *(make_conninfo(owner_dsn, user=role) for role in (SERVE_ROLE, WORK_ROLE)))
    store = Database(*dsns).open()
    with store.work() as tx:
        assert (tx.settlements.get(one.id), tx.papers.get(kept.id), tx.log.end()) == (one, kept, end)
        assert [item.id for item in tx.inbox.claim(limit=9)] == [again.id, other.id]
        assert [item.once for item in tx.outbox.claim(now=NOW + 9, limit=9, lease_s=9)] == ["open"]
        tx.inbox.answer(again.id, {"status": 200}, at=NOW)
        happen(tx, one, "countersigned")
    with pytest.raises(AssertionError, match="never rewritten"), store.work() as tx:
        tx._connection.execute("UPDATE inbox SET answer = 'x' WHERE answer IS NOT NULL")
    store.close()
