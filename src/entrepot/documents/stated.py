"""Facts as documents state them: parties, lines, places, dates and numbers, each read strictly with its path.

Nothing here says whether a fact is true or allowed; it only says that it is well formed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, localcontext
from typing import Literal

from ..core.asset import CURRENCIES, Asset
from ..core.errors import Invalid, declare
from ..core.money import Money

DOCUMENT_BYTES_MAX = 5_000_000
TEXT_CHARS_MAX = 5_000
NUMBER_CHARS_MAX = 200
SCREENED_CHARS_MAX = 300  # of a name that lists are searched for: screening reads no longer one
LINES_MAX = 10_000
EXACT = Context(prec=200)  # wide enough for every number that DECIMAL accepts, so that no sum is ever rounded

# xs:decimal without exponents: no NaN, no 1e9, no digits outside ASCII.
_DECIMAL = re.compile(r"[+-]?(?=\.?[0-9])[0-9]{0,45}(\.[0-9]{0,20})?\Z")
_ISO_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_UNIT = re.compile(r"[A-Z0-9]{2,3}\Z")
_HS = re.compile(r"[0-9]{6,10}\Z")
_LOCODE = re.compile(r"[A-Z]{2}[A-Z2-9]{3}\Z")

# Source: ICC, Incoterms 2020 (in use from 2020-01-01).
INCOTERMS = frozenset(("EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP"))

declare(
    "Invalid",
    invoice_syntax_unknown="The file is neither a UBL 2.1 invoice, a CII D16B invoice nor our JSON.",
    invoice_malformed="The invoice cannot be read as its syntax demands.",
    invoice_field_missing="A field the invoice needs is missing or empty; the path says which.",
    invoice_field_malformed="A field of the invoice does not have its standard's form; the path says which.",
    invoice_field_repeated="A field that may stand once in an invoice stands more often.",
    invoice_currency_conflict="The amount payable is in another currency than the invoice.",
    document_kind_unknown="The file is not an invoice, a packing list or a transport document of a known schema.",
    document_malformed="The document cannot be read as JSON.",
    document_field_missing="A field the document needs is missing or empty; the path says which.",
    document_field_malformed="A field of the document does not have its form; the path says which.",
)

Noun = Literal["invoice", "document"]
DocumentKind = Literal["invoice", "packing_list", "transport_document"]
KINDS: tuple[DocumentKind, ...] = ("invoice", "packing_list", "transport_document")


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd that does not stop a document: a stable `code`, a sentence, and the `path` it is about."""

    code: str
    message: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class StatedParty:
    """A party as a document names it. `country` is ISO 3166-1 alpha-2; what is not stated is empty.

    `lei` is set only if its check digits are right (ISO 17442).
    """

    name: str
    country: str
    registration: str = ""
    tax_id: str = ""
    lei: str = ""
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """An Incoterm and its named place. Source: ICC, Incoterms 2020."""

    incoterm: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A port: its UN/LOCODE where stated, else empty, and its name."""

    locode: str
    name: str


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One invoice line. `hs` is the Harmonized System code without dots; `unit` is UN/ECE Rec 20, or empty.

    `net_amount` is in major units of the invoice's currency. It is a Decimal, not Money: a line may be negative
    (a discount) or finer than the minor unit, and nobody is ever paid a line.
    """

    id: str
    description: str
    hs: str | None
    quantity: Decimal
    unit: str
    net_amount: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals an invoice states, in major units of its currency; None where it does not."""

    lines: Decimal | None = None
    allowances: Decimal | None = None
    charges: Decimal | None = None
    tax_exclusive: Decimal | None = None
    tax: Decimal | None = None
    tax_inclusive: Decimal | None = None
    prepaid: Decimal | None = None
    rounding: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a reader found in one syntax, before the checks that all syntaxes share."""

    syntax: Literal["ubl", "cii", "json"]
    type_code: str
    is_credit_note: bool
    number: str
    issue_date: date
    due_date: date | None
    seller: StatedParty
    buyer: StatedParty
    lines: tuple[InvoiceLine, ...]
    currency: Asset
    payable: Decimal
    payable_path: str
    totals: Totals
    delivery: DeliveryTerms | None
    remarks: tuple[Remark, ...]


def clean_text(raw: str, noun: Noun, path: str, *, chars_max: int = TEXT_CHARS_MAX) -> str:
    """`raw` in NFC with runs of white space as one space. Raises: Invalid(*_field_malformed)."""
    text = " ".join(raw.split())
    if not (text.isascii() and text.isprintable()):  # printable ASCII is in NFC, and controls nothing
        text = unicodedata.normalize("NFC", text)
        if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
            raise Invalid(f"{noun}_field_malformed", "Control characters are not text.", path=path)
    if len(text) > chars_max:
        raise Invalid(f"{noun}_field_malformed", f"{len(text)} characters; at most {chars_max} fit.", path=path)
    return text


def exact_decimal(text: str, noun: Noun, path: str) -> Decimal:
    """A number as xs:decimal writes it, exact. Raises: Invalid(*_field_malformed) for NaN, 1e9, 1,5 and the like."""
    if not _DECIMAL.match(text):
        raise Invalid(f"{noun}_field_malformed", f"{text!r:.60} is not a decimal number.", path=path)
    return Decimal(text)


def exact_money(amount: Decimal, asset: Asset, path: str) -> Money:
    """`amount` major units as Money. Raises: Invalid(amount_too_fine, amount_out_of_range)."""
    with localcontext(EXACT):  # the default context would round beyond 28 digits
        minor = amount.scaleb(asset.decimals)
        if minor != minor.to_integral_value():
            raise Invalid("amount_too_fine", f"{amount} has more than {asset.decimals} decimals.", path=path)
    try:
        return Money(int(minor), asset)
    except Invalid as error:
        raise Invalid(error.code, error.message, path=path) from None


def iso_date(text: str, noun: Noun, path: str) -> date:
    """A calendar date `2026-11-23`, with or without a time zone, which is not used. Source: xs:date."""
    match = _ISO_DATE.match(text)
    try:
        if match:
            return date.fromisoformat(match[1])
    except ValueError:
        pass
    raise Invalid(f"{noun}_field_malformed", f"{text!r:.40} is not a date.", path=path)


def country_code(text: str, noun: Noun, path: str) -> str:
    """An ISO 3166-1 alpha-2 code, by its shape. Raises: Invalid(*_field_malformed)."""
    if not _COUNTRY.match(text):
        raise Invalid(f"{noun}_field_malformed", f"{text!r:.20} is not a two-letter country code.", path=path)
    return text


def currency_of(text: str, path: str) -> Asset:
    """The ISO 4217 currency. Raises: Invalid(asset_unknown)."""
    if text not in CURRENCIES:
        raise Invalid("asset_unknown", f"{text!r:.20} is not a currency of ISO 4217.", path=path)
    return CURRENCIES[text]


def hs_code(text: str) -> str | None:
    """An HS code without dots and spaces, 6 to 10 digits; None if it is not one. Source: WCO, HS Convention."""
    digits = text.replace(".", "").replace(" ", "")
    return digits if _HS.match(digits) else None


def unit_code(text: str) -> str | None:
    """A UN/ECE Recommendation 20 (or X with Recommendation 21) code by its shape, else None."""
    return text if _UNIT.match(text) else None


def is_locode(text: str) -> bool:
    """True for the shape of a UN/LOCODE such as `DEHAM`. Source: UN/ECE Recommendation 16."""
    return bool(_LOCODE.match(text))
