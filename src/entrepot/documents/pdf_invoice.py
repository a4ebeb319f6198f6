"""The XML invoice that a PDF carries (Factur-X, ZUGFeRD, a UBL attachment). The picture of the page is not read.

A PDF is untrusted: it is bounded before it is opened, encrypted and broken ones are refused, and exactly one
attachment is taken, by its standard's name, so that two readers of one file do not see two invoices.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from itertools import islice

from pypdf import PdfReader
from pypdf.errors import PyPdfError
from pypdf.generic import EmbeddedFile, StreamObject

from ..core.errors import Invalid, declare
from .stated import DOCUMENT_BYTES_MAX

OPENING = b"%PDF-"
ATTACHMENTS_MAX = 20
NAME_CHARS_MAX = 200
OBJECTS_MAX = 100_000
# Source: Factur-X 1.0 / ZUGFeRD 2.x section 6 (factur-x.xml, xrechnung.xml), ZUGFeRD 1.0 (ZUGFeRD-invoice.xml).
INVOICE_NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")
ORDER_NAMES = ("order-x.xml", "cida.xml")
FLATE = "/FlateDecode"

declare(
    "Invalid",
    invoice_pdf_unreadable="The PDF is encrypted, broken or larger than is read; the message says which.",
    invoice_pdf_without_xml="The PDF carries no XML invoice, or more than one; its picture alone is not read.",
)


def attached_xml(raw: bytes) -> bytes:
    """The bytes of the one XML invoice attached to a PDF.

    Raises: Invalid(invoice_pdf_unreadable, invoice_pdf_without_xml).
    """
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise Invalid("invoice_pdf_unreadable", f"{len(raw)} bytes; at most {DOCUMENT_BYTES_MAX} are read.")
    try:
        reader = PdfReader(
            io.BytesIO(raw),
            strict=True,
            root_object_recovery_limit=None,
            xref_stream_maximum_entries=OBJECTS_MAX,
        )
        if reader.is_encrypted:
            raise Invalid("invoice_pdf_unreadable", "The PDF is encrypted; send it without a password.")
        return _content(_the_one(list(_attachments(reader))))
    except Invalid:
        raise
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, zlib.error) as error:
        raise Invalid("invoice_pdf_unreadable", f"The PDF is broken: {error!s:.160}") from None
    except (RuntimeError, MemoryError, AssertionError, OverflowError):  # too deep, too large, of a kind unknown
        raise Invalid("invoice_pdf_unreadable", "The PDF is built in a way that is not read.") from None


def _attachments(reader: PdfReader) -> Iterator[tuple[str, EmbeddedFile]]:
    for nth, file in enumerate(islice(reader.attachment_list, ATTACHMENTS_MAX + 1)):
        if nth == ATTACHMENTS_MAX:
            raise Invalid("invoice_pdf_unreadable", f"The PDF has more than {ATTACHMENTS_MAX} attachments.")
        yield str(file.alternative_name or file.name)[:NAME_CHARS_MAX].casefold(), file


def _the_one(files: list[tuple[str, EmbeddedFile]]) -> EmbeddedFile:
    """The attachment that its standard names, else the only XML one. Raises: Invalid(invoice_pdf_without_xml)."""
    named = [file for name, file in files if name in INVOICE_NAMES]
    if not named and any(name in ORDER_NAMES for name, _ in files):
        raise Invalid("invoice_pdf_without_xml", "The PDF carries an order (Order-X), which asks for no money.")
    found = named or [file for name, file in files if name.endswith(".xml")]
    if not found:
        raise Invalid("invoice_pdf_without_xml", "The PDF carries no XML invoice, and its picture alone is not read.")
    if len(found) > 1:
        raise Invalid("invoice_pdf_without_xml", f"The PDF carries {len(found)} XML invoices; one was expected.")
    return found[0]


def _content(file: EmbeddedFile) -> bytes:
    """The attachment's bytes, unpacked no further than an invoice is long."""
    stream = file.pdf_object["/EF"]["/F"].get_object()  # type: ignore[index]
    if not isinstance(stream, StreamObject):
        raise Invalid("invoice_pdf_unreadable", "The attachment has no content.")
    packed, how = bytes(stream._data), stream.get("/Filter")
    if isinstance(how, list):
        how = how[0] if len(how) == 1 else "several"
    if how is None:
        return _bounded(packed)
    if how != FLATE or stream.get("/DecodeParms") is not None:
        raise Invalid("invoice_pdf_unreadable", f"The attachment is packed in a way that is not read ({how!s:.40}).")
    return _bounded(zlib.decompressobj().decompress(packed, DOCUMENT_BYTES_MAX + 1))


def _bounded(content: bytes) -> bytes:
    if len(content) > DOCUMENT_BYTES_MAX:
        raise Invalid("invoice_pdf_unreadable", f"The attached XML has more than {DOCUMENT_BYTES_MAX} bytes.")
    return content
