"""The rules of the examiner, one function each: given a presentation, it yields what it finds, or nothing.

A document that is missing is one finding of `documents_complete`; the other rules look at what is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, localcontext

from .invoice import Invoice
from .presented import GoodsAgreed, Presentation, closest, folded, heading, same_port
from .stated import EXACT, DeliveryTerms, DocumentKind, Port, StatedParty
from .trade_documents import PackingList, TransportDocument

# UN/ECE Rec 20: goods counted one by one; with them all X codes, which are packages (Rec 21).
COUNTED_UNITS = frozenset({"C62", "EA", "H87", "NAR", "NMP", "PR", "SET", "DZN", "GRO", "BX", "CT", "PK", "BG"})
TOLERANCE, TOLERANCE_ABOUT = Decimal("0.05"), Decimal("0.10")  # UCP 600 art. 30(b), 30(a)

SAID_CHARS_MAX = 1_000
Quantities = Mapping[tuple[str, str], Decimal]


@dataclass(frozen=True, slots=True)
class Finding:
    """One discrepancy as a rule sees it, before its citation is put to it."""

    code: str
    documents: tuple[DocumentKind, ...]
    says: str
    terms_say: str


def documents_complete(presented: Presentation) -> Iterator[Finding]:
    """Every required kind is there; no kind is there twice."""
    counted = Counter(document.kind for document in presented.documents)
    for kind in presented.terms.required:
        if not counted[kind]:
            yield Finding("document_missing", (kind,), "not presented", f"{kind} is required")
    for kind, count in counted.items():
        if count > 1:
            yield Finding("document_repeated", (kind,), f"presented {count} times", "each document once")


def presented_in_time(presented: Presentation) -> Iterator[Finding]:
    """By `present_by`, and at most the agreed number of calendar days after shipment."""
    terms, at = presented.terms, presented.presented_at
    kinds = tuple(dict.fromkeys(document.kind for document in presented.documents))
    if at > terms.present_by:
        yield Finding("presented_late", kinds, f"presented {_moment(at)}", f"by {_moment(terms.present_by)}")
    transport = presented.transport
    if transport and transport.on_board_date:
        days = terms.shipment_to_presentation_days
        if (presented.presented_on - transport.on_board_date).days > days:
            says = f"on board {transport.on_board_date}, presented {presented.presented_on}"
            yield Finding("presented_stale", ("transport_document",), says, f"within {days} days after shipment")


def shipped_in_time(presented: Presentation) -> Iterator[Finding]:
    """On board not later than the latest shipment date, and not after the presentation itself."""
    transport, latest = presented.transport, presented.terms.latest_shipment
    if transport is None or transport.on_board_date is None:
        return
    on_board = transport.on_board_date
    if latest and on_board > latest:
        yield Finding("shipped_late", ("transport_document",), f"on board {on_board}", f"not later than {latest}")
    if on_board > presented.presented_on:
        says = f"on board {on_board}, presented {presented.presented_on}"
        yield Finding("on_board_in_future", ("transport_document",), says, "shipped before presentation")


def invoice_parties(presented: Presentation) -> Iterator[Finding]:
    """By the seller, to the buyer: name and country; addresses may differ."""
    if invoice := presented.invoice:
        pairs = (
            ("invoice_not_by_seller", invoice.seller, presented.terms.seller),
            ("invoice_not_to_buyer", invoice.buyer, presented.terms.buyer),
        )
        for code, stated, agreed in pairs:
            if not _same_party(stated, agreed):
                yield Finding(code, ("invoice",), _named(stated), _named(agreed))


def invoice_amount(presented: Presentation) -> Iterator[Finding]:
    """In the terms' currency, and not above their amount. (Paying the lower amount is for a waiver, not for us.)"""
    invoice, agreed = presented.invoice, presented.terms.amount
    if invoice is None:
        return
    if invoice.currency != agreed.asset:
        yield Finding("invoice_currency", ("invoice",), invoice.currency.id, agreed.asset.id)
    elif agreed < invoice.payable:
        yield Finding("invoice_amount_exceeds", ("invoice",), str(invoice.payable), f"at most {agreed}")


def goods_correspond(presented: Presentation) -> Iterator[Finding]:
    """Every line of the invoice is one of the goods agreed."""
    invoice, goods = presented.invoice, presented.terms.goods
    agreed = "; ".join(_goods_named(one.description, one.hs) for one in goods)[:SAID_CHARS_MAX]
    for line in invoice.lines if invoice else ():
        if closest(line.description, line.hs, goods) is None:
            says = f"line {line.id}: {_goods_named(line.description, line.hs)}"
            yield Finding("goods_differ", ("invoice",), says, agreed)


def quantities_in_tolerance(presented: Presentation) -> Iterator[Finding]:
    """What is invoiced of each kind of goods is within its tolerance of what was agreed."""
    invoice = presented.invoice
    if invoice is None:
        return
    with localcontext(EXACT):
        agreed: dict[GoodsAgreed, Decimal] = {}
        merged = {(folded(one.description), heading(one.hs), one.unit): one for one in reversed(presented.terms.goods)}
        for one in presented.terms.goods:
            key = merged[(folded(one.description), heading(one.hs), one.unit)]
            agreed[key] = agreed.get(key, Decimal(0)) + one.quantity
        invoiced: dict[GoodsAgreed, Decimal] = dict.fromkeys(agreed, Decimal(0))
        for line in invoice.lines:
            of_unit = [one for one in agreed if not one.unit or not line.unit or one.unit == line.unit]
            if goods := closest(line.description, line.hs, of_unit):
                invoiced[goods] += line.quantity
        for goods, quantity in agreed.items():
            if abs(invoiced[goods] - quantity) > abs(quantity) * _tolerance(goods):
                says = f"{goods.description}: {invoiced[goods]:f} {goods.unit}"
                says_terms = f"{quantity:f} {goods.unit} within {_tolerance(goods):.0%}"
                yield Finding("quantity_out_of_tolerance", ("invoice",), says, says_terms)


def _tolerance(goods: GoodsAgreed) -> Decimal:
    if goods.about:
        return TOLERANCE_ABOUT
    counted = not goods.unit or goods.unit in COUNTED_UNITS or goods.unit.startswith("X")
    return Decimal(0) if counted else TOLERANCE


def data_agree(presented: Presentation) -> Iterator[Finding]:
    """Documents do not contradict each other or the terms: numbers, parties, goods, weights, delivery."""
    with localcontext(EXACT):
        yield from _invoice_agrees(presented)
        yield from _packing_list_agrees(presented)
        yield from _transport_agrees(presented)
        yield from _delivery_agrees(presented)


def _invoice_agrees(presented: Presentation) -> Iterator[Finding]:
    invoice, number = presented.invoice, presented.terms.invoice_number
    if invoice and number and folded(invoice.number) != folded(number):
        yield Finding("invoice_number_differs", ("invoice",), invoice.number, number)


def _packing_list_agrees(presented: Presentation) -> Iterator[Finding]:
    packed, invoice = presented.packing_list, presented.invoice
    if packed is None:
        return
    for code, stated, agreed in (
        ("seller_conflict", packed.seller, presented.terms.seller),
        ("buyer_conflict", packed.buyer, presented.terms.buyer),
    ):
        if not _same_party(stated, agreed):
            yield Finding(code, ("packing_list",), _named(stated), _named(agreed))
    if invoice and packed.invoice_number and folded(packed.invoice_number) != folded(invoice.number):
        kinds: tuple[DocumentKind, ...] = ("packing_list", "invoice")
        yield Finding("invoice_number_conflict", kinds, packed.invoice_number, f"the invoice is {invoice.number}")
    yield from _weights_possible(packed)
    yield from _goods_agree(presented, packed)


def _transport_agrees(presented: Presentation) -> Iterator[Finding]:
    transport, packed = presented.transport, presented.packing_list
    if transport is None:
        return
    receivers = [transport.consignee, *([transport.notify] if transport.notify else [])]
    if not any(_same_party(receiver, presented.terms.buyer) for receiver in receivers):
        says = "consignee and notify: " + ", ".join(_named(receiver) for receiver in receivers)
        yield Finding("buyer_conflict", ("transport_document",), says, _named(presented.terms.buyer))
    yield from _weights_possible(transport)
    yield from _goods_agree(presented, transport)
    if packed:
        for code, stated, other in (
            ("packages_conflict", _total_packages(transport), _total_packages(packed)),
            ("gross_weight_conflict", _total_gross(transport), _total_gross(packed)),
        ):
            if stated != other:
                says, says_other = f"{stated:f}", f"the packing list says {other:f}"
                yield Finding(code, ("transport_document", "packing_list"), says, says_other)


def _weights_possible(document: PackingList | TransportDocument) -> Iterator[Finding]:
    for line in document.lines:
        if line.net_kg is not None and line.net_kg > line.gross_kg:
            says = f"{line.description}: net {line.net_kg:f} kg, gross {line.gross_kg:f} kg"
            yield Finding("net_above_gross", (document.kind,), says, "net is not above gross")


def _goods_agree(presented: Presentation, document: PackingList | TransportDocument) -> Iterator[Finding]:
    """Compares goods by HS heading (or the agreed goods' name) and unit; other units cannot be compared."""
    if presented.invoice is None:
        return
    invoiced = _quantities(presented, presented.invoice)
    stated = _quantities(presented, document)
    kinds: tuple[DocumentKind, ...] = (document.kind, "invoice")
    on_invoice, on_document = {goods for goods, _ in invoiced}, {goods for goods, _ in stated}
    for goods in sorted(on_invoice ^ on_document):
        says, other = ("does not name", "names") if goods in on_invoice else ("names", "does not name")
        yield Finding("goods_conflict", kinds, f"{says} {goods}", f"the invoice {other} it")
    for goods, unit in sorted(set(invoiced) & set(stated)):
        if invoiced[goods, unit] != stated[goods, unit]:
            says = f"{goods}: {stated[goods, unit]:f} {unit}"
            yield Finding("quantity_conflict", kinds, says, f"the invoice says {invoiced[goods, unit]:f} {unit}")


def _quantities(presented: Presentation, document: Invoice | PackingList | TransportDocument) -> Quantities:
    totals: dict[tuple[str, str], Decimal] = {}
    for line in document.lines:
        if line.quantity > 0:  # a negative invoice line is a discount or a return, not goods
            goods = closest(line.description, line.hs, presented.terms.goods)
            name = heading(line.hs) or heading(goods.hs if goods else None) or folded(line.description or "goods")
            totals[name, line.unit] = totals.get((name, line.unit), Decimal(0)) + line.quantity
    return totals


def _delivery_agrees(presented: Presentation) -> Iterator[Finding]:
    """An Incoterm that is stated is the agreed one, at the agreed place; a document need not state it."""
    agreed = presented.terms.delivery
    for document in presented.documents:
        stated = document.delivery
        if agreed and stated and not _same_delivery(stated, agreed):
            says, says_terms = f"{stated.incoterm} {stated.place}", f"{agreed.incoterm} {agreed.place}"
            yield Finding("delivery_terms_differ", (document.kind,), says, says_terms)


def ports_as_agreed(presented: Presentation) -> Iterator[Finding]:
    """Port of loading and port of discharge are those of the terms."""
    if transport := presented.transport:
        pairs: tuple[tuple[str, Port, Port | None], ...] = (
            ("port_of_loading_differs", transport.port_of_loading, presented.terms.port_of_loading),
            ("port_of_discharge_differs", transport.port_of_discharge, presented.terms.port_of_discharge),
        )
        for code, stated, agreed in pairs:
            if agreed and not same_port(stated, agreed):
                yield Finding(code, ("transport_document",), _port_named(stated), _port_named(agreed))


def shipped_on_board(presented: Presentation) -> Iterator[Finding]:
    """Carrier named; signed, in a stated capacity; on board a named ship on a stated date."""
    if transport := presented.transport:
        needed = (
            ("carrier_not_named", transport.carrier, "the carrier is named"),
            ("not_signed", transport.signed_by and transport.signed_as, "signed by or for the carrier or master"),
            ("not_on_board", transport.on_board_date and transport.vessel, "shipped on board a named ship on a date"),
        )
        for code, stated, demanded in needed:
            if not stated:
                yield Finding(code, ("transport_document",), "not stated", demanded)


def _same_party(stated: StatedParty, agreed: StatedParty) -> bool:
    if stated.lei and agreed.lei and stated.lei != agreed.lei:
        return False
    return folded(stated.name) == folded(agreed.name) and stated.country == agreed.country


def _same_delivery(stated: DeliveryTerms, agreed: DeliveryTerms) -> bool:
    same_place = not stated.place or not agreed.place or folded(stated.place) == folded(agreed.place)
    return stated.incoterm == agreed.incoterm and same_place


def _total_packages(document: PackingList | TransportDocument) -> Decimal:
    return Decimal(sum(line.packages for line in document.lines))


def _total_gross(document: PackingList | TransportDocument) -> Decimal:
    return sum((line.gross_kg for line in document.lines), Decimal(0))


def _named(party: StatedParty) -> str:
    return f"{party.name} ({party.country})" + (f" LEI {party.lei}" if party.lei else "")


def _goods_named(description: str, hs: str | None) -> str:
    return f"{description} (HS {hs})" if hs else description


def _port_named(port: Port) -> str:
    return f"{port.name} ({port.locode})" if port.locode else port.name


def _moment(unix: int) -> str:
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%d %H:%M:%S} UTC"
