"""What needs a treasurer today: whose move it is, what lies in escrow, and what is expected in and out by when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...page import page, shown
from ...visitor import Visitor
from ..shared import sentences
from ..supervisor.measures import charts_of
from .trading import rows_of

AHEAD_MAX = 50
CHARTS_S = 90 * 86_400
CHARTS = ("volume", "time", "steps", "cost")
# State → what the date of the next act means for a payment that is still to come, for the seller and for the buyer.
EXPECTED = {
    "cleared": "due",
    "funding": "",
    "funded": "due",
    "presented": "due",
    "discrepant": "due",
    "releasing": "",
    "refunding": "",
}


async def overview(request: Request, visitor: Visitor) -> Response:
    """The page."""
    rows, is_whole = await rows_of(request, visitor)
    waiting = [row for row in rows if row["acts"]]
    live = [row for row in rows if not row["is_ended"]]
    held = [row for row in live if row["held_minor"]]
    now = visitor.language.now
    told = await visitor.door.get("/measures", since=max(1, now - CHARTS_S), until=now + 1)
    return page(
        request,
        visitor,
        "treasury/overview.html",
        at="/overview",
        waiting=sorted(waiting, key=lambda row: row["due"] or 2**60),
        held=held,
        held_out=_sums(visitor, ((row["asset"], row["held_minor"]) for row in held if row["side"] == sentences.BUYER)),
        held_in=_sums(
            visitor, ((row["asset"], row["seller_minor"]) for row in held if row["side"] == sentences.SELLER)
        ),
        to_pay=_sums(visitor, ((row["asset"], row["total_minor"]) for row in _to_pay(live))),
        ahead=sorted(_ahead(live), key=lambda one: one["by"] or 2**60)[:AHEAD_MAX],
        charts=[one for one in await charts_of(request, visitor, told) if one.id in CHARTS and not one.is_empty],
        count=len(rows),
        is_whole=is_whole,
        live="*",
    )


def _to_pay(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["side"] == sentences.BUYER and row["state"] in ("cleared", "funding")]


def _sums(visitor: Visitor, amounts: Iterable[tuple[Mapping[str, Any], int]]) -> list[Any]:
    """Amounts added up by asset, never across assets; ready to show."""
    sums: dict[str, tuple[Mapping[str, Any], int]] = {}
    for asset, minor in amounts:
        sums[asset["id"]] = (asset, sums.get(asset["id"], (asset, 0))[1] + minor)
    return [visitor.language.amount(minor, asset) for asset, minor in sums.values()]


def _ahead(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Payments to come: out of our wallet until paid in, into it once we sold; with the last day, or soon."""
    for row in rows:
        if row["state"] not in EXPECTED:
            continue
        is_out = row["side"] == sentences.BUYER
        if is_out and row["state"] not in ("cleared", "funding"):
            continue
        yield {
            "row": row,
            "is_out": is_out,
            "by": row["due"] if EXPECTED[row["state"]] else None,
            "minor": row["total_minor"] if is_out else int(row["price_minor"]),
        }


ROUTES = [Route("/overview", shown(overview))]
