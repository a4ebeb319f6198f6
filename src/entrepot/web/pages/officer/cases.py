"""The officers' queue, and one case: the question, both sides, why it was raised, and what two persons say to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...assets import asset_of
from ...door import Problem
from ...language import marked
from ...page import acted, page, shown
from ...visitor import Visitor
from ..shared import sentences
from . import pair
from .requests import NOTICE_FIELDS

VIEWS: dict[str, str] = {
    "": marked("All"),
    "mine": marked("Mine"),
    "second": marked("Second person"),
    "blocked": marked("Blocked"),
}
READ_ONLY = ("", "blocked")  # views of whoever answers no case
EMPTY: dict[str, str] = {
    "": marked("Cases appear here when a check finds what only people may decide."),
    "mine": marked("Cases appear here when you were the first of two to answer."),
    "second": marked("Cases appear here when somebody else has answered and a second person is needed."),
    "blocked": marked("Settlements appear here when money is blocked for a listed person, or frozen by order."),
}
ACTS_NAMED = {
    "FUND": marked("to pay into escrow"),
    "RELEASE": marked("to pay the seller"),
    "REFUND": marked("to pay back to the buyer"),
    "REJECT": marked("to send back"),
    "": marked("held"),
}
# What an officer may say: the button, what the first and the second person do by it, and what follows.
WORDS: dict[str, dict[str, str]] = {
    "clear": {
        "name": marked("Not the same"),
        "first": marked("You propose that this is not the listed one; a second person confirms."),
        "second": marked("You confirm that this is not the listed one."),
        "effect": marked("Then the checks run again."),
    },
    "refuse": {
        "name": marked("The same: refuse"),
        "first": marked("You propose that this is the listed one; a second person confirms."),
        "second": marked("You confirm that this is the listed one."),
        "effect": marked("Then no payment is made, and money that is held is blocked."),
    },
}


async def queue(request: Request, visitor: Visitor) -> Response:
    """What waits for officers, what needs a human first."""
    view = request.query_params.get("view", "")
    may_act = visitor.role == "officer"
    known = VIEWS if may_act else {name: VIEWS[name] for name in READ_ONLY}
    view = view if view in known else ""
    waiting = (await visitor.door.get("/cases", state="in_review"))["cases"]
    held = [
        case for state in ("blocked", "frozen") for case in (await visitor.door.get("/cases", state=state))["cases"]
    ]
    sorted_by = {
        "": waiting,
        "mine": [case for case in waiting if case["you_said"]],
        "second": [case for case in waiting if case["said"] and not case["you_said"]],
        "blocked": held,
    }
    rows = [await _row(request, visitor, case) for case in sorted_by[view]]
    views = [{"view": key, "name": name, "count": len(sorted_by[key])} for key, name in known.items()]
    return page(
        request,
        visitor,
        "officer/queue.html",
        at="/queue",
        rows=rows,
        views=views,
        chosen=view,
        may_act=may_act,
        empty=EMPTY[view],
        waiting=len(waiting),
        first=waiting[0] if waiting else None,
        live="*",
    )


async def _row(request: Request, visitor: Visitor, case: Mapping[str, Any]) -> dict[str, Any]:
    language, asset = visitor.language, await asset_of(request, visitor, case["asset"])
    total = int(case["price_minor"]) + int(case["fee_minor"])
    return {
        **case,
        "amount": language.amount(case["held_minor"] if int(case["held_minor"]) else total, asset),
        "price": language.amount(case["price_minor"], asset),
        "fee": language.amount(case["fee_minor"], asset),
        "held": language.amount(case["held_minor"], asset),
        "is_held": int(case["held_minor"]) > 0,
        "chip": sentences.chip(case, language),
        "wants": language.say(ACTS_NAMED[case["act"]]),
        "score": pair.score(case["score_bps"], language),
    }


async def case(request: Request, visitor: Visitor) -> Response:
    """One case. `hit` in the address picks one of several hits."""
    language = visitor.language
    found = await visitor.door.get(f"/cases/{request.path_params['settlement']}")
    row = await _row(request, visitor, found)
    hits = pair.hits(found, language)
    asked = request.query_params.get("hit", "0")
    chosen = hits[int(asked)] if asked.isdigit() and int(asked) < len(hits) else (hits[0] if hits else None)
    told = await _told(request, visitor, found)
    return page(
        request,
        visitor,
        "officer/case.html",
        at="/queue",
        case=row,
        hits=hits,
        hit=chosen,
        others=[one for one in found["reasons"] if one["about"] != "listed"],
        sentence=_sentence(row, chosen, found, told["staff"], language),
        customers=told["customers"],
        says=_answers(found),
        words=WORDS,
        is_open=found["state"] == "in_review",
        asked=(await visitor.door.get(f"/settlements/{row['id']}/information-requests"))["requests"],
        templates=(await visitor.door.get("/information-requests/templates"))["templates"],
        released=(await visitor.door.get(f"/settlements/{row['id']}/notices"))["notices"],
        drafts=await _drafts(visitor, row["id"]),
        notice_fields=NOTICE_FIELDS,
        live=row["id"],
    )


async def _told(request: Request, visitor: Visitor, found: Mapping[str, Any]) -> dict[str, Any]:
    """The settlement's sentence as its page says it: to staff, and to each side as that side reads it now."""
    door, language, id_ = visitor.door, visitor.language, found["id"]
    terms = (await door.get(f"/trades/{id_}"))["terms"]
    events = (await door.get(f"/settlements/{id_}/events"))["events"]
    asset, stops = await asset_of(request, visitor, found["asset"]), request.state.stops

    def said(view: Mapping[str, Any], side: str) -> Any:
        values = sentences.values_of(view, terms, asset, language, stops)
        return sentences.sentence(sentences.variant(view, events, stops), side, language, values)

    shown = found["customer_sees"]["view"]
    return {
        "staff": said(await door.get(f"/settlements/{id_}"), sentences.OTHER),
        "customers": [(terms[side]["name"], said(shown, side)) for side in (sentences.SELLER, sentences.BUYER)],
    }


async def _drafts(visitor: Visitor, settlement: str) -> list[dict[str, Any]]:
    """Freeze notices of this settlement that wait for a second person."""
    changes = (await visitor.door.get("/changes"))["changes"]
    return [
        one
        for one in changes
        if one["subject"] == "freeze_notice" and one["state"] == "waiting" and one["after"]["settlement"] == settlement
    ]


def _sentence(row: Mapping[str, Any], hit: Any, found: Mapping[str, Any], now: Any, language: Any) -> Any:
    """The question that the case asks; once it is answered `now`, what is true of the settlement."""
    parties = {"buyer": row["buyer_name"], "seller": row["seller_name"], "amount": row["amount"]}
    if found["state"] == "blocked":
        return language.tell(
            "{amount} from {buyer} is blocked: neither paid out nor paid back. It is looked at again by {deadline}.",
            **parties,
            deadline=language.moment(row["due_at"]),
        )
    if found["state"] == "frozen":
        return language.tell(
            "{amount} from {buyer} is frozen by order until {deadline}.",
            **parties,
            deadline=language.moment(row["due_at"]),
        )
    if found["state"] != "in_review":
        return language.say("This case is closed. {now}", now=now.html)
    if hit is not None:
        return hit["question"]
    return language.tell("May {amount} from {buyer} to {seller} be paid? A rule asks for people.", **parties)


def _answers(found: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of the open hits, and by whom a second word would count."""
    said: Sequence[Mapping[str, Any]] = found["said"]
    return {
        "all": said,
        "mine": next((one for one in said if found["you_said"] and one["verdict"] == found["you_said"]), None),
        "clear": [one for one in said if one["verdict"] == "clear"],
        "refuse": [one for one in said if one["verdict"] == "refuse"],
        "is_split": len({one["verdict"] for one in said}) > 1,
    }


async def dispose(request: Request, visitor: Visitor, form: FormData) -> str:
    """One person's word: clear or refuse, with a reason."""
    id_, verdict = request.path_params["settlement"], request.path_params["verdict"]
    if verdict not in WORDS:
        raise Problem(404, {"title": marked("There is no such act.")})
    body = {"verdict": verdict, "reason": str(form.get("reason", "")).strip()}
    await visitor.door.post(f"/cases/{id_}/dispositions", body, once=str(form.get("once", "")))
    return f"/cases/{id_}"


async def block(request: Request, visitor: Visitor, form: FormData) -> str:
    """Blocks what is held, at once."""
    id_ = request.path_params["settlement"]
    reason = {"reason": str(form.get("reason", "")).strip()}
    await visitor.door.post(f"/settlements/{id_}/blocks", reason, once=str(form.get("once", "")))
    return f"/cases/{id_}"


async def review_block(request: Request, visitor: Visitor, form: FormData) -> str:
    """Keeps that somebody looked at a block again, and what they found."""
    id_ = request.path_params["settlement"]
    reason = {"reason": str(form.get("reason", "")).strip()}
    await visitor.door.post(f"/settlements/{id_}/block-reviews", reason, once=str(form.get("once", "")))
    return f"/cases/{id_}"


ID = "{settlement:str}"
ROUTES = [
    Route("/queue", shown(queue)),
    Route(f"/cases/{ID}", shown(case)),
    Route(f"/cases/{ID}/block", acted(block), methods=["POST"]),
    Route(f"/cases/{ID}/block-review", acted(review_block), methods=["POST"]),
    Route(f"/cases/{ID}/say/{{verdict:str}}", acted(dispose), methods=["POST"]),
]
