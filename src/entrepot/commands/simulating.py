"""`simulate`: seeded runs of the real workflows in a simulated world with faults."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal

from entrepot.core.errors import Invalid

from .line import app, show

if TYPE_CHECKING:
    from entrepot.simulator.many import Totals
    from entrepot.simulator.run import Outcome, Stores

TELL_EVERY_S = 5.0
STORIES_MAX = 3
MINUTES_MAX, SEED_MAX = 60 * 24 * 366, 2**63 - 1


@app.command
def simulate(
    *,
    seeds: int = 20,
    first_seed: int = 1,
    steps: int = 600,
    jobs: int = 1,
    store: Literal["memory", "postgres"] = "memory",
    minutes: float = 0.0,
    shrink: bool = True,
    json: bool = False,
) -> int:
    """Runs seeds of at least `steps` steps each; a failure is shrunk to a story. Exits 1 if a rule was broken.

    With `minutes` no further seed begins after that time. On PostgreSQL (its own embedded server) with one job.
    """
    from entrepot.simulator.databases import databases
    from entrepot.simulator.many import run_many
    from entrepot.simulator.run import in_memory

    for name, value in (("seeds", seeds), ("steps", steps), ("jobs", jobs)):
        if value < 1:
            raise Invalid("malformed", f"{name} is a whole number from 1 on.", path=name)
    if not 0 <= minutes < MINUTES_MAX or abs(first_seed) > SEED_MAX:
        raise Invalid("malformed", "minutes are 0 or more, and a seed has at most 63 bits.")
    until = time.time() + 60 * minutes if minutes else 0.0
    with databases() if store == "postgres" else nullcontext(in_memory) as stores:
        is_one = store == "postgres"
        totals = run_many(
            first_seed, seeds, steps=steps, jobs=1 if is_one else jobs, until=until, stores=stores, say=_Progress()
        )
        stories = _stories(totals.failed[:STORIES_MAX], stores) if shrink else []
    body = {"first_seed": first_seed, "steps_a_seed": steps, "store": store, "jobs": jobs, **totals.to_json()}
    show(body, [*_lines(totals), *stories], as_json=json)
    return 1 if totals.failed else 0


class _Progress:
    """Tells on stderr how far it is, every few seconds, and of each failure at once."""

    def __init__(self) -> None:
        self._told, self._failed = 0.0, 0

    def __call__(self, totals: Totals) -> None:
        for outcome in totals.failed[self._failed :]:
            print(f"seed {outcome.seed} broke a rule: {outcome.says}", file=sys.stderr)
        self._failed = len(totals.failed)
        if time.monotonic() - self._told >= TELL_EVERY_S:
            self._told = time.monotonic()
            says = f"{totals.seeds} seeds, {totals.steps} steps, {len(totals.failed)} violations"
            print(f"{says}, {len(totals.lines)} lines, {totals.steps / totals.seconds:.0f} steps/s", file=sys.stderr)


def _stories(failed: list[Outcome], stores: Stores) -> list[str]:
    from entrepot.simulator.shrink import shrunk, story

    lines: list[str] = []
    for outcome in failed:
        print(f"seed {outcome.seed} broke a rule ({outcome.rule}); making it short", file=sys.stderr)
        lines += ["", *story(shrunk(outcome, stores=stores))]
    return lines


def _lines(totals: Totals) -> list[str]:
    body = totals.to_json()
    lines = [
        f"{body['seeds']} seeds, {body['steps']} steps, {body['settlements']} settlements, "
        f"{body['steps_per_s']} steps/s",
        f"violations: {body['violations']}",
        f"lines of the life-cycle reached: {body['lines_reached']} of {body['lines_total']}",
        f"digest: {body['digest']}",
        "faults: " + ", ".join(f"{name} {count}" for name, count in body["faults"].items()),
        "events soon after a fault (faults in the order above):",
    ]
    for event, row in body["lines_by_faults"].items():
        if any(row.values()):
            lines.append(f"  {event:22}" + "".join(f"{count:7}" for count in row.values()))
    return lines + [f"not reached: {', '.join(totals.missing())}"]
