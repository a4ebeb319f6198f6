"""Before anybody signs: a dry run of a trade that is there, views that a person keeps, why a dispute was raised."""

from __future__ import annotations

import json
from collections.abc import Callable

from trading_house import House
from trading_sale import sale


def test_a_dry_run_of_a_trade_says_what_would_be_and_keeps_nothing(house: House) -> None:
    trade = sale(house).propose()
    before = trade.one
    for side in ("seller", "buyer"):
        said = house.ask("dry_run", side, {}, settlement=trade.id)
        assert said["would_clear"] is True and said["total"]["amount_minor"] == str(before.total_minor)
    assert trade.one == before and not house.papers(trade.id, "decision_fund")


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
