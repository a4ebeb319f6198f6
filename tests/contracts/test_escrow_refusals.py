"""Every refusal of an open escrow, beside the yes it is nearest to."""

from __future__ import annotations

from typing import Any

import pytest
from escrow_trade import CLOSED, FUND, FUNDED, PRICE, RELEASE, RETURN, Trade, refused, sound_terms
from escrow_world import DAY_S, ZERO, Deployed, World, now, ours, sha, wait, who, words

from entrepot.rails.contracts import artifact

SPOILT_PASSPORTS: list[tuple[dict[str, Any], str]] = [
    ({"escrow": who("stranger")}, "passport is for another escrow"),
    ({"terms_hash": sha("other")}, "passport is for other terms"),
    ({"act": RELEASE}, "passport is for another act"),
    ({"payee": who("seller")}, "passport is for another payee"),
    ({"token": who("stranger")}, "passport is for another token"),
    ({"amount": 1}, "passport is for another amount"),
    ({"sequence": 1}, "passport is out of turn"),
    ({"valid_until": 1}, "passport ends before it begins"),
    ({"valid_from": 0, "valid_until": 86_401}, "passport is valid over 24 hours"),
]


@pytest.mark.parametrize(("changes", "reason"), SPOILT_PASSPORTS)
def test_a_passport_says_exactly_what_is_paid(trade: Trade, changes: dict[str, Any], reason: str) -> None:
    trade.supply()
    with refused(reason):
        trade.act("fund", *_funding(trade, **changes), by="buyer")
    trade.act("fund", *_funding(trade), by="buyer")


def test_a_passport_is_valid_from_its_first_to_its_last_second(trade: Trade) -> None:
    trade.supply()
    start = now()
    passport = _funding(trade, valid_from=start + 10, valid_until=start + 10 + DAY_S)
    wait(9)
    with refused("passport is not valid yet"):
        trade.act("fund", *passport, by="buyer")
    wait(DAY_S + 2)
    with refused("passport expired"):
        trade.act("fund", *passport, by="buyer")
    wait(-1)
    trade.act("fund", *passport, by="buyer")


@pytest.mark.parametrize(
    "signers",
    [(), ("stranger",), ("seller",), ("authority",), ("operator", "stranger"), ("trustee1",), ("operator", "trustee1")],
)
def test_a_passport_is_signed_by_those_entitled_and_nobody_else(trade: Trade, signers: tuple[str, ...]) -> None:
    with refused("passport not duly signed"):
        trade.fund(signers=signers)


def test_a_passport_with_another_content_than_signed_is_refused(trade: Trade) -> None:
    trade.supply()
    passport, signed = _funding(trade)
    with refused("passport not duly signed"):
        trade.act("fund", (*passport[:-1], sha("another decision")), signed, by="buyer")


def test_a_passport_serves_once(trade: Trade) -> None:
    trade.token("mint", trade.escrow.address, 10)
    passport, signed = trade.passport(RETURN, who("stranger"), 5, ("operator", "operator2"))
    trade.act("return_payment", trade.token.address, who("stranger"), 5, passport, signed)
    with refused("passport is out of turn"):
        trade.act("return_payment", trade.token.address, who("stranger"), 5, passport, signed)


def test_signatures_have_one_form(trade: Trade) -> None:
    trade.supply()
    passport, (signed,) = _funding(trade)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high_s = signed[:32] + (order - int.from_bytes(signed[32:64], "big")).to_bytes(32, "big")
    spoilt = [
        (signed[:64], "signature is not 65 bytes"),
        (high_s + bytes([55 - signed[64]]), "signature has a high s"),
        (signed[:64] + bytes([signed[64] - 27]), "signature v is not 27 or 28"),
        (bytes(32) + signed[32:], "signature recovers to nobody"),
    ]
    for raw, reason in spoilt:
        with refused(reason):
            trade.act("fund", passport, [raw], by="buyer")
    trade.act("fund", passport, [signed], by="buyer")


def test_signatures_are_distinct_and_ascending(presented: Trade) -> None:
    one, two = presented.examinations(True, "attester1", "attester2")
    passport, signed = presented.passport(RELEASE, who("seller"), PRICE)
    for examined in ([one, one], [two, one]):
        with refused("signers are not distinct and ascending"):
            presented.act("release", PRICE, passport, signed, examined)
    presented.act("release", PRICE, passport, signed, [one, two])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("present", (sha("documents"), bytes(65))),
        ("reject_presentation", ([],)),
        ("waive", (sha("documents"), bytes(65))),
        ("raise_dispute", (sha("reason"), bytes(65))),
        ("award", (1, [])),
        ("hold", (1, 2, sha("order"), [])),
    ],
)
def test_other_terms_are_refused_by_every_act(funded: Trade, name: str, arguments: tuple[Any, ...]) -> None:
    other = words(funded.terms | {"price": PRICE + 1})
    with refused("not the terms of this escrow"):
        funded.escrow(name, other, *arguments)


@pytest.mark.parametrize("name", ["fund", "release", "refund", "reject", "claim_fee", "return_payment"])
def test_other_terms_are_refused_by_every_payment(funded: Trade, name: str) -> None:
    other = words(funded.terms | {"seller": who("stranger")})
    passport, signed = funded.passport(FUND, funded.escrow.address, funded.total)
    more = {
        "release": (1, passport, signed, []),
        "return_payment": (funded.token.address, who("stranger"), 1, passport, signed),
    }.get(name, (passport, signed))
    with refused("not the terms of this escrow"):
        funded.escrow(name, other, *more, by="buyer")


def test_only_the_buyer_sends_the_funding_and_only_once(trade: Trade) -> None:
    with refused("not the buyer's wallet"):
        trade.fund(by="stranger")
    trade.fund()
    with refused("already funded"):
        trade.fund()


def test_a_funding_without_money_leaves_the_escrow_open(trade: Trade) -> None:
    trade.supply(trade.total - 1)
    with refused("ERC20: transfer amount exceeds allowance"):
        trade.act("fund", *_funding(trade), by="buyer")
    assert trade.state()["status"] == 0


def test_nothing_is_paid_before_funding(trade: Trade) -> None:
    for act in (lambda: trade.release(1), lambda: trade.refund(1), lambda: trade.reject(1), trade.dispute):
        with refused("not funded"):
            act()
    with refused("not waiting for documents"):
        trade.present()
    with refused("nothing to pay"):
        trade.claim_fee()


def test_nothing_is_paid_after_closing(presented: Trade) -> None:
    presented.release(attesters=("attester1", "attester2"))
    assert presented.state()["status"] == CLOSED
    for act in (lambda: presented.release(1), lambda: presented.refund(1), lambda: presented.reject(1)):
        with refused("already closed"):
            act()
    with refused("already closed"):
        presented.dispute()
    with refused("no presentation to waive for"):
        presented.waive()


def test_documents_are_presented_by_the_seller_in_time_and_once_a_round(funded: Trade) -> None:
    with refused("not signed by the seller"):
        funded.present(by="buyer")
    with refused("not signed by the seller"):
        funded.present(round=2)
    with refused("no documents"):
        funded.present(bytes(32))
    wait(20 * DAY_S + 1)
    with refused("time for presentation has passed"):
        funded.present()
    wait(-1)
    funded.present()
    with refused("not waiting for documents"):
        funded.present()


def test_a_rejection_is_by_enough_attesters_of_these_documents_in_time(presented: Trade) -> None:
    with refused("not enough attesters"):
        presented.find_discrepant("attester1")
    with refused("signer is not an attester"):
        presented.find_discrepant("attester1", "buyer")
    for changes in ({"round": 2}, {"complies": True}, {"documents_sha256": sha("other")}):
        with refused("signer is not an attester"):
            presented.find_discrepant("attester1", **changes)
    wait(5 * DAY_S + 1)
    with refused("time for examination has passed"):
        presented.find_discrepant()
    wait(-1)
    presented.find_discrepant()
    with refused("no presentation to examine"):
        presented.find_discrepant()


def test_accepted_documents_are_not_rejected_any_more(presented: Trade) -> None:
    presented.waive()
    with refused("documents were already accepted"):
        presented.find_discrepant()
    with refused("documents were already accepted"):
        presented.waive()


def test_a_waiver_is_by_the_buyer_for_the_documents_presented(funded: Trade) -> None:
    with refused("no presentation to waive for"):
        funded.waive()
    funded.present()
    with refused("not signed by the buyer"):
        funded.waive(by="seller")
    with refused("not signed by the buyer"):
        funded.waive(round=2)
    with refused("not the documents presented"):
        funded.waive(documents=sha("other"))
    funded.waive()


def test_an_old_acceptance_does_not_serve_for_new_documents(presented: Trade) -> None:
    old = presented.examinations(True, "attester1")
    presented.find_discrepant()
    presented.present(sha("cured"))
    passport, signed = presented.passport(RELEASE, who("seller"), PRICE)
    with refused("signer is not an attester"):
        presented.act("release", PRICE, passport, signed, old)


def test_a_release_needs_documents_accepted_by_enough_attesters(funded: Trade) -> None:
    with refused("no documents presented"):
        funded.release(attesters=())
    funded.present()
    with refused("not enough attesters"):
        funded.release(attesters=("attester1",))
    with refused("signer is not an attester"):
        funded.release(attesters=("attester1", "stranger"))
    with refused("nothing to pay"):
        funded.release(0, attesters=("attester1", "attester2"))
    with refused("more than the price"):
        funded.release(PRICE + 1, attesters=("attester1", "attester2"))
    funded.release(attesters=("attester1", "attester2"))


def test_a_rejected_presentation_releases_nothing(presented: Trade) -> None:
    presented.find_discrepant()
    with refused("no documents presented"):
        presented.release(attesters=("attester1", "attester2"))


def test_a_refund_waits_for_documents_that_are_presented(presented: Trade) -> None:
    wait(400 * DAY_S)
    with refused("documents are presented"):
        presented.refund()


def test_a_refund_is_of_everything_left(funded: Trade) -> None:
    wait(20 * DAY_S + 1)
    for amount in (funded.total - 1, funded.total + 1):
        with refused("passport is for another amount"):
            funded.refund(amount)
    funded.refund()


def test_a_rejection_of_payment_is_of_everything_left(funded: Trade) -> None:
    with refused("passport is for another amount"):
        funded.reject(funded.total - 1)
    funded.reject()


def test_no_more_than_the_earned_fee_is_claimed(presented: Trade) -> None:
    with refused("more than the fee earned"):
        presented.claim_fee(1)
    presented.release(PRICE // 2, attesters=("attester1", "attester2"))
    with refused("more than the fee earned"):
        presented.claim_fee(presented.escrow("fee_claimable") + 1)
    presented.claim_fee()


def test_a_returned_payment_never_touches_the_trade(funded: Trade) -> None:
    funded.token("mint", funded.escrow.address, 10)
    with refused("more than the surplus"):
        funded.give_back(who("stranger"), 11)
    with refused("passport not duly signed"):
        funded.give_back(who("stranger"), 10, ("operator",))
    for to in (ZERO, funded.escrow.address):
        with refused("nowhere to return to"):
            funded.give_back(to, 10)
    funded.give_back(who("stranger"), 10)
    assert funded.held() == funded.total


def test_a_dispute_is_by_a_party_and_once(funded: Trade) -> None:
    with refused("not signed by a party"):
        funded.dispute("stranger")
    funded.dispute("seller")
    with refused("already disputed once"):
        funded.dispute("buyer")
    wait(31 * DAY_S)
    with refused("already disputed once"):
        funded.dispute("buyer")


def test_no_dispute_without_arbiters(world: World) -> None:
    trade = Trade(world, arbiters=[], arbiters_required=0)
    trade.fund()
    with refused("the terms name no arbiters"):
        trade.dispute()


def test_an_award_is_by_enough_arbiters_of_a_dispute(presented: Trade) -> None:
    with refused("not disputed"):
        presented.award(1)
    presented.dispute()
    with refused("not enough arbiters"):
        presented.award(1, "arbiter1")
    with refused("signer is not an arbiter"):
        presented.award(1, "arbiter1", "attester1")
    with refused("more than the price"):
        presented.award(PRICE + 1)
    presented.award(1)


def test_after_an_award_only_the_award_counts(presented: Trade) -> None:
    presented.dispute()
    presented.award(10)
    for act in (presented.present, presented.find_discrepant, presented.waive, lambda: presented.award(11)):
        with refused("already awarded"):
            act()
    with refused("more than the award"):
        presented.release(11)
    with refused("passport is for another amount"):
        presented.refund()  # of everything, not of the buyer's share
    presented.refund(presented.total - 10)
    with refused("the award was already refunded"):
        presented.refund(10)
    presented.release(10)


def test_a_bound_escrow_is_never_bound_again(trade: Trade, world: World) -> None:
    with refused("not the factory"):
        trade.escrow("initialise", sha("terms"))
    implementation = Deployed(world.factory("IMPLEMENTATION"), artifact("TradeEscrow")["abi"])
    with refused("not the factory"):
        implementation("initialise", sha("terms"))


def test_the_implementation_holds_no_trade_even_if_asked_by_a_factory(world: World) -> None:
    lone = ours("TradeEscrow", who("stranger"), world.registry.address)
    with refused("already bound to terms"):
        lone("initialise", sha("terms"), by="stranger")
    with refused("not the terms of this escrow"):
        lone("hold", words(sound_terms(world)), 2, 0, sha("order"), [])
    with refused("factory or registry is nobody"):
        ours("TradeEscrow", ZERO, world.registry.address)


def test_a_funded_escrow_takes_no_second_funding_by_any_door(funded: Trade) -> None:
    funded.token("mint", who("buyer"), funded.total)
    passport = _funding(funded)
    with refused("already funded"):
        funded.act("fund_with_permit", *passport, 0, 27, bytes(32), bytes(32))
    with refused("already funded"):
        funded.act("fund_with_authorization", *passport, 0, 0, now() + 60, funded.authorisation(funded.total))
    assert funded.state()["status"] == FUNDED


def _funding(trade: Trade, **changes: Any) -> tuple[tuple[Any, ...], list[bytes]]:
    return trade.passport(FUND, trade.escrow.address, trade.total, **changes)
