"""Reads CII D16B into a Draft. Source: UN/CEFACT Cross Industry Invoice D16B; EN 16931-3-3 (business terms BT-n)."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from lxml import etree

from .stated import DeliveryTerms, Draft, InvoiceLine, Remark, StatedParty, Totals, currency_of, iso_date
from .stated_codes import CREDIT_NOTE_TYPES, delivery_of, hs_of, unit_of
from .ubl_and_cii import read_party, require_same_currency
from .xml_reading import Node

_CII = "urn:un:unece:uncefact:data:standard:"
INVOICE = f"{{{_CII}CrossIndustryInvoice:100}}CrossIndustryInvoice"
NAMESPACES = {
    "rsm": f"{_CII}CrossIndustryInvoice:100",
    "ram": f"{_CII}ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_CII}UnqualifiedDataType:100",
    "qdt": f"{_CII}QualifiedDataType:100",
}
_FORMAT_102 = re.compile(r"[0-9]{8}\Z")  # UNTDID 2379: CCYYMMDD


def read_cii(root: etree._Element) -> Draft:
    """A Draft of the invoice. Raises: Invalid(invoice_field_*, asset_unknown, invoice_currency_conflict)."""
    top = Node(root, "/rsm:CrossIndustryInvoice", tuple(NAMESPACES.items()))
    document, trade = top.only("rsm:ExchangedDocument"), top.only("rsm:SupplyChainTradeTransaction")
    agreement = trade.only("ram:ApplicableHeaderTradeAgreement")
    settlement = trade.only("ram:ApplicableHeaderTradeSettlement")
    remarks: list[Remark] = []
    code = settlement.needed("ram:InvoiceCurrencyCode")
    currency = currency_of(code.text, code.path)
    payable = settlement.needed("ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:DuePayableAmount")
    require_same_currency(payable, currency)
    type_code = document.text_of("ram:TypeCode") or "380"
    due = settlement.first("ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime")
    lines = trade.every("ram:IncludedSupplyChainTradeLineItem")
    return Draft(
        syntax="cii",
        type_code=type_code,
        is_credit_note=type_code in CREDIT_NOTE_TYPES,
        number=document.needed("ram:ID").text,
        issue_date=_date(document.only("ram:IssueDateTime")),
        due_date=_date(due) if due and len(due.element) else None,
        seller=_party(agreement.only("ram:SellerTradeParty"), remarks),
        buyer=_party(agreement.only("ram:BuyerTradeParty"), remarks),
        lines=tuple(_line(line, remarks) for line in lines),
        currency=currency,
        payable=payable.number,
        payable_path=payable.path,
        totals=_totals(settlement, currency.id),
        delivery=_delivery(agreement, remarks),
        remarks=tuple(remarks),
    )


def _date(node: Node) -> date:
    found = node.needed("udt:DateTimeString")
    text = found.text
    if found.attribute("format") in ("", "102") and _FORMAT_102.match(text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return iso_date(text, "invoice", found.path)


def _party(node: Node, remarks: list[Remark]) -> StatedParty:
    taxes = (
        (found.attribute("schemeID").upper() not in ("VA", "VAT"), found.text)
        for found in node.every("ram:SpecifiedTaxRegistration/ram:ID")
    )
    parts = ("LineOne", "LineTwo", "LineThree", "PostcodeCode", "CityName", "CountrySubDivisionName")
    return read_party(
        node,
        remarks,
        names=("ram:Name", "ram:SpecifiedLegalOrganization/ram:TradingBusinessName"),
        ids="ram:GlobalID",
        legal_ids="ram:SpecifiedLegalOrganization/ram:ID",
        taxes=taxes,
        country="ram:PostalTradeAddress/ram:CountryID",
        address=[f"ram:PostalTradeAddress/ram:{part}" for part in parts],
    )


def _line(node: Node, remarks: list[Remark]) -> InvoiceLine:
    quantity = node.needed("ram:SpecifiedLineTradeDelivery/ram:BilledQuantity")
    summation = "ram:SpecifiedLineTradeSettlement/ram:SpecifiedTradeSettlementLineMonetarySummation"
    net = node.needed(f"{summation}/ram:LineTotalAmount")
    codes = node.every("ram:SpecifiedTradeProduct/ram:DesignatedProductClassification/ram:ClassCode")
    return InvoiceLine(
        id=node.text_of("ram:AssociatedDocumentLineDocument/ram:LineID"),
        description=node.text_of("ram:SpecifiedTradeProduct/ram:Name", "ram:SpecifiedTradeProduct/ram:Description"),
        hs=hs_of([(code.attribute("listID"), code.text, code.path) for code in codes], remarks),
        quantity=quantity.number,
        unit=unit_of(quantity.attribute("unitCode"), quantity.path, remarks),
        net_amount=net.number,
    )


def _totals(settlement: Node, currency: str) -> Totals:
    total = settlement.only("ram:SpecifiedTradeSettlementHeaderMonetarySummation")

    def amount(steps: str) -> Decimal | None:
        # TaxTotalAmount may stand twice, the second time in the accounting currency (BT-111).
        for found in total.every(f"ram:{steps}"):
            if found.text and found.attribute("currencyID") in ("", currency):
                return found.number
        return None

    return Totals(
        lines=amount("LineTotalAmount"),
        allowances=amount("AllowanceTotalAmount"),
        charges=amount("ChargeTotalAmount"),
        tax_exclusive=amount("TaxBasisTotalAmount"),
        tax=amount("TaxTotalAmount"),
        tax_inclusive=amount("GrandTotalAmount"),
        prepaid=amount("TotalPrepaidAmount"),
        rounding=amount("RoundingAmount"),
    )


def _delivery(agreement: Node, remarks: list[Remark]) -> DeliveryTerms | None:
    for node in agreement.every("ram:ApplicableTradeDeliveryTerms"):
        place = node.text_of("ram:RelevantTradeLocation/ram:Name", "ram:RelevantTradeLocation/ram:ID")
        if terms := delivery_of(node.text_of("ram:DeliveryTypeCode"), place, node.path, remarks):
            return terms
    return None
