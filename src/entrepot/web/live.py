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
from .page import stops_html, stops_key
from .visitor import SignInNeeded, visitor_of
from .waiting import waiting_for

POLL_S = 0.4
WAITING_EACH = 5  # turns: what waits is counted every two seconds
STREAM_S_MAX = 1800


async def live(request: Request) -> Response:
    """Server-sent events: `changed` with the settlements concerned, `stops` when one begins or ends, `waiting` when
    more or less waits for this reader."""
    try:
        visitor = await visitor_of(request)
    except SignInNeeded:
        return Response(status_code=204)  # tells the browser not to come back
    asked = request.headers.get("last-event-id") or request.query_params.get("after", "")
    cursor = int(asked) if asked.lstrip("-").isdigit() and len(asked) < 16 else FROM_NOW

    async def stream() -> AsyncIterator[dict[str, Any]]:
        nonlocal cursor
        stops = request.query_params.get("stops")  # as the page showed them: one that began since then is told at once
        counted: dict[str, int] | None = None
        for turn in range(int(STREAM_S_MAX / POLL_S)):
            try:
                news = await visitor.door.get("/activity", after=cursor)
                now = (await visitor.door.get("/stops"))["stops"]
                now_stopped = stops_key(now)
                waiting = await waiting_for(visitor) if turn % WAITING_EACH == 0 else counted
            except Problem:
                return
            if counted is not None and waiting != counted:
                yield {"event": "waiting", "data": json.dumps(waiting)}
            counted = waiting
            if news["events"] or cursor == FROM_NOW:
                ids = sorted({event["settlement"] for event in news["events"]})
                yield {
                    "id": str(news["next"]),
                    "event": "changed" if ids else "ready",
                    "data": json.dumps({"settlements": ids}),
                }
            cursor = news["next"]
            if stops is not None and now_stopped != stops:
                yield {"event": "stops", "data": json.dumps({"html": stops_html(visitor, now)})}
            stops = now_stopped
            await anyio.sleep(POLL_S)

    return EventSourceResponse(stream(), headers={"cache-control": "no-store"})


ROUTES = [Route("/live", live)]
