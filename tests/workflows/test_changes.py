"""Changes by two persons: who proposes, who confirms or declines, until when, and what each is refused."""

from __future__ import annotations

from typing import Any

import pytest
from trading_house import House

from entrepot.store.memory import MemoryStore
from entrepot.store.records import Change
from entrepot.workflows.checks.figures import followed
from entrepot.workflows.checks.standing import in_force
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


def decided(number: int, subject: str, body: dict[str, Any], confirmed_at: int) -> Change:
    """A change that two persons decided, in one second the one proposed later; ids say nothing of the order."""
    return Change(f"{99 - number:032x}", subject, body, "why", "1" * 32, number, "2" * 32, confirmed_at)


@pytest.mark.parametrize(("suspended_at", "lifted_at", "until"), [(10, 20, 0), (20, 10, 99), (10, 10, 0)])
def test_of_a_suspension_and_its_lifting_the_one_confirmed_last_counts(
    suspended_at: int, lifted_at: int, until: int
) -> None:
    changes = [
        decided(1, "suspension", {"participant": "p", "until": 99}, suspended_at),
        decided(2, "suspension_lift", {"participant": "p", "until": 0}, lifted_at),
        decided(3, "suspension", {"participant": "another", "until": 99}, 30),
    ]
    assert in_force(changes, "p", 50) == until


@pytest.mark.parametrize(("followed_at", "left_at", "names"), [(10, 20, ()), (20, 10, ("EXTRA",)), (10, 10, ())])
def test_of_following_a_list_and_leaving_it_the_one_confirmed_last_counts(
    followed_at: int, left_at: int, names: tuple[str, ...]
) -> None:
    store = MemoryStore()
    with store.work() as tx:
        tx.checks.put_change(decided(1, "list_source", {"act": "follow", "source": "EXTRA"}, followed_at))
        tx.checks.put_change(decided(2, "list_source", {"act": "unfollow", "source": "EXTRA"}, left_at))
        assert followed(tx) == names
