"""One settlement: what is true about it, what this reader may do, its pictures, and everything that proves it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ...assets import asset_of
from ...door import Problem
from ...inert import inert
from ...language import Language, marked
from ...page import acted, not_done, page, shown
from ...visitor import Visitor, form_of, visitor_of
from ..officer import requests
from ..shared import costs, findings, sentences
from ..shared.story import happened
from ..supervisor import oversight
from ..treasury import approvals
from ..treasury.invoice import REASONS
from . import acts, papers, picture
from .voyage import money, voyage

NEW_EACH_TIME = ("form_token", "once", "back", "act", "signature")
TYPED_CHARS_MAX = 2_000
STAFF = ("operator", "officer", "supervisor")
READS_MORE = (*STAFF, "examiner")
PERCENT_MAX = 50
CHECKED = {
    "cleared": marked("before payment"),
    "release_cleared": marked("before the payout"),
    "refund_cleared": marked("before the refund"),
    "reject_cleared": marked("before the payment back"),
    "return_cleared": marked("before a return"),
    "fee_cleared": marked("before the fee"),
}
ACCOUNTS = {
    "escrow": marked("Escrow"),
    "fee_due": marked("Fee"),
    "mispaid": marked("Beside the trade"),
    "outside": marked("Operator"),
}
ENDS = (("from", "debit"), ("to", "credit"))
# Whose outside account an event's transfer names; a party is not shown the other side's accounts, but knows the terms.
OUTSIDE = {
    "buyer": ("funding_sent", "funded", "refund_cleared", "refunded", "rejected"),
    "seller": ("release_cleared", "released", "released_in_part"),
}
PHASES = {"pending": marked("reserved"), "posted": marked("posted"), "post": marked("posted")}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API refused of an act, and what was typed in its form."""

    problem: Problem
    act: str
    typed: Mapping[str, str]


async def settlement(request: Request, visitor: Visitor) -> Response:
    """The page of one settlement."""
    return await _page(request, visitor, request.path_params["settlement"])


async def tried(request: Request) -> Response:
    """The page with a dry run's answer on it: does this meet the published rules now?"""
    visitor = await visitor_of(request)
    await form_of(request, visitor)
    request.state.stops = (await visitor.door.get("/stops"))["stops"]
    id_ = request.path_params["settlement"]
    return await _page(request, visitor, id_, would=await acts.dry_run(visitor, id_))


async def again(request: Request, visitor: Visitor, form: FormData, problem: Problem) -> Response:
    """The page with what was refused above its form, and what was typed in it; files a browser gives only once."""
    id_ = request.path_params["settlement"]
    try:
        return await _page(request, visitor, id_, refusal=Refusal(problem, request.path_params["act"], typed(form)))
    except Problem:
        return await not_done(request, visitor, form, problem)  # the page is not this reader's


def typed(form: FormData) -> dict[str, str]:
    """What was written or chosen in a form, without its proof, its files and its signature, which is made anew."""
    kept = {name: value for name, value in form.items() if isinstance(value, str) and name not in NEW_EACH_TIME}
    return {name: value[:TYPED_CHARS_MAX] for name, value in kept.items()}


async def _page(
    request: Request,
    visitor: Visitor,
    id_: str,
    *,
    would: dict[str, Any] | None = None,
    refusal: Refusal | None = None,
) -> Response:
    door, language, stops = visitor.door, visitor.language, request.state.stops
    view = await door.get(f"/settlements/{id_}")
    trade = await door.find(f"/trades/{id_}")
    if trade is None:
        return page(request, visitor, "settlement/early.html", at="/settlements", view=view)
    terms, events = trade["terms"], (await door.get(f"/settlements/{id_}/events"))["events"]
    asset = await asset_of(request, visitor, view["asset"])
    side = side_of(view, visitor)
    values = sentences.values_of(view, terms, asset, language, stops)
    variant = sentences.variant(view, events, stops)
    found = await _found(visitor, id_, view)
    sheets = await papers.sheets(visitor, id_, view, terms, found)
    percent = _percent(request.query_params.get("percent", ""))
    invoiced = await asset_of(request, visitor, terms["quote"]["invoiced"]["asset"])
    return page(
        request,
        visitor,
        "settlement/page.html",
        status=refusal.problem.status if refusal else 200,
        refusal=refusal,
        typed=refusal.typed if refusal else {},
        at="/settlements",
        view=view,
        terms=terms,
        asset=asset,
        side=side,
        chip=sentences.chip(view, language),
        sentence=sentences.sentence(variant, side, language, values),
        otherwise=sentences.otherwise(view, language, values),
        held_up=sentences.held_up(variant, stops, language),
        acts=sentences.acts(view, side, visitor.role, stops),
        waiting=await approvals.waiting(request, visitor, id_),
        may_renew=side == sentences.SELLER and visitor.role == "treasurer" and _has_lapsed(view),
        voyage=voyage(view, events, language),
        **_pictured(view, terms, asset, language, beside := await _beside(request, visitor, events)),
        beside=beside,
        costs=costs.of_quote(view, terms, language, asset, invoiced, percent),
        sheets=sheets,
        found_apart=papers.unplaced(sheets, found),
        found_count=len(found),
        document_names=papers.NAMES,
        **await _proofs(visitor, id_, terms, events, side, values, asset),
        would=would,
        here_path=f"/settlements/{id_}",
        explorer=request.app.state.explorer,
        documents_words=values["documents"],
        reason_words=REASONS,
        live=id_,
    )


def _pictured(
    view: Mapping[str, Any],
    terms: Mapping[str, Any],
    asset: Mapping[str, Any],
    language: Language,
    beside: list[dict[str, Any]],
) -> dict[str, Any]:
    """The money picture and its table."""
    words = {
        "escrow": str(language.say("in escrow")),
        "fee": str(language.say("Fee, claimed apart")),
        "fee_short": str(language.say("fee, apart")),
        "back": str(language.say("Back to the buyer")),
        "beside": str(language.say("Beside the terms")),
        "nothing": str(language.say("nothing")),
    }
    lies_apart = sum(int(one["minor"]) for one in beside if not one["is_returned"])
    pictured = money(view, terms, asset, language, lies_apart)
    return {"picture": picture.drawn(pictured, words), "picture_rows": list(picture.rows(pictured, words))}


async def _proofs(
    visitor: Visitor,
    id_: str,
    terms: Mapping[str, Any],
    events: list[dict[str, Any]],
    side: str,
    values: Mapping[str, Any],
    asset: Mapping[str, Any],
) -> dict[str, Any]:
    """What proves it: books, messages, events, transactions, checks, and for staff the decisions with their reasons."""
    door, language, is_staff = visitor.door, visitor.language, visitor.role in STAFF
    return {
        "ledger": await _ledger(visitor, id_, terms),
        "phases": PHASES,
        "messages": (await door.get(f"/settlements/{id_}/messages"))["messages"],
        "story": [(event, happened(event, side, language, values, asset)) for event in events],
        "chain": _chain(events, side, visitor, values, asset),
        "checks": [(CHECKED[event["event"]], event) for event in events if event["event"] in CHECKED],
        "checkpoint": await door.find("/log/checkpoint"),
        "required": terms["documents_required"],
        "is_staff": is_staff,
        "decisions": (await door.get(f"/settlements/{id_}/decisions"))["decisions"] if is_staff else None,
        "decision_words": oversight.words(language),
        **await requests.told(visitor, id_),
    }


def side_of(view: Mapping[str, Any], visitor: Visitor) -> str:
    """Which side of the trade this reader is on."""
    if visitor.role != "treasurer":
        return sentences.OTHER
    ours = visitor.me["participant"]
    return {view["buyer"]: sentences.BUYER, view["seller"]: sentences.SELLER}.get(ours, sentences.OTHER)


def _has_lapsed(view: Mapping[str, Any]) -> bool:
    """True where nothing was ever paid and nothing goes on: whatever ended it, the way on looks alike."""
    moved = sum(int(view[f"{name}_minor"]) for name in ("held", "released", "refunded"))
    return bool(view["is_ended"]) and not moved


def _percent(text: str) -> Decimal:
    """What the reader counts tied-up money at, a year; the page's own example where they said nothing usable."""
    try:
        asked = Decimal(text) if text and len(text) < 8 else costs.MONEY_PERCENT_A_YEAR
    except InvalidOperation:
        return costs.MONEY_PERCENT_A_YEAR
    return asked if asked.is_finite() and 0 <= asked <= PERCENT_MAX else costs.MONEY_PERCENT_A_YEAR


async def _found(visitor: Visitor, id_: str, view: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What differs: the examiner's notice of this round, or for those who may read it before, what the rules find."""
    notice = view.get("examination") or {}
    said = notice.get("discrepancies") if notice.get("round") == view["round"] else None
    if said is None and view["state"] == "presented" and visitor.role in READS_MORE:
        found = await visitor.door.find(f"/settlements/{id_}/findings")
        said = (found or {}).get("discrepancies")
    return [findings.told(entry, visitor.language) for entry in said or []]


async def _beside(request: Request, visitor: Visitor, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Payments that arrived past the terms, and what became of each."""
    answered = {event["facts"].get("answers") for event in events if event["event"] == "return_cleared"}
    returned = sum(event["event"] == "returned" for event in events)
    found = []
    for event in events:
        if event["event"] != "mispaid":
            continue
        facts = event["facts"]
        is_sent = facts["transaction"] in answered
        asset = await asset_of(request, visitor, facts["asset"])
        found.append(
            {
                "amount": visitor.language.amount(facts["amount_minor"], asset),
                "minor": facts["amount_minor"],
                "origin": str(facts.get("origin", "")).rpartition(":")[2],
                "transaction": facts["transaction"],
                "is_sent": is_sent,
                "is_returned": is_sent and returned > 0,
            }
        )
        returned -= is_sent
    return found


def _chain(
    events: list[dict[str, Any]], side: str, visitor: Visitor, values: Mapping[str, Any], asset: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Each transaction that the chain has for this settlement, with what it did."""
    return [
        {
            "says": happened(event, side, visitor.language, values, asset),
            "transaction": event["facts"]["transaction"],
            "block": event["facts"].get("block", ""),
        }
        for event in events
        if "transaction" in event["facts"]
    ]


async def _ledger(visitor: Visitor, id_: str, terms: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries as from and to, newest last; accounts of others keep their class only."""
    accounts = (await visitor.door.get("/ledger/accounts", settlement=id_))["accounts"]
    names = {terms[side]["participant"]: terms[side]["name"] for side in ("buyer", "seller")}
    known = {
        one["id"]: str(names.get(one["owner"]) or visitor.language.say(ACCOUNTS.get(one["class"], one["class"])))
        for one in accounts
    }
    outside = {kind: terms[side]["name"] for side, kinds in OUTSIDE.items() for kind in kinds}
    other = str(visitor.language.say("elsewhere"))
    transfers = (await visitor.door.get("/ledger/transfers", settlement=id_))["transfers"]
    ended = {entry["pending_id"] for entry in transfers if entry["pending_id"]}
    return [
        entry | {end: known.get(entry[side]) or outside.get(entry["event"], other) for end, side in ENDS}
        for entry in sorted(transfers, key=lambda entry: (entry["at"], entry["id"]))
        if entry["phase"] in PHASES and not (entry["phase"] == "pending" and entry["id"] in ended)
    ]


async def ledger_csv(request: Request, visitor: Visitor) -> Response:
    """The settlement's ledger as CSV: time in UTC, from, to, what, whole amounts."""
    id_ = request.path_params["settlement"]
    view, trade = await visitor.door.get(f"/settlements/{id_}"), await visitor.door.get(f"/trades/{id_}")
    asset = await asset_of(request, visitor, view["asset"])
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(("at_unix_s", "from", "to", "phase", "event", "asset", "amount_minor", "decimals", "transfer"))
    for entry in await _ledger(visitor, id_, trade["terms"]):
        told = [inert(entry[name]) for name in ("from", "to", "phase", "event")]
        table.writerow((entry["at"], *told, asset["symbol"], entry["amount_minor"], asset["decimals"], entry["id"]))
    headers = {"content-disposition": f'attachment; filename="{id_}.ledger.csv"'}
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def _back_to_page(request: Request, _: Visitor) -> Response:
    """Where the page with a dry run's answer or a refused act is refreshed."""
    if request.path_params.get("act", acts.ACTS[0]) not in acts.ACTS:
        raise Problem(404, {"title": marked("There is no such act.")})
    return RedirectResponse(f"/settlements/{request.path_params['settlement']}", status_code=303)


ROUTES = [
    Route(f"/settlements/{acts.ID}", shown(settlement)),
    Route(f"/settlements/{acts.ID}/dry-run", tried, methods=["POST"]),
    Route(f"/settlements/{acts.ID}/dry-run", shown(_back_to_page)),
    Route(f"/settlements/{acts.ID}/ledger.csv", shown(ledger_csv)),
    *acts.ROUTES,
    Route(f"/settlements/{acts.ID}/{{act:str}}", acted(acts.act, again), methods=["POST"]),
    Route(f"/settlements/{acts.ID}/{{act:str}}", shown(_back_to_page)),
]
