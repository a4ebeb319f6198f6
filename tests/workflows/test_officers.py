"""What officers do beside a disposition: compare, ask without saying why, suspend by two, give notice by two."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from trading_house import House
from trading_sale import sale

from entrepot.core.canonical import Json
from entrepot.core.lifecycle import STATES, State
from entrepot.regimes.reporting import business_days_after, duties_after_block
from entrepot.screening.highlight import marked_names
from entrepot.screening.matching import compare_names
from entrepot.workflows.checks.screen import alike
from entrepot.workflows.house.inform import TEMPLATES, forbidden_in

DAY_S = 86_400
FRIDAY_NOON = 1_795_780_800  # 2026-11-27T12:00:00Z
NOTICE = {
    "authority": "Ministry of Example",
    "legal_basis": "Example Act art. 1",
    "reference": "REF-77",
    "how_to_apply": "Write to the ministry.",
    "contact": "freezes@example.test",
}


def test_a_case_keeps_both_sides_of_its_hit_as_they_were_screened(new_house: Callable[..., House]) -> None:
    house = new_house("seller", "namesake")
    trade = sale(house, "namesake").propose().agree()
    (case,) = house.papers(trade.id, "case")
    (compared,) = case["compared"].values()
    assert compared["subject"]["name"] == "Meridian Trading Ltd" and compared["entry"]["id"] == "INV-0002"
    assert [part for part, is_paired in compared["marks"]["listed"] if is_paired] == ["Meridian", "Trading"]
    assert {one["name"] for one in compared["features"]} == {"name", "country", "identifiers"}
    assert compared["list"]["source"] == "INVENTED" and compared["threshold_bps"] < compared["score_bps"] < 9_500


def test_another_content_of_the_entry_is_another_hit(new_house: Callable[..., House]) -> None:
    house = new_house("seller", "namesake")
    entry: Json = {"id": "L-1", "schema": "organization", "names": [{"text": "Meridian Tradings Ltd"}]}
    house.follow_list(entry)
    first = sale(house, "namesake").propose().agree()
    house.follow_list(entry | {"countries": ["KP"]})
    second = sale(house, "namesake").propose().agree()
    hits = [set(house.papers(trade.id, "case")[-1]["hits"]) for trade in (first, second)]
    same = {hit for hit in hits[0] if hit.startswith("INVENTED")}
    assert same and same <= hits[1], "what nobody changed is the same pair"
    assert {hit for hit in hits[0] if hit.startswith("FOLLOWED")}.isdisjoint(hits[1])


def test_the_same_pair_is_found_in_another_role_and_no_other_pair_is() -> None:
    found = alike("INVENTED:INV-0002:buyer:0123456789abcdef")
    assert "INVENTED:INV-0002:seller:0123456789abcdef" in found and len(set(found)) == len(found)
    assert not [hit for hit in found if not hit.startswith("INVENTED:INV-0002:")]


@pytest.mark.parametrize(
    ("kind", "mine", "listed", "paired"),
    [
        ("organization", "Meridian Trading Ltd", "Meridian Trading FZE", ("Meridian", "Trading")),
        ("person", "Orhan Demirci", "Demirdji, Orkhan", ("Or", "han", "Demir", "i")),
        ("person", "Ivan Petrov", "Иван Петров", ("Ivan", "Petrov")),
        ("organization", "Severnaya Zvezda", "Северная Звезда", ("Severnaya", "Zvezda")),
        ("organization", "Kestrel Tea", "Meridian Trading FZE", ()),
    ],
)
def test_what_is_marked_is_what_the_matcher_paired(kind: str, mine: str, listed: str, paired: tuple[str, ...]) -> None:
    marks, others = marked_names(mine, listed, compare_names(kind, mine, listed).pairs, kinds=(kind, kind))
    assert "".join(part for part, _ in marks) == mine and "".join(part for part, _ in others) == listed
    found = [part for part, is_paired in marks if is_paired]
    assert bool(found) == any(is_paired for _, is_paired in others)
    assert not found if not paired else set("".join(found)) >= set("".join(paired)) - {"i"}, found


# ---- requests for information


def asked(house: House, trade: str, **body: object) -> Json:
    """An officer asks the buyer."""
    return house.ask("ask_party", "officer-1", {"to": "buyer", "items": ["contract"], **body}, trade)


def test_a_party_answers_what_it_is_asked_and_nobody_elses_answer_counts(new_house: Callable[..., House]) -> None:
    house = new_house("seller", "buyer")
    trade = sale(house).propose()
    before = house.kinds(trade.id)
    request = asked(house, trade.id)
    file = {"name": "contract.pdf", "content_base64": base64.b64encode(b"%PDF").decode()}
    answer = {"request": request["request"], "text": "Here it is.", "files": [file]}
    assert house.refusal("answer_request", "seller", answer) == "not_found"
    assert house.refusal("answer_request", "buyer", {"request": request["request"]}) == "malformed"
    assert house.ask("answer_request", "buyer", answer)["files"] == 1
    for _ in range(4):
        house.ask("answer_request", "buyer", answer)
    assert house.refusal("answer_request", "buyer", answer) == "answered_enough"
    assert house.kinds(trade.id) == before, "nothing of it is an event of the settlement"
    assert (request["due_at"] + 1) % DAY_S == 0, "the due day does not tell the hour of asking"


def test_a_request_of_the_first_hours_falls_due_a_day_before_its_case(new_house: Callable[..., House]) -> None:
    house = new_house("seller", "namesake")
    trade = sale(house, buyer="namesake").propose().agree()
    request = asked(house, trade.id)
    assert request["due_at"] + DAY_S < trade.one.dates["review_by"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"items": [], "text": ""}, "nothing_asked"),
        ({"items": ["secret"]}, "malformed"),
        ({"items": ["contract", "contract"]}, "malformed"),
        ({"to": "bank"}, "malformed"),
        ({"text": "You are on a list."}, "wording_discloses"),
        ({"text": "x" * 501}, "malformed"),
    ],
)
def test_a_request_that_is_no_safe_one_is_not_sent(house: House, body: Json, code: str) -> None:
    trade = sale(house).propose()
    said = {"to": "buyer", "items": ["contract"]} | body
    assert house.refusal("ask_party", "officer-1", said, trade.id) == code
    assert house.refusal("ask_party", "seller", {"to": "buyer", "items": ["contract"]}, trade.id) == "not_allowed"
    assert house.papers(trade.id, "information_request") == []


@pytest.mark.parametrize(
    "text",
    ["Are you sanctioned?", "a SANCTIONS hit", "s a n c t i o n s", "sanc\u00adtion", "Is your account frozen?", "OFAC",
     "we suspect you", "our compliance team asks", "you are listed", "money laundering", "réview your case"],
)  # fmt: skip
def test_words_that_disclose_are_found(text: str) -> None:
    assert forbidden_in(text)


@pytest.mark.parametrize(
    "text",
    [*TEMPLATES.values(), "Please send the packing list.", "We need the price list of 2026, please.", "",
     "Who are the owners of the company, and in which countries do they live?"],
)  # fmt: skip
def test_ordinary_words_pass(text: str) -> None:
    assert forbidden_in(text) == ""


# ---- notices and suspensions


def test_a_freeze_notice_is_released_by_two_and_only_while_something_is_held(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    body = {"settlement": trade.id, "to": "buyer"} | NOTICE
    draft = {"subject": "freeze_notice", "body": body, "reason": "notice to the owner"}
    assert house.refusal("propose_change", "officer-1", draft) == "nothing_frozen"
    house.ask("block", "officer-1", {"reason": "a listed person's interest"}, trade.id)
    lacking = draft | {"body": {name: text for name, text in body.items() if name != "contact"}}
    assert house.refusal("propose_change", "officer-1", lacking) == "malformed"
    assert house.refusal("propose_change", "operator-1", draft) == "not_allowed"
    change = house.ask("propose_change", "officer-1", draft)["change"]
    assert house.papers(trade.id, "freeze_notice") == []
    assert house.refusal("confirm_change", "officer-1", {"change": change}) == "same_person"
    house.ask("confirm_change", "officer-2", {"change": change})
    (notice,) = house.papers(trade.id, "freeze_notice")
    assert notice["authority"] == "Ministry of Example" and "settlement" not in notice
    with house.store.work() as tx:
        (paper,) = tx.papers.of(trade.id, kind="freeze_notice")
    assert paper.visible_to == (house.people["buyer"].participant,)


def test_an_officer_who_looks_at_a_block_again_moves_its_next_look_and_nothing_else(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    reason = {"reason": "still listed today"}
    assert house.refusal("review_block", "officer-1", reason, trade.id) == "not_in_this_state"
    house.ask("block", "officer-1", {"reason": "a listed person's interest"}, trade.id)
    before = trade.one
    house.pass_time(60)
    assert house.refusal("review_block", "buyer", reason, trade.id) == "not_allowed"
    house.ask("review_block", "officer-2", reason, trade.id)
    after = trade.one
    assert after.dates["block_review_by"] >= before.dates["block_review_by"] + 60 and after.seq == before.seq + 1
    assert (after.state, after.suspended, after.step) == (State.BLOCKED, before.suspended, before.step)
    assert [entry.event.kind for entry in house.events(trade.id)][-1] == "block_reviewed"
    trade.is_sound(State.BLOCKED)


def test_a_suspended_company_starts_and_funds_nothing_and_what_is_in_escrow_goes_on(house: House) -> None:
    funded = sale(house).propose().agree().fund()
    waiting = sale(house).propose().agree()
    buyer = house.people["buyer"].participant
    until = house.now() + 2 * 3600
    officers = ("officer-1", "officer-2")
    house.four_eyes("suspension", {"participant": buyer, "until": until}, by=officers)
    own = sale(house, "seller", seller=house.stated["buyer"]).proposal()
    assert house.refusal("propose", "buyer", own) == "own_trades_paused"
    house.answer(house.put("fund", house.people["buyer"], waiting.funding(), waiting.id))
    house.run()
    assert house.settlement(waiting.id).state is not State.FUNDED and not house.settlement(waiting.id).funded_minor
    funded.present()
    funded.examine(complies=True)
    funded.is_sound("released")
    house.four_eyes("suspension_lift", {"participant": buyer}, by=officers)
    assert sale(house).propose().id


def test_who_trades_with_a_suspended_company_reads_nothing_of_it(house: House) -> None:
    """Proposed, quoted and tried as with anyone; what both sign is refused like anything that cannot proceed."""
    buyer, asked = house.people["buyer"].participant, sale(house)
    before = house.ask("dry_run", "seller", asked.proposal())
    body = {"participant": buyer, "until": house.now() + 2 * 3600}
    house.four_eyes("suspension", body, by=("officer-1", "officer-2"))
    after = house.ask("dry_run", "seller", asked.proposal())
    assert (after["rules_met"], after["reasons"]) == (before["rules_met"], before["reasons"]) == (True, [])
    trade = asked.propose()
    house.ask("requote", "seller", {}, trade.id)
    trade.agree().is_sound(State.REFUSED)
    assert STATES[trade.one.shown_state].public == STATES[State.REFUSED].public
    assert "suspended" not in str([event.event for event in house.events(trade.id)])


def test_a_suspension_ends_by_itself_and_has_an_end(house: House) -> None:
    buyer, now = house.people["buyer"].participant, house.now()
    for until, code in ((now - 1, "suspension_too_long"), (now + 91 * DAY_S, "suspension_too_long")):
        body = {"subject": "suspension", "body": {"participant": buyer, "until": until}, "reason": "why"}
        assert house.refusal("propose_change", "officer-1", body) == code
    lift = {"subject": "suspension_lift", "body": {"participant": buyer}, "reason": "why"}
    assert house.refusal("propose_change", "officer-1", lift) == "not_suspended"
    own = house.people["officer-1"].participant
    body = {"subject": "suspension", "body": {"participant": own, "until": now + 60}, "reason": "why"}
    assert house.refusal("propose_change", "officer-1", body) == "malformed"
    house.four_eyes("suspension", {"participant": buyer, "until": now + 600}, by=("officer-1", "officer-2"))
    house.pass_time(601)
    assert sale(house).propose().id


# ---- what is due to authorities


def test_business_days_leave_weekends_out() -> None:
    assert business_days_after(FRIDAY_NOON, 1) == FRIDAY_NOON + 3 * DAY_S
    assert business_days_after(FRIDAY_NOON, 10) == FRIDAY_NOON + 14 * DAY_S


def test_duties_after_a_block_come_with_their_law_and_the_earliest_first() -> None:
    duties = duties_after_block(FRIDAY_NOON)
    assert [duty.due_at for duty in duties] == sorted(duty.due_at for duty in duties)
    assert {duty.mark for duty in duties} <= {"T", "S", "U"} and all(duty.source for duty in duties)
    assert duties[-1].due_at > FRIDAY_NOON + 300 * DAY_S, "a block of November is reported the next September"
