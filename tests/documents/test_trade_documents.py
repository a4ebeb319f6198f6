"""Packing list and transport document: they come back as written, hash canonically, refuse what they do not know."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from entrepot.core.canonical import canonical
from entrepot.core.errors import EntrepotError, Invalid
from entrepot.documents import samples
from entrepot.documents.check_digits import is_container_number, is_imo_number
from entrepot.documents.invoice import Invoice
from entrepot.documents.trade_documents import PackingList, TransportDocument, read_document

FACTS = samples.coffee_trade(number="BM-1", issue_date=date(2026, 11, 20))
WRITERS: dict[str, Callable[[samples.TradeFacts], bytes]] = {
    "packing_list": samples.packing_list,
    "transport_document": samples.transport_document,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_document_comes_back_as_it_was_written(kind: str) -> None:
    raw = WRITERS[kind](FACTS)
    document = read_document(raw)
    assert isinstance(document, PackingList | TransportDocument)
    assert document.kind == kind
    assert canonical(document.to_json()) == raw
    assert document.sha256 == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("kind", WRITERS)
def test_spaces_and_order_do_not_change_the_hash_but_any_fact_does(kind: str) -> None:
    body = json.loads(WRITERS[kind](FACTS))
    shuffled = json.dumps(dict(reversed(body.items())), indent=3).encode()
    assert read_document(shuffled).sha256 == read_document(WRITERS[kind](FACTS)).sha256
    body["lines"][0]["packages"] += 1
    assert read_document(json.dumps(body).encode()).sha256 != read_document(shuffled).sha256


def test_the_facts_of_the_trade_stand_in_them() -> None:
    transport = read_document(samples.transport_document(FACTS))
    assert isinstance(transport, TransportDocument)
    assert (transport.shipper, transport.consignee, transport.notify) == (FACTS.seller, FACTS.buyer, FACTS.buyer)
    assert transport.on_board_date == date(2026, 11, 23)
    assert (transport.port_of_loading, transport.port_of_discharge) == (FACTS.port_of_loading, FACTS.port_of_discharge)
    assert [(line.quantity, line.packages) for line in transport.lines] == [(Decimal(19200), 320), (Decimal(4800), 80)]


def test_an_invoice_is_a_document_too_in_every_syntax() -> None:
    for write in (samples.ubl_invoice, samples.cii_invoice, samples.json_invoice):
        document = read_document(write(FACTS))
        assert isinstance(document, Invoice)
        assert document.kind == "invoice"


def mutated(kind: str, change: Callable[[dict[str, Any]], Any]) -> bytes:
    body = json.loads(WRITERS[kind](FACTS))
    change(body)
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("kind", "change", "code", "path"),
    [
        ("packing_list", lambda b: b.pop("number"), "document_field_missing", "$.number"),
        ("packing_list", lambda b: b.update(number=" "), "document_field_missing", "$.number"),
        ("packing_list", lambda b: b.update(number=7), "document_field_malformed", "$.number"),
        ("packing_list", lambda b: b.update(lines=[]), "document_field_missing", "$.lines"),
        (
            "packing_list",
            lambda b: b["lines"][1].update(gross_kg="-1"),
            "document_field_malformed",
            "$.lines[1].gross_kg",
        ),
        ("packing_list", lambda b: b["lines"][1].update(net_kg="1e3"), "document_field_malformed", "$.lines[1].net_kg"),
        (
            "packing_list",
            lambda b: b["lines"][0].update(packages=-1),
            "document_field_malformed",
            "$.lines[0].packages",
        ),
        (
            "packing_list",
            lambda b: b["lines"][0].update(packages=True),
            "document_field_malformed",
            "$.lines[0].packages",
        ),
        (
            "packing_list",
            lambda b: b["lines"][0].update(quantity="-5"),
            "document_field_malformed",
            "$.lines[0].quantity",
        ),
        (
            "packing_list",
            lambda b: b["lines"][0].update(unit="kilogram"),
            "document_field_malformed",
            "$.lines[0].unit",
        ),
        (
            "packing_list",
            lambda b: b["seller"].update(country="Viet Nam"),
            "document_field_malformed",
            "$.seller.country",
        ),
        ("packing_list", lambda b: b["buyer"].update(lei="1" * 20), "document_field_malformed", "$.buyer.lei"),
        ("packing_list", lambda b: b.update(vessel="x"), "document_field_malformed", "$.vessel"),
        ("transport_document", lambda b: b.update(vessel_imo="9999994"), "document_field_malformed", "$.vessel_imo"),
        (
            "transport_document",
            lambda b: b.update(containers=["XMPU1234568"]),
            "document_field_malformed",
            "$.containers",
        ),
        ("transport_document", lambda b: b.update(vessel="x" * 301), "document_field_malformed", "$.vessel"),
        ("transport_document", lambda b: b.update(carrier="x" * 301), "document_field_malformed", "$.carrier"),
        ("transport_document", lambda b: b.update(signed_as="cook"), "document_field_malformed", "$.signed_as"),
        (
            "transport_document",
            lambda b: b["port_of_loading"].update(locode="SAIGON"),
            "document_field_malformed",
            "$.port_of_loading.locode",
        ),
        (
            "transport_document",
            lambda b: b.update(on_board_date="2026-13-01"),
            "document_field_malformed",
            "$.on_board_date",
        ),
        ("transport_document", lambda b: b.update(schema="entrepot/airway-bill/1"), "document_kind_unknown", ""),
    ],
)
def test_the_nearest_wrong_document_is_refused_with_its_path(
    kind: str, change: Callable[[dict[str, Any]], Any], code: str, path: str
) -> None:
    with pytest.raises(Invalid) as caught:
        read_document(mutated(kind, change))
    assert (caught.value.code, caught.value.path) == (code, path)


def test_what_may_be_absent_may_be_absent() -> None:
    absent = ("on_board_date", "notify", "carrier", "signed_by", "signed_as", "vessel", "vessel_imo", "containers")
    document = read_document(mutated("transport_document", lambda body: [body.pop(name) for name in absent]))
    assert isinstance(document, TransportDocument)
    assert (document.on_board_date, document.carrier, document.containers) == (None, "", ())


@pytest.mark.parametrize("number", ["9074729", "9999993"])
def test_an_imo_number_carries_its_check_digit(number: str) -> None:
    assert is_imo_number(number)
    assert not any(is_imo_number(number[:6] + digit) for digit in "0123456789" if digit != number[6])
    assert not is_imo_number(number[:6])


@pytest.mark.parametrize("number", ["CSQU3054383", "XMPU1234567"])
def test_a_container_number_carries_its_check_digit(number: str) -> None:
    assert is_container_number(number)
    assert not any(is_container_number(number[:10] + digit) for digit in "0123456789" if digit != number[10])
    assert not is_container_number(number.lower())


def test_every_error_of_this_module_is_declared_once_and_typed() -> None:
    for raw in (b"", b"{}", b"<a/>", b"[]", b'{"schema":"entrepot/packing-list/1"}'):
        with pytest.raises(EntrepotError):
            read_document(raw)
