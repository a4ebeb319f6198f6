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
