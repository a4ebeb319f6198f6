"""Hostile files: whatever the bytes are, the answer is a typed refusal, soon, and nothing outside is touched."""

from __future__ import annotations

import json
import random
import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.core.errors import EntrepotError
from entrepot.documents import samples
from entrepot.documents.invoice import read_invoice
from entrepot.documents.trade_documents import read_document

FACTS = samples.coffee_trade(number="BM-1", issue_date=date(2026, 11, 20))
UBL, CII, JSON = samples.ubl_invoice(FACTS), samples.cii_invoice(FACTS), samples.json_invoice(FACTS)
PACKING, TRANSPORT = samples.packing_list(FACTS), samples.transport_document(FACTS)
SECONDS_MAX = 5.0

_ROOT = UBL[UBL.index(b"<ubl:Invoice") :]


def with_doctype(subset: str, use: str = "BM-1") -> bytes:
    doctype = f'<?xml version="1.0"?>\n<!DOCTYPE Invoice [{subset}]>\n'.encode()
    return doctype + _ROOT.replace(b"<cbc:ID>BM-1<", f"<cbc:ID>{use}<".encode())


def laughs() -> str:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return f'<!ENTITY l0 "ha">{levels}'


XML_HOSTILE = {
    "empty": b"",
    "white space": b" \n\t ",
    "bom only": b"\xef\xbb\xbf",
    "not a document": b"%PDF-1.7 \x00\x01",
    "array": b"[1]",
    "text": b"hello",
    "cut off": UBL[: len(UBL) // 2],
    "null bytes": UBL.replace(b"Ban Mai", b"Ban\x00Mai"),
    "null reference": UBL.replace(b"Ban Mai", b"Ban&#0;Mai"),
    "wrong encoding": UBL.replace("Rösterei".encode(), b"R\xf6sterei"),
    "unknown encoding": UBL.replace(b"UTF-8", b"KLINGON"),
    "claimed utf-16": UBL.replace(b"UTF-8", b"UTF-16"),
    "undefined entity": UBL.replace(b"Ban Mai", b"&ban;"),
    "entity expansion": with_doctype(laughs(), "&l11;"),
    "entity in attribute": with_doctype(laughs()).replace(b'"KGM"', b'"&l11;"'),
    "external entity": with_doctype('<!ENTITY x SYSTEM "file:///etc/hostname">', "&x;"),
    "parameter entity": with_doctype('<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;'),
    "harmless doctype": with_doctype(""),
    "external dtd": b'<?xml version="1.0"?><!DOCTYPE Invoice SYSTEM "http://127.0.0.1:9/x.dtd">' + _ROOT,
    "depth 100": UBL.replace(b"<cbc:ID>BM-1</cbc:ID>", b"<a>" * 100 + b"</a>" * 100 + b"<cbc:ID>BM-1</cbc:ID>"),
    "depth 100,000": b"<a>" * 100_000 + b"</a>" * 100_000,
    "6 MB": UBL.replace(b"</ubl:Invoice>", b"<!--" + b"x" * 6_000_000 + b"--></ubl:Invoice>"),
    "a million elements": b"<Invoice>" + b"<a/>" * 1_000_000 + b"</Invoice>",
    "elements in text": UBL.replace(b"<cbc:ID>BM-1<", b"<cbc:ID><b>BM-1</b><"),
    "long number": UBL.replace(b"<cbc:ID>BM-1<", b"<cbc:ID>" + b"9" * 300 + b"<"),
    "two payables": CII.replace(
        b"<ram:DuePayableAmount>", b"<ram:DuePayableAmount>1</ram:DuePayableAmount><ram:DuePayableAmount>"
    ),
}


@pytest.mark.parametrize("name", XML_HOSTILE)
def test_hostile_bytes_are_refused_in_time(name: str) -> None:
    started = time.monotonic()
    for read in (read_invoice, read_document):
        with pytest.raises(EntrepotError) as caught:
            read(XML_HOSTILE[name])
        assert caught.value.code.startswith(("invoice_", "document_"))
    assert time.monotonic() - started < SECONDS_MAX


def test_what_only_looks_hostile_is_read() -> None:
    assert read_invoice(b"\xef\xbb\xbf" + UBL).number == "BM-1"
    assert read_invoice(b"\n" + UBL[UBL.index(b"<ubl:") :]).number == "BM-1"
    assert read_invoice(UBL.replace(b"UTF-8", b"UTF-16").decode().encode("utf-16")).number == "BM-1"
    comment = UBL.replace(b"BM-1<", b"BM<!-- - -->-1<")
    assert read_invoice(comment).number == "BM-1"


AMOUNTS = [
    "NaN",
    "1e9",
    "Infinity",
    "-Infinity",
    "sNaN",
    "0x10",
    "1,000.00",
    "1_000",
    "--1",
    "",
    "٣٤",
    "1" * 60,
    str(2**127),
]


@pytest.mark.parametrize("text", AMOUNTS)
@pytest.mark.parametrize("raw", [UBL, CII, JSON], ids=["ubl", "cii", "json"])
def test_what_is_not_an_amount_is_refused(raw: bytes, text: str) -> None:
    with pytest.raises(EntrepotError) as caught:
        read_invoice(raw.replace(b"110400.00", text.encode()))
    assert caught.value.code in ("invoice_field_malformed", "invoice_field_missing", "amount_out_of_range")


def test_the_largest_amount_is_read_and_one_more_is_not() -> None:
    largest = f"{(2**127 - 1) // 100}.{(2**127 - 1) % 100:02d}"
    assert read_invoice(JSON.replace(b"110400.00", largest.encode())).payable.amount_minor == 2**127 - 1
    above = f"{2**127 // 100}.{2**127 % 100:02d}"
    with pytest.raises(EntrepotError) as caught:
        read_invoice(JSON.replace(b"110400.00", above.encode()))
    assert (caught.value.code, caught.value.path) == ("amount_out_of_range", "$.payable")


JSON_HOSTILE = {
    "cut off": JSON[:-5],
    "not utf-8": JSON.replace("ö".encode(), b"\xf6"),
    "a member twice": JSON.replace(b'"number":', b'"number":"other","number":'),
    "NaN": JSON.replace(b'"110400.00"', b"NaN"),
    "fraction": JSON.replace(b'"110400.00"', b"110400.00"),
    "huge integer": JSON.replace(b'"110400.00"', b"9" * 10_000),
    "depth": b'{"schema":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "control character": JSON.replace(b"Ban Mai", rb"Ban\u0000Mai"),
    "lone surrogate": JSON.replace(b"Ban Mai", rb"Ban\ud800Mai"),
    "lines are text": JSON.replace(b'"lines":[', b'"lines":"x","rows":['),
    "seller is a list": JSON.replace(b'"seller":{', b'"seller":[],"vendor":{'),
    "schema is a list": JSON.replace(b'"schema":"entrepot/invoice/1"', b'"schema":[]'),
    "6 MB": JSON[:-1] + b',"x":"' + b"x" * 6_000_000 + b'"}',
    "20,000 lines": JSON.replace(b'"lines":[', b'"lines":[' + b"{}," * 20_000),
}


@pytest.mark.parametrize("name", JSON_HOSTILE)
def test_hostile_json_is_refused_in_time(name: str) -> None:
    started = time.monotonic()
    for read in (read_invoice, read_document):
        with pytest.raises(EntrepotError):
            read(JSON_HOSTILE[name])
    assert time.monotonic() - started < SECONDS_MAX


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_random_bytes_never_fail_untyped(raw: bytes) -> None:
    with pytest.raises(EntrepotError):
        read_document(raw)


@pytest.mark.parametrize(
    "raw", [UBL, CII, JSON, PACKING, TRANSPORT], ids=["ubl", "cii", "json", "packing", "transport"]
)
def test_mutated_samples_are_read_or_refused_never_worse(raw: bytes) -> None:
    chance = random.Random(20261123)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(400):
        bytes_ = bytearray(raw)
        for _ in range(chance.randint(1, 4)):
            bytes_[chance.randrange(len(bytes_))] = chance.randrange(256)
        try:
            read_document(bytes(bytes_))
            outcomes["read"] += 1
        except EntrepotError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0, outcomes


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_json_value_in_any_place_is_read_or_refused(value: object) -> None:
    for raw in (JSON, PACKING, TRANSPORT):
        body = json.loads(raw)
        for name in body:
            try:
                read_document(json.dumps(body | {name: value}).encode())
            except EntrepotError as error:
                assert error.code
