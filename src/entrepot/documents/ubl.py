"""Reads UBL 2.1 Invoice and CreditNote into a Draft. Source: OASIS UBL 2.1; EN 16931-3-2 (business terms BT-n)."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain

from lxml import etree

from ..core.errors import Invalid
from .stated import (
    DeliveryTerms,
    Draft,
    InvoiceLine,
    Remark,
    StatedParty,
    Totals,
    country_code,
    currency_of,
    exact_decimal,
    iso_date,
)
from .stated_codes import CREDIT_NOTE_TYPES, LEI_SCHEME, Party, delivery_of, hs_of, party_of, unit_of
from .xml_reading import Node

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
INVOICE = f"{{{_UBL}Invoice-2}}Invoice"
CREDIT_NOTE = f"{{{_UBL}CreditNote-2}}CreditNote"
NAMESPACES = {"cac": f"{_UBL}CommonAggregateComponents-2", "cbc": f"{_UBL}CommonBasicComponents-2"}


def read_ubl(root: etree._Element) -> Draft:
    """A Draft of the invoice or credit note. Raises: Invalid(invoice_field_*, asset_unknown)."""
    is_credit_root = root.tag == CREDIT_NOTE
    kind = "CreditNote" if is_credit_root else "Invoice"
    top = Node(root, f"/{kind}", NAMESPACES)
    remarks: list[Remark] = []
    currency = currency_of(top.needed("cbc:DocumentCurrencyCode").text, "/cbc:DocumentCurrencyCode")
    payable = top.needed("cac:LegalMonetaryTotal/cbc:PayableAmount")
    if payable.attribute("currencyID") not in ("", currency.id):
        raise Invalid(
            "invoice_currency_conflict",
            f"The invoice is in {currency.id}, its payable amount in {payable.attribute('currencyID')}.",
            path=payable.path,
        )
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
        payable=exact_decimal(payable.text, "invoice", payable.path),
        payable_path=payable.path,
        totals=_totals(top, currency.id),
        delivery=_delivery(top, remarks),
        remarks=tuple(remarks),
    )


def _party(node: Node, remarks: list[Remark]) -> StatedParty:
    legal = list(node.every("cac:PartyLegalEntity/cbc:CompanyID"))
    leis = [
        found
        for found in chain(node.every("cac:PartyIdentification/cbc:ID"), legal)
        if found.attribute("schemeID") == LEI_SCHEME
    ]
    taxes = [
        (scheme.text_of("cac:TaxScheme/cbc:ID").upper() != "VAT", scheme.text_of("cbc:CompanyID"))
        for scheme in node.every("cac:PartyTaxScheme")
    ]
    country = node.first("cac:PostalAddress/cac:Country/cbc:IdentificationCode")
    address = [f"cac:PostalAddress/cbc:{part}" for part in ("StreetName", "AdditionalStreetName")]
    address += ["cac:PostalAddress/cac:AddressLine/cbc:Line"]
    address += [f"cac:PostalAddress/cbc:{part}" for part in ("PostalZone", "CityName", "CountrySubentity")]
    return party_of(
        Party(
            path=node.path,
            name=node.text_of("cac:PartyLegalEntity/cbc:RegistrationName", "cac:PartyName/cbc:Name"),
            country=country_code(country.text, "invoice", country.path) if country and country.text else "",
            registration=next((found.text for found in legal if found.attribute("schemeID") != LEI_SCHEME), ""),
            tax_id=min((tax for tax in taxes if tax[1]), default=(False, ""))[1],
            lei=leis[0].text if leis else "",
            address=node.texts_of(*address),
        ),
        remarks,
    )


def _line(node: Node, quantity_steps: str, remarks: list[Remark]) -> InvoiceLine:
    quantity, net = node.needed(quantity_steps), node.needed("cbc:LineExtensionAmount")
    codes = node.every("cac:Item/cac:CommodityClassification/cbc:ItemClassificationCode")
    return InvoiceLine(
        id=node.text_of("cbc:ID"),
        description=node.text_of("cac:Item/cbc:Name", "cac:Item/cbc:Description"),
        hs=hs_of([(code.attribute("listID"), code.text, code.path) for code in codes], remarks),
        quantity=exact_decimal(quantity.text, "invoice", quantity.path),
        unit=unit_of(quantity.attribute("unitCode"), quantity.path, remarks),
        net_amount=exact_decimal(net.text, "invoice", net.path),
    )


def _totals(top: Node, currency: str) -> Totals:
    total = top.only("cac:LegalMonetaryTotal")

    def amount(steps: str) -> Decimal | None:
        found = total.first(f"cbc:{steps}")
        return exact_decimal(found.text, "invoice", found.path) if found and found.text else None

    # A second TaxTotal may state the tax in the accounting currency (BT-111); it does not belong to the sum.
    taxes = [tax for tax in top.every("cac:TaxTotal/cbc:TaxAmount") if tax.attribute("currencyID") in ("", currency)]
    return Totals(
        lines=amount("LineExtensionAmount"),
        allowances=amount("AllowanceTotalAmount"),
        charges=amount("ChargeTotalAmount"),
        tax_exclusive=amount("TaxExclusiveAmount"),
        tax=exact_decimal(taxes[0].text, "invoice", taxes[0].path) if taxes else None,
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
