"""/healthz and /metrics: whether watchers are in time, lists fresh, nothing stuck. Green only if it is true."""

from __future__ import annotations

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
from entrepot.store.records import Reader
from entrepot.store.store import Store

WATCHER_BEHIND_S = 30
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


def state_of(store: Store, facts: Facts) -> dict[str, Any]:
    """Each part with its figures; `ok` only if all are."""
    with store.read(HEALTH_READER) as tx:
        now = int(time.time())
        offset_s = tx.checks.clock_offset_s()
        lists = {row.source: now + offset_s - row.verified_at for row in tx.checks.lists(with_entities=False)}
        watchers: list[dict[str, Any]] = [
            {"name": cursor.name, "behind_s": now - cursor.seen_at, "block": cursor.final_block, "alarm": cursor.alarm}
            for cursor in tx.rails.cursors()
        ]
        stuck, outbox = len(tx.inbox.stuck()), tx.outbox.open_count()
    stale = [
        source
        for source in facts.lists_required
        if lists.get(source, facts.lists_age_s_max + 1) > facts.lists_age_s_max
    ]
    behind = [entry["name"] for entry in watchers if entry["alarm"] or entry["behind_s"] > WATCHER_BEHIND_S]
    return {
        "ok": bool(watchers) and not stale and not behind and not stuck,
        "watchers": watchers,
        "lists_age_s": lists,
        "lists_stale": stale,
        "set_aside": stuck,
        "outbox_open": outbox,
    }


@router.get("/healthz", tags=["operations"])
def healthz(request: Request) -> JSONResponse:
    """200 if everything is in time, 503 with what is not."""
    try:
        state = state_of(request.app.state.store, request.app.state.facts)
    except EntrepotError as error:
        state = {"ok": False, "store": error.code}
    return JSONResponse(state, status_code=200 if state["ok"] else 503)


def gauges(store: Store, facts: Facts) -> bytes:
    """The same figures for Prometheus."""
    state = state_of(store, facts)
    lines = [
        f"entrepot_healthy {int(state['ok'])}",
        f"entrepot_inbox_set_aside {state['set_aside']}",
        f"entrepot_outbox_open {state['outbox_open']}",
    ]
    lines += [f'entrepot_list_age_seconds{{list="{source}"}} {age_s}' for source, age_s in state["lists_age_s"].items()]
    lines += [
        f'entrepot_watcher_behind_seconds{{rail="{entry["name"]}"}} {entry["behind_s"]}' for entry in state["watchers"]
    ]
    return ("\n".join(lines) + "\n").encode()
