"""The examiner as a table a banker can read: what was changed in complying documents, and what he finds."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from entrepot.core.asset import CURRENCIES
from entrepot.core.canonical import canonical
from entrepot.core.errors import Invalid
from entrepot.core.money import Money
from entrepot.documents import samples
from entrepot.documents.examination import FINDINGS_MAX, RULES, Examination, examine
from entrepot.documents.presented import ExaminedTerms, GoodsAgreed
from entrepot.documents.stated import DeliveryTerms, Port, StatedParty
from entrepot.documents.trade_documents import Document, read_document

FACTS = samples.coffee_trade(number="BM-1", issue_date=date(2026, 11, 20))  # on board 2026-11-23
TERMS = ExaminedTerms(
    seller=FACTS.seller,
    buyer=FACTS.buyer,
    amount=Money(11_040_000, CURRENCIES["USD"]),
    goods=tuple(GoodsAgreed(line.description, line.hs, line.quantity, line.unit) for line in FACTS.lines),
    present_by=int(datetime(2026, 12, 20, 12, tzinfo=UTC).timestamp()),
    invoice_number="BM-1",
    latest_shipment=date(2026, 11, 25),
    delivery=FACTS.delivery,
    port_of_loading=FACTS.port_of_loading,
    port_of_discharge=FACTS.port_of_discharge,
)
PRESENTED = "2026-11-30T09:00:00"


def documents() -> dict[str, Any]:
    return {
        "invoice": json.loads(samples.json_invoice(FACTS)),
        "packing": json.loads(samples.packing_list(FACTS)),
        "transport": json.loads(samples.transport_document(FACTS)),
    }


def examined(
    change: Callable[[dict[str, Any]], Any] = lambda d: None, *, terms: ExaminedTerms = TERMS, at: str = PRESENTED
) -> Examination:
    bodies = documents()
    change(bodies)
    read = [read_document(json.dumps(body).encode()) for body in bodies.values()]
    return examine(terms, read, int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()))


def codes(found: Examination) -> list[str]:
    return [discrepancy.code for discrepancy in found.discrepancies]


def test_complying_documents_comply() -> None:
    found = examined()
    assert found.complies
    assert codes(found) == []
    assert len(found.rules) == len(RULES) == 10
    assert [kind for kind, _ in found.documents] == ["invoice", "packing_list", "transport_document"]


def test_the_same_invoice_in_xml_complies_too() -> None:
    for write in (samples.ubl_invoice, samples.cii_invoice):
        raw = (write(FACTS), samples.packing_list(FACTS), samples.transport_document(FACTS))
        assert examine(TERMS, [read_document(one) for one in raw], 1_796_000_000).complies


def line(bodies: dict[str, Any], document: str, nth: int, **facts: Any) -> None:
    bodies[document]["lines"][nth].update(facts)


DISCREPANT: dict[str, tuple[Callable[[dict[str, Any]], Any], list[str]]] = {
    "no packing list": (lambda d: d.pop("packing"), ["document_missing"]),
    "no invoice": (lambda d: d.pop("invoice"), ["document_missing"]),
    "no transport document": (lambda d: d.pop("transport"), ["document_missing"]),
    "two invoices": (lambda d: d.update(other=d["invoice"] | {"due_date": "2027-02-01"}), ["document_repeated"]),
    "shipped a day late": (lambda d: d["transport"].update(on_board_date="2026-11-26"), ["shipped_late"]),
    "on board after presentation": (
        lambda d: d["transport"].update(on_board_date="2026-12-01"),
        ["shipped_late", "on_board_in_future"],
    ),
    "another seller": (lambda d: d["invoice"]["seller"].update(name="Ban Moi Coffee"), ["invoice_not_by_seller"]),
    "seller in another country": (lambda d: d["invoice"]["seller"].update(country="LA"), ["invoice_not_by_seller"]),
    "seller with another LEI": (
        lambda d: d["invoice"]["seller"].update(lei=FACTS.buyer.lei),
        ["invoice_not_by_seller"],
    ),
    "another buyer": (lambda d: d["invoice"]["buyer"].update(name="Südkontor"), ["invoice_not_to_buyer"]),
    "another currency": (lambda d: d["invoice"].update(currency="EUR"), ["invoice_currency"]),
    "a cent too much": (lambda d: d["invoice"].update(payable="110400.01"), ["invoice_amount_exceeds"]),
    "another invoice": (
        lambda d: (d["invoice"].update(number="BM-2"), d["packing"].update(invoice_number="BM-2")),
        ["invoice_number_differs"],
    ),
    "tea for coffee": (
        lambda d: line(d, "invoice", 0, description="Robusta green tea, grade 1"),
        ["goods_differ", "quantity_out_of_tolerance"],
    ),
    "another HS heading": (
        lambda d: line(d, "invoice", 0, hs="090121"),
        [
            "goods_differ",
            "quantity_out_of_tolerance",
            "goods_conflict",
            "quantity_conflict",
            "goods_conflict",
            "quantity_conflict",
        ],
    ),
    "packing list for another invoice": (
        lambda d: d["packing"].update(invoice_number="BM-9"),
        ["invoice_number_conflict"],
    ),
    "packing list by another seller": (lambda d: d["packing"]["seller"].update(name="X"), ["seller_conflict"]),
    "packing list for another buyer": (lambda d: d["packing"]["buyer"].update(name="X"), ["buyer_conflict"]),
    "buyer neither consignee nor notified": (
        lambda d: (d["transport"]["consignee"].update(name="X"), d["transport"]["notify"].update(name="Y")),
        ["buyer_conflict"],
    ),
    "less packed than invoiced": (lambda d: line(d, "packing", 0, quantity="19000"), ["quantity_conflict"]),
    "less shipped than invoiced": (lambda d: line(d, "transport", 0, quantity="19000"), ["quantity_conflict"]),
    "other goods shipped": (
        lambda d: d["transport"]["lines"].append(
            d["transport"]["lines"][0] | {"hs": "120190", "packages": 0, "gross_kg": "0", "net_kg": "0"}
        ),
        ["goods_conflict"],
    ),
    "packages differ": (lambda d: line(d, "transport", 0, packages=321), ["packages_conflict"]),
    "gross weight differs": (lambda d: line(d, "transport", 0, gross_kg="19521"), ["gross_weight_conflict"]),
    "net above gross": (lambda d: line(d, "packing", 0, net_kg="19521"), ["net_above_gross"]),
    "CIF for FOB": (lambda d: d["invoice"]["delivery"].update(incoterm="CIF"), ["delivery_terms_differ"]),
    "another named place": (lambda d: d["transport"]["delivery"].update(place="Da Nang"), ["delivery_terms_differ"]),
    "loaded elsewhere": (
        lambda d: d["transport"].update(port_of_loading={"locode": "VNDAD", "name": "Da Nang"}),
        ["port_of_loading_differs"],
    ),
    "discharged elsewhere": (
        lambda d: d["transport"].update(port_of_discharge={"name": "Bremerhaven"}),
        ["port_of_discharge_differs"],
    ),
    "carrier not named": (lambda d: d["transport"].pop("carrier"), ["carrier_not_named"]),
    "not signed": (lambda d: d["transport"].pop("signed_by"), ["not_signed"]),
    "signed in no capacity": (lambda d: d["transport"].pop("signed_as"), ["not_signed"]),
    "received for shipment only": (lambda d: d["transport"].pop("on_board_date"), ["not_on_board"]),
    "no ship named": (lambda d: d["transport"].pop("vessel"), ["not_on_board"]),
}


@pytest.mark.parametrize("name", DISCREPANT)
def test_a_discrepancy_is_found_and_nothing_else(name: str) -> None:
    change, expected = DISCREPANT[name]
    found = examined(change)
    assert codes(found) == expected
    assert not found.complies


COMPLYING: dict[str, Callable[[dict[str, Any]], Any]] = {
    "shipped on the last day": lambda d: d["transport"].update(on_board_date="2026-11-25"),
    "a cent less": lambda d: d["invoice"].update(payable="110399.99"),
    "name in capitals, other punctuation": lambda d: d["invoice"]["seller"].update(name="BAN MAI COFFEE EXPORT J.S.C."),
    "another address": lambda d: d["invoice"]["seller"].update(address=["elsewhere"]),
    "seller without LEI": lambda d: d["invoice"]["seller"].pop("lei"),
    "more words on the goods": lambda d: line(d, "invoice", 0, description="Robusta green coffee, grade 1, screen 18"),
    "national digits of the HS code": lambda d: line(d, "invoice", 0, hs="0901110000"),
    "no HS code on the packing list": lambda d: [one.pop("hs") for one in d["packing"]["lines"]],
    "goods in general terms on the bill": lambda d: line(d, "transport", 0, description="coffee in bags"),
    "no Incoterm on the packing list": lambda d: d["packing"].pop("delivery"),
    "shipper is a third party": lambda d: d["transport"]["shipper"].update(name="Forwarder Ltd", country="SG"),
    "to order, buyer notified": lambda d: d["transport"]["consignee"].update(name="To order"),
    "port by name only": lambda d: d["transport"]["port_of_loading"].pop("locode"),
    "signed by an agent": lambda d: d["transport"].update(signed_by="Agent Co", signed_as="agent_of_carrier"),
    "weights written otherwise": lambda d: line(d, "transport", 0, gross_kg="19520.000"),
}


@pytest.mark.parametrize("name", COMPLYING)
def test_what_is_not_identical_may_still_not_conflict(name: str) -> None:
    assert codes(examined(COMPLYING[name])) == []


@pytest.mark.parametrize(
    ("presented", "on_board", "expected"),
    [
        ("2026-12-14T23:59:59", "2026-11-23", []),  # day 21
        ("2026-12-15T00:00:00", "2026-11-23", ["presented_stale"]),
        ("2026-12-16T12:00:00", "2026-11-25", []),
        ("2026-12-16T12:00:01", "2026-11-25", []),
        ("2026-12-20T12:00:00", "2026-11-25", ["presented_stale"]),  # in time by the terms, stale by 14(c)
        ("2026-12-20T12:00:01", "2026-11-25", ["presented_late", "presented_stale"]),
    ],
)
def test_presentation_has_two_limits_in_time(presented: str, on_board: str, expected: list[str]) -> None:
    assert codes(examined(lambda d: d["transport"].update(on_board_date=on_board), at=presented)) == expected


@pytest.mark.parametrize(
    ("unit", "about", "quantity", "complies"),
    [
        ("KGM", False, "1050", True),
        ("KGM", False, "950", True),
        ("KGM", False, "1050.01", False),
        ("KGM", False, "949.99", False),
        ("KGM", True, "1100", True),
        ("KGM", True, "1100.01", False),
        ("C62", False, "1000", True),
        ("C62", False, "1001", False),  # counted one by one: no tolerance
        ("C62", False, "999", False),
        ("XBG", False, "1001", False),  # packages
        ("XBG", True, "1100", True),
    ],
)
def test_quantities_within_the_tolerance_of_article_30(unit: str, about: bool, quantity: str, complies: bool) -> None:
    terms = replace(TERMS, goods=(GoodsAgreed("green coffee", "090111", Decimal(1000), unit, about),))
    bodies = documents()
    for body in bodies.values():
        body["lines"] = [body["lines"][0] | {"unit": unit, "quantity": quantity, "description": "green coffee"}]
    bodies["invoice"]["payable"] = bodies["invoice"]["lines"][0]["net_amount"]
    found = examine(terms, [read_document(json.dumps(body).encode()) for body in bodies.values()], 1_796_000_000)
    assert found.complies is complies
    assert complies or codes(found) == ["quantity_out_of_tolerance"]


def test_goods_shipped_on_the_day_of_presentation_are_not_in_the_future() -> None:
    assert codes(examined(at="2026-11-23T23:00:00")) == []
    assert codes(examined(at="2026-11-22T23:00:00")) == ["on_board_in_future"]


@pytest.mark.parametrize(
    ("agreed", "invoiced", "expected"),
    [
        ("KGM", "KGM", []),
        ("", "KGM", []),  # the terms name no unit
        # 19,200 tonnes are not 19,200 kilograms, for the terms nor for the other two documents
        ("KGM", "TNE", ["quantity_out_of_tolerance", "quantity_conflict", "quantity_conflict"]),
    ],
)
def test_quantities_are_compared_in_one_unit(agreed: str, invoiced: str, expected: list[str]) -> None:
    first, second = TERMS.goods
    terms = replace(TERMS, goods=(replace(first, unit=agreed), second))
    assert codes(examined(lambda d: line(d, "invoice", 0, unit=invoiced), terms=terms)) == expected


def test_an_invoice_line_without_a_unit_counts_towards_its_goods() -> None:
    raw = samples.ubl_invoice(FACTS).replace(b'Quantity unitCode="KGM">19200', b"Quantity>19200")
    others = [read_document(samples.packing_list(FACTS)), read_document(samples.transport_document(FACTS))]
    found = codes(examine(TERMS, [read_document(raw), *others], 1_796_000_000))
    assert "quantity_out_of_tolerance" not in found


def test_the_order_of_documents_does_not_matter() -> None:
    read = [read_document(json.dumps(body).encode()) for body in documents().values()]
    answers = {canonical(examine(TERMS, order, 1_796_000_000).to_json()) for order in itertools.permutations(read)}
    assert len(answers) == 1


def test_every_discrepancy_cites_its_rule_and_its_mark() -> None:
    for change, _ in DISCREPANT.values():
        for found in examined(change).discrepancies:
            rule = next(rule for rule in RULES if rule.id == found.rule)
            assert found.cites == rule.cites
            assert found.says and found.terms_say and found.documents
            assert found.to_json()["mark"] in ("T", "S", "U")
    unverified = [rule for rule in RULES if rule.cites.mark == "U"]
    assert unverified and all("unverified" in str(rule.cites) for rule in unverified)


def test_every_rule_finds_something_in_this_table() -> None:
    stale = examined(at="2027-03-01T00:00:00").discrepancies
    short = examined(lambda d: line(d, "invoice", 0, quantity="1")).discrepancies
    found = [one for change, _ in DISCREPANT.values() for one in examined(change).discrepancies]
    assert {one.rule for one in (*found, *stale, *short)} == {rule.id for rule in RULES}


def test_what_the_terms_do_not_say_is_not_examined() -> None:
    silent = replace(
        TERMS, latest_shipment=None, delivery=None, port_of_loading=None, port_of_discharge=None, invoice_number=""
    )
    changes = (
        lambda d: d["transport"].update(on_board_date="2026-11-29"),
        lambda d: d["transport"].update(port_of_loading={"name": "anywhere"}),
        lambda d: d["invoice"]["delivery"].update(incoterm="CIF"),
    )
    for change in changes:
        assert not examined(change).complies
        assert examined(change, terms=silent).complies
    fewer = replace(TERMS, required=("invoice",))
    assert examined(lambda d: (d.pop("packing"), d.pop("transport")), terms=fewer).complies


def test_removing_documents_or_narrowing_terms_never_turns_no_into_yes() -> None:
    for change, _ in DISCREPANT.values():
        narrower = replace(TERMS, latest_shipment=date(2026, 1, 1))
        assert not examined(change, terms=narrower).complies


def test_a_presentation_is_bounded() -> None:
    read: list[Document] = [read_document(samples.packing_list(FACTS))]
    for documents_, at in (([], 1), (read * 51, 1), (read, -1), (read, 2**60)):
        with pytest.raises(Invalid) as caught:
            examine(TERMS, documents_, at)
        assert caught.value.code == "presentation_malformed"


def test_ten_thousand_wrong_lines_are_examined_in_time_and_the_notice_stays_readable() -> None:
    bodies = documents()
    bodies["invoice"]["lines"] = [
        bodies["invoice"]["lines"][0] | {"id": str(nth), "description": f"unknown {nth}"} for nth in range(10_000)
    ]
    terms = replace(TERMS, goods=tuple(GoodsAgreed(f"goods {n}", None, Decimal(1), "KGM") for n in range(500)))
    read = [read_document(json.dumps(body).encode()) for body in bodies.values()]
    started = time.monotonic()
    found = examine(terms, read, 1_796_000_000)
    assert time.monotonic() - started < 30
    assert codes(found).count("goods_differ") == FINDINGS_MAX
    assert all(len(one.terms_say) < 2_000 for one in found.discrepancies)


def test_dates_at_the_end_of_time_do_not_break_it() -> None:
    late = examined(lambda d: d["transport"].update(on_board_date="9999-12-31", issue_date="9999-12-31"))
    assert codes(late) == ["shipped_late", "on_board_in_future"]


def test_terms_without_facts_still_compare_parties_by_name_and_country() -> None:
    terms = replace(TERMS, seller=StatedParty("Ban Mai Coffee Export JSC", "VN"), delivery=DeliveryTerms("FOB"))
    assert examined(terms=terms).complies
    terms = replace(terms, port_of_loading=Port("", "Ho Chi Minh City"))
    assert examined(terms=terms).complies
