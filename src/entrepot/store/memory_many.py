"""Acts on many rows in memory: one by one, as the other groups do them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from entrepot.core.settlement import Settlement

from .many import Answered, Companies, Conflict, Registration, Reservation
from .records import (
    Disposition,
    InboxItem,
    KeptReceipt,
    LoggedEvent,
    Paper,
)

if TYPE_CHECKING:
    from .memory import MemoryTransaction


class MemoryMany:
    """See Many."""

    def __init__(self, transaction: MemoryTransaction) -> None:
        self._tx = transaction

    def standing(self) -> tuple[int, ...]:
        """See Many.standing."""
        return self._tx.checks.standing()

    def papers(self, settlements: Sequence[str], kinds: Sequence[str]) -> list[Paper]:
        """See Many.papers."""
        return [
            paper
            for settlement in dict.fromkeys(settlements)
            for paper in self._tx.papers.of(settlement)
            if paper.kind in kinds
        ]

    def papers_by_id(self, ids: Sequence[str]) -> dict[str, Paper]:
        """See Many.papers_by_id."""
        return {id_: row for id_ in ids if (row := self._tx.papers.get(id_)) is not None}

    def settlements(self, ids: Sequence[str]) -> dict[str, Settlement]:
        """See Many.settlements."""
        return {id_: row for id_ in sorted(set(ids)) if (row := self._tx.settlements.get(id_)) is not None}

    def by_escrow(self, escrows: Sequence[str]) -> dict[str, str]:
        """See Many.by_escrow."""
        return {escrow: name for escrow in escrows if (name := self._tx.settlements.by_escrow(escrow))}

    def escrows(self, states: Sequence[str], *, limit: int) -> list[str]:
        """See Many.escrows."""
        found = (one.escrow for state in states for one in self._tx.settlements.page(state=state, limit=limit))
        return [escrow for escrow in found if escrow]

    def companies(self, ids: Sequence[str]) -> Companies:
        """See Many.companies."""
        tx, each = self._tx, list(dict.fromkeys(ids))
        found = {one: tx.people.participant(one) for one in each}
        return Companies(
            participants={one: row for one, row in found.items() if row is not None},
            wallets=[row for one in each for row in tx.people.wallets(one)],
            mandate_sets=[row for one in each for row in tx.mandates.sets(one)],
            payee_changes=[row for one in each for row in tx.mandates.payee_changes(one)],
        )

    def dispositions(self, settlements: Sequence[str]) -> list[Disposition]:
        """See Many.dispositions."""
        return [row for one in dict.fromkeys(settlements) for row in self._tx.checks.dispositions(one)]

    def invoices(self, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """See Many.invoices."""
        return {key: held for key in keys if (held := self._tx.checks.invoice(key)) is not None}

    def reserved(self, participants: Sequence[str], *, since: int) -> dict[str, int]:
        """See Many.reserved."""
        return {one: self._tx.checks.reserved(one, since=since) for one in participants}

    def reservations(self, settlements: Sequence[str]) -> list[tuple[str, str, int, int]]:
        """See Many.reservations."""
        return self._tx.checks.reservations(settlements)

    def write_settlements(
        self, created: Sequence[Settlement], saved: Sequence[Settlement], events: Sequence[LoggedEvent]
    ) -> None:
        """See Many.write_settlements."""
        counts = Counter(logged.settlement for logged in events)
        for one in created:
            assert counts[one.id] == one.seq, f"settlement {one.id} is new, and has no event before its first"
            self._tx.settlements.insert(replace(one, seq=0, step=0))
        for one in (*created, *saved):
            self._tx.settlements.save(one, [logged for logged in events if logged.settlement == one.id])
        strangers = set(counts) - {one.id for one in (*created, *saved)}
        assert not strangers, f"events of settlements that are not written: {strangers}"

    def postpone(self, until: Mapping[str, int]) -> None:
        """See Many.postpone."""
        for settlement, at in until.items():
            self._tx.settlements.postpone(settlement, until=at)

    def put_papers(self, papers: Sequence[Paper]) -> None:
        """See Many.put_papers."""
        for paper in papers:
            self._tx.papers.put(paper)

    def put_receipts(self, receipts: Sequence[KeptReceipt]) -> None:
        """See Many.put_receipts."""
        for receipt in receipts:
            self._tx.rails.put_receipt(receipt)

    def register(self, invoices: Sequence[Registration]) -> None:
        """See Many.register."""
        for one in invoices:
            if self._tx.checks.register_invoice(key=one.key, fingerprint=one.fingerprint, settlement=one.settlement):
                raise Conflict(f"the invoice key {one.key} was taken meanwhile")

    def reserve(self, reservations: Sequence[Reservation]) -> None:
        """See Many.reserve."""
        for one in reservations:
            is_taken = self._tx.checks.reserve(
                settlement=one.settlement,
                participant=one.participant,
                amount_minor=one.amount_minor,
                cap_minor=one.cap_minor,
                since=one.since,
                at=one.at,
            )
            if not is_taken:
                raise Conflict(f"the headroom of {one.participant} was taken meanwhile")

    def put_items(self, items: Sequence[InboxItem]) -> int:
        """See Many.put_items."""
        added = 0
        for item in items:
            added += self._tx.inbox.get(item.source, item.key) is None
            self._tx.inbox.put(item)
        return added

    def answer(self, answers: Sequence[Answered], *, at: int) -> None:
        """See Many.answer."""
        for one in answers:
            self._tx.inbox.answer(one.item, one.answer, at=at)

    def done(self, onces: Sequence[str], *, at: int) -> None:
        """See Many.done."""
        for once in onces:
            self._tx.outbox.done(once, at=at)

    def retry(self, failed: Sequence[tuple[str, str]], *, due_at: int, counts: bool = True) -> None:
        """See Many.retry."""
        for once, error in failed:
            self._tx.outbox.retry(once, due_at=due_at, error=error, counts=counts)
