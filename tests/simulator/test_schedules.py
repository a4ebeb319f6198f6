"""Two thousand short schedules: a trade on its way, who does what to it, and what goes wrong, each from a seed."""

from __future__ import annotations

import pytest

from entrepot.simulator.plan import ahead
from entrepot.simulator.run import run_seed
from entrepot.simulator.shrink import shrunk, story

SCHEDULES, PARTS, STEPS = 2_000, 4, 24
EACH, LINES_MIN, FAULTS_MIN = SCHEDULES // PARTS, 35, 12


@pytest.mark.parametrize("part", range(PARTS))
def test_no_schedule_breaks_a_rule(part: int) -> None:
    lines: set[tuple[str, str]] = set()
    faults: set[str] = set()
    for seed in range(1 + part * EACH, 1 + (part + 1) * EACH):
        outcome = run_seed(seed, steps=STEPS, plans=ahead)
        assert not outcome.rule, "\n".join(story(shrunk(outcome)))
        lines |= outcome.lines
        faults |= {fault for fault, count in outcome.faults.items() if count}
    assert len(lines) >= LINES_MIN and len(faults) >= FAULTS_MIN, (len(lines), sorted(faults))
