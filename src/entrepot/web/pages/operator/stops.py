"""Stops: what is stopped, by whom and until when; proposed by one, confirmed by another, lifted early by two."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...door import Problem
from ...language import marked, zone_of
from ...page import acted, localised, page, shown
from ...visitor import Visitor

GRADES = {
    "new": marked("New settlements are stopped"),
    "fund": marked("New payments are stopped"),
    "all": marked("All payments are stopped"),
}
STATES = {
    "waiting": marked("waits"),
    "in_force": marked("in force"),
    "lifted": marked("lifted"),
    "ended": marked("ended"),
    "declined": marked("declined"),
    "expired": marked("never confirmed"),
}
STOPPERS = ("supervisor", "operator")
DAY_S, SOON_S = 86_400, 300


async def stops(request: Request, visitor: Visitor) -> Response:
    """What is in force, what waits, and everything before."""
    told, language = await visitor.door.get("/stops/history"), visitor.language
    person = visitor.me["person"]
    for one in told["stops"]:
        one["is_own"] = one["proposed_by"] == person
        if one["lift"]:
            one["lift"]["is_own"] = one["lift"]["proposed_by"] == person
    return page(
        request,
        visitor,
        "supervisor/stops.html",
        at="/stops",
        stops_known=told["stops"],
        in_force=_graded(told["stops"]),
        waiting=[one for one in told["stops"] if one["state"] == "waiting"],
        affected=told["affected"],
        grades=tuple(GRADES),
        grade_says=localised(language, GRADES),
        state_says=localised(language, STATES),
        may_stop=visitor.role in STOPPERS,
        zone=language.zone or "UTC",
        earliest=_local(language.now + SOON_S, visitor),
        tomorrow=_local(language.now + DAY_S, visitor),
        live="*",
    )


def _graded(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those in force, the one that stops most first."""
    rank = {grade: place for place, grade in enumerate(GRADES)}
    return sorted((one for one in found if one["state"] == "in_force"), key=lambda one: -rank[one["grade"]])


def _local(at: int, visitor: Visitor) -> str:
    """A time as a field of the reader's zone takes it."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone_of(visitor.language.zone)).strftime("%Y-%m-%dT%H:%M")


async def propose(request: Request, visitor: Visitor, form: FormData) -> str:
    """The first person proposes a stop."""
    try:
        until = datetime.fromisoformat(str(form.get("until", ""))).replace(tzinfo=zone_of(visitor.language.zone))
    except ValueError:
        raise Problem(422, {"title": marked("A stop has an end: a day and a time."), "path": "until"}) from None
    body = {"grade": str(form.get("grade", "")), "until": int(until.timestamp())}
    return await _proposed(visitor, "stop", body, form)


async def act(request: Request, visitor: Visitor, form: FormData) -> str:
    """Confirms, declines, or proposes to lift."""
    change, kind = request.path_params["change"], request.path_params["act"]
    once = str(form.get("once", ""))
    if kind == "lift":
        return await _proposed(visitor, "lift_stop", {"stop": change}, form)
    if kind == "confirm":
        await visitor.door.post(f"/changes/{change}/confirmations", once=once)
    elif kind == "decline":
        await visitor.door.post(f"/changes/{change}/refusals", {"reason": str(form.get("reason", ""))}, once=once)
    else:
        raise Problem(404, {"title": marked("There is no such act.")})
    return "/stops"


async def _proposed(visitor: Visitor, subject: str, body: dict[str, Any], form: FormData) -> str:
    asked = {"subject": subject, "body": body, "reason": str(form.get("reason", ""))}
    await visitor.door.post("/changes", asked, once=str(form.get("once", "")))
    return "/stops"


ROUTES = [
    Route("/stops", shown(stops)),
    Route("/stops", acted(propose), methods=["POST"]),
    Route("/stops/{change}/{act}", acted(act), methods=["POST"]),
]
