"""A new settlement from an invoice: a file that is dropped, or a form that becomes our own JSON invoice."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ...assets import asset_of
from ...door import Problem
from ...language import marked
from ...page import page, shown
from ...visitor import FORM_BYTES_MAX, SignInNeeded, Visitor, form_of, visitor_of

LINES_MAX = 20
NUMBER_CHARS_MAX = 40
KEPT_BYTES_MAX, FILE_NAME_CHARS_MAX = 500_000, 100  # of a file that its page carries to the next try
OF_THE_FILE = "invoice_"  # codes of refusals that the same file would meet again
DOCUMENT_BYTES_MAX = 5_000_000  # of documents/stated.py: what is read of one file
INCOTERMS = ("EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP")  # ICC, Incoterms 2020
SUPPLIED = ("hs", "incoterm", "incoterm_place")
HEAD = ("buyer", *SUPPLIED, "latest_shipment", "number", "issue_date", "due_date", "currency", "buyer_name",
        "buyer_country")  # fmt: skip
LINE = ("description", "hs", "quantity", "unit", "price")
ABOUT_GOODS = ("goods_incomplete",)
_ID, _HEX_ID = re.compile(r"[0-9a-f]{32}\Z"), re.compile(r"\b[0-9a-f]{32}\b")
# What a path of UBL, CII or our JSON holds; the first that fits counts.
MEANINGS = (
    ("InvoiceLine", marked("a line of the goods")),
    ("IncludedSupplyChainTradeLineItem", marked("a line of the goods")),
    ("lines", marked("a line of the goods")),
    ("AccountingSupplierParty", marked("the seller")),
    ("SellerTradeParty", marked("the seller")),
    ("seller", marked("the seller")),
    ("AccountingCustomerParty", marked("the buyer")),
    ("BuyerTradeParty", marked("the buyer")),
    ("buyer", marked("the buyer")),
    ("Amount", marked("the amount to be paid")),
    ("payable", marked("the amount to be paid")),
    ("Currency", marked("the currency")),
    ("currency", marked("the currency")),
    ("Date", marked("the date of issue")),
    ("date", marked("the date of issue")),
    ("/cbc:ID", marked("the invoice's number")),
    ("ram:ID", marked("the invoice's number")),
    ("number", marked("the invoice's number")),
)
REASONS = {
    "paused": marked("Checks are paused for the moment; ask again later."),
    "payments_stopped": marked("A stop is in force: nobody pays into escrow until it ends. Ask again then."),
}


@dataclass(frozen=True, slots=True)
class File:
    """An invoice as a file: chosen just now, or carried by the page since another try."""

    name: str
    raw: bytes

    @property
    def carried(self) -> str:
        """The file in base64 for the page to carry, "" for one that is too large for that."""
        return base64.b64encode(self.raw).decode() if len(self.raw) <= KEPT_BYTES_MAX else ""


async def new(request: Request, visitor: Visitor) -> Response:
    """Where an invoice is dropped."""
    return await _page(request, visitor, _typed(FormData()))


async def propose(request: Request) -> Response:
    """The invoice becomes a trade with a firm quote, or is tried; what was refused is said above the form as typed."""
    visitor = await visitor_of(request)
    form = await form_of(request, visitor)
    request.state.stops = (await visitor.door.get("/stops"))["stops"]
    typed, once, file = _typed(form), str(form.get("once", "")), await _file(form)
    try:
        raw = await _invoice(file, typed, visitor)
        buyer = await _buyer_id(typed["buyer"], visitor)
        body: dict[str, Any] = {"invoice_base64": base64.b64encode(raw).decode(), "buyer": buyer}
        body["supplied"] = {name: typed[name].upper() if name == "incoterm" else typed[name] for name in SUPPLIED}
        body["latest_shipment"] = typed["latest_shipment"]
        if form.get("dry"):
            would = (await visitor.door.post("/dry-runs", body, once=once)).body
            return await _page(request, visitor, typed, would=would, file=file)
        answer = await visitor.door.post("/trades", body, once=once)
    except Problem as problem:
        if problem.status == 401:
            raise SignInNeeded from None
        return await _page(request, visitor, typed, problem=problem, file=file, status=problem.status)
    where = f"/settlements/{answer.body['settlement']}" if answer.is_done else "/settlements"
    return RedirectResponse(where, status_code=303)


async def _page(
    request: Request, visitor: Visitor, typed: dict[str, Any], *, status: int = 200, **said: Any
) -> Response:
    buyers = await _buyers(visitor)
    would, problem = said.get("would"), said.get("problem")
    return page(
        request,
        visitor,
        "new.html",
        status=status,
        at="/new",
        buyers=buyers,
        buyer_name=next((one["profile"]["name"] for one in buyers if _is_meant(one, typed["buyer"])), ""),
        settlement=_settlement_in(problem),
        means=_meaning(problem),
        typed=typed,
        incoterms=INCOTERMS,
        problem=problem,
        would=would,
        total_asset=await asset_of(request, visitor, would["total"]["asset"]) if would else None,
        file=(file := said.get("file")),
        kept=file if file and file.carried and not (problem and problem.code.startswith(OF_THE_FILE)) else None,
        is_about_goods=problem is not None and problem.code in ABOUT_GOODS,
        reason_words=REASONS,
    )


def _typed(form: FormData) -> dict[str, Any]:
    """What was typed, as it was typed; at least one line, so that the form works without scripts."""
    typed: dict[str, Any] = {name: _text(form.get(name)) for name in HEAD}
    columns = {name: [_text(one) for one in form.getlist(f"line_{name}")][:LINES_MAX] for name in LINE}
    count = max([1, *(len(column) for column in columns.values())])
    lines = [{name: (columns[name][nth : nth + 1] or [""])[0] for name in LINE} for nth in range(count)]
    typed["lines"] = [line for line in lines if any(line.values())] or lines[:1]
    return typed


def _text(value: Any) -> str:
    return value.strip()[:600] if isinstance(value, str) else ""


async def _file(form: FormData) -> File | None:
    """The file that was chosen, else the one that the page carried, unless it is to be left out."""
    chosen, carried = form.get("invoice"), str(form.get("kept_base64", ""))
    if isinstance(chosen, UploadFile) and chosen.filename:
        return File(chosen.filename[-FILE_NAME_CHARS_MAX:], await chosen.read(FORM_BYTES_MAX))
    if not carried or form.get("leave_out"):
        return None
    try:
        raw = base64.b64decode(carried, validate=True)
    except ValueError:
        return None
    return File(str(form.get("kept_name", ""))[-FILE_NAME_CHARS_MAX:], raw)


async def _invoice(file: File | None, typed: dict[str, Any], visitor: Visitor) -> bytes:
    """The file's bytes, or the JSON invoice of what was written. Raises: Problem where there is neither."""
    if file is not None:
        raw = file.raw
        if not raw.strip():
            raise _unreadable(visitor.language.say("The file is empty: there is nothing in it to read."))
        if len(raw) > DOCUMENT_BYTES_MAX:
            most = visitor.language.number(DOCUMENT_BYTES_MAX)
            raise _unreadable(visitor.language.say("The file is too large: at most {most} bytes are read.", most=most))
        return raw
    if not typed["number"]:
        says = str(
            visitor.language.say("Choose an invoice as a file, or write one here: its number is the first field.")
        )
        raise Problem(422, {"detail": says, "code": "invoice_field_missing", "path": "invoice"})
    return json.dumps(await _written(typed, visitor)).encode()


def _unreadable(says: object) -> Problem:
    return Problem(422, {"detail": str(says), "code": "invoice_malformed", "path": ""})


async def _buyers(visitor: Visitor) -> list[dict[str, Any]]:
    """The companies that this one trades with: no other may be looked up by its name."""
    participants = (await visitor.door.get("/participants"))["participants"]
    return [one for one in participants if one["kind"] == "company" and one["id"] != visitor.me["participant"]]


def _is_meant(one: dict[str, Any], typed: str) -> bool:
    """True for a company's participant id and for its whole name as admitted, in any case."""
    name = str(one["profile"].get("name", ""))
    return typed == one["id"] or " ".join(typed.split()).casefold() == name.casefold()


async def _buyer_id(typed: str, visitor: Visitor) -> str:
    """The participant id that was typed, or of the one company that is so called. Raises: Problem for none or many."""
    if _ID.match(typed):
        return typed
    found = [one["id"] for one in await _buyers(visitor) if _is_meant(one, typed)]
    if len(found) == 1:
        return str(found[0])
    says = visitor.language.say(
        "Several companies that you trade with are called {name}: enter the participant id of the one you mean."
        if found
        else "No company that you trade with is called {name}. Enter the participant id that your new buyer gives you.",
        name=typed,
    )
    raise Problem(422, {"detail": str(says), "code": "malformed", "path": ""})


def _settlement_in(problem: Problem | None) -> str:
    """The settlement that carries this invoice already, where it is the reader's; else ""."""
    found = _HEX_ID.search(str(problem)) if problem is not None and problem.code == "duplicate_invoice" else None
    return found[0] if found else ""


def _meaning(problem: Problem | None) -> str:
    """What the field that a refusal names is called among people, "" where it is named already."""
    if problem is None or not problem.code.startswith("invoice_field"):
        return ""
    return next((says for part, says in MEANINGS if part in problem.path), "")


async def _written(typed: dict[str, Any], visitor: Visitor) -> dict[str, Any]:
    """Our JSON invoice, schema entrepot/invoice/1; a line's net amount is quantity times price, exactly."""
    own = await visitor.door.get(f"/participants/{visitor.me['participant']}")
    ours = {
        name: own["profile"][name] for name in ("name", "registration", "tax_id", "lei") if own["profile"].get(name)
    }
    lines, total = [], Decimal(0)
    for number, line in enumerate(typed["lines"], start=1):
        net = _product(line["quantity"], line["price"], number, visitor)
        total += net
        stated = {"id": str(number), "description": line["description"], "hs": line["hs"], "unit": line["unit"].upper()}
        lines.append({**stated, "quantity": line["quantity"], "net_amount": f"{net:f}"})
    known = {"number": typed["number"], "issue_date": typed["issue_date"], "due_date": typed["due_date"]}
    delivery = {"incoterm": typed["incoterm"].upper(), "place": typed["incoterm_place"]} if typed["incoterm"] else {}
    body: dict[str, Any] = {
        "schema": "entrepot/invoice/1",
        **known,
        "currency": typed["currency"].upper(),
        "payable": f"{total:f}",
        "seller": ours | {"country": own["country"]},
        "buyer": {"name": typed["buyer_name"], "country": typed["buyer_country"].upper()},
        "lines": [{name: value for name, value in line.items() if value} for line in lines],
        "delivery": {name: value for name, value in delivery.items() if value},
    }
    return {name: value for name, value in body.items() if value}


def _product(quantity: str, price: str, number: int, visitor: Visitor) -> Decimal:
    try:
        if len(quantity) <= NUMBER_CHARS_MAX and len(price) <= NUMBER_CHARS_MAX:
            product = Decimal(quantity) * Decimal(price)
            if product.is_finite():
                return product
    except InvalidOperation:
        pass
    says = visitor.language.say("Line {number} needs a quantity and a price, as numbers with a point.", number=number)
    raise Problem(422, {"detail": str(says), "code": "invoice_field_malformed", "path": f"lines[{number}]"})


ROUTES = [
    Route("/new", shown(new)),
    Route("/new", propose, methods=["POST"]),
]
