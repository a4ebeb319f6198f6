"""Amounts are whole minor units of one asset, and rounding says who gets the remainder."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_trade import ASSETS, EUR, JPY, TOKEN, USD, usdm

from entrepot.core.errors import Invalid
from entrepot.core.money import AMOUNT_MINOR_MAX, BPS, Money, convert_up, share_down

AMOUNTS = st.integers(0, AMOUNT_MINOR_MAX)
RATES = st.decimals("0.000001", "1000000", places=9)


def code_of(refused: pytest.ExceptionInfo[Invalid]) -> str:
    return refused.value.code


@pytest.mark.parametrize("amount", [0, 1, AMOUNT_MINOR_MAX])
def test_an_amount_is_from_zero_to_the_most(amount: int) -> None:
    assert Money(amount, EUR).amount_minor == amount


@pytest.mark.parametrize("amount", [-1, AMOUNT_MINOR_MAX + 1, True, False, 1.0, "1", Decimal(1), None])
def test_any_other_amount_is_refused(amount: Any) -> None:
    with pytest.raises(Invalid) as refused:
        Money(amount, EUR)
    assert code_of(refused) == "amount_out_of_range"


def test_amounts_of_one_asset_add_subtract_and_compare() -> None:
    assert Money(7, EUR) + Money(5, EUR) == Money(12, EUR)
    assert Money(7, EUR) - Money(7, EUR) == Money(0, EUR)
    assert Money(5, EUR) < Money(7, EUR) and not Money(7, EUR) < Money(7, EUR)
    assert Money(7, EUR) <= Money(7, EUR) and not Money(8, EUR) <= Money(7, EUR)
    assert max(Money(5, EUR), Money(7, EUR)) == Money(7, EUR)


@pytest.mark.parametrize("act", ["__add__", "__sub__", "__lt__", "__le__"])
def test_amounts_of_two_assets_never_meet(act: str) -> None:
    with pytest.raises(Invalid) as refused:
        getattr(Money(7, EUR), act)(Money(5, USD))
    assert code_of(refused) == "asset_mismatch"


def test_two_assets_with_one_id_but_other_decimals_are_two_assets() -> None:
    with pytest.raises(Invalid, match="do not add up"):
        usdm(1) + Money(1, replace(TOKEN, decimals=18))


def test_less_than_nothing_and_more_than_the_most_are_refused() -> None:
    with pytest.raises(Invalid):
        Money(5, EUR) - Money(6, EUR)
    with pytest.raises(Invalid):
        Money(AMOUNT_MINOR_MAX, EUR) + Money(1, EUR)


def test_zero_is_not_paid_and_one_is() -> None:
    assert Money(1, EUR).positive() == Money(1, EUR)
    with pytest.raises(Invalid, match="0 EUR cannot be paid"):
        Money(0, EUR).positive()


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1_250_50, EUR), "1,250.50 EUR"),
        (Money(5, EUR), "0.05 EUR"),
        (Money(1_250, JPY), "1,250 JPY"),
        (usdm(1), "0.000001 USDM"),
    ],
)
def test_an_amount_reads_as_people_write_it(money: Money, text: str) -> None:
    assert str(money) == text


@given(AMOUNTS, st.sampled_from([EUR, JPY, TOKEN]))
def test_writing_and_reading_an_amount_changes_nothing(amount: int, asset: Any) -> None:
    money = Money(amount, asset)
    assert Money.from_json(money.to_json(), ASSETS) == money
    assert Money.from_decimal(f"{money.decimal():f}", asset) == money


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"amount_minor": "7", "asset": "EUR", "more": ""}, "malformed"),
        ({"amount_minor": "7"}, "malformed"),
        ("7 EUR", "malformed"),
        ({"amount_minor": 7, "asset": "EUR"}, "amount_out_of_range"),
        ({"amount_minor": "07", "asset": "EUR"}, "amount_out_of_range"),
        ({"amount_minor": "-7", "asset": "EUR"}, "amount_out_of_range"),
        ({"amount_minor": "7.0", "asset": "EUR"}, "amount_out_of_range"),
        ({"amount_minor": "٧", "asset": "EUR"}, "amount_out_of_range"),
        ({"amount_minor": "", "asset": "EUR"}, "amount_out_of_range"),
        ({"amount_minor": "1" * 41, "asset": "EUR"}, "amount_out_of_range"),
        ({"amount_minor": str(2**127), "asset": "EUR"}, "amount_out_of_range"),
        ({"amount_minor": "7", "asset": "EUX"}, "asset_unknown"),
    ],
)
def test_an_amount_in_another_form_is_refused(value: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        Money.from_json(value, ASSETS, path="price")
    assert code_of(refused) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("12.345", "amount_too_fine"),
        ("1e3", "malformed"),
        ("-1", "malformed"),
        ("+1", "malformed"),
        (".5", "malformed"),
        ("1.", "malformed"),
        ("1,000", "malformed"),
        ("NaN", "malformed"),
        ("٣", "malformed"),
        ("1\n", "malformed"),
        ("9" * 45, "amount_out_of_range"),
    ],
)
def test_major_units_in_another_form_are_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        Money.from_decimal(text, EUR, path="amount")
    assert code_of(refused) == code


def test_trailing_zeros_are_not_too_fine() -> None:
    assert Money.from_decimal("12.3400", EUR) == Money(12_34, EUR)


@given(st.integers(0, 10**20), RATES, st.sampled_from([EUR, JPY, TOKEN]))
def test_conversion_gives_the_receiver_the_remainder_and_never_a_whole_unit(
    amount: int, rate: Decimal, into: Any
) -> None:
    exact = Fraction(amount, 100) * Fraction(rate) * 10**into.decimals
    assert 0 <= convert_up(Money(amount, EUR), into, rate).amount_minor - exact < 1


@given(AMOUNTS, st.integers(0, BPS))
def test_a_share_leaves_the_remainder_with_the_payer(amount: int, bps: int) -> None:
    share = share_down(usdm(amount), bps).amount_minor
    assert 0 <= Fraction(amount * bps, BPS) - share < 1
    assert share <= amount


def test_a_share_of_more_than_everything_is_our_defect() -> None:
    assert share_down(usdm(100), BPS) == usdm(100)
    for bps in (-1, BPS + 1):
        with pytest.raises(AssertionError):
            share_down(usdm(100), bps)
