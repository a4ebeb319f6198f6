"""What a settlement costs all in, beside what a correspondent bank is stated to cost. Figures with their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ..language import Language

MONEY_PERCENT_A_YEAR = Decimal(5)  # what tied-up money is counted at; stated on the page
DAY_S = 86_400
YEAR_DAYS = 365
# The G20 target for business payments is an average of at most 1% by the end of 2027; the figure is the ceiling that
# authorities set themselves, not a measurement of any bank. Source: FSB, targets for cross-border payments, 2021.
BASELINE = "The G20's target for cross-border business payments by 2027: on average at most 1%, no corridor above 3%."
BASELINE_SOURCE = "FSB, Targets for addressing the four challenges of cross-border payments, 13 October 2021"
BASELINE_BPS = 100


@dataclass(frozen=True, slots=True)
class Costs:
    """The lines of the cost card; amounts ready to show, basis points of the price."""

    invoice: str
    pays: str
    gets: str
    fee: str
    fee_bps: str
    rate: str
    rate_source: str
    rate_at: int
    tied_days: int
    tied_up: str
    all_in_bps: str
    expires_at: int


def of_quote(
    view: Mapping[str, Any],
    terms: Mapping[str, Any],
    language: Language,
    asset: Mapping[str, Any],
    currency: Mapping[str, Any],
) -> Costs:
    """The costs of the quote in the terms. Tied-up money: from payment to the last day for presentation, at most."""
    quote = terms["quote"]
    price, fee = int(quote["price"]["amount_minor"]), int(quote["fee"]["amount_minor"])
    days = max(0, -(-(int(terms["schedule"]["present_by"]) - int(view["created_at"])) // DAY_S))
    tied_up = int(Decimal(price + fee) * MONEY_PERCENT_A_YEAR / 100 * days / YEAR_DAYS)
    fee_bps, tied_bps = _bps(fee, price), _bps(tied_up, price)
    return Costs(
        invoice=language.amount(quote["invoiced"]["amount_minor"], currency),
        pays=language.amount(price + fee, asset),
        gets=language.amount(price, asset),
        fee=language.amount(fee, asset),
        fee_bps=language.number(fee_bps, 1),
        rate=quote["rate"]["value"],
        rate_source=quote["rate_source"],
        rate_at=int(quote["rate_at"]),
        tied_days=days,
        tied_up=language.amount(_to_cents(tied_up, asset), asset),
        all_in_bps=language.number(fee_bps + tied_bps, 1),
        expires_at=int(quote["expires_at"]),
    )


def _bps(part: int, whole: int) -> Decimal:
    if not whole:
        return Decimal(0)
    return (Decimal(part) * 10_000 / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _to_cents(minor: int, asset: Mapping[str, Any]) -> int:
    """A computed figure is shown to two places: more would claim a precision that it has not."""
    unit: int = 10 ** max(int(asset["decimals"]) - 2, 0)
    return -(-minor // unit) * unit
