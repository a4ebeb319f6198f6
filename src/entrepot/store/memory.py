"""The store's in-memory twin: the same acts, refusals and visibility as PostgreSQL, for simulations and tests.

One transaction runs at a time, under one lock; what it changed is taken back if it raises. Within `beside` others run
while it waits, and it must not have written yet: there is one version of each row. Nothing is durable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .memory_checks import CheckTables, MemoryChecks, MemoryRails
from .memory_engineers import EngineerTables, MemoryRequests, MemorySandbox, MemoryWebhooks
from .memory_inbox import InboxTables, MemoryInbox, MemoryOutbox
from .memory_ledger import LedgerTables, MemoryIntents, MemoryLedger
from .memory_locks import Locks
from .memory_mandates import MandateTables, MemoryMandates
from .memory_many import MemoryMany
from .memory_people import MemoryPapers, MemoryPeople, PeopleTables
from .memory_reconciliation import MemoryReconciliations, ReconciliationTables
from .memory_reports import MemoryReports, ReportTables
from .memory_settlements import MemoryLog, MemorySettlements, SettlementTables
from .memory_sign_ins import MemorySignIns, SignInTables
from .memory_tables import DOOR_ROLE, Access, Journal
from .records import Reader


class _Tables:
    """All rows, and the undo log that they share."""

    def __init__(self) -> None:
        self.journal, self.locks = Journal(), Locks()
        self.inbox = InboxTables(self.journal, self.locks)
        self.settlements = SettlementTables(self.journal, self.locks)
        self.people = PeopleTables(self.journal, self.locks)
        self.sign_ins = SignInTables(self.journal)
        self.checks = CheckTables(self.journal)
        self.mandates = MandateTables(self.journal)
        self.ledger = LedgerTables(self.journal)
        self.reports = ReportTables(self.journal)
        self.reconciliations = ReconciliationTables(self.journal)
        self.engineers = EngineerTables(self.journal)


class MemoryTransaction:
    """One transaction over everything."""

    def __init__(self, tables: _Tables, reader: Reader | None) -> None:
        access = Access(reader, tables.settlements.parties_of)
        self._journal = tables.journal
        self.inbox = MemoryInbox(tables.inbox, access)
        self.settlements = MemorySettlements(tables.settlements, access)
        self.log = MemoryLog(tables.settlements, access)
        self.papers = MemoryPapers(tables.people, tables.settlements, tables.inbox, tables.engineers, access)
        self.people = MemoryPeople(tables.people, tables.settlements, access)
        self.sign_ins = MemorySignIns(tables.sign_ins, access)
        self.checks = MemoryChecks(tables.checks, access)
        self.mandates = MemoryMandates(tables.mandates, tables.settlements, access)
        self.rails = MemoryRails(tables.checks, tables.settlements, access)
        self.outbox = MemoryOutbox(tables.inbox, access)
        self.ledger = MemoryLedger(tables.ledger, access)
        self.intents = MemoryIntents(tables.ledger, access)
        self.reports = MemoryReports(tables.reports, tables.settlements, tables.checks, tables.people, access)
        self.reconciliations = MemoryReconciliations(tables.reconciliations, tables.settlements, tables.ledger, access)
        self.webhooks = MemoryWebhooks(tables.engineers, tables.settlements, access)
        self.requests = MemoryRequests(tables.engineers, access)
        self.sandbox = MemorySandbox(tables.engineers, access)
        self.many = MemoryMany(self)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone if it raises; the transaction goes on."""
        mark = self._journal.mark()
        try:
            yield
        except BaseException:
            self._journal.back_to(mark)
            raise


class MemoryStore:
    """Where transactions come from; threads take turns."""

    def __init__(self, *, keeps_intents: bool = False) -> None:
        self._tables = _Tables()
        self._tables.ledger.keeps_intents = keeps_intents
        self._lock = threading.RLock()
        self._is_in_use = False
        self._worker = MemoryTransaction(self._tables, None)  # its groups keep nothing of their own: one serves all
        self._arrived = threading.Condition()
        self._wakes = 0
        self._told = threading.local()

    @contextmanager
    def work(self) -> Iterator[MemoryTransaction]:
        """A worker's transaction: commits at the end, rolls back on any exception."""
        with self._transaction(None) as transaction:
            yield transaction

    @contextmanager
    def snapshot(self) -> Iterator[MemoryTransaction]:
        """A worker's read-only look at one moment."""
        with self._transaction(None) as transaction:
            yield transaction

    @contextmanager
    def door(self) -> Iterator[MemoryTransaction]:
        """A door's transaction: may look up credentials and write the inbox only."""
        with self._transaction(Reader(participant="", role=DOOR_ROLE)) as transaction:
            yield transaction

    @contextmanager
    def read(self, reader: Reader) -> Iterator[MemoryTransaction]:
        """Read-only, limited to what the reader may see."""
        assert reader.role != DOOR_ROLE, "the door's own role is nobody's"
        with self._transaction(reader) as transaction:
            yield transaction

    @property
    def has_written(self) -> bool:
        """True if the open transaction has changed something."""
        return self._tables.journal.mark() > 0

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Inside, the open transaction waits and others begin and commit, as if from other connections."""
        assert self._is_in_use and not self.has_written, "only a transaction that has read and not written waits"
        self._is_in_use = False
        self._tables.locks.begin_inside()
        try:
            yield
        finally:
            self._tables.locks.end_inside()
            self._is_in_use = True

    def pools(self) -> list[dict[str, Any]]:
        """There are none."""
        return []

    def tend(self) -> bool:
        """Nothing is ever due."""
        return False

    def wake(self) -> None:
        """Tells waiting threads that something is there."""
        with self._arrived:
            self._wakes += 1
            self._arrived.notify_all()

    def wait(self, *, timeout_s: float, until: Callable[[], bool] | None = None) -> bool:
        """Waits for a wake-up (and for `until` to hold, if given); True if one came since this thread last waited."""
        deadline = time.monotonic() + timeout_s
        with self._arrived:
            seen = getattr(self._told, "count", 0)
            while True:
                while self._wakes == seen:
                    if not self._arrived.wait(max(0.0, deadline - time.monotonic())):
                        return False
                seen = self._told.count = self._wakes
                if until is None or until():
                    return True

    def close(self) -> None:
        """Nothing is kept open."""

    @contextmanager
    def _transaction(self, reader: Reader | None) -> Iterator[MemoryTransaction]:
        with self._lock:
            assert not self._is_in_use, "a thread has one transaction at a time"
            self._is_in_use = True
            try:
                yield self._worker if reader is None else MemoryTransaction(self._tables, reader)
            except BaseException:
                self._tables.journal.back_to(0)
                raise
            finally:
                self._tables.journal.forget()
                self._tables.locks.forget()
                self._is_in_use = False
