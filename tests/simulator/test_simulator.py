"""Seeded runs: the same seed is the same run to the byte, nothing is lost, and a failure becomes a short story."""

from __future__ import annotations

from entrepot.simulator.many import run_many
from entrepot.simulator.run import replay, run_seed

SEED, STEPS = 2, 150


def test_a_seed_alone_is_the_same_run_to_the_byte_and_another_seed_another() -> None:
    first = run_seed(SEED, steps=STEPS)
    assert run_seed(SEED, steps=STEPS).digest == first.digest != run_seed(SEED + 1, steps=STEPS).digest


def test_the_recorded_actions_are_the_run() -> None:
    first = run_seed(SEED, steps=STEPS)
    again = replay(SEED, first.actions)
    assert (again.steps, again.lines, again.rule) == (first.steps, first.lines, first.rule)


def test_nothing_is_lost_whatever_goes_wrong() -> None:
    totals = run_many(1, 8, steps=250)
    assert not totals.failed, [outcome.says for outcome in totals.failed]
    assert totals.steps >= 8 * 250 and len(totals.lines) > 30
