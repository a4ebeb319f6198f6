"""Invoices in: the same facts in three syntaxes are one invoice, and beside each reading the nearest refusal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from entrepot.core.errors import EntrepotError, Invalid, Refused
from entrepot.documents import samples
from entrepot.documents.invoice import duplicate_key, duplicate_keys, fingerprint, parse_invoice, read_invoice
from entrepot.documents.samples import TradeFacts
from entrepot.documents.stated import InvoiceLine

FACTS = samples.coffee_trade(number="BM-2026/001", issue_date=date(2026, 11, 20))
WRITERS: dict[str, Callable[[TradeFacts], bytes]] = {
    "ubl": samples.ubl_invoice,
    "cii": samples.cii_invoice,
    "json": samples.json_invoice,
}
each_syntax = pytest.mark.parametrize("syntax", WRITERS)


def changed(syntax: str, old: str, new: str) -> bytes:
    raw = WRITERS[syntax](FACTS)
    assert old.encode() in raw, f"{old} is not in the {syntax} sample"
    return raw.replace(old.encode(), new.encode())


def refusal(raw: bytes) -> EntrepotError:
    with pytest.raises(EntrepotError) as caught:
        read_invoice(raw)
    return caught.value


@each_syntax
def test_every_fact_of_the_trade_comes_back(syntax: str) -> None:
    raw = WRITERS[syntax](FACTS)
    invoice = read_invoice(raw)
    assert (invoice.syntax, invoice.type_code, invoice.number) == (syntax, "380", "BM-2026/001")
    assert (invoice.issue_date, invoice.due_date) == (date(2026, 11, 20), date(2027, 1, 19))
    assert (invoice.seller, invoice.buyer, invoice.lines) == (FACTS.seller, FACTS.buyer, FACTS.lines)
    assert invoice.delivery == FACTS.delivery
    assert (invoice.payable.amount_minor, invoice.payable.asset.id) == (11_040_000, "USD")
    assert invoice.warnings == ()
    assert invoice.sha256 == hashlib.sha256(raw).hexdigest()


def test_one_invoice_has_one_key_and_fingerprint_in_all_syntaxes() -> None:
    invoices = [read_invoice(write(FACTS)) for write in WRITERS.values()]
    assert {duplicate_key(invoice) for invoice in invoices} == {"0399999991|BM-2026/001"}
    assert {fingerprint(invoice) for invoice in invoices} == {"2026-11-20|11040000|USD"}
    assert len({invoice.sha256 for invoice in invoices}) == 3


@each_syntax
def test_any_syntax_rewritten_as_json_is_the_same_invoice(syntax: str) -> None:
    invoice = read_invoice(WRITERS[syntax](FACTS))
    again = read_invoice(json.dumps(invoice.to_json()).encode())
    assert replace(invoice, syntax="json", sha256=again.sha256, totals=again.totals) == again


@pytest.mark.parametrize(
    ("seller", "number", "same"),
    [
        ({"registration": "03.9999 9991"}, "bm-2026/001", True),
        ({"name": "Another Name", "registration": "0399999991"}, "BM-2026/001", True),
        ({"registration": "", "tax_id": "0399999991"}, " BM-2026/001 ", True),
        ({}, "BM\u20132026/001", True),  # an en dash
        ({"registration": "0399999992"}, "BM-2026/001", False),
        ({}, "BM-2026/002", False),
        ({}, "BM-20260/01", False),  # punctuation of a number does tell two apart
        ({"registration": "XX", "tax_id": "N/A", "lei": ""}, "BM-2026/001", False),  # placeholders name nobody
    ],
)
def test_duplicate_key_knows_the_issuer_and_the_number(seller: dict[str, Any], number: str, same: bool) -> None:
    invoice = read_invoice(samples.ubl_invoice(FACTS))
    other = replace(invoice, seller=replace(invoice.seller, **seller), number=number)
    assert (duplicate_key(other) == duplicate_key(invoice)) is same


def test_placeholders_for_an_identifier_fall_back_to_name_and_country() -> None:
    invoice = read_invoice(samples.ubl_invoice(FACTS))
    nobody = replace(invoice, seller=replace(invoice.seller, registration="XX", tax_id="-", lei=""))
    assert duplicate_key(nobody) == "name:BANMAICOFFEEEXPORTJSC|VN|BM-2026/001"


def test_a_copy_without_its_registration_still_shares_a_key() -> None:
    invoice = read_invoice(samples.ubl_invoice(FACTS))
    stripped = replace(invoice, seller=replace(invoice.seller, registration=""))
    assert duplicate_key(stripped) != duplicate_key(invoice)
    assert set(duplicate_keys(stripped)) & set(duplicate_keys(invoice))
    other = replace(invoice, seller=replace(invoice.seller, registration="1", tax_id="2", lei="", name="Other"))
    assert not set(duplicate_keys(other)) & set(duplicate_keys(invoice))


def test_another_date_or_amount_is_another_fingerprint() -> None:
    invoice = read_invoice(samples.ubl_invoice(FACTS))
    assert fingerprint(replace(invoice, issue_date=date(2026, 11, 21))) != fingerprint(invoice)
    other = replace(invoice.payable, amount_minor=invoice.payable.amount_minor + 1)
    assert fingerprint(replace(invoice, payable=other)) != fingerprint(invoice)


@pytest.mark.parametrize(
    ("syntax", "old", "new", "kind", "code"),
    [
        ("ubl", "<cbc:InvoiceTypeCode>380", "<cbc:InvoiceTypeCode>381", Refused, "invoice_is_credit_note"),
        ("cii", "<ram:TypeCode>380", "<ram:TypeCode>381", Refused, "invoice_is_credit_note"),
        ("json", '"type_code":"380"', '"type_code":"381"', Refused, "invoice_is_credit_note"),
        ("json", '"payable":"110400.00"', '"payable":"0.00"', Refused, "invoice_nothing_payable"),
        ("json", '"payable":"110400.00"', '"payable":"-1"', Refused, "invoice_nothing_payable"),
        ("cii", "DuePayableAmount>110400.00", "DuePayableAmount>0", Refused, "invoice_nothing_payable"),
        ("json", '"payable":"110400.00"', '"payable":"110400.001"', Invalid, "amount_too_fine"),
        ("ubl", "<cbc:ID>BM-2026/001</cbc:ID>", "", Invalid, "invoice_field_missing"),
        ("ubl", "<cbc:ID>BM-2026/001<", "<cbc:ID> <", Invalid, "invoice_field_missing"),
        (
            "ubl",
            "<cbc:ID>BM-2026/001</cbc:ID>",
            "<cbc:ID>1</cbc:ID><cbc:ID>2</cbc:ID>",
            Invalid,
            "invoice_field_repeated",
        ),
        ("ubl", "Code>USD<", "Code>usd<", Invalid, "asset_unknown"),
        ("cii", "Code>USD<", "Code>XBT<", Invalid, "asset_unknown"),
        (
            "ubl",
            'PayableAmount currencyID="USD"',
            'PayableAmount currencyID="EUR"',
            Invalid,
            "invoice_currency_conflict",
        ),
        ("ubl", "2026-11-20", "2026-02-30", Invalid, "invoice_field_malformed"),
        ("cii", ">20261120<", ">20261320<", Invalid, "invoice_field_malformed"),
        ("json", '"issue_date":"2026-11-20"', '"issue_date":"20.11.2026"', Invalid, "invoice_field_malformed"),
        ("json", '"seller":', '"vendor":', Invalid, "invoice_field_missing"),
        ("json", '"number":', '"colour":"red","number":', Invalid, "invoice_field_malformed"),
        ("json", '"payable":"110400.00"', '"payable":110400', Invalid, "invoice_field_malformed"),
        ("json", '"hs":"090111"', '"hs":"0901"', Invalid, "invoice_field_malformed"),
        ("json", '"incoterm":"FOB"', '"incoterm":"FOX"', Invalid, "invoice_field_malformed"),
        ("json", "invoice/1", "invoice/2", Invalid, "invoice_syntax_unknown"),
        ("cii", "CrossIndustryInvoice:100", "CrossIndustryInvoice:13", Invalid, "invoice_syntax_unknown"),
    ],
)
def test_what_is_missing_or_malformed_is_named(
    syntax: str, old: str, new: str, kind: type[EntrepotError], code: str
) -> None:
    error = refusal(changed(syntax, old, new))
    assert (type(error), error.code) == (kind, code)


def test_the_path_says_where() -> None:
    assert refusal(changed("json", '"hs":"090111"', '"hs":"x"')).path == "$.lines[0].hs"
    error = refusal(changed("ubl", "<cbc:RegistrationName>Ban Mai Coffee Export JSC</cbc:RegistrationName>", ""))
    assert error.path == "/Invoice/cac:AccountingSupplierParty/cac:Party (name)"
    assert refusal(
        changed("cii", 'BilledQuantity unitCode="KGM">4800', 'BilledQuantity unitCode="KGM">4800kg')
    ).path == (
        "/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction/ram:IncludedSupplyChainTradeLineItem[2]"
        "/ram:SpecifiedLineTradeDelivery/ram:BilledQuantity"
    )


@pytest.mark.parametrize(
    ("syntax", "old", "new", "code"),
    [
        ("ubl", FACTS.seller.lei, FACTS.seller.lei[:-1] + "0", "lei_check_digits"),
        ("cii", FACTS.seller.lei, FACTS.seller.lei[:-1] + "0", "lei_check_digits"),
        ("ubl", ">090111<", ">09<", "hs_malformed"),
        ("cii", 'BilledQuantity unitCode="KGM"', 'BilledQuantity unitCode="kilo"', "unit_unknown"),
        ("ubl", ">FOB<", ">DAF<", "incoterm_unknown"),
        ("ubl", "<cbc:DueDate>2027", "<cbc:DueDate>2025", "due_before_issue"),
        (
            "ubl",
            'LineExtensionAmount currencyID="USD">29760.00',
            'LineExtensionAmount currencyID="USD">29760.01',
            "lines_sum_differs",
        ),
        (
            "ubl",
            'TaxExclusiveAmount currencyID="USD">110400.00',
            'TaxExclusiveAmount currencyID="USD">9.00',
            "tax_exclusive_differs",
        ),
        ("cii", "GrandTotalAmount>110400.00", "GrandTotalAmount>110400.01", "tax_inclusive_differs"),
        ("cii", "DuePayableAmount>110400.00", "DuePayableAmount>110399.99", "payable_differs"),
        ("json", '"payable":"110400.00"', '"payable":"110400.01"', "payable_differs"),
        ("json", '"payable":"110400.00"', '"payable":"110300.00","prepaid":"100.00"', "prepaid"),
    ],
)
def test_what_is_odd_is_remarked_and_does_not_stop(syntax: str, old: str, new: str, code: str) -> None:
    invoice = read_invoice(changed(syntax, old, new))
    assert code in {remark.code for remark in invoice.warnings}


def test_a_wrong_lei_is_left_out_and_a_right_one_stays() -> None:
    wrong = FACTS.seller.lei[:-1] + "0"
    assert read_invoice(changed("ubl", FACTS.seller.lei, wrong)).seller.lei == ""
    assert read_invoice(changed("ubl", FACTS.seller.lei, FACTS.seller.lei)).seller.lei == FACTS.seller.lei


@each_syntax
def test_amounts_beyond_28_digits_stay_exact(syntax: str) -> None:
    amount = Decimal("123456789012345678901234567890123456.78")
    line = InvoiceLine("1", "Robusta green coffee, grade 1", "090111", Decimal(1), "KGM", amount)
    invoice = read_invoice(WRITERS[syntax](replace(FACTS, lines=(line,))))
    assert invoice.payable.amount_minor == 12345678901234567890123456789012345678
    assert invoice.to_json()["payable"] == "123456789012345678901234567890123456.78"
    assert invoice.warnings == ()


def test_trailing_zeros_are_fine_and_currencies_have_their_own_places() -> None:
    assert read_invoice(changed("json", "110400.00", "110400.000000")).payable.amount_minor == 11_040_000
    yen = replace(FACTS, currency="JPY", lines=tuple(replace(one, net_amount=Decimal(500)) for one in FACTS.lines))
    assert read_invoice(samples.ubl_invoice(yen)).payable.amount_minor == 1000
    dinar = replace(yen, currency="KWD")
    assert read_invoice(samples.cii_invoice(dinar)).payable.amount_minor == 1_000_000


def test_a_credit_note_can_be_read_but_not_settled() -> None:
    raw = WRITERS["ubl"](FACTS).replace(b"Invoice-2", b"CreditNote-2").replace(b"ubl:Invoice", b"ubl:CreditNote")
    raw = raw.replace(b"cbc:InvoiceTypeCode>380", b"cbc:CreditNoteTypeCode>381")
    raw = raw.replace(b"cac:InvoiceLine", b"cac:CreditNoteLine").replace(b"InvoicedQuantity", b"CreditedQuantity")
    raw = raw.replace(b"</cbc:InvoiceTypeCode>", b"</cbc:CreditNoteTypeCode>")
    assert parse_invoice(raw).is_credit_note
    assert refusal(raw).code == "invoice_is_credit_note"


def test_members_that_state_nothing_may_be_absent() -> None:
    body: dict[str, Any] = json.loads(samples.json_invoice(FACTS))
    for name in ("due_date", "delivery", "type_code"):
        del body[name]
    for line in body["lines"]:
        del line["hs"]
    invoice = read_invoice(json.dumps(body).encode())
    assert (invoice.due_date, invoice.delivery, invoice.lines[0].hs) == (None, None, None)
    body["lines"] = []
    assert refusal(json.dumps(body).encode()).code == "invoice_field_missing"
