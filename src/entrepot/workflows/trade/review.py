"""Review: two persons dispose of the open hits of a case, and what they said stays for good."""

from __future__ import annotations

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused
from entrepot.core.lifecycle import Role, State
from entrepot.core.settlement import Settlement
from entrepot.store.records import Disposition, InboxItem

from ..checks.check import check_funding
from ..checks.said import agreed_on, left_for, said_of_hits
from ..step.answers import answered, require_role, text_in
from ..step.batch import Batch
from .propose import own_settlement
from .unwind import block_held, order_sha256

REASON_CHARS_MAX = 2_000


def dispose(batch: Batch, item: InboxItem) -> Json:
    """One officer clears or refuses the open hits with a reason; what a second person says too takes effect.

    Who disagrees is recorded like who agrees, and the case stays open until two persons say the same. Of a hit that a
    former case held too, this person's word from then stands: what is said now is said of the others.
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
    left = left_for(said_of_hits(batch.tx.checks.dispositions(settlement.id)), item.person, hits)
    if not left:
        raise Refused("same_person", "A second person is needed: this one has disposed of these hits already.")
    batch.tx.checks.put_disposition(
        Disposition(settlement.id, left, item.person, "clear" if verdict == "clear" else "refuse", reason, batch.now)
    )
    said = said_of_hits(batch.tx.checks.dispositions(settlement.id))
    facts: Json = {"verdict": verdict, "reason_sha256": order_sha256(settlement, reason)}
    match agreed_on(said, hits):
        case "clear":
            settlement = batch.happen(settlement, "review_cleared", Role.OFFICER, facts, actor=item.person)
            settlement = _again(batch, settlement)
        case "refuse":
            settlement = _refuse(batch, settlement, item, facts)
        case _:
            settlement = batch.happen(settlement, "disposed", Role.OFFICER, facts, actor=item.person)
    persons = len({person for hit in hits for person in said[hit]})
    return answered(200, {"case": settlement.id, "state": settlement.state.value, "persons": persons})


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
