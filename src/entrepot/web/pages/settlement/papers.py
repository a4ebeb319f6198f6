"""Documents side by side with the terms: what each states, what agrees, what differs, and the rule that says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import get_currency_precision

from ...language import Language, marked
from ...visitor import Visitor

NAMES = {
    "invoice": marked("Commercial invoice"),
    "packing_list": marked("Packing list"),
    "transport_document": marked("Transport document"),
}
AGREES, DIFFERS, SAID = "agrees", "differs", "said"
LINES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One fact: what the terms say, what the document says; `mark` is agrees, differs, or said where only one does."""

    name: str
    terms: str
    states: str
    mark: str


@dataclass(slots=True)
class Sheet:
    """One required document: its paper if it is there, its rows, and the discrepancies that name it."""

    kind: str
    name: str
    paper: Mapping[str, Any] | None
    is_presented: bool
    rows: list[Row] = field(default_factory=list)
    found: list[Mapping[str, Any]] = field(default_factory=list)


async def sheets(
    visitor: Visitor,
    id_: str,
    view: Mapping[str, Any],
    terms: Mapping[str, Any],
    found: Sequence[Mapping[str, Any]],
) -> list[Sheet]:
    """Each required document: what was presented last, beside the terms, with what was found to differ in it."""
    kept = (await visitor.door.get(f"/settlements/{id_}/documents"))["documents"]
    presented = view["round"] > 0 or bool(view["documents_sha256"])
    newest = {paper["kind"]: paper for paper in kept}
    made = []
    for kind in terms["documents_required"]:
        paper = newest.get(kind) if presented or kind == "invoice" else None
        sheet = Sheet(kind, NAMES.get(kind, kind), paper, presented and paper is not None)
        sheet.found = [entry for entry in found if kind in entry.get("documents", ())]
        if paper:
            read = await visitor.door.find(f"/settlements/{id_}/papers/{paper['id']}/reading")
            states = read["states"] if read else {}
            sheet.rows = [row for row in _rows(kind, states, terms, visitor.language) if row.terms or row.states]
        made.append(sheet)
    return made


def unplaced(sheets_: list[Sheet], found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Discrepancies that name no document shown."""
    placed = [id(entry) for sheet in sheets_ for entry in sheet.found]
    return [entry for entry in found if id(entry) not in placed]


def _rows(kind: str, states: Mapping[str, Any], terms: Mapping[str, Any], language: Language) -> Iterator[Row]:
    def say(text: str) -> str:
        return str(language.say(text))

    invoiced = terms["quote"]["invoiced"]
    seller, buyer = states.get("seller", {}), states.get("buyer", {})
    if kind == "invoice":
        yield _same(say("Number"), terms["invoice_number"], states.get("number", ""))
        yield _same(say("Date"), terms["invoice_date"], states.get("issue_date", ""))
        yield _row(say("Amount"), _amount(invoiced), f"{states.get('currency', '')} {states.get('payable', '')}")
    elif kind == "packing_list":
        yield _said(say("Number"), states.get("number", ""))
        yield _same(say("Invoice"), terms["invoice_number"], states.get("invoice_number", ""))
    else:
        seller, buyer = states.get("shipper", {}), states.get("consignee", {})
        yield _said(say("Number"), states.get("number", ""))
        yield _said(say("Carrier"), states.get("carrier", ""))
        yield _said(say("Vessel"), " ".join((states.get("vessel", ""), states.get("vessel_imo", ""))).strip())
        yield _shipped(say("On board"), terms["schedule"]["latest_shipment"], states.get("on_board_date", ""), language)
        ports = [states.get(end, {}).get("name", "") for end in ("port_of_loading", "port_of_discharge")]
        yield _said(say("From and to"), " → ".join(port for port in ports if port))
    yield _same(say("Seller"), terms["seller"]["name"], seller.get("name", ""))
    yield _same(say("Buyer"), terms["buyer"]["name"], buyer.get("name", ""))
    delivery = states.get("delivery") or {}
    if delivery:
        yield _same(say("Delivery"), _delivered(terms["incoterm"], terms["incoterm_place"]),
                    _delivered(delivery.get("incoterm", ""), delivery.get("place", "")))  # fmt: skip
    for nth, line in enumerate(states.get("lines", [])[:LINES_SHOWN]):
        agreed = terms["lines"][nth] if nth < len(terms["lines"]) else {}
        name = str(language.say("Line {number}", number=nth + 1))
        yield _row(name, _goods(agreed), _goods(line))


def _row(name: str, terms: str, states: str) -> Row:
    return Row(name, terms, states, AGREES if _folded(terms) == _folded(states) else DIFFERS)


def _same(name: str, terms: str, states: str) -> Row:
    """A fact that both may state; one that only one of them states does not differ."""
    return _row(name, terms, states) if terms and states else Row(name, terms, states, SAID)


def _said(name: str, states: str) -> Row:
    return Row(name, "", states, SAID)


def _shipped(name: str, latest: str, on_board: str, language: Language) -> Row:
    if not latest or not on_board:
        return Row(name, latest, on_board, SAID)
    terms = str(language.say("not later than {day}", day=latest))
    return Row(name, terms, on_board, AGREES if on_board <= latest else DIFFERS)


def _amount(money: Mapping[str, Any]) -> str:
    code = str(money["asset"]).rpartition(":")[2]
    return f"{code} {Decimal(int(money['amount_minor'])).scaleb(-get_currency_precision(code)):f}"


def _delivered(incoterm: str, place: str) -> str:
    return f"{incoterm} {place}".strip()


def _goods(line: Mapping[str, Any]) -> str:
    parts = (line.get("description", ""), f"HS {line['hs']}" if line.get("hs") else "",
             f"{_number(str(line.get('quantity', '')))} {line.get('unit', '')}".strip())  # fmt: skip
    return ", ".join(part for part in parts if part)


def _number(text: str) -> str:
    try:
        return f"{Decimal(text).normalize():f}"
    except InvalidOperation:
        return text


def _folded(text: str) -> str:
    words = text.casefold().split()
    return " ".join(_number(word) for word in words)
