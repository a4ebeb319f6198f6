"""The groups of a buffered transaction: acts of the usual day are kept in memory, any other goes to the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from entrepot.core.canonical import Json
from entrepot.core.ledger import Account, Answer, Transfer
from entrepot.core.settlement import Settlement

from .many import Answered, Registration, Reservation
from .records import InboxItem, KeptReceipt, LoggedEvent, OutboxItem, Paper

if TYPE_CHECKING:
    from .buffered import Buffered

# Reads of tables that no kept write touches. What they answer holds until something is written through.
READS = frozenset(
    ("participant", "participants", "person", "memberships", "credential", "credentials", "wallet", "wallets",
     "saved_views", "passkey", "passkeys", "identity", "identities", "invitation", "attempt", "lists", "dispositions",
     "changes", "clock_offset_s", "sets", "approval", "approvals", "payee_changes", "cursor", "cursors",
     "contract_settings", "outcomes")
)  # fmt: skip


class Through:
    """A group of the transaction below. Reads that nothing kept can change are remembered; all else settles up."""

    def __init__(self, buffer: Buffered, group: Any) -> None:
        self._buffer, self._group = buffer, group

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._group, name)

        def remembered(*plain: Any, **named: Any) -> Any:
            memo = (name, plain, tuple(sorted(named.items())))
            return self._buffer.once(memo, lambda: act(*plain, **named))

        def through(*plain: Any, **named: Any) -> Any:
            self._buffer.settle_up()
            self._buffer.memo.clear()
            return self._act(act, *plain, **named)

        return remembered if name in READS else through

    def _act(self, act: Any, *plain: Any, **named: Any) -> Any:
        return act(*plain, **named)


class Inbox(Through):
    """See Inbox."""

    def __init__(self, buffer: Buffered, group: Any) -> None:
        super().__init__(buffer, group)
        self._claimed: dict[str, InboxItem] = {}

    def claim(self, *, limit: int) -> list[InboxItem]:
        """See Inbox.claim."""
        self._buffer.settle_up()
        found: list[InboxItem] = self._group.claim(limit=limit)
        self._claimed |= {item.id: item for item in found}
        return found

    def answer(self, item_id: str, answer: Json, *, at: int) -> None:
        """Keeps the answer of an item that was claimed here."""
        if item_id not in self._claimed:
            self._buffer.settle_up()
            self._group.answer(item_id, answer, at=at)
            return
        self._buffer.keep("answer", (Answered(item_id, self._claimed[item_id].participant, answer), at))


class Settlements(Through):
    """See Settlements."""

    def insert(self, settlement: Settlement) -> None:
        """Keeps a new settlement."""
        buffer = self._buffer
        is_known = settlement.id in buffer.snapshots or (buffer.has_written and self._group.get(settlement.id))
        assert not is_known, f"settlement {settlement.id} is there already"
        buffer.change(buffer.snapshots, settlement.id, settlement)
        buffer.fresh.add(settlement.id)
        buffer.keep("insert", settlement)

    def get(self, settlement_id: str) -> Settlement | None:
        """The snapshot, as it was changed here."""
        known = self._buffer.snapshots.get(settlement_id)
        return known if known is not None else self._group.get(settlement_id)

    def lock(self, settlement_ids: Sequence[str]) -> dict[str, Settlement]:
        """Those that were not changed here are locked, and read under the lock."""
        snapshots = self._buffer.snapshots
        missing = [one for one in settlement_ids if one not in snapshots]
        if missing:
            snapshots |= self._group.lock(missing)
        return {one: snapshots[one] for one in sorted(set(settlement_ids)) if one in snapshots}

    def claim_due(self, *, now: int, limit: int) -> list[Settlement]:
        """See Settlements.claim_due."""
        self._buffer.settle_up()
        found: list[Settlement] = self._group.claim_due(now=now, limit=limit)
        self._buffer.snapshots |= {one.id: one for one in found}
        return found

    def save(self, settlement: Settlement, events: Sequence[LoggedEvent]) -> None:
        """Keeps a snapshot and its events."""
        buffer, numbers = self._buffer, [logged.seq for logged in events]
        before = settlement.seq - len(events)
        assert all(logged.settlement == settlement.id for logged in events), "events of another settlement"
        assert numbers == list(range(before + 1, settlement.seq + 1)), f"{numbers} do not lead to {settlement.seq}"
        known = self.lock([settlement.id]).get(settlement.id)
        assert known is not None and known.seq == before, f"settlement {settlement.id} is not at event {before}"
        buffer.change(buffer.snapshots, settlement.id, settlement)
        buffer.keep("save", (settlement, events))

    def postpone(self, settlement_id: str, *, until: int) -> None:
        """Keeps until when nothing is due for it."""
        assert settlement_id in self.lock([settlement_id]), f"no settlement {settlement_id}"
        self._buffer.keep("postpone", (settlement_id, until))


class Papers(Through):
    """See Papers."""

    def put(self, paper: Paper) -> None:
        """Keeps a paper, to be sealed when it is written."""
        buffer = self._buffer
        before = buffer.added_papers.get(paper.settlement, [])
        buffer.change(buffer.added_papers, paper.settlement, [*before, paper])
        buffer.keep("papers", paper)

    def of(self, settlement_id: str, *, kind: str = "") -> list[Paper]:
        """Those that were kept before, then those that were put here."""
        added = [one for one in self._buffer.added_papers.get(settlement_id, ()) if kind in ("", one.kind)]
        return [*self._kept(settlement_id, kind), *added]

    def get(self, paper_id: str) -> Paper | None:
        """The paper."""
        for papers in self._buffer.added_papers.values():
            for paper in papers:
                if paper.id == paper_id:
                    return paper
        found: Paper | None = self._group.get(paper_id)
        return found

    def _kept(self, settlement_id: str, kind: str) -> list[Paper]:
        if settlement_id in self._buffer.fresh:
            return []
        memo = ("papers", settlement_id, kind)
        found: list[Paper] = self._buffer.once(memo, lambda: self._group.of(settlement_id, kind=kind))
        return found


class Checks(Through):
    """See Checks."""

    def _act(self, act: Any, *plain: Any, **named: Any) -> Any:
        """What it changes itself is no conflict; what others changed before that is."""
        self._buffer.require_standing()
        answer = act(*plain, **named)
        self._buffer.standing = self._buffer.many.standing()
        return answer

    def reserved(self, participant: str, *, since: int, but_not: str = "") -> int:
        """What others hold too; who takes it first is seen when the batch is written."""
        taken = self._buffer.taken.get(participant, ())
        held = self._total(participant, since)
        for settlement in {but_not, *(one.settlement for one in taken)} - {""}:
            amount, at = self._own(settlement).get(participant, (0, 0))
            held -= amount if at >= since else 0
        return held + sum(one.amount_minor for one in taken if one.at >= since and one.settlement != but_not)

    def reserve(
        self, *, settlement: str, participant: str, amount_minor: int, cap_minor: int, since: int, at: int
    ) -> bool:
        """Keeps a reservation if it fits; what this settlement holds already counts from `at` on."""
        buffer = self._buffer
        taken = buffer.taken.get(participant, [])
        if any(one.settlement == settlement for one in taken):
            return True
        if self.reserved(participant, since=since, but_not=settlement) + amount_minor > cap_minor:
            return False
        assert amount_minor >= 0, "headroom is not given by reserving"
        one = Reservation(settlement, participant, amount_minor, cap_minor, since, at)
        buffer.change(buffer.taken, participant, [*taken, one])
        buffer.keep("reservations", one)
        return True

    def register_invoice(self, *, key: str, fingerprint: str, settlement: str) -> tuple[str, str] | None:
        """Keeps a registration, or returns who holds the key."""
        buffer = self._buffer
        held = buffer.registered.get(key) or buffer.once(("invoice", key), lambda: buffer.many.invoices([key]).get(key))
        if held is None:
            buffer.change(buffer.registered, key, (settlement, fingerprint))
            buffer.keep("invoices", Registration(key, fingerprint, settlement))
        return held

    def _total(self, participant: str, since: int) -> int:
        memo = ("reserved", participant, since)
        read = self._buffer.many.reserved
        return int(self._buffer.once(memo, lambda: read([participant], since=since)[participant]))

    def _own(self, settlement: str) -> dict[str, tuple[int, int]]:
        if settlement in self._buffer.fresh:
            return {}
        found: dict[str, tuple[int, int]] = self._buffer.once(
            ("reservations", settlement),
            lambda: {one[1]: (one[2], one[3]) for one in self._buffer.many.reservations([settlement])},
        )
        return found


class Rails(Through):
    """See Rails."""

    def put_receipt(self, receipt: KeptReceipt) -> None:
        """Keeps a receipt."""
        self._buffer.keep("receipts", receipt)


class Outbox(Through):
    """See Outbox."""

    def put(self, items: Sequence[OutboxItem]) -> None:
        """Keeps what is to be done outside."""
        self._buffer.keep("outgoing", tuple(items))


class LedgerGroup(Through):
    """See core.ledger.Ledger."""

    def open_accounts(self, accounts: Sequence[Account]) -> None:
        """Keeps which accounts are to be open."""
        self._buffer.keep("accounts", tuple(accounts))

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        """Keeps a batch, taken to be posted until it is written: a refusal then undoes all that was kept."""
        self._buffer.keep("transfers", tuple(transfers))
        return [Answer.POSTED] * len(transfers)
