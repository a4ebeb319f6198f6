"""The examiner's notice: every discrepancy at once, to both sides, and three presentations at most."""

from __future__ import annotations

import base64

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


def test_a_document_that_cannot_be_read_is_named_and_nothing_is_presented(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    papers = trade.documents()
    broken = papers[1].replace(b'"packages"', b'"parcels"')
    for bad, code, says in ((broken, "document_field", "packages"), (b" ", "document_empty", "empty")):
        raw = [base64.b64encode(one).decode() for one in (papers[0], bad, papers[2])]
        body = trade.presenting(papers) | {"documents_base64": raw}
        answer = house.answer(house.put("present", house.people["seller"], body, trade.id))["body"]
        assert answer["code"].startswith(code) and says in answer["detail"], answer
        assert answer["path"] == "documents_base64[1]" and "Document 2" in answer["detail"]
    lacking = [papers[0], papers[0], papers[2]]
    answer = house.answer(house.put("present", house.people["seller"], trade.presenting(lacking), trade.id))["body"]
    assert answer["code"] == "documents_missing" and "packing list" in answer["detail"]
    assert "invoice, invoice, transport document" in answer["detail"]
    trade.is_sound(State.FUNDED)


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
