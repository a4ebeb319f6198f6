"""Stops in grades: begun by two, ended by their date or by two; and what a person of the house was shown is kept."""

from __future__ import annotations

from typing import Any

import pytest
from trading_house import House

from entrepot.store.records import Reader
from entrepot.workflows.checks.stops import AFFECTED, GRADES, in_force

HOUR_S = 3_600
SUPERVISORS = ("supervisor-1", "supervisor-2")


@pytest.fixture
def supervised(house: House) -> House:
    """A house with two supervisors."""
    operator = house.people["operator-1"].participant
    for name in SUPERVISORS:
        house.join(name, operator, "supervisor")
    return house


def stopped(house: House) -> list[str]:
    """The grades in force now."""
    now = house.now()
    with house.store.work() as tx:
        return [change.body["grade"] for change in in_force(tx, now)]


def stop(house: House, grade: str, *, for_s: int = HOUR_S) -> str:
    """Two supervisors stop; returns the stop's id."""
    body = {"grade": grade, "until": house.now() + for_s}
    change = propose(house, "stop", body)
    house.ask("confirm_change", SUPERVISORS[1], {"change": change})
    return change


def propose(house: House, subject: str, body: dict[str, Any]) -> str:
    """The first supervisor's proposal."""
    asked = {"subject": subject, "body": body, "reason": "a drill"}
    return str(house.ask("propose_change", SUPERVISORS[0], asked)["change"])


@pytest.mark.parametrize("grade", GRADES)
def test_a_stop_begins_with_the_second_person_and_ends_by_itself(supervised: House, grade: str) -> None:
    change = propose(supervised, "stop", {"grade": grade, "until": supervised.now() + HOUR_S})
    assert stopped(supervised) == []
    assert supervised.refusal("confirm_change", SUPERVISORS[0], {"change": change}) == "same_person"
    assert stopped(supervised) == []
    supervised.ask("confirm_change", SUPERVISORS[1], {"change": change})
    assert stopped(supervised) == [grade]
    supervised.ask("advance_clock", "operator-1", {"advance_s": HOUR_S + 1})
    assert stopped(supervised) == []


def test_a_stop_has_an_end_that_is_ahead_and_not_too_far(supervised: House) -> None:
    now = supervised.now()
    for until, code in ((None, "malformed"), (now - 1, "stop_over"), (now + 400 * 86_400, "malformed")):
        body = {"grade": "all"} | ({"until": until} if until else {})
        asked = {"subject": "stop", "body": body, "reason": "why"}
        assert supervised.refusal("propose_change", SUPERVISORS[0], asked) == code
    late = propose(supervised, "stop", {"grade": "all", "until": now + 60})
    supervised.ask("advance_clock", "operator-1", {"advance_s": 120})
    assert supervised.refusal("confirm_change", SUPERVISORS[1], {"change": late}) == "stop_over"


def test_a_stop_is_lifted_early_by_two_and_only_once(supervised: House) -> None:
    first, second = stop(supervised, "all"), stop(supervised, "new")
    lift = propose(supervised, "lift_stop", {"stop": first})
    assert sorted(stopped(supervised)) == ["all", "new"]
    assert supervised.refusal("confirm_change", SUPERVISORS[0], {"change": lift}) == "same_person"
    supervised.ask("confirm_change", SUPERVISORS[1], {"change": lift})
    assert stopped(supervised) == ["new"]
    for body, code in (({"stop": first}, "stop_over"), ({"stop": "0" * 32}, "not_found"), ({}, "malformed")):
        asked = {"subject": "lift_stop", "body": body, "reason": "again"}
        assert supervised.refusal("propose_change", SUPERVISORS[0], asked) == code
    assert second


@pytest.mark.parametrize("who", ["officer-1", "treasurer"])
def test_nobody_else_stops_or_lifts(supervised: House, who: str) -> None:
    known = stop(supervised, "new")
    supervised.join("treasurer", "ab" * 16, "treasurer")
    for subject, body in (("stop", {"grade": "all", "until": 2**40}), ("lift_stop", {"stop": known})):
        asked = {"subject": subject, "body": body, "reason": "why"}
        assert supervised.refusal("propose_change", who, asked) == "not_allowed"


def test_a_stricter_grade_holds_up_all_that_a_milder_one_does() -> None:
    new, fund, everything = (set(AFFECTED[grade]) for grade in GRADES)
    assert new <= fund < everything and "released" not in everything and "blocked" not in everything


def shown(house: House, by: str, **body: Any) -> dict[str, Any]:
    """What a door writes before it shows something; the worker's answer."""
    return house.answer(house.put("disclosed", house.people[by], {"at": house.now(), "purpose": "an audit"} | body))


def test_what_was_shown_is_kept_and_a_case_is_never_told(supervised: House) -> None:
    party = "cd" * 16
    assert shown(supervised, "supervisor-1", what="document", whose=[party])["status"] == 201
    assert shown(supervised, "supervisor-1", what="case", whose=[party])["status"] == 201
    assert shown(supervised, "officer-1", what="document", whose=[party])["status"] == 201
    assert shown(supervised, "supervisor-1", what="document", whose=[party], purpose="")["status"] == 422
    with supervised.store.read(Reader("", "supervisor")) as tx:
        kept = tx.reports.disclosures()
    assert [(row.what, row.role, row.is_confidential) for row in kept] == [
        ("document", "officer", True), ("case", "supervisor", True), ("document", "supervisor", False),
    ]  # fmt: skip
    with supervised.store.read(Reader(party, "treasurer")) as tx:
        assert [row.what for row in tx.reports.disclosures()] == ["document"]
