"""Before anybody signs: a dry run of a trade that is there, views that a person keeps, why a dispute was raised."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Callable

import pytest
from test_limits import CAP_PAYMENT, sale_of
from trading_house import House
from trading_sale import sale

from entrepot.documents import samples


def test_a_dry_run_of_a_trade_says_what_would_be_and_keeps_nothing(house: House) -> None:
    trade = sale(house).propose()
    before = trade.one
    for side in ("seller", "buyer"):
        said = house.ask("dry_run", side, {}, settlement=trade.id)
        assert said["rules_met"] is True and said["total"]["amount_minor"] == str(before.total_minor)
    assert trade.one == before and not house.papers(trade.id, "decision_fund")


def test_a_dry_run_answers_alike_for_a_clean_a_namesake_and_a_listed_buyer(new_house: Callable[..., House]) -> None:
    """Whoever could tell them apart would ask a dry run whom the lists name."""
    house = new_house("seller", "buyer", "namesake", "listed")
    said, agreed = [], []
    for buyer in ("buyer", "namesake", "listed"):
        trade = sale(house, buyer=buyer)
        new = house.ask("dry_run", "seller", trade.proposal())
        kept = house.ask("dry_run", "seller", {}, settlement=trade.propose().id)
        for one in (new, kept):
            one["quote"] = {name: text for name, text in one["quote"].items() if not name.endswith("_at")}
        said += [json.dumps(new, sort_keys=True), json.dumps(kept, sort_keys=True)]
        agreed.append(trade.agree().one.state.value)
    assert len(set(said)) == 1, said
    assert agreed == ["cleared", "in_review", "refused"]


def test_a_dry_run_tells_a_buyer_of_its_own_headroom_and_nobody_elses(house: House) -> None:
    for _ in range(4):
        sale_of(house, CAP_PAYMENT - 1000).propose().agree()
    last = sale_of(house, CAP_PAYMENT - 1000).propose()
    asked = {side: house.ask("dry_run", side, {}, settlement=last.id) for side in ("seller", "buyer")}
    assert asked["seller"]["rules_met"] is True and asked["seller"]["reasons"] == []
    assert [entry["code"] for entry in asked["buyer"]["reasons"]] == ["cap_window"]
    above = house.ask("dry_run", "seller", sale_of(house, CAP_PAYMENT + 1).proposal())
    assert [entry["code"] for entry in above["reasons"]] == ["cap_payment"], "the cap of one payment is public"


@pytest.mark.parametrize(
    ("delivered", "hs", "path", "says"),
    [(True, False, "supplied.hs", "Line 1 has no HS code"),
     (False, True, "supplied.incoterm", "no Incoterm: supply it"),
     (False, False, "supplied", "supply both")],
)  # fmt: skip
def test_what_an_invoice_lacks_is_named(house: House, delivered: bool, hs: bool, path: str, says: str) -> None:
    trade = sale(house)
    lines = tuple(line if hs else dataclasses.replace(line, hs=None) for line in trade.facts.lines)
    raw = samples.ubl_invoice(dataclasses.replace(trade.facts, lines=lines))
    raw = raw if delivered else re.sub(rb"<cac:DeliveryTerms>.*?</cac:DeliveryTerms>", b"", raw, flags=re.DOTALL)
    body = trade.proposal() | {"invoice_base64": base64.b64encode(raw).decode()}
    answer = house.answer(house.put("propose", house.people["seller"], body))["body"]
    assert (answer["code"], answer["path"]) == ("goods_incomplete", path) and says in answer["detail"]


def test_a_dry_run_of_anothers_trade_is_not_there(new_house: Callable[..., House]) -> None:
    house = new_house("seller", "buyer", "namesake")
    trade = sale(house).propose()
    assert house.refusal("dry_run", "namesake", {}, settlement=trade.id) == "not_found"


def test_a_view_is_replaced_by_its_name_and_forgotten_by_its_id(house: House) -> None:
    first = house.ask("save_view", "seller", {"name": " Late  ones ", "query": "show=open"})
    second = house.ask("save_view", "seller", {"name": "Late ones", "query": "show=mine"})
    seller = house.people["seller"]
    with house.store.work() as tx:
        assert tx.people.saved_views(seller.id, seller.participant) == [second]
    assert house.refusal("delete_view", "seller", {"view": first["id"]}) == "not_found"
    assert house.refusal("delete_view", "buyer", {"view": second["id"]}) == "not_found"
    house.ask("delete_view", "seller", {"view": second["id"]})
    with house.store.work() as tx:
        assert tx.people.saved_views(seller.id, seller.participant) == []


def test_a_person_keeps_thirty_views_and_no_more(house: House) -> None:
    for number in range(30):
        house.ask("save_view", "seller", {"name": f"View {number}", "query": ""})
    assert house.refusal("save_view", "seller", {"name": "One more", "query": ""}) == "too_many_views"
    assert house.ask("save_view", "seller", {"name": "View 0", "query": "q=x"})["name"] == "View 0"
    assert house.refusal("save_view", "buyer", {"name": "x", "query": "a" * 501}) == "malformed"


def test_why_a_dispute_was_raised_is_kept_for_both_sides(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    trade.dispute("buyer", "goods are short")
    with house.store.work() as tx:
        (paper,) = tx.papers.of(trade.id, kind="dispute")
    said = json.loads(paper.body)
    assert (said["by"], said["reason"]) == ("buyer", "goods are short")
    assert {trade.one.seller, trade.one.buyer} <= set(paper.visible_to)
