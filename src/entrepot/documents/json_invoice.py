"""Reads and writes our own invoice JSON, schema `entrepot/invoice/1`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..core.canonical import Json
from .json_reading import Fields, delivery_in, delivery_json, party_in, party_json, without_empty
from .stated import DeliveryTerms, Draft, InvoiceLine, StatedParty, Totals, currency_of
from .stated_codes import CREDIT_NOTE_TYPES

SCHEMA = "entrepot/invoice/1"
INVOICE_TYPE = "380"  # UNTDID 1001: commercial invoice


def read_json_invoice(body: dict[str, Any]) -> Draft:
    """A Draft of an invoice object. Members, all amounts and quantities as strings of decimal major units:

    `schema`, `type_code`? (UNTDID 1001, else 380), `number`, `issue_date`, `due_date`?, `currency` (ISO 4217),
    `payable`, `prepaid`?, `tax`?, `seller` and `buyer` {`name`, `country`, `registration`?, `tax_id`?, `lei`?,
    `address`? [line]}, `lines` [{`id`, `description`, `hs`?, `quantity`, `unit`, `net_amount`}],
    `delivery`? {`incoterm`, `place`?}. No other member is let in.
    Raises: Invalid(invoice_field_missing, invoice_field_malformed, asset_unknown).
    """
    fields = Fields(body, "invoice", "$")
    fields.text("schema")
    type_code = fields.optional("type_code") or INVOICE_TYPE
    draft = Draft(
        syntax="json",
        type_code=type_code,
        is_credit_note=type_code in CREDIT_NOTE_TYPES,
        number=fields.text("number"),
        issue_date=fields.day("issue_date"),
        due_date=fields.optional_day("due_date"),
        seller=party_in(fields.inner("seller")),
        buyer=party_in(fields.inner("buyer")),
        lines=tuple(_line(line) for line in fields.each("lines")),
        currency=currency_of(fields.text("currency"), fields.at("currency")),
        payable=fields.decimal("payable"),
        payable_path=fields.at("payable"),
        totals=Totals(tax=fields.optional_decimal("tax"), prepaid=fields.optional_decimal("prepaid")),
        delivery=delivery_in(fields.optional_inner("delivery")),
        remarks=(),
    )
    fields.done()
    return draft


def _line(fields: Fields) -> InvoiceLine:
    line = InvoiceLine(
        id=fields.text("id"),
        description=fields.text("description"),
        hs=fields.hs(),
        quantity=fields.decimal("quantity"),
        unit=fields.unit(),
        net_amount=fields.decimal("net_amount"),
    )
    fields.done()
    return line


def line_json(line: InvoiceLine) -> dict[str, Any]:
    """One line as `read_json_invoice` reads it."""
    return without_empty(
        {
            "id": line.id,
            "description": line.description,
            "hs": line.hs,
            "quantity": f"{line.quantity:f}",
            "unit": line.unit,
            "net_amount": f"{line.net_amount:f}",
        }
    )


def write_json_invoice(
    *,
    type_code: str,
    number: str,
    issue_date: str,
    due_date: str | None,
    currency: str,
    payable: Decimal,
    seller: StatedParty,
    buyer: StatedParty,
    lines: tuple[InvoiceLine, ...],
    delivery: DeliveryTerms | None,
    totals: Totals,
) -> Json:
    """The object that `read_json_invoice` reads, without members that state nothing."""
    return without_empty(
        {
            "schema": SCHEMA,
            "type_code": type_code,
            "number": number,
            "issue_date": issue_date,
            "due_date": due_date,
            "currency": currency,
            "payable": f"{payable:f}",
            "tax": None if totals.tax is None else f"{totals.tax:f}",
            "prepaid": None if totals.prepaid is None else f"{totals.prepaid:f}",
            "seller": party_json(seller),
            "buyer": party_json(buyer),
            "lines": [line_json(line) for line in lines],
            "delivery": delivery_json(delivery),
        }
    )
