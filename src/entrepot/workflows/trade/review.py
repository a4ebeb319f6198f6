"""Review: two persons dispose of the open hits of a case, and what they said stays for good."""

from __future__ import annotations

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused
from entrepot.core.lifecycle import Role, State
from entrepot.core.settlement import Settlement
from entrepot.store.records import Disposition, InboxItem

from ..checks.check import check_funding
from ..step.answers import answered, require_role, text_in
from ..step.batch import Batch
from .propose import own_settlement
from .unwind import block_held, order_sha256

REASON_CHARS_MAX = 2_000


def dispose(batch: Batch, item: InboxItem) -> Json:
    """One officer clears or refuses the open hits with a reason; what a second person says too takes effect.

    Who disagrees is recorded like who agrees, and the case stays open until two persons say the same.
    """
    require_role(item, "officer")
    settlement = own_settlement(batch, item)
    verdict = item.body.get("verdict")
    if verdict not in ("clear", "refuse"):
        raise Invalid("malformed", "verdict is clear or refuse.", path="verdict")
    if settlement.state is not State.IN_REVIEW:
        raise Refused("not_in_this_state", f"There is no open case while {settlement.state}.")
    reason = text_in(item.body, "reason", chars_max=REASON_CHARS_MAX)
    hits = tuple(str(hit) for hit in batch.json_of(settlement, "case")["hits"])
    earlier = [entry for entry in batch.tx.checks.dispositions(settlement.id) if entry.hits == hits]
    batch.tx.checks.put_disposition(
        Disposition(settlement.id, hits, item.person, "clear" if verdict == "clear" else "refuse", reason, batch.now)
    )
    facts: Json = {"verdict": verdict, "reason_sha256": order_sha256(settlement, reason)}
    if verdict not in {entry.verdict for entry in earlier}:
        settlement = batch.happen(settlement, "disposed", Role.OFFICER, facts, actor=item.person)
    elif verdict == "clear":
        settlement = batch.happen(settlement, "review_cleared", Role.OFFICER, facts, actor=item.person)
        settlement = _again(batch, settlement)
    else:
        settlement = _refuse(batch, settlement, item, facts)
    return answered(200, {"case": settlement.id, "state": settlement.state.value, "persons": len(earlier) + 1})


def _again(batch: Batch, settlement: Settlement) -> Settlement:
    """The checks run again: what was cleared counts, anything new does not."""
    if settlement.state in (State.AGREED, State.CLEARED):
        return check_funding(batch, settlement)
    batch.tx.settlements.postpone(settlement.id, until=batch.now)
    return settlement


def _refuse(batch: Batch, settlement: Settlement, item: InboxItem, facts: Json) -> Settlement:
    """Confirmed by two: before money the trade is refused; with money held it is blocked."""
    if not settlement.funded_minor:
        return batch.happen(settlement, "refused", Role.OFFICER, facts, actor=item.person)
    return block_held(batch, settlement, Role.OFFICER, str(facts["reason_sha256"]), facts, actor=item.person)
