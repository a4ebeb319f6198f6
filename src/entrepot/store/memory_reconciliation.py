"""Kept comparisons of books, chain and messages, and the cases they open, in memory."""

from __future__ import annotations

from dataclasses import replace

from .memory_tables import Access, Journal, Table, known_id, plain
from .records import Reconciliation, ReconciliationCase


class ReconciliationTables:
    """Runs and cases."""

    def __init__(self, journal: Journal) -> None:
        self.runs: Table[str, Reconciliation] = Table(journal)
        self.cases: Table[str, ReconciliationCase] = Table(journal)


class MemoryReconciliations:
    """Runs, newest first, and cases, oldest first."""

    def __init__(self, tables: ReconciliationTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def put(self, run: Reconciliation) -> None:
        """Keeps a run."""
        self._access.require_worker()
        assert known_id(run.id) and run.id not in self._tables.runs, f"run {run.id} is there already"
        assert known_id(run.asked_by) and run.asked_at <= run.done_at, "somebody asked for it, before it was done"
        kept = replace(run, totals=tuple(plain(run.totals)), differences=tuple(plain(run.differences)))
        self._tables.runs.put(run.id, kept)

    def get(self, run_id: str) -> Reconciliation | None:
        """One run."""
        return self._tables.runs.get(run_id) if self._access.sees_all else None

    def newest(self, *, limit: int) -> list[Reconciliation]:
        """The newest runs first."""
        return list(self._tables.runs)[::-1][:limit] if self._access.sees_all else []

    def open_case(self, case: ReconciliationCase) -> bool:
        """Opens it; False where the settlement has an open one about the same."""
        self._access.require_worker()
        assert case.run in self._tables.runs, "a run opens a case"
        open_ones = {(one.settlement, one.about) for one in self._tables.cases if one.closed_at is None}
        if (case.settlement, case.about) in open_ones:
            return False
        assert known_id(case.id) and known_id(case.settlement), "a case is of a settlement"
        self._tables.cases.put(case.id, case)
        return True

    def close_case(self, case_id: str, *, change: str, at: int) -> None:
        """Closes it by a change that two persons made."""
        self._access.require_worker()
        known = self._tables.cases.get(case_id)
        assert known is not None and known.closed_at is None, f"there is no open case {case_id}"
        self._tables.cases.put(case_id, replace(known, closed_by=change, closed_at=at))

    def cases(self, *, is_open: bool) -> list[ReconciliationCase]:
        """All cases, or the open ones."""
        if not self._access.sees_all:
            return []
        return [one for one in self._tables.cases if not is_open or one.closed_at is None]
