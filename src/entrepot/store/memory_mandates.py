"""Mandates, approvals and changed payees in memory."""

from __future__ import annotations

from dataclasses import replace

from .memory_settlements import SettlementTables
from .memory_tables import Access, Journal, Lists, Table, known_id, plain
from .records import Approval, MandateSet, PayeeChange
from .store import PAGE_MAX

STATUSES = ("open", "done", "declined", "refused", "replaced")
KINDS = ("wallet", "bank")
_CLOSING = ("confirmed_by", "status", "closed_by", "closed_at", "why")


class MandateTables:
    """The rows."""

    def __init__(self, journal: Journal) -> None:
        self.sets: Lists[str, MandateSet] = Lists(journal)
        self.approvals: Table[str, Approval] = Table(journal)
        self.payees: Lists[str, PayeeChange] = Lists(journal)


class MemoryMandates:
    """Who may act for a company, what waits for its second person, and where it is paid."""

    def __init__(self, tables: MandateTables, settlements: SettlementTables, access: Access) -> None:
        self._tables = tables
        self._settlements = settlements
        self._access = access

    def put_set(self, mandates: MandateSet) -> None:
        """The next version of all of a company's mandates."""
        self._access.require_worker()
        known = self._tables.sets.of(mandates.participant)
        assert known_id(mandates.participant) and mandates.version >= 1, "some company's, from one"
        assert all(one.version != mandates.version for one in known), "a version is written once"
        assert len(mandates.decided_by) >= 2, "by two"
        kept = tuple(plain(one) for one in mandates.mandates)
        self._tables.sets.append(mandates.participant, replace(mandates, mandates=kept))

    def sets(self, participant: str) -> list[MandateSet]:
        """All versions, the one in force last."""
        if not self._access.sees_own(participant):
            return []
        rows = sorted(self._tables.sets.of(participant), key=lambda row: row.version)
        return [replace(row, mandates=tuple(plain(one) for one in row.mandates)) for row in rows]

    def put_approval(self, approval: Approval) -> None:
        """Keeps an act that waits."""
        self._access.require_worker()
        assert known_id(approval.id) and approval.id not in self._tables.approvals, "an approval is kept once"
        assert known_id(approval.participant) and known_id(approval.asked_by), "somebody asks for some company"
        assert approval.expires_at > approval.asked_at, "it ends after it began"
        _require_sound(approval)
        self._tables.approvals.put(approval.id, approval)

    def save_approval(self, approval: Approval) -> None:
        """What became of it: confirmations, and how it was closed."""
        self._access.require_worker()
        known = self._tables.approvals.get(approval.id)
        assert known is not None and known.status == "open", "an approval is closed once"
        assert set(known.confirmed_by) <= set(approval.confirmed_by), "confirmations stay"
        _require_sound(approval)
        self._tables.approvals.put(known.id, replace(known, **{name: getattr(approval, name) for name in _CLOSING}))

    def lock_approval(self, approval_id: str) -> Approval | None:
        """The approval; nobody else has a transaction now."""
        return self.approval(approval_id)

    def approval(self, approval_id: str) -> Approval | None:
        """The approval."""
        row = self._tables.approvals.get(approval_id)
        return row if row and self._access.sees_own(row.participant) else None

    def approvals(self, *, participant: str = "", settlement: str = "", is_open: bool = False) -> list[Approval]:
        """Those of a company, of a settlement, or all; newest first."""
        rows = [
            row for row in self._tables.approvals
            if participant in ("", row.participant) and settlement in ("", row.settlement)
            and (not is_open or row.status == "open") and self._access.sees_own(row.participant)
        ]  # fmt: skip
        return rows[::-1][:PAGE_MAX]

    def put_payee_change(self, change: PayeeChange) -> None:
        """From now on the participant is paid elsewhere, after the cooling-off."""
        self._access.require_worker()
        assert known_id(change.id) and known_id(change.participant), "some participant's"
        assert change.kind in KINDS and (change.kind == "wallet") == bool(change.account), "a wallet has an account"
        assert change.paid_from >= change.changed_at and len(change.decided_by) >= 2, "cooling, by two"
        self._tables.payees.append(change.participant, change)

    def payee_changes(self, participant: str) -> list[PayeeChange]:
        """A participant's, in order."""
        return self._tables.payees.of(participant) if self._sees(participant) else []

    def _sees(self, participant: str) -> bool:
        """A company sees its own and those of whom it trades with."""
        if self._access.sees_own(participant):
            return True
        return any(participant in row.parties and self._access.sees_settlement(row.settlement.id)
                   for row in self._settlements.snapshots)  # fmt: skip


def _require_sound(approval: Approval) -> None:
    assert approval.status in STATUSES, f"{approval.status} is no status"
    assert approval.asked_by not in approval.confirmed_by, "another person confirms"
    assert approval.status != "done" or approval.confirmed_by, "done by two"
    assert (approval.status == "open") == (approval.closed_at is None), "a closing is dated"
