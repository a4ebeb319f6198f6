"""The ledger's cost does not grow with its size: a small slope here, millions behind `./run bench --large`."""

from __future__ import annotations

import statistics

import psycopg
import pytest
from made_up import Database
from psycopg.rows import dict_row

from bench.ledger_large import grow, spread

pytestmark = pytest.mark.slow

ACCOUNTS, TRANSFERS, STRETCH = 2_000, 240_000, 24_000


def test_the_rate_of_posting_does_not_fall_with_what_was_posted(database: Database) -> None:
    store = database.open()
    among = spread(store, ACCOUNTS, say=print)
    rates = grow(store, among, TRANSFERS, STRETCH, say=print)
    store.close()
    # what each batch read all would cost five times as much in the end; half is for a noisy machine
    early, late = statistics.median(rates[1:4]), statistics.median(rates[-3:])
    assert late > early / 2, f"{early:,.0f}/s at first, {late:,.0f}/s in the end"


def test_a_batch_and_a_balance_of_long_ago_read_no_more_pages_than_at_first(database: Database) -> None:
    store = database.open()
    among = spread(store, 10, say=print)
    read: list[int] = []
    with psycopg.connect(database.owner_dsn, row_factory=dict_row, autocommit=True) as owner:
        for turn in range(2):
            grow(store, among, 80_000, 80_000, say=print, at=turn * 80_000)
            assert store.tend(part_bytes=1)  # nor do parts of the history matter
            read.append(_pages(owner))
    store.close()
    assert read[1] <= read[0] + 3 * len(among), read


def _pages(owner: psycopg.Connection[dict[str, object]]) -> int:
    """Pages that a read of all accounts' balances at the first batch touches."""
    rows = owner.execute(
        """EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT a.id, e.seq FROM ledger_accounts a
            LEFT JOIN LATERAL (SELECT seq FROM ledger_entries WHERE account = a.no AND NOT is_late AND at <= 0
                                ORDER BY at DESC, seq DESC LIMIT 1) e ON true"""
    ).fetchone()
    assert rows is not None
    plan = rows["QUERY PLAN"][0]["Plan"]  # type: ignore[index]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
