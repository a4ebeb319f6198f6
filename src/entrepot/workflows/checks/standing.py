"""Standing: a participant may be suspended by two officers until a date: no new trades, no new funding, nothing else.

What is in escrow goes on as agreed. Like a stop, a suspension is in force while its confirmed change says so: it ends
by itself, and no timer moves anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.store.records import Change, InboxItem
from entrepot.store.store import Transaction

from ..step.answers import answered, text_in, whole_in
from ..step.batch import Batch
from ..step.change_kind import Kind

SUSPENSION_S_MAX = 90 * 86_400
SUSPEND, LIFT = "suspension", "suspension_lift"

declare(
    "Refused",
    not_suspended="The participant is not suspended.",
    suspension_too_long="A suspension has an end, at most 90 days away; it can be ordered again.",
)


def suspended_until(tx: Transaction, participant: str, now: int) -> int:
    """When the participant's suspension ends (Unix s), 0 if none is in force."""
    found = [one for subject in (SUSPEND, LIFT) for one in tx.checks.changes(subject=subject, confirmed=True)]
    return in_force(found, participant, now)


def in_force(changes: Sequence[Change], participant: str, now: int) -> int:
    """The same, from confirmed suspensions and liftings of anybody: the one confirmed last counts."""
    own = [one for one in changes if one.body.get("participant") == participant]
    last = max(own, key=lambda one: (one.confirmed_at or 0, one.proposed_at, one.subject == SUSPEND), default=None)
    until = int(last.body["until"]) if last is not None and last.subject == SUSPEND else 0
    return until if now < until else 0


def _check_suspension(batch: Batch, body: Json) -> None:
    _require_company(batch, body)
    until = whole_in(body, "until")
    if not batch.now < until <= batch.now + SUSPENSION_S_MAX:
        raise Refused("suspension_too_long", "A suspension ends within 90 days; it can be ordered again.")


def _check_lifting(batch: Batch, body: Json) -> None:
    _require_company(batch, body)
    if not suspended_until(batch.tx, str(body["participant"]), batch.now):
        raise Refused("not_suspended", "The participant is not suspended.")


def _require_company(batch: Batch, body: Json) -> None:
    found = batch.tx.people.participant(text_in(body, "participant", chars_max=32))
    if found is None:
        raise Unknown("not_found", "There is no such participant.")
    if found.kind not in ("company", "bank"):
        raise Invalid("malformed", f"A {found.kind} does not trade: it is not suspended.", path="body.participant")


def _before(batch: Batch, body: Json) -> Json:
    return {"suspended_until": suspended_until(batch.tx, str(body["participant"]), batch.now)}


def _done(batch: Batch, _: InboxItem, change: Change) -> Json:
    participant = str(change.body["participant"])
    until = suspended_until(batch.tx, participant, batch.now)
    return answered(200, {"change": change.id, "participant": participant, "suspended_until": until})


CHANGES: dict[str, Kind] = {
    SUSPEND: Kind(("officer",), _check_suspension, _done, _before),
    LIFT: Kind(("officer",), _check_lifting, _done, _before),
}
