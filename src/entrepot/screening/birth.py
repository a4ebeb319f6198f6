"""Dates of birth as lists give them: `1948-12-10`, `1948-12`, `1948`, `~1948` (about), `1946/1949` (between)."""

from __future__ import annotations

import re
from datetime import date

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
ABOUT_YEARS = 2
_DAY = re.compile(r"(?:(\d{1,2}) )?(?:([A-Z][a-z]{2})[a-z]* )?(\d{4})\Z")
_ISO = re.compile(r"(\d{4})(?:-\d{2})?(?:-\d{2})?\Z")


def from_words(text: str) -> str:
    """`10 Dec 1948`, `Dec 1948`, `circa 1948`, `1946 to 1949` as above; empty if it is none of these."""
    text = text.strip().rstrip(".")
    if text.startswith("circa "):
        about = from_words(text.removeprefix("circa "))
        return f"~{about[:4]}" if about else ""
    first, between, last = text.partition(" to ")
    if between:
        ends = (from_words(first), from_words(last))
        return f"{ends[0][:4]}/{ends[1][:4]}" if all(ends) else ""
    found = _DAY.match(text)
    if not found or (found[2] and found[2].lower() not in MONTHS):
        return ""
    day, month, year = found.groups()
    if not month:
        return year if not day else ""
    number = MONTHS.index(month.lower()) + 1
    return from_iso(f"{year}-{number:02d}-{int(day):02d}") if day else f"{year}-{number:02d}"


def from_iso(text: str) -> str:
    """`text` if it is a date, month or year that exists, else empty."""
    text = text.strip()
    if not _ISO.match(text):
        return ""
    try:
        date.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        return ""
    return text


def from_notation(text: str) -> str:
    """`text` if it is one of the forms above, else empty."""
    first, between, last = text.partition("/")
    years = [text[1:]] if text.startswith("~") else [first, last] if between else []
    if years:
        return text if all(len(year) == len("1948") and from_iso(year) for year in years) else ""
    return from_iso(text)


def agreement(mine: str, listed: str) -> float:
    """1 for the same day, 0.5 if the two may be the same day, -1 if they cannot be."""
    if mine == listed and len(mine) == len("1948-12-10"):
        return 1.0
    return 0.5 if _may_be_same(mine, listed) else -1.0


def _may_be_same(mine: str, listed: str) -> bool:
    if listed.startswith("~"):
        return abs(int(mine[:4]) - int(listed[1:5])) <= ABOUT_YEARS
    if "/" in listed:
        first, _, last = listed.partition("/")
        return first <= mine[:4] <= last
    return mine.startswith(listed) or listed.startswith(mine)
