"""What a trade will cost, firm until a time: two Moneys, a fee and an expiry; the rate is only their evidence."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from .errors import Refused, declare
from .money import BPS, Money, convert_up, share_down

declare(
    "Refused",
    no_rate="No provider quotes this pair of currency and asset.",
    quote_expired="The quote's time is over; ask for a new one.",
)


@dataclass(frozen=True, slots=True)
class Rate:
    """Major units of `into` for one major unit of `of`, with where and when it was read (Unix seconds)."""

    of: str
    into: str
    value: Decimal
    source: str
    at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The seller invoiced `invoiced`, receives `price`; the buyer pays `price` and `fee`. Firm until `expires_at`."""

    invoiced: Money
    price: Money
    fee: Money
    rate: Rate
    expires_at: int

    @property
    def total(self) -> Money:
        """What the buyer pays into escrow."""
        return self.price + self.fee

    @property
    def fee_bps(self) -> Decimal:
        """The fee in basis points of the price, exact to two decimals."""
        return (Decimal(self.fee.amount_minor) * BPS / self.price.amount_minor).quantize(Decimal("0.01"))

    def to_json(self) -> dict[str, object]:
        """As it stands in the signed terms."""
        return {
            "invoiced": self.invoiced.to_json(),
            "price": self.price.to_json(),
            "fee": self.fee.to_json(),
            "rate": {"of": self.rate.of, "into": self.rate.into, "value": str(self.rate.value)},
            "rate_source": self.rate.source,
            "rate_at": self.rate.at,
            "expires_at": self.expires_at,
        }


def make_quote(invoiced: Money, *, rate: Rate, fee_bps: int, fee_min: Money, fee_max: Money, now: int) -> Quote:
    """A firm quote. `fee_min` and `fee_max` are in the settlement asset. Raises: Refused(no_rate, quote_expired)."""
    if rate.of != invoiced.asset.id:
        raise Refused("no_rate", f"The rate is for {rate.of}, the invoice in {invoiced.asset.symbol}.")
    if now >= rate.expires_at:
        raise Refused("quote_expired", f"The rate of {rate.source} ended at {rate.expires_at} (Unix s).")
    price = convert_up(invoiced.positive(), fee_min.asset, rate.value)
    fee = min(max(share_down(price, fee_bps), fee_min), fee_max)
    return Quote(invoiced=invoiced, price=price, fee=fee, rate=rate, expires_at=rate.expires_at)
