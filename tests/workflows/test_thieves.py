"""What a thief tried against the demo, and what now stands in the way."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest
from trading_house import House, sign
from trading_sale import Trade, sale

from entrepot.core.crypto import secp256k1_address, sha256
from entrepot.core.lifecycle import State
from entrepot.documents import samples
from entrepot.store.records import InboxItem
from entrepot.workflows.checks.payee import ownership_digest


def proposal(house: House, **options: Any) -> dict[str, Any]:
    raw = samples.ubl_invoice(sale(house).facts)
    return {
        "invoice_base64": base64.b64encode(raw).decode(),
        "buyer": house.people["buyer"].participant,
        **options,
    }


@pytest.mark.parametrize("day", ["2026-02-31", "2026-13-01", "soon"])
@pytest.mark.parametrize("kind", ["propose", "dry_run"])
def test_a_day_that_is_in_no_calendar_is_in_no_terms(house: House, day: str, kind: str) -> None:
    """It made the examination fail, and silence paid the seller for gravel."""
    assert house.refusal(kind, "seller", proposal(house, latest_shipment=day)) == "malformed"
    house.ask(kind, "seller", proposal(house, latest_shipment="2026-02-28"))


def test_a_finding_that_met_a_defect_of_ours_is_not_taken_for_silence(house: House) -> None:
    trade = sale(house).propose().agree().fund().present()
    lost = InboxItem(
        id=house.ctx.new_id(), source="api:examiner", key="lost", kind="examine", body={"complies": False},
        body_sha256="", received_at=house.now(), settlement=trade.id,
    )  # fmt: skip
    at = house.now()
    with house.store.work() as tx:
        tx.inbox.put(lost)
        tx.inbox.set_aside(lost.id, "ValueError()", at=at)
    house.pass_time(15 * 86_400)
    house.follow_list()
    house.pass_time(60)  # fresh lists, and what was put off for them is due: nothing but the finding stands in the way
    trade.is_sound(State.PRESENTED)


def test_silence_is_acceptance_where_nobody_said_anything(house: House) -> None:
    trade = sale(house).propose().agree().fund().present()
    house.pass_time(15 * 86_400)
    house.follow_list()
    house.pass_time(60)
    trade.is_sound(State.RELEASED)


def other_wallet(house: House, who: str, key: bytes) -> dict[str, Any]:
    """A request for another wallet of `who`, signed by its key."""
    participant, address = house.people[who].participant, secp256k1_address(key)
    venue = house.ctx.venue
    digest = ownership_digest(venue.chain_id, venue.factory, participant, address)
    account = f"{house.rail.chain}:{address}"
    return {"participant": participant, "account": account, "signature": sign(key, digest)}


def test_a_stolen_credential_does_not_move_where_a_company_is_paid(house: House) -> None:
    thief = other_wallet(house, "seller", sha256(b"thief"))
    for who in ("seller", "operator-1"):
        assert house.refusal("add_wallet", who, thief) == "wallet_change_by_two"
    before = house.terms(sale(house).propose().id).seller.wallet
    change = {"subject": "wallet", "body": thief, "reason": "The company's board asked for it."}
    assert house.refusal("propose_change", "seller", change) == "not_allowed"
    house.four_eyes("wallet", thief, by=("operator-1", "operator-2"))
    after = house.terms(sale(house).propose().id).seller.wallet
    assert before != after == thief["account"]


def test_an_open_quote_names_the_new_wallet_and_nobodys_signature(house: House) -> None:
    trade = sale(house).propose()
    trade.sign("seller")
    new = other_wallet(house, "seller", sha256(b"new"))
    house.four_eyes("wallet", new, by=("operator-1", "operator-2"))
    house.run()
    assert (house.terms(trade.id).seller.wallet, trade.one.signed_by) == (new["account"], ())


UNSEEN = ("\u200b", "\u00ad", "\u2060", "\u200f", "\u00a0", "\ufeff")


@pytest.mark.parametrize("unseen", UNSEEN, ids=[f"U+{ord(char):04X}" for char in UNSEEN])
def test_a_number_that_differs_by_what_nobody_sees_is_the_same_invoice(house: House, unseen: str) -> None:
    trade = sale(house).propose()
    number = trade.facts.invoice_number
    again = dataclasses.replace(trade.facts, invoice_number=f"{number[0]}{unseen}{number[1:]}")
    body = proposal(house) | {"invoice_base64": base64.b64encode(samples.ubl_invoice(again)).decode()}
    assert house.refusal("propose", "seller", body) == "duplicate_invoice"


def funding(trade: Trade, **changes: Any) -> dict[str, Any]:
    return trade.funding() | changes


def test_a_payment_that_the_buyer_did_not_sign_is_refused_at_once_and_the_next_one_counts(house: House) -> None:
    trade = sale(house).propose().agree()
    assert house.refusal("fund", "buyer", funding(trade, signature="0x" + "11" * 65), trade.id) == "signature_invalid"
    assert house.refusal("fund", "buyer", funding(trade, attempt=7), trade.id) == "signature_invalid"
    assert house.refusal("fund", "buyer", funding(trade, valid_before=house.now() + 5), trade.id) == "malformed"
    assert house.refusal("fund", "buyer", funding(trade, valid_after=house.now() + 900), trade.id) == "malformed"
    trade.is_sound(State.CLEARED)
    trade.fund().is_sound(State.FUNDED)


@pytest.mark.parametrize(("verdict", "ends"), [("clear", State.REJECTED), ("refuse", State.BLOCKED)])
def test_a_review_that_expires_over_held_money_comes_back_to_the_officers(
    house: House, verdict: str, ends: State
) -> None:
    """It stood in `rejecting` for ever: the hit stayed open, and no case showed it."""
    trade = sale(house).propose().agree().fund().present()
    seller = house.stated["seller"]
    namesake = {"id": "L-namesake", "schema": "organization", "names": [{"text": seller.name}], "countries": ["KP"]}
    house.follow_list(namesake)
    trade.examine(complies=True).is_sound(State.IN_REVIEW)
    house.pass_time(6 * 86_400)
    house.follow_list(namesake)
    house.pass_time(300)
    trade.is_sound(State.IN_REVIEW)
    assert "review_expired" in house.kinds(trade.id)
    for officer in ("officer-1", "officer-2"):
        house.ask("dispose", officer, {"verdict": verdict, "reason": "As I see it."}, trade.id)
    house.run()
    house.pass_time(10)
    trade.is_sound(ends)


@pytest.mark.parametrize("order", [("officer-1", "officer-2"), ("officer-2", "officer-1")])
def test_two_officers_finish_a_case_that_holds_another_hit_since_one_of_them_spoke(
    house: House, order: tuple[str, str]
) -> None:
    trade = sale(house).propose().agree().fund().present()
    name = house.stated["seller"].name
    first, second = (
        {"id": f"L-{n}", "schema": "organization", "names": [{"text": name}], "countries": ["KP"]} for n in (1, 2)
    )
    house.follow_list(first)
    trade.examine(complies=True).is_sound(State.IN_REVIEW)
    clear = {"verdict": "clear", "reason": "Another company."}
    house.ask("dispose", "officer-1", clear, trade.id)
    house.pass_time(6 * 86_400)
    house.follow_list(first, second)
    house.pass_time(300)
    hits = house.papers(trade.id, "case")[-1]["hits"]
    assert any(":L-2:" in hit for hit in hits), "another one than the first officer spoke of"
    assert house.ask("dispose", order[0], clear, trade.id)["state"] == "in_review"
    assert house.refusal("dispose", order[0], clear, trade.id) == "same_person"
    assert house.ask("dispose", order[1], clear, trade.id)["persons"] == 2
    house.run()
    house.pass_time(10)
    trade.is_sound(State.REJECTED)
    with house.store.work() as tx:
        said = [(hit, one.person) for one in tx.checks.dispositions(trade.id) for hit in one.hits]
    assert len(said) == len(set(said)) == 2 * len(hits), "two persons of each hit, each once"


def test_nobody_of_a_trading_company_judges_its_trades(house: House) -> None:
    for role in ("officer", "operator", "supervisor"):
        member = {
            "participant": house.people["seller"].participant,
            "person_name": "Mallory",
            "role": role,
            "secret_sha256": sha256(role.encode()).hex(),
        }
        body = {"subject": "membership", "body": member, "reason": "They asked for it."}
        change = house.ask("propose_change", "operator-1", body)["change"]
        assert house.refusal("confirm_change", "operator-2", {"change": change}) == "not_of_the_house"


def test_one_person_does_not_become_two_by_showing_the_same_secret_twice(house: House) -> None:
    member = {
        "participant": house.people["operator-1"].participant,
        "person_name": "Ines Costa",
        "role": "officer",
        "secret_sha256": sha256(b"one secret").hex(),
    }
    house.four_eyes("membership", member, by=("operator-1", "operator-2"))
    body = {"subject": "membership", "body": member | {"person_name": "Jonas Weber"}, "reason": "Again."}
    change = house.ask("propose_change", "operator-1", body)["change"]
    assert house.refusal("confirm_change", "operator-2", {"change": change}) == "secret_known"


def test_a_fresh_quote_keeps_the_latest_day_of_shipment(house: House) -> None:
    """Either side may ask for one: it may not take the other's condition away."""
    trade = sale(house).propose(latest_shipment="2027-02-28")
    house.ask("requote", "seller", {}, trade.id)
    assert house.terms(trade.id).schedule.latest_shipment == "2027-02-28"
