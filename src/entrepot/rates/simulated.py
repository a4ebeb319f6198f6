"""A provider that invents its rates, and says so in `source`. A pair it does not know has no rate, and refuses."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from entrepot.core.asset import AssetRegistry
from entrepot.core.quote import Rate

SOURCE = "simulated"
FIRM_S = 600

# US dollars for one unit, invented round figures near 2026 levels.
_USD: Mapping[str, Decimal] = {
    "USD": Decimal(1),
    "EUR": Decimal("1.0850"),
    "GBP": Decimal("1.2700"),
    "CHF": Decimal("1.1300"),
    "SGD": Decimal("0.7500"),
    "DKK": Decimal("0.1455"),
    "SEK": Decimal("0.0960"),
    "NOK": Decimal("0.0930"),
    "HUF": Decimal("0.0027"),
}


class SimulatedRates:
    """Rates through the US dollar into the peg of the wanted asset, firm for ten minutes."""

    def __init__(self, assets: AssetRegistry) -> None:
        self._assets = assets

    def rate(self, of: str, into: str, *, now: int) -> Rate | None:
        """Units of `into` for one of `of`; both are asset ids, tokens count as their peg. None if unknown."""
        pegs = [self._assets.get(asset).peg for asset in (of, into)]
        if any(peg not in _USD for peg in pegs):
            return None
        value = (_USD[pegs[0]] / _USD[pegs[1]]).quantize(Decimal("0.00000001"))
        return Rate(of=of, into=into, value=value, source=SOURCE, at=now, expires_at=now + FIRM_S)
