"""What a worker measures of itself: how long its turns take, how much one takes on, and what failed."""

from __future__ import annotations

import importlib.metadata
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from entrepot.core.errors import Unavailable
from entrepot.store.store import Store

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ITEMS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)


class Instruments:
    """One worker's own figures, by loop: `step` decides, `send_out` acts outside, `watch` reads the rail, ….

    A turn that found nothing to do is not counted among the durations: an idle worker is not a fast one.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "entrepot_worker_turn_duration_seconds", "Time of a turn that took something on.", ["loop"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self._items = Histogram(
            "entrepot_worker_batch_items", "How much a turn took on.", ["loop"], buckets=ITEMS, registry=self.registry
        )
        self._failed = Counter(
            "entrepot_worker_turn_failures", "Turns that failed: outside was unavailable, or a defect.",
            ["loop", "why"], registry=self.registry,
        )  # fmt: skip
        self.webhooks = Counter(
            "entrepot_webhook_tries", "Tries to tell a webhook, by whether it took the event.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self._last = Gauge(
            "entrepot_worker_last_turn_timestamp_seconds", "When a turn last ended well (Unix time).", ["loop"],
            registry=self.registry,
        )  # fmt: skip

    def begin(self, loops: Iterable[str]) -> None:
        """Failures are told from zero on: what is first told at one has not risen, and no alert sees it."""
        for loop, why in product(loops, ("unavailable", "defect")):
            self._failed.labels(loop, why)
        for outcome in ("taken", "failed"):
            self.webhooks.labels(outcome)

    @contextmanager
    def turn(self, loop: str) -> Iterator[Callable[[int], None]]:
        """Measures one turn; it is told in the end how much the turn took on."""
        began, taken = time.perf_counter(), 0

        def took(count: int) -> None:
            nonlocal taken
            taken = count

        try:
            yield took
        except Exception as error:
            self._failed.labels(loop, "unavailable" if isinstance(error, Unavailable) else "defect").inc()
            raise
        self._last.labels(loop).set_to_current_time()
        if taken:
            self._seconds.labels(loop).observe(time.perf_counter() - began)
            self._items.labels(loop).observe(taken)


class Told(Collector):
    """Families of metrics that are made when they are asked for."""

    def __init__(self, tell: Callable[[], Iterator[GaugeMetricFamily]]) -> None:
        self._tell = tell

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """As prometheus-client asks."""
        return self._tell()

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: what is told is known when it is asked for."""
        return iter(())


def version() -> str:
    """Of this package, as it is installed."""
    return importlib.metadata.version("entrepot")


def build_gauge(running: str) -> GaugeMetricFamily:
    """The version that runs."""
    family = GaugeMetricFamily("entrepot_build_info", "The version that runs.", labels=["version"])
    family.add_metric([running], 1)
    return family


def pool_gauges(pools: list[dict[str, Any]]) -> Iterator[GaugeMetricFamily]:
    """Database connections of this process, by role and what they do."""
    family = GaugeMetricFamily(
        "entrepot_database_connections", "Database connections of this process.", labels=["role", "use"]
    )
    waiting = GaugeMetricFamily(
        "entrepot_database_waiting_requests", "Who waits in this process for a connection.", labels=["role"]
    )
    for pool in pools:
        for use in ("busy", "free"):
            family.add_metric([pool["role"], use], pool[use])
        waiting.add_metric([pool["role"]], pool["waiting"])
    yield family
    yield waiting


def process_gauges(store: Store, home: Path) -> Iterator[GaugeMetricFamily]:
    """What a worker's process has: connections, room on the disk of its home, its version."""
    yield from pool_gauges(store.pools())
    free = GaugeMetricFamily("entrepot_disk_free_bytes", "Room on the disk of this deployment's home.")
    free.add_metric([], shutil.disk_usage(home).free)
    yield free
    yield build_gauge(version())


def serve_metrics(instruments: Instruments, store: Store, home: Path, *, port: int) -> None:
    """Tells Prometheus at http://127.0.0.1:PORT/metrics, as long as the process lives; no other machine reaches it."""
    instruments.registry.register(Told(lambda: process_gauges(store, home)))
    start_http_server(port, addr="127.0.0.1", registry=instruments.registry)
