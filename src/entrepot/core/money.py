"""Amounts: whole numbers of an asset's minor unit. Never a float, never without the asset."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from .asset import Asset, AssetRegistry
from .errors import Invalid

AMOUNT_MINOR_MAX = 2**127 - 1
BPS = 10_000
EXACT = Context(prec=200)  # wide enough for every amount and rate, so that nothing is rounded unseen
_MAJOR = re.compile(r"[0-9]{1,45}(\.[0-9]{1,20})?\Z")  # no sign, no exponent, ASCII digits


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`amount_minor` minor units of `asset`; zero is allowed here, and refused at the doors as `positive`."""

    amount_minor: int
    asset: Asset

    def __post_init__(self) -> None:
        if isinstance(self.amount_minor, bool) or not isinstance(self.amount_minor, int):
            raise Invalid("amount_out_of_range", "An amount is a whole number of minor units.")
        if not 0 <= self.amount_minor <= AMOUNT_MINOR_MAX:
            raise Invalid("amount_out_of_range", f"{self.amount_minor} is not between 0 and 2^127 - 1 minor units.")

    def __add__(self, other: Money) -> Money:
        return Money(self.amount_minor + self._same(other), self.asset)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount_minor - self._same(other), self.asset)

    def __lt__(self, other: Money) -> bool:
        return self.amount_minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount_minor <= self._same(other)

    def _same(self, other: Money) -> int:
        if other.asset != self.asset:
            raise Invalid("asset_mismatch", f"{self.asset.symbol} and {other.asset.symbol} do not add up.")
        return other.amount_minor

    def positive(self) -> Money:
        """Returns itself. Raises: Invalid(amount_out_of_range) for zero."""
        if self.amount_minor == 0:
            raise Invalid("amount_out_of_range", f"0 {self.asset.symbol} cannot be paid.")
        return self

    def __str__(self) -> str:
        whole, part = divmod(self.amount_minor, 10**self.asset.decimals)
        places = f".{part:0{self.asset.decimals}d}" if self.asset.decimals else ""
        return f"{whole:,}{places} {self.asset.symbol}"

    def decimal(self) -> Decimal:
        """The amount in major units, exact."""
        return Decimal(self.amount_minor).scaleb(-self.asset.decimals, EXACT)

    def to_json(self) -> dict[str, str]:
        """Minor units as a base-10 string, with the asset's id."""
        return {"amount_minor": str(self.amount_minor), "asset": self.asset.id}

    @classmethod
    def from_json(cls, value: Any, assets: AssetRegistry, *, path: str = "") -> Money:
        """Reads what `to_json` wrote. Raises: Invalid(malformed, asset_unknown, amount_out_of_range)."""
        if not isinstance(value, dict) or set(value) != {"amount_minor", "asset"}:
            raise Invalid("malformed", "An amount is {amount_minor, asset}.", path=path)
        text = value["amount_minor"]
        if not isinstance(text, str) or not text.isascii() or not text.isdigit() or str(int(text[:40])) != text:
            raise Invalid("amount_out_of_range", f"{text!r:.60} is not a whole number of minor units.", path=path)
        return cls(int(text), assets.get(value["asset"]))

    @classmethod
    def from_decimal(cls, text: str, asset: Asset, *, path: str = "") -> Money:
        """Reads major units such as `"1250.50"`, exactly. Raises: Invalid(malformed, amount_too_fine, …)."""
        if not _MAJOR.match(text):
            raise Invalid("malformed", f"{text!r:.60} is not an amount.", path=path)
        minor = Decimal(text).scaleb(asset.decimals, EXACT)
        if minor != int(minor):
            raise Invalid("amount_too_fine", f"{text!r:.60} has more than {asset.decimals} decimals.", path=path)
        return cls(int(minor), asset)


def convert_up(amount: Money, asset: Asset, rate: Decimal) -> Money:
    """`amount` in `asset` at `rate` (major units of `asset` for one of `amount`), rounded up: the receiver gains.

    The remainder, less than one minor unit, is paid by the payer, so that the seller never gets less than invoiced.
    """
    exact = EXACT.multiply(amount.decimal(), rate).scaleb(asset.decimals, EXACT)
    whole = int(exact)
    return Money(whole if exact == whole else whole + 1, asset)


def share_down(amount: Money, bps: int) -> Money:
    """`bps` basis points of `amount`, rounded down: the one who pays the share keeps the remainder."""
    assert 0 <= bps <= BPS, bps
    return Money(amount.amount_minor * bps // BPS, amount.asset)
