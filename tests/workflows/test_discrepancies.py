"""The examiner's notice: every discrepancy at once, to both sides, and three presentations at most."""

from __future__ import annotations

from plays import wrong_papers
from trading_house import House
from trading_sale import sale

from entrepot.core.lifecycle import State
from entrepot.workflows.step.batch import Batch
from entrepot.workflows.trade.settle import examination_of


def test_the_notice_lists_every_discrepancy_at_once_and_both_sides_read_it(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    wrong_papers(trade)
    with house.store.work() as tx:
        one = house.settlement_in(tx, trade.id)
        found = [entry.to_json() for entry in examination_of(Batch(house.ctx, tx, house.ctx.now()), one)]
    trade.examine(complies=False).is_sound(State.DISCREPANT)
    (notice,) = house.papers(trade.id, "examination")
    assert len(found) > 1 and notice["discrepancies"] == found
    with house.store.work() as tx:
        (paper,) = tx.papers.of(trade.id, kind="examination")
    assert set(paper.visible_to) == {trade.one.seller, trade.one.buyer}


def test_what_the_examiner_writes_stands_after_what_the_rules_found(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    wrong_papers(trade)
    trade.examine(complies=False, note="  The vessel's name is blotted.  ").is_sound(State.DISCREPANT)
    (notice,) = house.papers(trade.id, "examination")
    codes = [entry["code"] for entry in notice["discrepancies"]]
    assert len(codes) > 1 and codes.index("examiner") == len(codes) - 1
    assert notice["discrepancies"][-1]["says"] == "The vessel's name is blotted."
    (event,) = [one.event for one in house.events(trade.id) if one.event.kind == "found_discrepant"]
    assert event.facts["discrepancies"] == codes


def test_a_finding_without_a_word_is_still_one_discrepancy(house: House) -> None:
    trade = sale(house).propose().agree().fund().present()
    trade.examine(complies=False).is_sound(State.DISCREPANT)
    (notice,) = house.papers(trade.id, "examination")
    assert [entry["code"] for entry in notice["discrepancies"]] == ["examiner"]


def test_clean_papers_have_no_discrepancy(house: House) -> None:
    trade = sale(house).propose().agree().fund().present()
    with house.store.work() as tx:
        one = house.settlement_in(tx, trade.id)
        assert examination_of(Batch(house.ctx, tx, house.ctx.now()), one) == ()


def test_a_fourth_presentation_is_refused_here_as_on_the_rail(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    for _ in range(3):
        wrong_papers(trade)
        trade.examine(complies=False)
    assert trade.one.round == 3
    refused = house.refusal("present", "seller", trade.presenting(trade.documents()), trade.id)
    assert refused == "not_in_this_state"
    trade.is_sound(State.DISCREPANT)
    trade.waive().is_sound(State.RELEASED)
