"""Fresh PostgreSQL databases for simulated worlds: an embedded server of their own, one copy of a template a world."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from entrepot.store.embedded import DATABASE, start
from entrepot.store.migrate import migrate
from entrepot.store.postgres import PostgresStore

from .run import Stores
from .world import key_of

POOL_SIZE = 3


@contextmanager
def databases() -> Iterator[Stores]:
    """Opens a store on a fresh database each time; the server and its files are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="entrepot-simulator-") as home:
        Path(home).chmod(0o755)  # run by root, the server has an OS user of its own
        server = start(Path(home) / "database")
        try:
            migrate(server.owner_dsn)
            admin, numbers = make_conninfo(server.owner_dsn, dbname="postgres"), itertools.count(1)

            @contextmanager
            def fresh() -> Iterator[PostgresStore]:
                name = f"world_{next(numbers)}"
                made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                _execute(admin, made.format(sql.Identifier(name), sql.Identifier(DATABASE)))
                dsns = [make_conninfo(dsn, dbname=name) for dsn in (server.work_dsn, server.serve_dsn)]
                store = PostgresStore(
                    master_key=key_of("master"), work_dsn=dsns[0], serve_dsn=dsns[1], pool_size=POOL_SIZE
                )
                try:
                    yield store
                finally:
                    store.close()
                    _execute(admin, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

            yield fresh
        finally:
            server.stop()


def _execute(dsn: str, statement: sql.Composed) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)
