"""A PDF with an embedded invoice is that invoice; one that hides two, or nothing, or a bomb, is refused by name."""

from __future__ import annotations

import hashlib
import io
from datetime import date

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, NumberObject

from entrepot.core.errors import EntrepotError, Invalid
from entrepot.documents import samples
from entrepot.documents.invoice import media_type_of, parse_invoice, read_invoice
from entrepot.documents.pdf_invoice import ATTACHMENTS_MAX, attached_xml
from entrepot.documents.stated import DOCUMENT_BYTES_MAX

XML = samples.ubl_invoice(samples.coffee_trade(number="PDF-1", issue_date=date(2026, 11, 1)))


def pdf(*attached: tuple[str, bytes], password: str = "") -> bytes:
    """A one-page PDF with these attachments."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    for name, content in attached:
        writer.add_attachment(name, content)
    if password:
        writer.encrypt(password)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def flate(raw: bytes) -> bytes:
    """The same PDF with its attachment packed."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(raw)))
    for file in writer.attachment_list:
        plain = file.pdf_object["/EF"].raw_get("/F")  # type: ignore[attr-defined]
        writer._objects[plain.idnum - 1] = plain.get_object().flate_encode()
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


@pytest.mark.parametrize("name", ["factur-x.xml", "ZUGFeRD-invoice.xml", "xrechnung.xml", "the invoice.XML"])
def test_a_pdf_is_read_as_the_invoice_it_carries(name: str) -> None:
    raw = pdf(("terms and conditions.txt", b"small print"), (name, XML))
    read, plain = read_invoice(raw), read_invoice(XML)
    assert (read.number, read.payable, read.lines) == (plain.number, plain.payable, plain.lines)
    assert read.sha256 == hashlib.sha256(raw).hexdigest() != plain.sha256
    assert media_type_of(raw) == "application/pdf"


def test_a_packed_attachment_is_unpacked() -> None:
    assert attached_xml(flate(pdf(("factur-x.xml", XML)))) == XML


def test_the_standards_name_wins_over_other_xml() -> None:
    assert attached_xml(pdf(("factur-x.xml", XML), ("other.xml", b"<other/>"))) == XML


@pytest.mark.parametrize(
    ("attached", "code"),
    [
        ((), "invoice_pdf_without_xml"),
        ((("notes.txt", b"x"),), "invoice_pdf_without_xml"),
        ((("a.xml", XML), ("b.xml", XML)), "invoice_pdf_without_xml"),
        ((("factur-x.xml", XML), ("xrechnung.xml", XML)), "invoice_pdf_without_xml"),
        ((("order-x.xml", XML),), "invoice_pdf_without_xml"),
        ((("factur-x.xml", b"<?xml version='1.0'?><other/>"),), "invoice_syntax_unknown"),
        ((("factur-x.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),), "invoice_malformed"),
        (tuple((f"{number}.txt", b"x") for number in range(ATTACHMENTS_MAX + 1)), "invoice_pdf_unreadable"),
    ],
)
def test_a_pdf_without_exactly_one_invoice_is_refused(attached: tuple[tuple[str, bytes], ...], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_invoice(pdf(*attached))
    assert refused.value.code == code


def test_an_encrypted_pdf_is_refused() -> None:
    with pytest.raises(Invalid, match="encrypted") as refused:
        parse_invoice(pdf(("factur-x.xml", XML), password="secret"))
    assert refused.value.code == "invoice_pdf_unreadable"


def test_a_bomb_is_unpacked_no_further_than_an_invoice_is_long() -> None:
    bomb = flate(pdf(("factur-x.xml", b" " * (DOCUMENT_BYTES_MAX + 1))))
    assert len(bomb) < DOCUMENT_BYTES_MAX / 100
    with pytest.raises(Invalid, match="attached XML has more") as refused:
        parse_invoice(bomb)
    assert refused.value.code == "invoice_pdf_unreadable"
    with pytest.raises(Invalid, match="at most"):
        parse_invoice(b"%PDF-1.7" + b" " * DOCUMENT_BYTES_MAX)


def test_an_attachment_packed_another_way_is_refused() -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(("factur-x.xml", XML)))))
    stream = next(iter(writer.attachment_list)).pdf_object["/EF"]["/F"].get_object()  # type: ignore[index]
    stream[NameObject("/Filter")] = NameObject("/LZWDecode")
    stream[NameObject("/Length")] = NumberObject(len(XML))
    written = io.BytesIO()
    writer.write(written)
    with pytest.raises(Invalid, match="LZW"):
        parse_invoice(written.getvalue())


def test_no_broken_pdf_is_a_defect() -> None:
    whole = pdf(("factur-x.xml", XML))
    for at in range(8, len(whole), 97):
        for broken in (whole[:at], whole[:at] + b"\xff<<>>" + whole[at + 6 :]):
            try:
                read = parse_invoice(broken)
            except EntrepotError:
                continue
            assert read.number == "PDF-1"
