"""Check digits of ships and containers, so that a slip of the pen is not a ship. (An LEI's are in core.party.)"""

from __future__ import annotations

import re

_IMO = re.compile(r"[0-9]{7}\Z")
_CONTAINER = re.compile(r"[A-Z]{3}[UJZ][0-9]{7}\Z")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def is_imo_number(text: str) -> bool:
    """True if the seven digits end in the right check digit. Source: IMO resolution A.1117(30)."""
    return bool(_IMO.match(text)) and sum(int(d) * w for d, w in zip(text, range(7, 1, -1), strict=False)) % 10 == int(
        text[6]
    )


def is_container_number(text: str) -> bool:
    """True if owner, category, serial and check digit agree. Source: ISO 6346:2022 annex A."""
    if not _CONTAINER.match(text):
        return False
    total = sum(_value(char) << place for place, char in enumerate(text[:10]))
    return total % 11 % 10 == int(text[10])


def _value(char: str) -> int:
    """10 to 38 for A to Z without the multiples of 11; a digit is itself."""
    if char.isdigit():
        return int(char)
    nth = _LETTERS.index(char)
    return nth + 10 + (nth + 9) // 10
