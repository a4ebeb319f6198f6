"""A company's own mandates: maker and checker, joint signatures, limits, expired powers, and what waits for whom."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from trading_house import House
from trading_sale import Trade, sale

from entrepot.core.lifecycle import State
from entrepot.documents import samples

ALL = ["sign", "fund", "waive", "dispute", "withdraw", "propose", "present"]


def mandates(house: House, *given: dict[str, Any]) -> None:
    """The buyer's first mandates: its treasurer asks, an operator confirms."""
    waits = house.ask("change_mandates", "buyer", {"mandates": list(given)})
    assert waits["waits_for"] == "an operator"
    house.ask("confirm_approval", "operator-1", {"approval": waits["approval"]})


@pytest.fixture
def colleagues(house: House) -> House:
    """The buyer has three persons; `buyer` holds the key."""
    for name in ("hana", "omar"):
        house.join(name, house.people["buyer"].participant, "treasurer")
    return house


def ids(house: House, *names: str) -> list[str]:
    return [house.people[name].id for name in names]


def checked(house: House, **changes: Any) -> dict[str, Any]:
    """The buyer's treasurer asks, Hana confirms; changes of mandates and payee are confirmed alike."""
    return {
        "name": "payments", "acts": [*ALL, "change_mandates", "change_payee"], "persons": ids(house, "buyer"),
        "mode": "maker_checker", "checkers": ids(house, "hana"), **changes,
    }  # fmt: skip


def test_a_maker_asks_a_checker_confirms_and_it_is_done_once(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose().agree()
    mandates(house, checked(house))
    waits = house.ask("fund", "buyer", trade.funding(), trade.id)
    assert (waits["status"], waits["waits_for"], waits["settlement"]) == ("waits", "a second person", trade.id)
    trade.is_sound(State.CLEARED)
    for who, code in (("buyer", "same_person"), ("omar", "no_power"), ("seller", "not_found"),
                      ("operator-1", "not_found"), ("officer-1", "not_found")):  # fmt: skip
        assert house.refusal("confirm_approval", who, {"approval": waits["approval"]}, trade.id) == code, who
    done = house.ask("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id)
    assert (done["state"], done["status"]) == ("funding", "done")
    assert house.refusal("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id) == "approval_closed"
    house.run()
    trade.is_sound(State.FUNDED)
    assert house.kinds(trade.id).count("funding_sent") == 1
    sent = next(entry.event for entry in house.events(trade.id) if entry.event.kind == "funding_sent")
    assert sent.actor == house.people["buyer"].id


def test_two_who_confirm_at_once_do_it_once(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose().agree()
    mandates(house, checked(house, checkers=ids(house, "hana", "omar")))
    waits = house.ask("fund", "buyer", trade.funding(), trade.id)
    asked = [
        house.put("confirm_approval", house.people[who], {"approval": waits["approval"]}, trade.id)
        for who in ("hana", "omar")
    ]
    house.run()
    said = [house.answer(item)["body"] for item in asked]
    assert sorted(str(one.get("code", one.get("status"))) for one in said) == ["approval_closed", "done"]
    assert house.kinds(trade.id).count("funding_sent") == 1
    trade.is_sound(State.FUNDED)


def test_the_same_request_again_is_the_same_approval_and_another_one_replaces_it(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose().agree()
    mandates(house, checked(house))
    body = trade.funding()
    first = house.ask("fund", "buyer", body, trade.id)
    again = house.ask("fund", "buyer", body, trade.id)
    assert again == first
    newer = house.ask(
        "fund", "buyer", body | {"valid_before": body["valid_before"] + 1, **_resigned(trade, 1)}, trade.id
    )
    assert newer["approval"] != first["approval"]
    assert house.refusal("confirm_approval", "hana", {"approval": first["approval"]}, trade.id) == "approval_closed"
    house.ask("confirm_approval", "hana", {"approval": newer["approval"]}, trade.id)
    house.run()
    trade.is_sound(State.FUNDED)


def _resigned(trade: Trade, later_s: int) -> dict[str, Any]:
    """The buyer's signature over a payment that holds a little longer."""
    from trading_house import sign

    from entrepot.rails.authorization import authorization_of

    house, until = trade.house, trade.house.now() + 6 * 3600 + later_s
    allowed = authorization_of(house.terms(trade.id), trade.one.escrow, attempt=0, valid_before=until)
    digest = allowed.digest(house.deployment.token_domain)
    return {"valid_before": until, "signature": sign(house.people["buyer"].key, digest)}


def test_what_would_be_refused_now_does_not_wait(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose()
    mandates(house, checked(house))
    assert house.refusal("fund", "buyer", {"signature": "0x" + "11" * 65, "valid_before": 1}, trade.id) == (
        "not_in_this_state"
    )
    assert house.refusal("sign", "buyer", {"signature": "0x" + "11" * 65}, trade.id) == "signature_invalid"
    with house.store.work() as tx:
        assert [one.act for one in tx.mandates.approvals(is_open=True)] == []


def test_signatures_wait_too_and_the_second_one_starts_the_checks(colleagues: House) -> None:
    from trading_house import sign

    house = colleagues
    trade = sale(house).propose()
    trade.sign("seller")
    mandates(house, checked(house))
    digest = house.terms(trade.id).digest()
    waits = house.ask("sign", "buyer", {"signature": sign(house.people["buyer"].key, digest)}, trade.id)
    assert trade.one.signed_by == ("seller",)
    house.ask("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id)
    house.run()
    trade.is_sound(State.CLEARED)


def test_an_approval_is_for_the_terms_it_was_asked_for(colleagues: House) -> None:
    from trading_house import sign

    house = colleagues
    trade = sale(house).propose()
    mandates(house, checked(house))
    digest = house.terms(trade.id).digest()
    waits = house.ask("sign", "buyer", {"signature": sign(house.people["buyer"].key, digest)}, trade.id)
    house.ask("requote", "seller", {}, trade.id)
    assert house.refusal("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id) == "terms_changed"
    with house.store.work() as tx:
        kept = tx.mandates.approval(waits["approval"])
    assert kept is not None and kept.status == "refused" and kept.why.startswith("terms_changed")
    assert trade.one.signed_by == ()


def test_a_settlement_that_moved_on_refuses_what_waited_with_its_reason(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose().agree()
    mandates(house, checked(house))
    waits = house.ask("fund", "buyer", trade.funding(), trade.id)
    house.ask("withdraw", "seller", {}, trade.id)
    assert house.refusal("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id) == "not_in_this_state"
    with house.store.work() as tx:
        kept = tx.mandates.approval(waits["approval"])
    assert kept is not None and kept.status == "refused"
    trade.is_sound(State.LAPSED)


def test_what_only_waits_for_a_stop_to_end_may_be_confirmed_again(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose().agree()
    mandates(house, checked(house))
    waits = house.ask("fund", "buyer", trade.funding(), trade.id)
    house.four_eyes("stop", {"grade": "fund", "until": house.now() + 60}, by=("supervisor-1", "supervisor-2"))
    assert house.refusal("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id) == "payments_stopped"
    house.pass_time(61)
    house.ask("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id)
    house.run()
    trade.is_sound(State.FUNDED)


def test_a_declined_approval_does_nothing_and_who_asked_may_take_it_back(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose().agree()
    mandates(house, checked(house))
    for who in ("hana", "buyer"):
        waits = house.ask("fund", "buyer", trade.funding(attempt=len(who)), trade.id)
        body = {"approval": waits["approval"], "reason": "Not this week."}
        assert house.refusal("decline_approval", "seller", body, trade.id) == "not_found"
        assert house.ask("decline_approval", who, body, trade.id)["status"] == "declined"
        assert house.refusal("confirm_approval", "hana", body, trade.id) == "approval_closed"
    trade.is_sound(State.CLEARED)


def test_an_approval_ends_at_its_time(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose(fund_s=3 * 86_400, present_s=9 * 86_400).agree()
    mandates(house, checked(house))
    waits = house.ask("withdraw", "buyer", {}, trade.id)
    house.pass_time(house.ctx.policy.approval_s)
    assert house.refusal("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id) == "approval_expired"
    assert trade.one.state is State.CLEARED
    again = house.ask("withdraw", "buyer", {}, trade.id)
    house.ask("confirm_approval", "hana", {"approval": again["approval"]}, trade.id)
    assert trade.one.state is State.LAPSED


def test_limits_and_joint_signatures_count_persons(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose().agree()
    asset, total = trade.one.asset, trade.one.total_minor
    every = ids(house, "buyer", "hana", "omar")
    small = {"name": "small", "acts": ["fund"], "persons": every, "limits": {asset: str(total - 1)}}
    large = {"name": "large", "acts": ["fund"], "persons": every, "mode": "joint", "required": 3}
    mandates(house, small, large)
    waits = house.ask("fund", "buyer", trade.funding(), trade.id)
    still = house.ask("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id)
    assert still["status"] == "waits"
    assert house.refusal("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id) == "same_person"
    trade.is_sound(State.CLEARED)
    assert house.ask("confirm_approval", "omar", {"approval": waits["approval"]}, trade.id)["status"] == "done"
    house.run()
    trade.is_sound(State.FUNDED)
    assert house.refusal("dispute", "buyer", {"reason": "x", "signature": "0x" + "11" * 65}, trade.id) == "no_power"


def test_within_its_limit_one_person_pays_alone(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose().agree()
    limit = {trade.one.asset: str(trade.one.total_minor)}
    mandates(house, {"name": "all", "acts": ["fund"], "persons": ids(house, "buyer"), "limits": limit})
    trade.fund().is_sound(State.FUNDED)


def test_an_expired_power_counts_no_more_at_asking_or_at_confirming(colleagues: House) -> None:
    house = colleagues
    trade = sale(house).propose(fund_s=9 * 3600, present_s=86_400).agree()
    mandates(house, checked(house, valid_until=house.now() + 600))
    waits = house.ask("withdraw", "buyer", {}, trade.id)
    house.pass_time(601)
    assert house.refusal("confirm_approval", "hana", {"approval": waits["approval"]}, trade.id) == "power_expired"
    assert house.refusal("withdraw", "buyer", {}, trade.id) == "power_expired"
    trade.is_sound(State.CLEARED)


def test_a_proposal_waits_as_well(colleagues: House) -> None:
    house = colleagues
    seller = house.people["seller"]
    house.join("tuan", seller.participant, "treasurer")
    given = {"name": "sales", "acts": ["propose"], "persons": [seller.id], "mode": "maker_checker",
             "checkers": ids(house, "tuan")}  # fmt: skip
    waits = house.ask("change_mandates", "seller", {"mandates": [given]})
    house.ask("confirm_approval", "operator-2", {"approval": waits["approval"]})
    raw = base64.b64encode(samples.ubl_invoice(sale(house).facts)).decode()
    asked = house.ask("propose", "seller", {"invoice_base64": raw, "buyer": house.people["buyer"].participant})
    with house.store.work() as tx:
        assert tx.settlements.page() == []
    done = house.ask("confirm_approval", "tuan", {"approval": asked["approval"]})
    assert house.settlement(done["settlement"]).state is State.QUOTED


def test_mandates_change_under_the_companys_own_rule(colleagues: House) -> None:
    house = colleagues
    mandates(house, checked(house))
    wider = checked(house, checkers=ids(house, "hana", "omar"))
    waits = house.ask("change_mandates", "buyer", {"mandates": [wider]})
    assert waits["waits_for"] == "a second person"
    for who in ("operator-1", "operator-2", "omar", "buyer"):
        assert house.refusal("confirm_approval", who, {"approval": waits["approval"]})
    house.ask("confirm_approval", "hana", {"approval": waits["approval"]})
    with house.store.work() as tx:
        sets = tx.mandates.sets(house.people["buyer"].participant)
    assert [one.version for one in sets] == [1, 2]
    assert sets[-1].decided_by == tuple(ids(house, "buyer", "hana"))


def test_where_all_powers_have_ended_an_operator_is_the_second_person_again(colleagues: House) -> None:
    house = colleagues
    mandates(house, checked(house, valid_until=house.now() + 60))
    house.pass_time(61)
    mandates(house, checked(house))


def test_no_company_names_anothers_person(colleagues: House) -> None:
    house = colleagues
    for given in (checked(house, persons=ids(house, "seller")), checked(house, checkers=ids(house, "operator-1"))):
        assert house.refusal("change_mandates", "buyer", {"mandates": [given]}) == "malformed"
    assert house.refusal("change_mandates", "operator-1", {"mandates": [checked(house)]}) == "not_allowed"
