"""Many seeds, on several processes: totals, and what of the life-cycle was met by which fault."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from entrepot.core.crypto import sha256
from entrepot.core.lifecycle import LIFECYCLE

from .acts import FAULTS
from .run import Outcome, Stores, in_memory, run_seed

CHUNK = 8  # seeds that a process takes at a time


@dataclass
class Totals:
    """What many runs did. `digest` is over the digests of all runs in the order of their seeds."""

    seeds: int = 0
    steps: int = 0
    settlements: int = 0
    seconds: float = 0.0
    failed: list[Outcome] = field(default_factory=list)
    lines: set[tuple[str, str]] = field(default_factory=set)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    digest: str = ""

    def add(self, outcome: Outcome) -> None:
        """Adds one run."""
        self.seeds += 1
        self.steps += outcome.steps
        self.settlements += outcome.settlements
        self.lines |= outcome.lines
        self.met += outcome.met
        self.faults += outcome.faults
        self.digest = sha256(f"{self.digest}{outcome.digest}".encode()).hex()
        if outcome.rule:
            self.failed.append(outcome)

    def to_json(self) -> dict[str, Any]:
        """As `entrepot simulate --json` prints it."""
        return {
            "schema": "entrepot/simulation/1",
            "seeds": self.seeds,
            "steps": self.steps,
            "settlements": self.settlements,
            "violations": len(self.failed),
            "failed_seeds": [outcome.seed for outcome in self.failed],
            "rules": dict(sorted(Counter(outcome.rule for outcome in self.failed).items())),
            "lines_reached": len(self.lines),
            "lines_total": len(LIFECYCLE),
            "faults": {fault: self.faults[fault] for fault in FAULTS},
            "lines_by_faults": self.matrix(),
            "steps_per_s": round(self.steps / self.seconds) if self.seconds else 0,
            "seconds": round(self.seconds, 1),
            "digest": self.digest,
        }

    def matrix(self) -> dict[str, dict[str, int]]:
        """Event → fault → how often the event came soon after the fault struck."""
        events = sorted({line.event for line in LIFECYCLE})
        return {event: {fault: self.met[event, fault] for fault in FAULTS} for event in events}

    def missing(self) -> list[str]:
        """The lines of the table that no run took."""
        return sorted(f"{line.when.value}: {line.event}" for line in LIFECYCLE
                      if (line.when.value, line.event) not in self.lines)  # fmt: skip


def run_many(
    first: int, count: int, *, steps: int, jobs: int = 1, until: float = 0.0, stores: Stores = in_memory,
    say: Callable[[Totals], None] = lambda _: None,
) -> Totals:  # fmt: skip
    """Runs `count` seeds from `first` on; no further ones once the machine's clock has passed `until` (Unix s)."""
    totals, began = Totals(), time.monotonic()
    with _outcomes(range(first, first + count), steps, jobs, stores) as outcomes:
        for outcome in outcomes:
            totals.add(outcome)
            totals.seconds = time.monotonic() - began
            say(totals)
            if until and time.time() > until:
                break
    return totals


@contextmanager
def _outcomes(seeds: range, steps: int, jobs: int, stores: Stores) -> Iterator[Iterator[Outcome]]:
    """Outcomes in the order of their seeds."""
    if jobs == 1:
        yield (run_seed(seed, steps=steps, stores=stores) for seed in seeds)
        return
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawned, initializer=_end_with_parent) as pool:
        yield _ahead(pool, seeds, steps, jobs)
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Whoever is killed leaves nobody behind: a process of the pool would wait for its next seeds for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a process of the pool is somebody's"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _ahead(pool: ProcessPoolExecutor, seeds: range, steps: int, jobs: int) -> Iterator[Outcome]:
    """A few chunks ahead of what was read, so that a long run keeps nothing but its totals."""
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    waiting = [pool.submit(_chunk, chunk, steps) for chunk in chunks[: 2 * jobs]]
    for place in range(len(chunks)):
        yield from waiting.pop(0).result()
        if place + 2 * jobs < len(chunks):
            waiting.append(pool.submit(_chunk, chunks[place + 2 * jobs], steps))


def _chunk(seeds: range, steps: int) -> list[Outcome]:
    return [run_seed(seed, steps=steps) for seed in seeds]
