"""An invoice as it came in, in one form for all syntaxes, and how two of them are known to be the same.

It says what the invoice states; whether it may be paid is for the regime and the workflows.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import localcontext
from typing import ClassVar, Literal

from ..core.asset import Asset
from ..core.canonical import Json
from ..core.errors import Invalid, Refused, declare
from ..core.money import Money
from . import cii, ubl
from .arithmetic import arithmetic_remarks
from .json_invoice import SCHEMA as JSON_SCHEMA
from .json_invoice import read_json_invoice, write_json_invoice
from .json_reading import parse_json
from .kept import kept
from .pdf_invoice import OPENING, attached_xml
from .stated import (
    EXACT,
    NUMBER_CHARS_MAX,
    DeliveryTerms,
    DocumentKind,
    Draft,
    InvoiceLine,
    Remark,
    StatedParty,
    Totals,
    clean_text,
    exact_money,
)
from .xml_reading import parse_xml

_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_XML_OPENINGS = (b"<", b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_BOM = b"\xef\xbb\xbf"
UNKNOWN = f"Neither UBL 2.1, CII D16B, a PDF that carries one of them, nor JSON of schema {JSON_SCHEMA}."

declare(
    "Refused",
    invoice_is_credit_note="A credit note gives money back; it cannot be settled as an invoice.",
    invoice_nothing_payable="The amount payable is zero or negative.",
)


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice. `payable` is in `currency`; `sha256` (hex) is over the original bytes.

    `type_code` is UNTDID 1001 (380 commercial invoice). `warnings` are odd things that did not stop the reading.
    """

    syntax: Literal["ubl", "cii", "json"]
    type_code: str
    is_credit_note: bool
    number: str
    issue_date: date
    due_date: date | None
    currency: Asset
    seller: StatedParty
    buyer: StatedParty
    lines: tuple[InvoiceLine, ...]
    payable: Money
    totals: Totals
    delivery: DeliveryTerms | None
    warnings: tuple[Remark, ...]
    sha256: str

    kind: ClassVar[DocumentKind] = "invoice"

    def to_json(self) -> Json:
        """The invoice in our own schema `entrepot/invoice/1`, whatever syntax it came in."""
        with localcontext(EXACT):
            payable = self.payable.decimal()
        return write_json_invoice(
            type_code=self.type_code,
            number=self.number,
            issue_date=self.issue_date.isoformat(),
            due_date=self.due_date.isoformat() if self.due_date else None,
            currency=self.currency.id,
            payable=payable,
            seller=self.seller,
            buyer=self.buyer,
            lines=self.lines,
            delivery=self.delivery,
            totals=self.totals,
        )


@kept
def read_invoice(raw: bytes) -> Invoice:
    """The invoice in `raw`, if it is one that asks for money.

    Raises: Invalid as `parse_invoice`; Refused(invoice_is_credit_note, invoice_nothing_payable).
    """
    invoice = parse_invoice(raw)
    if invoice.is_credit_note:
        raise Refused("invoice_is_credit_note", f"{invoice.number} is a credit note (type {invoice.type_code}).")
    if invoice.payable.amount_minor == 0:
        raise Refused("invoice_nothing_payable", f"{invoice.number} leaves 0 {invoice.currency.id} to be paid.")
    return invoice


def parse_invoice(raw: bytes) -> Invoice:
    """The invoice or credit note in `raw` (UBL 2.1, CII D16B, a PDF that carries one, our JSON), payable or not.

    Raises: Invalid(invoice_syntax_unknown, invoice_malformed, invoice_pdf_unreadable, invoice_pdf_without_xml,
    invoice_field_missing, invoice_field_malformed,
    invoice_field_repeated, invoice_currency_conflict, asset_unknown, amount_too_fine, amount_out_of_range);
    Refused(invoice_nothing_payable) if the amount payable is negative.
    """
    draft = _draft(raw)
    if not draft.lines:
        raise Invalid("invoice_field_missing", "The invoice has no lines.", path="lines")
    if draft.payable < 0:
        raise Refused(
            "invoice_nothing_payable",
            f"{draft.payable} {draft.currency.id} is negative: the seller owes the buyer.",
            path=draft.payable_path,
        )
    return Invoice(
        syntax=draft.syntax,
        type_code=draft.type_code,
        is_credit_note=draft.is_credit_note,
        number=clean_text(draft.number, "invoice", "number", chars_max=NUMBER_CHARS_MAX),
        issue_date=draft.issue_date,
        due_date=draft.due_date,
        currency=draft.currency,
        seller=draft.seller,
        buyer=draft.buyer,
        lines=draft.lines,
        payable=exact_money(draft.payable, draft.currency, draft.payable_path),
        totals=draft.totals,
        delivery=draft.delivery,
        warnings=draft.remarks + tuple(_odd_dates(draft)) + tuple(arithmetic_remarks(draft)),
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _draft(raw: bytes) -> Draft:
    start = raw[:64].removeprefix(_BOM).lstrip()
    if not raw.strip():
        raise Invalid("invoice_malformed", "The file is empty.")
    if start.startswith(b"{"):
        body = parse_json(raw, "invoice")
        if body.get("schema") == JSON_SCHEMA:
            return read_json_invoice(body)
    elif start.startswith(OPENING):
        return _xml_draft(attached_xml(raw))
    elif start.startswith(_XML_OPENINGS):
        return _xml_draft(raw)
    raise Invalid("invoice_syntax_unknown", UNKNOWN)


def _xml_draft(raw: bytes) -> Draft:
    root = parse_xml(raw)
    if root.tag in (ubl.INVOICE, ubl.CREDIT_NOTE):
        return ubl.read_ubl(root)
    if root.tag == cii.INVOICE:
        return cii.read_cii(root)
    raise Invalid("invoice_syntax_unknown", UNKNOWN)


def media_type_of(raw: bytes) -> str:
    """What a document's bytes are, as its reader tells them apart."""
    start = raw[:64].removeprefix(_BOM).lstrip()
    if start.startswith(OPENING):
        return "application/pdf"
    return "application/json" if start.startswith(b"{") else "application/xml"


def _odd_dates(draft: Draft) -> list[Remark]:
    if draft.due_date and draft.due_date < draft.issue_date:
        return [Remark("due_before_issue", f"Due {draft.due_date}, issued {draft.issue_date}.", "due_date")]
    return []


def duplicate_key(invoice: Invoice) -> str:
    """What makes two invoices the same one in any syntax: the issuer's strongest identity and the number."""
    return duplicate_keys(invoice)[0]


def duplicate_keys(invoice: Invoice) -> tuple[str, ...]:
    """Every key the invoice answers to, strongest first: registration, tax id, LEI, then name and country.

    A registry that stores them all also finds a copy from which an identifier was taken out. An identifier counts
    only if it has a digit ("XX" and "N/A" name nobody); punctuation, spaces and case do not tell two of them apart.
    """
    seller, number = invoice.seller, _number(invoice.number)
    identifiers = (_letters_and_digits(text) for text in (seller.registration, seller.tax_id, seller.lei))
    keys = [f"{text}|{number}" for text in identifiers if any(char.isdigit() for char in text)]
    keys.append(f"name:{_letters_and_digits(seller.name)}|{seller.country}|{number}")
    return tuple(dict.fromkeys(keys))


def fingerprint(invoice: Invoice) -> str:
    """Date and amount payable: under one key another fingerprint is a corrected or a false invoice, so REVIEW."""
    return f"{invoice.issue_date.isoformat()}|{invoice.payable.amount_minor}|{invoice.currency.id}"


def _letters_and_digits(text: str) -> str:
    """Upper-case letters and digits without accents: `NL8200.98.395.B.01` is `NL820098395B01`."""
    plain = unicodedata.normalize("NFKD", text).upper()
    return "".join(char for char in plain if char.isalnum())


_UNSEEN = ("Cc", "Cf", "Mn", "Zl", "Zp", "Zs")


def _number(text: str) -> str:
    """An invoice number upper-case, without spaces and what nobody sees, with one kind of dash.

    `1/11` and `11/1` stay two numbers.
    """
    plain = unicodedata.normalize("NFKC", text).upper()
    seen = (char for char in plain if unicodedata.category(char) not in _UNSEEN and not char.isspace())
    return _DASHES.sub("-", "".join(seen))
