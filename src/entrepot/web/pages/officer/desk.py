"""The officers' other pages: the lists and their ages, a desk to try a name, and companies that are suspended."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...door import Problem
from ...language import marked
from ...page import acted, once, page, shown
from ...visitor import Visitor
from . import pair

DAY_S = 86_400
HITS_MAX = 20
SUBJECTS = ("suspension", "suspension_lift")


async def lists(request: Request, visitor: Visitor) -> Response:
    """The list versions in force, and whether they are in time."""
    found = await visitor.door.get("/lists")
    rows = found["lists"]
    return page(
        request,
        visitor,
        "officer/lists.html",
        at="/lists",
        rows=rows,
        missing=[source for source in found["floor"] if source not in {row["source"] for row in rows}],
        oldest=min((row["verified_at"] for row in rows), default=found["now"]),
        age_s_max=found["age_s_max"],
        alarm=found["alarm"],
    )


async def verify_lists(_: Request, visitor: Visitor, form: FormData) -> str:
    """Has the lists read and verified again."""
    await visitor.door.post("/lists", None, once=str(form.get("once", "")))
    return "/lists"


async def screen(request: Request, visitor: Visitor) -> Response:
    """Tries a name, and shows every hit with both sides."""
    query = request.query_params
    name = query.get("name", "").strip()[:300]
    asked = {"name": name, "kind": query.get("kind", "organization"), "country": query.get("country", "").upper()}
    hits: list[dict[str, Any]] = []
    problem, count = "", 0
    if name:
        try:
            said = (await visitor.door.post("/screenings", asked, once=once())).body
            count, found = len(said["lists"]), said["hits"][:HITS_MAX]
            hits = [pair.side_by_side(hit["compared"], visitor.language, place=at) for at, hit in enumerate(found)]
        except Problem as refused:
            problem = str(refused)
    return page(
        request,
        visitor,
        "officer/screen.html",
        at="/screen",
        asked=asked if name and not problem else None,
        hits=hits,
        count=count,
        problem=problem,
        kinds=pair.KINDS,
    )


async def suspensions(request: Request, visitor: Visitor) -> Response:
    """Who is suspended, what waits for a second person, and a form to propose."""
    participants = (await visitor.door.get("/participants"))["participants"]
    companies = [
        {
            "id": one["id"],
            "name": one["profile"].get("name", one["id"]),
            "country": one["country"],
            "until": one.get("paused_until"),
        }
        for one in participants
        if one["kind"] in ("company", "bank")
    ]
    changes = (await visitor.door.get("/changes"))["changes"]
    named = {one["id"]: one["name"] for one in companies}
    waiting = [
        {**one, "says": _says(one, named, visitor)}
        for one in changes
        if one["subject"] in SUBJECTS and one["state"] == "waiting"
    ]
    return page(
        request,
        visitor,
        "officer/suspensions.html",
        at="/suspensions",
        companies=companies,
        suspended=[one for one in companies if one["until"]],
        waiting=waiting,
    )


def _says(change: dict[str, Any], named: dict[str, str], visitor: Visitor) -> Any:
    name = named.get(change["after"]["participant"], "")
    if change["subject"] == "suspension":
        day = visitor.language.day(change["after"]["until"])
        return visitor.language.say("Suspend {name} until {day}?", name=name, day=day)
    return visitor.language.say("Lift the suspension of {name}?", name=name)


async def propose(_: Request, visitor: Visitor, form: FormData) -> str:
    """One officer proposes a suspension, or its end."""
    subject = str(form.get("subject", ""))
    if subject not in SUBJECTS:
        raise Problem(404, {"title": marked("There is no such act.")})
    body: dict[str, Any] = {"participant": str(form.get("participant", ""))}
    if subject == "suspension":
        body["until"] = _end_of(str(form.get("until", "")))
    proposal = {"subject": subject, "body": body, "reason": str(form.get("reason", "")).strip()}
    await visitor.door.post("/changes", proposal, once=str(form.get("once", "")))
    return "/suspensions"


def _end_of(day: str) -> int:
    """The last second (UTC) of an ISO date."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise Problem(422, {"title": marked("A suspension has an end: choose a day."), "code": "malformed"}) from None
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp()) + DAY_S - 1


async def confirm(request: Request, visitor: Visitor, form: FormData) -> str:
    """The second officer confirms."""
    change = request.path_params["change"]
    await visitor.door.post(f"/changes/{change}/confirmations", None, once=str(form.get("once", "")))
    return "/suspensions"


ROUTES = [
    Route("/lists", shown(lists)),
    Route("/lists", acted(verify_lists), methods=["POST"]),
    Route("/screen", shown(screen)),
    Route("/suspensions", shown(suspensions)),
    Route("/suspensions", acted(propose), methods=["POST"]),
    Route("/suspensions/{change:str}", acted(confirm), methods=["POST"]),
]
