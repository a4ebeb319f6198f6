"""Kept comparisons, the cases they open, banks' statements and closed periods, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from entrepot.core.ledger import AccountClass, Balance

from .memory_ledger import LedgerTables
from .memory_settlements import SettlementTables
from .memory_tables import Access, Journal, Table, known_id, plain
from .reconciliation_records import BankEntry, BankStatement, ClosedPeriod, Reconciliation, ReconciliationCase


class ReconciliationTables:
    """Runs, cases, statements with their entries, and closed periods."""

    def __init__(self, journal: Journal) -> None:
        self.runs: Table[str, Reconciliation] = Table(journal)
        self.cases: Table[str, ReconciliationCase] = Table(journal)
        self.statements: Table[tuple[str, str], BankStatement] = Table(journal)
        self.entries: Table[tuple[str, int], tuple[BankEntry, bool]] = Table(journal)
        self.closed: Table[str, ClosedPeriod] = Table(journal)


class MemoryReconciliations:
    """Runs, newest first; cases, statements and periods, oldest first."""

    def __init__(
        self, tables: ReconciliationTables, settlements: SettlementTables, ledger: LedgerTables, access: Access
    ) -> None:
        self._tables = tables
        self._settlements = settlements
        self._ledger = ledger
        self._access = access

    def put(self, run: Reconciliation) -> None:
        """Keeps a run."""
        self._access.require_worker()
        assert known_id(run.id) and run.id not in self._tables.runs, f"run {run.id} is there already"
        assert run.night or known_id(run.asked_by), "somebody asked for it, or it was due at night"
        assert not run.night or run.night not in self.nights(limit=len(self._tables.runs)), "a night is run once"
        assert run.asked_at <= run.done_at, "it is asked for before it is done"
        kept = replace(run, totals=tuple(plain(run.totals)), differences=tuple(plain(run.differences)))
        self._tables.runs.put(run.id, replace(kept, facts=plain(run.facts)))

    def get(self, run_id: str) -> Reconciliation | None:
        """One run."""
        return self._tables.runs.get(run_id) if self._access.sees_all else None

    def newest(self, *, limit: int) -> list[Reconciliation]:
        """The newest runs first."""
        return list(self._tables.runs)[::-1][:limit] if self._access.sees_all else []

    def agreed(self) -> Reconciliation | None:
        """The newest run that left nothing unexplained."""
        return next((run for run in self.newest(limit=len(self._tables.runs)) if not run.open_count), None)

    def nights(self, *, limit: int) -> list[str]:
        """The nights that were run, the latest first."""
        found = [run.night for run in self._tables.runs if run.night] if self._access.sees_all else []
        return sorted(found, reverse=True)[:limit]

    def open_case(self, case: ReconciliationCase) -> bool:
        """Opens it; False where the settlement has an open one about the same."""
        self._access.require_worker()
        assert case.run in self._tables.runs, "a run opens a case"
        if case.key in {one.key for one in self._tables.cases if one.closed_at is None}:
            return False
        assert known_id(case.id), "a case has an id"
        known_id(case.settlement)
        self._tables.cases.put(case.id, replace(case, sides=plain(case.sides)))
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

    def put_statement(self, statement: BankStatement, entries: Sequence[BankEntry]) -> bool:
        """Keeps a statement with its entries; False where this account's statement of this id is kept already."""
        self._access.require_worker()
        place = (statement.account, statement.statement_id)
        if place in self._tables.statements:
            return False
        assert statement.first_day <= statement.last_day, "a statement's days are in order"
        self._tables.statements.put(place, replace(statement, number=len(self._tables.statements) + 1))
        for entry in entries:
            is_ours = entry.end_to_end_id in self._settlements.snapshots
            self._tables.entries.put((statement.id, entry.number), (entry, is_ours))
        return True

    def statements(self, *, after: int = 0) -> list[BankStatement]:
        """Those taken after the number, in order of arrival."""
        return [one for one in self._tables.statements if one.number > after] if self._access.sees_all else []

    def entries_to(self, settlements: Sequence[str]) -> list[BankEntry]:
        """Entries whose end-to-end id is one of these settlements."""
        wanted = set(settlements) if self._access.sees_all else set()
        return [entry for entry, is_ours in self._tables.entries if is_ours and entry.end_to_end_id in wanted]

    def strange_entries(self, *, after: int) -> list[BankEntry]:
        """Entries of later statements whose end-to-end id is no settlement of ours."""
        later = {one.id for one in self.statements(after=after)}
        return [entry for entry, is_ours in self._tables.entries if not is_ours and entry.statement in later]

    def class_sums(self) -> dict[tuple[AccountClass, str], Balance]:
        """The books' totals of all accounts of a class in an asset."""
        sums: dict[tuple[AccountClass, str], Balance] = {}
        for entry in self._ledger.accounts if self._access.sees_all else ():
            place, one = (entry.account_class, entry.asset), self._ledger.balances.get(entry.id) or Balance()
            sums[place] = sums.get(place, Balance()).plus(one)
        return sums

    def put_closed(self, closed: ClosedPeriod) -> None:
        """Keeps a closed period; one that does not follow those before is a defect."""
        self._access.require_worker()
        for one in self._tables.closed:
            is_alike = len(one.period) == len(closed.period)
            assert one.log_size <= closed.log_size, "a closed period is not opened again"
            assert not is_alike or one.period < closed.period, "a closed period is not opened again"
        self._tables.closed.put(closed.period, closed)

    def closed_periods(self) -> list[ClosedPeriod]:
        """In the order in which they were closed."""
        return list(self._tables.closed) if self._access.sees_all else []
