"""Whole stories on real contracts, row by row: state, books, chain and log agree after each.

Times: 15 minutes to pay, 60 to present, 120 to examine, 60 to cure, 60 in dispute.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from plays import play
from trading_house import House
from trading_sale import sale

# fmt: off
AGREED = """
    seller | proposes | quoted  | - | - | -
    seller | signs    | quoted  | - | - | -
    buyer  | signs    | cleared | - | - | -
"""
FUNDED = AGREED + "buyer | pays | funded | all | - | -\n"
PRESENTED = FUNDED + "seller | presents | presented | all | - | -\n"
DISCREPANT = FUNDED + """
    seller   | presents wrong papers | presented  | all | - | -
    examiner | objects               | discrepant | all | - | -
"""

STORIES = {
    "clean, and the fee is claimed apart": PRESENTED + """
    examiner | complies       | released | - | price | -
    operator | claims the fee | released | - | price | -
    """,
    "the examiner is silent": PRESENTED + """
    clock | moves: 110 min | presented | all | -     | -
    clock | moves: 15 min  | released  | -   | price | -
    """,
    "nobody presents": FUNDED + """
    clock | moves: 50 min | funded   | all | - | -
    clock | moves: 15 min | refunded | -   | - | all
    """,
    "discrepant, cured": DISCREPANT + """
    seller   | presents | presented | all | -     | -
    examiner | complies | released  | -   | price | -
    """,
    "discrepant, waived": DISCREPANT + """
    buyer | waives | released | - | price | -
    """,
    "discrepant, not cured": DISCREPANT + """
    clock | moves: 50 min | discrepant | all | - | -
    clock | moves: 20 min | refunded   | -   | - | all
    """,
    "rejected three times": DISCREPANT + """
    seller   | presents wrong papers | presented  | all | - | -
    examiner | objects               | discrepant | all | - | -
    seller   | presents wrong papers | presented  | all | - | -
    examiner | objects               | discrepant | all | - | -
    clock    | moves: 70 min         | refunded   | -   | - | all
    """,
    "dispute, awarded half": PRESENTED + """
    buyer    | disputes   | disputed | all | -    | -
    arbiters | award half | refunded | -   | half | rest
    """,
    "dispute, awarded nothing": PRESENTED + """
    buyer    | disputes      | disputed | all | - | -
    arbiters | award nothing | refunded | -   | - | all
    """,
    "dispute, awarded all": DISCREPANT + """
    seller   | disputes  | disputed | all | -     | -
    arbiters | award all | released | -   | price | -
    """,
    "dispute expires, and silence goes on": PRESENTED + """
    buyer | disputes       | disputed  | all | -     | -
    clock | moves: 62 min  | presented | all | -     | -
    clock | moves: 110 min | presented | all | -     | -
    clock | moves: 15 min  | released  | -   | price | -
    """,
    "frozen by two, unfrozen by two: the time on hold counts against nobody": FUNDED + """
    clock     | moves: 40 min    | funded   | all | - | -
    authority | freezes: 300 min | frozen   | all | - | -
    clock     | moves: 100 min   | frozen   | all | - | -
    authority | unfreezes        | funded   | all | - | -
    clock     | moves: 15 min    | funded   | all | - | -
    clock     | moves: 10 min    | refunded | -   | - | all
    """,
    "a freeze ends by itself": FUNDED + """
    authority | freezes: 30 min | frozen   | all | -     | -
    clock     | moves: 31 min   | funded   | all | -     | -
    seller    | presents        | presented | all | -    | -
    examiner  | complies        | released | -   | price | -
    """,
    "frozen during the examination": PRESENTED + """
    authority | freezes: 60 min | frozen    | all | -     | -
    clock     | moves: 61 min   | presented | all | -     | -
    clock     | moves: 110 min  | presented | all | -     | -
    clock     | moves: 15 min   | released  | -   | price | -
    """,
    "withdrawn before money": AGREED + """
    seller | withdraws | lapsed | - | - | -
    """,
    "the quote expires": """
    seller | proposes        | quoted | - | - | -
    seller | signs           | quoted | - | - | -
    clock  | moves: 11 min   | lapsed | - | - | -
    """,
    "a new quote takes new signatures": """
    seller | proposes        | quoted  | - | - | -
    seller | signs           | quoted  | - | - | -
    seller | asks a new quote | quoted | - | - | -
    buyer  | signs           | quoted  | - | - | -
    seller | signs           | cleared | - | - | -
    buyer  | pays            | funded  | all | - | -
    """,
    "nobody pays": AGREED + """
    clock | moves: 10 min | cleared | - | - | -
    clock | moves: 6 min  | lapsed  | - | - | -
    """,
    "the buyer is listed after it paid: no timer pays, two officers lift it once delisted": PRESENTED + """
    list     | adds: buyer     | presented | all | -     | -
    examiner | complies        | blocked   | all | -     | -
    clock    | moves: 300 min  | blocked   | all | -     | -
    list     | drops all       | blocked   | all | -     | -
    officers | unblock         | released  | -   | price | -
    """,
    "the buyer is listed and nobody presents": FUNDED + """
    list     | adds: buyer    | funded   | all | - | -
    clock    | moves: 65 min  | blocked  | all | - | -
    clock    | moves: 500 min | blocked  | all | - | -
    officers | unblock        | blocked  | all | - | -
    list     | drops all      | blocked  | all | - | -
    officers | unblock        | refunded | -   | - | all
    """,
    "the seller is listed: the buyer is not paid back either": PRESENTED + """
    list     | adds: seller   | presented | all | - | -
    clock    | moves: 130 min | blocked   | all | - | -
    """,
    "an officer blocks by hand": FUNDED + """
    officer-1 | blocks         | blocked | all | - | -
    clock     | moves: 200 min | blocked | all | - | -
    """,
    "prohibited, nobody listed: back to where it came from": PRESENTED + """
    operator | suspends: seller | presented | all | - | -
    examiner | complies         | rejected  | -   | - | all
    """,
    "prohibited and then nobody presents": FUNDED + """
    operator | suspends: buyer | funded   | all | - | -
    clock    | moves: 65 min   | rejected | -   | - | all
    """,
}
# fmt: on


@pytest.mark.parametrize("story", STORIES)
def test_story(house: House, story: str) -> None:
    play(house, sale(house), STORIES[story])


# fmt: off
NAMESAKE = """
    seller | proposes | quoted    | - | - | -
    seller | signs    | quoted    | - | - | -
    buyer  | signs    | in_review | - | - | -
"""
REVIEWS = {
    "cleared by two": NAMESAKE + """
    officer-1 | clears   | in_review | -   | -     | -
    officer-2 | clears   | cleared   | -   | -     | -
    buyer     | pays     | funded    | all | -     | -
    seller    | presents | presented | all | -     | -
    examiner  | complies | released  | -   | price | -
    """,
    "refused by two": NAMESAKE + """
    officer-1 | refuses | in_review | - | - | -
    officer-2 | refuses | refused   | - | - | -
    """,
}
# fmt: on


@pytest.mark.parametrize("story", REVIEWS)
def test_review(new_house: Callable[..., House], story: str) -> None:
    house = new_house("seller", "namesake")
    play(house, sale(house, "namesake"), REVIEWS[story])


def test_review_nobody_answers_is_refused(new_house: Callable[..., House]) -> None:
    house = new_house("seller", "namesake")
    trade = play(house, sale(house, "namesake"), NAMESAKE)
    house.pass_time(5 * 86_400 + 60)
    trade.is_sound("refused")


def test_two_officers_who_disagree_leave_the_case_open(new_house: Callable[..., House]) -> None:
    house = new_house("seller", "namesake")
    trade = play(house, sale(house, "namesake"), NAMESAKE)
    house.ask("dispose", "officer-1", {"verdict": "clear", "reason": "Another company."}, trade.id)
    house.ask("dispose", "officer-2", {"verdict": "refuse", "reason": "The same."}, trade.id)
    trade.is_sound("in_review")
    with house.store.work() as tx:
        said = [(one.verdict, one.reason) for one in tx.checks.dispositions(trade.id)]
    assert said == [("clear", "Another company."), ("refuse", "The same.")], "who disagrees is recorded too"
    assert house.refusal("dispose", "officer-1", {"verdict": "clear", "reason": "Sure."}, trade.id) == "same_person"
    assert house.refusal("dispose", "officer-2", {"verdict": "refuse", "reason": "   "}, trade.id) == "malformed"
    trade.is_sound("in_review")


@pytest.mark.parametrize(("third", "ends"), [("clear", "cleared"), ("refuse", "refused")])
def test_where_two_officers_disagree_a_third_decides(new_house: Callable[..., House], third: str, ends: str) -> None:
    house = new_house("seller", "namesake")
    trade = play(house, sale(house, "namesake"), NAMESAKE)
    house.join("officer-3", house.people["officer-1"].participant, "officer")
    for who, verdict in (("officer-1", "clear"), ("officer-2", "refuse"), ("officer-3", third)):
        house.ask("dispose", who, {"verdict": verdict, "reason": "As I see it."}, trade.id)
    trade.is_sound(ends)


def test_a_listed_buyer_is_refused_before_any_money_moves(new_house: Callable[..., House]) -> None:
    house = new_house("seller", "listed")
    trade = sale(house, "listed").propose().agree()
    trade.is_sound("refused")
    assert house.refusal("fund", "listed", trade.funding(), trade.id) == "not_in_this_state"
    assert house.papers(trade.id, "passport_fund") == []
