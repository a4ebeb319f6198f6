"""The check against official schemas: which are here, what is refused and where, and that hostile XML does nothing."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest
from lxml import etree
from made_up_payments import payment

from entrepot.core.errors import Invalid
from entrepot.messages import schemas
from entrepot.messages.camt054 import camt_054
from entrepot.messages.pacs008 import pacs_008
from entrepot.messages.schemas import ISO, check, message_types

UETR = payment().uetr.encode()
PACS, CAMT = pacs_008(payment()), camt_054(payment(), "debit")
# SHA-256 of the two schemas we send by, as they were compared with a second source type by type on 2026-11-23.
PINNED = {
    "pacs.008.001.08": "9bb360555d1981be8635aa3ed295abfe8b2d221d316193434114ad722107dcde",
    "camt.054.001.08": "2b392a1f7e70e70902fd0d803ff85989613bd1cae351663240b0bb9243be2c28",
}


def test_the_schemas_we_send_by_are_the_ones_that_were_compared() -> None:
    for kind, sha256 in PINNED.items():
        assert hashlib.sha256(schemas._files()[kind].read_bytes()).hexdigest() == sha256


def test_every_official_schema_compiles_and_is_for_its_own_name() -> None:
    kinds = message_types()
    assert len(kinds) == 57 and {"pacs.008.001.08", "camt.052.001.08", "camt.053.001.14"} <= set(kinds)
    for kind in kinds:
        assert not check(f'<Document xmlns="{ISO}{kind}"/>'.encode()).ok


def test_shortened_schemas_under_official_names_are_not_used() -> None:
    brought = {file.name for package in schemas.PACKAGES for file in metadata.distribution(package).files or ()}
    assert "pacs.002.001.12.xsd" in brought and "pacs.002.001.12" not in message_types()
    with pytest.raises(Invalid) as refused:
        check(f'<Document xmlns="{ISO}pacs.002.001.12"/>'.encode())
    assert refused.value.code == "message_type_unknown"


BROKEN: dict[str, tuple[bytes, bytes, bytes, str]] = {
    "an LEI too short": (PACS, b"<LEI>5493001KJTIIGC8Y1R12<", b"<LEI>5493001KJTIIGC8Y1R1<", "FinInstnId/LEI"),
    "a small country": (PACS, b"<CtryOfRes>SE<", b"<CtryOfRes>se<", "Dbtr/CtryOfRes"),
    "an id of 36": (PACS, b"<EndToEndId>", b"<EndToEndId>0000", "PmtId/EndToEndId"),
    "a currency of four": (
        PACS,
        b'IntrBkSttlmAmt Ccy="USD"',
        b'IntrBkSttlmAmt Ccy="USDC"',
        "CdtTrfTxInf/IntrBkSttlmAmt",
    ),
    "six decimals": (PACS, b">1081.23<", b">1081.234567<", "CdtTrfTxInf/IntrBkSttlmAmt"),
    "a name of 141": (PACS, "<Nm>Näckros".encode(), b"<Nm>" + b"x" * 141, "Dbtr/Nm"),
    "an address as account": (PACS, b"<Id>AAAAAA", b"<Id>0x" + b"0" * 40 + b"AAAAAA", "DbtrAcct/Id/Othr/Id"),
    "a UUID of version 1": (PACS, UETR, UETR[:14] + b"1" + UETR[15:], "PmtId/UETR"),
    "no debtor's agent": (PACS, b"DbtrAgt>", b"DbtrAgnt>", "CdtTrfTxInf/DbtrAgnt"),
    "a local time that is none": (PACS, b"<CreDtTm>2026-09-21T14", b"<CreDtTm>2026-09-21T25", "GrpHdr/CreDtTm"),
    "no status": (CAMT, b"<Sts>\n          <Cd>BOOK</Cd>\n        </Sts>", b"", "Ntfctn/Ntry/BookgDt"),
    "neither credit nor debit": (CAMT, b"<CdtDbtInd>DBIT<", b"<CdtDbtInd>BOTH<", "Ntry/CdtDbtInd"),
}


@pytest.mark.parametrize(("raw", "old", "new", "path"), BROKEN.values(), ids=BROKEN)
def test_a_broken_field_fails_the_check_and_is_named(raw: bytes, old: bytes, new: bytes, path: str) -> None:
    assert old in raw and check(raw).ok
    broken = raw.replace(old, new)
    result = check(broken)
    assert not result.ok and any(fault.path.endswith(path) for fault in result.errors), result.errors
    first = result.errors[0]
    named = first.path.rpartition("/")[2].partition("[")[0]
    assert f"<{named}" in broken.decode().splitlines()[first.line - 1]


def test_the_second_of_two_is_named_as_the_second() -> None:
    raw = PACS.replace(b"</RfrdDocInf>", b"</RfrdDocInf><RfrdDocInf><Nb></Nb></RfrdDocInf>")
    assert check(raw).errors[0].path.endswith("RmtInf/Strd/RfrdDocInf[2]/Nb")


def test_faults_are_bounded() -> None:
    raw = PACS.replace(b"</RfrdDocInf>", b"</RfrdDocInf>" + b"<RfrdDocInf><Nb></Nb></RfrdDocInf>" * 200)
    assert len(check(raw).errors) == schemas.FAULTS_MAX


UNKNOWN = {
    "no namespace": b"<Document/>",
    "another root": f'<Letter xmlns="{ISO}pacs.008.001.08"/>'.encode(),
    "a version of tomorrow": f'<Document xmlns="{ISO}pacs.008.001.99"/>'.encode(),
    "a path for a type": f'<Document xmlns="{ISO}../../pacs.008.001.08"/>'.encode(),
    "another standard": b'<Document xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>',
}


@pytest.mark.parametrize("raw", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_type_is_invalid_and_not_merely_failed(raw: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        check(raw)
    assert refused.value.code == "message_type_unknown"


HOSTILE = {
    "nothing": b"",
    "text": b"payment",
    "cut short": PACS[:-20],
    "two roots": PACS + b"<Document/>",
    "an entity": b'<!DOCTYPE D [<!ENTITY a "b">]>' + PACS.partition(b"?>\n")[2].replace(b"INV-2026/001", b"&a;"),
    "a file": b'<!DOCTYPE D [<!ENTITY a SYSTEM "file:///etc/hostname">]><D>&a;</D>',
    "a document type alone": b"<!DOCTYPE Document>" + PACS.partition(b"?>\n")[2],
    "laughs": b'<!DOCTYPE D [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><D>&b;</D>',
    "depth": b"<a>" * 5_000 + b"</a>" * 5_000,
    "another encoding than it says": b'<?xml version="1.0" encoding="UTF-8"?><Document>\xff</Document>',
    "an encoding that is none": b'<?xml version="1.0" encoding="WISH"?><Document/>',
    "too many bytes": b"<Document>" + b" " * schemas.MESSAGE_BYTES_MAX + b"</Document>",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_xml_is_malformed_and_does_nothing(raw: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        check(raw)
    assert refused.value.code == "message_malformed"


def test_a_message_cannot_have_a_file_of_this_machine_read_as_its_schema(tmp_path: Path) -> None:
    planted = tmp_path / "planted.xsd"
    planted.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:planted">'
        '<xs:element name="Planted" type="xs:integer"/></xs:schema>'
    )
    hint = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:planted {planted.as_uri()}"'
    more = f'<SplmtryData><Envlp><Planted xmlns="urn:planted" {hint}>text</Planted></Envlp></SplmtryData></CdtTrfTxInf>'
    raw = PACS.replace(b"</CdtTrfTxInf>", more.encode()).replace(b"<Document ", f"<Document {hint} ".encode())
    planted_schema = etree.XMLSchema(etree.parse(str(planted)))
    assert not planted_schema.validate(etree.fromstring(b'<Planted xmlns="urn:planted">text</Planted>'))
    assert check(raw).ok


def test_many_threads_get_each_their_own_answer() -> None:
    broken = PACS.replace(b"<ChrgBr>DEBT<", b"<ChrgBr>NONE<")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(check, [PACS, broken, CAMT] * 40))
    assert [result.ok for result in results] == [True, False, True] * 40
    assert all(len(result.errors) == (0 if result.ok else 1) for result in results)


_HERE = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ENTREPOT_SHARED_DATA", _HERE.parent / "shared" / "data")) / "iso20022"
SAMPLES = sorted((SHARED / "samples").rglob("*.xml"))
needs_shared = pytest.mark.skipif(not SAMPLES, reason=f"the shared ISO 20022 samples are not at {SHARED}")
CHECKABLE = 19  # of the 56 samples: those whose root is a Document of a type whose official schema is here


def _outcome(raw: bytes) -> str:
    try:
        return "valid" if check(raw).ok else "not valid"
    except Invalid as refused:
        return refused.code


@needs_shared
def test_messages_of_other_banks_are_valid_or_of_a_type_that_is_not_here() -> None:
    outcomes = Counter(_outcome(file.read_bytes()) for file in SAMPLES)
    assert outcomes == {"valid": CHECKABLE, "message_type_unknown": len(SAMPLES) - CHECKABLE}


@needs_shared
def test_messages_of_other_banks_fail_when_their_id_is_gone() -> None:
    failed = 0
    for file in SAMPLES:
        raw = file.read_bytes()
        if _outcome(raw) == "valid":
            result = check(re.sub(rb"<((?:\w+:)?)MsgId>[^<]*<", rb"<\1MsgId><", raw, count=1))
            assert not result.ok and result.errors[0].path.endswith("GrpHdr/MsgId"), file.name
            failed += 1
    assert failed == CHECKABLE


@needs_shared
@pytest.mark.parametrize("kind", ["pacs.008.001.08", "camt.054.001.08", "camt.053.001.08", "pacs.008.001.13"])
def test_schemas_here_say_the_same_as_those_of_a_second_source(kind: str) -> None:
    assert _definitions(schemas._files()[kind]) == _definitions(SHARED / "xsd" / f"{kind}.xsd")


def _definitions(path: Path) -> dict[str, bytes]:
    """The definitions of a schema by name, without annotations and white space."""
    root = etree.parse(str(path), etree.XMLParser(remove_comments=True, remove_blank_text=True)).getroot()
    for note in list(root.iter("{http://www.w3.org/2001/XMLSchema}annotation")):
        parent = note.getparent()
        assert parent is not None
        parent.remove(note)
    found = {f"{etree.QName(child).localname} {child.get('name')}": child for child in root}
    return {name: etree.tostring(child, method="c14n", exclusive=True) for name, child in found.items()}
