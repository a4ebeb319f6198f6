"""Money beside a trade and fees, while orders, reviews and the rail come in between; played act by act."""

from __future__ import annotations

import pytest
from acts_played import DECIDE, SEND, WATCH, end, events, ordered, play, the_trade

from entrepot.core.lifecycle import State
from entrepot.simulator.acts import Action, Stage
from entrepot.simulator.plan import AGREED, FUNDED, QUOTED, TURN

BY_HAND = ("by_hand", 1, "the buyer", 100)
RETURNED = (("return", 1), DECIDE, ("confirm", 1), DECIDE)


def aside(stage: Stage) -> int:
    """What lies at the escrow beside the trade."""
    one = the_trade(stage)
    return int(stage.world.rail.held(one.escrow, stage.world.token)) - one.held_minor - one.fee_accrued_minor


def test_a_return_that_failed_on_the_rail_may_be_asked_for_again_and_is_made_once(stage: Stage) -> None:
    play(stage, *FUNDED, BY_HAND, *TURN, *RETURNED, SEND, ("issuer", "Nordkontor", True), ("blocks", 3), *TURN)
    play(stage, ("wait", 61), *TURN, ("issuer", "Nordkontor", False), *TURN)
    assert aside(stage) and "returned" not in events(stage)
    play(stage, *RETURNED, *TURN)
    assert events(stage).count("return_cleared") == 2 and events(stage)[-1] == "returned"
    assert not aside(stage)


def test_a_return_on_its_way_is_not_asked_for_again(stage: Stage) -> None:
    play(stage, *FUNDED, BY_HAND, *TURN, *RETURNED, SEND, *RETURNED)
    assert events(stage).count("return_cleared") == 1


def test_nothing_is_returned_under_a_block_and_afterwards_it_is(stage: Stage) -> None:
    play(stage, *FUNDED, BY_HAND, *TURN, ("return", 1), DECIDE)
    assert play(stage, ("block", 1), ("confirm", 1), *TURN) == State.BLOCKED
    assert "return_cleared" not in events(stage)
    play(stage, *ordered("unblock"), *TURN, *RETURNED, *TURN, *TURN)
    assert events(stage)[-1] == "returned" and not aside(stage)


def test_no_fee_is_claimed_under_a_block_and_afterwards_it_is(stage: Stage) -> None:
    play(stage, *FUNDED, ("present", 1, "right"), *TURN, ("dispute", 1, "buyer"), *TURN)
    play(stage, ("award", 1, 50), *TURN, DECIDE)
    assert play(stage, SEND, ("blocks", 3), WATCH, DECIDE, ("block", 1), DECIDE) == State.BLOCKED
    play(stage, *TURN, ("claim_fee", 1), *TURN)
    assert the_trade(stage).fee_accrued_minor and "fee_cleared" not in events(stage)
    play(stage, *ordered("unblock"), *TURN, *TURN, ("claim_fee", 1), *TURN, *TURN)
    assert events(stage).count("fee_claimed") == 1
    assert end(stage) == State.REFUNDED


IN_REVIEW: tuple[Action, ...] = (
    ("propose", 1, "Ban Mai", "Meridian", 1), DECIDE, ("sign", 1, "seller"), ("sign", 1, "buyer"), *TURN,
)  # fmt: skip
FUNDING = (*AGREED, ("fund", 1, 0), DECIDE)


FROZEN = (*IN_REVIEW, *ordered("freeze", 3600))
NOT_OPEN = [
    (QUOTED, State.QUOTED), (IN_REVIEW, State.IN_REVIEW), (FROZEN, State.FROZEN),
    ((*IN_REVIEW, ("block", 1), DECIDE), State.BLOCKED), (FUNDING, State.FUNDING),
]  # fmt: skip


@pytest.mark.parametrize(("before", "state"), NOT_OPEN)
def test_a_payment_by_hand_to_an_address_that_is_not_open_yet_is_seen(
    stage: Stage, before: tuple[Action, ...], state: State
) -> None:
    assert play(stage, *before) == state
    play(stage, BY_HAND, ("blocks", 3), WATCH, DECIDE)
    assert "mispaid" in events(stage)
