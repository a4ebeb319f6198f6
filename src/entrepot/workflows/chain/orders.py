"""Orders: how a freeze, a block or a lift reaches the escrow: one after another, signed when its turn has come.

An order names its number at the escrow, and one before it may have come to nothing, as a freeze does that was over
before a block took it. So the escrow itself is asked, once everything about the earlier ones has ended.
"""

from __future__ import annotations

from dataclasses import dataclass

from entrepot.core.acts import BLOCK, FREEZE, HOLD, LIFT
from entrepot.core.canonical import Json, hex0x, unhex
from entrepot.core.errors import Unavailable, Unknown
from entrepot.core.settlement import HOLDS, Settlement
from entrepot.core.terms import Terms
from entrepot.rails.rail import EscrowState
from entrepot.store.records import OutboxItem
from entrepot.store.store import Transaction

from ..step.context import Context

LIFTED_BY = {"frozen": "unfrozen", "blocked": "unblocked"}  # a freeze outlasts a block that was laid over it


@dataclass(frozen=True, slots=True)
class Order:
    """An order whose turn may have come. `waits`: one before it has not ended. `is_lifted`: one after it lifts it."""

    settlement: Settlement
    waits: bool
    is_lifted: bool


def read_order(tx: Transaction, item: OutboxItem, settlement: Settlement) -> Order:
    """What stands in the books about the order of an outbox item."""
    seq = int(item.once.split(":")[1])
    given = [one for one in tx.settlements.events(settlement.id) if one.event.kind in HOLDS]
    before = {f"{settlement.id}:{one.seq}:hold" for one in given if one.seq < seq}
    open_now = {":".join(one.once.split(":")[:3]) for one in tx.outbox.waiting_of(settlement.id)}
    lifts = {LIFTED_BY.get(one.event.kind) for one in given if one.seq == seq}
    is_lifted = any(one.seq > seq and one.event.kind in lifts for one in given)
    return Order(settlement, bool(before & open_now), is_lifted)


def signed_order(ctx: Context, order: Order, terms: Terms, hold: Json) -> Json | None:
    """An order with its signatures: one authority key to freeze or block, two to lift; None if nothing is left to do.

    Raises: Unavailable(rail_not_ready) before its turn.
    """
    if order.is_lifted:
        return None
    if order.waits:
        raise Unavailable("rail_not_ready", "An earlier order about this escrow has not ended yet.")
    settlement, state = order.settlement, _state(ctx, order.settlement)
    if _is_moot(hold, state, now=ctx.rail.final().time):
        return None
    if hold["hold"] == LIFT:  # a freeze that ended before it reached the escrow is not there to be left
        hold = {**hold, "until": min(int(hold["until"]), state.frozen_until)}
    values = {
        "escrow": settlement.escrow,
        "terms_hash": unhex(settlement.terms_hash, size=32),
        "kind": hold["hold"],
        "until": hold["until"],
        "order_sha256": unhex(hold["order_sha256"], size=32),
        "number": state.hold_number,
    }
    signers = ctx.authority_signers[: 2 if hold["hold"] == LIFT else 1]
    return {**hold, "signatures": [hex0x(signer.sign_digest(HOLD.digest(terms.domain, values))) for signer in signers]}


def _is_moot(hold: Json, state: EscrowState, *, now: int) -> bool:
    """True where the escrow stands already as ordered, by its own final time."""
    if hold["hold"] == FREEZE:
        return int(hold["until"]) <= max(now, state.frozen_until)
    if hold["hold"] == BLOCK:
        return state.blocked
    return not state.blocked and state.frozen_until < max(now, int(hold["until"]) + 1)


def _state(ctx: Context, settlement: Settlement) -> EscrowState:
    try:
        return ctx.rail.escrow_state(settlement.escrow)
    except Unknown:
        raise Unavailable("rail_not_ready", f"Nothing is open at {settlement.escrow} yet.") from None
