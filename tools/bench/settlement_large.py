"""Whether a settlement's cost grows with how many there were: the rate of a fresh house, and beside a long past.

The past is made of what was really settled here before: its rows in every table, copied under ids and times of earlier
periods, with short bodies instead of documents (whole ones would take 160 GB a million). Indexes, triggers of new rows
and every query meet the true number of rows; only the hashes in the log's tree of copies are made up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from entrepot.store.postgres_ledger import HISTORY_PART_BYTES

from .frame import Figure, Run
from .settlement import COHORT, COMPANIES, WORKERS, Bench

PAST = int(os.environ.get("ENTREPOT_BENCH_SETTLEMENTS", "1000000"))  # about 35 GB a million
SECONDS = 30.0
APART_S = 40 * 86_400  # from one copy to the next: beyond the days that limits count
COPIES_AT_ONCE = 10

# The same with its time moved back, and another that follows from it
_FUNCTIONS = """
CREATE FUNCTION bench_older(id uuid, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    (lpad(to_hex(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint - n * {apart} * 1000), 12, '0')
        || right(replace(id::text, '-', ''), 20))::uuid;
CREATE FUNCTION bench_older(id text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    replace(bench_older(left(id, 32)::uuid, n)::text, '-', '') || substr(id, 33);
CREATE FUNCTION bench_other(id uuid, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    md5(id::text || ':' || n)::uuid;
"""


@dataclass(frozen=True, slots=True)
class Copied:
    """How the rows of a table are copied: those `that` belong to settlements, and what is other in a copy.

    In the expressions `b` is the row, `n` the number of the copy, {apart} the seconds between two, {span} the number
    of values of the table's counted columns.
    """

    table: LiteralString
    that: LiteralString = "settlement IS NOT NULL"
    other: dict[LiteralString, LiteralString] = field(default_factory=dict)


_SETTLEMENT: dict[LiteralString, LiteralString] = {"settlement": "bench_older(b.settlement, n)"}
_TIME: dict[LiteralString, LiteralString] = {"at": "b.at - n * {apart}"}
_ARRIVAL: dict[LiteralString, LiteralString] = {"arrival": "b.arrival - n * {span}"}
_OWN: LiteralString = "(SELECT id FROM ledger_accounts WHERE class IN ('escrow', 'fee_due'))"
COPIES = (
    Copied("settlements", "true", {
        "id": "bench_older(b.id, n)", "created_at": "b.created_at - n * {apart}",
        "escrow": "CASE WHEN b.escrow = '' THEN '' ELSE '0x' || left(md5(b.escrow || n) || md5(b.escrow), 40) END",
    }),
    Copied("events", other=_SETTLEMENT | _TIME),
    Copied("log_leaves", other=_SETTLEMENT | {"index": "b.index + n * {span}"}),
    Copied("inbox", other=_SETTLEMENT | _ARRIVAL | {
        "id": "bench_other(b.id, n)", "key": "b.key || ':' || n", "body": "substr(b.body, 1, 64)",
        "answer": "substr(b.answer, 1, 64)",
    }),
    Copied("outbox", "settlement IS NOT NULL AND once ~ '^[0-9a-f]{32}:'", _SETTLEMENT | _ARRIVAL | {
        "once": "bench_older(b.once, n)",
    }),
    Copied("papers", other=_SETTLEMENT | _ARRIVAL | _TIME | {
        "id": "bench_older(b.id, n)", "body": "substr(b.body, 1, 64)",
    }),
    Copied("receipts", other=_SETTLEMENT | _TIME | {"id": "b.id - n * {span}", "proof": "b.proof[1:1]"}),
    Copied("reservations", "true", _SETTLEMENT | _TIME),
    Copied("invoices", "true", _SETTLEMENT | {"id": "b.id - n * {span}", "key": "b.key || '|' || n"}),
    Copied("ledger_transfers", "true", _SETTLEMENT | _TIME | {
        "id": "bench_older(b.id, n)", "pending_id": "bench_older(b.pending_id, n)",
        "debit": "CASE WHEN b.debit IN {own} THEN bench_other(b.debit, n) ELSE b.debit END",
        "credit": "CASE WHEN b.credit IN {own} THEN bench_other(b.credit, n) ELSE b.credit END",
    }),
    Copied("ledger_entries", "NOT is_late", _TIME | {
        "account": "CASE WHEN b.account IN (SELECT no FROM ledger_accounts WHERE class IN ('escrow', 'fee_due')) "
                   "THEN b.account - n * {span} ELSE b.account END",
    }),
    # last, as the two before tell by it which accounts are of one settlement
    Copied("ledger_accounts", "class IN ('escrow', 'fee_due')", {
        "id": "bench_other(b.id, n)", "owner": "bench_older(b.owner, n)", "no": "b.no - n * {span}",
        "last_at": "b.last_at - n * {apart}", "last_at_before": "b.last_at_before - n * {apart}",
    }),
)  # fmt: skip
_COUNTED: dict[LiteralString, LiteralString] = {
    "log_leaves": "SELECT count(*) FROM log_leaves",
    "ledger_entries": "SELECT max(no) FROM ledger_accounts",
    "ledger_accounts": "SELECT max(no) FROM ledger_accounts",
    "inbox": "SELECT max(arrival) FROM inbox",
    "outbox": "SELECT max(arrival) FROM outbox",
    "papers": "SELECT max(arrival) FROM papers",
    "receipts": "SELECT max(id) FROM receipts",
    "invoices": "SELECT max(id) FROM invoices",
}


def large(run: Run) -> Iterator[Figure]:
    """The rate before and beside a past of PAST settlements, counted afterwards."""
    home = run.folder / "settlement-large"
    home.mkdir()
    home.chmod(0o755)
    key = "settlement.large"
    bench = Bench(home, workers=WORKERS, cohort=COHORT, companies=COMPANIES, seed=1)
    try:
        first = bench.run(SECONDS, run.say)
        bench.stop(first)
        yield Figure(f"{key}.first_per_s", "complete settlements in a fresh house", first.rate)
        past = grow(bench.server.owner_dsn, first.settled, PAST, say=run.say)
        bench.hire()
        last = bench.run(SECONDS, run.say)
        bench.stop(last)
        wrong = bench.mismatches(first.settled + last.settled, past=past)
        yield Figure(f"{key}.past", "… settlements in the past then", past, unit="")
        yield Figure(f"{key}.last_per_s", "… beside that past", last.rate, limit=f"{key}.first_per_s")
        yield Figure(f"{key}.step_p99_s", "… one step of a worker, 99th percentile", last.step_p99_s, unit="s")
        yield Figure(f"{key}.database_mib", "… size of the database", _size_mib(bench.server.owner_dsn), unit="MiB")
        for name, (found, right) in wrong.items():
            run.say(f"MISMATCH {name}: {found}, not {right}")
        yield Figure(f"{key}.mismatches", "… mismatches in the database", len(wrong), unit="")
    finally:
        bench.close()


def grow(dsn: str, settled: int, wanted: int, *, say: Callable[[str], None]) -> int:
    """Copies all that was settled until there are about `wanted` more; how many settlements were added."""
    copies = max(1, round(wanted / settled))
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")  # what only looks at one new row after another
        owner.execute(sql.SQL(_FUNCTIONS).format(apart=sql.Literal(APART_S)))
        leaves = owner.execute("SELECT count(*) FROM log_leaves").fetchone()
        assert leaves is not None
        for copied in COPIES:
            _copy(owner, copied, copies, say)
        _add_nodes(owner, int(leaves[0]) * (copies + 1))
        for side in ("debits_posted", "credits_posted"):  # of parties, who are the same in every copy
            owner.execute(
                sql.SQL("UPDATE ledger_accounts SET {0} = {0} * {1} WHERE class NOT IN ('escrow', 'fee_due')").format(
                    sql.Identifier(side), sql.Literal(copies + 1)
                )
            )
        owner.execute("SELECT ledger_turn_page(%s)", (HISTORY_PART_BYTES,))  # what a worker had done on the way
        say("  VACUUM ANALYZE")
        owner.execute("VACUUM ANALYZE")
        owner.execute("CHECKPOINT")
    return settled * copies


def _copy(owner: psycopg.Connection[Any], copied: Copied, copies: int, say: Callable[[str], None]) -> None:
    """The rows of one table are set aside as they are, and come back a few copies at a time."""
    names = [
        row[0]
        for row in owner.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
            " AND table_schema = current_schema()"
            " AND is_generated = 'NEVER' ORDER BY ordinal_position",
            [copied.table],
        )
    ]
    span = owner.execute(sql.SQL(_COUNTED.get(copied.table, "SELECT 0"))).fetchone()
    assert span is not None
    owner.execute(
        sql.SQL("CREATE UNLOGGED TABLE bench_past AS SELECT * FROM {} WHERE {}").format(
            sql.Identifier(copied.table), sql.SQL(copied.that)
        )
    )
    values = [copied.other.get(name, None) for name in names]
    put = sql.SQL(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM bench_past AS b,"
        " generate_series(%s::bigint, %s::bigint) AS n"
    ).format(
        sql.Identifier(copied.table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(
            sql.Identifier("b", name)
            if value is None
            else sql.SQL(value).format(apart=sql.Literal(APART_S), span=sql.Literal(span[0]), own=sql.SQL(_OWN))
            for name, value in zip(names, values, strict=True)
        ),
    )
    for first in range(1, copies + 1, COPIES_AT_ONCE):
        owner.execute(put, [first, min(first + COPIES_AT_ONCE - 1, copies)])
        say(f"  {copied.table}: copy {min(first + COPIES_AT_ONCE - 1, copies)} of {copies}")
    owner.execute("DROP TABLE bench_past")


def _add_nodes(owner: psycopg.Connection[Any], leaves: int) -> None:
    """The nodes of a tree of so many leaves; the hashes of what was copied are made up."""
    for level in range(leaves.bit_length()):
        owner.execute(
            "INSERT INTO log_nodes (level, index, hash) SELECT %(level)s, i, sha256((%(level)s || ':' || i)::bytea)"
            " FROM generate_series((SELECT coalesce(max(index) + 1, 0) FROM log_nodes WHERE level = %(level)s),"
            " %(last)s) AS i",
            {"level": level, "last": (leaves >> level) - 1},
        )


def _size_mib(dsn: str) -> float:
    with psycopg.connect(dsn) as owner:
        row = owner.execute("SELECT pg_database_size(current_database()) / 1048576.0").fetchone()
        assert row is not None
        return float(row[0])
