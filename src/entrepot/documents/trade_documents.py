"""Packing list and transport document as typed JSON with a hash, and the one door for all presented documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar

from ..core.canonical import Json, sha256_of
from ..core.errors import Invalid
from .check_digits import is_container_number, is_imo_number
from .invoice import Invoice, read_invoice
from .json_reading import Fields, delivery_in, delivery_json, parse_json, party_in, party_json, without_empty
from .kept import DOCUMENTS_KEPT, kept
from .stated import DeliveryTerms, DocumentKind, Port, StatedParty, is_locode

PACKING_LIST = "entrepot/packing-list/1"
TRANSPORT_DOCUMENT = "entrepot/transport-document/1"
SIGNED_AS = ("carrier", "agent_of_carrier", "master", "agent_of_master")  # UCP 600 art. 20(a)(i)


@dataclass(frozen=True, slots=True)
class GoodsLine:
    """Goods as packed and shipped: `quantity` in `unit` (UN/ECE Rec 20), weights in kilograms."""

    description: str
    hs: str | None
    quantity: Decimal
    unit: str
    packages: int
    gross_kg: Decimal
    net_kg: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PackingList:
    """What was packed for whom. `invoice_number` is the invoice it belongs to, empty where it does not say."""

    number: str
    issue_date: date
    seller: StatedParty
    buyer: StatedParty
    lines: tuple[GoodsLine, ...]
    invoice_number: str = ""
    delivery: DeliveryTerms | None = None

    kind: ClassVar[DocumentKind] = "packing_list"

    def to_json(self) -> Json:
        """What `read_document` reads: schema `entrepot/packing-list/1`."""
        return without_empty(
            {
                "schema": PACKING_LIST,
                "number": self.number,
                "issue_date": self.issue_date.isoformat(),
                "seller": party_json(self.seller),
                "buyer": party_json(self.buyer),
                "lines": [_goods_json(line) for line in self.lines],
                "invoice_number": self.invoice_number,
                "delivery": delivery_json(self.delivery),
            }
        )

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the canonical bytes."""
        return _sha256(self)


@dataclass(frozen=True, slots=True)
class TransportDocument:
    """A bill of lading or sea waybill as typed data.

    `on_board_date` is None while the goods are only received for shipment. `signed_by` and `signed_as` say who
    signed and in which capacity; empty if nobody did. `vessel_imo` and `containers` carry right check digits.
    """

    number: str
    issue_date: date
    on_board_date: date | None
    shipper: StatedParty
    consignee: StatedParty
    notify: StatedParty | None
    carrier: str
    signed_by: str
    signed_as: str
    vessel: str
    vessel_imo: str
    port_of_loading: Port
    port_of_discharge: Port
    lines: tuple[GoodsLine, ...]
    containers: tuple[str, ...] = ()
    delivery: DeliveryTerms | None = None

    kind: ClassVar[DocumentKind] = "transport_document"

    def to_json(self) -> Json:
        """What `read_document` reads: schema `entrepot/transport-document/1`."""
        return without_empty(
            {
                "schema": TRANSPORT_DOCUMENT,
                "number": self.number,
                "issue_date": self.issue_date.isoformat(),
                "on_board_date": self.on_board_date.isoformat() if self.on_board_date else None,
                "shipper": party_json(self.shipper),
                "consignee": party_json(self.consignee),
                "notify": party_json(self.notify) if self.notify else None,
                "carrier": self.carrier,
                "signed_by": self.signed_by,
                "signed_as": self.signed_as,
                "vessel": self.vessel,
                "vessel_imo": self.vessel_imo,
                "port_of_loading": _port_json(self.port_of_loading),
                "port_of_discharge": _port_json(self.port_of_discharge),
                "lines": [_goods_json(line) for line in self.lines],
                "containers": list(self.containers),
                "delivery": delivery_json(self.delivery),
            }
        )

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the canonical bytes."""
        return _sha256(self)


@lru_cache(maxsize=DOCUMENTS_KEPT)
def _sha256(document: PackingList | TransportDocument) -> str:
    return sha256_of(document.to_json()).hex()


Document = Invoice | PackingList | TransportDocument


@kept
def read_document(raw: bytes) -> Document:
    """The document in `raw`: an invoice in any of its syntaxes, or our JSON of the two schemas below.

    `entrepot/packing-list/1`: `number`, `issue_date`, `seller`, `buyer`, `lines`, `invoice_number`?, `delivery`?.
    `entrepot/transport-document/1`: `number`, `issue_date`, `on_board_date`?, `shipper`, `consignee`, `notify`?,
    `carrier`?, `signed_by`?, `signed_as`? (carrier, agent_of_carrier, master, agent_of_master), `vessel`?,
    `vessel_imo`? (7 digits), `port_of_loading` and `port_of_discharge` {`locode`?, `name`}, `lines`, `containers`?
    [ISO 6346], `delivery`?. A line is {`description`, `hs`?, `quantity`, `unit`, `packages`, `gross_kg`, `net_kg`?},
    a party and `delivery` as in `entrepot/invoice/1`. Numbers with fractions are strings; no other member is let in.
    Raises: Invalid(document_kind_unknown, document_malformed, document_field_*, …) and as `read_invoice`.
    """
    if not raw.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return read_invoice(raw)
    body = parse_json(raw, "document")
    schema = body.get("schema")
    if schema == PACKING_LIST:
        return _packing_list(Fields(body, "document", "$"))
    if schema == TRANSPORT_DOCUMENT:
        return _transport_document(Fields(body, "document", "$"))
    if isinstance(schema, str) and schema.startswith("entrepot/invoice/"):
        return read_invoice(raw)
    raise Invalid("document_kind_unknown", f"{schema!r:.60} is no schema of a document that is read here.")


def _packing_list(fields: Fields) -> PackingList:
    fields.text("schema")
    document = PackingList(
        number=fields.text("number"),
        issue_date=fields.day("issue_date"),
        seller=party_in(fields.inner("seller")),
        buyer=party_in(fields.inner("buyer")),
        lines=_goods(fields),
        invoice_number=fields.optional("invoice_number"),
        delivery=delivery_in(fields.optional_inner("delivery")),
    )
    fields.done()
    return document


def _transport_document(fields: Fields) -> TransportDocument:
    fields.text("schema")
    notify = fields.optional_inner("notify")
    document = TransportDocument(
        number=fields.text("number"),
        issue_date=fields.day("issue_date"),
        on_board_date=fields.optional_day("on_board_date"),
        shipper=party_in(fields.inner("shipper")),
        consignee=party_in(fields.inner("consignee")),
        notify=party_in(notify) if notify else None,
        carrier=fields.optional_screened("carrier"),
        signed_by=fields.optional("signed_by"),
        signed_as=_signed_as(fields),
        vessel=fields.optional_screened("vessel"),
        vessel_imo=_imo(fields),
        port_of_loading=_port(fields.inner("port_of_loading")),
        port_of_discharge=_port(fields.inner("port_of_discharge")),
        lines=_goods(fields),
        containers=_containers(fields),
        delivery=delivery_in(fields.optional_inner("delivery")),
    )
    fields.done()
    return document


def _goods(fields: Fields) -> tuple[GoodsLine, ...]:
    lines = tuple(_goods_line(line) for line in fields.each("lines"))
    if not lines:
        raise Invalid("document_field_missing", f"{fields.at('lines')} is empty.", path=fields.at("lines"))
    return lines


def _goods_line(fields: Fields) -> GoodsLine:
    line = GoodsLine(
        description=fields.text("description"),
        hs=fields.hs(),
        quantity=fields.decimal("quantity"),
        unit=fields.unit(),
        packages=fields.count("packages"),
        gross_kg=fields.kilograms("gross_kg"),
        net_kg=fields.optional_kilograms("net_kg"),
    )
    if line.quantity < 0:
        raise fields.malformed("quantity", "goods are not negative")
    fields.done()
    return line


def _goods_json(line: GoodsLine) -> dict[str, Any]:
    return without_empty(
        {
            "description": line.description,
            "hs": line.hs,
            "quantity": f"{line.quantity:f}",
            "unit": line.unit,
            "packages": line.packages,
            "gross_kg": f"{line.gross_kg:f}",
            "net_kg": None if line.net_kg is None else f"{line.net_kg:f}",
        }
    )


def _port(fields: Fields) -> Port:
    port = Port(locode=fields.optional("locode"), name=fields.text("name"))
    if port.locode and not is_locode(port.locode):
        raise fields.malformed("locode", "a UN/LOCODE of five characters was expected")
    fields.done()
    return port


def _port_json(port: Port) -> dict[str, str]:
    return without_empty({"locode": port.locode, "name": port.name})


def _signed_as(fields: Fields) -> str:
    capacity = fields.optional("signed_as")
    if capacity and capacity not in SIGNED_AS:
        raise fields.malformed("signed_as", f"one of {', '.join(SIGNED_AS)} was expected")
    return capacity


def _imo(fields: Fields) -> str:
    number = fields.optional("vessel_imo")
    if number and not is_imo_number(number):
        raise fields.malformed("vessel_imo", "the check digit of this IMO number is wrong")
    return number


def _containers(fields: Fields) -> tuple[str, ...]:
    numbers = fields.texts("containers")
    for number in numbers:
        if not is_container_number(number):
            raise fields.malformed("containers", f"{number!r:.20} has no right check digit (ISO 6346)")
    return numbers
