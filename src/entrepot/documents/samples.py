"""Sample documents for a trade, written from the standards: for the demo and the tests, never for a real trade."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal, localcontext

from lxml import etree

from ..core.canonical import canonical
from .cii import INVOICE as CII_INVOICE
from .cii import NAMESPACES as CII_NAMESPACES
from .invoice import Invoice
from .json_invoice import write_json_invoice
from .stated import EXACT, DeliveryTerms, InvoiceLine, Port, StatedParty, Totals
from .stated_codes import HS_LIST, LEI_SCHEME
from .trade_documents import GoodsLine, PackingList, TransportDocument
from .ubl import INVOICE as UBL_INVOICE
from .ubl import NAMESPACES as UBL_NAMESPACES

EN_16931 = "urn:cen.eu:en16931:2017"
EXPORT = "G"  # UNTDID 5305: free export item, VAT not charged
KG_PER_PACKAGE = Decimal(60)

# An element: its name, its text or its parts, and its attributes. A part that is None is left out.
Part = tuple[str, "str | list[Part | None]", dict[str, str]]


@dataclass(frozen=True, slots=True)
class TradeFacts:
    """A sale of goods, as far as its documents state it. `packages` and `gross_kg` are for all goods together."""

    invoice_number: str
    issue_date: date
    due_date: date
    currency: str
    seller: StatedParty
    buyer: StatedParty
    lines: tuple[InvoiceLine, ...]
    delivery: DeliveryTerms
    port_of_loading: Port
    port_of_discharge: Port
    on_board_date: date
    carrier: str
    vessel: str
    vessel_imo: str
    containers: tuple[str, ...] = field(default=())

    @property
    def total(self) -> Decimal:
        """The sum of the lines: what is payable, for an export without tax."""
        with localcontext(EXACT):
            return sum((line.net_amount for line in self.lines), Decimal(0))


def coffee_trade(*, number: str, issue_date: date, currency: str = "USD") -> TradeFacts:
    """An invented sale of coffee from Ho Chi Minh City to Hamburg; its parties, ship and LEIs do not exist."""
    return TradeFacts(
        invoice_number=number,
        issue_date=issue_date,
        due_date=issue_date + timedelta(days=60),
        currency=currency,
        seller=StatedParty(
            name="Ban Mai Coffee Export JSC",
            country="VN",
            registration="0399999991",
            tax_id="VN0399999991",
            lei=lei_of("00EXAMPLESELLER000"),
            address=("12 Duong Vi Du", "700000 Ho Chi Minh City"),
        ),
        buyer=StatedParty(
            name="Nordkontor Rösterei GmbH",
            country="DE",
            registration="HRB 999999",
            tax_id="DE999999999",
            lei=lei_of("00EXAMPLEBUYER0000"),
            address=("Beispielkai 7", "20457 Hamburg"),
        ),
        lines=(
            InvoiceLine("1", "Robusta green coffee, grade 1", "090111", Decimal(19200), "KGM", Decimal("80640.00")),
            InvoiceLine("2", "Arabica green coffee, washed", "090111", Decimal(4800), "KGM", Decimal("29760.00")),
        ),
        delivery=DeliveryTerms("FOB", "Ho Chi Minh City"),
        port_of_loading=Port("VNSGN", "Ho Chi Minh City"),
        port_of_discharge=Port("DEHAM", "Hamburg"),
        on_board_date=issue_date + timedelta(days=3),
        carrier="Example Ocean Line",
        vessel="MV Example Star",
        vessel_imo="9999993",
        containers=("XMPU1234567",),
    )


def facts_from(invoice: Invoice, *, delivery: DeliveryTerms, on_board_date: date) -> TradeFacts:
    """Facts for the other documents of an invoice that came from outside. What it does not state is invented."""
    pattern = coffee_trade(number=invoice.number, issue_date=invoice.issue_date, currency=invoice.currency.id)
    return TradeFacts(
        invoice_number=invoice.number,
        issue_date=invoice.issue_date,
        due_date=invoice.due_date or pattern.due_date,
        currency=invoice.currency.id,
        seller=invoice.seller,
        buyer=invoice.buyer,
        lines=invoice.lines,
        delivery=invoice.delivery or delivery,
        port_of_loading=pattern.port_of_loading,
        port_of_discharge=pattern.port_of_discharge,
        on_board_date=on_board_date,
        carrier=pattern.carrier,
        vessel=pattern.vessel,
        vessel_imo=pattern.vessel_imo,
        containers=pattern.containers,
    )


def part_of(facts: TradeFacts, parts: int) -> TradeFacts:
    """The same sale of one part in `parts` of the goods, at the same prices."""
    lines = tuple(
        replace(line, quantity=line.quantity / parts, net_amount=line.net_amount / parts) for line in facts.lines
    )
    return replace(facts, lines=lines)


def lei_of(first_18: str) -> str:
    """An LEI with its two check digits. Source: ISO 17442, ISO 7064 MOD 97-10."""
    number = int("".join(str(int(char, 36)) for char in f"{first_18}00"))
    return f"{first_18}{98 - number % 97:02d}"


def json_invoice(facts: TradeFacts) -> bytes:
    """The invoice as canonical JSON of schema `entrepot/invoice/1`."""
    return canonical(
        write_json_invoice(
            type_code="380",
            number=facts.invoice_number,
            issue_date=facts.issue_date.isoformat(),
            due_date=facts.due_date.isoformat(),
            currency=facts.currency,
            payable=facts.total,
            seller=facts.seller,
            buyer=facts.buyer,
            lines=facts.lines,
            delivery=facts.delivery,
            totals=Totals(),
        )
    )


def goods_of(facts: TradeFacts) -> tuple[GoodsLine, ...]:
    """The goods as packed: what is invoiced with a positive quantity, 60 kg a package where it is sold by weight."""
    lines = []
    for line in facts.lines:
        if line.quantity > 0:
            kilograms = line.quantity if line.unit == "KGM" else Decimal(10) * line.quantity
            packages = int(-(-kilograms // KG_PER_PACKAGE))
            description, unit = line.description or "goods", line.unit or "C62"
            gross = kilograms + packages
            lines.append(GoodsLine(description, line.hs, line.quantity, unit, packages, gross, kilograms))
    return tuple(lines)


def packing_list(facts: TradeFacts) -> bytes:
    """The packing list as canonical JSON."""
    document = PackingList(
        number=f"PL-{facts.invoice_number}",
        issue_date=facts.issue_date,
        seller=facts.seller,
        buyer=facts.buyer,
        lines=goods_of(facts),
        invoice_number=facts.invoice_number,
        delivery=facts.delivery,
    )
    return canonical(document.to_json())


def transport_document(facts: TradeFacts) -> bytes:
    """The bill of lading as canonical JSON: shipped on board, carrier named, signed by the carrier."""
    document = TransportDocument(
        number=f"BL-{facts.invoice_number}",
        issue_date=facts.on_board_date,
        on_board_date=facts.on_board_date,
        shipper=facts.seller,
        consignee=facts.buyer,
        notify=facts.buyer,
        carrier=facts.carrier,
        signed_by=facts.carrier,
        signed_as="carrier",
        vessel=facts.vessel,
        vessel_imo=facts.vessel_imo,
        port_of_loading=facts.port_of_loading,
        port_of_discharge=facts.port_of_discharge,
        lines=goods_of(facts),
        containers=facts.containers,
        delivery=facts.delivery,
    )
    return canonical(document.to_json())


def ubl_invoice(facts: TradeFacts) -> bytes:
    """The invoice as UBL 2.1. Source: OASIS UBL 2.1 (order of elements); EN 16931-3-2."""
    amount = {"currencyID": facts.currency}
    total = f"{facts.total:f}"
    category: Part = ("cac:TaxCategory", _ubl_category(), {})
    body: list[Part | None] = [
        ("cbc:CustomizationID", EN_16931, {}),
        ("cbc:ID", facts.invoice_number, {}),
        ("cbc:IssueDate", facts.issue_date.isoformat(), {}),
        ("cbc:DueDate", facts.due_date.isoformat(), {}),
        ("cbc:InvoiceTypeCode", "380", {}),
        ("cbc:DocumentCurrencyCode", facts.currency, {}),
        ("cac:AccountingSupplierParty", [("cac:Party", _ubl_party(facts.seller), {})], {}),
        ("cac:AccountingCustomerParty", [("cac:Party", _ubl_party(facts.buyer), {})], {}),
        (
            "cac:DeliveryTerms",
            [
                ("cbc:ID", facts.delivery.incoterm, {"schemeID": "INCOTERMS"}),
                ("cac:DeliveryLocation", [("cbc:Name", facts.delivery.place, {})], {}),
            ],
            {},
        ),
        (
            "cac:TaxTotal",
            [
                ("cbc:TaxAmount", "0.00", amount),
                (
                    "cac:TaxSubtotal",
                    [("cbc:TaxableAmount", total, amount), ("cbc:TaxAmount", "0.00", amount), category],
                    {},
                ),
            ],
            {},
        ),
        (
            "cac:LegalMonetaryTotal",
            [
                (f"cbc:{name}", total, amount)
                for name in ("LineExtensionAmount", "TaxExclusiveAmount", "TaxInclusiveAmount", "PayableAmount")
            ],
            {},
        ),
        *(_ubl_line(line, amount) for line in facts.lines),
    ]
    return _xml(UBL_INVOICE, body, UBL_NAMESPACES)


def _ubl_category() -> list[Part | None]:
    scheme: Part = ("cac:TaxScheme", [("cbc:ID", "VAT", {})], {})
    return [("cbc:ID", EXPORT, {}), ("cbc:Percent", "0", {}), ("cbc:TaxExemptionReason", "Export", {}), scheme]


def _ubl_party(party: StatedParty) -> list[Part | None]:
    lines: list[Part | None] = [("cac:AddressLine", [("cbc:Line", line, {})], {}) for line in party.address]
    country: Part = ("cac:Country", [("cbc:IdentificationCode", party.country, {})], {})
    scheme: Part = ("cac:TaxScheme", [("cbc:ID", "VAT", {})], {})
    return [
        ("cac:PartyIdentification", [("cbc:ID", party.lei, {"schemeID": LEI_SCHEME})], {}) if party.lei else None,
        ("cac:PostalAddress", [*lines, country], {}),
        ("cac:PartyTaxScheme", [("cbc:CompanyID", party.tax_id, {}), scheme], {}) if party.tax_id else None,
        (
            "cac:PartyLegalEntity",
            [
                ("cbc:RegistrationName", party.name, {}),
                ("cbc:CompanyID", party.registration, {}) if party.registration else None,
            ],
            {},
        ),
    ]


def _ubl_line(line: InvoiceLine, amount: dict[str, str]) -> Part:
    unit = {"unitCode": line.unit}
    code: Part | None = None
    if line.hs:
        code = ("cac:CommodityClassification", [("cbc:ItemClassificationCode", line.hs, {"listID": HS_LIST})], {})
    category = [part for part in _ubl_category() if part and part[0] != "cbc:TaxExemptionReason"]
    return (
        "cac:InvoiceLine",
        [
            ("cbc:ID", line.id, {}),
            ("cbc:InvoicedQuantity", f"{line.quantity:f}", unit),
            ("cbc:LineExtensionAmount", f"{line.net_amount:f}", amount),
            (
                "cac:Item",
                [("cbc:Name", line.description, {}), code, ("cac:ClassifiedTaxCategory", [*category], {})],
                {},
            ),
            (
                "cac:Price",  # for the whole quantity, so that no unit price is rounded
                [
                    ("cbc:PriceAmount", f"{line.net_amount:f}", amount),
                    ("cbc:BaseQuantity", f"{line.quantity:f}", unit),
                ],
                {},
            ),
        ],
        {},
    )


def cii_invoice(facts: TradeFacts) -> bytes:
    """The invoice as CII D16B. Source: UN/CEFACT CII D16B (order of elements); EN 16931-3-3."""
    guideline: Part = ("ram:GuidelineSpecifiedDocumentContextParameter", [("ram:ID", EN_16931, {})], {})
    place: Part = ("ram:RelevantTradeLocation", [("ram:Name", facts.delivery.place, {})], {})
    terms: list[Part | None] = [("ram:DeliveryTypeCode", facts.delivery.incoterm, {}), place]
    body: list[Part | None] = [
        ("rsm:ExchangedDocumentContext", [guideline], {}),
        (
            "rsm:ExchangedDocument",
            [
                ("ram:ID", facts.invoice_number, {}),
                ("ram:TypeCode", "380", {}),
                ("ram:IssueDateTime", [_day(facts.issue_date)], {}),
            ],
            {},
        ),
        (
            "rsm:SupplyChainTradeTransaction",
            [
                *(_cii_line(line) for line in facts.lines),
                (
                    "ram:ApplicableHeaderTradeAgreement",
                    [
                        ("ram:SellerTradeParty", _cii_party(facts.seller), {}),
                        ("ram:BuyerTradeParty", _cii_party(facts.buyer), {}),
                        ("ram:ApplicableTradeDeliveryTerms", terms, {}),
                    ],
                    {},
                ),
                ("ram:ApplicableHeaderTradeDelivery", [], {}),
                ("ram:ApplicableHeaderTradeSettlement", _cii_settlement(facts), {}),
            ],
            {},
        ),
    ]
    return _xml(CII_INVOICE, body, CII_NAMESPACES)


def _day(day: date) -> Part:
    return ("udt:DateTimeString", f"{day:%Y%m%d}", {"format": "102"})


def _cii_party(party: StatedParty) -> list[Part | None]:
    names = ("ram:LineOne", "ram:LineTwo", "ram:LineThree")
    lines: list[Part | None] = [(name, line, {}) for name, line in zip(names, party.address, strict=False)]
    organisation: list[Part | None] = [("ram:ID", party.registration, {})]
    tax: list[Part | None] = [("ram:ID", party.tax_id, {"schemeID": "VA"})]
    return [
        ("ram:GlobalID", party.lei, {"schemeID": LEI_SCHEME}) if party.lei else None,
        ("ram:Name", party.name, {}),
        ("ram:SpecifiedLegalOrganization", organisation, {}) if party.registration else None,
        ("ram:PostalTradeAddress", [*lines, ("ram:CountryID", party.country, {})], {}),
        ("ram:SpecifiedTaxRegistration", tax, {}) if party.tax_id else None,
    ]


def _cii_line(line: InvoiceLine) -> Part:
    unit = {"unitCode": line.unit}
    code: Part | None = None
    if line.hs:
        code = ("ram:DesignatedProductClassification", [("ram:ClassCode", line.hs, {"listID": HS_LIST})], {})
    price: list[Part | None] = [
        ("ram:ChargeAmount", f"{line.net_amount:f}", {}),
        ("ram:BasisQuantity", f"{line.quantity:f}", unit),
    ]
    tax: list[Part | None] = [
        ("ram:TypeCode", "VAT", {}),
        ("ram:CategoryCode", EXPORT, {}),
        ("ram:RateApplicablePercent", "0", {}),
    ]
    summation: list[Part | None] = [("ram:LineTotalAmount", f"{line.net_amount:f}", {})]
    return (
        "ram:IncludedSupplyChainTradeLineItem",
        [
            ("ram:AssociatedDocumentLineDocument", [("ram:LineID", line.id, {})], {}),
            ("ram:SpecifiedTradeProduct", [("ram:Name", line.description, {}), code], {}),
            ("ram:SpecifiedLineTradeAgreement", [("ram:NetPriceProductTradePrice", price, {})], {}),
            ("ram:SpecifiedLineTradeDelivery", [("ram:BilledQuantity", f"{line.quantity:f}", unit)], {}),
            (
                "ram:SpecifiedLineTradeSettlement",
                [
                    ("ram:ApplicableTradeTax", tax, {}),
                    ("ram:SpecifiedTradeSettlementLineMonetarySummation", summation, {}),
                ],
                {},
            ),
        ],
        {},
    )


def _cii_settlement(facts: TradeFacts) -> list[Part | None]:
    total = f"{facts.total:f}"
    return [
        ("ram:InvoiceCurrencyCode", facts.currency, {}),
        (
            "ram:ApplicableTradeTax",
            [
                ("ram:CalculatedAmount", "0.00", {}),
                ("ram:TypeCode", "VAT", {}),
                ("ram:ExemptionReason", "Export", {}),
                ("ram:BasisAmount", total, {}),
                ("ram:CategoryCode", EXPORT, {}),
                ("ram:RateApplicablePercent", "0", {}),
            ],
            {},
        ),
        ("ram:SpecifiedTradePaymentTerms", [("ram:DueDateDateTime", [_day(facts.due_date)], {})], {}),
        (
            "ram:SpecifiedTradeSettlementHeaderMonetarySummation",
            [
                ("ram:LineTotalAmount", total, {}),
                ("ram:TaxBasisTotalAmount", total, {}),
                ("ram:TaxTotalAmount", "0.00", {"currencyID": facts.currency}),
                ("ram:GrandTotalAmount", total, {}),
                ("ram:DuePayableAmount", total, {}),
            ],
            {},
        ),
    ]


def _xml(root: str, body: list[Part | None], namespaces: dict[str, str]) -> bytes:
    own = {} if "rsm" in namespaces else {"ubl": root[1 : root.index("}")]}
    element = etree.Element(root, nsmap={**own, **namespaces})
    _append(element, body, namespaces)
    return etree.tostring(element, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _append(parent: etree._Element, parts: list[Part | None], namespaces: dict[str, str]) -> None:
    for part in parts:
        if part is not None:
            name, content, attributes = part
            prefix, local = name.split(":")
            element = etree.SubElement(parent, f"{{{namespaces[prefix]}}}{local}", attributes)
            if isinstance(content, str):
                element.text = content
            else:
                _append(element, content, namespaces)
