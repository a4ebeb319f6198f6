"""The log: its checkpoints and entries, and the bytes that a reader's own browser checks."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...door import Problem
from ...page import localised, page, shown
from ...visitor import Visitor, visitor_of
from ..shared.happenings import ACTORS, EVENTS

CHECKPOINTS, ENTRIES = 20, 30


async def log(request: Request, visitor: Visitor) -> Response:
    """Checkpoints, the latest entries, and the check."""
    before = request.query_params.get("before", "")
    query = {"before": int(before)} if before.isdigit() and len(before) < 16 else {}
    found = (await visitor.door.get("/log/checkpoints", limit=CHECKPOINTS, **query))["checkpoints"]
    checkpoints = [one | {"root": one["note"].split("\n")[2]} for one in found]
    newest = (await visitor.door.get("/log/checkpoints", limit=1))["checkpoints"]
    size = newest[0]["size"] if newest else 0
    events = (await visitor.door.get("/activity", after=max(-1, size - 1 - ENTRIES), limit=ENTRIES))["events"]
    return page(
        request,
        visitor,
        "supervisor/log.html",
        at="/log",
        newest=newest[0] if newest else None,
        checkpoints=checkpoints,
        next=checkpoints[-1]["size"] if len(checkpoints) == CHECKPOINTS else None,
        entries=events[::-1],
        happened=localised(visitor.language, EVENTS),
        actors=localised(visitor.language, ACTORS),
        live="*",
    )


async def newest(request: Request) -> Response:
    """The newest checkpoint, as the API gives it."""
    visitor = await visitor_of(request)
    return await _passed_on(visitor, "/log/checkpoint", lambda body: {"checkpoint": body["note"]})


async def of_settlement(request: Request) -> Response:
    """The newest checkpoint and a settlement's entries with their proofs."""
    visitor = await visitor_of(request)
    return await _passed_on(visitor, f"/log/inclusion/{request.path_params['settlement']}", dict)


async def grown(request: Request) -> Response:
    """The proof that the log only grew between two sizes."""
    visitor = await visitor_of(request)
    query = {name: request.query_params.get(name, "") for name in ("old", "new")}
    return await _passed_on(visitor, "/log/consistency", dict, **query)


async def _passed_on(visitor: Visitor, path: str, shape: Any, **query: Any) -> Response:
    try:
        return JSONResponse(shape(await visitor.door.get(path, **query)))
    except Problem as problem:
        return JSONResponse(problem.body, status_code=problem.status)


ROUTES = [
    Route("/log", shown(log)),
    Route("/log/proof", newest),
    Route("/log/proof/{settlement}", of_settlement),
    Route("/log/grown", grown),
]
