"""Approvals: an act of a company's person that needs a second one waits for it, and is then done exactly once.

The company's mandates decide (`core/mandate.py`). What waits is the request as it arrived, signature and all: the
second person confirms these bytes, for these terms, and at that moment every check runs as if it had been asked then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from entrepot.core.canonical import Json
from entrepot.core.errors import EntrepotError, Refused, Unknown, declare
from entrepot.core.mandate import Mandate, Outcome, Ruling, is_governed, mandates_of, ruling_of
from entrepot.core.money import Money
from entrepot.documents.invoice import read_invoice
from entrepot.store.records import Approval, InboxItem

from ..step.answers import answered, problem, require_role, text_in
from ..step.batch import Batch
from .propose import invoice_bytes, own_settlement, quote_invoice

Handle = Callable[[Batch, InboxItem], Json]
Done = Callable[[Batch, InboxItem, Approval], Json]  # an approved act: its request, and who decided
WHY_CHARS_MAX = 500
# What passes by itself: the approval stays open, and may be confirmed again.
PASSING = ("not_cleared", "payments_stopped", "payee_cooling_off", "new_trades_stopped", "no_rate")

declare(
    "Refused",
    already_asked="A colleague has asked for this act already; it waits for a second person.",
    approval_closed="The approval does not wait any more: it was done, declined, refused or replaced.",
    approval_expired="The approval's time is over; the act may be asked for again.",
    terms_changed="The settlement's terms are no longer those for which the act was asked.",
)


def under_mandates(act: str, handle: Handle) -> Handle:
    """The workflow `handle`, as far as the company's mandates let its person do it alone."""

    def handled(batch: Batch, item: InboxItem) -> Json:
        mandates = in_force(batch, item.participant) if item.role == "treasurer" else ()
        if not mandates:
            return handle(batch, item)
        amount, terms_hash, about = _about(batch, act, item)
        ruling = ruling_of(mandates, act, amount, now=batch.now, persons=[item.person])
        if ruling.outcome is Outcome.DONE:
            return handle(batch, item)
        require_person(batch, item.participant, ruling)
        try_only(batch, item, handle)
        return keep_waiting(batch, item, act, amount=amount, terms_hash=terms_hash, about=about)

    return handled


def in_force(batch: Batch, participant: str) -> tuple[Mandate, ...]:
    """The company's mandates, none if it has set none."""
    sets = batch.tx.mandates.sets(participant)
    return mandates_of(sets[-1].mandates) if sets else ()


def require_person(batch: Batch, participant: str, ruling: Ruling) -> tuple[str, ...]:
    """Those of the company's own persons who may be the next. Raises: Refused with the ruling's code, or for nobody."""
    if ruling.outcome is Outcome.REFUSED:
        raise Refused(ruling.code, ruling.message)
    persons = {one.person for one in batch.tx.people.memberships(participant=participant) if one.role == "treasurer"}
    may = tuple(person for person in ruling.may if person in persons)
    if not may:
        raise Refused("no_second_person", "Your company's mandates name nobody else who may still confirm this.")
    return may


def try_only(batch: Batch, item: InboxItem, handle: Handle) -> None:
    """Does the act and undoes it: what would be refused now need not wait for a second person. Raises: as `handle`."""
    with batch.trial():
        handle(batch, item)


def keep_waiting(
    batch: Batch,
    item: InboxItem,
    act: str,
    *,
    amount: Money | None = None,
    terms_hash: str = "",
    about: str = "",
    by_operator: bool = False,
) -> Json:
    """Keeps the request as an approval that waits; the same act asked again by the same person replaces the older."""
    for older in batch.tx.mandates.approvals(participant=item.participant, settlement=item.settlement, is_open=True):
        if (older.act, older.settlement) != (act, item.settlement) or older.expires_at <= batch.now:
            continue
        if older.body_sha256 == item.body_sha256 and older.asked_by == item.person:
            return answered(202, _waiting(older))
        if not item.settlement and act == "propose":
            continue
        if older.asked_by != item.person:
            raise Refused("already_asked", "A colleague has asked for this already; confirm or decline that.")
        batch.tx.mandates.save_approval(
            replace(older, status="replaced", closed_by=item.person, closed_at=batch.now, why="asked anew")
        )
    approval = Approval(
        id=batch.ctx.new_id(),
        participant=item.participant,
        settlement=item.settlement,
        act=act,
        source=item.source,
        key=item.key,
        body_sha256=item.body_sha256,
        terms_hash=terms_hash,
        asset=amount.asset.id if amount else "",
        amount_minor=amount.amount_minor if amount else 0,
        about=about,
        by_operator=by_operator,
        asked_by=item.person,
        asked_at=batch.now,
        expires_at=batch.now + batch.ctx.policy.approval_s,
    )
    batch.tx.mandates.put_approval(approval)
    return answered(202, _waiting(approval))


def confirm(batch: Batch, item: InboxItem, acts: Mapping[str, Done]) -> Json:
    """Another person confirms. If that is enough, the act is done now, once, as if it were asked now."""
    approval = _open(batch, item)
    if item.person == approval.asked_by or item.person in approval.confirmed_by:
        raise Refused("same_person", "A second person confirms: this one has asked, or has confirmed already.")
    _require_member(batch, approval)
    if approval.by_operator:
        require_role(item, "operator")
        if is_governed(in_force(batch, approval.participant), approval.act, batch.now):
            raise Refused("no_power", "The company's own mandates say by now who confirms this; it may be asked again.")
    else:
        require_role(item, "treasurer")
        ruling = _ruling(batch, approval, (*approval.confirmed_by, item.person))
        if ruling.outcome is not Outcome.DONE:
            require_person(batch, approval.participant, ruling)
            kept = replace(approval, confirmed_by=(*approval.confirmed_by, item.person))
            batch.tx.mandates.save_approval(kept)
            return answered(202, _waiting(kept))
    done = replace(approval, confirmed_by=(*approval.confirmed_by, item.person))
    return _do(batch, done, item.person, acts[approval.act])


def decline(batch: Batch, item: InboxItem) -> Json:
    """A person who may see it ends it: another one declines, the one who asked takes it back."""
    approval = _open(batch, item)
    if approval.by_operator and item.participant != approval.participant:
        require_role(item, "operator")
    else:
        require_role(item, "treasurer")
    why = text_in(item.body, "reason", chars_max=WHY_CHARS_MAX)
    _close(batch, approval, "declined", item.person, why)
    return answered(200, {"approval": approval.id, "status": "declined"})


def _open(batch: Batch, item: InboxItem) -> Approval:
    """The approval that a click is about, locked. Raises: Unknown for another's, Refused if it waits no more."""
    approval = batch.tx.mandates.lock_approval(text_in(item.body, "approval", chars_max=32))
    is_shown = approval is not None and (
        item.participant == approval.participant or (approval.by_operator and item.role == "operator")
    )
    if approval is None or not is_shown:
        raise Unknown("not_found", "There is no such approval.")
    if item.role not in ("treasurer", "operator"):
        raise Refused("not_allowed", f"This is an act of a treasurer; you act as {item.role}.")
    if approval.status != "open":
        raise Refused("approval_closed", f"This does not wait any more: it was {approval.status}.")
    if approval.expires_at <= batch.now:
        raise Refused("approval_expired", f"This waited until {approval.expires_at} (Unix s); it may be asked again.")
    return approval


def _require_member(batch: Batch, approval: Approval) -> None:
    """Raises: Refused(no_power) if the one who asked acts for the company no more."""
    roles = batch.tx.people.memberships(person=approval.asked_by, participant=approval.participant)
    if all(one.role != "treasurer" for one in roles):
        raise Refused("no_power", "The person who asked does not act for the company any more.")


def _ruling(batch: Batch, approval: Approval, others: tuple[str, ...]) -> Ruling:
    """What the mandates in force now say of the one who asked and these others."""
    amount = None
    if approval.asset:
        amount = Money(approval.amount_minor, batch.ctx.assets.get(approval.asset))
    mandates = in_force(batch, approval.participant)
    if not mandates:  # it waited under mandates; without any, nobody may be the second person
        raise Refused("no_power", "Your company has no mandates in force.")
    return ruling_of(mandates, approval.act, amount, now=batch.now, persons=[approval.asked_by, *others])


def _do(batch: Batch, approval: Approval, person: str, act: Done) -> Json:
    """The act as it was asked; what is refused for good closes the approval with its reason, in the same commit."""
    asked = batch.tx.inbox.get(approval.source, approval.key)
    try:
        if asked is None or asked.body_sha256 != approval.body_sha256 or asked.participant != approval.participant:
            raise Refused("approval_closed", "What was asked is not there any more.")
        _require_terms(batch, approval)
        with batch.attempt():
            answer = act(batch, asked, approval)
    except EntrepotError as error:
        if error.http_status >= 500 or error.code in PASSING:
            raise
        _close(batch, approval, "refused", person, f"{error.code}: {error.message}")
        told = problem(error)
        return answered(told["status"], told["body"] | {"approval": approval.id})
    _close(batch, approval, "done", person, "")
    return answered(answer["status"], answer["body"] | {"approval": approval.id, "status": "done"})


def _require_terms(batch: Batch, approval: Approval) -> None:
    if approval.settlement and batch.settlement(approval.settlement).terms_hash != approval.terms_hash:
        raise Refused("terms_changed", "The terms were quoted afresh after this was asked; ask again on the new ones.")


def _close(batch: Batch, approval: Approval, status: str, person: str, why: str) -> None:
    closed = replace(approval, status=status, closed_by=person, closed_at=batch.now, why=why[:WHY_CHARS_MAX])
    batch.tx.mandates.save_approval(closed)


def _about(batch: Batch, act: str, item: InboxItem) -> tuple[Money | None, str, str]:
    """How much an act is about, in the settlement's asset, the hash of its terms, and the invoice's number."""
    if act == "propose":
        invoice = read_invoice(invoice_bytes(item.body))
        return quote_invoice(batch, invoice.payable).total, "", invoice.number
    settlement = own_settlement(batch, item)
    if not settlement.asset:
        return None, settlement.terms_hash, ""
    amount = Money(settlement.total_minor, batch.ctx.assets.get(settlement.asset))
    return amount, settlement.terms_hash, str(batch.json_of(settlement, "terms")["invoice_number"])


def _waiting(approval: Approval) -> Json:
    """The one answer to whoever asked: it waits, for whom and how long."""
    body: Json = {
        "approval": approval.id,
        "act": approval.act,
        "status": "waits",
        "state": "waits",
        "waits_for": "an operator" if approval.by_operator else "a second person",
        "expires_at": approval.expires_at,
    }
    return body | ({"settlement": approval.settlement} if approval.settlement else {})
