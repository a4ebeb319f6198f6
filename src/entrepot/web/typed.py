"""Amounts as people type them: 1,250.5 of an asset, exact to its last place, never rounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .door import Problem
from .language import marked

_AMOUNT = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,30})(?:\.([0-9]{1,30}))?\Z")


def minor_of(text: str, asset: Mapping[str, Any], *, path: str, at_most: int | None = None) -> int:
    """What a person typed, in minor units. Raises: Problem(422) for no amount, too fine a one, or more than `at_most`.

    Commas only part thousands: 1,5 is refused, not read as 15.
    """
    found, decimals = _AMOUNT.match(re.sub(r"[\s\u00a0]", "", text)), int(asset["decimals"])
    if not found:
        raise _no(marked("This is no amount: write it as 1250.50, in the asset's own units."), path)
    if len((found[1] or "").rstrip("0")) > decimals:
        raise _no(marked("This amount is too fine: the asset has fewer decimal places."), path)
    whole, _, fraction = found[0].replace(",", "").partition(".")
    minor = int(whole + fraction.rstrip("0").ljust(decimals, "0"))
    if at_most is not None and minor > at_most:
        raise _no(marked("This amount is too large: it is more than there is to share."), path)
    return minor


def plain(minor: int | str, asset: Mapping[str, Any]) -> str:
    """Minor units as a person types them: 250000.5."""
    return f"{Decimal(int(minor)).scaleb(-int(asset['decimals'])).normalize():f}"


def _no(sentence: str, path: str) -> Problem:
    return Problem(422, {"title": sentence, "code": "malformed", "path": path})
