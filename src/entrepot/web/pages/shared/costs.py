"""What a settlement costs all in, beside what a correspondent bank is stated to cost. Figures with their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ...language import Language, marked

MONEY_PERCENT_A_YEAR = Decimal(5)  # an example, and the page says so; readers put their own in its place
DAY_S = 86_400
YEAR_DAYS = 365
TARGET_PERCENT = Decimal(1)


@dataclass(frozen=True, slots=True)
class Yardstick:
    """One fact about payments through correspondent banks, with where it stands and how sure it is."""

    says: str
    source: str
    is_secondary: bool = False


# As published: nobody measured a bank for this page. The FSB's figures are targets that authorities set themselves.
YARDSTICKS = (
    Yardstick(
        marked("Target for business payments by the end of 2027: a cost of 1% on average, no corridor above 3%."),
        "FSB, Targets for addressing the four challenges of cross-border payments, 13 October 2021",
    ),
    Yardstick(
        marked("Target for speed: 75% usable within one hour of initiation, the rest within one banking day."),
        "FSB, Targets for addressing the four challenges of cross-border payments, 13 October 2021",
    ),
    Yardstick(
        marked("Today: 90% reach the beneficiary's bank within an hour, 43% the customer's account."),
        "Swift, as reported by The Asian Banker",
        is_secondary=True,
    ),
)


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
    rate_is_one: bool
    tied_days: int
    tied_up: str
    tied_bps: str
    percent: str
    percent_is_example: bool
    all_in: str
    all_in_bps: str
    target: str
    expires_at: int
    yardsticks: tuple[Yardstick, ...]


def of_quote(
    view: Mapping[str, Any],
    terms: Mapping[str, Any],
    language: Language,
    asset: Mapping[str, Any],
    currency: Mapping[str, Any],
    percent: Decimal = MONEY_PERCENT_A_YEAR,
) -> Costs:
    """The costs of the quote in the terms. Tied-up money: from payment to the last day for presentation, at most."""
    quote = terms["quote"]
    price, fee = int(quote["price"]["amount_minor"]), int(quote["fee"]["amount_minor"])
    days = max(0, -(-(int(terms["schedule"]["present_by"]) - int(view["created_at"])) // DAY_S))
    tied_up = int(Decimal(price + fee) * percent / 100 * days / YEAR_DAYS)
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
        rate_is_one=Decimal(quote["rate"]["value"]) == 1,
        tied_days=days,
        tied_up=language.amount(_to_cents(tied_up, asset), asset),
        tied_bps=language.number(tied_bps, 1),
        percent=f"{percent.normalize():f}",
        percent_is_example=percent == MONEY_PERCENT_A_YEAR,
        all_in=language.amount(_to_cents(fee + tied_up, asset), asset),
        target=language.amount(_to_cents(int(price * TARGET_PERCENT / 100), asset), asset),
        all_in_bps=language.number(fee_bps + tied_bps, 1),
        expires_at=int(quote["expires_at"]),
        yardsticks=YARDSTICKS,
    )


def _bps(part: int, whole: int) -> Decimal:
    if not whole:
        return Decimal(0)
    return (Decimal(part) * 10_000 / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _to_cents(minor: int, asset: Mapping[str, Any]) -> int:
    """A computed figure is shown to two places: more would claim a precision that it has not."""
    unit: int = 10 ** max(int(asset["decimals"]) - 2, 0)
    return -(-minor // unit) * unit
