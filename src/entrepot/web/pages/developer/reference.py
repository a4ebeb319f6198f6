"""The page about the API itself: every door with what it takes, to read and to try; signed in or not."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...page import page, plain_page, shown
from ...visitor import SignInNeeded, Visitor


async def reference(request: Request) -> Response:
    """In the visitor's own surroundings where somebody is signed in."""
    try:
        return await shown(_with_places)(request)
    except SignInNeeded:
        return plain_page(request, "developer/reference.html")


async def _with_places(request: Request, visitor: Visitor) -> Response:
    return page(request, visitor, "developer/reference.html", at="/developer")


ROUTES = [Route("/docs", reference)]
