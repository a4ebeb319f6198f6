"""The Store in PostgreSQL: one transaction over all groups; workers and doors sign in as two roles that own nothing.

A reply to COMMIT that is lost shows as Unavailable: the same request may be sent again, because ids, keys and `once`
are unique.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from .migrate import check_role
from .postgres_checks import PostgresChecks
from .postgres_engineers import PostgresRequests, PostgresSandbox, PostgresWebhooks
from .postgres_inbox import PostgresInbox, PostgresOutbox
from .postgres_keys import Keyring
from .postgres_ledger import HISTORY_PART_BYTES, PostgresIntents, PostgresLedger
from .postgres_mandates import PostgresMandates
from .postgres_many import PostgresMany
from .postgres_people import PostgresPapers, PostgresPeople
from .postgres_rails import PostgresRails
from .postgres_reconciliation import PostgresReconciliations
from .postgres_reports import PostgresReports
from .postgres_rows import Connection, find_uuid, from_uuid, translated
from .postgres_settlements import PostgresLog, PostgresSettlements
from .postgres_sign_ins import PostgresSignIns
from .postgres_wake import CHANNEL, Wakes
from .records import Reader
from .vault import Vault

POOL_SIZE = 10
CHECKOUT_S = 10.0
STATEMENT_S_MAX = 60
# A worker whose machine is gone keeps its locks no longer than this.
IDLE_S_MAX = 60
_SESSION = {
    "timezone": "UTC",
    "search_path": "public",
    "statement_timeout": f"{STATEMENT_S_MAX}s",
    "idle_in_transaction_session_timeout": f"{IDLE_S_MAX}s",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
# Nothing in it need outlive a crash, so its commit waits for no disk; what it tells of was durable before.
_WAKE = f"BEGIN; SET LOCAL synchronous_commit = off; NOTIFY {CHANNEL}; COMMIT".encode()
DOOR = Reader(participant="", role="door")


class PostgresTransaction:
    """One transaction over everything; the groups share its connection and its keys."""

    def __init__(self, connection: Connection, vault: Vault, *, keeps_intents: bool = False) -> None:
        self._connection = connection
        self._keyring = Keyring(connection, vault)
        self.many = many = PostgresMany(connection, self._keyring)
        self.inbox = PostgresInbox(connection, self._keyring, many)
        self.settlements = PostgresSettlements(connection, many)
        self.log = PostgresLog(connection)
        self.papers = PostgresPapers(connection, self._keyring, many)
        self.people = PostgresPeople(connection, self._keyring)
        self.sign_ins = PostgresSignIns(connection, self._keyring)
        self.checks = PostgresChecks(connection, many)
        self.mandates = PostgresMandates(connection)
        self.rails = PostgresRails(connection, many)
        self.outbox = PostgresOutbox(connection, many)
        self.ledger = PostgresLedger(connection, keeps_intents=keeps_intents)
        self.intents = PostgresIntents(connection)
        self.reports = PostgresReports(connection, self._keyring)
        self.reconciliations = PostgresReconciliations(connection)
        self.webhooks = PostgresWebhooks(connection, self._keyring)
        self.requests = PostgresRequests(connection)
        self.sandbox = PostgresSandbox(connection)

    def require_master_key(self) -> None:
        """Raises: Refused(master_key_differs)."""
        self._keyring.require_master_key()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone if it raises; the transaction goes on."""
        try:
            with translated(), self._connection.transaction():
                yield
        except BaseException:
            self._keyring.forget()
            raise


class PostgresStore:
    """Where transactions come from. `work_dsn` is for workers, `serve_dsn` for doors; a process has either or both.
    With `keeps_intents` another ledger engine is told of every transfer.

    Raises on opening: Refused(role_too_mighty, schema_too_new, master_key_differs, …),
    Unavailable(schema_too_old, store_unavailable).
    """

    def __init__(
        self,
        *,
        master_key: bytes,
        work_dsn: str = "",
        serve_dsn: str = "",
        pool_size: int = POOL_SIZE,
        keeps_intents: bool = False,
    ) -> None:
        assert work_dsn or serve_dsn, "a store signs in as worker, as door, or as both"
        self._vault = Vault(master_key)
        self._keeps_intents = keeps_intents
        self._pools = {
            role: _open_pool(dsn, pool_size) for role, dsn in (("work", work_dsn), ("serve", serve_dsn)) if dsn
        }  # fmt: skip
        try:
            with self.work() if work_dsn else self.door() as tx:
                tx.require_master_key()
        except BaseException:
            self._close_pools()
            raise
        self._wakes = Wakes(work_dsn or serve_dsn)

    @contextmanager
    def work(self) -> Iterator[PostgresTransaction]:
        """A worker's transaction: commits at the end, rolls back on any exception. Raises: Unavailable."""
        with self._transaction("work", reader=None, is_read_only=False) as transaction:
            yield transaction

    @contextmanager
    def snapshot(self) -> Iterator[PostgresTransaction]:
        """A worker's read-only look at one moment (REPEATABLE READ)."""
        with self._transaction("work", reader=None, is_read_only=True) as transaction:
            yield transaction

    @contextmanager
    def door(self) -> Iterator[PostgresTransaction]:
        """A door's transaction: may look up credentials and write the inbox only."""
        with self._transaction("serve", reader=DOOR, is_read_only=False) as transaction:
            yield transaction

    @contextmanager
    def read(self, reader: Reader) -> Iterator[PostgresTransaction]:
        """One read-only snapshot, limited to what the reader may see."""
        assert reader.role != DOOR.role, "the door's own role is nobody's"
        with self._transaction("serve", reader=reader, is_read_only=True) as transaction:
            yield transaction

    def pools(self) -> list[dict[str, Any]]:
        """This process's connections: `role`, how many are `busy` and `free`, and how many callers are `waiting`."""
        found = []
        for role, pool in self._pools.items():
            stats = pool.get_stats()
            free = stats.get("pool_available", 0)
            busy = max(0, stats.get("pool_size", 0) - free)
            found.append({"role": role, "busy": busy, "free": free, "waiting": stats.get("requests_waiting", 0)})
        return found

    def tend(self, *, part_bytes: int = HISTORY_PART_BYTES) -> bool:
        """What the store needs from time to time: a new part of the ledger's history. True if it was due."""
        with self.work() as tx:
            return tx.ledger.turn_page(bytes_max=part_bytes)

    def wake(self) -> None:
        """Tells waiting workers and doors of every process that something is there."""
        with translated(), next(iter(self._pools.values())).connection() as connection:
            connection.execute(_WAKE, prepare=False)

    def wait(self, *, timeout_s: float, until: Callable[[], bool] | None = None) -> bool:
        """Waits for a wake-up (and for `until` to hold, if given); True if one came since this thread last waited."""
        return self._wakes.wait(timeout_s=timeout_s, until=until)

    def close(self) -> None:
        """Closes all connections."""
        self._wakes.close(self.wake)
        self._close_pools()

    def _close_pools(self) -> None:
        for pool in self._pools.values():
            pool.close()

    @contextmanager
    def _transaction(self, role: str, *, reader: Reader | None, is_read_only: bool) -> Iterator[PostgresTransaction]:
        assert role in self._pools, f"this process does not sign in to {role}"
        with translated(), self._pools[role].connection() as connection:
            connection.read_only = is_read_only
            connection.isolation_level = IsolationLevel.REPEATABLE_READ if is_read_only else None
            with connection.transaction():
                if reader is not None:
                    _read_as(connection, reader)
                yield PostgresTransaction(connection, self._vault, keeps_intents=self._keeps_intents)


def _read_as(connection: Connection, reader: Reader) -> None:
    """Tells row-level security who reads, until the transaction ends."""
    connection.execute(
        "SELECT set_config('entrepot.role', %s, true), set_config('entrepot.participant', %s, true),"
        " set_config('entrepot.person', %s, true)",
        (reader.role, from_uuid(find_uuid(reader.participant)), from_uuid(find_uuid(reader.person))),
    )


def _check(connection: Connection) -> None:
    """Raises where the server has ended the connection; asks the server only if it has said something meanwhile."""
    looks = select.poll()
    looks.register(connection.fileno(), select.POLLIN)
    if looks.poll(0):
        ConnectionPool.check_connection(connection)


def _open_pool(dsn: str, size: int) -> ConnectionPool[Connection]:
    """Checks the role before anything else is done with it, then opens a pool."""
    asked = str(conninfo_to_dict(dsn).get("options") or "")
    options = " ".join([*(f"-c {name}={value}" for name, value in _SESSION.items()), asked])
    conninfo = make_conninfo(dsn, options=options)
    with translated(), psycopg.connect(conninfo, autocommit=True) as connection:
        check_role(connection)
    pool: ConnectionPool[Connection] = ConnectionPool(
        conninfo, min_size=1, max_size=size, timeout=CHECKOUT_S, open=False, check=_check,
        kwargs={"autocommit": True, "row_factory": dict_row}, name="entrepot",
    )  # fmt: skip
    with translated():
        pool.open(wait=True, timeout=CHECKOUT_S)  # a connection on its way would count as busy
    return pool
