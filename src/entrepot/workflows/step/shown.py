"""What a reader is told of an event: the same in the API, on live pages and in webhooks."""

from __future__ import annotations

import json

from entrepot.core.canonical import Json
from entrepot.core.lifecycle import CONFIDENTIAL, LIFECYCLE
from entrepot.store.records import LoggedEvent


def event_view(logged: LoggedEvent, *, is_staff: bool) -> Json | None:
    """One event, or None for what this reader is not told of: parties count the events that they see, without a gap."""
    event = logged.event
    if event.kind in CONFIDENTIAL and not is_staff:
        return None
    facts = dict(event.facts)
    if not is_staff:
        facts.pop("decision_sha256", None)
    return {
        "index": logged.index,
        "settlement": logged.settlement,
        "seq": logged.seq if is_staff else json.loads(logged.leaf)["seq"],
        "event": event.kind,
        "by": event.by.value,
        "at": event.at,
        "facts": facts,
    }


def told_events() -> tuple[str, ...]:
    """The kinds of events that a party may be told of, in the order of the life-cycle."""
    return tuple(dict.fromkeys(line.event for line in LIFECYCLE if line.event not in CONFIDENTIAL))
