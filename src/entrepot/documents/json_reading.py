"""Untrusted JSON, read field by field: each is named with its path, and none unknown to the schema is let in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from ..core.errors import Invalid
from ..core.party import is_lei
from .stated import (
    DOCUMENT_BYTES_MAX,
    INCOTERMS,
    LINES_MAX,
    NUMBER_CHARS_MAX,
    SCREENED_CHARS_MAX,
    DeliveryTerms,
    Noun,
    StatedParty,
    clean_text,
    country_code,
    exact_decimal,
    hs_code,
    iso_date,
    unit_code,
)

COUNT_MAX = 10_000_000
DEPTH_MAX = 32

# A whole string (or its unterminated rest), or one bracket; possessive, so that no input makes it back up.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse_json(raw: bytes, noun: Noun) -> dict[str, Any]:
    """The object in `raw`. Raises: Invalid(*_malformed): not UTF-8, a member twice, NaN, too deep, too large."""
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise Invalid(f"{noun}_malformed", f"{len(raw)} bytes; at most {DOCUMENT_BYTES_MAX} are read.")
    _bound_depth(raw, noun)
    try:
        body = json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_once_each,
            parse_constant=_no_constant,
            parse_float=_no_fraction,
        )
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{noun}_malformed", f"Not readable JSON: {error!s:.160}") from None
    if not isinstance(body, dict):
        raise Invalid(f"{noun}_malformed", "A JSON object was expected.")
    return body


def _bound_depth(raw: bytes, noun: Noun) -> None:
    """Refuses deep nesting before it is parsed: where a library raised Python's recursion limit (compilers do),
    the parser would exhaust the C stack and end the process."""
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_MAX:
        return  # whatever stands in texts, so few do not nest deeper
    depth = 0
    for token in _TOKEN.finditer(raw):
        bracket = token[0]
        depth += (bracket in (b"[", b"{")) - (bracket in (b"]", b"}"))
        if depth > DEPTH_MAX:
            raise Invalid(f"{noun}_malformed", f"Nested deeper than {DEPTH_MAX}.")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return members


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _no_fraction(text: str) -> NoReturn:
    raise ValueError(f"{text:.40} is a binary fraction; amounts and quantities are written as strings")


class Fields:
    """The members of one object at `path`, taken one by one; `done` refuses what nobody took."""

    def __init__(self, value: Any, noun: Noun, path: str) -> None:
        self.noun = noun
        self.path = path
        if not isinstance(value, dict):
            raise self.malformed("", "an object was expected")
        self._left = dict(value)

    def at(self, name: str) -> str:
        """The path of a member."""
        return f"{self.path}.{name}" if name else self.path

    def malformed(self, name: str, why: str) -> Invalid:
        """The error that names a member and says what is wrong with it."""
        return Invalid(f"{self.noun}_field_malformed", f"{self.at(name)}: {why}.", path=self.at(name))

    def _missing(self, name: str) -> Invalid:
        return Invalid(f"{self.noun}_field_missing", f"{self.at(name)} is missing.", path=self.at(name))

    def optional(self, name: str) -> str:
        """A member's text, or empty."""
        value = self._left.pop(name, None)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.malformed(name, "text was expected")
        return clean_text(value, self.noun, self.at(name))

    def text(self, name: str) -> str:
        """A member's text, which must be there."""
        if not (text := self.optional(name)):
            raise self._missing(name)
        if name in ("number", "id") and len(text) > NUMBER_CHARS_MAX:
            raise self.malformed(name, f"at most {NUMBER_CHARS_MAX} characters")
        return text

    def optional_screened(self, name: str) -> str:
        """A name that will be screened, or empty: no longer than screening reads, because nothing is cut off."""
        if len(text := self.optional(name)) > SCREENED_CHARS_MAX:
            raise self.malformed(name, f"at most {SCREENED_CHARS_MAX} characters")
        return text

    def decimal(self, name: str) -> Decimal:
        """An exact number, written as a string."""
        return exact_decimal(self.text(name), self.noun, self.at(name))

    def optional_decimal(self, name: str) -> Decimal | None:
        """An exact number, or None."""
        return self.decimal(name) if self._left.get(name) is not None else None

    def kilograms(self, name: str) -> Decimal:
        """A weight in kilograms, not negative."""
        if (weight := self.decimal(name)) < 0:
            raise self.malformed(name, "a weight is not negative")
        return weight

    def optional_kilograms(self, name: str) -> Decimal | None:
        """A weight in kilograms, or None."""
        return self.kilograms(name) if self._left.get(name) is not None else None

    def count(self, name: str) -> int:
        """A whole number from 0."""
        value = self._left.pop(name, None)
        if value is None:
            raise self._missing(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= COUNT_MAX:
            raise self.malformed(name, f"a whole number up to {COUNT_MAX} was expected")
        return value

    def day(self, name: str) -> date:
        """An ISO date."""
        return iso_date(self.text(name), self.noun, self.at(name))

    def optional_day(self, name: str) -> date | None:
        """An ISO date, or None."""
        return self.day(name) if self._left.get(name) is not None else None

    def hs(self, name: str = "hs") -> str | None:
        """An HS code of 6 to 10 digits, or None where there is none."""
        text = self.optional(name)
        code = hs_code(text) if text else None
        if text and code is None:
            raise self.malformed(name, "6 to 10 digits of the Harmonized System were expected")
        return code

    def unit(self, name: str = "unit") -> str:
        """A unit code of UN/ECE Rec 20."""
        code = unit_code(self.text(name))
        if code is None:
            raise self.malformed(name, "a unit code of UN/ECE Rec 20 was expected")
        return code

    def inner(self, name: str) -> Fields:
        """An object that must be there."""
        if self._left.get(name) is None:
            raise self._missing(name)
        return Fields(self._left.pop(name), self.noun, self.at(name))

    def optional_inner(self, name: str) -> Fields | None:
        """An object, or None."""
        return self.inner(name) if self._left.get(name) is not None else None

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of an array that must be there, in order."""
        value = self._list(name)
        return (Fields(item, self.noun, f"{self.at(name)}[{nth}]") for nth, item in enumerate(value))

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of an array, empty where there is none."""
        if self._left.get(name) is None:
            self._left.pop(name, None)
            return ()
        items = enumerate(self._list(name))
        return tuple(Fields({"": item}, self.noun, f"{self.at(name)}[{nth}]").text("") for nth, item in items)

    def _list(self, name: str) -> list[Any]:
        value = self._left.pop(name, None)
        if value is None:
            raise self._missing(name)
        if not isinstance(value, list) or len(value) > LINES_MAX:
            raise self.malformed(name, f"an array of at most {LINES_MAX} was expected")
        return value

    def done(self) -> None:
        """Raises: Invalid(*_field_malformed) if a member is left that the schema does not know."""
        left = sorted(name for name, value in self._left.items() if value is not None)
        if left:
            raise self.malformed(clean_text(left[0][:60], self.noun, self.path), "the schema knows no such member")


def party_in(fields: Fields) -> StatedParty:
    """A party `{name, country, registration?, tax_id?, lei?, address?: [line]}`."""
    lei = fields.optional("lei")
    if lei and not is_lei(lei):
        raise fields.malformed("lei", "the check digits of this LEI are wrong (ISO 17442)")
    party = StatedParty(
        name=fields.text("name"),
        country=country_code(fields.text("country"), fields.noun, fields.at("country")),
        registration=fields.optional("registration"),
        tax_id=fields.optional("tax_id"),
        lei=lei,
        address=fields.texts("address"),
    )
    fields.done()
    return party


def delivery_in(fields: Fields | None) -> DeliveryTerms | None:
    """Delivery terms `{incoterm, place}`."""
    if fields is None:
        return None
    incoterm = fields.text("incoterm")
    if incoterm not in INCOTERMS:
        raise fields.malformed("incoterm", "one of the eleven Incoterms 2020 was expected")
    terms = DeliveryTerms(incoterm, fields.optional("place"))
    fields.done()
    return terms


def without_empty(body: dict[str, Any]) -> dict[str, Any]:
    """`body` without members that state nothing, as the schemas leave them out."""
    return {name: value for name, value in body.items() if value not in ("", None, [], ())}


def party_json(party: StatedParty) -> dict[str, Any]:
    """What `party_in` reads."""
    return without_empty(
        {
            "name": party.name,
            "country": party.country,
            "registration": party.registration,
            "tax_id": party.tax_id,
            "lei": party.lei,
            "address": list(party.address),
        }
    )


def delivery_json(terms: DeliveryTerms | None) -> dict[str, str] | None:
    """What `delivery_in` reads."""
    return without_empty({"incoterm": terms.incoterm, "place": terms.place}) if terms else None
