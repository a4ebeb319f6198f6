"""One trade of the simulated world, played act by act; the simulator's rules look at every turn of the worker."""

from __future__ import annotations

from entrepot.core.lifecycle import State
from entrepot.core.settlement import Settlement
from entrepot.simulator.acts import Action, Stage
from entrepot.simulator.run import come_to_rest

DECIDE, SEND, BLOCK, WATCH = ("decide",), ("send",), ("blocks", 1), ("watch",)
LATE = (("node", True), SEND, ("node", False), ("wait", 1))  # what was to go out first goes out after what comes now


def ordered(subject: str, seconds: int = 0) -> tuple[Action, ...]:
    """Two persons order a freeze, or lift what was ordered."""
    return ("order", 1, subject, seconds), DECIDE, ("confirm", 3), DECIDE  # the newest change


def play(stage: Stage, *actions: Action) -> State:
    """Does the acts in their order; the state of the trade then."""
    for action in actions:
        stage.perform(action)
    return the_trade(stage).state


def the_trade(stage: Stage) -> Settlement:
    """The trade as the log tells it."""
    one = stage.one(1)
    assert one is not None
    return one


def end(stage: Stage) -> State:
    """Faults end and time passes: everything must have ended. The state of the trade then."""
    come_to_rest(stage)
    return play(stage)


def events(stage: Stage) -> list[str]:
    """What happened to the trade, from the first event on."""
    with stage.world.store.real.work() as tx:
        return [entry.event.kind for entry in tx.settlements.events(stage.people.settlement_of(1))]
