"""The 32 real EN 16931 examples, where the shared folder is there: outcomes, totals and which are the same."""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

from entrepot.core.errors import EntrepotError
from entrepot.documents import samples
from entrepot.documents.examination import examine
from entrepot.documents.invoice import Invoice, duplicate_key, fingerprint, parse_invoice, read_invoice
from entrepot.documents.presented import ExaminedTerms, GoodsAgreed
from entrepot.documents.stated import DeliveryTerms
from entrepot.documents.trade_documents import read_document

_HERE = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ENTREPOT_SHARED_DATA", _HERE.parent / "shared" / "data")) / "invoices"
FILES = sorted(SHARED.glob("*/*.xml"))
pytestmark = pytest.mark.skipif(not FILES, reason=f"the shared example invoices are not at {SHARED}")

# Every key under which more than one file stands, with the files' names and how many fingerprints they have.
SAME = {
    "123456789|TOSL108": ("CII_business_example_01 CII_example2 guide-example2 ubl-tc434-example2", 1),
    "57151520|12115118": ("CII_example1 guide-example1 ubl-tc434-example1 ubl-tc434-example10", 1),
    "DK16356706|TOSL108": ("CII_example3 guide-example3 ubl-tc434-example3", 2),
    "DK16356706|TOSL110": ("CII_example4 ubl-tc434-example4", 1),
    "NL16356706|TOSL110": ("CII_example5 ubl-tc434-example5", 1),
    "DK123456789MVA|TOSL110": ("CII_example6 ubl-tc434-example6", 1),
    "name:THESELLERCOMPANYINCORPORATED|SE|INVOICE_TEST_7": ("CII_example7 ubl-tc434-example7", 2),
    "17131139|1100512149": ("CII_example8 ubl-tc434-example8", 1),
    "32081330AMERSFOORT|20150483": ("CII_example9 ubl-tc434-example9", 1),
}
REFUSED = {
    "CII-BR-CO-10-RoundingIssue": "invoice_nothing_payable",
    "ubl-tc434-creditnote1": "invoice_is_credit_note",
}
DUE_BEFORE_ISSUE = {"CII_business_example_02", "XRechnung-O"}


def parsed() -> dict[str, Invoice]:
    return {path.stem: parse_invoice(path.read_bytes()) for path in FILES}


def test_32_files_are_18_invoices() -> None:
    files = defaultdict(set)
    fingerprints = defaultdict(set)
    for stem, invoice in parsed().items():
        files[duplicate_key(invoice)].add(stem)
        fingerprints[duplicate_key(invoice)].add(fingerprint(invoice))
    assert (len(FILES), len(files)) == (32, 18)
    repeated = {key: (stems, len(fingerprints[key])) for key, stems in files.items() if len(stems) > 1}
    assert repeated == {key: (set(stems.split()), count) for key, (stems, count) in SAME.items()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_is_read_or_refused_with_its_code(path: Path) -> None:
    try:
        read_invoice(path.read_bytes())
        outcome = None
    except EntrepotError as error:
        outcome = error.code
    assert outcome == REFUSED.get(path.stem)


def test_every_real_invoice_adds_up() -> None:
    for stem, invoice in parsed().items():
        codes = {remark.code for remark in invoice.warnings} - {"prepaid"}
        assert codes == ({"due_before_issue"} if stem in DUE_BEFORE_ISSUE else set()), stem


def test_the_same_invoice_in_both_syntaxes_says_the_same() -> None:
    invoices = parsed()
    for number in (1, 2, 4, 5, 6, 8, 9):
        one, other = invoices[f"CII_example{number}"], invoices[f"ubl-tc434-example{number}"]
        assert {one.syntax, other.syntax} == {"cii", "ubl"}
        assert (one.payable, one.issue_date, len(one.lines)) == (other.payable, other.issue_date, len(other.lines))
        assert (one.seller.name, one.seller.country) == (other.seller.name, other.seller.country)


def test_documents_made_for_a_real_invoice_comply_and_for_another_amount_do_not() -> None:
    delivery = DeliveryTerms("FOB", "Ho Chi Minh City")
    for stem, invoice in parsed().items():
        facts = samples.facts_from(invoice, delivery=delivery, on_board_date=date(2026, 11, 20))
        raw = [samples.packing_list(facts), samples.transport_document(facts)]
        documents = [invoice, *(read_document(document) for document in raw)]
        terms = ExaminedTerms(
            seller=invoice.seller,
            buyer=invoice.buyer,
            amount=invoice.payable,
            goods=tuple(GoodsAgreed(line.description, line.hs, line.quantity, line.unit) for line in invoice.lines),
            present_by=1_800_000_000,
            invoice_number=invoice.number,
            delivery=delivery,
            port_of_loading=facts.port_of_loading,
            port_of_discharge=facts.port_of_discharge,
        )
        found = examine(terms, documents, 1_795_500_000)
        assert found.complies, (stem, found.discrepancies)
        if invoice.payable.amount_minor:
            less = invoice.payable - type(invoice.payable)(1, invoice.currency)
            less_terms = ExaminedTerms(**{**{name: getattr(terms, name) for name in terms.__slots__}, "amount": less})
            assert [one.code for one in examine(less_terms, documents, 1_795_500_000).discrepancies] == [
                "invoice_amount_exceeds"
            ]
