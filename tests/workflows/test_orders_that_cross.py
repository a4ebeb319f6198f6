"""What crosses on its way to the escrow, played act by act in the simulated world."""

from __future__ import annotations

import pytest
from acts_played import BLOCK, DECIDE, LATE, SEND, WATCH, end, events, ordered, play, the_trade

from entrepot.core.lifecycle import State
from entrepot.simulator.acts import Stage
from entrepot.simulator.plan import AGREED, DISCREPANT, FUNDED, PRESENTED, TURN
from entrepot.store.records import OutboxItem
from entrepot.workflows import send

DAY_S = 86_400


def test_documents_that_the_escrow_recorded_before_a_refund_reached_it_are_examined_and_paid(stage: Stage) -> None:
    """A lift that reached the escrow late gives the seller more time there than our books say."""
    lifted = (("order", 1, "unblock", 0), DECIDE, ("confirm", 1), DECIDE, ("node", True), SEND, ("wait", 1801))
    play(stage, *FUNDED, ("block", 1), *TURN, *lifted, ("node", False), *TURN)
    assert (one := stage.one(1)) is not None
    play(stage, ("wait", one.dates["present_by"] - stage.world.clock.now - 60), DECIDE)  # lists are read again
    play(stage, ("wait", 61), ("blocks", 3), WATCH)
    assert play(stage, ("present", 1, "right"), DECIDE, SEND, DECIDE, SEND) == State.REFUNDING
    assert play(stage, ("blocks", 3), WATCH, DECIDE) == State.PRESENTED
    play(stage, ("examine", 1, "comply"), *TURN)
    assert end(stage) == State.RELEASED


def test_a_waiver_that_failed_behind_an_order_in_its_block_is_sent_again_and_the_seller_is_paid(stage: Stage) -> None:
    assert play(stage, *DISCREPANT) == State.DISCREPANT
    assert play(stage, ("waive", 1), DECIDE, ("node", True), SEND, ("block", 1), DECIDE) == State.BLOCKED
    play(stage, ("node", False), ("wait", 1), SEND, ("blocks", 3), WATCH)
    waived = f"{stage.people.settlement_of(1)}:{events(stage).index('waived') + 1}:waive"
    assert stage.world.rail.state_of(waived).name == "failed"
    assert end(stage) == State.RELEASED
    assert stage.world.rail.state_of(f"{waived}:2").name == "final"


HOLDS = {
    "block": ((("block", 1), DECIDE), ordered("unblock")),
    "freeze": (ordered("freeze", 86_400), ordered("unfreeze")),
    "stop": (
        (("stop", "all", 86_400), DECIDE, ("confirm", 1), DECIDE),
        (("lift_stops",), DECIDE, ("confirm", 1), DECIDE),
    ),
}


@pytest.mark.parametrize("hold", HOLDS)
def test_a_payout_that_waited_for_the_node_until_it_was_held_up_is_not_sent_and_decided_afresh_later(
    stage: Stage, hold: str
) -> None:
    begin, lift = HOLDS[hold]
    play(stage, *PRESENTED, ("node", True))
    assert play(stage, ("examine", 1, "comply"), DECIDE, SEND) == State.RELEASING
    play(stage, ("wait", 300), *begin, ("node", False), ("wait", 40), SEND, *TURN, *TURN)
    assert the_trade(stage).released_minor == 0 and the_trade(stage).state is not State.RELEASED
    play(stage, *lift, *TURN, *TURN)
    assert end(stage) == State.RELEASED
    assert events(stage).count("release_cleared") == 2 and events(stage).count("released") == 1


def test_a_payout_that_was_held_up_while_the_node_is_gone_keeps_no_message_waiting(stage: Stage) -> None:
    play(stage, *PRESENTED, ("node", True), ("examine", 1, "comply"), DECIDE, SEND, ("block", 1), DECIDE, ("wait", 40))
    world = stage.world
    with world.store.real.work() as tx:
        paper = tx.papers.of(the_trade(stage).id, kind="terms")[0]
        tx.outbox.put([OutboxItem("a message", "message", paper.settlement, {"paper": paper.id}, world.clock.now)])
    play(stage, SEND)
    with world.store.real.work() as tx:
        assert [item.once for item in tx.outbox.waiting(limit=9) if item.kind == "message"] == []


def test_a_lift_that_reaches_the_escrow_late_does_not_lift_the_block_that_came_after_it(stage: Stage) -> None:
    assert play(stage, *FUNDED, ("block", 1), *TURN) == State.BLOCKED
    assert play(stage, *ordered("unblock")) == State.FUNDED
    assert play(stage, *LATE[:3], ("block", 1), DECIDE, SEND) == State.BLOCKED
    for _ in range(8):  # what the rail is not ready for is tried again, and later each time
        assert play(stage, ("wait", 600), *TURN) == State.BLOCKED
    one = the_trade(stage)
    assert stage.world.rail.escrow_state(one.escrow).blocked
    orders = [stage.world.rail.state_of(f"{one.id}:{one.seq - back}:hold").name for back in (2, 1, 0)]
    assert orders == ["final"] * 3


def test_an_order_after_one_that_came_to_nothing_is_taken(stage: Stage) -> None:
    """A freeze that was over before any block could take it has no number at the escrow."""
    assert play(stage, *FUNDED, ("node", True), *ordered("freeze", 60), SEND) == State.FROZEN
    assert play(stage, ("wait", 61), ("blocks", 3), DECIDE, ("node", False), *TURN) == State.FUNDED
    assert play(stage, ("block", 1), *TURN) == State.BLOCKED
    state = stage.world.rail.escrow_state(the_trade(stage).escrow)
    assert (state.blocked, state.hold_number) == (True, 1)


def test_an_order_that_was_lifted_before_it_reached_the_escrow_does_not_reach_it(stage: Stage) -> None:
    assert play(stage, *FUNDED, ("node", True), ("block", 1), DECIDE, SEND) == State.BLOCKED
    assert play(stage, *ordered("unblock"), ("node", False), ("wait", 1), *TURN, *TURN) == State.FUNDED
    state = stage.world.rail.escrow_state(the_trade(stage).escrow)
    assert (state.blocked, state.hold_number) == (False, 0)


def test_an_order_whose_reply_was_lost_is_lifted_there_too(stage: Stage) -> None:
    """It is on its way to the escrow, which shows nothing of it yet: neither has come to nothing."""
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("block", 1), DECIDE, ("lose_reply",), SEND)
    assert play(stage, *ordered("unblock"), ("wait", 1), SEND, ("wait", 5), SEND) == State.PRESENTED
    play(stage, ("blocks", 3), WATCH, *TURN, ("wait", 61), *TURN)
    assert not stage.world.rail.escrow_state(the_trade(stage).escrow).blocked
    play(stage, ("examine", 1, "comply"), *TURN)
    assert end(stage) == State.RELEASED


def test_a_release_that_was_blocked_on_its_way_is_checked_again_once_it_is_unblocked(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("issuer", "Ban Mai", True), ("examine", 1, "comply"), DECIDE)
    assert play(stage, ("block", 1), *TURN, ("issuer", "Ban Mai", False)) == State.BLOCKED
    assert play(stage, *ordered("unblock"), *TURN) == State.RELEASING
    assert events(stage).count("release_cleared") == 2
    assert end(stage) == State.RELEASED


def test_a_release_given_up_under_a_freeze_is_not_awaited_for_ever_after(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("issuer", "Ban Mai", True), ("examine", 1, "comply"), DECIDE)
    assert play(stage, SEND, *ordered("freeze", 3600)) == State.FROZEN
    for _ in range(12):
        play(stage, ("wait", 1), SEND, BLOCK)
    assert play(stage, DECIDE, ("issuer", "Ban Mai", False), *ordered("unfreeze")) == State.RELEASING
    assert end(stage) == State.RELEASED
    assert "release_dropped" in events(stage)


def test_of_two_sets_of_documents_on_their_way_the_one_that_was_recorded_is_examined(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "right"), DECIDE, ("present", 1, "wrong"), *TURN)
    assert events(stage).count("presentation_received") == 2
    assert play(stage, ("examine", 1, "do not comply"), DECIDE) == State.DISCREPANT
    with stage.world.store.real.work() as tx:
        found = tx.settlements.events(the_trade(stage).id)[-1].event.facts["discrepancies"]
    assert found == ["examiner"]  # the rules find nothing in the right ones


def test_an_award_waits_for_a_dispute_that_no_block_has_taken_yet(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("dispute", 1, "buyer"), DECIDE, SEND)
    assert play(stage, ("award", 1, 50), DECIDE) == State.DISPUTED
    for _ in range(20):
        play(stage, ("wait", 2), SEND)
    assert end(stage) == State.REFUNDED
    state = stage.world.rail.escrow_state(the_trade(stage).escrow)
    assert state.is_awarded and the_trade(stage).released_minor == the_trade(stage).price_minor // 2


def test_an_award_just_before_a_dispute_ends_is_refused_as_the_escrow_might_not_take_it(stage: Stage) -> None:
    play(stage, *FUNDED, ("dispute", 1, "buyer"), *TURN)
    ahead_s = the_trade(stage).dates["dispute_by"] - stage.world.clock.now
    assert play(stage, ("wait", ahead_s - 12 * 3600 + 60), *TURN, ("award", 1, 50), DECIDE) == State.DISPUTED
    assert "award_received" not in events(stage)


def test_an_award_half_a_day_before_a_dispute_ends_is_taken(stage: Stage) -> None:
    play(stage, *FUNDED, ("dispute", 1, "buyer"), *TURN)
    ahead_s = the_trade(stage).dates["dispute_by"] - stage.world.clock.now
    play(stage, ("wait", ahead_s - 13 * 3600), *TURN, ("award", 1, 50), *TURN)
    assert "awarded" in events(stage)


def test_a_refusal_after_an_outage_of_the_node_is_the_first_and_not_the_last(stage: Stage) -> None:
    assert play(stage, *AGREED, ("fund", 1, 0), DECIDE, SEND, BLOCK, ("node", True)) == State.FUNDING
    for _ in range(12):
        play(stage, ("wait", 1), SEND)
    play(stage, ("node", False), ("issuer", "Nordkontor", True), SEND, ("wait", 1), SEND)
    assert play(stage, ("issuer", "Nordkontor", False), ("wait", 1), *TURN, DECIDE) == State.FUNDED
    assert "funding_dropped" not in events(stage)


def test_a_payout_that_the_rail_refuses_for_days_is_renewed_less_and_less_often(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("issuer", "Ban Mai", True), ("examine", 1, "comply"), *TURN)
    for _ in range(150):
        play(stage, ("wait", 61), DECIDE, SEND, BLOCK, WATCH)
    assert 2 <= events(stage).count("release_cleared") <= 9
    assert end(stage) == State.RELEASED


def test_documents_that_cross_an_award_do_not_hold_up_what_the_arbiters_said(stage: Stage) -> None:
    """The buyer does not wait out an examination that nobody will make any more."""
    play(stage, *FUNDED, ("present", 1, "right"), DECIDE, SEND, ("dispute", 1, "buyer"), DECIDE, ("award", 1, 0))
    assert play(stage, DECIDE, SEND) == State.DISPUTED
    began = stage.world.clock.now
    play(stage, ("blocks", 3), WATCH, DECIDE, ("wait", 1801), ("wait", 61), ("decide",))
    for _ in range(6):
        play(stage, ("wait", 61), *TURN)
    assert "presented" in events(stage) and the_trade(stage).state == State.REFUNDED
    assert stage.world.clock.now - began < 7200


@pytest.mark.parametrize("when", ["before the next quote", "after the next quote"])
def test_what_was_paid_to_the_address_of_former_terms_is_not_returned_from_another(stage: Stage, when: str) -> None:
    """The escrow of the terms that hold now has none of it, and would pay with what others sent there."""
    paid, quoted = (("by_hand", 1, "the buyer", 50), ("blocks", 3)), (("plain", 1, "requote", "buyer"), DECIDE)
    told = (WATCH, DECIDE)
    play(stage, ("propose", 1, "Ban Mai", "Nordkontor", 1), DECIDE, *paid)
    first = the_trade(stage).escrow
    play(stage, *((*told, *quoted) if when == "before the next quote" else (WATCH, *quoted, DECIDE)))
    assert the_trade(stage).escrow != first and events(stage).count("mispaid") == 1
    play(stage, ("sign", 1, "seller"), ("sign", 1, "buyer"), *TURN, ("by_hand", 1, "the buyer", 100), ("blocks", 3))
    play(stage, *told, ("return", 1), DECIDE, ("confirm", 1), DECIDE)
    assert events(stage).count("mispaid") == 2 and "return_cleared" not in events(stage)


def test_a_freeze_outlasts_a_block_that_was_laid_over_it_here_and_at_the_escrow(stage: Stage) -> None:
    """Seeds 601121 and 601770: lifted there, the dispute ran out at the escrow while our books stood still."""
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("dispute", 1, "buyer"), *TURN)
    assert play(stage, *ordered("freeze", 10 * DAY_S), *TURN) == State.FROZEN
    until = the_trade(stage).dates["frozen_until"]
    assert play(stage, ("wait", DAY_S), ("block", 1), *TURN) == State.BLOCKED
    assert play(stage, ("wait", DAY_S), *ordered("unblock"), *TURN) == State.FROZEN
    assert the_trade(stage).dates["frozen_until"] == until
    state = stage.world.rail.escrow_state(the_trade(stage).escrow)
    assert (state.blocked, state.frozen_until, state.hold_number) == (False, until, 3)
    assert play(stage, ("wait", until - stage.world.clock.now + 1), *TURN) == State.DISPUTED
    play(stage, ("award", 1, 50), *TURN, *TURN)
    assert end(stage) == State.REFUNDED
    assert stage.world.rail.escrow_state(the_trade(stage).escrow).is_awarded


def test_a_freeze_reaches_the_escrow_though_a_block_over_it_was_lifted_before_either_did(stage: Stage) -> None:
    assert play(stage, *FUNDED, ("node", True), *ordered("freeze", DAY_S), SEND) == State.FROZEN
    assert play(stage, ("block", 1), DECIDE, *ordered("unblock"), SEND) == State.FROZEN
    play(stage, ("node", False))
    for _ in range(4):
        play(stage, ("wait", 60), *TURN)
    state = stage.world.rail.escrow_state(the_trade(stage).escrow)
    until = the_trade(stage).dates["frozen_until"]
    assert (state.blocked, state.frozen_until, state.hold_number) == (False, until, 1)  # and nothing else did


def test_a_block_that_outlasted_the_freeze_under_it_is_lifted_at_the_escrow(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "right"), *TURN)
    assert play(stage, *ordered("freeze", DAY_S), *TURN, ("block", 1), *TURN) == State.BLOCKED
    assert play(stage, ("wait", 2 * DAY_S), *ordered("unblock"), *TURN) == State.PRESENTED
    state = stage.world.rail.escrow_state(the_trade(stage).escrow)
    assert (state.blocked, state.hold_number) == (False, 3)
    assert abs(the_trade(stage).dates["release_at"] - state.examine_until) < 600
    assert end(stage) == State.RELEASED


def test_a_freeze_whose_end_is_noticed_late_gives_an_award_no_more_time_than_the_escrow_does(stage: Stage) -> None:
    """Seed 611097: our books gave a dispute the days too in which no worker saw that the freeze was over."""
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("dispute", 1, "buyer"), *TURN)
    assert play(stage, *ordered("freeze", DAY_S), *TURN) == State.FROZEN
    play(stage, ("blocks", 3), WATCH)
    stage.world.clock.now += 20 * DAY_S  # no worker runs
    assert play(stage, *TURN) != State.FROZEN
    state = stage.world.rail.escrow_state(the_trade(stage).escrow)
    assert abs(the_trade(stage).dates["dispute_by"] - state.disputed_until) < 600
    play(stage, ("award", 1, 50), *TURN)
    assert "awarded" not in events(stage)
    assert end(stage) == State.RELEASED


def test_a_dispute_does_not_run_out_here_while_an_award_that_came_in_time_is_still_to_be_seen(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("dispute", 1, "buyer"), *TURN)
    ahead_s = the_trade(stage).dates["dispute_by"] - stage.world.clock.now
    play(stage, ("wait", ahead_s - 13 * 3600), *TURN, ("award", 1, 50), DECIDE, SEND, ("blocks", 3))
    stage.world.clock.now += 14 * 3600
    assert play(stage, DECIDE, DECIDE) == State.DISPUTED  # nobody has watched the chain
    assert play(stage, WATCH, DECIDE) == State.PRESENTED
    assert end(stage) == State.REFUNDED
    assert the_trade(stage).released_minor == the_trade(stage).price_minor // 2


def test_an_award_that_the_escrow_never_took_binds_nobody_and_the_dispute_runs_out(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("dispute", 1, "buyer"), *TURN)
    assert play(stage, ("award", 1, 50), DECIDE, ("node", True), SEND) == State.DISPUTED
    play(stage, ("award", 1, 20), DECIDE)
    assert events(stage).count("award_received") == 1  # the escrow takes one
    stage.world.clock.now += 6 * DAY_S
    assert play(stage, SEND, DECIDE) == State.DISPUTED  # who cannot see the chain does not know that it ran out
    assert play(stage, ("node", False), ("blocks", 3), WATCH, DECIDE, ("wait", 1), SEND) == State.PRESENTED
    assert "awarded" not in events(stage) and the_trade(stage).in_flight == {}
    with stage.world.store.real.work() as tx:
        assert not tx.outbox.waiting_of(the_trade(stage).id)  # and nobody goes on asking
    assert end(stage) == State.RELEASED


@pytest.mark.parametrize("meanwhile", ["nothing", "a freeze", "a dispute", "another presentation", "a refund"])
def test_a_notice_that_reached_the_escrow_after_its_time_is_silence_here_too(stage: Stage, meanwhile: str) -> None:
    """Seed 700089: the escrow took the documents for accepted, and our books asked it for a refund for ever."""
    play(stage, *FUNDED, ("present", 1, "wrong"), *TURN, ("wait", 60), *TURN, ("node", True))
    assert play(stage, ("examine", 1, "do not comply"), DECIDE, SEND) == State.DISCREPANT
    after = {
        "a freeze": ordered("freeze", 10 * DAY_S),
        "a dispute": (("dispute", 1, "buyer"), DECIDE),
        "another presentation": (("present", 1, "right"), DECIDE),
    }
    stage.world.clock.now += 4 * DAY_S
    play(stage, *after.get(meanwhile, ()))
    play(stage, ("node", False), ("blocks", 3), WATCH, *((DECIDE, SEND) if meanwhile == "a refund" else ()))
    for _ in range(4):
        play(stage, ("wait", 30), *TURN)
    assert "finding_dropped" in events(stage)
    assert meanwhile != "a refund" or events(stage).index("refund_cleared") < events(stage).index("finding_dropped")
    assert end(stage) == State.RELEASED


def test_a_waiver_that_came_before_the_notice_was_lost_is_what_counts(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "wrong"), *TURN, ("wait", 60), *TURN, ("node", True))
    assert play(stage, ("examine", 1, "do not comply"), DECIDE, ("waive", 1), DECIDE, SEND) != State.DISCREPANT
    stage.world.clock.now += 4 * DAY_S
    assert end(stage) == State.RELEASED
    assert "finding_dropped" not in events(stage)


def test_the_examiners_last_moment_leaves_the_escrow_half_a_day_to_hear_of_it(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "wrong"), *TURN)
    one = the_trade(stage)
    state = stage.world.rail.escrow_state(one.escrow)
    assert one.dates["examine_by"] <= state.examine_until - 12 * 3600 < one.dates["release_at"]
    play(stage, ("wait", one.dates["examine_by"] - stage.world.clock.now + 1), *TURN)
    assert play(stage, ("examine", 1, "do not comply"), DECIDE) == State.PRESENTED


@pytest.mark.parametrize("hold", ["freeze", "block", "dispute", "freeze before it was recorded"])
def test_a_hold_gives_the_examiner_the_days_that_it_took(stage: Stage, hold: str) -> None:
    play(stage, *FUNDED, ("present", 1, "wrong"), *(TURN if "before" not in hold else (DECIDE, SEND)))
    ordered_hold = {"block": (("block", 1),), "dispute": (("dispute", 1, "buyer"),)}
    play(stage, *ordered_hold.get(hold, ordered("freeze", 3 * DAY_S)), *TURN, *TURN)
    play(stage, ("wait", 3 * DAY_S if hold != "dispute" else 5 * DAY_S + 60))
    play(stage, *(ordered("unblock") if hold == "block" else ()), *TURN, *TURN)
    one, state = the_trade(stage), stage.world.rail.escrow_state(the_trade(stage).escrow)
    assert one.state == State.PRESENTED
    assert -600 < one.dates["release_at"] - state.examine_until < 600
    assert one.dates["examine_by"] <= state.examine_until - 12 * 3600 + 600
    play(stage, ("wait", one.dates["examine_by"] - stage.world.clock.now - 60), *TURN)
    assert play(stage, ("examine", 1, "do not comply"), *TURN) == State.DISCREPANT
    assert stage.world.rail.escrow_state(one.escrow).status == 1  # funded: it took the notice


@pytest.mark.parametrize("what", ["a notice", "an award"])
def test_what_a_block_kept_from_the_escrow_beyond_its_time_is_taken_after_the_block(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The block stops the escrow's clocks too: what came in time waits, and is not given up, often as it is tried."""
    monkeypatch.setattr(send, "FOLLOWED_ATTEMPTS_MAX", 3)
    play(stage, *FUNDED, ("present", 1, "wrong"), *TURN, ("wait", 60), *TURN)
    given = {"a notice": (("examine", 1, "do not comply"),), "an award": (("award", 1, 50),)}[what]
    play(stage, *((("dispute", 1, "buyer"), *TURN) if what == "an award" else ()), *given, DECIDE, *LATE[:3])
    assert play(stage, ("block", 1), DECIDE, SEND, ("blocks", 3), WATCH) == State.BLOCKED
    for _ in range(2):
        play(stage, ("wait", 5 * DAY_S), *TURN)
    state = stage.world.rail.escrow_state(the_trade(stage).escrow)
    assert state.blocked and stage.world.clock.now > max(state.examine_until, state.disputed_until)
    play(stage, *ordered("unblock"), *TURN, ("wait", DAY_S // 2), *TURN, *TURN)
    state = stage.world.rail.escrow_state(the_trade(stage).escrow)
    assert "finding_dropped" not in events(stage)
    assert state.is_awarded if what == "an award" else state.status == 1  # funded: it took the notice
    assert end(stage) == State.REFUNDED
