"""A company's mandates: which persons may do which act, alone or with a second one, how far, and how long.

Decides over what it is given; it does not know who is signed in, nor what the act would do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .canonical import Json
from .errors import Invalid, declare
from .money import Money

ACTS = ("propose", "sign", "fund", "present", "waive", "dispute", "withdraw", "change_mandates", "change_payee")
BY_TWO = ("change_mandates", "change_payee")  # never by one person, whatever a company would like
MANDATES_MAX = 50
PERSONS_MAX = 50
NAME_CHARS_MAX = 100
LIMIT_MAX = 2**127 - 1
TIME_MAX = 2**53

declare(
    "Refused",
    no_power="Your company's mandates give you no power for this act.",
    power_expired="Your power for this act has ended.",
    power_not_yet="Your power for this act has not begun.",
    limit_exceeded="The amount is above what your company's mandates allow you for this act.",
    no_second_person="The act needs another person, and your company's mandates name nobody who may still be it.",
)


class Mode(StrEnum):
    """How persons use a power: each alone, some of them jointly, or one who asks and another who checks."""

    ALONE = "alone"
    JOINT = "joint"
    MAKER_CHECKER = "maker_checker"


class Outcome(StrEnum):
    """What follows from an act that some persons want."""

    DONE = "done"
    WAITS = "waits"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Mandate:
    """One line of a company's mandates. `limits` are minor units by asset id; without any there is no limit.

    `required` persons act jointly; `checkers` confirm what `persons` ask. Times are Unix seconds, an end of 0 is none.
    """

    name: str
    acts: tuple[str, ...]
    persons: tuple[str, ...]
    mode: Mode = Mode.ALONE
    required: int = 1
    checkers: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    valid_from: int = 0
    valid_until: int = 0

    def is_in_force(self, now: int) -> bool:
        """True from its first second until just before its end."""
        return self.valid_from <= now and not self.has_ended(now)

    def has_ended(self, now: int) -> bool:
        """True once its end has come."""
        return bool(self.valid_until) and self.valid_until <= now

    def reaches(self, amount: Money | None) -> bool:
        """True if the amount is within the limits; an act without an amount always is."""
        return amount is None or not self.limits or amount.amount_minor <= self.limits.get(amount.asset.id, -1)

    def seconds(self) -> tuple[str, ...]:
        """Who may be the other person."""
        return {Mode.ALONE: (), Mode.JOINT: self.persons, Mode.MAKER_CHECKER: self.checkers}[self.mode]

    def is_met_by(self, persons: Sequence[str]) -> bool:
        """True if these persons, the first of whom asked, are enough."""
        if self.mode is Mode.ALONE:
            return True
        if self.mode is Mode.JOINT:
            return len(set(persons) & set(self.persons)) >= self.required
        return bool(set(persons[1:]) & set(self.checkers))

    def to_json(self) -> Json:
        """As it is kept and shown."""
        return {
            "name": self.name,
            "acts": list(self.acts),
            "persons": list(self.persons),
            "mode": self.mode.value,
            "required": self.required,
            "checkers": list(self.checkers),
            "limits": {asset: str(minor) for asset, minor in sorted(self.limits.items())},
            "valid_from": self.valid_from,
            "valid_until": self.valid_until,
        }


@dataclass(frozen=True, slots=True)
class Ruling:
    """Done, or who may be the next person, or the code of the refusal with its words."""

    outcome: Outcome
    may: tuple[str, ...] = ()
    code: str = ""
    message: str = ""


def ruling_of(
    mandates: Sequence[Mandate], act: str, amount: Money | None, *, now: int, persons: Sequence[str]
) -> Ruling:
    """May these persons do `act` now? The first of them asked, the others confirmed, in this order.

    A company without mandates acts as it did before it had any: each of its treasurers alone.
    """
    assert persons, "somebody asked"
    if len(set(persons)) < len(persons):
        return _refused("same_person", "A second person confirms: this one has asked, or has confirmed already.")
    if not mandates:
        return Ruling(Outcome.DONE)
    powers = [one for one in mandates if act in one.acts and persons[0] in one.persons]
    fitting = [one for one in powers if one.is_in_force(now) and one.reaches(amount)]
    if not fitting:
        return _why_not(powers, act, now)
    for other in persons[1:]:
        if not any(other in one.seconds() for one in fitting):
            return _why_not_second(mandates, act, other, now)
    if any(one.is_met_by(persons) for one in fitting):
        return Ruling(Outcome.DONE)
    may = {person: None for one in fitting for person in one.seconds() if person not in persons}
    if not may:
        return _refused("no_second_person", f"Nobody else may confirm {act}.")
    return Ruling(Outcome.WAITS, tuple(may))


def is_governed(mandates: Iterable[Mandate], act: str, now: int) -> bool:
    """True if some power in force names the act: then the company's own rule says how it is done."""
    return any(act in one.acts and one.is_in_force(now) for one in mandates)


def uncovered(mandates: Iterable[Mandate], now: int) -> tuple[str, ...]:
    """The acts for which nobody has a power in force."""
    known = tuple(mandates)
    return tuple(act for act in ACTS if not is_governed(known, act, now))


def read_mandates(value: Any, *, members: Sequence[str]) -> tuple[Mandate, ...]:
    """A company's mandates as they are asked for; `members` are its persons. Raises: Invalid(malformed)."""
    if not isinstance(value, list) or not 0 < len(value) <= MANDATES_MAX:
        raise Invalid("malformed", f"mandates is a list of 1 to {MANDATES_MAX}.", path="mandates")
    read = tuple(_mandate(entry, f"mandates[{place}]") for place, entry in enumerate(value))
    for place, one in enumerate(read):
        strangers = [person for person in (*one.persons, *one.checkers) if person not in members]
        if strangers:
            raise Invalid("malformed", f"{strangers[0]} acts for another company.", path=f"mandates[{place}].persons")
    return read


def mandates_of(kept: Iterable[Json]) -> tuple[Mandate, ...]:
    """Reads `Mandate.to_json`, as it was kept."""
    return tuple(_mandate(entry, "mandates") for entry in kept)


def _mandate(value: Any, path: str) -> Mandate:
    fields = Mandate.__slots__
    if not isinstance(value, dict) or not set(value) <= set(fields):
        raise Invalid("malformed", f"A mandate has {', '.join(fields)}.", path=path)
    name, mode, required = value.get("name"), value.get("mode", "alone"), value.get("required", 1)
    if not isinstance(name, str) or not 0 < len(name.strip()) <= NAME_CHARS_MAX:
        raise Invalid("malformed", f"name is a text of 1 to {NAME_CHARS_MAX} characters.", path=f"{path}.name")
    if mode not in set(Mode):
        raise Invalid("malformed", f"mode is one of {', '.join(Mode)}.", path=f"{path}.mode")
    acts = _texts(value.get("acts"), f"{path}.acts")
    if not acts or not set(acts) <= set(ACTS):
        raise Invalid("malformed", f"acts are some of {', '.join(ACTS)}.", path=f"{path}.acts")
    read = Mandate(
        name=name,
        acts=acts,
        persons=_texts(value.get("persons"), f"{path}.persons"),
        mode=Mode(mode),
        required=_whole(required, f"{path}.required", high=PERSONS_MAX),
        checkers=_texts(value.get("checkers", []), f"{path}.checkers"),
        limits=_limits(value.get("limits", {}), f"{path}.limits"),
        valid_from=_whole(value.get("valid_from", 0), f"{path}.valid_from", high=TIME_MAX),
        valid_until=_whole(value.get("valid_until", 0), f"{path}.valid_until", high=TIME_MAX),
    )
    _require_usable(read, path)
    return read


def _require_usable(one: Mandate, path: str) -> None:
    """A power that nobody could use, or a change by one person, is a mistake. Raises: Invalid(malformed)."""
    says = ""
    if not one.persons:
        says = "A mandate names at least one person."
    elif one.valid_until and one.valid_until <= one.valid_from:
        says = "A mandate begins before it ends."
    elif one.mode is Mode.ALONE and set(one.acts) & set(BY_TWO):
        says = f"{' and '.join(BY_TWO)} always take two persons."
    elif one.mode is Mode.JOINT and not 2 <= one.required <= len(one.persons):
        says = f"Jointly means 2 to {len(one.persons)} of the persons it names."
    elif one.mode is Mode.MAKER_CHECKER and any(not set(one.checkers) - {maker} for maker in one.persons):
        says = "Every maker needs a checker who is another person."
    if says:
        raise Invalid("malformed", says, path=path)


def _texts(value: Any, path: str) -> tuple[str, ...]:
    is_list = isinstance(value, list) and len(value) <= PERSONS_MAX and all(isinstance(text, str) for text in value)
    if not is_list or len(set(value)) < len(value):
        raise Invalid("malformed", f"A list of at most {PERSONS_MAX} different texts.", path=path)
    return tuple(value)


def _whole(value: Any, path: str, *, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        raise Invalid("malformed", f"A whole number from 0 to {high}.", path=path)
    return value


def _limits(value: Any, path: str) -> dict[str, int]:
    if not isinstance(value, dict) or len(value) > MANDATES_MAX:
        raise Invalid("malformed", "limits are minor units by asset.", path=path)
    read = {}
    for asset, minor in value.items():
        is_whole = isinstance(minor, str) and minor.isascii() and minor.isdigit() and len(minor) <= len(str(LIMIT_MAX))
        if not is_whole or int(minor) > LIMIT_MAX:
            raise Invalid("malformed", "A limit is a whole number of minor units, as text.", path=f"{path}.{asset}")
        read[asset] = int(minor)
    return read


def _why_not(powers: Sequence[Mandate], act: str, now: int) -> Ruling:
    """Why none of these powers serves: the nearest reason first."""
    if not powers:
        return _refused("no_power", f"Your company's mandates give you no power to {_named(act)}.")
    if any(one.is_in_force(now) for one in powers):
        return _refused("limit_exceeded", f"Your powers to {_named(act)} do not reach this amount.")
    if all(one.has_ended(now) for one in powers):
        return _refused("power_expired", f"Your power to {_named(act)} ended on {_last_day(powers)} (Unix s).")
    return _refused("power_not_yet", f"Your power to {_named(act)} has not begun.")


def _why_not_second(mandates: Sequence[Mandate], act: str, person: str, now: int) -> Ruling:
    """Why this person may not be the other one: their own powers as second person are looked at."""
    powers = [one for one in mandates if act in one.acts and person in one.seconds()]
    return _why_not(powers, act, now)


def _last_day(powers: Sequence[Mandate]) -> int:
    return max(one.valid_until for one in powers)


def _named(act: str) -> str:
    return act.replace("_", " ")


def _refused(code: str, message: str) -> Ruling:
    return Ruling(Outcome.REFUSED, code=code, message=message)
