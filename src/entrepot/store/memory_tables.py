"""What the in-memory twin is made of: rows in dictionaries, an undo log, and who may see or write which row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from entrepot.core.ids import parse_id
from entrepot.core.settlement import Settlement

from .records import STAFF_ROLES, Reader

K = TypeVar("K")
V = TypeVar("V")
DOOR_ROLE = "door"


class Journal:
    """The undo log of the one transaction that runs: `mark` a place, and go back to it."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def note(self, undo: Callable[[], object]) -> None:
        """Remembers how to take the last change back."""
        self._undo.append(undo)

    def mark(self) -> int:
        """The place where we are."""
        return len(self._undo)

    def back_to(self, mark: int) -> None:
        """Takes back every change since `mark`, the last one first."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def forget(self) -> None:
        """The transaction has committed: nothing is taken back any more."""
        self._undo.clear()


class Table(Generic[K, V]):
    """Rows by key in order of arrival. Rows are never changed in place, so that undoing is putting the old one back."""

    def __init__(self, journal: Journal) -> None:
        self._rows: dict[K, V] = {}
        self._journal = journal

    def put(self, key: K, row: V) -> None:
        """Adds the row, or replaces the one under this key."""
        if key in self._rows:
            old = self._rows[key]
            self._journal.note(lambda: self._rows.update({key: old}))
        else:
            self._journal.note(lambda: self._rows.pop(key))
        self._rows[key] = row

    def drop(self, key: K) -> None:
        """Removes the row, if it is there; taken back, it stands last."""
        if key in self._rows:
            old = self._rows.pop(key)
            self._journal.note(lambda: self._rows.update({key: old}))

    def get(self, key: K) -> V | None:
        """The row under this key."""
        return self._rows.get(key)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[V]:
        return iter(self._rows.values())

    def items(self) -> list[tuple[K, V]]:
        """All keys with their rows."""
        return list(self._rows.items())


class Lists(Generic[K, V]):
    """Append-only lists by key."""

    def __init__(self, journal: Journal) -> None:
        self._lists: dict[K, list[V]] = {}
        self._journal = journal

    def append(self, key: K, row: V) -> None:
        """Adds a row at the end of the list under this key."""
        rows = self._lists.setdefault(key, [])
        rows.append(row)
        self._journal.note(rows.pop)

    def of(self, key: K) -> list[V]:
        """The list under this key: a copy."""
        return list(self._lists.get(key, ()))

    def count(self, key: K) -> int:
        """How long the list under this key is."""
        return len(self._lists.get(key, ()))


class Access:
    """On whose behalf a transaction runs: a worker (no reader), the door, or a reader; as row-level security says."""

    def __init__(self, reader: Reader | None, parties_of: Callable[[str], frozenset[str]]) -> None:
        self.reader = reader
        self._parties_of = parties_of

    @property
    def is_door(self) -> bool:
        """True for the door's own transaction."""
        return self.reader is not None and self.reader.role == DOOR_ROLE

    @property
    def is_arbiter(self) -> bool:
        """True for somebody who decides disputes."""
        return self.reader is not None and self.reader.role == "arbiter"

    @property
    def sees_all(self) -> bool:
        """True for workers and staff."""
        return self.reader is None or self.reader.role in STAFF_ROLES

    def require_worker(self) -> None:
        """Asserts that a worker writes."""
        assert self.reader is None, "only a worker writes here"

    def is_reader(self, participant: str) -> bool:
        """True if the reader acts for this participant."""
        return self.reader is not None and bool(participant) and self.reader.participant == participant

    def sees_person(self, person: str) -> bool:
        """True if rows that are this person's own are shown."""
        return self.sees_all or (self.reader is not None and bool(person) and self.reader.person == person)

    def sees_own(self, participant: str) -> bool:
        """True if rows of this participant are shown."""
        return self.sees_all or self.is_reader(participant)

    def sees_settlement(self, settlement_id: str) -> bool:
        """True if the settlement, and what belongs to it, is shown."""
        if self.sees_all:
            return True
        return self.reader is not None and bool(self.reader.participant) and (
            self.reader.participant in self._parties_of(settlement_id)
        )  # fmt: skip


def plain(value: Any) -> Any:
    """A copy as JSON keeps it: nobody else holds a part of it. Raises: TypeError for what is not JSON."""
    return _copied(dict(value) if not isinstance(value, list | tuple) else value)


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is dict and all(type(key) is str for key in value):
        return {key: _copied(part) for key, part in value.items()}
    if kind in (list, tuple):
        return [_copied(part) for part in value]
    return json.loads(json.dumps(value))  # enumerations, keys that are no text, and whatever is no JSON


_SCALARS = (str, int, bool, type(None))


def known_id(text: str) -> str:
    """The id, or "" for none. Raises: Invalid(malformed)."""
    return parse_id(text) if text else ""


def copied(settlement: Settlement) -> dict[str, Any]:
    """Copies of the parts of a snapshot that could be changed in place, as keyword arguments of `replace`."""
    return {"dates": plain(settlement.dates), "in_flight": plain(settlement.in_flight)}
