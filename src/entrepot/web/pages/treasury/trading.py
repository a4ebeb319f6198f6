"""A treasurer's list of settlements: search, filters, order, pages, saved views, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...assets import asset_of
from ...door import Problem
from ...inert import inert
from ...language import marked
from ...page import acted, once, page, shown
from ...visitor import Visitor
from ..shared import sentences

API_PAGE = 200
ROWS_MAX = 2_000  # that the list looks through; beyond it the page says so
ON_PAGE = 25
TEXT_MAX = 100
SHOWS = {"": marked("All"), "mine": marked("My move"), "open": marked("Open"), "ended": marked("Ended")}
SORTS = {
    "": marked("What needs you first"),
    "new": marked("Newest first"),
    "old": marked("Oldest first"),
    "due": marked("Next deadline first"),
    "most": marked("Largest amount first"),
}
FIELDS = ("q", "show", "state", "with", "currency", "since", "until", "sort")
STATES_SHOWN = ("quoted", "checking", "cleared", "funding", "funded", "presented", "discrepant", "releasing",
                "released", "refunding", "refunded", "disputed", "ended")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Looked:
    """What a reader looks for, as it stands in the address; nothing in it opens anything."""

    q: str = ""
    show: str = ""
    state: str = ""
    other: str = ""
    currency: str = ""
    since: str = ""
    until: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Looked:
        """From an address; what is none of ours is left out."""
        given = {name: query.get(name, "").strip()[:TEXT_MAX] for name in FIELDS}
        given["show"] = given["show"] if given["show"] in SHOWS else ""
        given["sort"] = given["sort"] if given["sort"] in SORTS else ""
        days = {name: _day(given[name]) for name in ("since", "until")}
        other = given.pop("with")
        return cls(**(given | {name: day.isoformat() if day else "" for name, day in days.items()}), other=other)

    @property
    def query(self) -> str:
        """The address's query, without what is empty: what a saved view keeps and a link shares."""
        pairs = {"q": self.q, "show": self.show, "state": self.state, "with": self.other, "currency": self.currency,
                 "since": self.since, "until": self.until, "sort": self.sort}  # fmt: skip
        return urlencode({name: value for name, value in pairs.items() if value})

    def fits(self, row: Mapping[str, Any]) -> bool:
        """True if the row is looked for."""
        if (self.show == "open" and row["is_ended"]) or (self.show == "ended" and not row["is_ended"]):
            return False
        if self.show == "mine" and not row["acts"]:
            return False
        if (self.state and row["state"] != self.state) or (self.other and row["other_id"] != self.other):
            return False
        if self.currency and self.currency not in (row["currency"], row["asset"]["symbol"]):
            return False
        day = datetime.fromtimestamp(row["created_at"], UTC).date().isoformat()
        if (self.since and day < self.since) or (self.until and day > self.until):
            return False
        return self.q.casefold() in f"{row['id']} {row['invoice']} {row['buyer']} {row['seller']}".casefold()

    def order(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows, newest first as they came, in the order asked for."""
        if self.sort == "old":
            return rows[::-1]
        if self.sort == "due":
            return sorted(rows, key=lambda row: row["due"] or 2**60)
        if self.sort == "most":
            return sorted(rows, key=lambda row: -int(row["price_minor"]))
        return rows if self.sort == "new" else sorted(rows, key=lambda row: not row["acts"])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


async def settlements(request: Request, visitor: Visitor) -> Response:
    """The list, as it is looked at; with what needs this reader counted over all of it."""
    looked = Looked.of(request.query_params)
    rows, is_whole = await rows_of(request, visitor)
    found = looked.order([row for row in rows if looked.fits(row)])
    number = request.query_params.get("page", "1")
    at = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 1
    pages = max(1, -(-len(found) // ON_PAGE))
    at = min(max(at, 1), pages)
    return page(
        request,
        visitor,
        "settlements.html",
        at="/settlements",
        rows=found[(at - 1) * ON_PAGE : at * ON_PAGE],
        found=len(found),
        count=len(rows),
        waiting=sum(bool(row["acts"]) for row in rows),
        is_whole=is_whole,
        looked=looked,
        page_number=at,
        pages=pages,
        shows=SHOWS,
        sorts=SORTS,
        others=sorted({(row["other"], row["other_id"]) for row in rows if row["other_id"]}),
        currencies=sorted({row["currency"] for row in rows} | {row["asset"]["symbol"] for row in rows}),
        states=[(state, sentences.CHIPS[state][1]) for state in STATES_SHOWN],
        views=(await visitor.door.get("/views"))["views"],
        live="*",
    )


async def rows_of(request: Request, visitor: Visitor) -> tuple[list[dict[str, Any]], bool]:
    """All rows of this reader that have terms, newest first; and whether they are all."""
    rows: list[dict[str, Any]] = []
    after = ""
    while len(rows) < ROWS_MAX:
        listed = await visitor.door.get("/settlements", after=after, limit=API_PAGE)
        rows += [await _row(request, visitor, view) for view in listed["settlements"] if "invoice_number" in view]
        if not listed["next"]:
            return rows, True
        after = listed["next"]
    return rows, False


async def _row(request: Request, visitor: Visitor, view: dict[str, Any]) -> dict[str, Any]:
    language, asset = visitor.language, await asset_of(request, visitor, view["asset"])
    ours = visitor.me["participant"] if visitor.role == "treasurer" else ""
    side = {view["buyer"]: sentences.BUYER, view["seller"]: sentences.SELLER}.get(ours, sentences.OTHER)
    acts = [act for act in sentences.acts(view, side, visitor.role, request.state.stops) if act.is_first]
    others = {sentences.SELLER: "buyer", sentences.BUYER: "seller"}
    other = others.get(side, "")
    price, held = int(view["price_minor"]), int(view["held_minor"])
    total = price + int(view["fee_minor"])
    return {
        "id": view["id"],
        "invoice": view["invoice_number"],
        "buyer": view["buyer_name"],
        "seller": view["seller_name"],
        "other": view[f"{other}_name"]
        if other
        else language.say("{first} → {second}", first=view["seller_name"], second=view["buyer_name"]),
        "other_id": view[other] if other else "",
        "side": side,
        "amount": language.amount(total if any(act.form == "fund" for act in acts) else price, asset),
        "price_minor": view["price_minor"],
        "total_minor": total,
        "held_minor": held,
        "seller_minor": 0 if view["state"] == "refunding" else min(held, price - int(view["released_minor"])),
        "asset": asset,
        "currency": str(view["invoiced"]["asset"]).rpartition(":")[2],
        "chip": sentences.chip(view, language),
        "state": view["state"],
        "is_ended": view["is_ended"],
        "created_at": view["created_at"],
        "due": view.get("next_act_at"),
        "examine_by": view.get("examine_by"),
        "acts": acts,
    }


async def as_csv(request: Request, visitor: Visitor) -> Response:
    """The rows looked for as CSV; amounts whole, times in UTC, nothing a spreadsheet would run."""
    looked = Looked.of(request.query_params)
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(("settlement", "invoice", "seller", "buyer", "asset", "price", "state", "created_at_unix_s"))
    rows, _ = await rows_of(request, visitor)
    for row in looked.order([row for row in rows if looked.fits(row)]):
        told = (row["id"], row["invoice"], row["seller"], row["buyer"], row["asset"]["symbol"])
        price = whole(int(row["price_minor"]), int(row["asset"]["decimals"]))
        table.writerow((*map(inert, told), price, row["state"], row["created_at"]))
    return Response(
        written.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="settlements.csv"'},
    )


def whole(minor: int, decimals: int) -> str:
    """Minor units as a decimal number with every place."""
    return f"{minor // 10**decimals}.{minor % 10**decimals:0{decimals}d}" if decimals else str(minor)


async def save_view(_: Request, visitor: Visitor, form: FormData) -> str:
    """Keeps what the list looks for under a name of the reader's own."""
    looked = Looked.of({name: str(form.get(name, "")) for name in FIELDS})
    body = {"name": str(form.get("name", "")).strip(), "query": looked.query}
    await visitor.door.post("/views", body, once=str(form.get("once", "")) or once())
    return f"/settlements?{looked.query}"


async def delete_view(request: Request, visitor: Visitor, form: FormData) -> str:
    """Forgets a view."""
    view = request.path_params["view"]
    if not view.isalnum():
        raise Problem(404, {"title": marked("There is no such view of yours.")})
    await visitor.door.delete(f"/views/{view}", once=str(form.get("once", "")) or once())
    return "/settlements"


ROUTES = [
    Route("/settlements", shown(settlements)),
    Route("/settlements.csv", shown(as_csv)),
    Route("/views", acted(save_view), methods=["POST"]),
    Route("/views/{view:str}/delete", acted(delete_view), methods=["POST"]),
]
