"""The accounting export: the journal of one period as double entry, on a page and as CSV for an ERP system."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...inert import inert
from ...language import marked
from ...page import page, shown
from ...visitor import Visitor

LINES_SHOWN = 200
# What the books call an account (api/journal.py), as people do.
ACCOUNTS = {
    "wallet": marked("Your wallet"),
    "counterparty": marked("The other side"),
    "seller": marked("Seller"),
    "buyer": marked("Buyer"),
    "escrow": marked("Escrow"),
    "fee": marked("Fee"),
    "operator": marked("Operator"),
    "beside_trade": marked("Beside the trade"),
}


async def journal(request: Request, visitor: Visitor) -> Response:
    """One period's lines, with totals that balance and what each column means."""
    first, last = _period(request, visitor)
    told = await _export(visitor, first, last)
    return page(
        request,
        visitor,
        "treasury/journal.html",
        at="/journal",
        first=first.isoformat(),
        last=last.isoformat(),
        told=told,
        totals=[_shown(one, visitor) for one in told["totals"]],
        accounts=ACCOUNTS,
        lines=[_shown(line, visitor) for line in told["lines"][:LINES_SHOWN]],
    )


def _shown(line: dict[str, str], visitor: Visitor) -> dict[str, str]:
    """A line with its amounts as this reader reads numbers, every place kept."""
    return line | {side: _number(line[side], line["currency"], visitor) for side in ("debit", "credit")}


def _number(text: str, currency: str, visitor: Visitor) -> str:
    if not text:
        return "–"
    return f"{currency} {visitor.language.number(Decimal(text), len(text.partition('.')[2]))}"


async def as_csv(request: Request, visitor: Visitor) -> Response:
    """The same as CSV: one header line, a point as decimal mark, ISO days, UTF-8."""
    first, last = _period(request, visitor)
    told = await _export(visitor, first, last)
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(told["columns"])
    for line in told["lines"]:
        table.writerow(
            [line[name] if name in ("amount", "debit", "credit") else inert(line[name]) for name in told["columns"]]
        )
    name = f"journal-{first.isoformat()}-{last.isoformat()}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def _export(visitor: Visitor, first: date, last: date) -> dict[str, Any]:
    since, until = (int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in (
        first, last + timedelta(days=1)))  # fmt: skip
    return dict(await visitor.door.get("/ledger/export", since=since, until=until))


def _period(request: Request, visitor: Visitor) -> tuple[date, date]:
    """The days asked for, both within; this month so far where nothing usable was asked."""
    today = datetime.fromtimestamp(visitor.language.now, UTC).date()
    asked = [_day(request.query_params.get(name, "")) for name in ("first", "last")]
    first, last = asked[0] or today.replace(day=1), asked[1] or today
    return (first, last) if first <= last <= first + timedelta(days=365) else (today.replace(day=1), today)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 < found.year < 2200 else None


ROUTES = [Route("/journal", shown(journal)), Route("/journal.csv", shown(as_csv))]
