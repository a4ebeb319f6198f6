"""Disclose: records who of the house opened personal or confidential material of a party, and for which purpose."""

from __future__ import annotations

from collections.abc import Callable

from entrepot.core.canonical import Json
from entrepot.core.errors import declare
from entrepot.core.lifecycle import CONFIDENTIAL
from entrepot.store.records import InboxItem
from entrepot.store.reports import Disclosure

from ..step.answers import answered, require_role, text_in
from ..step.batch import Batch

PURPOSE_CHARS_MAX = 200
# The purpose recorded where a person names none.
PURPOSES = {
    "officer": "screening and review",
    "operator": "running the settlement",
    "supervisor": "supervision",
    "authority": "a lawful order",
}
KINDS = ("case", "cases", "decision", "decisions", "document", "evidence", "participant", "participants")
# What an officer or an authority opens may tell of a suspicion; a case always does.
_HIDDEN_ROLES, _HIDDEN_KINDS = ("officer", "authority"), ("case", "cases", "decision", "decisions")

declare("Invalid", purpose_invalid="A purpose is a text of 1 to 200 printable characters.")


def record(batch: Batch, item: InboxItem) -> Json:
    """Keeps one disclosure that a door wrote down. Doors alone write this kind; no request can."""
    require_role(item, *PURPOSES)
    what = text_in(item.body, "what", chars_max=40)
    assert what in KINDS, f"{what} is no kind of disclosure"
    batch.tx.reports.put_disclosure(
        Disclosure(
            id=item.id,
            at=int(item.body["at"]),
            person=item.person,
            role=item.role,
            participant=item.participant,
            what=what,
            about=str(item.body.get("about", "")),
            whose=tuple(item.body.get("whose", ())),
            purpose=text_in(item.body, "purpose", chars_max=PURPOSE_CHARS_MAX),
            is_confidential=item.role in _HIDDEN_ROLES or what in _HIDDEN_KINDS or _was_looked_at(batch, item),
            settlement=str(item.body.get("of", "")),
        )
    )
    return answered(201, {"disclosure": item.id})


def _was_looked_at(batch: Batch, item: InboxItem) -> bool:
    """True if the settlement has ever been in review, frozen or blocked: then who opened it when says too much."""
    settlement = str(item.body.get("of", ""))
    return bool(settlement) and any(
        entry.event.kind in CONFIDENTIAL for entry in batch.tx.settlements.events(settlement)
    )


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {"disclosed": record}
