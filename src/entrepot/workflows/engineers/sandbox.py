"""The sandbox of a development chain: its clock, and faults on purpose that end by themselves.

Known by the chain's id, not by a setting. Each act names who asked, is shown to everybody while it lasts, and can
neither skip a check nor pay anybody: a payment into an escrow is new demo money that never funds by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.regimes.regime import DEVELOPMENT_CHAINS
from entrepot.store.engineer_records import SandboxAct
from entrepot.store.records import InboxItem, OutboxItem

from ..step.answers import answered, require_role, text_in, whole_in
from ..step.batch import Batch
from ..step.context import Context

ADVANCE_S_MAX = 400 * 86_400
FAULT_S_MAX = 300
PAUSE_S_MAX = 60
DELAY_MS_MAX = 5_000
DEPTH_MAX = 2  # deeper would undo final blocks, for which the rail stops for good
ACTIVE_MAX = 10
ROLES = ("operator", "supervisor", "treasurer", "engineer")
PAYMENTS = ("underpayment", "overpayment", "stranger_payment")
AT_ONCE = ("reorganisation", *PAYMENTS)
# How long each may last, in seconds. What is done at once lasts until it is done.
FAULTS: dict[str, int] = {
    "node_down": FAULT_S_MAX,
    "node_slow": FAULT_S_MAX,
    "reply_lost": FAULT_S_MAX,
    "worker_paused": PAUSE_S_MAX,
    "webhook_twice": FAULT_S_MAX,
    "webhook_failing": FAULT_S_MAX,
    "stale_lists": FAULT_S_MAX,
    **dict.fromkeys(AT_ONCE, PAUSE_S_MAX),
}

log = structlog.get_logger(__name__)

declare(
    "Refused",
    sandbox_only="The sandbox exists on local development chains only.",
    too_many_faults="As many faults as the sandbox takes at a time last already.",
    no_escrow_yet="The settlement has no escrow address to pay to.",
)


def require_sandbox(batch: Batch) -> None:
    """Raises: Refused(sandbox_only) on any chain but a development chain, known by its id."""
    if batch.ctx.venue.chain_id not in DEVELOPMENT_CHAINS or batch.ctx.sandbox is None:
        raise Refused("sandbox_only", f"Chain {batch.ctx.venue.chain_id} is not a development chain.")


def advance_clock(batch: Batch, item: InboxItem) -> Json:
    """Moves the sandbox clock forward, ours and the chain's. Only on a development chain, known by its chain id."""
    require_role(item, *ROLES)
    require_sandbox(batch)
    advance_s = whole_in(item.body, "advance_s", low=1, high=ADVANCE_S_MAX)
    offset_s = batch.tx.checks.clock_offset_s() + advance_s
    batch.tx.checks.set_clock_offset_s(offset_s)
    batch.send(f"clock:{item.id}", "clock", "", {"offset_s": offset_s})
    moved = {"advance_s": advance_s, "offset_s": offset_s}
    batch.tx.sandbox.start(_act(batch, item, "clock", moved, lasts_s=0, told="moved"))
    return answered(200, {"now": batch.now + advance_s, "offset_s": offset_s})


def start_fault(batch: Batch, item: InboxItem) -> Json:
    """Something goes wrong on purpose, for a while or once."""
    require_role(item, *ROLES)
    require_sandbox(batch)
    kind = text_in(item.body, "kind", chars_max=40)
    if kind not in FAULTS:
        raise Invalid("malformed", f"kind is one of {', '.join(FAULTS)}.", path="kind")
    lasts_s = FAULTS[kind]
    if kind not in AT_ONCE:
        lasts_s = whole_in(item.body, "lasts_s", default=30, low=1, high=FAULTS[kind])
    if len(batch.tx.sandbox.active(now=batch.machine_now)) >= ACTIVE_MAX:
        raise Refused("too_many_faults", f"{ACTIVE_MAX} faults last already; wait until one has ended.")
    body = _arguments(batch, item, kind)
    act = _act(batch, item, kind, body, lasts_s=lasts_s)
    batch.tx.sandbox.start(act)
    if kind in AT_ONCE:
        batch.send(f"sandbox:{act.id}", "sandbox", "", {"act": act.id, "kind": kind, **body})
    return answered(201, {"fault": act.id, "kind": kind, "ends_at": act.ends_at, "simulated": True})


def end_fault(batch: Batch, item: InboxItem) -> Json:
    """Whoever asked for a fault, or the operator, ends it before its time."""
    require_role(item, *ROLES)
    require_sandbox(batch)
    wanted = text_in(item.body, "fault", chars_max=32)
    for act in batch.tx.sandbox.active(now=batch.machine_now):
        if act.id == wanted and (act.participant == item.participant or item.role == "operator"):
            batch.tx.sandbox.end(act.id, at=batch.machine_now, told="ended by hand")
            return answered(200, {"fault": act.id, "ended_at": batch.machine_now})
    raise Unknown("not_found", "There is no such fault that lasts.")


def _arguments(batch: Batch, item: InboxItem, kind: str) -> Json:
    if kind == "node_slow":
        return {"delay_ms": whole_in(item.body, "delay_ms", default=1_000, low=1, high=DELAY_MS_MAX)}
    if kind == "reorganisation":
        return {"depth": whole_in(item.body, "depth", default=1, low=1, high=DEPTH_MAX)}
    if kind in PAYMENTS:
        return _payment(batch, item, kind)
    return {}


def _payment(batch: Batch, item: InboxItem, kind: str) -> Json:
    """A bare transfer of new demo money into the escrow of a trade of the caller's own."""
    wanted = text_in(item.body, "settlement", chars_max=32)
    found = batch.tx.settlements.get(wanted)
    if found is None or item.participant not in (found.seller, found.buyer):
        raise Unknown("not_found", "There is no such settlement.")
    if not found.escrow:
        raise Refused("no_escrow_yet", "The settlement has no escrow address yet: both sides sign first.")
    wallets = batch.tx.people.wallets(found.buyer)
    payer = "" if kind == "stranger_payment" or not wallets else wallets[-1].account.rpartition(":")[2]
    total = found.total_minor
    amount = {"underpayment": max(1, total - total // 10), "overpayment": total + total // 10}.get(kind, total)
    return {"settlement": found.id, "escrow": found.escrow, "amount_minor": amount, "payer": payer}


def _act(batch: Batch, item: InboxItem, kind: str, body: Json, *, lasts_s: int, told: str = "") -> SandboxAct:
    participant = batch.tx.people.participant(item.participant)
    now = batch.machine_now
    return SandboxAct(
        id=batch.ctx.new_id(),
        kind=kind,
        body=body,
        participant=item.participant,
        person=item.person,
        by_name=str(participant.profile.get("name", "")) if participant else "",
        started_at=now,
        ends_at=now + lasts_s,
        ended_at=None if lasts_s else now,
        told=told,
    )


def perform(ctx: Context, item: OutboxItem) -> None:
    """Does outside, at least once, what a fault is for. Raises: Unavailable."""
    assert ctx.sandbox is not None, "the sandbox is on development chains only"
    body = item.body
    if body["kind"] == "reorganisation":
        told = ctx.sandbox.reorganise(body["depth"])
    else:
        told = ctx.sandbox.pay(body["escrow"], body["amount_minor"], body["payer"])
    with ctx.store.work() as tx:
        tx.sandbox.end(body["act"], at=int(time.time()), told=told)


def refresh(ctx: Context) -> int:
    """Tells the worker's parts which faults last now, and ends those whose time is over; returns 0: it is a look."""
    if ctx.sandbox is None:
        return 0
    now = int(time.time())
    with ctx.store.work() as tx:
        overdue, active = tx.sandbox.overdue(now=now), tx.sandbox.active(now=now)
        for act in overdue:
            tx.sandbox.end(act.id, at=act.ends_at, told="over")
    ctx.faults.active = active
    done = ctx.sandbox.tell(active)
    if done:
        with ctx.store.work() as tx:
            for act_id, told in done.items():
                tx.sandbox.end(act_id, at=now, told=told)
    for act in overdue:
        log.info("fault over", kind=act.kind, fault=act.id)
    return 0


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {
    "advance_clock": advance_clock,
    "start_fault": start_fault,
    "end_fault": end_fault,
}
