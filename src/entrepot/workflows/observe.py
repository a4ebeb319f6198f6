"""Observe: what the rail did is stored in the inbox first and acted on later, once it is final.

The watcher never decides; the worker turns each final rail event into one event of its settlement. What cannot be
understood is set aside and shown, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from entrepot.core.canonical import Json
from entrepot.core.crypto import sha256
from entrepot.core.errors import Unavailable
from entrepot.core.lifecycle import Role, State
from entrepot.core.settlement import Settlement
from entrepot.rails.rail import RailEvent
from entrepot.store.records import Cursor, InboxItem, KeptReceipt

from .answers import answered
from .batch import Batch
from .context import Context
from .settle import on_presented
from .tell import paid_messages

SOURCE = "rail"


def watch(ctx: Context) -> int:
    """Reads what is new on the rail into the inbox; returns how many events. Raises: Unavailable."""
    rail = ctx.rail
    with ctx.store.work() as tx:
        kept = tx.rails.cursor(rail.name)
    observed = rail.observe(_rail_cursor(kept))
    receipts = {event.transaction: rail.receipt(event.transaction) for event in observed.events if event.is_final}
    with ctx.store.work() as tx:
        for event in observed.events:
            settlement = tx.settlements.by_escrow(event.escrow)
            if settlement is None or not event.is_final:
                continue
            tx.inbox.put(_item(ctx, event, settlement.id, asdict(receipts[event.transaction])))
        tx.rails.put_cursor(_kept_cursor(ctx, observed))
    if observed.events:
        ctx.store.wake()
    return len(observed.events)


def on_rail(batch: Batch, item: InboxItem) -> Json:
    """One final rail event becomes an event of its settlement; its receipt is kept with its proof."""
    settlement = batch.settlement(item.settlement)
    facts = item.body["facts"]
    place = {"transaction": item.body["transaction"], "block": item.body["block_number"]}
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
            dates = {"ask_rail_at": batch.now, "release_at": batch.now}
            settlement = batch.happen(settlement, kind, Role.RAIL, facts, dates=dates)
    return answered(200, {"settlement": settlement.id, "state": settlement.state.value})


def operation_in_flight(settlement: Settlement) -> str:
    """The `once` of the operation that the settlement waits for, "" if there is none."""
    kind = _OPERATIONS.get(str(settlement.in_flight.get("kind", "")))
    return f"{settlement.id}:{settlement.in_flight['seq']}:{kind}" if kind else ""


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
    batch.happen(settlement, "funded", Role.RAIL, _moved(facts, "amount_minor"))


def _presented(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    dates = on_presented(batch, settlement, facts["block_time"])
    documents = {"documents_sha256": facts["documents_sha256"], "round": facts["round"]}
    batch.happen(settlement, "presented", Role.RAIL, _place(facts) | documents, dates=dates)


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
    batch.happen(settlement, "mispaid", Role.RAIL, _moved(facts, "amount_minor") | said)


def _returned(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    said = {"asset": f"{batch.ctx.rail.chain}/erc20:{facts['token']}"}
    batch.happen(settlement, "returned", Role.RAIL, _moved(facts, "amount_minor") | said)


def _fee_claimed(batch: Batch, settlement: Settlement, facts: dict[str, Any]) -> None:
    batch.happen(settlement, "fee_claimed", Role.RAIL, _moved(facts, "amount_minor"))


_HANDLERS: dict[str, Callable[[Batch, Settlement, dict[str, Any]], None]] = {
    "funded": _funded,
    "presented": _presented,
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


def _item(ctx: Context, event: RailEvent, settlement: str, receipt: dict[str, Any]) -> InboxItem:
    body: Json = {
        "kind": event.kind,
        "escrow": event.escrow,
        "transaction": event.transaction,
        "block_number": event.block_number,
        "block_time": event.block_time,
        "facts": dict(event.facts),
        "receipt": {name: _text(value) for name, value in receipt.items()},
    }
    return InboxItem(
        id=ctx.new_id(), source=SOURCE, key=event.key, kind="rail", body=body,
        body_sha256=sha256(event.key.encode()).hex(), received_at=ctx.now(), settlement=settlement,
    )  # fmt: skip


def _text(value: Any) -> Any:
    """Binary as hex, lists of it too."""
    if isinstance(value, bytes):
        return value.hex()
    return [_text(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _receipt(batch: Batch, settlement: Settlement, item: InboxItem) -> KeptReceipt:
    receipt = item.body["receipt"]
    return KeptReceipt(
        settlement=settlement.id,
        chain=batch.ctx.rail.chain,
        transaction=receipt["transaction"],
        block_number=receipt["block_number"],
        block_hash=receipt["block_hash"],
        header=bytes.fromhex(receipt["header"]),
        index=receipt["index"],
        proof=tuple(bytes.fromhex(node) for node in receipt["proof"]),
        kind=item.body["kind"],
        at=batch.now,
    )


