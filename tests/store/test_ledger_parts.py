"""The ledger's history in parts: what is read and checked is the same wherever a part ends."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from made_up import Database, new_id

from entrepot.core.ledger import AccountClass, Answer, Phase, Transfer, account
from entrepot.store.memory import MemoryStore
from entrepot.store.postgres import PostgresStore

pytestmark = pytest.mark.slow

ACCOUNTS = [account(AccountClass.OUTSIDE, f"{n:032x}", "USD") for n in range(1, 7)]


def parts(database: Database) -> list[tuple[str, int]]:
    """Name and entries of each part, the oldest first."""
    with psycopg.connect(database.owner_dsn) as owner:
        rows = owner.execute(
            """SELECT c.relname, (SELECT count(*) FROM ledger_entries e WHERE e.tableoid = c.oid)
                 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'ledger_entries'::regclass ORDER BY c.relname"""
        ).fetchall()
        return [(str(name), int(count)) for name, count in rows]


def post(store: PostgresStore | MemoryStore, *transfers: Transfer) -> None:
    """One batch, all of which is posted."""
    with store.work() as tx:
        tx.ledger.open_accounts(ACCOUNTS)
        assert tx.ledger.post(list(transfers)) == [Answer.POSTED] * len(transfers)


def move(at: int, debit: int = 0, credit: int = 1, amount: int = 1) -> Transfer:
    """A transfer at a time."""
    return Transfer(new_id(), ACCOUNTS[debit].id, ACCOUNTS[credit].id, amount, Phase.POSTED, "x", at)


def test_nothing_is_due_before_a_part_is_full(postgres_store: PostgresStore, database: Database) -> None:
    post(postgres_store, move(1))
    assert not postgres_store.tend()
    assert [name for name, _ in parts(database)] == ["ledger_entries_0001"]


def test_what_comes_late_lies_in_the_part_of_its_time(postgres_store: PostgresStore, database: Database) -> None:
    post(postgres_store, move(10), move(20))
    assert postgres_store.tend(part_bytes=1)
    assert not postgres_store.tend(part_bytes=1), "the new part is empty"
    post(postgres_store, move(21))
    post(postgres_store, move(15))
    assert parts(database) == [("ledger_entries_0001", 6), ("ledger_entries_0002", 2)]
    assert postgres_store.tend(part_bytes=1)
    post(postgres_store, move(22), move(21), move(5))
    assert [count for _, count in parts(database)] == [8, 4, 2]


def test_balances_history_and_check_do_not_see_where_a_part_ends(postgres_store: PostgresStore) -> None:
    seed = 20261127
    print("seed", seed)
    draw, twin = random.Random(seed), MemoryStore()
    now = 100
    for turn in range(120):
        now += draw.choice((0, 1, 7))
        late = draw.random() < 0.2
        one = move(now - draw.randrange(60) if late else now, *draw.sample(range(6), 2), draw.randrange(1, 99))
        for store in (postgres_store, twin):
            post(store, one)
        if turn % 10 == 9:
            assert postgres_store.tend(part_bytes=1)
    ids = [entry.id for entry in ACCOUNTS]
    with postgres_store.work() as real, twin.work() as expected:
        for at in (None, *range(30, now + 2)):
            assert real.ledger.balances(ids, at=at) == expected.ledger.balances(ids, at=at), at
        for held in ids:
            assert real.ledger.history(held) == expected.ledger.history(held)
        assert real.ledger.check() == []


def test_it_does_not_wait_for_who_uses_the_history_for_long(postgres_store: PostgresStore, database: Database) -> None:
    post(postgres_store, move(1))
    with postgres_store.snapshot() as reader:
        reader.ledger.history(ACCOUNTS[0].id)
        assert not postgres_store.tend(part_bytes=1)
        assert len(parts(database)) == 1
    assert postgres_store.tend(part_bytes=1)


def test_of_two_workers_one_begins_the_part(postgres_store: PostgresStore, database: Database) -> None:
    for number in range(5):
        post(postgres_store, move(number))
        with ThreadPoolExecutor(4) as pool:
            turned = list(pool.map(lambda _: postgres_store.tend(part_bytes=1), range(4)))
        assert turned.count(True) == 1, turned
    assert len(parts(database)) == 6


def test_nobody_reads_a_part_past_the_history_and_nobody_changes_one(
    postgres_store: PostgresStore, database: Database
) -> None:
    post(postgres_store, move(1))
    assert postgres_store.tend(part_bytes=1)
    post(postgres_store, move(2))
    for part, _ in parts(database):
        for dsn in (database.work_dsn, database.serve_dsn):
            with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {part}".encode())
        for statement in (f"UPDATE {part} SET debits_posted = 1", f"DELETE FROM {part}", f"TRUNCATE {part}"):
            with psycopg.connect(database.owner_dsn) as owner, pytest.raises(psycopg.IntegrityError):
                owner.execute(statement.encode())
