"""Changes by two persons: one proposes, another confirms or declines, within a week; one table says what can change.

A new subject is one more entry of a `CHANGES` table, in the module that knows what it does.
"""

from __future__ import annotations

from collections.abc import Callable

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.store.records import Change, InboxItem

from ..books import closing, day_end
from ..chain import contract_settings
from ..checks import figures, standing, stops
from ..step.answers import answered, require_role, text_in
from ..step.batch import Batch
from ..step.change_kind import Kind, proposed
from . import admission, inform, set_aside, supervise

REASON_CHARS_MAX = 500
CONFIRMING = "confirming"  # one confirmation after the other: each is checked by those before it

declare("Refused", proposal_expired="The proposal was not confirmed in time; it may be proposed again.")

KINDS: dict[str, Kind] = {
    **admission.CHANGES,
    **figures.CHANGES,
    **set_aside.CHANGES,
    **day_end.CHANGES,
    **closing.CHANGES,
    **supervise.CHANGES,
    **stops.CHANGES,
    **inform.CHANGES,
    **standing.CHANGES,
    **contract_settings.CHANGES,
}
SUBJECTS = tuple(KINDS)


def propose_change(batch: Batch, item: InboxItem) -> Json:
    """The first of two persons proposes a change of a setting, a stop, an order or a role."""
    subject = text_in(item.body, "subject", chars_max=40)
    kind = KINDS.get(subject)
    if kind is None:
        raise Invalid("malformed", f"subject is one of {', '.join(SUBJECTS)}.", path="subject")
    require_role(item, *kind.roles)
    body = item.body.get("body")
    if not isinstance(body, dict):
        raise Invalid("malformed", "body is an object.", path="body")
    change = proposed(batch, item, subject, kind, body, text_in(item.body, "reason", chars_max=REASON_CHARS_MAX))
    return answered(202, {"change": change.id, "subject": subject, "state": "waits", "waits_for": "a second person"})


def confirm_change(batch: Batch, item: InboxItem) -> Json:
    """The second person confirms; the change takes effect in the same commit."""
    change = _waiting(batch, item)
    if change.expires_at and batch.now > change.expires_at:
        raise Refused("proposal_expired", "The proposal was not confirmed in time; it may be proposed again.")
    batch.tx.people.lock(CONFIRMING)
    change = batch.tx.checks.confirm_change(change.id, person=item.person, at=batch.now)
    return KINDS[change.subject].effect(batch, item, change)


def decline_change(batch: Batch, item: InboxItem) -> Json:
    """Somebody who might confirm declines instead, or the proposer withdraws; with a reason, for good."""
    change = _waiting(batch, item)
    why = text_in(item.body, "reason", chars_max=REASON_CHARS_MAX)
    batch.tx.checks.decline_change(change.id, person=item.person, at=batch.now, why=why)
    return answered(200, {"change": change.id, "subject": change.subject, "state": "declined"})


def _waiting(batch: Batch, item: InboxItem) -> Change:
    """The change that the item names, if this person's role may end it. Raises: Unknown, Refused(not_allowed)."""
    require_role(item, *sorted({role for kind in KINDS.values() for role in kind.roles}))
    change_id = text_in(item.body, "change", chars_max=32)
    found = next((one for one in batch.tx.checks.changes(confirmed=False) if one.id == change_id), None)
    if found is None:
        raise Unknown("not_found", "There is no such change that waits for confirmation.")
    require_role(item, *KINDS[found.subject].roles)
    return found


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {
    "propose_change": propose_change,
    "confirm_change": confirm_change,
    "decline_change": decline_change,
}
