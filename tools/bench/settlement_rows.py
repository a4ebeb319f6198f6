"""The limit of settlements: the rows that they leave in the database, written again with nothing decided.

PostgreSQL copies each table in one statement into one like it, with the same indexes and checks, without foreign keys
and triggers. What a settlement's rows went through before their last state is not in it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import psycopg
from psycopg import sql

TIMES = 3
_TABLES = """
SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns
  JOIN pg_class ON oid = to_regclass(quote_ident(table_name)) AND relkind IN ('r', 'p') AND NOT relispartition
 WHERE table_schema = current_schema() AND is_generated = 'NEVER' GROUP BY table_name ORDER BY table_name
"""


def write_again(dsn: str, server_cpu_s: Callable[[], float]) -> tuple[float, float]:
    """(seconds, CPU seconds of PostgreSQL) that all rows of all tables take: medians of three times."""
    taken = []
    with psycopg.connect(dsn, autocommit=True) as owner:
        tables = [(str(name), list(columns)) for name, columns in owner.execute(_TABLES)]
        for _ in range(TIMES):
            owner.execute("CREATE SCHEMA again")
            owner.execute("CHECKPOINT")
            began, cpu = time.perf_counter(), server_cpu_s()
            for name, columns in tables:
                _write(owner, name, columns)
            taken.append((time.perf_counter() - began, server_cpu_s() - cpu))
            owner.execute("DROP SCHEMA again CASCADE")
    seconds, cpu_s = zip(*taken, strict=True)
    return statistics.median(seconds), statistics.median(cpu_s)


def _write(owner: psycopg.Connection[tuple[object, ...]], name: str, columns: list[str]) -> None:
    old, new, listed = (
        sql.Identifier(name),
        sql.Identifier("again", name),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
    owner.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(new, old))
    put = "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}"
    owner.execute(sql.SQL(put).format(new, listed, listed, old))
