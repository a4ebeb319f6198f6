"""/v1/decisions: why each payment was allowed, reviewed or refused, with what was looked at; for staff."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from entrepot.core.canonical import hex0x, sha256_of, unhex
from entrepot.core.crypto import secp256k1_recover
from entrepot.core.errors import Unknown
from entrepot.core.passport import Act, Passport
from entrepot.core.settlement import Settlement
from entrepot.store.records import Paper
from entrepot.store.reports import PLACE_MAX
from entrepot.store.store import PAGE_MAX, Transaction

from .disclosures import disclose
from .reading import newest_json, terms_in
from .trades import Id, Signed
from .views import find, is_staff

router = APIRouter(prefix="/v1", tags=["supervision"])
SCANNED_MAX = 1_000  # decisions that one request opens; a filter that finds little goes on with `next`
ACTS = tuple(act.name.lower() for act in Act)
Place = Annotated[int, Query(ge=1, le=PLACE_MAX)]
Time = Annotated[int, Query(ge=0, le=2**40)]


@router.get("/decisions")
def decisions(
    request: Request,
    caller: Signed,
    before: Place = PLACE_MAX,
    limit: int = 50,
    verdict: Literal["", "CLEAR", "REVIEW", "REFUSE"] = "",
    act: Annotated[str, Query(pattern=r"^[A-Z]{0,10}$")] = "",
    rule: Annotated[str, Query(pattern=r"^[a-z_]{0,40}$")] = "",
    since: Time = 0,
    until: Time = 2**40,
) -> dict[str, Any]:
    """Decisions newest first, with reasons, citations, list and regime versions, and the passport each led to.

    `rule` finds those in which the rule spoke; `next` is where to go on, also where a filter found nothing yet.
    """
    if not is_staff(caller):
        raise Unknown("not_found", "There is no such page.")
    disclose(request, caller, "decisions", "")
    found: list[tuple[int, Paper, dict[str, Any]]] = []
    wanted, scanned = max(1, min(limit, PAGE_MAX)), 0
    with request.app.state.store.read(caller.reader) as tx:
        while len(found) < wanted and scanned < SCANNED_MAX:
            page = tx.reports.decisions(before=before, limit=PAGE_MAX)
            for place, paper in page:
                before, scanned = place, scanned + 1
                body = json.loads(paper.body)
                is_wanted = (
                    verdict in ("", body["verdict"]) and act in ("", body["act"]) and since <= body["at"] < until
                )
                if is_wanted and (not rule or any(one["rule"] == rule for one in body["reasons"])):
                    found.append((place, paper, body))
                if len(found) == wanted:
                    break
            if len(page) < PAGE_MAX:
                break
        views = [decision_view(tx, tx.settlements.get(paper.settlement), body, place) for place, paper, body in found]
        is_more = bool(tx.reports.decisions(before=before, limit=1)) and before != PLACE_MAX
    return {"decisions": views, "next": before if is_more else None}


@router.get("/settlements/{settlement}/decisions")
def decisions_of(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """All decisions of one settlement, oldest first; for staff."""
    if not is_staff(caller):
        raise Unknown("not_found", "There is no such settlement.")
    with request.app.state.store.read(caller.reader) as tx:
        found = find(tx, settlement)
        papers = [paper for act in ACTS for paper in tx.papers.of(found.id, kind=f"decision_{act}")]
        bodies = sorted((json.loads(paper.body) for paper in papers), key=lambda body: int(body["at"]))
        views = [decision_view(tx, found, body, 0) for body in bodies]
        whose = (found.seller, found.buyer)
    disclose(request, caller, "decision", settlement, whose=whose, settlement=settlement)
    return {"decisions": views}


def decision_view(tx: Transaction, settlement: Settlement | None, body: dict[str, Any], place: int) -> dict[str, Any]:
    """One decision with the passport that follows from it, if one was given."""
    digest = hex0x(sha256_of(body))
    terms = newest_json(tx, settlement, "terms") if settlement else None
    names = {side: terms[side]["name"] for side in ("seller", "buyer")} if terms else {}
    return {
        "place": place,
        "settlement": body["settlement"],
        "invoice_number": terms["invoice_number"] if terms else "",
        **{f"{side}_name": names.get(side, "") for side in ("seller", "buyer")},
        "act": body["act"],
        "at": body["at"],
        "verdict": body["verdict"],
        "regime": body["regime"],
        "reasons": body["reasons"],
        "lists": body["lists"],
        "nexuses": body["nexuses"],
        "sha256": digest,
        "passport": _passport(tx, settlement, body["act"], digest) if settlement else None,
    }


def _passport(tx: Transaction, settlement: Settlement, act: str, digest: str) -> dict[str, Any] | None:
    papers: list[Paper] = tx.papers.of(settlement.id, kind=f"passport_{act.lower()}")
    body = next((made for paper in papers if (made := json.loads(paper.body))["decision_sha256"] == digest), None)
    terms = terms_in(tx, settlement)
    if body is None or terms is None:
        return None
    passport = Passport.from_json(body)
    return {
        "act": body["act"],
        "payee": passport.payee,
        "amount_minor": str(passport.amount_minor),
        "token": passport.token,
        "valid_from": passport.valid_from,
        "valid_until": passport.valid_until,
        "signer": secp256k1_recover(unhex(body["signature"]), passport.digest(terms.domain)),
    }
