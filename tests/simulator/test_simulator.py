"""Seeded runs: the same seed is the same run to the byte, nothing is lost, and a failure becomes a short story."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

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


def test_a_run_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    """Its pool would wait for the next seeds for ever."""
    command = [sys.executable, "-m", "entrepot", "simulate", "--seeds", "99999", "--jobs", "2"]
    said = (tmp_path / "said").open("w")
    run = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)

    def left() -> list[int]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(") ")[2].split()
                if int(fields[3]) == run.pid and fields[0] != "Z":
                    found.append(int(stat.parent.name))
        return found

    until = time.monotonic() + 120
    try:
        while len(left()) < 3:  # itself, one of its pool, and whoever tracks their resources
            assert time.monotonic() < until and run.poll() is None, (tmp_path / "said").read_text()
            time.sleep(0.1)
        run.kill()
        run.wait()
        while left():
            assert time.monotonic() < until, "its processes live on"
            time.sleep(0.1)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
