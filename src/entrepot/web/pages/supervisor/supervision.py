"""A supervisor's overview: what lies in escrow by asset, what is stopped, and what waits for two persons."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...assets import asset_of
from ...door import Problem
from ...language import marked
from ...page import page, shown
from ...visitor import Visitor


async def supervision(request: Request, visitor: Visitor) -> Response:
    """The page."""
    if visitor.role != "supervisor":
        raise Problem(404, {"title": marked("There is no such page.")})
    rows = []
    for one in (await visitor.door.get("/escrow"))["held"]:
        asset = await asset_of(request, visitor, one["asset"])
        rows.append(one | {"symbol": asset["symbol"], "amount": visitor.language.amount(one["amount_minor"], asset)})
    counts = request.state.counts
    return page(
        request,
        visitor,
        "supervisor/overview.html",
        at="/supervision",
        rows=rows,
        sums=visitor.language.listed([str(row["amount"].striptags()) for row in rows]),
        settlements=sum(row["count"] for row in rows),
        cases=counts.get("/queue", 0),
        changes=counts.get("/changes", 0),
        live="*",
    )


ROUTES = [Route("/supervision", shown(supervision))]
