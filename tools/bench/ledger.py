"""The ledger's engines through their Python API, beside a bare insert and a COPY of the same rows in the same run."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import psycopg

from entrepot.core.ledger import Account, AccountClass, Answer, Phase, Transfer, account
from entrepot.store.postgres import PostgresStore
from entrepot.store.shared_ledger import SharedLedger

from .frame import Figure, Run
from .ledger_large import large

BATCHES = (1, 100, 8_000)
CALLERS, CALLS = 100, 50
ACCOUNTS_FEW, ACCOUNTS_MANY = 10, 10_000
BARE = """
CREATE TABLE bench_bare (id uuid PRIMARY KEY, debit uuid NOT NULL, credit uuid NOT NULL, amount_minor numeric NOT NULL,
                         phase text NOT NULL, pending_id uuid, event text NOT NULL, at bigint NOT NULL, settlement uuid)
"""
INSERT = """
INSERT INTO bench_bare SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::numeric[], %s::text[], %s::uuid[],
                                            %s::text[], %s::bigint[], %s::uuid[])
"""
_numbers = itertools.count()
PEER = "TigerBeetle's client, Nov 2026"
PEERS = {1: 420, 100: 20_000, 8_000: 37_000}


def ledger(run: Run) -> Iterator[Figure]:
    """Durable postings (fsync on): holds, limits, idempotency and history are on in all of them."""
    server = run.server()
    store = PostgresStore(master_key=bytes(32), work_dsn=server.work_dsn)
    many = opened(store, ACCOUNTS_MANY, "many")
    few = many[:ACCOUNTS_FEW]
    with psycopg.connect(server.owner_dsn) as bare:
        bare.execute(BARE)
        bare.commit()
        big = BATCHES[-1]
        rates = run.in_turns(
            {
                "insert": (lambda: insert_bare(bare, moves(many, big)), big),
                "copy": (lambda: copy_bare(bare, moves(many, big)), big),
                "many": (lambda: post(store, moves(many, big)), big),
                "few": (lambda: post(store, moves(few, big)), big),
                "100": (lambda: post(store, moves(many, 100)), 100),
                "1": (lambda: post(store, moves(many, 1)), 1),
            }
        )
    shared = run.rounds(lambda: together(store, many))
    held = run.rounds(lambda: hold_and_end(store, many))
    fresh = run.rounds(lambda: among_new(store))
    store.close()
    insert, key = "limits.insert_rows_per_s", "ledger.postgres.transfers_per_s"
    yield Figure(insert, "rows of transfers inserted bare, unnest of 8,000", rates["insert"])
    yield Figure("limits.copy_rows_per_s", "rows of transfers copied bare, 8,000 a COPY", rates["copy"])
    for batch, name, limit in ((1, "1", "limits.fdatasync_per_s"), (100, "100", insert), (big, "many", insert)):
        words = f"transfers posted, batches of {batch:,}"
        yield Figure(f"{key}.{batch}", words, rates[name], limit=limit, peer=PEERS[batch], peer_name=PEER)
    yield Figure(
        "ledger.postgres.hot_accounts_per_s", f"… among {ACCOUNTS_FEW} accounts", rates["few"], limit=f"{key}.{big}"
    )

    beside = f"{key}.{big}"
    for name, words, rate, limit in (
        ("callers", f"by {CALLERS} callers with one transfer each", shared, "limits.fdatasync_per_s"),
        ("holds", "half holds, half their ends (posted, voided)", held, beside),
        ("new_accounts", "each of two accounts opened with it", fresh, beside),
    ):
        yield Figure(f"ledger.postgres.{name}_per_s", f"… {words}", rate, limit=limit)
    if run.is_large:
        yield from large(run)


def opened(store: PostgresStore, count: int, name: str) -> list[Account]:
    """Accounts, opened."""
    made = [account(AccountClass.OUTSIDE, f"{name}{place}", "bench") for place in range(count)]
    with store.work() as tx:
        tx.ledger.open_accounts(made)
    return made


def moves(among: Sequence[Account], count: int) -> list[Transfer]:
    """Fresh transfers with time-ordered ids."""
    base = int(time.time() * 1000) << 80
    spread = len(among)
    made = []
    for _ in range(count):
        number = next(_numbers)
        debit, credit = number * 7919 % spread, (number * 104_729 + 1) % spread
        made.append(
            Transfer(
                id=f"{base + number:032x}",
                debit=among[debit].id,
                credit=among[credit if credit != debit else credit - 1].id,
                amount_minor=1 + number % 1_000_000,
                phase=Phase.POSTED,
                event="bench",
                at=int(base >> 80) // 1000,
            )
        )
    return made


def post(store: PostgresStore, batch: Sequence[Transfer]) -> None:
    """Posts and commits one batch."""
    with store.work() as tx:
        answers = tx.ledger.post(batch)
    assert all(answer is Answer.POSTED for answer in answers), set(answers)


def together(store: PostgresStore, among: Sequence[Account]) -> float:
    """Transfers a second of many threads that share commits."""

    def post_all(batch: Sequence[Transfer]) -> list[Answer]:
        with store.work() as tx:
            return tx.ledger.post(batch)

    shared = SharedLedger(post_all)
    mine = [moves(among, CALLS) for _ in range(CALLERS)]
    answered: list[Answer] = []

    def call(batch: Sequence[Transfer]) -> None:
        for move in batch:
            answered.extend(shared.post([move]))

    threads = [threading.Thread(target=call, args=(batch,)) for batch in mine]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    assert answered == [Answer.POSTED] * (CALLERS * CALLS)
    return CALLERS * CALLS / took


def hold_and_end(store: PostgresStore, among: Sequence[Account]) -> float:
    """Transfers a second of a batch of holds, then one of their ends."""
    holds = [replace(move, phase=Phase.PENDING) for move in moves(among, BATCHES[-1])]
    ends = [
        replace(end, debit=hold.debit, credit=hold.credit, amount_minor=hold.amount_minor, pending_id=hold.id,
                phase=(Phase.POST, Phase.VOID)[place % 2])
        for place, (hold, end) in enumerate(zip(holds, moves(among, len(holds)), strict=True))
    ]  # fmt: skip
    began = time.perf_counter()
    post(store, holds)
    post(store, ends)
    return 2 * len(holds) / (time.perf_counter() - began)


def among_new(store: PostgresStore) -> float:
    """Transfers a second where each opens both its accounts in the same transaction."""
    new = [account(AccountClass.OUTSIDE, f"new{next(_numbers)}", "bench") for _ in range(2 * BATCHES[-1])]
    batch = [
        replace(move, debit=debit.id, credit=credit.id)
        for move, debit, credit in zip(moves(new, BATCHES[-1]), new[::2], new[1::2], strict=True)
    ]
    began = time.perf_counter()
    with store.work() as tx:
        tx.ledger.open_accounts(new)
        answers = tx.ledger.post(batch)
    assert answers == [Answer.POSTED] * len(batch)
    return len(batch) / (time.perf_counter() - began)


def insert_bare(connection: psycopg.Connection, batch: Sequence[Transfer]) -> None:
    """The same rows into a table with nothing but a primary key, the plain way."""
    connection.execute(INSERT, [list(column) for column in zip(*map(_row, batch), strict=True)])
    connection.commit()


def copy_bare(connection: psycopg.Connection, batch: Sequence[Transfer]) -> None:
    """The same by COPY."""
    with connection.cursor().copy("COPY bench_bare FROM STDIN") as copy:
        for move in batch:
            copy.write_row(_row(move))
    connection.commit()


def _row(move: Transfer) -> tuple[object, ...]:
    return (
        move.id, move.debit, move.credit, str(move.amount_minor), move.phase.value, move.pending_id or None, move.event,
        move.at, move.settlement or None,
    )  # fmt: skip
