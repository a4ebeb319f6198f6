"""/v1/clock and /v1/sandbox: a development chain's clock, and faults on purpose; refused by any other chain's id."""

from __future__ import annotations

import time
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.regimes.regime import DEVELOPMENT_CHAINS
from entrepot.store.engineer_records import SandboxAct
from entrepot.workflows.engineers.sandbox import AT_ONCE, FAULTS

from .ask import ask
from .caller import Caller
from .trades import Id, Key, Signed, Strict, given
from .views import is_staff

router = APIRouter(prefix="/v1", tags=["sandbox"])

MOVES_SHOWN, FAULTS_SHOWN = 20, 50
Kind = Literal[
    "node_down",
    "node_slow",
    "reply_lost",
    "worker_paused",
    "webhook_twice",
    "webhook_failing",
    "reorganisation",
    "stale_lists",
    "underpayment",
    "overpayment",
    "stranger_payment",
]


class Advance(Strict):
    """How far to move the sandbox clock, in seconds."""

    advance_s: int = Field(ge=1, le=400 * 86400)


class Fault(Strict):
    """What goes wrong: `delay_ms` is for node_slow, `depth` for reorganisation, `settlement` for payments."""

    kind: Kind
    lasts_s: int | None = Field(default=None, ge=1, le=300)
    delay_ms: int | None = Field(default=None, ge=1, le=5000)
    depth: int | None = Field(default=None, ge=1, le=2)
    settlement: Id | None = None


@router.get("/clock")
def clock(request: Request, caller: Signed) -> dict[str, Any]:
    """The one clock (Unix seconds); the machine's unless moved on a development chain. `moves` says by whom."""
    with request.app.state.store.read(caller.reader) as tx:
        offset_s = tx.checks.clock_offset_s()
        moves = tx.sandbox.newest(kind="clock", limit=MOVES_SHOWN) if offset_s else []
        active = tx.sandbox.active(now=int(time.time()))
    told = [{"at": one.started_at, "by": _by(one, caller), "advance_s": one.body["advance_s"]} for one in moves]
    faults = [_view(one, caller) for one in active]
    return {"now": int(time.time()) + offset_s, "offset_s": offset_s, "moves": told, "faults": faults}


@router.post("/clock")
def advance_clock(request: Request, body: Advance, caller: Signed, key: Key) -> JSONResponse:
    """Moves the sandbox clock forward, for everybody; only on a development chain, known by its chain id."""
    return ask(request, caller, "advance_clock", given(body))


@router.get("/sandbox/faults")
def faults(request: Request, caller: Signed) -> dict[str, Any]:
    """Which simulated faults last now and which were before, with who asked; and which there are."""
    is_here = request.app.state.facts.chain_id in DEVELOPMENT_CHAINS
    now = int(time.time())
    with request.app.state.store.read(caller.reader) as tx:
        active = tx.sandbox.active(now=now)
        before = [one for one in tx.sandbox.newest(limit=FAULTS_SHOWN) if one.kind != "clock" and one not in active]
    kinds = [{"kind": kind, "lasts_s_max": most, "is_at_once": kind in AT_ONCE} for kind, most in FAULTS.items()]
    return {
        "is_sandbox": is_here,
        "now": now,
        "active": [_view(one, caller) for one in active],
        "ended": [_view(one, caller) for one in before],
        "kinds": kinds if is_here else [],
    }


@router.post("/sandbox/faults", status_code=201)
def start_fault(request: Request, body: Fault, caller: Signed, key: Key) -> JSONResponse:
    """Has something go wrong on purpose, for a while; it ends by itself, skips no check and pays nobody."""
    return ask(request, caller, "start_fault", given(body))


@router.delete("/sandbox/faults/{fault}")
def end_fault(request: Request, fault: Id, caller: Signed, key: Key) -> JSONResponse:
    """Ends a fault before its time."""
    return ask(request, caller, "end_fault", {"fault": fault})


def _by(act: SandboxAct, caller: Caller) -> str:
    """Who asked, by name to themselves and to staff; to everybody else another company, "" here."""
    return act.by_name if is_staff(caller) or act.participant == caller.participant else ""


def _view(act: SandboxAct, caller: Caller) -> dict[str, Any]:
    shown = {name: value for name, value in act.body.items() if name in ("delay_ms", "depth")}
    view = {
        "fault": act.id,
        "kind": act.kind,
        "by": _by(act, caller),
        "started_at": act.started_at,
        "ends_at": act.ends_at,
    }
    return view | {"ended_at": act.ended_at, "simulated": True, **shown}
