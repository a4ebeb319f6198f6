"""Where each role can go. A role's first place is where it lands."""

from __future__ import annotations

from dataclasses import dataclass

from .language import marked


@dataclass(frozen=True, slots=True)
class Place:
    """A page in the navigation: its path, its name (translated when shown), and the key after `g` that goes there."""

    path: str
    name: str
    key: str


SETTLEMENTS = Place("/settlements", marked("Settlements"), "s")
PLACES: dict[str, tuple[Place, ...]] = {
    "treasurer": (
        SETTLEMENTS,
        Place("/new", marked("New invoice"), "n"),
    ),
    "operator": (
        SETTLEMENTS,
    ),
    "officer": (
        SETTLEMENTS,
    ),
    "supervisor": (
        SETTLEMENTS,
    ),
    "examiner": (
        SETTLEMENTS,
    ),
    "arbiter": (
        SETTLEMENTS,
    ),
}  # fmt: skip


def places_of(role: str) -> tuple[Place, ...]:
    """The places of a role; settlements for a role that has none of its own."""
    return PLACES.get(role, (SETTLEMENTS,))
