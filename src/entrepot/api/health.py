"""/healthz: whether watchers are in time, lists fresh, nothing stuck. Green only if it is true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from entrepot.core.asset import AssetRegistry
from entrepot.core.eip712 import Signable
from entrepot.core.errors import EntrepotError
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms
from entrepot.regimes.regime import CLOCK_SKEW_S
from entrepot.store.records import Reader
from entrepot.store.store import Store, Transaction
from entrepot.workflows.checks.figures import followed

WATCHER_BEHIND_S = 30
WORKER_BEHIND_S = 30
LOOK_S_MAX = 2.0
OUTBOX_SHOWN, OUTBOX_TRIES_QUIET = 200, 3
HEALTH_READER = Reader(participant="", role="operator")

router = APIRouter()


@dataclass(frozen=True)
class Facts:
    """What the doors know of the deployment: chain, factory, list age allowed, and what they may sign or hash."""

    chain_id: int
    factory: str
    assets: AssetRegistry
    lists_required: tuple[str, ...]
    lists_age_s_max: int
    sign_manifest: Callable[[bytes], bytes]
    authorization: Callable[[Settlement, Terms, int, int], Signable]
    origin: str = ""
    single_sign_on: str = ""


def lists_required(tx: Transaction, facts: Facts) -> tuple[str, ...]:
    """The lists that must be loaded and fresh: the regime's, the floor, and those that two persons follow."""
    return tuple(dict.fromkeys((*facts.lists_required, *followed(tx))))


def is_behind(behind_s: int) -> bool:
    """True for a watcher that has not looked for a while; a clock that was set back proves nothing either."""
    return not -CLOCK_SKEW_S <= behind_s <= WATCHER_BEHIND_S


def lists_stale(tx: Transaction, facts: Facts, now: int) -> list[tuple[str, int]]:
    """Lists that must be fresh and are not: (name, since when, 0 for one not loaded, or verified later than now)."""
    verified = {row.source: row.verified_at for row in tx.checks.lists(with_entities=False)}
    due = {
        source: at + facts.lists_age_s_max if (at := verified.get(source)) and at <= now + CLOCK_SKEW_S else 0
        for source in lists_required(tx, facts)
    }
    return [(source, at) for source, at in due.items() if at < now]


def state_of(store: Store, facts: Facts) -> dict[str, Any]:
    """Each part with its figures; `ok` only if all are. `in_time`: nothing but set-aside items is in the way."""
    with store.read(HEALTH_READER) as tx:
        now = int(time.time())
        offset_s = tx.checks.clock_offset_s()
        lists = {row.source: now + offset_s - row.verified_at for row in tx.checks.lists(with_entities=False)}
        stale = [source for source, _ in lists_stale(tx, facts, now + offset_s)]
        watchers: list[dict[str, Any]] = [
            {"name": cursor.name, "behind_s": now - cursor.seen_at, "block": cursor.final_block, "alarm": cursor.alarm}
            for cursor in tx.rails.cursors()
        ]
        stuck, outbox = len(tx.inbox.stuck()), tx.outbox.open_count()
    behind = [entry["name"] for entry in watchers if entry["alarm"] or is_behind(entry["behind_s"])]
    in_time = bool(watchers) and not stale and not behind
    return {
        "ok": in_time and not stuck,
        "in_time": in_time,
        "watchers": watchers,
        "lists_age_s": lists,
        "lists_stale": stale,
        "set_aside": stuck,
        "outbox_open": outbox,
    }


def parts_of(tx: Transaction, facts: Facts) -> dict[str, Any]:
    """Every part for operators: `is_in_time`, figures, and when it last changed (Unix s); None where nothing has."""
    machine_now, offset_s = int(time.time()), tx.checks.clock_offset_s()
    now = machine_now + offset_s
    stale = dict(lists_stale(tx, facts, now))
    open_items, open_since = tx.inbox.open_since()
    waiting = tx.outbox.waiting(limit=OUTBOX_SHOWN)
    failing = [item for item in waiting if item.error]
    stuck = tx.inbox.stuck()
    checkpoint = tx.log.checkpoint()
    loaded = {row.source: row for row in tx.checks.lists(with_entities=False)}
    waited_s = max(0, machine_now - open_since) if open_since else 0
    return {
        "at": now,
        "watchers": [
            {
                "name": cursor.name,
                "is_in_time": not cursor.alarm and not is_behind(machine_now - cursor.seen_at),
                "behind_s": machine_now - cursor.seen_at,
                "behind_s_max": WATCHER_BEHIND_S,
                "changed_at": cursor.seen_at + offset_s,
                "block": cursor.block,
                "final_block": cursor.final_block,
                "final_time": cursor.final_time,
                "alarm": cursor.alarm,
            }
            for cursor in tx.rails.cursors()
        ],
        "lists": [
            {
                "source": source,
                "is_in_time": source not in stale,
                "changed_at": loaded[source].verified_at if source in loaded else None,
                "age_s_max": facts.lists_age_s_max,
                "entities": loaded[source].entity_count if source in loaded else 0,
            }
            for source in dict.fromkeys((*lists_required(tx, facts), *loaded))
        ],
        "worker": {
            "is_in_time": waited_s <= WORKER_BEHIND_S,
            "open": open_items,
            "waited_s": waited_s,
            "waited_s_max": WORKER_BEHIND_S,
        },
        "outbox": {
            "is_in_time": all(item.attempts <= OUTBOX_TRIES_QUIET for item in failing),
            "open": tx.outbox.open_count(),
            "failing": len(failing),
            "changed_at": min((item.due_at for item in failing), default=None),
        },
        "set_aside": {
            "is_in_time": not stuck,
            "count": len(stuck),
            "changed_at": min((one.received_at for one in stuck), default=None),
        },
        "log": {"size": tx.log.size(), "checkpoint": checkpoint[0] if checkpoint else 0},
        "clock": {"offset_s": offset_s, "chain_id": facts.chain_id},
    }


@router.get("/healthz", tags=["operations"])
async def healthz(request: Request) -> JSONResponse:
    """200 if everything is in time, 503 with what is not, within two seconds: a monitor waits no longer."""
    told = request.app.state
    if getattr(told, "look", None) is None or told.look.done():  # one at a time: a database that hangs holds one thread
        told.look = asyncio.ensure_future(asyncio.to_thread(_looked, told.store, told.facts))
    await asyncio.wait({told.look}, timeout=LOOK_S_MAX)
    state = told.look.result() if told.look.done() else {"ok": False, "store": "store_unavailable"}
    return JSONResponse(state, status_code=200 if state["ok"] else 503)


def _looked(store: Store, facts: Facts) -> dict[str, Any]:
    try:
        return state_of(store, facts)
    except EntrepotError as error:
        return {"ok": False, "store": error.code}
