"""The trade's good paths, each to the last coin: who is paid what, by which act."""

from __future__ import annotations

import pytest
from escrow_trade import CLOSED, FEE, FUND, FUNDED, OPEN, PRESENTED, PRICE, REFUND, Trade, refused
from escrow_world import DAY_S, World, now, sha, wait, who

TOTAL = PRICE + FEE


def test_a_whole_trade_pays_seller_and_fee(presented: Trade) -> None:
    presented.release(attesters=("attester1", "attester3"))
    assert presented.state()["status"] == CLOSED
    presented.claim_fee()
    assert (presented.balance("seller"), presented.balance("fees"), presented.held()) == (PRICE, FEE, 0)


def test_state_tells_every_figure_after_funding(trade: Trade) -> None:
    assert trade.state()["status"] == OPEN
    trade.fund()
    state = trade.state()
    assert state["status"] == FUNDED
    assert (state["held"], state["sequence"], state["present_until"]) == (TOTAL, 1, trade.terms["present_by"])
    assert state["terms_hash"] == trade.terms_hash
    for view in ("status", "held", "released", "refunded", "fee_claimable", "present_until", "presented_at"):
        assert trade.escrow(view) == state[view]
    for view in ("documents_sha256", "round", "sequence", "disputed_until", "frozen_until", "blocked", "examine_until"):
        assert trade.escrow(view) == state[view]
    assert trade.escrow("awarded_to_seller") == state["awarded_to_seller"] == 0


def test_a_permit_funds_and_anyone_may_send_it(trade: Trade) -> None:
    trade.token("mint", who("buyer"), TOTAL)
    deadline = now() + 600
    passport = trade.passport(FUND, trade.escrow.address, TOTAL)
    trade.act("fund_with_permit", *passport, deadline, *trade.permit(TOTAL, deadline))
    assert (trade.held(), trade.balance("buyer")) == (TOTAL, 0)


def test_a_permit_used_by_another_first_does_not_stop_the_funding(trade: Trade) -> None:
    trade.token("mint", who("buyer"), TOTAL)
    deadline = now() + 600
    v, r, s = trade.permit(TOTAL, deadline)
    trade.token("permit", who("buyer"), trade.escrow.address, TOTAL, deadline, v, r, s)
    trade.act("fund_with_permit", *trade.passport(FUND, trade.escrow.address, TOTAL), deadline, v, r, s)
    assert trade.held() == TOTAL


def test_a_bad_permit_without_allowance_funds_nothing(trade: Trade) -> None:
    trade.token("mint", who("buyer"), TOTAL)
    deadline = now() + 600
    passport = trade.passport(FUND, trade.escrow.address, TOTAL)
    with refused("ERC20: transfer amount exceeds allowance"):
        trade.act("fund_with_permit", *passport, deadline, *trade.permit(TOTAL, deadline, by="stranger"))
    assert trade.state()["status"] == OPEN


@pytest.mark.parametrize("attempt", [0, 7])
def test_an_authorisation_funds_and_anyone_may_send_it(trade: Trade, attempt: int) -> None:
    trade.token("mint", who("buyer"), TOTAL)
    passport = trade.passport(FUND, trade.escrow.address, TOTAL)
    signed = trade.authorisation(TOTAL, attempt)
    trade.act("fund_with_authorization", *passport, attempt, 0, now() + 3600, signed)
    assert (trade.held(), trade.balance("buyer")) == (TOTAL, 0)


def test_an_authorisation_for_another_attempt_funds_nothing(trade: Trade) -> None:
    trade.token("mint", who("buyer"), TOTAL)
    passport = trade.passport(FUND, trade.escrow.address, TOTAL)
    with refused("FiatTokenV2: invalid signature"):
        trade.act("fund_with_authorization", *passport, 1, 0, now() + 3600, trade.authorisation(TOTAL, 0))


def test_an_authorisation_by_a_third_party_funds_nothing(trade: Trade) -> None:
    trade.token("mint", who("stranger"), TOTAL)
    passport = trade.passport(FUND, trade.escrow.address, TOTAL)
    signed = trade.authorisation(TOTAL, by="stranger", **{"from": who("stranger")})
    with refused("FiatTokenV2: invalid signature"):
        trade.act("fund_with_authorization", *passport, 0, 0, now() + 3600, signed)


def test_partial_releases_earn_the_fee_in_proportion_and_in_full_at_the_end(presented: Trade) -> None:
    presented.release(333_333_333, attesters=("attester1", "attester2"))
    assert presented.escrow("fee_claimable") == FEE * 333_333_333 // PRICE
    presented.claim_fee(100)
    presented.release(1)  # the documents stay accepted
    presented.release(PRICE - 333_333_334)
    state = presented.state()
    assert (state["fee_claimable"], state["fee_paid"], state["held"]) == (FEE - 100, 100, FEE - 100)
    assert (presented.balance("seller"), state["status"]) == (PRICE, CLOSED)


def test_silence_of_the_examiner_ends_in_release(presented: Trade) -> None:
    wait(5 * DAY_S)
    with refused("not enough attesters"):
        presented.release()
    wait(1)
    presented.release()
    assert presented.balance("seller") == PRICE


def test_a_waiver_stands_in_for_the_attesters(presented: Trade) -> None:
    presented.waive()
    presented.release()
    assert presented.balance("seller") == PRICE


def test_the_buyer_may_waive_after_a_rejection(presented: Trade) -> None:
    presented.find_discrepant()
    presented.waive()
    assert presented.state()["status"] == PRESENTED
    presented.release()
    assert presented.balance("seller") == PRICE


def test_a_rejected_presentation_is_cured_in_time(presented: Trade) -> None:
    wait(4 * DAY_S)
    presented.find_discrepant()
    wait(4 * DAY_S)
    presented.present(sha("cured documents"))
    assert presented.state()["round"] == 2
    presented.release(attesters=("attester2", "attester3"))
    assert presented.balance("seller") == PRICE


def test_a_late_rejection_leaves_time_for_the_cure(funded: Trade) -> None:
    wait(20 * DAY_S)  # the last second for presentation
    funded.present()
    wait(5 * DAY_S)  # the last second for examination
    funded.find_discrepant()
    assert funded.escrow("present_until") == now() + 4 * DAY_S
    wait(4 * DAY_S)
    with refused("time to present has not passed"):
        funded.refund()
    wait(1)
    funded.refund()
    assert funded.balance("buyer") == TOTAL


def test_the_third_rejection_allows_the_refund_at_once(funded: Trade) -> None:
    for number in range(3):
        funded.present(sha(f"documents {number}"))
        if number < 2:
            funded.find_discrepant()
            with refused("time to present has not passed"):
                funded.refund()
    funded.find_discrepant()
    with refused("no presentation left"):
        funded.present(sha("documents 4"))
    funded.refund()
    assert (funded.balance("buyer"), funded.state()["status"]) == (TOTAL, CLOSED)


def test_a_seller_who_never_presents_is_refunded_to_the_buyer(funded: Trade) -> None:
    wait(20 * DAY_S)
    with refused("time to present has not passed"):
        funded.refund()
    wait(1)
    funded.refund()
    assert (funded.balance("buyer"), funded.held(), funded.state()["status"]) == (TOTAL, 0, CLOSED)


def test_after_a_partial_release_a_rejection_sends_back_only_the_rest(presented: Trade) -> None:
    presented.release(500_000_000, attesters=("attester1", "attester2"))
    earned = FEE * 500_000_000 // PRICE
    presented.reject()
    assert presented.balance("buyer") == TOTAL - 500_000_000 - earned
    presented.claim_fee()
    assert (presented.balance("fees"), presented.held()) == (earned, 0)


@pytest.mark.parametrize("days", [0, 1, 25])
def test_a_prohibited_payment_goes_back_at_any_time(funded: Trade, days: int) -> None:
    if days:
        funded.present()
    wait(days * DAY_S)
    funded.reject()
    assert (funded.balance("buyer"), funded.state()["status"]) == (TOTAL, CLOSED)


def test_a_prohibited_payment_goes_back_during_a_dispute(presented: Trade) -> None:
    presented.dispute()
    presented.reject()
    assert presented.balance("buyer") == TOTAL


@pytest.mark.parametrize("seller_first", [True, False])
@pytest.mark.parametrize("to_seller", [0, 1, 600_000_001, PRICE])
def test_an_award_pays_both_in_any_order(presented: Trade, to_seller: int, seller_first: bool) -> None:
    presented.dispute("seller")
    presented.award(to_seller)
    earned = FEE * to_seller // PRICE
    to_buyer = TOTAL - to_seller - earned
    acts = [lambda: presented.release(to_seller)] if to_seller else []
    acts += [lambda: presented.refund(to_buyer)] if to_buyer else []
    for act in acts if seller_first else reversed(acts):
        act()
    assert (presented.balance("seller"), presented.balance("buyer")) == (to_seller, to_buyer)
    assert presented.state()["status"] == CLOSED
    assert presented.held() == presented.escrow("fee_claimable") == earned


def test_an_award_counts_what_was_released_before(presented: Trade) -> None:
    presented.release(400_000_000, attesters=("attester1", "attester2"))
    presented.dispute()
    with refused("less than was released"):
        presented.award(399_999_999)
    presented.award(500_000_000)
    presented.release(100_000_000)
    presented.refund()
    earned = FEE * 500_000_000 // PRICE
    assert presented.balance("seller") == 500_000_000
    assert presented.balance("buyer") == TOTAL - 500_000_000 - earned


def test_an_award_needs_no_documents(funded: Trade) -> None:
    funded.dispute()
    funded.award(PRICE)
    funded.release()
    assert funded.balance("seller") == PRICE


def test_trustees_pay_when_the_operator_is_gone(presented: Trade) -> None:
    with refused("passport not duly signed"):
        presented.release(attesters=("attester1", "attester2"), signers=("trustee1",))
    presented.release(attesters=("attester1", "attester2"), signers=("trustee3", "trustee1"))
    presented.claim_fee(signers=("trustee2", "trustee1"))
    assert (presented.balance("seller"), presented.held()) == (PRICE, 0)


@pytest.mark.parametrize("signers", [("operator", "operator2"), ("trustee1", "trustee2")])
def test_a_third_party_payment_goes_back_to_it_and_never_funds(trade: Trade, signers: tuple[str, ...]) -> None:
    trade.token("mint", trade.escrow.address, TOTAL)
    assert trade.state()["status"] == OPEN
    trade.fund()
    trade.give_back(who("stranger"), TOTAL, signers)
    assert (trade.balance("stranger"), trade.held(), trade.escrow("held")) == (TOTAL, TOTAL, TOTAL)


def test_a_payment_goes_back_before_funding_and_after_closing(trade: Trade) -> None:
    trade.token("mint", trade.escrow.address, 50)
    trade.give_back(who("stranger"), 20)
    trade.fund()
    trade.reject()
    trade.give_back(who("stranger"), 30)
    assert (trade.balance("stranger"), trade.held()) == (50, 0)


def test_the_release_needs_a_fresh_passport_each_time(presented: Trade) -> None:
    presented.release(5, attesters=("attester1", "attester2"), valid_from=now() - 60)
    with refused("passport is out of turn"):
        presented.release(5, sequence=1)


def test_two_trades_do_not_share_money(world: World, funded: Trade) -> None:
    other = Trade(world, settlement=sha("another settlement"))
    assert other.escrow.address != funded.escrow.address
    other.fund()
    with refused("passport is for another escrow"):
        other.act("reject", *funded.passport(4, who("buyer"), TOTAL))
    other.reject()
    assert (other.held(), funded.held()) == (0, TOTAL)


def test_a_refund_passport_does_not_serve_for_a_rejection(funded: Trade) -> None:
    with refused("passport is for another act"):
        funded.act("reject", *funded.passport(REFUND, who("buyer"), TOTAL))
