"""Observe: what the rail did is stored in the inbox first and acted on later, once it is final.

The watcher never decides; the worker turns each final rail event into one event of its settlement. What cannot be
understood is set aside and shown, and the rest goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog

from entrepot.core.canonical import Json
from entrepot.core.crypto import sha256
from entrepot.core.lifecycle import Role, State
from entrepot.core.settlement import Settlement
from entrepot.rails.rail import Cursor as RailCursor
from entrepot.rails.rail import Observed, ProvenReceipt, RailEvent
from entrepot.store.records import Cursor, InboxItem, KeptReceipt
from entrepot.store.store import PAGE_MAX

from ..step.answers import answered
from ..step.batch import Batch
from ..step.context import Context
from ..step.follow import SOURCE as SOURCE
from ..step.traces import SEEN
from ..trade.settle import on_presented
from ..trade.tell import paid_messages
from .contract_settings import refresh

WAIT_S_MAX, WAIT_DOUBLINGS_MAX = 6 * 3600, 20
# Their addresses are known, and may be paid, before the escrow is opened; a review may be frozen or blocked then.
AWAITED = ("quoted", "agreed", "in_review", "frozen", "blocked", "cleared", "funding")

log = structlog.get_logger(__name__)


def watch(ctx: Context) -> int:
    """Reads what is new on the rail into the inbox; returns how many events. Raises: Unavailable."""
    rail, began_ns = ctx.rail, time.time_ns()
    rail.tend()
    with ctx.store.work() as tx:
        kept, settings = tx.rails.cursor(rail.name), tx.rails.contract_settings()
        awaited = tx.many.escrows(AWAITED, limit=PAGE_MAX)
    observed = rail.observe(_read_cursor(kept), watch=awaited)
    final = [event for event in observed.events if event.is_final]
    receipts = {hash_: rail.receipt(hash_) for hash_ in {event.transaction for event in final}}
    with ctx.store.work() as tx:
        known = tx.many.by_escrow(sorted({event.escrow for event in final})) if final else {}
        tx.many.put_items(
            [
                _item(ctx, event, known[event.escrow], receipts[event.transaction], began_ns)
                for event in final
                if event.escrow in known
            ]
        )
        tx.rails.put_cursor(_kept_cursor(ctx, observed))
    if observed.alarm:
        log.error("rail alarm", rail=rail.name, alarm=observed.alarm)
    if final:
        ctx.store.wake()
    if not observed.alarm:
        refresh(ctx, settings, final_block=observed.final.number, final_time=observed.final.time)
    return len(final) + observed.is_behind


def on_rail(batch: Batch, item: InboxItem) -> Json:
    """One final rail event becomes an event of its settlement; its receipt is kept with its proof."""
    settlement = batch.settlement(item.settlement)
    facts = item.body["facts"]
    body = item.body
    place = {"transaction": body["transaction"], "block": body["block_number"], "escrow": body["escrow"]}
    batch.tx.rails.put_receipt(_receipt(batch, settlement, item))
    handle = _HANDLERS.get(item.body["kind"])
    if handle is not None:
        handle(batch, settlement, facts | place | {"block_time": item.body["block_time"]})
    return answered(200, {"settlement": settlement.id})


def ask_rail(batch: Batch, settlement: Settlement) -> Settlement:
    """An operation has not been seen for a while: have the rail asked, outside of this transaction."""
    once = operation_in_flight(settlement)
    if once:
        batch.send(f"{once}:ask:{batch.now}", "ask", settlement.id, {"once": once})
    batch.tx.settlements.postpone(settlement.id, until=batch.now + batch.ctx.policy.ask_rail_s)
    return settlement


def on_rail_failed(batch: Batch, item: InboxItem) -> Json:
    """An operation will never happen: its hold is undone and the way to it is open again."""
    settlement = batch.settlement(item.settlement)
    if operation_in_flight(settlement) == item.body["once"]:
        kind = _DROPPED.get(settlement.state)
        if kind is not None:
            facts = {"operation": item.body["once"].rpartition(":")[2]}
            again_at = batch.now + _wait_s(batch, settlement)
            dates = {"ask_rail_at": again_at, "release_at": again_at}
            settlement = batch.happen(settlement, kind, Role.RAIL, facts, dates=dates)
    elif item.body["once"].split(":")[1:3] == [str(_finding_that_stands(batch, settlement)), "reject_presentation"]:
        documents = {"documents_sha256": settlement.documents_sha256, "round": settlement.round}
        dates = {"release_at": batch.now}  # the escrow's time for a finding is over: silence there was acceptance
        settlement = batch.happen(settlement, "finding_dropped", Role.RAIL, documents, dates=dates)
    return answered(200, {"settlement": settlement.id, "state": settlement.state.value})


def _finding_that_stands(batch: Batch, settlement: Settlement) -> int:
    """The event number of the notice of discrepancies by which the books go; 0 where they do not."""
    if not settlement.has_notice:
        return 0
    events = batch.tx.settlements.events(settlement.id)
    return max((entry.seq for entry in events if entry.event.kind == "found_discrepant"), default=0)


def _wait_s(batch: Batch, settlement: Settlement) -> int:
    """How long a payout that the rail refused waits for its next check: longer each time, a few hours at most.

    Each attempt is an event with a passport of its own, and what the rail refuses for days would have thousands.
    """
    dropped = sum(1 for entry in batch.tx.settlements.events(settlement.id) if entry.event.kind in _DROPPED.values())
    return int(min(batch.ctx.policy.pause_s * 2 ** min(dropped, WAIT_DOUBLINGS_MAX) // 2, WAIT_S_MAX)) if dropped else 0


def operation_in_flight(settlement: Settlement) -> str:
    """The `once` of the operation that the settlement waits for, "" if there is none."""
    kind = _OPERATIONS.get(str(settlement.in_flight.get("kind", "")))
    return f"{settlement.id}:{settlement.in_flight['seq']}:{kind}" if kind else ""


def is_awaited(settlement: Settlement, once: str) -> bool:
    """True while the settlement stands where this payment is its next step: no order, no review, no other attempt."""
    return settlement.state in _DROPPED and operation_in_flight(settlement) == once


_DROPPED = {
    State.FUNDING: "funding_dropped",
    State.RELEASING: "release_dropped",
    State.REFUNDING: "refund_dropped",
    State.REJECTING: "reject_dropped",
}
_OPERATIONS = {
    "funding_sent": "fund_with_authorization",
    "release_cleared": "release",
    "refund_cleared": "refund",
    "reject_cleared": "reject",
}


def _funded(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    batch.happen(settlement, "funded", Role.RAIL, _moved(facts, "amount_minor"), dates={"ask_rail_at": batch.now})


def _presented(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    dates = on_presented(batch, settlement, facts["block_time"])
    if settlement.awarded_minor is not None:
        dates["release_at"] = batch.now  # what the arbiters said is done, whatever was presented
    documents = {"documents_sha256": facts["documents_sha256"], "round": facts["round"]}
    batch.happen(settlement, "presented", Role.RAIL, _place(facts) | documents, dates=dates)


def _awarded(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    batch.happen(settlement, "awarded", Role.RAIL, _moved(facts, "to_seller_minor"), dates={"release_at": batch.now})


def _released(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    paid = int(facts["amount_minor"]) + int(facts["fee_minor"])
    kind = "released" if paid == settlement.held_minor else "released_in_part"
    dates = {"release_at": batch.now}
    messages = paid_messages(batch, settlement, "release", facts)
    said = _moved(facts, "amount_minor", "fee_minor") | messages.hashes()
    settlement = batch.happen(settlement, kind, Role.RAIL, said, dates=dates)
    messages.send(batch, settlement)


def _refunded(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    _paid_back(batch, settlement, "refunded", facts)


def _rejected(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    _paid_back(batch, settlement, "rejected", facts)


def _paid_back(batch: Batch, settlement: Settlement, kind: str, facts: dict[str, Any]) -> None:
    messages = paid_messages(batch, settlement, "refund", facts)
    settlement = batch.happen(settlement, kind, Role.RAIL, _moved(facts, "amount_minor") | messages.hashes())
    messages.send(batch, settlement)


def _mispaid(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    chain = batch.ctx.rail.chain
    said = {"asset": f"{chain}/erc20:{facts['token']}", "origin": f"{chain}:{facts['origin']}"}
    if facts["escrow"] != settlement.escrow:
        said["escrow"] = facts["escrow"]  # of terms that a later quote replaced: the money lies there
    batch.happen(settlement, "mispaid", Role.RAIL, _moved(facts, "amount_minor") | said)


def _returned(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    said = {"asset": f"{batch.ctx.rail.chain}/erc20:{facts['token']}"}
    batch.happen(settlement, "returned", Role.RAIL, _moved(facts, "amount_minor") | said)


def _fee_claimed(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    batch.happen(settlement, "fee_claimed", Role.RAIL, _moved(facts, "amount_minor"))


_HANDLERS: dict[str, Callable[[Batch, Settlement, dict[str, Any]], None]] = {
    "funded": _funded,
    "presented": _presented,
    "awarded": _awarded,
    "released": _released,
    "refunded": _refunded,
    "rejected": _rejected,
    "mispaid": _mispaid,
    "returned": _returned,
    "fee_claimed": _fee_claimed,
}


def _place(facts: dict[str, Any]) -> dict[str, Any]:
    return {"transaction": facts["transaction"], "block": facts["block"]}


def _moved(facts: dict[str, Any], *amounts: str) -> dict[str, Any]:
    return _place(facts) | {name: str(int(facts[name])) for name in amounts}


def _read_cursor(kept: Cursor | None) -> RailCursor | None:
    if kept is None or not kept.block_hash:
        return None
    return RailCursor(kept.block, kept.block_hash, kept.final_block, kept.final_hash, kept.final_time)


def _kept_cursor(ctx: Context, observed: Observed) -> Cursor:
    """`seen_at` is the machine's clock: it says that the watcher lives, whatever the sandbox clock says."""
    at = observed.cursor
    return Cursor(
        name=ctx.rail.name,
        block=at.block,
        block_hash=at.block_hash,
        final_block=at.final_block,
        final_hash=at.final_hash,
        final_time=at.final_time,
        seen_at=ctx.now() - ctx.offset_s,
        alarm=observed.alarm,
    )


def _item(ctx: Context, event: RailEvent, settlement: str, receipt: ProvenReceipt, began_ns: int) -> InboxItem:
    body: Json = {
        "kind": event.kind,
        "escrow": event.escrow,
        "transaction": event.transaction,
        "block_number": event.block_number,
        "block_hash": event.block_hash,
        "block_time": event.block_time,
        "facts": dict(event.facts),
        "receipt": {
            "header": receipt.header.hex(),
            "index": receipt.index,
            "proof": [node.hex() for node in receipt.proof],
        },
    }
    if ctx.traces.is_on:
        body[SEEN] = [began_ns, time.time_ns()]
    return InboxItem(
        id=ctx.new_id(),
        source=SOURCE,
        key=event.key,
        kind="rail",
        body=body,
        body_sha256=sha256(event.key.encode()).hex(),
        received_at=ctx.now(),
        settlement=settlement,
    )


def _receipt(batch: Batch, settlement: Settlement, item: InboxItem) -> KeptReceipt:
    receipt = item.body["receipt"]
    return KeptReceipt(
        settlement=settlement.id,
        chain=batch.ctx.rail.chain,
        transaction=item.body["transaction"],
        block_number=item.body["block_number"],
        block_hash=item.body["block_hash"],
        header=bytes.fromhex(receipt["header"]),
        index=receipt["index"],
        proof=tuple(bytes.fromhex(node) for node in receipt["proof"]),
        kind=item.body["kind"],
        at=batch.now,
    )
