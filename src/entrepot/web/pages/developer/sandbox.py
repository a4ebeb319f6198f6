"""The sandbox page of a development chain: its clock, and faults on purpose."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...language import marked
from ...page import acted, page, shown
from ...visitor import Visitor

HOUR_S = 3600
UNITS = {"hours": HOUR_S, "days": 24 * HOUR_S}
FAULTS = {
    "node_down": marked("The node is down"),
    "node_slow": marked("The node is slow"),
    "reply_lost": marked("The reply after a broadcast is lost"),
    "worker_paused": marked("The worker is paused"),
    "webhook_twice": marked("Each webhook is sent twice"),
    "webhook_failing": marked("Webhook endpoints fail"),
    "stale_lists": marked("The sanctions lists look old"),
    "reorganisation": marked("The newest block is replaced"),
    "underpayment": marked("A payment of too little"),
    "overpayment": marked("A payment of too much"),
    "stranger_payment": marked("A payment by a stranger"),
}
PAYMENTS = ("underpayment", "overpayment", "stranger_payment")
SETTLEMENTS_SHOWN = 50


async def sandbox(request: Request, visitor: Visitor) -> Response:
    """The clock, what fails on purpose now, and what may."""
    clock, faults = await visitor.door.get("/clock"), await visitor.door.get("/sandbox/faults")
    listed = (await visitor.door.get("/settlements", limit=SETTLEMENTS_SHOWN))["settlements"]
    open_ = [one for one in listed if not one["is_ended"] and "invoice_number" in one]
    due = sorted((one for one in open_ if one.get("next_act_at", 0)), key=lambda one: one["next_act_at"])
    return page(
        request,
        visitor,
        "developer/sandbox.html",
        at="/developer/sandbox",
        moves=clock["moves"],
        offset_s=clock["offset_s"],
        faults=faults,
        names=FAULTS,
        due=[one for one in due if one["next_act_at"] > clock["now"]],
        payable=[one for one in open_ if one.get("escrow")],
        payments=PAYMENTS,
        live="*",
    )


async def move(request: Request, visitor: Visitor, form: FormData) -> str:
    """Moves the clock by hours or days, or to the next act of a settlement."""
    amount, unit = str(form.get("amount", "")), str(form.get("unit", ""))
    advance_s = int(amount) * UNITS.get(unit, HOUR_S) if amount.isdigit() and len(amount) < 6 else 0
    wanted = str(form.get("settlement", ""))
    if wanted:
        view = await visitor.door.get(f"/settlements/{wanted}")
        now = (await visitor.door.get("/clock"))["now"]
        advance_s = max(1, int(view.get("next_act_at") or now) - now + 1)
    await visitor.door.post("/clock", {"advance_s": advance_s}, once=str(form.get("once", "")))
    return "/developer/sandbox"


async def fail(request: Request, visitor: Visitor, form: FormData) -> str:
    """Starts a fault."""
    body: dict[str, Any] = {"kind": str(form.get("kind", ""))}
    lasts = str(form.get("lasts_s", ""))
    if lasts.isdigit() and len(lasts) < 6:
        body["lasts_s"] = int(lasts)
    if form.get("settlement"):
        body["settlement"] = str(form["settlement"])
    await visitor.door.post("/sandbox/faults", body, once=str(form.get("once", "")))
    return "/developer/sandbox"


async def mend(request: Request, visitor: Visitor, form: FormData) -> str:
    """Ends a fault."""
    await visitor.door.delete(f"/sandbox/faults/{request.path_params['fault']}", once=str(form.get("once", "")))
    return "/developer/sandbox"


ROUTES = [
    Route("/developer/sandbox", shown(sandbox)),
    Route("/developer/sandbox/clock", acted(move), methods=["POST"]),
    Route("/developer/sandbox/faults", acted(fail), methods=["POST"]),
    Route("/developer/sandbox/faults/{fault:str}/end", acted(mend), methods=["POST"]),
]
