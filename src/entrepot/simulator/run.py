"""Runs seeds: each a world of its own, drawn, checked at each step, brought to rest, and told by a digest."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from entrepot.core.canonical import sha256_of
from entrepot.core.errors import EntrepotError
from entrepot.core.lifecycle import State
from entrepot.core.log import tree_root
from entrepot.core.settlement import Settlement
from entrepot.store.memory import MemoryStore
from entrepot.store.store import Store

from .acts import ACTS, Action, Stage, staged
from .invariants import is_refused
from .people import People
from .plan import Plan
from .violation import Violation

STEPS = 1_500
QUIET_ROUNDS_MAX = 1_000
LEAVING_MAX = 200
STILL_MAX = 5  # rounds without an event, after which time passes faster
REST_S_MAX = 12 * 3600  # lists must be read again before they are stale
FOLDER = "/dev/shm"  # messages are files, and each is made durable: in memory that costs nothing
Stores = Callable[[], Any]  # opens a fresh store as a context


@dataclass
class Outcome:
    """One run: what it did, and the violation that ended it, if one did."""

    seed: int
    steps: int = 0
    settlements: int = 0
    actions: list[Action] = field(default_factory=list)
    rule: str = ""
    says: str = ""
    digest: str = ""
    lines: set[tuple[str, str]] = field(default_factory=set)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


@contextmanager
def in_memory() -> Iterator[Store]:
    """A fresh store that is gone afterwards."""
    yield MemoryStore()


def run_seed(
    seed: int, *, steps: int = STEPS, stores: Stores = in_memory, plans: Callable[[Random], Plan] = Plan
) -> Outcome:
    """Draws a run of at least `steps` steps, then lets the world become quiet."""
    plan = plans(Random(seed))

    def draw(stage: Stage, outcome: Outcome) -> None:
        while stage.world.steps < steps or plan.queue:
            action = plan.next(stage)
            outcome.actions.append(action)
            stage.perform(action)

    return _run(seed, draw, stores)


def replay(seed: int, actions: Sequence[Action], *, stores: Stores = in_memory) -> Outcome:
    """The same world with these actions instead of drawn ones."""

    def play(stage: Stage, outcome: Outcome) -> None:
        for action in actions:
            outcome.actions.append(action)
            stage.perform(action)

    return _run(seed, play, stores)


def _run(seed: int, play: Callable[[Stage, Outcome], None], stores: Stores) -> Outcome:
    outcome = Outcome(seed)
    folder = Path(tempfile.mkdtemp(prefix="entrepot-simulator-", dir=FOLDER if Path(FOLDER).is_dir() else None))
    try:
        with stores() as store, staged(seed, store, folder) as stage:
            try:
                play(stage, outcome)
                come_to_rest(stage)
            except Violation as violation:
                outcome.rule, outcome.says = violation.rule, str(violation)
            except (AssertionError, EntrepotError, KeyError, TypeError, ValueError) as error:
                outcome.rule, outcome.says = f"no {type(error).__name__}", f"{error!r:.500}"
            _note(stage, outcome)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def _note(stage: Stage, outcome: Outcome) -> None:
    checks = stage.invariants
    outcome.steps, outcome.lines, outcome.met = stage.world.steps, checks.lines, checks.met
    outcome.settlements = len(checks.shadows)
    outcome.faults = checks.faults
    outcome.digest = sha256_of(
        {
            "schema": "entrepot/simulated-run/1",
            "seed": outcome.seed,
            "actions": _plain(outcome.actions),
            "steps": outcome.steps,
            "rule": outcome.rule,
            "root": tree_root(checks.frontier).hex(),
            "time": stage.world.clock.now,
        }
    ).hex()


def _plain(action: Any) -> Any:
    return [_plain(part) for part in action] if isinstance(action, tuple | list) else action


def come_to_rest(stage: Stage) -> None:
    """Faults end, officers look at what waits, time passes: then everything must have ended. Raises: Violation."""
    world, people, checks = stage.world, stage.people, stage.invariants
    _end_faults(stage)
    asked: set[tuple[str, int]] = set()
    seen, still = 0, 0
    for _ in range(QUIET_ROUNDS_MAX):
        taken = world.turn()
        world.block()
        waits = [one for one in checks.shadows.values() if not one.is_ended]
        for one in waits:
            if (one.id, one.seq) not in asked:
                asked.add((one.id, one.seq))
                _look_at(people, one)
        with world.store.real.work() as tx:
            changes = tx.checks.changes(confirmed=False)
            leaving = [item for item in tx.outbox.waiting(limit=LEAVING_MAX) if not is_refused(item)]
            is_busy = bool(leaving or tx.inbox.open_since()[0])
        for change in changes:
            if change.subject == "unblock" and (change.id, 0) not in asked:
                asked.add((change.id, 0))
                people.click("confirm_change", "officer-2", {"change": change.id})
        if not waits and not is_busy and not taken:
            break
        seen, still = checks.seen, still + 1 if checks.seen == seen else 0
        if not taken or still > STILL_MAX:
            dates = [act[1] for one in waits if (act := one.next_act())] + [item.due_at for item in leaving]
            ahead = sorted(date - world.clock.now for date in dates if date > world.clock.now)
            world.pass_time(min(ahead[0] if ahead and still <= STILL_MAX else 60 * 2 ** min(still, 9), REST_S_MAX))
    world.rail.mine(world.rail.final_blocks + 1)
    world.watch()
    world.decide()
    checks.check_end()


def _look_at(people: People, one: Settlement) -> None:
    """Officers dispose of a case and unblock what nobody is listed for any more."""
    if one.state is State.IN_REVIEW:
        for officer in ("officer-1", "officer-2"):
            people.click("dispose", officer, {"verdict": "clear", "reason": "Looked at."}, one.id)
    elif one.state is State.BLOCKED:
        people.change("unblock", "officer-1", {"settlement": one.id})


def _end_faults(stage: Stage) -> None:
    world = stage.world
    world.fuse.put_out()
    world.rail.is_down = world.rail.loses_reply = world.rail.passes_over = world.rail.tells_twice = False
    for name, actor in stage.people.actors.items():
        world.rail.unbar(actor.address) if actor.role == "treasurer" else None
        if actor.role == "treasurer":
            ACTS["standing"].does(stage, name, "admitted")
    world.listed.clear()
    world.publish()
    world.is_feed_down = False
    world.read_lists()
