"""Accounts, transfers and balances: ids that follow from content, amounts in range, room that holds leave."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.core.ledger import (
    ACCEPTED,
    LIMITED,
    AccountClass,
    Answer,
    Balance,
    Phase,
    Transfer,
    account,
)
from entrepot.core.money import AMOUNT_MINOR_MAX

MOVE = Transfer("1" * 32, "a" * 32, "b" * 32, 1, Phase.POSTED, "funded", 1_800_000_000)


def test_an_account_id_is_fixed_by_class_owner_and_asset() -> None:
    # printf 'entrepot/account/1\nescrow\n4711\nUSD' | sha256sum, the first 32 digits
    assert account(AccountClass.ESCROW, "4711", "USD").id == "2b8d54276954bbb40a2ce0194453146e"
    assert account(AccountClass.ESCROW, "4711", "USD") == account(AccountClass.ESCROW, "4711", "USD")


@given(
    st.lists(
        st.tuples(st.sampled_from(AccountClass), st.text("ab:/", min_size=1), st.text("ab:/", min_size=1)), unique=True
    )
)
def test_different_accounts_have_different_ids(keys: list[tuple[AccountClass, str, str]]) -> None:
    assert len({account(*key).id for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("amount", "is_valid"),
    [(0, False), (-1, False), (1, True), (AMOUNT_MINOR_MAX, True), (AMOUNT_MINOR_MAX + 1, False)],
)
def test_a_transfer_moves_between_one_and_the_most(amount: int, is_valid: bool) -> None:
    assert replace(MOVE, amount_minor=amount).has_valid_amount() is is_valid


def test_a_balance_is_credits_less_debits_and_holds_take_room() -> None:
    balance = Balance(debits_posted=30, credits_posted=100, debits_pending=25, credits_pending=40)
    assert (balance.posted_minor, balance.available_minor) == (70, 45)
    assert (Balance().posted_minor, Balance().available_minor) == (0, 0)


def test_only_outside_has_no_limit_and_two_answers_mean_done() -> None:
    assert set(AccountClass) - set(LIMITED) == {AccountClass.OUTSIDE}
    assert set(ACCEPTED) == {Answer.POSTED, Answer.EXISTS}
