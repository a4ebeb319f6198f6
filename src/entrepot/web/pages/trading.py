"""A treasurer's list of settlements, and a new one from an invoice."""

from __future__ import annotations

import base64
import csv
import io
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..assets import asset_of
from ..inert import inert
from ..page import acted, page, shown
from ..visitor import FORM_BYTES_MAX, Visitor
from . import sentences

PAGE = 50
OPEN, ENDED = "open", "ended"


async def settlements(request: Request, visitor: Visitor) -> Response:
    """The list: what needs this reader first, then newest first; with search and filters in the address."""
    query = request.query_params
    wanted, search = query.get("show", ""), query.get("q", "").strip()[:100]
    rows, after = await _rows(request, visitor, query.get("after", ""))
    found = [row for row in rows if _fits(row, wanted, search)]
    return page(
        request,
        visitor,
        "settlements.html",
        at="/settlements",
        rows=sorted(found, key=lambda row: not row["acts"]),
        show=wanted,
        q=search,
        next=after,
        count=len(rows),
        live="*",
    )


async def _rows(request: Request, visitor: Visitor, after: str) -> tuple[list[dict[str, Any]], str | None]:
    listed = await visitor.door.get("/settlements", after=after, limit=PAGE)
    rows = [await _row(request, visitor, view) for view in listed["settlements"] if "invoice_number" in view]
    return rows, listed["next"]


async def _row(request: Request, visitor: Visitor, view: dict[str, Any]) -> dict[str, Any]:
    language, asset = visitor.language, await asset_of(request, visitor, view["asset"])
    ours = visitor.me["participant"]
    side = {view["buyer"]: sentences.BUYER, view["seller"]: sentences.SELLER}.get(ours, sentences.OTHER)
    acts = [act for act in sentences.acts(view, side, visitor.role) if act.is_first]
    return {
        "id": view["id"],
        "invoice": view["invoice_number"],
        "buyer": view["buyer_name"],
        "seller": view["seller_name"],
        "other": view["buyer_name"] if side == sentences.SELLER else view["seller_name"],
        "side": side,
        "amount": language.amount(view["price_minor"], asset),
        "price_minor": view["price_minor"],
        "asset": asset,
        "chip": sentences.chip(view["state"], language),
        "state": view["state"],
        "is_ended": view["is_ended"],
        "created_at": view["created_at"],
        "due": view.get("next_act_at"),
        "acts": acts,
    }


def _fits(row: dict[str, Any], wanted: str, search: str) -> bool:
    if (wanted == OPEN and row["is_ended"]) or (wanted == ENDED and not row["is_ended"]):
        return False
    if wanted == "mine" and not row["acts"]:
        return False
    text = f"{row['id']} {row['invoice']} {row['buyer']} {row['seller']}".casefold()
    return search.casefold() in text


async def as_csv(request: Request, visitor: Visitor) -> Response:
    """All settlements of this reader as CSV; amounts whole, times in UTC, nothing a spreadsheet would run."""
    written, after = io.StringIO(), ""
    table = csv.writer(written)
    table.writerow(("settlement", "invoice", "seller", "buyer", "asset", "price", "state", "created_at_unix_s"))
    while True:
        rows, following = await _rows(request, visitor, after)
        for row in rows:
            whole = int(row["price_minor"])
            decimals = int(row["asset"]["decimals"])
            price = f"{whole // 10**decimals}.{whole % 10**decimals:0{decimals}d}" if decimals else str(whole)
            told = (row["id"], row["invoice"], row["seller"], row["buyer"], row["asset"]["symbol"])
            table.writerow((*map(inert, told), price, row["state"], row["created_at"]))
        if not following:
            break
        after = following
    return Response(
        written.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="settlements.csv"'},
    )


async def new(request: Request, visitor: Visitor) -> Response:
    """Where an invoice is dropped."""
    participants = (await visitor.door.get("/participants"))["participants"]
    buyers = [one for one in participants if one["kind"] == "company" and one["id"] != visitor.me["participant"]]
    return page(request, visitor, "new.html", at="/new", buyers=buyers)


async def propose(request: Request, visitor: Visitor, form: FormData) -> str:
    """The invoice becomes a trade with a firm quote; on to its page."""
    invoice = form.get("invoice")
    raw = await invoice.read(FORM_BYTES_MAX) if isinstance(invoice, UploadFile) else b""
    supplied = {name: str(form.get(name, "")).strip() for name in ("hs", "incoterm", "incoterm_place")}
    body = {
        "invoice_base64": base64.b64encode(raw).decode(),
        "buyer": str(form.get("buyer", "")),
        "supplied": {name: value for name, value in supplied.items() if value},
    }
    if form.get("latest_shipment"):
        body["latest_shipment"] = str(form["latest_shipment"])
    answer = await visitor.door.post("/trades", body, once=str(form.get("once", "")))
    return f"/settlements/{answer.body['settlement']}" if answer.is_done else "/settlements"


ROUTES = [
    Route("/settlements", shown(settlements)),
    Route("/settlements.csv", shown(as_csv)),
    Route("/new", shown(new)),
    Route("/new", acted(propose), methods=["POST"]),
]
