"""Every state and event of the life-cycle has its sentence for everybody who may read it; none is left out."""

from __future__ import annotations

import re

import pytest

from entrepot.core.lifecycle import AS_BEFORE, CONFIDENTIAL, HIDDEN, LIFECYCLE, STATES, State
from entrepot.web import navigation
from entrepot.web.language import Language
from entrepot.web.page import _env
from entrepot.web.pages.shared import findings, sentences
from entrepot.web.pages.shared.story import HAPPENED, happened
from entrepot.web.pages.supervisor import measures
from entrepot.workflows.house import supervise

SIDES = (sentences.BUYER, sentences.SELLER, sentences.OTHER)
PUBLIC = sorted({facts.public for facts in STATES.values()} - {AS_BEFORE})
WAYS = (
    "signed_by_seller",
    "signed_by_buyer",
    "shared",
    "waived",
    "award_sent",
    "awarded",
    "differs_for_good",
    "checking_stopped",
    "cleared_stopped",
    "cleared_outlasted",
)  # of a state, each with its own sentence
VALUES = {
    name: name.upper()
    for name in ("buyer", "seller", "deadline", "documents", "price", "fee", "total", "held", "released", "refunded",
                 "examine_by", "stopped_until")
}  # fmt: skip
ASSET = {"id": "usdc", "symbol": "USDC", "decimals": 6}
ENGLISH = Language("en", now=0)
TIPPING = re.compile(r"review|officer|suspic|sanction|listed|blocked|frozen|freeze|rejected|may not be made", re.I)


@pytest.mark.parametrize("state", [*PUBLIC, *WAYS])
@pytest.mark.parametrize("side", SIDES)
def test_what_parties_are_shown_has_a_sentence_for_each_side(state: str, side: str) -> None:
    assert (state, side) in sentences.SENTENCES
    said = sentences.sentence(state, side, ENGLISH, VALUES)
    assert said and "{" not in said
    assert state in sentences.CHIPS or state in WAYS
    if side != sentences.OTHER:
        assert not TIPPING.search(said), said


@pytest.mark.parametrize("state", State)
def test_staff_read_a_sentence_and_a_chip_of_every_state(state: State) -> None:
    said = sentences.sentence(state.value, sentences.OTHER, ENGLISH, VALUES)
    assert said and "{" not in said and sentences.chip({"state": state.value}, ENGLISH).says


def test_every_next_act_says_what_happens_otherwise_or_is_done_at_once() -> None:
    at_once = {"check", "ask_rail"}
    acts = {facts.next_act for facts in STATES.values()} - {""}
    assert acts - at_once <= set(sentences.OTHERWISE)
    told = {STATES[state].next_act for state in State if state not in HIDDEN}
    for act in told - at_once:
        assert not TIPPING.search(sentences.OTHERWISE.get(act, ""))


def test_every_role_that_can_be_given_has_a_name() -> None:
    assert set(navigation.ROLES) == set(supervise.ROLES)


def test_nobody_is_told_to_wait_for_arbiters_who_have_decided() -> None:
    view = {"state": "disputed", "next_act": "dispute_expired", "next_act_at": 5, "award_sent": False}
    assert "arbiters" in sentences.otherwise(view, ENGLISH, VALUES)
    assert "escrow" in sentences.otherwise(view | {"award_sent": True}, ENGLISH, VALUES)
    assert not sentences.acts(view | {"award_sent": True}, sentences.OTHER, "arbiter")


def test_the_card_of_the_checks_says_nothing_false_and_tells_no_refusal() -> None:
    def card(*signed_by: str, is_ended: bool) -> str:
        view = {"signed_by": signed_by, "is_ended": is_ended}
        shown = _env.get_template("settlement/why.html").render(view=view, checks=[], language=ENGLISH, _=ENGLISH.say)
        return re.sub(r"<[^>]*>", " ", shown)

    assert "once both have signed" in card("seller", is_ended=False) and "yet" not in card("seller", is_ended=True)
    assert "The checks run;" in card("seller", "buyer", is_ended=False)
    over = card("seller", "buyer", is_ended=True)  # refused or withdrawn: the same words
    assert "ended before a payment was allowed" in over
    assert "allowed" not in card("seller", is_ended=False) and not re.search(r"refus|nothing has", over, re.I)
    assert not TIPPING.search(over)


def test_few_settlements_are_not_told_in_halves() -> None:
    told = {"step": "all", "count": 2, "median_s": 120, "p90_s": 240}
    assert "Half" not in measures.sentence({"steps": [told]}, ENGLISH)
    assert "Half of 20" in measures.sentence({"steps": [told | {"count": 20}]}, ENGLISH)


@pytest.mark.parametrize("side", SIDES)
def test_every_event_is_told_in_words(side: str) -> None:
    kinds = {line.event for line in LIFECYCLE}
    assert set(HAPPENED) == kinds
    for kind in kinds:
        facts = {"amount_minor": "5000000", "to_seller_minor": "1", "origin": "eip155:31337:0xab"}
        said = happened({"event": kind, "facts": facts}, side, ENGLISH, VALUES, ASSET)
        assert said and "{" not in said
        if kind not in CONFIDENTIAL and side != sentences.OTHER:
            assert not TIPPING.search(said), said


def test_the_examiners_last_moment_and_the_day_of_payment_are_told_as_two() -> None:
    view = {"state": "presented", "next_act": "release_check", "next_act_at": 9, "examine_by": 5}
    told = sentences.otherwise(view, ENGLISH, VALUES)
    assert told.index("EXAMINE_BY") < told.index("Silence") < told.index("DEADLINE")
    accepted = sentences.otherwise(view | {"next_act_at": 4}, ENGLISH, VALUES)
    assert "DEADLINE" in accepted and "xaminer" not in accepted, "what was accepted waits for nobody"


def test_a_seller_whose_documents_differ_reads_that_silence_gives_the_money_back() -> None:
    told = sentences.sentence("discrepant", sentences.SELLER, ENGLISH, VALUES)
    assert "otherwise the money goes back to BUYER" in told and "unless BUYER accepts" in told


@pytest.mark.parametrize(("grade", "until", "way"), [("new", 5, "cleared_stopped"), ("fund", 8, "cleared_stopped"),
                                                    ("all", 9, "cleared_outlasted")])  # fmt: skip
def test_nobody_is_asked_to_pay_under_a_stop(grade: str, until: int, way: str) -> None:
    view = {"state": "cleared", "next_act_at": 9, "signed_by": ["seller", "buyer"], "award_sent": False}
    stops = [{"grade": grade, "until": until}]
    assert sentences.variant(view, [], stops) == way and sentences.variant(view, []) == "cleared"
    offered = [[one.form for one in sentences.acts(view, "buyer", "treasurer", found)] for found in ([], stops)]
    assert offered == [["fund", "withdraw"], ["withdraw"]]
    assert "everybody's payments" in sentences.held_up(way, stops, ENGLISH)


@pytest.mark.parametrize("left", [2, 1, 0])
def test_nobody_is_told_to_present_again_once_no_presentation_is_left(left: int) -> None:
    view = {"state": "discrepant", "presentations_left": left}
    told = sentences.sentence(sentences.variant(view, []), sentences.SELLER, ENGLISH, VALUES)
    offered = [one.form for one in sentences.acts(view, sentences.SELLER, "treasurer")]
    assert ("Present them again" in told, "present" in offered) == (bool(left), bool(left))
    assert "unless BUYER accepts them as they are" in told and "DEADLINE" in told


def test_what_a_stop_holds_up_of_money_in_escrow_is_said_under_a_stop_of_all_only() -> None:
    for state in ("funded", "presented", "discrepant", "releasing", "refunding"):
        assert "checked afresh" in sentences.held_up(state, [{"grade": "all", "until": 9}], ENGLISH)
        assert not sentences.held_up(state, [{"grade": "fund", "until": 9}], ENGLISH)
    for state in ("released", "refunded", "ended", "disputed"):
        assert not sentences.held_up(state, [{"grade": "all", "until": 9}], ENGLISH)


@pytest.mark.parametrize(
    "text",
    ["on board 2026-11-22, presented 2026-11-21", "shipped before presentation", "the invoice says 20 KGM",
     "invoice is required", "not presented", "presented 2 times", "within 21 days after shipment", "not stated",
     "presented 2026-11-22 10:00:00 UTC", "by 2026-11-22 10:00:00 UTC", "on board 2026-11-22", "net is not above gross",
     "not later than 2026-11-22", "at most 5.00", "line 1: 咖啡", "5 KGM within 5%", "the invoice does not name it",
     "the packing list says 5", "咖啡: net 5 kg, gross 4 kg", "does not name 咖啡", "UCP 600 art. 14(d) (verified)"],
)  # fmt: skip
def test_what_the_rules_find_is_told_in_the_readers_language(text: str) -> None:
    entry = {"code": "goods_conflict", "says": text}
    said = str(findings.told(entry, ENGLISH)["says"])
    assert said.replace(",", "").removeprefix("the ") == text.replace(",", "").removeprefix("the ")
    told = str(findings.told(entry, Language("ar", now=0))["says"])
    assert re.search("[\u0600-\u06ff]", told) and "<span" not in told, told
    written = findings.told(entry | {"code": "examiner"}, Language("ar", now=0))["says"]
    assert f'<span dir="auto">{text}</span>' == written, "as it was written"
