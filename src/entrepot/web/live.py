"""The live feed: tells a page that something it shows has changed. It goes on after a cut from the last event seen."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .door import FROM_NOW, Problem
from .visitor import SignInNeeded, visitor_of

POLL_S = 0.4
STREAM_S_MAX = 1800


async def live(request: Request) -> Response:
    """Server-sent events: `changed` with the settlements concerned, `stops` when a stop begins or ends."""
    try:
        visitor = await visitor_of(request)
    except SignInNeeded:
        return Response(status_code=204)  # tells the browser not to come back
    asked = request.headers.get("last-event-id") or request.query_params.get("after", "")
    cursor = int(asked) if asked.lstrip("-").isdigit() and len(asked) < 16 else FROM_NOW

    async def stream() -> AsyncIterator[dict[str, Any]]:
        nonlocal cursor
        stops = request.query_params.get("stops")  # as the page showed them: one that began since then is told at once
        for _ in range(int(STREAM_S_MAX / POLL_S)):
            try:
                news = await visitor.door.get("/activity", after=cursor)
                now_stopped = stops_key((await visitor.door.get("/stops"))["stops"])
            except Problem:
                return
            if news["events"] or cursor == FROM_NOW:
                ids = sorted({event["settlement"] for event in news["events"]})
                yield {
                    "id": str(news["next"]),
                    "event": "changed" if ids else "ready",
                    "data": json.dumps({"settlements": ids}),
                }
            cursor = news["next"]
            if stops is not None and now_stopped != stops:
                yield {"event": "stops", "data": json.dumps({"stops": now_stopped})}
            stops = now_stopped
            await anyio.sleep(POLL_S)

    return EventSourceResponse(stream(), headers={"cache-control": "no-store"})


def stops_key(stops: list[dict[str, Any]]) -> str:
    """Tells one set of stops from another."""
    return ".".join(f"{one['grade']}-{one['since']}-{one['until']}" for one in stops)


ROUTES = [Route("/live", live)]
