"""Figures over time and the disclosure log: their rows, and the group of the Store that gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .records import Paper

ROWS_MAX = 200
PLACE_MAX = 2**53


@dataclass(frozen=True, slots=True)
class Volume:
    """What was paid out on one day (Unix seconds of its UTC midnight) in one asset."""

    day: int
    asset: str
    count: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How long a step took: over all (`bucket` None), or of those in one bucket between two bounds, from 0."""

    step: str
    bucket: int | None
    count: int
    median_s: int
    p90_s: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost all in when it was agreed, in tenths of a basis point: over all (`day` None) or of one day's agreements."""

    day: int | None
    count: int
    median_tenths: int
    p90_tenths: int


@dataclass(frozen=True, slots=True)
class Headroom:
    """What a participant's unfreed reservations of the window come to, and which of them leaves the window first."""

    participant: str
    count: int
    used_minor: int
    oldest_at: int
    oldest_minor: int


@dataclass(frozen=True, slots=True)
class Held:
    """What lies in escrow of one asset, and in how many settlements."""

    asset: str
    count: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ReservedDay:
    """Headroom taken on one day: what is kept, and what was given back since."""

    day: int
    kept_minor: int
    freed_minor: int


@dataclass(frozen=True, slots=True)
class Archive:
    """How the database's log is archived: seconds since the last file was, what is not yet (None: not known), and
    whether the last try failed.
    """

    age_s: int
    waiting_bytes: int | None
    is_failing: bool


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A person of the house opened personal or confidential material: `what` (a kind) `about` (an id), for a purpose.

    `whose` are the participants it is about, who see it unless it is confidential. `place` is its place in the log
    of disclosures, given by the store.
    """

    id: str
    at: int
    person: str
    role: str
    participant: str
    what: str
    about: str
    whose: tuple[str, ...]
    purpose: str
    is_confidential: bool
    settlement: str = ""
    place: int = 0


class Reports(Protocol):
    """Figures of a period and what supervisors read in order; rows as far as the reader may see them."""

    def volumes(self, *, since: int, until: int) -> list[Volume]:
        """Paid out, by day and asset."""

    def steps(self, *, since: int, until: int, bounds: tuple[int, ...]) -> list[Spread]:
        """How long the steps took of what was paid in the period, over all and by bucket.

        Steps: cleared, funded, presented, paid, each since the one before; `all` since both had signed.
        """

    def costs(self, *, since: int, until: int, percent: int) -> list[Cost]:
        """Cost all in at agreement, over all and by day; tied-up money counts `percent` a year."""

    def outcomes(self, *, since: int, until: int) -> dict[str, int]:
        """How many settlements that began in the period stand in which state."""

    def open_states(self) -> dict[str, int]:
        """How many settlements that are not ended are shown in which state (Settlement.shown_state)."""

    def archive(self) -> Archive | None:
        """How the database's log is archived; None where it is not."""

    def held(self) -> list[Held]:
        """What lies in escrow now, by asset."""

    def headroom(self, *, since: int, limit: int = ROWS_MAX) -> list[Headroom]:
        """Who uses how much of the window's cap, the most used first."""

    def reserved_by_day(self, *, since: int, until: int) -> list[ReservedDay]:
        """Headroom taken, by day."""

    def checkpoints(self, *, before: int = PLACE_MAX, limit: int = ROWS_MAX) -> list[tuple[int, str, int]]:
        """(size, note, Unix seconds), largest first, smaller than `before`."""

    def decisions(self, *, before: int = PLACE_MAX, limit: int = ROWS_MAX) -> list[tuple[int, Paper]]:
        """Papers of decisions with their places, newest first, before a place."""

    def put_disclosure(self, disclosure: Disclosure) -> None:
        """Keeps it; one with an id that is there already is the same one."""

    def disclosures(self, *, before: int = PLACE_MAX, limit: int = ROWS_MAX) -> list[Disclosure]:
        """Newest first, before a place."""
