"""Stores to test: the in-memory twin, and PostgreSQL 18 and 16 as the wheel brings them, a fresh database each test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from engines import Books, EngineBooks, FakeCluster, Salted
from made_up import Database
from psycopg import sql
from psycopg.conninfo import make_conninfo

from entrepot.store.buffered import Buffered
from entrepot.store.embedded import DATABASE, Embedded, start
from entrepot.store.memory import MemoryStore
from entrepot.store.migrate import migrate
from entrepot.store.postgres import PostgresStore
from entrepot.store.store import Store, Transaction
from entrepot.store.tigerbeetle_ledger import TigerBeetleLedger, connect

VERSIONS = (18, 16)
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[int], Embedded]]:
    """Starts a server of a version when it is first asked for, migrates its template, and stops it in the end."""
    home = Path(tempfile.mkdtemp(prefix="entrepot-store-"))
    home.chmod(0o755)  # run by root, the server has an OS user of its own
    running: dict[int, Embedded] = {}

    def server(version: int) -> Embedded:
        if version not in running:
            running[version] = start(home / f"pg{version}", version=version)
            migrate(running[version].owner_dsn)
            for setting in ("fsync", "full_page_writes"):  # hundreds of databases come and go, none outlives a crash
                _execute(running[version].owner_dsn, sql.SQL("ALTER SYSTEM SET {} = off").format(sql.SQL(setting)))
            _execute(running[version].owner_dsn, sql.SQL("ALTER SYSTEM SET max_wal_size = '256MB'"))
            _execute(running[version].owner_dsn, sql.SQL("SELECT pg_reload_conf()"))
        return running[version]

    yield server
    for embedded in running.values():
        embedded.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def new_database(servers: Callable[[int], Embedded]) -> Iterator[Callable[[int], Database]]:
    """Makes a copy of the migrated template, and drops it afterwards."""
    made: list[tuple[str, str]] = []

    def new(version: int) -> Database:
        embedded, name = servers(version), f"entrepot_{next(_numbers)}"
        admin = make_conninfo(embedded.owner_dsn, dbname="postgres")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        _execute(admin, statement.format(sql.Identifier(name), sql.Identifier(DATABASE)))
        made.append((admin, name))
        dsns = (make_conninfo(dsn, dbname=name) for dsn in (embedded.owner_dsn, embedded.serve_dsn, embedded.work_dsn))
        return Database(*dsns)

    yield new
    for admin, name in made:
        _execute(admin, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def new_empty(servers: Callable[[int], Embedded]) -> Iterator[Callable[[], str]]:
    """Makes an empty database on the newest version, and drops it afterwards; gives its owner's DSN."""
    owner = servers(VERSIONS[0]).owner_dsn
    admin = make_conninfo(owner, dbname="postgres")
    made: list[str] = []

    def new() -> str:
        made.append(f"entrepot_{next(_numbers)}")
        _execute(admin, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(made[-1])))
        return make_conninfo(owner, dbname=made[-1])

    yield new
    for name in made:
        _execute(admin, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=["memory", *(f"postgres{version}" for version in VERSIONS), "tigerbeetle", "tigerbeetle-fake"])
def books(request: pytest.FixtureRequest) -> Iterator[Books]:
    """Every ledger engine: those of the stores, a TigerBeetle cluster, and the client's documented API in memory."""
    if request.param == "tigerbeetle":
        addresses = os.environ.get("ENTREPOT_TIGERBEETLE_ADDRESSES", "")
        if not addresses:
            pytest.skip("ENTREPOT_TIGERBEETLE_ADDRESSES names no cluster")
        with connect(addresses) as client:
            yield EngineBooks(Salted(TigerBeetleLedger(client)))
    elif request.param == "tigerbeetle-fake":
        yield EngineBooks(TigerBeetleLedger(FakeCluster()))  # type: ignore[arg-type]
    elif request.param == "memory":
        yield MemoryStore()
    else:
        new: Callable[[int], Database] = request.getfixturevalue("new_database")
        opened = new(int(request.param.removeprefix("postgres"))).open()
        yield opened
        opened.close()


def _execute(dsn: str, statement: sql.Composable) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture
def database(new_database: Callable[[int], Database]) -> Database:
    """A migrated database on the newest version."""
    return new_database(VERSIONS[0])


@pytest.fixture
def postgres_store(database: Database) -> Iterator[PostgresStore]:
    """A store on the newest version."""
    store = database.open()
    yield store
    store.close()


class BufferedStore:
    """A store whose workers keep what they write until their transaction ends."""

    def __init__(self, below: Store) -> None:
        self._below = below

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)

    @contextmanager
    def work(self) -> Iterator[Transaction]:
        """See Store.work."""
        with self._below.work() as tx:
            buffered = Buffered(tx)
            yield buffered
            buffered.settle_up()
            buffered.require_standing()


BUFFERED = ("settlements", "inbox", "checks", "people", "many", "savepoints")  # the subjects whose writes a batch keeps


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every implementation of the Protocol; the buffered transaction where it does more than pass on."""
    if "store" in metafunc.fixturenames:
        kinds = ["memory", *(f"postgres{version}" for version in VERSIONS)]
        subject = metafunc.module.__name__.rpartition("_")[2]
        kinds += ["buffered-memory", "buffered-postgres"] if subject in BUFFERED else []
        metafunc.parametrize("store", kinds, indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Every implementation of the Protocol."""
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param.startswith("buffered"):
        below = MemoryStore() if request.param == "buffered-memory" else request.getfixturevalue("postgres_store")
        yield BufferedStore(below)
        return
    new: Callable[[int], Database] = request.getfixturevalue("new_database")
    opened = new(int(request.param.removeprefix("postgres"))).open()
    yield opened
    opened.close()
