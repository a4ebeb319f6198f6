"""The queues of those who are asked: presentations for the examiner, disputes for the arbiters."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...assets import asset_of
from ...door import Problem
from ...page import page, shown
from ...visitor import Visitor
from ..treasury.trading import rows_of

FINDINGS_MAX = 30  # of a page: the rest say what they found when they are opened


async def _findings(visitor: Visitor, settlement: str) -> Any:
    """What the rules found; None where they could not read the documents: one such never hides the others."""
    try:
        return await visitor.door.find(f"/settlements/{settlement}/findings")
    except Problem as problem:
        if problem.status >= 500:
            raise
        return None


async def presentations(request: Request, visitor: Visitor) -> Response:
    """What waits to be examined, the nearest banking-day deadline first, with what the rules found in it."""
    listed = (await visitor.door.get("/presentations"))["presentations"]
    rows = []
    for nth, view in enumerate(listed):
        findings = await _findings(visitor, view["id"]) if nth < FINDINGS_MAX else None
        asset = await asset_of(request, visitor, view["asset"])
        amount = visitor.language.amount(view["price_minor"], asset)
        rows.append(view | {"amount": amount, "found": len(findings["discrepancies"]) if findings else None})
    first_by = next((row["examine_by"] for row in rows if row["examine_by"]), visitor.language.now)
    return page(
        request, visitor, "treasury/presentations.html", at="/presentations", rows=rows, first_by=first_by, live="*"
    )


async def disputes(request: Request, visitor: Visitor) -> Response:
    """What the arbiters are asked, the nearest deadline first, and what they decided."""
    rows, _ = await rows_of(request, visitor)
    waiting = [row for row in rows if row["state"] == "disputed"]
    return page(
        request,
        visitor,
        "treasury/disputes.html",
        at="/disputes",
        waiting=sorted(waiting, key=lambda row: row["due"] or 2**60),
        decided=[row for row in rows if row["state"] != "disputed"],
        live="*",
    )


ROUTES = [Route("/presentations", shown(presentations)), Route("/disputes", shown(disputes))]
