"""Follow: what our books say already and the escrow must say too is asked after, and sent again if it failed there.

A block may take an operation and another before it, which makes it fail: an order that reached the escrow first, say.
A payment is then decided afresh; a waiver, a finding, an award, a dispute or an order is nobody's next act.
"""

from __future__ import annotations

from entrepot.core.errors import Refused, Unavailable, Unknown, declare
from entrepot.rails.rail import Operation
from entrepot.store.records import OutboxItem

from .context import Context

SOURCE = "rail"  # of what the rail did in the inbox, and of what it will never do
# Tried for 45 days, each 6 hours in the end; what a block holds up, as long as the block stands
FOLLOWED = ("raise_dispute", "award", "hold", "reject_presentation", "waive")
ASKED_AFTER = (*FOLLOWED, "return_payment")  # a return is not sent again, but may be asked for again
# A party's or the examiner's last moment lies so much before the escrow's own: it takes nothing late
ARRIVAL_S_MAX, ARRIVAL_SHARE = 12 * 3600, 4
PRESENTED, CLOSED = 2, 3  # of EscrowState.status
AGAIN_MAX = 20  # how often one operation may pass the rail's own trial and then fail in its block


declare(
    "Refused",
    rail_too_late="The escrow's time for this is over, and it has gone on without it.",
    rail_blocked="The escrow is blocked and takes this when it is not: it waits for that, however long.",
)


def arrival_s(period_s: int) -> int:
    """How long before the end of one of its periods the escrow must be told, in s: half a day, a quarter at most."""
    return min(ARRIVAL_S_MAX, period_s // ARRIVAL_SHARE)


def refusal_of(ctx: Context, operation: Operation, refused: Refused) -> Refused:
    """What the rail's refusal means by the escrow's own final time and state: a block, the end of a finding's or an
    award's time, or what the rail said. A block stops the escrow's clocks, so nothing is late under one.
    """
    if operation.kind not in FOLLOWED:
        return refused
    try:
        state, now = ctx.rail.escrow_state(ctx.rail.escrow_address(operation.terms)), ctx.rail.final().time
    except Unknown:
        return refused
    is_over = False
    if operation.kind == "reject_presentation":
        is_over = state.status != PRESENTED or state.accepted_round == state.round
        is_over |= now > state.examine_until and not state.blocked
    elif operation.kind == "award":
        is_over = state.status == CLOSED or state.is_awarded
        is_over |= now > state.disputed_until > 0 and not state.blocked
    if is_over:
        return Refused("rail_too_late", f"The escrow takes no {operation.kind} any more.")
    return Refused("rail_blocked", refused.message) if state.blocked else refused


def failure_key(once: str) -> str:
    """The inbox key under which a settlement is told that an operation will never happen."""
    return f"failed:{once}"


def follow_up(ctx: Context, item: OutboxItem) -> list[OutboxItem]:
    """What asks after an operation that the rail has taken; nothing for one that its settlement asks after."""
    if item.body["kind"] not in ASKED_AFTER:
        return []
    return [OutboxItem(f"{item.once}:follow", "follow", item.settlement, {**item.body, "once": item.once}, ctx.now())]


def failed_there(ctx: Context, item: OutboxItem) -> bool:
    """True if the operation that a follow-up is about failed, False if it happened. Raises: Unavailable until then."""
    state = ctx.rail.state_of(item.body["once"])
    if state.name in ("prepared", "sent", "mined"):
        raise Unavailable("rail_not_ready", f"The operation is {state.name}.")
    return state.name != "final"


def again(ctx: Context, item: OutboxItem) -> OutboxItem | None:
    """The same operation once more under a name of its own; None if it was sent too often."""
    settlement, seq, kind, *number = item.body["once"].split(":")
    turn = int(number[0]) + 1 if number else 2
    if turn > AGAIN_MAX:
        return None
    body = {"kind": item.body["kind"], "arguments": item.body["arguments"]}
    return OutboxItem(f"{settlement}:{seq}:{kind}:{turn}", "rail", item.settlement, body, ctx.now())
