"""/metrics for Prometheus and /v1/metrics for the operator's page: one reading of the store, told twice.

For operators only. No name of a person, company or settlement is in it, and a state is told as the parties read it: a
dashboard has more readers than a case, and none of them learns that somebody is looked at more closely.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client import Counter as Count
from prometheus_client.core import GaugeMetricFamily

from entrepot.core.errors import Unavailable, Unknown
from entrepot.core.lifecycle import STATES, State
from entrepot.store.records import Reader
from entrepot.store.store import Store, Transaction
from entrepot.workflows.step.instruments import Told, build_gauge, pool_gauges, version

from .caller import Caller
from .health import Facts, parts_of
from .trades import Signed

KEPT_S = 3_600  # what the page looks back on, as far as this process ran
POINT_S = 10  # a point for the page this often

router = APIRouter(tags=["operations"])
log = structlog.get_logger(__name__)


class Looking:
    """What this process read of the store, newest last: a curve for the page, without a table behind it."""

    def __init__(self) -> None:
        self._points: deque[dict[str, Any]] = deque(maxlen=KEPT_S // POINT_S)
        self._lock = threading.Lock()

    def keep(self, reading: dict[str, Any]) -> list[dict[str, Any]]:
        """Adds a point if the last one is old enough; returns those of the last hour."""
        with self._lock:
            last = self._points[-1]["at"] if self._points else 0
            if not 0 <= reading["at"] - last < POINT_S:  # a clock that was set back begins a new curve
                if reading["at"] < last:
                    self._points.clear()
                self._points.append(_point(reading))
            return [one for one in self._points if one["at"] > reading["at"] - KEPT_S]


def _point(reading: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": reading["at"],
        "inbox_open": reading["inbox"]["open"],
        "inbox_oldest_s": reading["inbox"]["oldest_s"],
        "outbox_open": reading["outbox"]["open"],
        "outbox_oldest_s": reading["outbox"]["oldest_s"],
        "watcher_lag_s": max((one["lag_s"] for one in reading["watchers"]), default=0),
        "log_entries": reading["log"]["entries"],
    }


def as_parties_read(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Counts by the state that is shown as counts by the name that parties read."""
    states: Counter[str] = Counter()
    for state, count in counts.items():
        states[STATES[State(state)].public] += count
    return sorted(states.items())


def reading_of(tx: Transaction, facts: Facts, pools: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of now. Ages are whole seconds; a list that was never loaded has none."""
    parts, now = parts_of(tx, facts), int(time.time())
    due = [item.due_at for item in tx.outbox.waiting(limit=1)]
    signed = tx.reports.checkpoints(limit=1)
    clock, run, archive = parts["at"], tx.reconciliations.newest(limit=1), tx.reports.archive()
    return {
        "at": now,
        "settlements": [{"state": state, "count": count} for state, count in as_parties_read(tx.reports.open_states())],
        "inbox": {"open": parts["worker"]["open"], "oldest_s": parts["worker"]["waited_s"]},
        "outbox": {
            "open": parts["outbox"]["open"],
            "failed": parts["outbox"]["failing"],
            "oldest_s": max(0, clock - min(due, default=clock)),
        },
        "set_aside": parts["set_aside"]["count"],
        "watchers": [
            {"name": one["name"], "lag_s": abs(one["behind_s"]), "is_alarmed": bool(one["alarm"])}
            for one in parts["watchers"]
        ],
        "log": {
            "entries": parts["log"]["size"],
            "unsigned": parts["log"]["size"] - parts["log"]["checkpoint"],
            "checkpoint_age_s": max(0, clock - signed[0][2]) if signed else 0,
        },
        "lists": [
            {
                "source": one["source"],
                "age_s": None if one["changed_at"] is None else max(0, clock - one["changed_at"]),
                "age_s_max": one["age_s_max"],
                "is_stale": not one["is_in_time"],
            }
            for one in parts["lists"]
        ],
        "reconciliation": {
            "cases": len(tx.reconciliations.cases(is_open=True)),
            "age_s": max(0, clock - run[0].done_at) if run else None,
        },
        "archive": None if archive is None else asdict(archive),
        "clock_offset_s": parts["clock"]["offset_s"],
        "pools": pools,
        "version": version(),
    }


def _require_operator(caller: Caller) -> None:
    if caller.role != "operator":
        raise Unknown("not_found", "There is no such page.")


@router.get("/v1/metrics")
def metrics(request: Request, caller: Signed) -> dict[str, Any]:
    """What the dashboard draws: the figures of now, and those that this process read within an hour; for operators."""
    _require_operator(caller)
    app = request.app
    reading = _read(app.state.store, app.state.facts, caller.reader)
    return reading | {"points": app.state.looking.keep(reading)}


def _read(store: Store, facts: Facts, reader: Reader) -> dict[str, Any]:
    with store.read(reader) as tx:
        return reading_of(tx, facts, store.pools())


@asynccontextmanager
async def looked_at(app: FastAPI) -> AsyncIterator[None]:
    """While the application runs, it reads the figures every few seconds, so that a curve is there when one looks."""
    looking = asyncio.create_task(_look(app))
    yield
    looking.cancel()


async def _look(app: FastAPI) -> None:
    state, reader = app.state, Reader("", "operator")
    while True:
        try:
            state.looking.keep(await asyncio.to_thread(_read, state.store, state.facts, reader))
        except Unavailable as error:
            log.warning("no reading", detail=error.message)
        except Exception:  # a page without a curve is no reason to serve nothing
            log.exception("no reading")
        await asyncio.sleep(POINT_S)


def add_metrics(app: FastAPI) -> None:
    """Counts the requests of an application, and tells operators of them and of the store at /metrics."""
    app.state.looking = Looking()
    registry = CollectorRegistry()
    requests = Count("entrepot_requests", "Requests by route and status.", ["route", "status"], registry=registry)
    seconds = Histogram(
        "entrepot_request_duration_seconds", "Time a request took, by route.", ["route"], registry=registry
    )

    @app.middleware("http")
    async def measure(request: Request, call_next):  # type: ignore[no-untyped-def]
        began = time.perf_counter()
        response = await call_next(request)
        route = getattr(request.scope.get("route"), "path", "unknown")
        requests.labels(route, response.status_code).inc()
        seconds.labels(route).observe(time.perf_counter() - began)
        log.info("request", method=request.method, route=route, status=response.status_code)
        return response

    @app.get("/metrics", include_in_schema=False)
    def prometheus(caller: Signed) -> Response:
        _require_operator(caller)
        reading = _read(app.state.store, app.state.facts, caller.reader)
        app.state.looking.keep(reading)
        once = CollectorRegistry()
        once.register(Told(lambda: gauges(reading)))
        return Response(generate_latest(registry) + generate_latest(once), media_type=CONTENT_TYPE_LATEST)


def gauges(reading: dict[str, Any]) -> Iterator[GaugeMetricFamily]:
    """A reading as Prometheus families: base units, the unit last."""

    def one(name: str, says: str, value: float) -> GaugeMetricFamily:
        return GaugeMetricFamily(name, says, value=value)

    def by(name: str, says: str, label: str, rows: list[tuple[str, float]]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, says, labels=[label])
        for key, value in rows:
            family.add_metric([key], value)
        return family

    inbox, outbox, leaves = reading["inbox"], reading["outbox"], reading["log"]
    lists, watchers = reading["lists"], reading["watchers"]
    yield by(
        "entrepot_settlements_open", "Settlements that have not ended, by state as the parties read it.", "state",
        [(row["state"], row["count"]) for row in reading["settlements"]],
    )  # fmt: skip
    yield one("entrepot_inbox_open", "Requests and rail events that nobody has answered yet.", inbox["open"])
    yield one("entrepot_inbox_oldest_age_seconds", "How long the oldest of them has waited.", inbox["oldest_s"])
    yield one("entrepot_inbox_set_aside", "Items that met a defect and wait for two persons.", reading["set_aside"])
    yield one("entrepot_outbox_open", "What is to be done outside.", outbox["open"])
    yield one("entrepot_outbox_failed", "Of the first 200 of it, what was tried and failed.", outbox["failed"])
    yield one("entrepot_outbox_oldest_due_age_seconds", "How long the longest due of it is due.", outbox["oldest_s"])
    yield by("entrepot_watcher_lag_seconds", "Since a watcher last read its rail.", "rail",
             [(row["name"], row["lag_s"]) for row in watchers])  # fmt: skip
    yield by("entrepot_watcher_alarm", "1 while a watcher finds another chain than it read before.", "rail",
             [(row["name"], row["is_alarmed"]) for row in watchers])  # fmt: skip
    yield one("entrepot_log_entries", "Entries of the Merkle log.", leaves["entries"])
    yield one("entrepot_log_unsigned_entries", "Entries that are under no checkpoint yet.", leaves["unsigned"])
    yield one("entrepot_log_checkpoint_age_seconds", "Since the newest checkpoint.", leaves["checkpoint_age_s"])
    yield by("entrepot_list_age_seconds", "Since a list was verified.", "list",
             [(row["source"], row["age_s"]) for row in lists if row["age_s"] is not None])  # fmt: skip
    yield by("entrepot_list_stale", "1 for a list that is too old or not loaded: nothing is decided.", "list",
             [(row["source"], row["is_stale"]) for row in lists])  # fmt: skip
    compared = reading["reconciliation"]
    yield one("entrepot_reconciliation_open_cases", "Differences that two persons have not closed.", compared["cases"])
    if compared["age_s"] is not None:
        yield one("entrepot_reconciliation_age_seconds", "Since everything was last compared.", compared["age_s"])
    yield from archive_gauges(reading["archive"])
    yield one("entrepot_clock_offset_seconds", "How far a sandbox clock was moved.", reading["clock_offset_s"])
    yield from pool_gauges(reading["pools"])
    yield build_gauge(reading["version"])


def archive_gauges(archive: Mapping[str, Any] | None) -> Iterator[GaugeMetricFamily]:
    """How the database's log is archived; without a sample where it is not."""
    for family, field in (
        (GaugeMetricFamily("entrepot_archive_age_seconds", "Since the database's log was last archived."), "age_s"),
        (GaugeMetricFamily("entrepot_archive_waiting_bytes", "Of that log, what is not archived."), "waiting_bytes"),
        (GaugeMetricFamily("entrepot_archive_failing", "1 while the last try to archive failed."), "is_failing"),
    ):
        if archive is not None and archive[field] is not None:
            family.add_metric([], archive[field])
        yield family
