"""Inbox and outbox in memory: one open item of a settlement at a time, and leases by time of what leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from entrepot.core.canonical import Json

from .memory_locks import Locks
from .memory_tables import Access, Journal, Table, known_id, plain
from .records import InboxItem, OutboxItem


@dataclass(frozen=True, slots=True)
class _Arrived:
    item: InboxItem
    arrival: int
    answered_at: int | None = None
    set_aside_at: int | None = None
    dismissed_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Leaving:
    item: OutboxItem
    arrival: int
    leased_until: int = 0


class InboxTables:
    """What arrived and what leaves; `open` and `undone` keep what there is still to do, by arrival."""

    def __init__(self, journal: Journal, locks: Locks) -> None:
        self.locks = locks
        self.arrived: Table[str, _Arrived] = Table(journal)
        self.by_key: Table[tuple[str, str], str] = Table(journal)
        self.open: Table[str, int] = Table(journal)
        self.leaving: Table[str, _Leaving] = Table(journal)
        self.undone: Table[str, int] = Table(journal)


class MemoryInbox:
    """What arrived, in order of arrival, each answered once."""

    def __init__(self, tables: InboxTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def put(self, item: InboxItem) -> InboxItem:
        """Stores it, or returns the item already stored under the same source and key."""
        assert self._access.reader is None or self._access.is_door, "a reader does not write"
        known = self.get(item.source, item.key)
        if known is not None:
            return known
        for name in (item.participant, item.person, item.settlement):
            known_id(name)
        assert known_id(item.id) and item.id not in self._tables.arrived, f"inbox item {item.id} is there already"
        fresh = replace(item, body=plain(item.body), attempts=0, answer=None, set_aside="")
        arrival = len(self._tables.arrived)
        self._tables.arrived.put(item.id, _Arrived(fresh, arrival))
        self._tables.by_key.put((item.source, item.key), item.id)
        self._tables.open.put(item.id, arrival)
        return item

    def get(self, source: str, key: str) -> InboxItem | None:
        """The item under this source and key."""
        item_id = self._tables.by_key.get((source, key))
        row = self._tables.arrived.get(item_id) if item_id else None
        if row is None or not (self._access.is_door or self._access.sees_own(row.item.participant)):
            return None
        return _copy(row.item)

    def claim(self, *, limit: int) -> list[InboxItem]:
        """Open items, oldest first, one per settlement, without those that another transaction holds."""
        self._access.require_worker()
        rows = [row for row in map(self._tables.arrived.get, dict(self._tables.open.items())) if row is not None]
        claimed: list[InboxItem] = []
        blocked: set[str] = set()
        for row in sorted(rows, key=lambda row: row.arrival):
            settlement = row.item.settlement
            if settlement in blocked:
                continue
            if settlement:
                blocked.add(settlement)
            if not self._tables.locks.take("inbox", row.item.id):
                continue
            claimed.append(_copy(row.item))
            if len(claimed) == limit:
                break
        return claimed

    def answer(self, item_id: str, answer: Json, *, at: int) -> None:
        """Answers an open item."""
        self._access.require_worker()
        self._tables.locks.require("inbox", item_id)
        row = self._tables.arrived.get(item_id)
        assert row is not None, f"there is no inbox item {item_id}"
        assert row.answered_at is None, f"{item_id} was answered before"
        self._tables.arrived.put(item_id, replace(row, item=replace(row.item, answer=plain(answer)), answered_at=at))
        self._tables.open.drop(item_id)

    def set_aside(self, item_id: str, why: str, *, at: int) -> None:
        """Takes a poisoned item out of the way; it stays visible."""
        self._access.require_worker()
        self._tables.locks.require("inbox", item_id)
        row = self._tables.arrived.get(item_id)
        assert row is not None and row.answered_at is None, f"there is no open inbox item {item_id}"
        item = replace(row.item, set_aside=why, attempts=row.item.attempts + 1)
        self._tables.arrived.put(item_id, replace(row, item=item, set_aside_at=at))
        self._tables.open.drop(item_id)

    def stuck(self) -> list[InboxItem]:
        """The items set aside that nobody has taken again or dismissed, oldest first."""
        return [
            _copy(row.item) for row in self._tables.arrived
            if row.set_aside_at is not None and row.dismissed_at is None
            and (self._access.is_door or self._access.sees_own(row.item.participant))
        ]  # fmt: skip

    def is_waiting(self, settlement: str, kind: str) -> bool:
        """True while an item of this kind about a settlement is neither answered nor dismissed."""
        return any(
            (row.item.settlement, row.item.kind) == (settlement, kind)
            and row.answered_at is None and row.dismissed_at is None
            for row in self._tables.arrived
        )  # fmt: skip

    def take_again(self, item_id: str) -> None:
        """Opens a set-aside item as it was, in its old place in the queue."""
        row = self._stuck(item_id)
        opened = replace(row, item=replace(row.item, set_aside=""), set_aside_at=None)
        self._tables.arrived.put(item_id, opened)
        self._tables.open.put(item_id, row.arrival)

    def dismiss(self, item_id: str, *, at: int) -> None:
        """A set-aside item is never acted on; it stays in the inbox, and is stuck no longer."""
        self._tables.arrived.put(item_id, replace(self._stuck(item_id), dismissed_at=at))

    def open_since(self) -> tuple[int, int | None]:
        """(how many are neither answered nor set aside, when the oldest of them came)."""
        if not self._access.sees_all:
            return 0, None
        rows = [row for name, _ in self._tables.open.items() if (row := self._tables.arrived.get(name)) is not None]
        return len(rows), min((row.item.received_at for row in rows), default=None)

    def _stuck(self, item_id: str) -> _Arrived:
        self._access.require_worker()
        row = self._tables.arrived.get(item_id)
        assert row is not None and row.set_aside_at is not None and row.dismissed_at is None, f"{item_id} is not stuck"
        return row


class MemoryOutbox:
    """What is to be done outside."""

    def __init__(self, tables: InboxTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def put(self, items: Sequence[OutboxItem]) -> None:
        """An item whose `once` is there already is left alone."""
        if items:
            self._access.require_worker()
        for item in items:
            known_id(item.settlement)
            if item.once not in self._tables.leaving:
                arrival = len(self._tables.leaving)
                self._tables.leaving.put(item.once, _Leaving(replace(item, body=plain(item.body)), arrival))
                if item.done_at is None:
                    self._tables.undone.put(item.once, arrival)

    def claim(self, *, now: int, limit: int, lease_s: int, kind: str = "", but: Sequence[str] = ()) -> list[OutboxItem]:
        """See Outbox.claim."""
        self._access.require_worker()
        rows = [row for row in map(self._tables.leaving.get, dict(self._tables.undone.items())) if row is not None]
        asked = [row for row in rows if kind in ("", row.item.kind) and row.item.kind not in but]
        due = [row for row in asked if row.item.due_at <= now and row.leased_until <= now]
        due = sorted(due, key=lambda row: (row.item.due_at, row.arrival))[:limit]
        for row in due:
            self._tables.leaving.put(row.item.once, replace(row, leased_until=now + lease_s))
        return [replace(row.item, body=plain(row.item.body)) for row in due]

    def done(self, once: str, *, at: int) -> None:
        """It was done; a second time changes nothing."""
        self._access.require_worker()
        row = self._tables.leaving.get(once)
        assert row is not None, f"there is no outbox item {once}"
        if row.item.done_at is None:
            self._tables.leaving.put(once, replace(row, item=replace(row.item, done_at=at), leased_until=0))
            self._tables.undone.drop(once)

    def retry(self, once: str, *, due_at: int, error: str, counts: bool = True) -> None:
        """It failed and is due again; an attempt that got no answer does not count."""
        self._access.require_worker()
        row = self._tables.leaving.get(once)
        if row is not None and row.item.done_at is None:
            item = replace(row.item, due_at=due_at, error=error, attempts=row.item.attempts + counts)
            self._tables.leaving.put(once, replace(row, item=item, leased_until=0))

    def open_count(self) -> int:
        """How many are not done."""
        return len(self._tables.undone) if self._access.sees_all else 0

    def newest(self, kind: str) -> OutboxItem | None:
        """The item of a kind that was queued last, done or not; for staff."""
        rows = [row for row in self._tables.leaving if row.item.kind == kind and self._access.sees_all]
        last = max(rows, key=lambda row: row.arrival, default=None)
        return None if last is None else replace(last.item, body=plain(last.item.body))

    def waiting(self, *, limit: int) -> list[OutboxItem]:
        """What is not done, the longest due first."""
        return [replace(row.item, body=plain(row.item.body)) for row in self._undone()[:limit]]

    def waiting_of(self, settlement: str) -> list[OutboxItem]:
        """What is not done of one settlement, the longest due first."""
        found = (row.item for row in self._undone() if row.item.settlement == settlement)
        return [replace(item, body=plain(item.body)) for item in found]

    def _undone(self) -> list[_Leaving]:
        if not self._access.sees_all:
            return []
        rows = [row for row in map(self._tables.leaving.get, dict(self._tables.undone.items())) if row is not None]
        return sorted(rows, key=lambda row: (row.item.due_at, row.arrival))


def _copy(item: InboxItem) -> InboxItem:
    return replace(item, body=plain(item.body), answer=None if item.answer is None else plain(item.answer))
