"""Who may end which hold, what a review keeps when it runs out, and what an end gives back: played act by act."""

from __future__ import annotations

import base64

import pytest
from acts_played import DECIDE, SEND, events, ordered, play, the_trade

from entrepot.core.lifecycle import State
from entrepot.simulator.acts import Stage
from entrepot.simulator.plan import DISPUTED, FUNDED, PRESENTED, TURN


def answered(stage: Stage) -> tuple[int, str]:
    """How the newest request was answered: status, and the code of a refusal."""
    last = stage.people.last
    with stage.world.store.real.work() as tx:
        item = tx.inbox.get(last.source, last.key)
    assert item is not None and item.answer is not None
    return int(item.answer["status"]), str(item.answer["body"].get("code", ""))


@pytest.mark.parametrize("lift", ["unblock", "unfreeze"])
def test_a_hold_is_ended_by_those_who_order_it_and_the_others_lift_changes_nothing(stage: Stage, lift: str) -> None:
    begin = ordered("freeze", 86_400) if lift == "unblock" else (("block", 1), DECIDE)
    held = play(stage, *FUNDED, *begin)
    assert held == (State.FROZEN if lift == "unblock" else State.BLOCKED)
    before = events(stage)
    assert play(stage, *ordered(lift)) == held
    assert answered(stage) == (409, "not_in_this_state") and events(stage) == before
    assert play(stage, *ordered("unfreeze" if lift == "unblock" else "unblock")) == State.FUNDED


def test_a_block_laid_over_a_freeze_meanwhile_is_not_lifted_with_the_freeze(stage: Stage) -> None:
    proposed = ordered("unfreeze")
    play(stage, *FUNDED, *ordered("freeze", 86_400), *proposed[:2], ("block", 1), DECIDE)
    assert play(stage, *proposed[2:]) == State.BLOCKED
    assert answered(stage) == (409, "not_in_this_state")


def dispose(stage: Stage, officer: str, verdict: str) -> tuple[int, str]:
    stage.people.click("dispose", officer, {"verdict": verdict, "reason": "looked"}, the_trade(stage).id)
    play(stage, DECIDE)
    return answered(stage)


def test_who_cleared_before_a_review_ran_out_is_one_of_the_two_who_clear_it(stage: Stage) -> None:
    play(stage, *PRESENTED, ("namesake", "Nordkontor"))
    assert play(stage, ("examine", 1, "comply"), DECIDE) == State.IN_REVIEW
    assert dispose(stage, "officer-1", "clear") == (200, "")
    world = stage.world
    for _ in range(2):  # nobody looks at it for two whole periods
        world.pass_time(the_trade(stage).dates["review_by"] - world.clock.now + 1)
        world.read_lists()
        assert play(stage, DECIDE, DECIDE, DECIDE, DECIDE) == State.IN_REVIEW
        assert dispose(stage, "officer-1", "clear") == (409, "same_person")
    assert events(stage).count("referred") == 3
    assert dispose(stage, "officer-2", "clear") == (200, "")
    assert play(stage, *TURN, *TURN) == State.REJECTED  # nobody looked in time, so it goes back to where it came from


def test_an_award_of_a_part_gives_neither_headroom_nor_the_invoice_free(stage: Stage) -> None:
    play(stage, *DISPUTED)
    play(stage, ("award", 1, 50))
    for _ in range(8):
        play(stage, *TURN)
    one = the_trade(stage)
    assert one.state is State.REFUNDED and 0 < one.released_minor < one.price_minor
    with stage.world.store.real.work() as tx:
        assert tx.checks.reserved(one.buyer, since=0) > 0
        invoice = base64.b64encode(tx.papers.of(one.id, kind="invoice")[0].body).decode()
    stage.people.click("propose", "Ban Mai", {"invoice_base64": invoice, "buyer": one.buyer})
    play(stage, DECIDE)
    assert answered(stage) == (409, "duplicate_invoice")


@pytest.mark.parametrize("late_s", [-1, 1])
def test_a_finding_counts_when_it_was_sent_however_late_we_decide(stage: Stage, late_s: int) -> None:
    play(stage, *PRESENTED)
    world, last_moment = stage.world, the_trade(stage).dates["examine_by"]
    world.pass_time(last_moment - world.clock.now - 1)
    world.block()
    world.clock.now = last_moment + late_s
    play(stage, ("examine", 1, "do not comply"))
    world.clock.now = last_moment + 60  # no worker was there meanwhile
    state = play(stage, DECIDE)
    assert answered(stage) == ((200, "") if late_s < 0 else (409, "examination_late"))
    assert state is (State.DISCREPANT if late_s < 0 else State.PRESENTED)
    if late_s < 0:
        play(stage, SEND, ("blocks", 3))
        assert world.rail.state_of(f"{the_trade(stage).id}:{the_trade(stage).seq}:reject_presentation").name == "final"
