"""Changes by two persons: who proposes, who confirms or declines, until when, and what each is refused."""

from __future__ import annotations

from trading_house import House

from entrepot.workflows.step.change_kind import PROPOSAL_S


def propose(house: House, by: str = "supervisor-1") -> str:
    """A stop that waits for the second person."""
    body = {"subject": "stop", "body": {"grade": "new", "until": house.now() + 60 * 86_400}, "reason": "a drill"}
    return str(house.ask("propose_change", by, body)["change"])


def kept(house: House, change: str) -> str:
    """confirmed, declined or open."""
    with house.store.work() as tx:
        found = next(one for one in tx.checks.changes() if one.id == change)
    return "open" if found.is_open else "confirmed" if found.confirmed_by else "declined"


def test_the_same_person_confirms_nothing_and_a_second_does(house: House) -> None:
    change = propose(house)
    assert house.refusal("confirm_change", "supervisor-1", {"change": change}) == "same_person"
    assert kept(house, change) == "open"
    house.ask("confirm_change", "supervisor-2", {"change": change})
    assert kept(house, change) == "confirmed"


def test_a_declined_change_is_confirmed_by_nobody(house: House) -> None:
    change = propose(house)
    house.ask("decline_change", "supervisor-2", {"change": change, "reason": "not now"})
    assert kept(house, change) == "declined"
    for kind in ("confirm_change", "decline_change"):
        assert house.refusal(kind, "supervisor-1", {"change": change, "reason": "again"}) == "not_found"


def test_whoever_proposed_may_withdraw(house: House) -> None:
    change = propose(house)
    house.ask("decline_change", "supervisor-1", {"change": change, "reason": "my mistake"})
    assert kept(house, change) == "declined"


def test_declining_says_why_and_is_for_those_who_might_confirm(house: House) -> None:
    change = propose(house)
    assert house.refusal("decline_change", "supervisor-2", {"change": change}) == "malformed"
    for stranger in ("seller", "officer-1", "arbiter-1"):
        assert house.refusal("decline_change", stranger, {"change": change, "reason": "no"}) == "not_allowed"
    assert kept(house, change) == "open"


def test_a_proposal_ends_after_a_week(house: House) -> None:
    change, late = propose(house), propose(house)
    house.pass_time(PROPOSAL_S - 100)
    house.ask("confirm_change", "supervisor-2", {"change": change})
    house.pass_time(100)
    assert house.refusal("confirm_change", "supervisor-2", {"change": late}) == "proposal_expired"


def test_a_subject_that_nobody_knows_is_malformed(house: House) -> None:
    body = {"subject": "everything", "body": {}, "reason": "why not"}
    assert house.refusal("propose_change", "operator-1", body) == "malformed"
