"""/v1/cases: what waits for officers, with both sides of every hit, who has answered, and what is due afterwards."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.canonical import Json
from entrepot.core.errors import Unknown
from entrepot.core.lifecycle import STATES, UNDER_ORDER
from entrepot.core.settlement import Settlement
from entrepot.regimes.reporting import Duty, duties_after_block, duties_after_reject
from entrepot.store.records import Disposition
from entrepot.store.store import Transaction
from entrepot.workflows.checks.said import left_for, said_of_hits
from entrepot.workflows.checks.screen import alike

from .ask import ask
from .caller import Caller
from .disclosures import disclose
from .reading import newest_json
from .trades import Id, Key, Signed, Strict, given
from .views import find, person_name, settlement_view

router = APIRouter(prefix="/v1", tags=["cases"])

SOON_S = 24 * 3600  # a case due within a day comes before everything that is not
PERSONS_NEEDED = 2
EARLIER_MAX = 20
REPORTED = {"blocked": duties_after_block, "reject_ordered": duties_after_reject}


class Disposing(Strict):
    """One person's answer to a case's open hits."""

    verdict: Literal["clear", "refuse"]
    reason: str = Field(min_length=1, max_length=2000)


@router.get("/cases")
def cases(
    request: Request,
    caller: Signed,
    state: Annotated[Literal["in_review", "blocked", "frozen"], Query()] = "in_review",
) -> dict[str, Any]:
    """Settlements that wait for officers, for officers: what needs a human first comes first.

    First what is due within a day, then what holds money, then by score, then by deadline.
    """
    require_officer(caller)
    with request.app.state.store.read(caller.reader) as tx:
        now = _now(request, tx)
        page = tx.settlements.page(state=state)
        found = [_in_queue(tx, one, caller) for one in page]
    disclose(request, caller, "cases", "", whose=tuple(party for one in page for party in (one.seller, one.buyer)))
    return {"cases": sorted(found, key=lambda case: urgency(case, now)), "now": now}


@router.get("/cases/{settlement}")
def read_case(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """One case: both sides of each hit, its reasons, who has said what, and what the customer sees meanwhile."""
    require_officer(caller)
    with request.app.state.store.read(caller.reader) as tx:
        found = find(tx, settlement)
        view = _case(tx, found, caller)
    disclose(request, caller, "case", settlement, whose=(found.seller, found.buyer), settlement=settlement)
    return view


@router.post("/cases/{settlement}/dispositions")
def dispose(request: Request, settlement: Id, body: Disposing, caller: Signed, key: Key) -> JSONResponse:
    """One officer clears or refuses; it takes effect when a second person says the same."""
    return ask(request, caller, "dispose", given(body), settlement=settlement)


def require_officer(caller: Caller) -> None:
    """Raises: Unknown(not_found) for whoever may not know of cases."""
    if caller.role not in ("officer", "supervisor"):
        raise Unknown("not_found", "There is no such page.")


def _now(request: Request, tx: Transaction) -> int:
    return int(time.time()) + tx.checks.clock_offset_s()


def urgency(case: dict[str, Any], now: int) -> tuple[bool, bool, int, int]:
    """What a queue is sorted by: due within a day, then money held, then the score, then the deadline."""
    due = case["due_at"] or now
    return due - now > SOON_S, case["held_minor"] == "0", -case["score_bps"], due


def _in_queue(tx: Transaction, settlement: Settlement, caller: Caller) -> dict[str, Any]:
    """A case as a row of the queue."""
    paper = newest_json(tx, settlement, "case") or {}
    terms = newest_json(tx, settlement, "terms") or {}
    decision = newest_json(tx, settlement, f"decision_{str(paper.get('act', 'fund')).lower()}") or {}
    said = _said_now(tx, settlement, paper)
    hits = set(paper.get("hits", []))
    reasons = decision.get("reasons", [])
    open_ones = [entry for entry in reasons if entry["hit"] in hits] or [e for e in reasons if e["about"] == "listed"]
    act = settlement.next_act()
    return {
        "id": settlement.id,
        "state": settlement.state.value,
        "act": paper.get("act", ""),
        "invoice_number": terms.get("invoice_number", ""),
        "seller_name": terms.get("seller", {}).get("name", ""),
        "buyer_name": terms.get("buyer", {}).get("name", ""),
        "asset": settlement.asset,
        "price_minor": str(settlement.price_minor),
        "fee_minor": str(settlement.fee_minor),
        "held_minor": str(settlement.held_minor),
        "due_at": act[1] if act else None,
        "due_act": act[0] if act else "",
        "rule": open_ones[0]["rule"] if open_ones else "",
        "score_bps": max((entry["score_bps"] for entry in open_ones), default=0),
        "hits": paper.get("hits", []),
        "said": [_person_said(tx, entry) for entry in said],
        "you_said": _word_of(caller.person, said, paper),
        "persons_needed": PERSONS_NEEDED,
    }


def _case(tx: Transaction, settlement: Settlement, caller: Caller) -> dict[str, Any]:
    paper = newest_json(tx, settlement, "case")
    if paper is None and settlement.state not in UNDER_ORDER:
        raise Unknown("not_found", "There is no such case.")
    paper = paper or {"act": "", "hits": [], "compared": {}}
    decision = newest_json(tx, settlement, f"decision_{paper['act'].lower()}") or {}
    shown = settlement_view(settlement, Caller("", settlement.seller, "treasurer"))
    compared: Json = paper.get("compared", {})
    reasons = [entry | {"compared": compared.get(entry["hit"])} for entry in decision.get("reasons", [])]
    return _in_queue(tx, settlement, caller) | {
        "act": paper["act"],
        "decided_at": decision.get("at"),
        "regime": decision.get("regime", ""),
        "reasons": [entry | {"earlier": _earlier(tx, settlement, entry["hit"])} for entry in reasons],
        "lists": decision.get("lists", []),
        "dispositions": [_person_said(tx, entry) for entry in tx.checks.dispositions(settlement.id)],
        "customer_sees": {"state": shown["state"], "says": STATES[settlement.shown_state].says, "view": shown},
        "duties": _duties(tx, settlement),
        "blocked_by": _said_of_block(tx, settlement, "case_block"),
        "block_reviewed_by": _said_of_block(tx, settlement, "case_block_review"),
        "may_act": caller.role == "officer",
    }


def _said_now(tx: Transaction, settlement: Settlement, paper: Json) -> list[Disposition]:
    """What was said of hits that are open now."""
    hits = set(paper.get("hits", ()))
    return [entry for entry in tx.checks.dispositions(settlement.id) if hits.intersection(entry.hits)]


def _word_of(person: str, said: list[Disposition], paper: Json) -> str:
    """The verdict that this person gave last, "" while there is a hit of which they said nothing."""
    if left_for(said_of_hits(said), person, paper.get("hits", ())):
        return ""
    return next((entry.verdict for entry in reversed(said) if entry.person == person), "")


def _person_said(tx: Transaction, entry: Disposition) -> Json:
    return {
        "person": entry.person,
        "name": person_name(tx, entry.person),
        "verdict": entry.verdict,
        "reason": entry.reason,
        "at": entry.at,
    }


def _earlier(tx: Transaction, settlement: Settlement, hit: str) -> list[Json]:
    """What was said of the same pair in other settlements: a fact to look at, it clears nothing."""
    if hit.count(":") < len(("source", "entity", "role")):
        return []
    found = [entry for entry in tx.checks.dispositions_of(alike(hit)) if entry.settlement != settlement.id]
    return [_person_said(tx, entry) | {"settlement": entry.settlement} for entry in found[-EARLIER_MAX:]]


def _said_of_block(tx: Transaction, settlement: Settlement, kind: str) -> Json | None:
    """Who blocked it by hand or looked at the block last, and why."""
    kept = newest_json(tx, settlement, kind)
    return None if kept is None else {"name": person_name(tx, kept["by"]), "reason": kept["reason"], "at": kept["at"]}


def _duties(tx: Transaction, settlement: Settlement) -> list[Json]:
    """What is owed to authorities since it was last blocked or rejected."""
    duties: tuple[Duty, ...] = ()
    for logged in tx.settlements.events(settlement.id):
        if logged.event.kind in REPORTED:
            duties = REPORTED[logged.event.kind](logged.event.at)
    return [{"name": one.name, "due_at": one.due_at, "source": one.source, "mark": one.mark} for one in duties]
