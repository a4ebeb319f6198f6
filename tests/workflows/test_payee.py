"""A changed wallet or bank: fresh quotes, new signatures, a cooling-off; and how a thief would redirect money."""

from __future__ import annotations

from typing import Any

from trading_house import House, sign
from trading_sale import Trade, sale

from entrepot.core.crypto import secp256k1_address, sha256
from entrepot.core.lifecycle import State
from entrepot.workflows.checks.payee import ownership_digest

NEW_KEY = sha256(b"the seller's next wallet")
COOLING_S = 48 * 3600
LONG = {"fund_s": 9 * 86_400, "present_s": 30 * 86_400}


def another(house: House, who: str = "seller", key: bytes = NEW_KEY) -> dict[str, Any]:
    """A request for another wallet, signed by its key."""
    participant, address, venue = house.people[who].participant, secp256k1_address(key), house.ctx.venue
    digest = ownership_digest(venue.chain_id, venue.factory, participant, address)
    return {"account": f"{house.rail.chain}:{address}", "signature": sign(key, digest)}


def move(house: House, key: bytes = NEW_KEY) -> int:
    """The seller is paid on another wallet: its treasurer asks, an operator confirms; returns from when on."""
    waits = house.ask("change_payee", "seller", another(house, key=key))
    said = house.ask("confirm_approval", "operator-1", {"approval": waits["approval"]})
    house.run()
    return int(said["paid_from"])


def signed_by_new(trade: Trade, key: bytes = NEW_KEY) -> Trade:
    """Both sides sign the fresh quote, the seller with its new wallet."""
    house, digest = trade.house, trade.house.terms(trade.id).digest()
    house.ask("sign", "seller", {"signature": sign(key, digest)}, trade.id)
    house.ask("sign", "buyer", {"signature": sign(house.people["buyer"].key, digest)}, trade.id)
    house.run()
    return trade


def test_every_trade_that_is_not_funded_is_quoted_afresh_and_its_signatures_are_void(house: House) -> None:
    quoted, signed, cleared = (sale(house).propose(**LONG) for _ in range(3))
    signed.sign("seller")
    cleared.agree().is_sound(State.CLEARED)
    paid = sale(house).propose(**LONG).agree().fund()
    paid_to = house.terms(paid.id).seller.wallet
    move(house)
    for trade in (quoted, signed, cleared):
        trade.is_sound(State.QUOTED)
        assert trade.one.signed_by == ()
        assert house.terms(trade.id).seller.wallet == another(house)["account"]
    assert house.terms(paid.id).seller.wallet == paid_to, "what is funded pays the wallet that both signed"
    paid.present().examine(complies=True).is_sound(State.RELEASED)


def test_nothing_is_funded_to_a_new_wallet_before_the_cooling_off_is_over(house: House) -> None:
    trade = sale(house).propose(**LONG)
    paid_from = move(house)
    assert paid_from - house.now() > COOLING_S - 600
    signed_by_new(trade).is_sound(State.AGREED)
    assert house.papers(trade.id, "pause")[-1]["reasons"][0][0] == "payee_cooling_off"
    house.pass_time(COOLING_S - 3600)
    house.follow_list()
    trade.is_sound(State.AGREED)
    house.pass_time(3700)
    trade.is_sound(State.CLEARED)
    trade.fund().is_sound(State.FUNDED)


def test_a_released_price_reaches_the_new_wallet(house: House) -> None:
    trade = sale(house).propose(**LONG)
    move(house)
    signed_by_new(trade)
    house.pass_time(COOLING_S + 60)
    house.follow_list()
    house.pass_time(60)
    trade.fund()
    before = house.tokens(secp256k1_address(NEW_KEY))
    presenting = trade.presenting(trade.documents())
    from entrepot.core.acts import PRESENTATION
    from entrepot.workflows.trade.settle import documents_in, presentation_sha256

    said = {"documents_sha256": presentation_sha256(trade.one, documents_in(presenting)), "round": 1}
    house.people["seller-new"] = type(house.people["seller"])("x", "y", "treasurer", NEW_KEY)
    presenting["signature"] = trade.signed(PRESENTATION, said, "seller-new")
    house.ask("present", "seller", presenting, trade.id)
    house.run()
    trade.examine(complies=True).is_sound(State.RELEASED)
    assert house.tokens(secp256k1_address(NEW_KEY)) - before == trade.one.price_minor


def test_a_fresh_quote_leaves_time_to_pay_after_the_cooling_off(house: House) -> None:
    trade = sale(house).propose()
    paid_from = move(house)
    schedule = house.terms(trade.id).schedule
    assert schedule.fund_by >= paid_from + house.ctx.policy.fund_s
    assert schedule.present_by >= paid_from + house.ctx.policy.present_s
    unmoved = sale(house, buyer="buyer").propose(fund_s=600, present_s=1200)
    assert house.terms(unmoved.id).schedule.fund_by >= paid_from, "new trades with it wait as well"


def test_old_signatures_and_payments_over_the_old_terms_are_worth_nothing(house: House) -> None:
    trade = sale(house).propose(**LONG).agree()
    payment, old = trade.funding(), house.terms(trade.id).digest()
    move(house)
    assert house.refusal("fund", "buyer", payment, trade.id) == "not_in_this_state"
    for who in ("seller", "buyer"):
        body = {"signature": sign(house.people[who].key, old)}
        assert house.refusal("sign", who, body, trade.id) == "signature_invalid"
    trade.is_sound(State.QUOTED)


def test_a_trade_in_review_is_quoted_afresh_as_any_other_so_that_nobody_learns_of_the_review(house: House) -> None:
    first = sale(house).propose(**LONG)
    house.follow_list({"id": "L-name", "schema": "organization", "names": [{"text": house.stated["buyer"].name}],
                       "countries": [house.stated["buyer"].country]})  # fmt: skip
    reviewed = first.agree()
    reviewed.is_sound(State.IN_REVIEW)
    move(house)
    reviewed.is_sound(State.QUOTED)
    signed_by_new(reviewed)
    house.pass_time(COOLING_S + 60)
    house.follow_list({"id": "L-name", "schema": "organization", "names": [{"text": house.stated["buyer"].name}],
                       "countries": [house.stated["buyer"].country]})  # fmt: skip
    house.pass_time(60)
    reviewed.is_sound(State.IN_REVIEW)


def test_another_bank_is_by_two_and_cools_off_too(house: House) -> None:
    trade = sale(house).propose(**LONG).agree()
    waits = house.ask("change_payee", "seller", {"bank_name": "Second Harbour Bank", "bank_bic": "SHBKDEFF"})
    trade.is_sound(State.CLEARED)
    said = house.ask("confirm_approval", "operator-1", {"approval": waits["approval"]})
    house.run()
    trade.is_sound(State.QUOTED)
    trade.agree().is_sound(State.AGREED)
    assert said["kind"] == "bank" and house.papers(trade.id, "pause")[-1]["reasons"][0][0] == "payee_cooling_off"
    assert house.refusal("change_payee", "seller", {"bank_name": "Second Harbour Bank", "bank_bic": "SHBKDEFF"}) == (
        "payee_unchanged"
    )


# ---- with one stolen credential


def test_a_stolen_treasurers_credential_moves_nothing_alone(house: House) -> None:
    thief = another(house, key=sha256(b"thief"))
    before = house.terms(sale(house).propose().id).seller.wallet
    waits = house.ask("change_payee", "seller", thief)
    for act in ("confirm_approval", "confirm_approval"):
        assert house.refusal(act, "seller", {"approval": waits["approval"]}) == "same_person"
    participant = house.people["seller"].participant
    assert house.refusal("add_wallet", "seller", thief | {"participant": participant}) == "wallet_change_by_two"
    assert house.terms(sale(house).propose().id).seller.wallet == before


def test_a_stolen_operators_credential_moves_nothing_alone(house: House) -> None:
    participant = house.people["seller"].participant
    thief = another(house, key=sha256(b"thief")) | {"participant": participant}
    assert house.refusal("change_payee", "operator-1", thief) == "not_allowed"
    assert house.refusal("add_wallet", "operator-1", thief) == "wallet_change_by_two"
    party = house.stated["seller"]
    body = {"id": participant, "kind": "company", "name": party.name, "country": party.country,
            "bank_name": "Thieves and Sons", "bank_bic": "THIEVES1"}  # fmt: skip
    assert house.refusal("admit", "operator-1", body) == "bank_change_by_two"
    change = {"subject": "bank", "body": {"participant": participant, "bank_name": "Thieves and Sons"}, "reason": "-"}
    asked = house.ask("propose_change", "operator-1", change)["change"]
    assert house.refusal("confirm_change", "operator-1", {"change": asked}) == "same_person"


def test_a_thief_cannot_name_anothers_participant_or_a_wallet_without_its_key(house: House) -> None:
    foreign = another(house, "buyer", sha256(b"thief"))
    assert house.refusal("change_payee", "seller", foreign) == "wallet_not_yours"
    taken = house.people["buyer"]
    body = another(house, "seller", taken.key)
    assert house.refusal("change_payee", "seller", body) == "wallet_taken"
    own = another(house, "seller", house.people["seller"].key)
    assert house.refusal("change_payee", "seller", own) == "payee_unchanged"


def test_going_back_to_an_old_wallet_is_a_change_with_a_cooling_off_as_well(house: House) -> None:
    move(house)
    house.pass_time(COOLING_S + 60)
    house.follow_list()
    trade = sale(house).propose(**LONG)
    move(house, house.people["seller"].key)
    assert house.terms(trade.id).seller.wallet == another(house, key=house.people["seller"].key)["account"]
    trade.agree().is_sound(State.AGREED)
    assert house.papers(trade.id, "pause")[-1]["reasons"][0][0] == "payee_cooling_off"


def test_a_request_for_an_operator_is_void_once_the_company_has_its_own_rule(house: House) -> None:
    """A thief asks before the mandates come, and hopes that an operator confirms after."""
    waits = house.ask("change_payee", "seller", another(house, key=sha256(b"thief")))
    house.join("tuan", house.people["seller"].participant, "treasurer")
    rule = {"name": "two", "acts": ["change_mandates", "change_payee"], "mode": "joint", "required": 2,
            "persons": [house.people[name].id for name in ("seller", "tuan")]}  # fmt: skip
    first = house.ask("change_mandates", "seller", {"mandates": [rule]})
    house.ask("confirm_approval", "operator-1", {"approval": first["approval"]})
    for who in ("operator-1", "operator-2"):
        assert house.refusal("confirm_approval", who, {"approval": waits["approval"]}) == "no_power"


def test_a_company_with_mandates_is_not_moved_by_an_operator_and_one_of_its_persons(house: House) -> None:
    house.join("tuan", house.people["seller"].participant, "treasurer")
    rule = {"name": "two", "acts": ["change_payee"], "mode": "joint", "required": 2,
            "persons": [house.people[name].id for name in ("seller", "tuan")]}  # fmt: skip
    first = house.ask("change_mandates", "seller", {"mandates": [rule]})
    house.ask("confirm_approval", "operator-1", {"approval": first["approval"]})
    waits = house.ask("change_payee", "seller", another(house))
    assert house.refusal("confirm_approval", "operator-1", {"approval": waits["approval"]}) == "not_found"
    assert house.refusal("confirm_approval", "seller", {"approval": waits["approval"]}) == "same_person"
    house.ask("confirm_approval", "tuan", {"approval": waits["approval"]})


def test_a_payment_on_its_way_goes_to_the_wallet_that_both_signed(house: House) -> None:
    """Terms that a passport may still fund are not quoted again: a late payment would fund an unknown escrow."""
    trade = sale(house).propose(**LONG).agree()
    house.ask("fund", "buyer", trade.funding(), trade.id)  # sent for, and not final yet
    wallet = house.terms(trade.id).seller.wallet
    move_without_running(house)
    house.run()
    trade.is_sound(State.FUNDED)
    assert house.terms(trade.id).seller.wallet == wallet


def test_after_a_dropped_payment_the_fresh_quote_waits_until_its_passport_has_ended(house: House) -> None:
    trade = sale(house).propose(**LONG).agree()
    house.ask("fund", "buyer", trade.funding(), trade.id)
    lost = house.put(
        "rail_failed",
        house.people["operator-1"],
        {"once": f"{trade.id}:{trade.one.seq}:fund_with_authorization"},
        trade.id,
    )
    house.answer(lost)
    assert trade.one.state is State.CLEARED
    move_without_running(house)
    house.answer(house.put("payee_changed", house.people["operator-1"], {}, trade.id))
    assert trade.one.state is State.CLEARED and house.refusal("requote", "buyer", {}, trade.id) == "not_in_this_state"
    assert house.refusal("fund", "buyer", trade.funding(1), trade.id) == "payee_changed"


def move_without_running(house: House) -> None:
    """The change alone; the chain stands still."""
    waits = house.ask("change_payee", "seller", another(house))
    house.ask("confirm_approval", "operator-1", {"approval": waits["approval"]})
