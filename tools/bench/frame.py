"""The bench's frame: what a part is given, what it gives back, and how a rate is measured.

A part is a function that takes a `Run` and gives `Figure`s; it stands in the table PARTS of __main__.py. Every part
measured is the real one. A rate is the median of at least three rounds. What is compared is measured in turns
(`Run.in_turns`), so that a noisy machine is noisy to both.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entrepot.store import embedded
from entrepot.store.migrate import migrate

ROUNDS_MIN = 3
ROUNDS = 5
ROUND_S = 0.3
"""Each round repeats the act for about this long."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `key` is its path in the JSON object, written with dots.

    `limit` names another figure of the run, most often a physical limit, that this one is held against. `unit` is "/s"
    for rates; where it is "s" or "MiB", less is better. A `peer` is what another program does on this machine.
    """

    key: str
    name: str
    value: float
    unit: str = "/s"
    limit: str = ""
    peer: float | None = None
    peer_name: str = ""


@dataclass
class Run:
    """What parts share: a folder that is deleted afterwards, whether `--large` was asked for, the figures so far."""

    folder: Path
    is_large: bool = False
    figures: dict[str, Figure] = field(default_factory=dict)
    _server: embedded.Embedded | None = None

    def say(self, words: str) -> None:
        """Progress, to stderr."""
        print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)

    def keep(self, figures: Iterable[Figure]) -> None:
        """Takes a part's figures as they come."""
        for figure in figures:
            assert figure.key not in self.figures, f"{figure.key} is measured twice"
            self.figures[figure.key] = figure
            self.say(f"  {figure.name}: {_number(figure.value)} {figure.unit}")

    def server(self) -> embedded.Embedded:
        """The embedded PostgreSQL (fsync on), migrated, shared by the parts of this run."""
        if self._server is None:
            self.say("starting PostgreSQL")
            self._server = embedded.start(self.folder / "postgres")
            migrate(self._server.owner_dsn)
        return self._server

    def stop(self) -> None:
        """Stops what was started."""
        if self._server is not None:
            self._server.stop()

    def in_turns(
        self, acts: Mapping[str, tuple[Callable[[], object], int]], *, rounds: int = ROUNDS
    ) -> dict[str, float]:
        """The median rate of each (act, items it does): one round of each after the other, after one that warms up."""
        assert rounds >= ROUNDS_MIN, rounds
        rates: dict[str, list[float]] = {name: [] for name in acts}
        for act, _ in acts.values():
            act()
        for _ in range(rounds):
            for name, (act, items) in acts.items():
                rates[name].append(one_round(act, items))
        return {name: statistics.median(found) for name, found in rates.items()}

    def rounds(self, act: Callable[[], float], *, rounds: int = ROUNDS) -> float:
        """The median of what an act measures itself, after one that warms up."""
        assert rounds >= ROUNDS_MIN, rounds
        act()
        return statistics.median(act() for _ in range(rounds))


def one_round(act: Callable[[], object], items: int = 1) -> float:
    """Items a second over about ROUND_S."""
    began, done = time.perf_counter(), 0
    while (took := time.perf_counter() - began) < ROUND_S:
        act()
        done += items
    return done / took


def per_second(act: Callable[[], object], items: int = 1) -> float:
    """Items a second, the median of the rounds; `act` does `items` of them."""
    act()
    return statistics.median(one_round(act, items) for _ in range(ROUNDS))


def table(figures: Mapping[str, Figure]) -> str:
    """One line a figure: value, unit, name, and its ratio to a limit or a peer of this run."""
    lines = []
    for figure in figures.values():
        notes = []
        if (limit := figures.get(figure.limit)) is not None and limit.value:
            notes.append(f"{figure.value / limit.value:.2f} of: {limit.name}")
        if figure.peer:
            notes.append(f"{figure.value / figure.peer:.2f} of {figure.peer_name} ({_number(figure.peer)})")
        lines.append(f"{_number(figure.value):>12} {figure.unit:<4} {figure.name:<58} {'; '.join(notes)}".rstrip())
    return "\n".join(lines)


def as_json(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Figures as one object: `ledger.postgres.transfers_per_s.8000` is found by that path."""
    body: dict[str, Any] = {}
    for figure in figures.values():
        *path, last = figure.key.split(".")
        place = body
        for step in path:
            place = place.setdefault(step, {})
        place[last] = round(figure.value, 3)
    return body


def _number(value: float) -> str:
    return f"{value:,.2f}" if abs(value) < 10 and value != int(value) else f"{value:,.0f}"
