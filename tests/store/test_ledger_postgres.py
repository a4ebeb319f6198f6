"""The ledger in PostgreSQL: what only a database can be asked: two at a time, privileges, changed books."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from made_up import NOW, Database, new_id
from psycopg.rows import dict_row

from entrepot.core.ledger import AccountClass, Answer, Balance, Phase, Transfer, account
from entrepot.store.migrate import migrate, migrations
from entrepot.store.postgres_ledger import PostgresLedger

pytestmark = pytest.mark.slow

ACCOUNTS = [account(AccountClass.OUTSIDE, f"{n:032x}", "USD") for n in range(1, 9)]
ESCROW = account(AccountClass.ESCROW, "e" * 32, "USD")
Connection = psycopg.Connection[dict[str, Any]]


def connect(dsn: str) -> Connection:
    """A connection of its own."""
    return psycopg.connect(dsn, row_factory=dict_row)


def move(debit: int, credit: int, amount: int = 1) -> Transfer:
    """A transfer between two outside accounts."""
    return Transfer(new_id(), ACCOUNTS[debit].id, ACCOUNTS[credit].id, amount, Phase.POSTED, "x", NOW)


@pytest.fixture
def ledger(database: Database) -> Iterator[PostgresLedger]:
    with connect(database.work_dsn) as connection:
        made = PostgresLedger(connection)
        made.open_accounts([*ACCOUNTS, ESCROW])
        fund = Transfer(new_id(), ACCOUNTS[0].id, ESCROW.id, 100, Phase.POSTED, "funded", NOW)
        assert made.post([fund]) == [Answer.POSTED]
        connection.commit()
        yield made


def in_threads(database: Database, work: list[Any]) -> list[Any]:
    """Runs each piece of work with a ledger of its own, all at once; returns what they returned."""
    found: list[Any] = [None] * len(work)
    ready = threading.Barrier(len(work))

    def run(place: int) -> None:
        with connect(database.work_dsn) as connection:
            ready.wait()
            found[place] = work[place](PostgresLedger(connection), connection)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_batches_that_cross_wait_for_each_other_and_never_lock_up(database: Database, ledger: PostgresLedger) -> None:
    chance = random.Random(868)

    def batches() -> list[list[Transfer]]:
        return [[move(*chance.sample(range(8), 2)) for _ in range(30)] for _ in range(15)]

    def worker(mine: list[list[Transfer]]) -> Any:
        def run(of: PostgresLedger, connection: Connection) -> int:
            posted = 0
            for batch in mine:
                posted += of.post(batch).count(Answer.POSTED)
                connection.commit()
            return posted

        return run

    assert in_threads(database, [worker(batches()) for _ in range(4)]) == [450] * 4
    assert ledger.check() == []


def test_the_last_room_is_taken_once(database: Database, ledger: PostgresLedger) -> None:
    def take(of: PostgresLedger, connection: Connection) -> Answer:
        taken = of.post([Transfer(new_id(), ESCROW.id, ACCOUNTS[1].id, 60, Phase.PENDING, "x", NOW)])[0]
        connection.commit()
        return taken

    answers = in_threads(database, [take] * 4)
    assert sorted(answers) == [Answer.EXCEEDS_LIMIT] * 3 + [Answer.POSTED]


@pytest.mark.parametrize("fill", [0, 10])
def test_one_id_that_two_post_at_once_is_posted_once(database: Database, ledger: PostgresLedger, fill: int) -> None:
    one = move(0, 1, 5)
    contents = [one, one, replace(one, debit=ACCOUNTS[2].id, credit=ACCOUNTS[3].id)]

    def post(mine: Transfer) -> Any:
        def run(of: PostgresLedger, connection: Connection) -> Answer:
            answers = of.post([*(move(4, 5) for _ in range(fill)), mine])
            connection.commit()
            return answers[-1]

        return run

    answers = in_threads(database, [post(content) for content in contents])
    assert answers.count(Answer.POSTED) == 1
    assert set(answers) <= {Answer.POSTED, Answer.EXISTS, Answer.EXISTS_DIFFERENT}
    assert ledger.check() == []


def test_an_application_role_writes_through_the_functions_only(database: Database, ledger: PostgresLedger) -> None:
    for dsn in (database.work_dsn, database.serve_dsn):
        with connect(dsn) as connection:
            for statement in (
                "UPDATE ledger_accounts SET credits_posted = 10 ^ 9",
                "INSERT INTO ledger_accounts (id, class, owner, asset) SELECT gen_random_uuid(), 'outside', 'x', 'USD'",
                "INSERT INTO ledger_transfers SELECT gen_random_uuid(), debit, credit, 1, 'posted', NULL, '', 1, NULL "
                "FROM ledger_transfers",
                "DELETE FROM ledger_transfers",
                "UPDATE ledger_transfers SET amount_minor = 1",
                "TRUNCATE ledger_transfers",
                "INSERT INTO ledger_entries SELECT * FROM ledger_entries",
                "UPDATE ledger_entries SET debits_posted = 1",
                "DELETE FROM ledger_entries",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
                connection.rollback()
    with connect(database.serve_dsn) as connection, pytest.raises(AssertionError):
        PostgresLedger(connection).post([move(0, 1)])


def test_not_even_the_owner_changes_what_was_posted(database: Database, ledger: PostgresLedger) -> None:
    with connect(database.owner_dsn) as connection:
        for statement in (
            "DELETE FROM ledger_transfers", "UPDATE ledger_transfers SET amount_minor = 1", "TRUNCATE ledger_transfers",
            "DELETE FROM ledger_entries", "UPDATE ledger_entries SET at = 1", "TRUNCATE ledger_entries",
            "DELETE FROM ledger_accounts", "UPDATE ledger_accounts SET debits_posted = 101 WHERE class = 'escrow'",
            "UPDATE ledger_accounts SET debits_pending = 101 WHERE class = 'escrow'",
            "UPDATE ledger_accounts SET debits_posted = -1 WHERE class = 'outside'",
        ):  # fmt: skip
            with pytest.raises(psycopg.IntegrityError):
                connection.execute(statement.encode())
            connection.rollback()


_INSERT = "INSERT INTO ledger_transfers SELECT gen_random_uuid(), "


@pytest.mark.parametrize(
    ("about", "tampering"),
    [
        ("totals", "UPDATE ledger_accounts SET credits_posted = credits_posted - 1 WHERE class = 'escrow'"),
        ("asset does not add up to zero", "UPDATE ledger_accounts SET debits_posted = 1 WHERE class = 'escrow'"),
        ("totals", _INSERT + "gen_random_uuid(), credit, 1, 'posted', NULL, '', 1, NULL FROM ledger_transfers"),
        ("two assets in one transfer", "UPDATE ledger_accounts SET asset = 'EUR' WHERE class = 'escrow'"),
        (
            "history",
            "INSERT INTO ledger_entries SELECT account, at, seq + 1, false, 1, 1, 0, 0, NULL FROM ledger_entries",
        ),
        ("history has gaps", "UPDATE ledger_accounts SET entries = entries + 1 WHERE class = 'escrow'"),
        (
            "end of a hold differs from the hold",
            _INSERT + "debit, credit, 1, 'void', gen_random_uuid(), '', 1, NULL FROM ledger_transfers",
        ),
    ],
)
def test_books_that_an_owner_changed_are_found(
    database: Database, ledger: PostgresLedger, about: str, tampering: str
) -> None:
    assert ledger.check() == []
    with connect(database.owner_dsn) as connection:
        connection.execute(tampering.encode())
    assert about in {difference.about for difference in ledger.check()}


_OLD_POST = """SELECT ledger_post(
    array_agg(pg_temp.id(i)), array_agg(pg_temp.id(d)), array_agg(pg_temp.id(c)), array_agg(amount), array_agg(phase),
    array_agg(pg_temp.id(p)),
    array_agg('x'::text), array_agg(at), array_agg(NULL::uuid))
  FROM (VALUES ('a1'::text, '1'::text, '9'::text, 100::numeric, 'posted', NULL::text, 30::bigint),
               ('a2', '9', '2', 40, 'pending', NULL, 40), ('a3', '9', '2', 40, 'post', 'a2', 50),
               ('a4', '1', '2', 7, 'posted', NULL, 20)) AS t (i, d, c, amount, phase, p, at)"""
_ID = "CREATE FUNCTION pg_temp.id(t text) RETURNS uuid LANGUAGE sql AS $$ SELECT lpad(t, 32, '0')::uuid $$"


def test_books_kept_before_there_was_a_history_get_one(
    database: Database, tmp_path: Path, new_empty: Callable[[], str]
) -> None:
    for entry in migrations():
        if entry.name.endswith("_ledger_history"):
            break
        (tmp_path / f"{entry.name}.sql").write_bytes(entry.text)
    owner = new_empty()
    migrate(owner, folder=tmp_path)
    ids = [f"{n:032}" for n in (1, 2, 9)]
    with connect(owner) as connection:
        connection.execute(
            "SELECT ledger_open(%s::uuid[], '{outside,outside,escrow}', '{a,b,c}', '{USD,USD,USD}')", (ids,)
        )
        connection.execute(_ID)
        row = connection.execute(_OLD_POST).fetchone()
        assert row is not None and row["ledger_post"] == ["posted"] * 4
    migrate(owner)
    with connect(owner) as connection:
        ledger = PostgresLedger(connection)
        assert ledger.check() == []
        found = [ledger.balances(ids, at=at)[ids[2]] for at in (29, 30, 40, 50)]
        came, held = Balance(credits_posted=100), Balance(credits_posted=100, debits_pending=40)
        assert found == [Balance(), came, held, Balance(credits_posted=100, debits_posted=40)]
        assert [entry.balance.posted_minor for entry in ledger.history(ids[1])] == [7, 7, 47]
        more = Transfer(new_id(), ids[0], ids[1], 3, Phase.POSTED, "x", 60)
        assert ledger.post([more]) == [Answer.POSTED] and ledger.check() == []


def test_accounts_are_listed_in_pages(ledger: PostgresLedger) -> None:
    ids = sorted(entry.id for entry in (*ACCOUNTS, ESCROW))
    first = ledger.accounts(limit=4)
    assert [entry.id for entry in first] == ids[:4]
    assert [entry.id for entry in ledger.accounts(after=first[-1].id)] == ids[4:]
    assert ledger.accounts(owner=ESCROW.owner) == [ESCROW]
    assert ledger.accounts(owner="nobody") == []
