"""The voyage: where a settlement has been, where it waits, and what is ahead."""

from __future__ import annotations

from typing import Any

from entrepot.web.language import Language
from entrepot.web.pages.settlement.voyage import voyage

ENGLISH = Language("en", now=1_800_000_000)


def event(kind: str, **facts: Any) -> dict[str, Any]:
    return {"event": kind, "at": 1_800_000_000, "by": "operator", "facts": facts}


def ports(state: str, *events: dict[str, Any], is_ended: bool = False) -> list[tuple[str, str]]:
    view = {"state": state, "is_ended": is_ended, "next_act_at": 1_800_003_600}
    return [(port.name, port.state) for port in voyage(view, events, ENGLISH)]


def test_it_waits_at_the_first_port_that_nothing_proves() -> None:
    way = ports("cleared", event("quote_given"), event("countersigned"), event("cleared", regime="harbour@1"))
    assert way[:4] == [("Agreed", "done"), ("Cleared", "done"), ("Funded", "here"), ("Presented", "ahead")]


def test_a_fresh_quote_begins_the_way_anew() -> None:
    way = ports("quoted", event("quote_given"), event("countersigned"), event("cleared"), event("quote_given"))
    assert way[:2] == [("Agreed", "here"), ("Cleared", "ahead")]


def test_what_ended_before_money_moved_says_so() -> None:
    assert ports("lapsed", event("quote_given"), is_ended=True) == [("Ended", "stopped")]
