"""What stops the deadlines, for how long, and that nothing leaves while an order stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from escrow_trade import BLOCK, FEE, FREEZE, FUND, LIFT, PRICE, Trade, refused
from escrow_world import DAY_S, now, sha, wait, who

PAYOUTS: list[Callable[[Trade], None]] = [
    lambda trade: trade.release(1, attesters=("attester1", "attester2")),
    lambda trade: trade.reject(),
    lambda trade: trade.claim_fee(),
    lambda trade: trade.give_back(who("stranger"), 1),
]


@pytest.mark.parametrize("payout", PAYOUTS)
@pytest.mark.parametrize("kind", [FREEZE, BLOCK])
def test_nothing_leaves_under_an_order_and_everything_after_it(
    presented: Trade, kind: int, payout: Callable[[Trade], None]
) -> None:
    presented.token("mint", presented.escrow.address, 1)
    presented.release(PRICE // 2, attesters=("attester1", "attester2"))
    presented.hold(kind, now() + DAY_S if kind == FREEZE else 0)
    with refused("escrow is frozen" if kind == FREEZE else "escrow is blocked"):
        payout(presented)
    presented.lift()
    payout(presented)


def test_no_refund_while_frozen_and_the_seller_keeps_the_time(funded: Trade) -> None:
    wait(15 * DAY_S)  # five days are left for presentation
    funded.freeze(10 * DAY_S)
    wait(10 * DAY_S)
    with refused("time to present has not passed"):
        funded.refund()
    wait(5 * DAY_S)
    funded.present()


def test_a_freeze_lasts_to_its_last_second(presented: Trade) -> None:
    presented.freeze(DAY_S)
    wait(DAY_S)
    with refused("escrow is frozen"):
        presented.reject()
    wait(1)
    presented.reject()


def test_after_a_rejection_no_examination_is_due(presented: Trade) -> None:
    presented.find_discrepant()
    assert presented.escrow("examine_until") == 0


def test_a_deadline_that_had_passed_stays_passed(funded: Trade) -> None:
    wait(20 * DAY_S + 1)
    funded.freeze(DAY_S)
    with refused("time for presentation has passed"):
        funded.present()
    with refused("escrow is frozen"):
        funded.refund()
    wait(DAY_S + 1)
    funded.refund()
    assert funded.balance("buyer") == PRICE + FEE


def test_a_lift_gives_back_the_time_that_was_not_frozen(presented: Trade) -> None:
    before = presented.state()
    presented.freeze(10 * DAY_S)
    wait(3 * DAY_S)
    presented.lift()
    after = presented.state()
    assert after["examine_until"] == before["examine_until"] + 3 * DAY_S
    assert after["present_until"] == before["present_until"] + 3 * DAY_S
    assert not after["blocked"] and after["frozen_until"] < now()


def test_a_longer_freeze_adds_only_what_it_adds(presented: Trade) -> None:
    before = presented.escrow("examine_until")
    presented.freeze(10 * DAY_S)
    wait(4 * DAY_S)
    with refused("freeze ends too early"):
        presented.freeze(6 * DAY_S)
    presented.freeze(8 * DAY_S)
    assert presented.escrow("examine_until") == before + 12 * DAY_S


def test_documents_presented_under_a_freeze_are_examined_after_it(funded: Trade) -> None:
    funded.freeze(10 * DAY_S)
    frozen_until = funded.escrow("frozen_until")
    funded.present()
    assert funded.escrow("examine_until") == frozen_until + 5 * DAY_S
    wait(2 * DAY_S)
    funded.lift()
    assert funded.escrow("examine_until") == now() + 5 * DAY_S


def test_a_block_stops_every_deadline_until_it_is_lifted(presented: Trade) -> None:
    before = presented.state()
    wait(DAY_S)
    presented.hold(BLOCK)
    wait(400 * DAY_S)
    for act in (presented.find_discrepant, presented.waive, presented.dispute, lambda: presented.award(1)):
        with refused("escrow is blocked"):
            act()
    presented.lift()
    assert presented.escrow("examine_until") == before["examine_until"] + 400 * DAY_S
    with refused("not enough attesters"):
        presented.release()
    presented.find_discrepant()


def test_a_block_within_a_freeze_counts_the_same_time_once(presented: Trade) -> None:
    before = presented.escrow("examine_until")
    presented.freeze(10 * DAY_S)
    wait(4 * DAY_S)
    presented.hold(BLOCK)
    with refused("escrow is blocked"):
        presented.freeze(20 * DAY_S)
    wait(16 * DAY_S)
    presented.lift()
    assert presented.escrow("examine_until") == before + 20 * DAY_S


def test_a_block_lifted_from_a_freeze_leaves_it(presented: Trade) -> None:
    before = presented.state()
    presented.freeze(10 * DAY_S)
    ends = presented.escrow("frozen_until")
    presented.hold(BLOCK)
    wait(3 * DAY_S)
    presented.lift(until=ends)
    after = presented.state()
    assert (after["blocked"], after["frozen_until"]) == (False, ends)
    assert after["examine_until"] == before["examine_until"] + 10 * DAY_S
    with refused("escrow is frozen"):
        presented.release()
    presented.lift(until=ends - 2 * DAY_S)
    assert presented.escrow("frozen_until") == ends - 2 * DAY_S
    assert presented.escrow("examine_until") == before["examine_until"] + 8 * DAY_S


def test_a_block_that_outlasts_a_freeze_counts_once_whatever_its_lift_says_of_the_freeze(presented: Trade) -> None:
    before = presented.escrow("examine_until")
    presented.freeze(10 * DAY_S)
    ends = presented.escrow("frozen_until")
    presented.hold(BLOCK)
    wait(20 * DAY_S)
    presented.lift(until=ends)
    assert presented.escrow("frozen_until") == ends
    assert presented.escrow("examine_until") == before + 20 * DAY_S


def test_a_block_lifted_within_a_freeze_ends_both(presented: Trade) -> None:
    before = presented.escrow("examine_until")
    presented.freeze(10 * DAY_S)
    wait(DAY_S)
    presented.hold(BLOCK)
    wait(DAY_S)
    presented.lift()
    assert presented.escrow("examine_until") == before + 2 * DAY_S
    presented.release(attesters=("attester1", "attester2"))


def test_an_unpaid_escrow_takes_no_money_under_an_order(trade: Trade) -> None:
    trade.freeze(DAY_S)
    with refused("escrow is frozen"):
        trade.fund()
    trade.hold(BLOCK)
    with refused("escrow is blocked"):
        trade.fund()
    trade.lift()
    trade.fund()


def test_a_dispute_stops_release_and_refund_and_then_the_clocks_go_on(presented: Trade) -> None:
    wait(2 * DAY_S)
    presented.dispute()
    with refused("escrow is disputed"):
        presented.release(attesters=("attester1", "attester2"))
    wait(30 * DAY_S + 3 * DAY_S)
    with refused("not enough attesters"):
        presented.release()
    wait(1)
    presented.release()
    assert presented.balance("seller") == PRICE


def test_a_dispute_without_documents_ends_in_the_refund_it_would_have_been(funded: Trade) -> None:
    wait(15 * DAY_S)
    funded.dispute("seller")
    wait(25 * DAY_S)
    with refused("escrow is disputed"):
        funded.refund()
    wait(10 * DAY_S)
    with refused("time to present has not passed"):
        funded.refund()
    wait(1)
    funded.refund()


def test_a_dispute_is_over_for_the_arbiters_when_its_time_is(presented: Trade) -> None:
    presented.dispute()
    wait(30 * DAY_S)
    presented.award(1)
    with refused("already awarded"):
        presented.award(2)


def test_no_award_after_the_dispute(presented: Trade) -> None:
    presented.dispute()
    wait(30 * DAY_S + 1)
    with refused("not disputed"):
        presented.award(1)


def test_documents_presented_in_a_dispute_are_examined_after_it(funded: Trade) -> None:
    funded.dispute()
    funded.present()
    assert funded.escrow("examine_until") == now() + 35 * DAY_S
    funded.find_discrepant()
    assert funded.escrow("present_until") == max(now() + 34 * DAY_S, funded.terms["present_by"] + 30 * DAY_S)


def test_a_freeze_gives_the_arbiters_their_time_back(presented: Trade) -> None:
    presented.dispute()
    disputed_until = presented.escrow("disputed_until")
    wait(DAY_S)
    presented.freeze(20 * DAY_S)
    assert presented.escrow("disputed_until") == disputed_until + 20 * DAY_S
    wait(5 * DAY_S)
    presented.lift()
    assert presented.escrow("disputed_until") == disputed_until + 5 * DAY_S
    assert presented.escrow("examine_until") == now() - 6 * DAY_S + 40 * DAY_S


def test_a_dispute_raised_under_a_freeze_begins_after_it(presented: Trade) -> None:
    presented.freeze(10 * DAY_S)
    frozen_until = presented.escrow("frozen_until")
    presented.dispute()
    assert presented.escrow("disputed_until") == frozen_until + 30 * DAY_S
    assert presented.escrow("examine_until") == frozen_until + 35 * DAY_S
    wait(4 * DAY_S)
    presented.lift()
    assert presented.escrow("disputed_until") == now() + 30 * DAY_S
    assert presented.escrow("examine_until") == now() + 35 * DAY_S


def test_an_award_under_a_freeze_is_paid_after_it(presented: Trade) -> None:
    presented.dispute()
    presented.freeze(DAY_S)
    presented.award(PRICE)
    with refused("escrow is frozen"):
        presented.release()
    wait(DAY_S + 1)
    presented.release()
    assert presented.balance("seller") == PRICE


def test_an_order_serves_once(presented: Trade) -> None:
    until = now() + DAY_S
    signed = presented.statement("Hold", "authority", kind=FREEZE, until=until, order_sha256=sha("order"), number=0)
    presented.act("hold", FREEZE, until, sha("order"), signed)
    presented.lift()
    with refused("not ordered by those entitled"):
        presented.act("hold", FREEZE, until, sha("order"), signed)


def test_one_authority_freezes_and_blocks_and_two_lift(presented: Trade) -> None:
    with refused("not ordered by those entitled"):
        presented.hold(FREEZE, now() + DAY_S, signers=("operator",))
    presented.freeze(DAY_S)
    with refused("not ordered by those entitled"):
        presented.hold(LIFT, signers=("authority",))
    with refused("signers are not distinct and ascending"):
        presented.hold(LIFT, signers=("authority", "authority"))
    with refused("not ordered by those entitled"):
        presented.hold(LIFT, signers=("authority", "operator"))
    presented.lift()
    with refused("nothing to lift"):
        presented.lift()


def test_orders_of_no_sense_are_refused(presented: Trade) -> None:
    with refused("freeze ends too early"):
        presented.freeze(0)
    with refused("freeze is longer than 30 days"):
        presented.freeze(30 * DAY_S + 1)
    with refused("a block has no end date"):
        presented.hold(BLOCK, now() + 1)
    with refused("no such kind of hold"):
        presented.hold(4)
    presented.freeze(30 * DAY_S)
    with refused("a lift lengthens no freeze"):
        presented.lift(until=presented.escrow("frozen_until") + 1)


def test_the_time_for_funding_is_kept(trade: Trade) -> None:
    wait(2 * DAY_S)
    trade.supply()
    passport = trade.passport(FUND, trade.escrow.address, trade.total)
    wait(1)
    with refused("time for funding has passed"):
        trade.act("fund", *passport, by="buyer")
