"""When it does not go as agreed: refund at expiry, reject, dispute, freeze, block, and money that came another way.

No timer pays anybody: every payout here, too, follows from a fresh CLEAR decision and carries its own passport.
"""

from __future__ import annotations

from dataclasses import replace

from entrepot.core.acts import AWARD, BLOCK, DISPUTE, FREEZE, LIFT
from entrepot.core.canonical import Json, hex0x, sha256_of, unhex
from entrepot.core.decision import Decision
from entrepot.core.errors import Refused, declare
from entrepot.core.ledger import AccountClass, Balance, account
from entrepot.core.lifecycle import UNDER_ORDER, Role, State
from entrepot.core.passport import Act
from entrepot.core.settlement import Settlement
from entrepot.screening.entity import Subject
from entrepot.store.records import InboxItem, LoggedEvent

from ..checks.check import decide, give_passport, keep_case, keep_decision, pause, read_terms, refer
from ..step.answers import answered, require_role, signature_in, text_in, whole_in
from ..step.batch import Batch
from ..step.follow import SOURCE, arrival_s, failure_key
from .propose import PARTY_ROLES, own_settlement, side_of

FREEZE_S_MAX = 30 * 86_400
REASON_CHARS_MAX = 500

declare(
    "Refused",
    order_too_long="A freeze has an end date, at most 30 days away.",
    nothing_mispaid="No payment beside the trade in this transaction waits for its return.",
    not_cleared="The checks do not clear this payment now; it stays where it is.",
    award_late="The dispute is about to end, and the escrow might not take an award in time.",
    no_fee_due="No fee is due, or it was claimed.",
    paid_to_former_terms="The payment lies at the address of terms that a later quote replaced.",
)


def check_refund(batch: Batch, settlement: Settlement) -> Settlement:
    """Nobody presented (or cured) in time by final block time, or arbiters left it to the buyer: back to the buyer."""
    if settlement.awarded_minor is None and batch.final_time() <= _expires_at(settlement):
        batch.tx.settlements.postpone(settlement.id, until=batch.now + 1)
        return settlement
    return _pay_back(batch, settlement, Act.REFUND)


def check_reject(batch: Batch, settlement: Settlement) -> Settlement:
    """Prohibited, but nobody is listed: back to where it came from, once nobody touching it has an open hit."""
    return _pay_back(batch, settlement, Act.REJECT)


def _pay_back(batch: Batch, settlement: Settlement, act: Act) -> Settlement:
    terms = read_terms(batch, settlement)
    decided = decide(batch, settlement, terms, act)
    if not isinstance(decided, Decision):
        return pause(batch, settlement, decided)
    if act is Act.REJECT:
        decided = replace(decided, reasons=tuple(entry for entry in decided.reasons if entry.about == "listed"))
    facts = keep_decision(batch, settlement, decided)
    if decided.outcome(holds_money=True) != "clear":
        return otherwise(batch, settlement, decided, facts)
    amount = settlement.held_minor
    passport, signature = give_passport(
        batch, settlement, terms, decided, payee=terms.buyer_address, amount_minor=amount
    )
    kind = "refund_cleared" if act is Act.REFUND else "reject_cleared"
    settlement = batch.happen(
        settlement,
        kind,
        Role.RULES,
        facts | {"amount_minor": str(amount)},
        dates=batch.ask_rail_at(),
    )
    batch.operate(
        settlement,
        "refund" if act is Act.REFUND else "reject",
        {"passport": passport.to_json() | {"signature": signature}},
        decided=decided,
    )
    return settlement


def otherwise(batch: Batch, settlement: Settlement, decided: Decision, facts: Json) -> Settlement:
    """The three ways a check of held money ends when it is not clear: review, block, reject."""
    outcome = decided.outcome(holds_money=True)
    if outcome == "review":
        return refer(batch, settlement, decided, facts)
    if outcome == "block":
        keep_case(batch, settlement, decided)
        return block_held(batch, settlement, Role.RULES, decided.sha256(), facts)
    return batch.happen(settlement, "reject_ordered", Role.RULES, facts, dates={"ask_rail_at": batch.now})


def dispute(batch: Batch, item: InboxItem) -> Json:
    """A party asks the arbiters; the clocks stop until they award or their time is over."""
    require_role(item, "treasurer")
    settlement = own_settlement(batch, item)
    side = side_of(settlement, item)
    terms = read_terms(batch, settlement)
    reason = text_in(item.body, "reason", chars_max=REASON_CHARS_MAX)
    reason_sha256 = dispute_sha256(settlement, reason)
    signature = signature_in(item.body)
    values = {**_where(settlement), "reason_sha256": unhex(reason_sha256, size=32)}
    by = terms.seller_address if side == "seller" else terms.buyer_address
    if DISPUTE.signer(terms.domain, values, unhex(signature)) != by:
        raise Refused("signature_invalid", f"The dispute is not signed by the wallet of the {side}.")
    settlement = batch.happen(
        settlement,
        "disputed",
        PARTY_ROLES[side],
        {"reason_sha256": reason_sha256},
        actor=item.person,
        dates={"dispute_by": batch.now + terms.schedule.dispute_s},
    )
    said: Json = {"schema": "entrepot/dispute/1", "by": side, "reason": reason, "at": batch.now}
    arbiters = {one.participant for one in batch.tx.people.memberships() if one.role == "arbiter"}
    readers = (settlement.seller, settlement.buyer, *sorted(arbiters))
    batch.keep_json(settlement, "dispute", said, visible_to=readers)
    batch.operate(settlement, "raise_dispute", {"reason_sha256": reason_sha256, "signature": signature})
    return _answered(settlement)


def award(batch: Batch, item: InboxItem) -> Json:
    """The arbiters (k of n) say how much of the price the seller gets; the rest goes back to the buyer.

    It binds when the escrow has recorded it. Raises: Refused(award_late, award_given, signature_invalid, …).
    """
    require_role(item, "arbiter")
    settlement = own_settlement(batch, item)
    terms = read_terms(batch, settlement)
    to_seller = whole_in(item.body, "to_seller_minor", high=2**127)
    signatures = item.body.get("signatures", [])
    values = {**_where(settlement), "to_seller": to_seller}
    signers = {AWARD.signer(terms.domain, values, unhex(text)) for text in signatures if isinstance(text, str)}
    if len(signers & set(terms.venue.arbiters)) < terms.venue.arbiters_required:
        raise Refused("signature_invalid", f"{terms.venue.arbiters_required} arbiters sign an award.")
    margin_s = arrival_s(terms.schedule.dispute_s)
    if settlement.state is State.DISPUTED and batch.now > settlement.dates["dispute_by"] - margin_s:
        raise Refused("award_late", f"The dispute ends within {margin_s // 60} minutes: the escrow might not take it.")
    facts = {"to_seller_minor": str(to_seller)}
    settlement = batch.happen(settlement, "award_received", Role.ARBITER, facts, actor=item.person)
    batch.operate(settlement, "award", {"to_seller_minor": str(to_seller), "signatures": signatures})
    return _answered(settlement)


def freeze(batch: Batch, item: InboxItem) -> Json:
    """A lawful order holds the settlement until a date. Called once two persons of the authority agreed (supervise)."""
    settlement = own_settlement(batch, item)
    until = whole_in(item.body, "until")
    if not batch.now < until <= batch.now + FREEZE_S_MAX:
        raise Refused("order_too_long", "A freeze ends within 30 days; it can be ordered again.")
    order = order_sha256(settlement, text_in(item.body, "reason", chars_max=REASON_CHARS_MAX))
    settlement = batch.happen(
        settlement, "frozen", Role.AUTHORITY, {"order_sha256": order}, actor=item.person, dates={"frozen_until": until}
    )
    _hold(batch, settlement, FREEZE, until, order)
    return _answered(settlement)


def unfreeze(batch: Batch, item: InboxItem) -> Json:
    """Ends a freeze, once two of those who may order one agreed (supervise). Raises: Refused(not_in_this_state)."""
    return _lift(batch, item, "unfrozen", Role.AUTHORITY)


def unblock(batch: Batch, item: InboxItem) -> Json:
    """Ends a block under a recorded licence or delisting, once two officers agreed: a freeze that lies under it stays.

    Raises: Refused(not_in_this_state).
    """
    return _lift(batch, item, "unblocked", Role.OFFICER)


def _lift(batch: Batch, item: InboxItem, kind: str, by: Role) -> Json:
    settlement = own_settlement(batch, item)
    order = order_sha256(settlement, text_in(item.body, "reason", chars_max=REASON_CHARS_MAX))
    settlement = batch.happen(settlement, kind, by, {"order_sha256": order}, actor=item.person)
    left_until = settlement.dates["frozen_until"] if settlement.state is State.FROZEN else 0
    _hold(batch, settlement, LIFT, left_until, order)
    release_waits_no_longer(batch, settlement)
    return _answered(settlement)


def release_waits_no_longer(batch: Batch, settlement: Settlement) -> None:
    """Documents that were found in order before a hold are not examined again: the release check is due at once."""
    if settlement.state is State.PRESENTED and settlement.complies:
        batch.tx.settlements.postpone(settlement.id, until=batch.now)


def block(batch: Batch, item: InboxItem) -> Json:
    """An officer blocks by hand what touches a listed person's interest."""
    require_role(item, "officer")
    settlement = own_settlement(batch, item)
    reason = text_in(item.body, "reason", chars_max=REASON_CHARS_MAX)
    order = order_sha256(settlement, reason)
    settlement = block_held(batch, settlement, Role.OFFICER, order, {"order_sha256": order}, actor=item.person)
    why: Json = {"schema": "entrepot/block/1", "by": item.person, "reason": reason, "at": batch.now}
    batch.keep_json(settlement, "case_block", why, visible_to=())
    return _answered(settlement)


def review_block(batch: Batch, item: InboxItem) -> Json:
    """An officer has looked at a block again and it stands: the next look is due a period later."""
    require_role(item, "officer")
    settlement = own_settlement(batch, item)
    reason = text_in(item.body, "reason", chars_max=REASON_CHARS_MAX)
    settlement = batch.happen(
        settlement,
        "block_reviewed",
        Role.OFFICER,
        {"review_sha256": order_sha256(settlement, reason)},
        actor=item.person,
        dates={"block_review_by": batch.now + batch.ctx.policy.block_review_s},
    )
    why: Json = {"schema": "entrepot/block-review/1", "by": item.person, "reason": reason, "at": batch.now}
    batch.keep_json(settlement, "case_block_review", why, visible_to=())
    return _answered(settlement)


def block_held(
    batch: Batch, settlement: Settlement, by: Role, order: str, facts: Json, *, actor: str = ""
) -> Settlement:
    """A listed person's interest in money that is held: blocked here and on the rail. `order` is a 0x-hex hash."""
    dates = {"block_review_by": batch.now + batch.ctx.policy.block_review_s}
    settlement = batch.happen(settlement, "blocked", by, facts, actor=actor, dates=dates)
    _hold(batch, settlement, BLOCK, 0, order)
    return settlement


def return_mispaid(batch: Batch, item: InboxItem) -> Json:
    """Sends money that lies beside the trade back to where it came from. Called once two officers agreed (supervise).

    Screened with its origin, signed by two passport keys.
    Raises: Refused(nothing_mispaid, paid_to_former_terms, not_cleared).
    """
    settlement = own_settlement(batch, item)
    _require_no_order(settlement)
    terms = read_terms(batch, settlement)
    mispaid = _mispaid(batch, settlement, text_in(item.body, "transaction", chars_max=66))
    asset, origin = str(mispaid["asset"]), str(mispaid["origin"]).rpartition(":")[2]
    decided = decide(batch, settlement, terms, Act.RETURN, also=(Subject("wallet", wallet=origin, role="origin"),))
    if not isinstance(decided, Decision) or decided.outcome(holds_money=True) != "clear":
        raise Refused("not_cleared", "The payment is not cleared now; it stays where it is.")
    facts = keep_decision(batch, settlement, decided)
    token, amount = asset.rpartition(":")[2], int(mispaid["amount_minor"])
    passport, first = give_passport(batch, settlement, terms, decided, payee=origin, amount_minor=amount, token=token)
    second = hex0x(batch.ctx.second_passport_signer.sign_digest(passport.digest(terms.domain)))
    said = {"asset": asset, "amount_minor": str(amount), "answers": str(mispaid["transaction"])}
    settlement = batch.happen(settlement, "return_cleared", Role.RULES, facts | said)
    arguments: Json = {"token": token, "to": origin, "amount_minor": str(amount), "passport": passport.to_json()}
    batch.operate(settlement, "return_payment", arguments | {"signatures": [first, second]}, decided=decided)
    return _answered(settlement)


def _require_no_order(settlement: Settlement) -> None:
    """Raises: Refused(not_cleared) while the escrow pays nobody: what it refused could not be asked for again."""
    if settlement.state in UNDER_ORDER:
        raise Refused("not_cleared", "The payment is not cleared now; it stays where it is.")


def _mispaid(batch: Batch, settlement: Settlement, transaction: str) -> Json:
    """The facts of a payment beside the trade that nobody returned yet.

    Raises: Refused(nothing_mispaid, paid_to_former_terms).
    """
    logged = batch.tx.settlements.events(settlement.id)
    returns = [entry for entry in logged if entry.event.kind == "return_cleared"]
    answered = {entry.event.facts["answers"] for entry in returns if not _came_to_nothing(batch, entry)}
    escrow = ""
    for event in (entry.event for entry in logged):
        escrow = event.facts["escrow"] if event.kind == "quote_given" else escrow
        if event.kind == "mispaid" and event.facts["transaction"] == transaction and transaction not in answered:
            at = event.facts.get("escrow", escrow)
            if at != settlement.escrow:
                raise Refused("paid_to_former_terms", f"It lies at {at}, whose terms a later quote replaced.")
            return dict(event.facts)
    raise Refused("nothing_mispaid", f"No payment beside the trade in {transaction} waits for its return.")


def _came_to_nothing(batch: Batch, entry: LoggedEvent) -> bool:
    """True for a return that the rail refused for good, or that failed there: it may be asked for again."""
    once = f"{entry.settlement}:{entry.seq}:return_payment"
    return batch.tx.inbox.get(SOURCE, failure_key(once)) is not None


def claim_fee(batch: Batch, item: InboxItem) -> Json:
    """The operator takes the fee that was earned, apart from the trade, whose money it can never stop."""
    require_role(item, "operator")
    settlement = own_settlement(batch, item)
    _require_no_order(settlement)
    terms = read_terms(batch, settlement)
    due = account(AccountClass.FEE_DUE, settlement.id, settlement.asset)
    amount = batch.tx.ledger.balances([due.id]).get(due.id, Balance()).posted_minor
    if not amount:
        raise Refused("no_fee_due", "No fee is due, or it was claimed.")
    decided = decide(batch, settlement, terms, Act.FEE)
    if not isinstance(decided, Decision) or decided.outcome(holds_money=True) != "clear":
        raise Refused("not_cleared", "The payment is not cleared now; it stays where it is.")
    facts = keep_decision(batch, settlement, decided)
    payee = terms.venue.fee_recipient
    passport, signature = give_passport(batch, settlement, terms, decided, payee=payee, amount_minor=amount)
    settlement = batch.happen(
        settlement, "fee_cleared", Role.RULES, facts | {"amount_minor": str(amount)}, actor=item.person
    )
    signed = passport.to_json() | {"signature": signature}
    batch.operate(settlement, "claim_fee", {"passport": signed}, decided=decided)
    return _answered(settlement)


def _answered(settlement: Settlement) -> Json:
    return answered(202, {"settlement": settlement.id, "state": settlement.state.value})


def dispute_sha256(settlement: Settlement, reason: str) -> str:
    """The hash of a dispute's reason as the party signs it: 0x-hex."""
    return hex0x(sha256_of({"schema": "entrepot/dispute/1", "settlement": settlement.id, "reason": reason}))


def order_sha256(settlement: Settlement, reason: str) -> str:
    """The hash of an order as it stands in the log and on the rail; its words stay off both."""
    return hex0x(sha256_of({"schema": "entrepot/order/1", "settlement": settlement.id, "reason": reason}))


def _hold(batch: Batch, settlement: Settlement, kind: int, until: int, order: str) -> None:
    """Queues the escrow's own hold; it is signed when it is sent."""
    batch.operate(settlement, "hold", {"hold": kind, "until": until, "order_sha256": order})


def _expires_at(settlement: Settlement) -> int:
    return settlement.dates["cure_by" if settlement.state is State.DISCREPANT else "present_by"]


def _where(settlement: Settlement) -> dict[str, object]:
    return {"escrow": settlement.escrow, "terms_hash": unhex(settlement.terms_hash, size=32)}
