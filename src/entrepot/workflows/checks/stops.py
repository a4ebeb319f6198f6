"""Stops in grades: begun by two persons with a reason and an end, lifted early by two. A stop only ever stops."""

from __future__ import annotations

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.store.records import Change, InboxItem
from entrepot.store.store import Transaction

from ..step.answers import answered, text_in, whole_in
from ..step.batch import Batch
from ..step.change_kind import Kind

GRADES = ("new", "fund", "all")
STOP_S_MAX = 366 * 86_400  # a longer one is a change of law, not a stop
# What each grade holds up: settlements in these states do not go on while it lasts.
_UNPAID = ("proposed", "quoted", "agreed", "in_review", "cleared", "funding")
AFFECTED = {
    "new": _UNPAID,
    "fund": _UNPAID,
    "all": (
        *_UNPAID, "funded", "presented", "discrepant", "releasing", "refunding", "rejecting", "disputed",
    ),
}  # fmt: skip
STOPPERS = ("supervisor", "operator")

declare("Refused", stop_over="The stop has ended, or would before it begins.")


def in_force(tx: Transaction, now: int) -> list[Change]:
    """The stops that two persons confirmed and nobody's time or two persons' act has ended, oldest first."""
    lifted = {change.body["stop"] for change in tx.checks.changes(subject="lift_stop", confirmed=True)}
    return [
        change
        for change in tx.checks.changes(subject="stop", confirmed=True)
        if now < int(change.body["until"]) and change.id not in lifted
    ]


def _check_stop(batch: Batch, body: Json) -> None:
    if body.get("grade") not in GRADES:
        raise Invalid("malformed", f"grade is one of {', '.join(GRADES)}.", path="body.grade")
    until = whole_in(body, "until")
    if until <= batch.now:
        raise Refused("stop_over", f"The stop would end at {until} (Unix s), and it is {batch.now}.")
    if until > batch.now + STOP_S_MAX:
        raise Invalid("malformed", f"A stop lasts at most {STOP_S_MAX // 86_400} days.", path="body.until")


def _begun(batch: Batch, _: InboxItem, change: Change) -> Json:
    _check_stop(batch, change.body)  # its end may have passed while it waited for the second person
    return answered(200, {"change": change.id, "grade": change.body["grade"], "until": change.body["until"]})


def _check_lift(batch: Batch, body: Json) -> None:
    stop = text_in(body, "stop", chars_max=32)
    if all(change.id != stop for change in batch.tx.checks.changes(subject="stop", confirmed=True)):
        raise Unknown("not_found", "There is no such stop.")
    if all(change.id != stop for change in in_force(batch.tx, batch.now)):
        raise Refused("stop_over", "The stop has ended already.")


def _stop_of(batch: Batch, body: Json) -> Json:
    """What the lifting ends."""
    return next(change.body for change in in_force(batch.tx, batch.now) if change.id == body["stop"])


def _lifted(batch: Batch, _: InboxItem, change: Change) -> Json:
    over = change.body["stop"] not in {one.id for one in in_force(batch.tx, batch.now)}
    return answered(200, {"change": change.id, "stop": change.body["stop"], "is_over": over})


CHANGES: dict[str, Kind] = {
    "stop": Kind(STOPPERS, _check_stop, _begun),
    "lift_stop": Kind(STOPPERS, _check_lift, _lifted, _stop_of),
}
