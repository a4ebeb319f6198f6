"""What crosses on its way to the escrow, played act by act in the simulated world, whose rules look at every turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.core.lifecycle import State
from entrepot.simulator.acts import Action, Stage, staged
from entrepot.simulator.run import come_to_rest
from entrepot.store.memory import MemoryStore

SEED = 1
DECIDE, SEND, BLOCK, WATCH = ("decide",), ("send",), ("blocks", 1), ("watch",)
TURN = (DECIDE, SEND, ("blocks", 3), WATCH, DECIDE)
AGREED = (("propose", 1, "Ban Mai", "Nordkontor", 1), DECIDE, ("sign", 1, "seller"), ("sign", 1, "buyer"), *TURN)
FUNDED = (*AGREED, ("fund", 1, 0), *TURN, *TURN)
PRESENTED = (*FUNDED, ("present", 1, "right"), *TURN)
DISCREPANT = (*FUNDED, ("present", 1, "wrong"), *TURN, ("examine", 1, "do not comply"), *TURN)
LATE = (("node", True), SEND, ("node", False), ("wait", 1))  # what was to go out first goes out after what comes now


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(SEED, MemoryStore(), tmp_path) as found:
        yield found


def play(stage: Stage, *actions: Action) -> State:
    """Does the acts in their order; the state of the trade then."""
    for action in actions:
        stage.perform(action)
    one = stage.one(1)
    assert one is not None
    return one.state


def end(stage: Stage) -> State:
    """Faults end and time passes: everything must have ended. The state of the trade then."""
    come_to_rest(stage)
    return play(stage)


def events(stage: Stage) -> list[str]:
    with stage.world.store.real.work() as tx:
        return [entry.event.kind for entry in tx.settlements.events(stage.people.settlement_of(1))]


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


def test_a_lift_that_reaches_the_escrow_late_does_not_lift_the_block_that_came_after_it(stage: Stage) -> None:
    assert play(stage, *FUNDED, ("block", 1), *TURN) == State.BLOCKED
    assert play(stage, ("order", 1, "unblock", 0), DECIDE, ("confirm", 1), DECIDE) == State.FUNDED
    assert play(stage, *LATE[:3], ("block", 1), DECIDE, SEND) == State.BLOCKED
    for _ in range(8):  # what the rail is not ready for is tried again, and later each time
        assert play(stage, ("wait", 600), *TURN) == State.BLOCKED
    one = stage.one(1)
    assert one is not None and stage.world.rail.escrow_state(one.escrow).blocked
    orders = [stage.world.rail.state_of(f"{one.id}:{one.seq - back}:hold").name for back in (2, 1, 0)]
    assert orders == ["final"] * 3
