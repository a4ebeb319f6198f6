"""What one kind of change by two persons is: who may propose and confirm it, what it must say, what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from entrepot.core.canonical import Json
from entrepot.store.records import Change, InboxItem

from .batch import Batch

PROPOSAL_S = 7 * 86_400  # as long as a proposal in the registry contract
Check = Callable[[Batch, Json], None]
Effect = Callable[[Batch, InboxItem, Change], Json]


def _nothing(_: Batch, __: Json) -> Json:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """One subject of the table in `changes`.

    `roles` may propose and confirm it. `check` raises Invalid or Refused for a body that cannot be proposed; `before`
    gives what is in force while it is proposed, kept with the proposal; `effect` makes it so, once a second person
    has confirmed, in the same commit.
    """

    roles: tuple[str, ...]
    check: Check
    effect: Effect
    before: Callable[[Batch, Json], Json] = _nothing


def proposed(batch: Batch, item: InboxItem, subject: str, kind: Kind, body: Json, reason: str) -> Change:
    """Keeps a proposal of the item's person. Raises: what the kind's check raises."""
    kind.check(batch, body)
    change = Change(
        id=batch.ctx.new_id(),
        subject=subject,
        body=body,
        reason=reason,
        proposed_by=item.person,
        proposed_at=batch.now,
        expires_at=batch.now + PROPOSAL_S,
        before=kind.before(batch, body),
    )
    batch.tx.checks.put_change(change)
    return change
