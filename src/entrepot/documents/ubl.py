"""Reads UBL 2.1 Invoice and CreditNote into a Draft. Source: OASIS UBL 2.1; EN 16931-3-2 (business terms BT-n)."""

from __future__ import annotations

from decimal import Decimal

from lxml import etree

from .stated import DeliveryTerms, Draft, InvoiceLine, Remark, StatedParty, Totals, currency_of, iso_date
from .stated_codes import CREDIT_NOTE_TYPES, delivery_of, hs_of, unit_of
from .ubl_and_cii import read_party, require_same_currency
from .xml_reading import Node

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
INVOICE = f"{{{_UBL}Invoice-2}}Invoice"
CREDIT_NOTE = f"{{{_UBL}CreditNote-2}}CreditNote"
NAMESPACES = {"cac": f"{_UBL}CommonAggregateComponents-2", "cbc": f"{_UBL}CommonBasicComponents-2"}


def read_ubl(root: etree._Element) -> Draft:
    """A Draft of the invoice or credit note. Raises: Invalid(invoice_field_*, asset_unknown)."""
    is_credit_root = root.tag == CREDIT_NOTE
    kind = "CreditNote" if is_credit_root else "Invoice"
    top = Node(root, f"/{kind}", tuple(NAMESPACES.items()))
    remarks: list[Remark] = []
    currency = currency_of(top.needed("cbc:DocumentCurrencyCode").text, "/cbc:DocumentCurrencyCode")
    payable = top.needed("cac:LegalMonetaryTotal/cbc:PayableAmount")
    require_same_currency(payable, currency)
    type_code = top.text_of(f"cbc:{kind}TypeCode") or ("381" if is_credit_root else "380")
    number, issued = top.needed("cbc:ID"), top.needed("cbc:IssueDate")
    due = top.first("cbc:DueDate") or top.first("cac:PaymentMeans/cbc:PaymentDueDate")
    quantity = "cbc:CreditedQuantity" if is_credit_root else "cbc:InvoicedQuantity"
    return Draft(
        syntax="ubl",
        type_code=type_code,
        is_credit_note=is_credit_root or type_code in CREDIT_NOTE_TYPES,
        number=number.text,
        issue_date=iso_date(issued.text, "invoice", issued.path),
        due_date=iso_date(due.text, "invoice", due.path) if due and due.text else None,
        seller=_party(top.only("cac:AccountingSupplierParty/cac:Party"), remarks),
        buyer=_party(top.only("cac:AccountingCustomerParty/cac:Party"), remarks),
        lines=tuple(_line(line, quantity, remarks) for line in top.every(f"cac:{kind}Line")),
        currency=currency,
        payable=payable.number,
        payable_path=payable.path,
        totals=_totals(top, currency.id),
        delivery=_delivery(top, remarks),
        remarks=tuple(remarks),
    )


def _party(node: Node, remarks: list[Remark]) -> StatedParty:
    taxes = (
        (scheme.text_of("cac:TaxScheme/cbc:ID").upper() != "VAT", scheme.text_of("cbc:CompanyID"))
        for scheme in node.every("cac:PartyTaxScheme")
    )
    address = [f"cac:PostalAddress/cbc:{part}" for part in ("StreetName", "AdditionalStreetName")]
    address += ["cac:PostalAddress/cac:AddressLine/cbc:Line"]
    address += [f"cac:PostalAddress/cbc:{part}" for part in ("PostalZone", "CityName", "CountrySubentity")]
    return read_party(
        node,
        remarks,
        names=("cac:PartyLegalEntity/cbc:RegistrationName", "cac:PartyName/cbc:Name"),
        ids="cac:PartyIdentification/cbc:ID",
        legal_ids="cac:PartyLegalEntity/cbc:CompanyID",
        taxes=taxes,
        country="cac:PostalAddress/cac:Country/cbc:IdentificationCode",
        address=address,
    )


def _line(node: Node, quantity_steps: str, remarks: list[Remark]) -> InvoiceLine:
    quantity, net = node.needed(quantity_steps), node.needed("cbc:LineExtensionAmount")
    codes = node.every("cac:Item/cac:CommodityClassification/cbc:ItemClassificationCode")
    return InvoiceLine(
        id=node.text_of("cbc:ID"),
        description=node.text_of("cac:Item/cbc:Name", "cac:Item/cbc:Description"),
        hs=hs_of([(code.attribute("listID"), code.text, code.path) for code in codes], remarks),
        quantity=quantity.number,
        unit=unit_of(quantity.attribute("unitCode"), quantity.path, remarks),
        net_amount=net.number,
    )


def _totals(top: Node, currency: str) -> Totals:
    total = top.only("cac:LegalMonetaryTotal")

    def amount(steps: str) -> Decimal | None:
        found = total.first(f"cbc:{steps}")
        return found.number if found and found.text else None

    # A second TaxTotal may state the tax in the accounting currency (BT-111); it does not belong to the sum.
    taxes = [tax for tax in top.every("cac:TaxTotal/cbc:TaxAmount") if tax.attribute("currencyID") in ("", currency)]
    return Totals(
        lines=amount("LineExtensionAmount"),
        allowances=amount("AllowanceTotalAmount"),
        charges=amount("ChargeTotalAmount"),
        tax_exclusive=amount("TaxExclusiveAmount"),
        tax=taxes[0].number if taxes else None,
        tax_inclusive=amount("TaxInclusiveAmount"),
        prepaid=amount("PrepaidAmount"),
        rounding=amount("PayableRoundingAmount"),
    )


def _delivery(top: Node, remarks: list[Remark]) -> DeliveryTerms | None:
    for steps in ("cac:DeliveryTerms", "cac:Delivery/cac:DeliveryTerms"):
        for node in top.every(steps):
            place = node.text_of(
                "cac:DeliveryLocation/cbc:Name",
                "cac:DeliveryLocation/cbc:Description",
                "cac:DeliveryLocation/cbc:ID",
                "cac:DeliveryLocation/cac:Address/cbc:CityName",
            )
            if terms := delivery_of(node.text_of("cbc:ID"), place, node.path, remarks):
                return terms
    return None
