"""What tokens do to a trade: answers missing or false, fees, call-backs, pause and blocklists."""

from __future__ import annotations

import pytest
from escrow_trade import FEE, FUND, OPEN, PRICE, RELEASE, Trade, refused
from escrow_world import DAY_S, World, odd_token, wait, who, words

BLOCKLISTED = "Blacklistable: account is blacklisted"


def test_a_token_that_returns_nothing_works_from_end_to_end(world: World) -> None:
    trade = Trade(world, odd_token("Silent"))
    trade.fund()
    trade.present()
    trade.release(attesters=("attester1", "attester2"))
    trade.claim_fee()
    assert (trade.balance("seller"), trade.balance("fees"), trade.held()) == (PRICE, FEE, 0)


def test_a_token_that_keeps_a_fee_is_refused(world: World) -> None:
    trade = Trade(world, odd_token("FeeOnTransfer"))
    with refused("token did not deliver in full"):
        trade.fund()
    assert (trade.state()["status"], trade.balance("buyer")) == (OPEN, trade.total)


def test_a_token_that_keeps_a_fee_is_refused_even_if_it_lies_there_already(world: World) -> None:
    trade = Trade(world, odd_token("FeeOnTransfer"))
    trade.token("mint", trade.escrow.address, trade.total)
    with refused("token did not deliver in full"):
        trade.fund()


def test_a_token_that_answers_false_is_refused(world: World) -> None:
    trade = Trade(world, odd_token("Moody"))
    trade.token("answer_false", True)
    with refused("token refused to pay in"):
        trade.fund()
    trade.token("answer_false", False)
    trade.fund()
    trade.token("answer_false", True)
    with refused("token refused to pay out"):
        trade.reject()
    assert trade.escrow("held") == trade.total


def test_a_token_that_calls_back_pays_nothing_twice(world: World) -> None:
    trade = Trade(world, odd_token("Moody"))
    trade.fund()
    trade.present()
    examined = trade.examinations(True, "attester1", "attester2")
    passport, signed = trade.passport(RELEASE, who("seller"), PRICE // 2, sequence=2)
    again = trade.escrow.encoded("release", words(trade.terms), PRICE // 2, passport, signed, examined)
    trade.token("call_back", trade.escrow.address, again)
    with refused(""):  # the lock of the compiler gives no reason
        trade.release(PRICE // 2, attesters=("attester1", "attester2"))
    assert trade.escrow("held") == trade.held() == trade.total


def test_a_wrong_token_goes_back_to_where_it_came_from(funded: Trade) -> None:
    wrong = odd_token("Silent")
    wrong("mint", funded.escrow.address, 77)
    funded.give_back(who("stranger"), 77, token=wrong)
    assert wrong("balanceOf", who("stranger")) == 77
    assert funded.held() == funded.total


def test_a_token_that_takes_from_the_trade_when_another_is_returned_is_stopped(world: World) -> None:
    """A hostile token called through return_payment reaches into the escrow again and finds it locked."""
    trade = Trade(world)
    trade.fund()
    hostile = odd_token("Moody")
    hostile("mint", trade.escrow.address, 1)
    passport, signed = trade.passport(4, who("buyer"), trade.total, sequence=trade.escrow("sequence") + 1)
    hostile("call_back", trade.escrow.address, trade.escrow.encoded("reject", words(trade.terms), passport, signed))
    with refused(""):
        trade.give_back(who("stranger"), 1, token=hostile)
    assert trade.held() == trade.total


def test_a_token_that_takes_more_than_the_surplus_is_stopped(world: World) -> None:
    trade = Trade(world, odd_token("Moody"))
    trade.fund()
    trade.token("mint", trade.escrow.address, 5)
    trade.token("take_more", 1)
    with refused("the trade's money was touched"):
        trade.give_back(who("stranger"), 5)
    trade.give_back(who("stranger"), 4)
    assert trade.held() == trade.total


def test_a_paused_token_delays_and_loses_nothing(presented: Trade) -> None:
    presented.token("pause")
    with refused("Pausable: paused"):
        presented.release(attesters=("attester1", "attester2"))
    with refused("Pausable: paused"):
        presented.reject()
    presented.token("unpause")
    presented.release(attesters=("attester1", "attester2"))
    assert presented.balance("seller") == PRICE


def test_a_paused_token_funds_nothing(trade: Trade) -> None:
    trade.supply()
    trade.token("pause")
    with refused("Pausable: paused"):
        trade.act("fund", *trade.passport(FUND, trade.escrow.address, trade.total), by="buyer")


def test_a_blocklisted_fee_recipient_does_not_stop_the_trade(presented: Trade) -> None:
    presented.token("blacklist", who("fees"))
    presented.release(attesters=("attester1", "attester2"))
    assert presented.balance("seller") == PRICE
    with refused(BLOCKLISTED):
        presented.claim_fee()
    assert presented.escrow("fee_claimable") == FEE
    presented.token("unBlacklist", who("fees"))
    presented.claim_fee()


def test_a_blocklisted_seller_is_not_paid_and_the_buyer_is(presented: Trade) -> None:
    presented.token("blacklist", who("seller"))
    with refused(BLOCKLISTED):
        presented.release(attesters=("attester1", "attester2"))
    presented.reject()
    assert presented.balance("buyer") == presented.total


def test_a_blocklisted_seller_does_not_keep_the_buyer_from_an_award(presented: Trade) -> None:
    presented.dispute()
    presented.award(100)
    presented.token("blacklist", who("seller"))
    with refused(BLOCKLISTED):
        presented.release(100)
    presented.refund(presented.total - 100)
    assert presented.balance("buyer") == presented.total - 100


def test_a_blocklisted_buyer_is_refunded_when_unlisted_and_the_seller_paid_meanwhile(funded: Trade) -> None:
    funded.token("blacklist", who("buyer"))
    with refused(BLOCKLISTED):
        funded.reject()
    funded.present()
    funded.release(attesters=("attester1", "attester2"))
    assert funded.balance("seller") == PRICE


@pytest.mark.parametrize("name", ["buyer", "escrow"])
def test_a_blocklisted_payer_or_escrow_funds_nothing(trade: Trade, name: str) -> None:
    trade.supply()
    trade.token("blacklist", trade.escrow.address if name == "escrow" else who(name))
    with refused(BLOCKLISTED):
        trade.act("fund", *trade.passport(FUND, trade.escrow.address, trade.total), by="buyer")


def test_a_blocklisted_escrow_pays_when_it_is_unlisted(funded: Trade) -> None:
    funded.token("blacklist", funded.escrow.address)
    wait(20 * DAY_S + 1)
    with refused(BLOCKLISTED):
        funded.refund()
    assert funded.escrow("held") == funded.total
    funded.token("unBlacklist", funded.escrow.address)
    funded.refund()
    assert funded.balance("buyer") == funded.total
