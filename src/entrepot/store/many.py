"""What a batch reads and writes by sets: one statement a table for all its settlements. Both stores pass its suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from entrepot.core.canonical import Json
from entrepot.core.settlement import Settlement

from .records import (
    Disposition,
    InboxItem,
    KeptReceipt,
    LoggedEvent,
    MandateSet,
    Paper,
    Participant,
    PayeeChange,
    Wallet,
)


class Conflict(Exception):
    """What a batch had read was changed by another worker before it was written: the batch is taken again."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Headroom that a settlement takes of its participant's cap in a window that began at `since`."""

    settlement: str
    participant: str
    amount_minor: int
    cap_minor: int
    since: int
    at: int


@dataclass(frozen=True, slots=True)
class Registration:
    """An invoice's key that a settlement takes."""

    key: str
    fingerprint: str
    settlement: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What an inbox item of a participant is answered."""

    item: str
    participant: str
    answer: Json


@dataclass(frozen=True, slots=True)
class Companies:
    """Who companies are: wallets in order of admission, all sets (the last in force) and changes in order."""

    participants: dict[str, Participant]
    wallets: list[Wallet]
    mandate_sets: list[MandateSet]
    payee_changes: list[PayeeChange]


class Many(Protocol):
    """Acts on many rows at once. A reader's rows are limited as one by one."""

    def standing(self) -> tuple[int, ...]:
        """Figures that differ once another list version, or another confirmed change, is there."""

    def papers(self, settlements: Sequence[str], kinds: Sequence[str]) -> list[Paper]:
        """The papers of these kinds of all these settlements, each settlement's oldest first."""

    def papers_by_id(self, ids: Sequence[str]) -> dict[str, Paper]:
        """Those that are there."""

    def settlements(self, ids: Sequence[str]) -> dict[str, Settlement]:
        """Snapshots of those that are there, in id order, not locked."""

    def by_escrow(self, escrows: Sequence[str]) -> dict[str, str]:
        """Escrow address → the settlement whose it is."""

    def escrows(self, states: Sequence[str], *, limit: int) -> list[str]:
        """Escrow addresses of the newest settlements in each of these states, at most `limit` a state."""

    def companies(self, ids: Sequence[str]) -> Companies:
        """What is kept of each of these."""

    def dispositions(self, settlements: Sequence[str]) -> list[Disposition]:
        """In the order in which they were given."""

    def invoices(self, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Key → (settlement, fingerprint) of the live ones."""

    def reserved(self, participants: Sequence[str], *, since: int) -> dict[str, int]:
        """Unfreed reservations since `since` in minor units; 0 where there is none."""

    def reservations(self, settlements: Sequence[str]) -> list[tuple[str, str, int, int]]:
        """(settlement, participant, minor units, at) of what these settlements hold."""

    def write_settlements(
        self, created: Sequence[Settlement], saved: Sequence[Settlement], events: Sequence[LoggedEvent]
    ) -> None:
        """New snapshots and changed ones, and the events that led to them: `seq` as with `Settlements.save`."""

    def postpone(self, until: Mapping[str, int]) -> None:
        """As `Settlements.postpone`."""

    def put_papers(self, papers: Sequence[Paper]) -> None: ...

    def put_receipts(self, receipts: Sequence[KeptReceipt]) -> None: ...

    def register(self, invoices: Sequence[Registration]) -> None:
        """Raises: Conflict if one of the keys is held."""

    def reserve(self, reservations: Sequence[Reservation]) -> None:
        """Takes headroom, serialised per participant. Raises: Conflict if it is no longer there."""

    def put_items(self, items: Sequence[InboxItem]) -> int:
        """How many were stored: what is there already under the same source and key stays as it is."""

    def answer(self, answers: Sequence[Answered], *, at: int) -> None:
        """As `Inbox.answer`."""

    def done(self, onces: Sequence[str], *, at: int) -> None:
        """As `Outbox.done`."""

    def retry(self, failed: Sequence[tuple[str, str]], *, due_at: int, counts: bool = True) -> None:
        """(once, error) of what failed and is due again; an attempt that got no answer does not count."""
