"""What comes between a worker's reading and its writing, or between its reading and its sending, played act by act."""

from __future__ import annotations

from typing import Any

import pytest
from acts_played import DECIDE, SEND, end, events, ordered, play, the_trade

from entrepot.core.lifecycle import State
from entrepot.simulator.acts import Action, Stage
from entrepot.simulator.plan import FUNDED, PRESENTED, TURN
from entrepot.workflows import send
from entrepot.workflows.chain import orders

STOP = (("stop", "all", 86_400), DECIDE, ("confirm", 3), DECIDE)
COMES = {
    "a stop": STOP,
    "a freeze": ordered("freeze", 86_400),
    "a block": (("block", 1), DECIDE),
    "a list": (("namesake", "Meridian"),),
}
BY_HAND = (("by_hand", 1, "the buyer", 33), ("blocks", 3), ("watch",), DECIDE)
TWO_SIGNED = tuple(("sign", number, side) for number in (1, 2) for side in ("seller", "buyer"))
LAST = 99  # before the first write of a batch


def proposals(share: int = 1) -> tuple[Action, ...]:
    """Two trades of the same two companies."""
    return tuple(("propose", number, "Ban Mai", "Nordkontor", share) for number in (1, 2))


def does(stage: Stage, *actions: Action) -> None:
    """Does the acts where there is no first trade yet."""
    for action in actions:
        stage.perform(action)


def states(stage: Stage) -> list[State]:
    """How both trades stand."""
    return [one.state for number in (1, 2) if (one := stage.one(number)) is not None]


@pytest.mark.parametrize("what", COMES)
def test_a_return_that_waited_for_the_node_until_it_was_held_up_is_not_sent_and_may_be_asked_for_again(
    stage: Stage, what: str
) -> None:
    play(stage, *FUNDED, *BY_HAND, ("return", 1), DECIDE, ("confirm", 3), DECIDE, ("node", True), SEND)
    play(stage, ("wait", 60), *COMES[what], ("wait", 5), ("node", False), ("wait", 1), SEND, *TURN)
    assert events(stage).count("return_cleared") == 1 and "returned" not in events(stage)
    lifts = {"a stop": (("lift_stops",), DECIDE, ("confirm", 3), DECIDE), "a freeze": ordered("unfreeze")}
    lifts["a block"] = ordered("unblock")
    play(stage, *lifts.get(what, ()), ("wait", 1), *TURN)
    play(stage, *TURN, ("return", 1), DECIDE, ("confirm", 3), DECIDE, *TURN)
    assert events(stage).count("returned") == 1
    end(stage)


def test_a_fee_that_waited_for_the_node_until_a_stop_came_is_not_sent_and_may_be_claimed_later(stage: Stage) -> None:
    play(stage, *PRESENTED, ("examine", 1, "comply"), *TURN, *TURN)
    play(stage, ("claim_fee", 1), DECIDE, ("node", True), SEND, *STOP, ("wait", 5), ("node", False), SEND, *TURN)
    assert "fee_claimed" not in events(stage)
    play(stage, ("lift_stops",), DECIDE, ("confirm", 3), DECIDE, ("claim_fee", 1), DECIDE, *TURN)
    assert events(stage).count("fee_claimed") == 1
    end(stage)


def test_a_payout_that_waited_for_the_node_until_its_seller_was_listed_is_not_sent(stage: Stage) -> None:
    play(stage, *PRESENTED, ("node", True), ("examine", 1, "comply"), DECIDE, SEND)
    play(stage, ("wait", 60), ("list", "Ban Mai"), ("wait", 5), ("node", False), SEND, *TURN)
    play(stage, ("wait", 61), *TURN, DECIDE)
    assert the_trade(stage).state is State.BLOCKED and the_trade(stage).released_minor == 0


def test_of_two_payments_read_together_the_second_is_not_sent_where_a_stop_came_while_the_first_was(
    stage: Stage,
) -> None:
    does(stage, *proposals(4), DECIDE, *TWO_SIGNED, *TURN, *TURN, ("fund", 1, 0), ("fund", 2, 0), DECIDE)
    play(stage, ("meet", "send", 3, (("wait", 5), *STOP, ("wait", 1))), SEND, *TURN, *TURN)
    assert sorted(states(stage)) == [State.CLEARED, State.FUNDED]  # and the buyer may pay again


@pytest.mark.parametrize("before", [(send, "_order_now"), (orders, "_state")])
def test_an_order_that_another_worker_saw_lifted_is_not_signed_by_a_slower_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, before: tuple[Any, str]
) -> None:
    """The slower one's lease has run out, before it reads how the books stand or before it asks the escrow."""
    play(stage, *FUNDED, ("block", 1), DECIDE)
    others, act = (("wait", 40), *ordered("unblock"), SEND, ("wait", 2), SEND), getattr(*before)
    stage.world.meet("send", LAST, lambda: does(stage, *others))

    def slow(*given: Any) -> Any:
        stage.world.fuse.meet()
        return act(*given)

    monkeypatch.setattr(*before, slow)
    play(stage, SEND, *TURN, *(("wait", 60), *TURN) * 3)
    one = the_trade(stage)
    assert one.state is State.FUNDED and not stage.world.rail.escrow_state(one.escrow).blocked


def test_a_return_that_another_worker_sent_meanwhile_has_not_come_to_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower one saw it held up by a stop. Asked for again, it would be paid out of what another stranger paid."""
    play(stage, *FUNDED, *BY_HAND, ("return", 1), DECIDE, ("confirm", 3), DECIDE, *STOP, ("wait", 1))
    others, told = (("wait", 40), ("lift_stops",), DECIDE, ("confirm", 3), DECIDE, SEND), send._told
    stage.world.meet("send", LAST, lambda: does(stage, *others))

    def slow(*given: Any, **named: Any) -> Any:
        stage.world.fuse.meet()
        return told(*given, **named)

    monkeypatch.setattr(send, "_told", slow)
    play(stage, SEND, DECIDE, ("return", 1), DECIDE, ("confirm", 3), DECIDE, *TURN, *TURN, *TURN)
    assert (events(stage).count("return_cleared"), events(stage).count("returned")) == (1, 1)


@pytest.mark.parametrize("at", [5, 8, LAST])
def test_of_two_trades_cleared_at_one_moment_by_two_workers_the_cap_has_room_for_one(stage: Stage, at: int) -> None:
    caps = (("caps", 12_000_000), DECIDE, ("confirm", 3), DECIDE)
    does(stage, *caps, *proposals(), DECIDE, ("sign", 1, "seller"), ("sign", 2, "seller"), DECIDE, ("sign", 1, "buyer"))
    play(stage, ("meet", "decide", at, (("sign", 2, "buyer"), DECIDE, DECIDE)), DECIDE, DECIDE, DECIDE)
    assert sorted(states(stage)) == [State.CLEARED, State.REFUSED]


@pytest.mark.parametrize("at", [5, 8, LAST])
def test_of_one_invoice_sent_to_two_workers_at_one_moment_one_trade_comes(stage: Stage, at: int) -> None:
    does(
        stage,
        ("propose", 1, "Ban Mai", "Nordkontor", 1),
        ("meet", "decide", at, (("propose_again", 2, 1), DECIDE)),
        DECIDE,
        DECIDE,
    )
    assert len(stage.invariants.shadows) == 1


@pytest.mark.parametrize("at", [5, 8, LAST])
def test_a_stop_that_comes_while_a_payment_is_decided_stops_it(stage: Stage, at: int) -> None:
    play(stage, *PRESENTED, ("examine", 1, "comply"), ("meet", "decide", at, STOP), DECIDE, DECIDE)
    assert the_trade(stage).state is State.PRESENTED
