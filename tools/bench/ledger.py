"""The ledger's engines through their Python API, beside a bare insert and a COPY of the same rows in the same run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence

import psycopg

from entrepot.core.ledger import Account, AccountClass, Answer, Phase, Transfer, account
from entrepot.store.postgres import PostgresStore

from .frame import Figure, Run

BATCHES = (1, 100, 8_000)
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
