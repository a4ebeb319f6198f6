"""What an examiner has before him: the terms as far as documents are concerned, and the documents, side by side."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from ..core.money import Money
from .invoice import Invoice
from .stated import KINDS, DeliveryTerms, DocumentKind, Port, StatedParty
from .trade_documents import Document, PackingList, TransportDocument

SHIPMENT_TO_PRESENTATION_DAYS = 21  # UCP 600 art. 14(c)
HS_HEADING_DIGITS = 6  # beyond these the code is national

_Kind = TypeVar("_Kind", Invoice, PackingList, TransportDocument)


@dataclass(frozen=True, slots=True)
class GoodsAgreed:
    """Goods as the terms name them; `about` widens the tolerance to 10% (UCP 600 art. 30(a))."""

    description: str
    hs: str | None
    quantity: Decimal
    unit: str
    about: bool = False


@dataclass(frozen=True, slots=True)
class ExaminedTerms:
    """What the terms say about documents. `amount` is the most the invoice may ask, in the invoice's currency.

    `present_by` is in Unix seconds and included; what is None or empty is not agreed and not examined.
    """

    seller: StatedParty
    buyer: StatedParty
    amount: Money
    goods: tuple[GoodsAgreed, ...]
    present_by: int
    invoice_number: str = ""
    latest_shipment: date | None = None
    shipment_to_presentation_days: int = SHIPMENT_TO_PRESENTATION_DAYS
    required: tuple[DocumentKind, ...] = KINDS
    delivery: DeliveryTerms | None = None
    port_of_loading: Port | None = None
    port_of_discharge: Port | None = None


@dataclass(frozen=True, slots=True)
class Presentation:
    """Terms and documents at `presented_at` (Unix seconds); days are counted in UTC."""

    terms: ExaminedTerms
    documents: tuple[Document, ...]
    presented_at: int

    @property
    def presented_on(self) -> date:
        """The day of presentation, UTC."""
        return datetime.fromtimestamp(self.presented_at, UTC).date()

    @property
    def invoice(self) -> Invoice | None:
        """The invoice presented first, if any; a second one is a finding of its own."""
        return self._first(Invoice)

    @property
    def packing_list(self) -> PackingList | None:
        """The packing list, if any."""
        return self._first(PackingList)

    @property
    def transport(self) -> TransportDocument | None:
        """The transport document, if any."""
        return self._first(TransportDocument)

    def _first(self, kind: type[_Kind]) -> _Kind | None:
        return next((document for document in self.documents if isinstance(document, kind)), None)


def folded(text: str) -> str:
    """Letters and digits only, without case and accents: data need not be identical (UCP 600 art. 14(d))."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in plain if char.isalnum())


@lru_cache(maxsize=20_000)
def words(text: str) -> frozenset[str]:
    """The folded words of a description."""
    spaced = "".join(
        char if char.isalnum() else " "
        for char in unicodedata.normalize("NFKD", text).casefold()
        if not unicodedata.combining(char)
    )
    return frozenset(spaced.split())


def heading(hs: str | None) -> str:
    """The international part of an HS code, or empty."""
    return (hs or "")[:HS_HEADING_DIGITS]


def corresponds(description: str, hs: str | None, goods: GoodsAgreed) -> bool:
    """True if a line of an invoice is these goods: every agreed word stands in it, and HS codes do not differ."""
    if hs and goods.hs and heading(hs) != heading(goods.hs):
        return False
    return words(goods.description) <= words(description)


def closest(description: str, hs: str | None, goods: Iterable[GoodsAgreed]) -> GoodsAgreed | None:
    """The goods a line corresponds to, the one with most words if several; None if it is none of them."""
    fitting = [agreed for agreed in goods if corresponds(description, hs, agreed)]
    return max(fitting, key=lambda agreed: len(words(agreed.description)), default=None)


def same_port(stated: Port, agreed: Port) -> bool:
    """True if the codes agree, or, where one is missing, the names."""
    if stated.locode and agreed.locode:
        return stated.locode == agreed.locode
    return folded(stated.name) == folded(agreed.name)
