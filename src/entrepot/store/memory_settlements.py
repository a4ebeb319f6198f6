"""Settlements, their events and the Merkle log in memory, with the refusals that the schema's constraints make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from entrepot.core import log
from entrepot.core.ids import parse_id
from entrepot.core.lifecycle import CONFIDENTIAL, STATES, UNPAID
from entrepot.core.money import AMOUNT_MINOR_MAX
from entrepot.core.settlement import Settlement

from .memory_locks import Locks
from .memory_tables import Access, Journal, Lists, Table, copied, plain
from .records import LoggedEvent
from .store import PAGE_MAX

BESIDE = ("mispaid", "return_cleared", "returned")
_AMOUNTS = ("price_minor", "fee_minor", "funded_minor", "released_minor", "fee_accrued_minor", "refunded_minor")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A settlement as it stands; `parties` see it, and nothing is due for it before `postponed_until` (Unix s)."""

    settlement: Settlement
    parties: frozenset[str]
    postponed_until: int = 0

    @property
    def next_at(self) -> int | None:
        """When it is due, in Unix seconds, or None in an ended state."""
        act = self.settlement.next_act()
        return max(act[1], self.postponed_until) if act else None


class SettlementTables:
    """Snapshots, events, and the log."""

    def __init__(self, journal: Journal, locks: Locks) -> None:
        self.locks = locks
        self.snapshots: Table[str, Snapshot] = Table(journal)
        self.open: Table[str, bool] = Table(journal)  # those that are not ended
        self.by_escrow: Table[str, str] = Table(journal)
        self.events: Lists[str, LoggedEvent] = Lists(journal)
        self.leaves: Table[int, LoggedEvent] = Table(journal)
        self.leaf_of: Table[tuple[str, int], int] = Table(journal)
        self.nodes: Table[tuple[int, int], bytes] = Table(journal)
        self.checkpoints: Table[int, tuple[str, int]] = Table(journal)  # note and when

    def parties_of(self, settlement_id: str) -> frozenset[str]:
        """Who is shown the settlement; nobody if there is none."""
        row = self.snapshots.get(settlement_id)
        return row.parties if row else frozenset()


class MemorySettlements:
    """Snapshots, their events and when each is due."""

    def __init__(self, tables: SettlementTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def insert(self, settlement: Settlement) -> None:
        """A new settlement; its parties are seller and buyer until a paper is addressed to somebody else too."""
        self._access.require_worker()
        assert parse_id(settlement.id) not in self._tables.snapshots, f"settlement {settlement.id} is there already"
        self._keep(Snapshot(settlement, frozenset((parse_id(settlement.seller), parse_id(settlement.buyer)))))

    def get(self, settlement_id: str) -> Settlement | None:
        """The snapshot."""
        row = self._tables.snapshots.get(settlement_id)
        return _fresh(row) if row and self._access.sees_settlement(settlement_id) else None

    def lock(self, settlement_ids: Sequence[str]) -> dict[str, Settlement]:
        """Snapshots locked until the transaction ends, in id order."""
        self._access.require_worker()
        rows = {name: self._tables.snapshots.get(name) for name in sorted(set(settlement_ids))}
        found = {name: _fresh(row) for name, row in rows.items() if row is not None}
        for name in found:
            self._tables.locks.require("settlement", name)
        return found

    def touched(self, *, since: int) -> list[str]:
        """Ids of those that are open, or had something happen at leaf index `since` or later, in order."""
        self._access.require_worker()
        later = {row.settlement for index, row in self._tables.leaves.items() if index >= since}
        return sorted(later | {name for name, _ in self._tables.open.items()})

    def save(self, settlement: Settlement, events: Sequence[LoggedEvent]) -> None:
        """Writes the snapshot (its `seq` must be the stored one plus the events) and its events with their leaves."""
        self._access.require_worker()
        assert all(logged.settlement == settlement.id for logged in events), "events of another settlement"
        row = self._tables.snapshots.get(settlement.id)
        before = settlement.seq - len(events)
        numbers = [logged.seq for logged in events]
        assert numbers == list(range(before + 1, settlement.seq + 1)), f"{numbers} do not lead to {settlement.seq}"
        assert row is not None and row.settlement.seq == before, f"settlement {settlement.id} is not at event {before}"
        for name in ("seller", "buyer", "created_at"):
            assert getattr(row.settlement, name) == getattr(settlement, name), f"{name} never changes"
        assert not events or self._tables.events.count(settlement.id) == before, "the events are not gapless"
        self._keep(Snapshot(settlement, row.parties))
        for logged in events:
            event = replace(logged.event, facts=plain(logged.event.facts), dates=plain(logged.event.dates))
            self._tables.events.append(settlement.id, replace(logged, event=event, index=-1))

    def claim_due(self, *, now: int, limit: int) -> list[Settlement]:
        """Snapshots whose next act is due, longest due first, without those that another transaction holds."""
        self._access.require_worker()
        due = []
        for name, _ in self._tables.open.items():
            row = self._tables.snapshots.get(name)
            if row is not None and row.next_at is not None and row.next_at <= now:
                due.append((row.next_at, name, row))
        due.sort(key=lambda entry: entry[:2])
        free = (row for _, name, row in due if self._tables.locks.take("settlement", name))
        return [_fresh(row) for row in islice(free, limit)]

    def by_escrow(self, escrow: str) -> str:
        """The id of the settlement whose escrow address this is, "" if there is none that the reader may see."""
        name = self._tables.by_escrow.get(escrow)
        return name if name and self.get(name) is not None else ""

    def unpaid(self, participant: str) -> list[str]:
        """Ids of the participant's settlements that may still be funded, as buyer or seller."""
        shown = (row.settlement for row in self._tables.snapshots if self._access.sees_settlement(row.settlement.id))
        return sorted(
            one.id for one in shown
            if participant in (one.seller, one.buyer) and not one.funded_minor and one.state in UNPAID
        )  # fmt: skip

    def postpone(self, settlement_id: str, *, until: int) -> None:
        """Nothing is due for it before `until` (a retry later); its next event ends that."""
        self._access.require_worker()
        self._tables.locks.require("settlement", settlement_id)
        row = self._tables.snapshots.get(settlement_id)
        assert row is not None, f"no settlement {settlement_id}"
        self._tables.snapshots.put(settlement_id, replace(row, postponed_until=until))

    def events(self, settlement_id: str) -> list[LoggedEvent]:
        """Its events in order; to a party those that it may know of."""
        logged = self._tables.events.of(settlement_id)
        return [shown_event(self._tables, entry) for entry in logged if shows_event(self._access, entry)]

    def beside(self) -> list[LoggedEvent]:
        """What happened to money beside the trade, of all settlements, by time."""
        found = [entry for name, _ in self._tables.snapshots.items() for entry in self.events(name)]
        beside = [entry for entry in found if entry.event.kind in BESIDE]
        return sorted(beside, key=lambda entry: (entry.event.at, entry.settlement, entry.seq))

    def page(self, *, after: str = "", limit: int = PAGE_MAX, state: str = "") -> list[Settlement]:
        """By id, newest first; `after` is the last id of the page before."""
        asked = (row.settlement for row in self._tables.snapshots if not state or row.settlement.state == state)
        names = sorted((one.id for one in asked if not after or one.id < after), reverse=True)
        return [found for name in names if (found := self.get(name)) is not None][: min(limit, PAGE_MAX)]

    def _keep(self, row: Snapshot) -> None:
        """Writes a row that fits the schema's constraints."""
        settlement = row.settlement
        self._tables.locks.require("settlement", settlement.id)
        _check(settlement)
        holder = self._tables.by_escrow.get(settlement.escrow)
        assert holder in (None, settlement.id), f"escrow {settlement.escrow} is that of {holder}"
        old = self._tables.snapshots.get(settlement.id)
        if old is not None and old.settlement.escrow != settlement.escrow:
            self._tables.by_escrow.drop(old.settlement.escrow)
        if settlement.escrow:
            self._tables.by_escrow.put(settlement.escrow, settlement.id)
        self._tables.snapshots.put(settlement.id, replace(row, settlement=replace(settlement, **copied(settlement))))
        if settlement.is_ended:
            self._tables.open.drop(settlement.id)
        else:
            self._tables.open.put(settlement.id, True)


class MemoryLog:
    """The Merkle log of all events, and its signed checkpoints."""

    def __init__(self, tables: SettlementTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def size(self) -> int:
        """How many leaves there are."""
        return len(self._tables.leaves)

    def append(self, events: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """Gives gapless leaf indices and stores the new nodes."""
        if not events:
            return []
        self._access.require_worker()
        size, frontier = self.end()
        nodes, _ = log.append(size, frontier, [log.leaf_hash(logged.leaf) for logged in events])
        placed = [replace(logged, index=index) for index, logged in enumerate(events, size)]
        for level, index, node in nodes:
            self._tables.nodes.put((level, index), node)
        for logged in placed:
            place = (logged.settlement, logged.seq)
            known = self._tables.events.of(logged.settlement)[logged.seq - 1 : logged.seq]
            assert known and logged.seq > 0, f"event {place} was not saved"
            assert place not in self._tables.leaf_of, f"event {place} is in the log already"
            self._tables.leaf_of.put(place, logged.index)
            self._tables.leaves.put(logged.index, known[0])
        return placed

    def node(self, level: int, index: int) -> bytes:
        """The hash of one full subtree. Raises: KeyError if it is not full yet."""
        node = self._tables.nodes.get((level, index))
        if node is None:
            raise KeyError((level, index))
        return node

    def end(self) -> tuple[int, list[bytes]]:
        """Its size, and the roots of the complete subtrees, largest first."""
        size = self.size()
        levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
        return size, [self.node(level, (size >> level) - 1) for level in levels]

    def leaves(self, *, after: int, limit: int) -> list[LoggedEvent]:
        """Leaves with index > after, in order; to a party those of its settlements that it may know of."""
        found: list[LoggedEvent] = []
        for index in range(max(after + 1, 0), self.size()):
            logged = self._tables.leaves.get(index)
            if len(found) == limit:
                break
            if logged is not None and shows_event(self._access, logged):
                found.append(shown_event(self._tables, logged))
        return found

    def put_checkpoint(self, size: int, note: str, *, at: int) -> None:
        """Keeps a signed checkpoint; for one size there is one note for good."""
        self._access.require_worker()
        known = self._tables.checkpoints.get(size)
        assert size >= 0 and (known is None or known[0] == note), f"another checkpoint of size {size} is kept"
        self._tables.checkpoints.put(size, known or (note, at))

    def size_before(self, at: int) -> int:
        """The size of the newest checkpoint that was signed before a time; 0 if there is none."""
        return max((size for size, (_, when) in self._tables.checkpoints.items() if when < at), default=0)

    def checkpoint(self, *, size: int | None = None) -> tuple[int, str] | None:
        """(size, signed note): the newest, or the one at `size`."""
        if size is None:
            size = max((kept for kept, _ in self._tables.checkpoints.items()), default=-1)
        kept = self._tables.checkpoints.get(size)
        return None if kept is None else (size, kept[0])


def shows_event(access: Access, logged: LoggedEvent) -> bool:
    """True if the reader may know of the event."""
    if access.sees_all:
        return True
    return logged.event.kind not in CONFIDENTIAL and access.sees_settlement(logged.settlement)


def shown_event(tables: SettlementTables, logged: LoggedEvent) -> LoggedEvent:
    """A copy of the event with its place in the log, -1 before it has one."""
    index = tables.leaf_of.get((logged.settlement, logged.seq))
    event = replace(logged.event, facts=plain(logged.event.facts), dates=plain(logged.event.dates))
    return replace(logged, event=event, index=-1 if index is None else index)


def _fresh(row: Snapshot) -> Settlement:
    return replace(row.settlement, **copied(row.settlement))


def _check(settlement: Settlement) -> None:
    """What the schema's constraints say of a settlement."""
    amounts = [getattr(settlement, name) for name in _AMOUNTS]
    amounts += [] if settlement.awarded_minor is None else [settlement.awarded_minor]
    assert all(0 <= amount <= AMOUNT_MINOR_MAX for amount in amounts), "an amount is out of range"
    assert settlement.seller != settlement.buyer, "seller and buyer are one"
    assert settlement.held_minor >= 0, "paid out more than was paid in"
    assert settlement.held_minor == 0 or STATES[settlement.state].holds_money, f"money in {settlement.state}"
    act = settlement.next_act()
    assert settlement.is_ended if act is None else act[1] > 0, f"no dated next act in {settlement.state}"
    assert 0 <= settlement.step <= settlement.seq, "more steps than events"
