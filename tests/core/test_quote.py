"""A quote is two amounts, a fee within its bounds, and a time after which nobody may take it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_trade import EUR, RATE, T0, USD, usdm

from entrepot.core.errors import Invalid, Refused
from entrepot.core.money import Money
from entrepot.core.quote import Quote, make_quote

FEE_MIN, FEE_MAX = usdm(1_000_000), usdm(20_000_000)


def quoted(minor: int, *, fee_bps: int = 15, now: int = T0) -> Quote:
    return make_quote(Money(minor, EUR), rate=RATE, fee_bps=fee_bps, fee_min=FEE_MIN, fee_max=FEE_MAX, now=now)


def test_a_quote_is_price_fee_and_expiry() -> None:
    quote = quoted(1_000_000_0)
    assert (quote.price, quote.fee) == (usdm(108_310_000_000), FEE_MAX)
    quote = quoted(10_000_00)
    assert (quote.price, quote.fee, quote.total) == (usdm(10_831_000_000), usdm(16_246_500), usdm(10_847_246_500))
    assert quote.fee_bps == Decimal("15.00") and quote.expires_at == RATE.expires_at
    assert quote.to_json() == {
        "invoiced": {"amount_minor": "1000000", "asset": "EUR"},
        "price": {"amount_minor": "10831000000", "asset": quote.price.asset.id},
        "fee": {"amount_minor": "16246500", "asset": quote.price.asset.id},
        "rate": {"of": "EUR", "into": RATE.into, "value": "1.0831"},
        "rate_source": "made up",
        "rate_at": T0,
        "expires_at": T0 + 900,
    }


@given(st.integers(1, 10**12), st.integers(0, 10_000))
def test_the_seller_gets_at_least_the_invoice_and_the_fee_stays_within_its_bounds(minor: int, bps: int) -> None:
    quote = quoted(minor, fee_bps=bps)
    assert quote.price.decimal() >= Decimal(minor) / 100 * RATE.value
    assert FEE_MIN <= quote.fee <= FEE_MAX and quote.total - quote.fee == quote.price


def test_a_rate_is_taken_until_just_before_it_ends() -> None:
    assert quoted(1, now=RATE.expires_at - 1)
    with pytest.raises(Refused) as refused:
        quoted(1, now=RATE.expires_at)
    assert refused.value.code == "quote_expired"


def test_a_rate_of_another_pair_is_no_rate() -> None:
    with pytest.raises(Refused) as refused:
        make_quote(Money(1, USD), rate=RATE, fee_bps=1, fee_min=FEE_MIN, fee_max=FEE_MAX, now=T0)
    assert refused.value.code == "no_rate"


def test_nothing_is_not_quoted() -> None:
    with pytest.raises(Invalid, match="cannot be paid"):
        quoted(0)


def test_a_rate_is_no_price() -> None:
    assert replace(RATE, value=Decimal("1")).value != RATE.value and quoted(1).price.amount_minor == 10_831
