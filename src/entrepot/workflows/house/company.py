"""Company: how a company changes its own mandates, and where it is paid. Both always take two persons.

The company's own rule says which two. Where no power in force covers the act (the first mandates, or all powers have
ended), its treasurer asks and an operator confirms.
"""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.core.canonical import Json
from entrepot.core.mandate import Outcome, is_governed, read_mandates, ruling_of
from entrepot.store.records import Approval, InboxItem, MandateSet

from ..checks import payee
from ..step.answers import answered, require_role
from ..step.batch import Batch
from ..trade import propose, settle, unwind
from ..trade.approvals import Done, Handle, confirm, decline, in_force, keep_waiting, require_person, under_mandates

ABOUT_CHARS_MAX = 200


def ask_mandates(batch: Batch, item: InboxItem) -> Json:
    """A treasurer asks for other mandates, all of them at once; a second person confirms."""
    require_role(item, "treasurer")
    read = read_mandates(item.body.get("mandates"), members=_members(batch, item.participant))
    return _by_two(batch, item, "change_mandates", about=", ".join(one.name for one in read))


def ask_payee(batch: Batch, item: InboxItem) -> Json:
    """A treasurer asks that the company be paid elsewhere; a second person confirms, and a cooling-off begins."""
    require_role(item, "treasurer")
    payee.check_payee(batch, {**item.body, "participant": item.participant})
    return _by_two(batch, item, "change_payee", about=str(item.body.get("account") or item.body["bank_name"]))


def _by_two(batch: Batch, item: InboxItem, act: str, *, about: str) -> Json:
    mandates = in_force(batch, item.participant)
    by_operator = not is_governed(mandates, act, batch.now)
    if not by_operator:
        ruling = ruling_of(mandates, act, None, now=batch.now, persons=[item.person])
        assert ruling.outcome is not Outcome.DONE, f"{act} by one person"
        require_person(batch, item.participant, ruling)
    return keep_waiting(batch, item, act, about=about[:ABOUT_CHARS_MAX], by_operator=by_operator)


def _set_mandates(batch: Batch, item: InboxItem, approval: Approval) -> Json:
    """The mandates that two persons decided are in force from now on."""
    read = read_mandates(item.body.get("mandates"), members=_members(batch, item.participant))
    known = batch.tx.mandates.sets(item.participant)
    made = MandateSet(
        participant=item.participant,
        version=known[-1].version + 1 if known else 1,
        mandates=tuple(one.to_json() for one in read),
        decided_by=payee.deciders(approval),
        at=batch.now,
    )
    batch.tx.mandates.put_set(made)
    return answered(200, {"participant": item.participant, "version": made.version})


def _members(batch: Batch, participant: str) -> list[str]:
    return [one.person for one in batch.tx.people.memberships(participant=participant) if one.role == "treasurer"]


def _as_asked(handle: Handle) -> Done:
    return lambda batch, item, _: handle(batch, item)


ACTS: Mapping[str, Handle] = {
    "propose": propose.propose,
    "sign": propose.sign,
    "withdraw": propose.withdraw,
    "fund": settle.fund,
    "present": settle.present,
    "waive": settle.waive,
    "dispute": unwind.dispute,
}
DONE: Mapping[str, Done] = {
    **{act: _as_asked(handle) for act, handle in ACTS.items()},
    "change_mandates": _set_mandates,
    "change_payee": payee.as_asked,
}


def confirm_approval(batch: Batch, item: InboxItem) -> Json:
    """Another person confirms what waits; the act is then done."""
    return confirm(batch, item, DONE)


HANDLERS: dict[str, Handle] = {
    **{act: under_mandates(act, handle) for act, handle in ACTS.items()},
    "change_mandates": ask_mandates,
    "change_payee": ask_payee,
    "confirm_approval": confirm_approval,
    "decline_approval": decline,
    "payee_changed": propose.payee_changed,
}
