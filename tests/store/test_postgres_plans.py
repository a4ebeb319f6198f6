"""What a batch reads does not grow with what is there, whatever the planner knew when it made its plans."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from made_up import Database, inbox_item, logged, new_id, settlement

from entrepot.core.lifecycle import State
from entrepot.store.postgres import PostgresTransaction

PLANNED = 12  # the driver prepares after 5 runs, and the server keeps a plan after 5 more
MANY = 1_000


def rows_read(tx: PostgresTransaction, table: str) -> int:
    """Rows of a table that this connection has read so far."""
    row = tx._connection.execute(
        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS read FROM pg_stat_xact_user_tables"
        " WHERE relname = %s",
        [table],
    ).fetchone()
    return int(row["read"]) if row else 0


@pytest.mark.parametrize("are_alone", [True, False], ids=["one of each settlement", "ten of each settlement"])
def test_a_claim_reads_a_few_rows_for_each_item_that_it_takes(database: Database, are_alone: bool) -> None:
    store, shared = database.open(), new_id()
    for _ in range(PLANNED):  # while nothing is there
        with store.work() as tx:
            assert tx.inbox.claim(limit=100) == []
    items = []
    for number in range(MANY):
        shared = new_id() if are_alone or number % 10 == 0 else shared
        items.append(inbox_item(settlement=shared))
    with store.work() as tx:
        tx.many.put_items(items)
    with store.work() as tx:
        before = rows_read(tx, "inbox")
        taken = tx.inbox.claim(limit=50)
        read = rows_read(tx, "inbox") - before
        assert [item.id for item in taken] == [item.id for item in items[:: 1 if are_alone else 10][:50]]
    assert read <= (3 * 50 if are_alone else 3 * 500), f"{read} rows of {MANY} for 50 items"


def test_the_logs_frontier_is_looked_up_by_key(database: Database) -> None:
    store, one = database.open(), settlement()
    for _ in range(PLANNED):
        with store.work() as tx:
            assert tx.log.end()[1] == []
    with pytest.raises(KeyError, match="enough"), store.work() as tx:
        tx.log.append([logged(one, seq) for seq in range(1, MANY + 1)])
        before = rows_read(tx, "log_nodes")
        assert len(tx.log.end()[1]) == MANY.bit_count()
        read = rows_read(tx, "log_nodes") - before
        assert read <= MANY.bit_count() + 1, f"{read} nodes for {MANY.bit_count()}"
        raise KeyError("enough")  # these leaves are of no events, and are not kept


def test_what_is_in_a_rare_state_is_looked_up_by_it_beside_a_long_past(database: Database) -> None:
    """Beside a million settlements that are ended, a watcher walked through all of them each second."""
    store = database.open()
    with store.work() as tx:
        for _ in range(MANY):
            tx.settlements.insert(replace(settlement(), state=State.LAPSED, escrow=f"0x{new_id()}{0:08x}"))
    with psycopg.connect(database.owner_dsn, autocommit=True) as owner:
        owner.execute("ANALYZE settlements")
    states = [State.FUNDED.value, State.FUNDING.value, State.PRESENTED.value]
    for _ in range(PLANNED):
        with store.work() as tx:
            before = rows_read(tx, "settlements")
            assert tx.many.escrows(states, limit=100) == []
            assert tx.settlements.page(state=State.FUNDED.value) == []
            read = rows_read(tx, "settlements") - before
            assert read < 10, f"{read} rows of {MANY} for none"  # the planner itself looks at an end of the index
