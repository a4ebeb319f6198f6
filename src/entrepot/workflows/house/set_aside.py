"""Set-aside items: what met a defect of ours is taken again or dismissed, by two persons who say why.

The two changes are the record: they are never rewritten, and keep what the item was and why it was set aside.
"""

from __future__ import annotations

from entrepot.core.canonical import Json
from entrepot.core.errors import Refused, Unknown, declare
from entrepot.store.records import Change, InboxItem

from ..step.answers import answered, text_in
from ..step.batch import Batch
from ..step.change_kind import Kind

FINDING = "examine"

declare(
    "Refused",
    finding_not_dismissed="An examiner's finding is taken again, not dismissed, while its settlement is open: "
    "silence would be acceptance.",
)


def _stuck(batch: Batch, body: Json) -> InboxItem:
    item_id = text_in(body, "item", chars_max=32)
    found = next((one for one in batch.tx.inbox.stuck() if one.id == item_id), None)
    if found is None:
        raise Unknown("not_found", "There is no such item that was set aside.")
    return found


def _before(batch: Batch, body: Json) -> Json:
    item = _stuck(batch, body)
    return {"what": item.kind, "why": item.set_aside, "settlement": item.settlement, "received_at": item.received_at}


def _check(batch: Batch, body: Json) -> None:
    _stuck(batch, body)


def _check_dismissal(batch: Batch, body: Json) -> None:
    item = _stuck(batch, body)
    if item.kind == FINDING and item.settlement and not batch.settlement(item.settlement).is_ended:
        raise Refused("finding_not_dismissed", "The finding is taken again: dismissed, it would count as silence.")


def _taken_again(batch: Batch, _: InboxItem, change: Change) -> Json:
    item = _stuck(batch, change.body)
    batch.tx.inbox.take_again(item.id)
    return answered(200, {"change": change.id, "item": item.id})


def _dismissed(batch: Batch, _: InboxItem, change: Change) -> Json:
    _check_dismissal(batch, change.body)
    item = _stuck(batch, change.body)
    batch.tx.inbox.dismiss(item.id, at=batch.now)
    return answered(200, {"change": change.id, "item": item.id})


CHANGES: dict[str, Kind] = {
    "take_again": Kind(("operator",), _check, _taken_again, _before),
    "dismiss": Kind(("operator",), _check_dismissal, _dismissed, _before),
}
