"""Texts that lists are searched for are bounded at every door: refused with their path, never cut, never clear."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from doors_ground import Ground
from doors_listed import GOOD_SIGNATURE

from entrepot.core.party import NAME_CHARS_MAX as PARTY_CHARS_MAX
from entrepot.demo.client import Problem
from entrepot.documents.stated import SCREENED_CHARS_MAX
from entrepot.screening.entity import IDENTIFIER_CHARS_MAX, IDENTIFIERS_MAX, NAME_CHARS_MAX, WALLET_CHARS_MAX

LISTED = "Meridian Trading FZE"


@pytest.fixture(scope="module", autouse=True)
def nothing_breaks(ground: Ground) -> Iterator[None]:
    """Whatever was sent: afterwards the worker works, and nothing was set aside."""
    yield
    assert ground.operator.http.get("/healthz").json()["set_aside"] == 0
    ground.house.require_alive()


def refused(act: Any, path: str, code: str = "malformed") -> None:
    """The door answers 422 with this code and path."""
    with pytest.raises(Problem) as problem:
        act()
    body = problem.value.body
    assert (body["status"], body["code"], body["path"]) == (422, code, path)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": LISTED.ljust(NAME_CHARS_MAX + 1, ".")}, "body.name"),
        ({"country": "ARE"}, "body.country"),
        ({"wallet": "0" * (WALLET_CHARS_MAX + 1)}, "body.wallet"),
        ({"identifiers": {"lei": "0" * (IDENTIFIER_CHARS_MAX + 1)}}, "body.identifiers.lei"),
        ({"identifiers": {f"n{number}": "1" for number in range(IDENTIFIERS_MAX + 1)}}, "body.identifiers"),
        ({"identifiers": {"x" * 1000: "1"}}, "identifiers"),
    ],
)
def test_a_screening_refuses_what_is_too_long(ground: Ground, changes: dict[str, Any], path: str) -> None:
    refused(lambda: ground.officer.post("/screenings", {"name": LISTED} | changes), path)


def test_the_longest_name_is_screened_to_its_end(ground: Ground) -> None:
    found = ground.officer.post("/screenings", {"name": LISTED.rjust(NAME_CHARS_MAX, ".")})
    assert [hit["entity"] for hit in found["hits"]] == ["INV-0002"]


@pytest.mark.parametrize("field", ["name", "bank_name"])
def test_nobody_is_admitted_under_a_name_that_is_too_long(ground: Ground, field: str) -> None:
    body = {"name": "Nordkontor Kaffee", "country": "DE"}
    long = (LISTED + " ").ljust(PARTY_CHARS_MAX + 1, "x")
    refused(lambda: ground.operator.post("/participants", body | {field: long}), f"body.{field}")
    known = ground.operator.get("/participants")["participants"]
    assert not [entry for entry in known if LISTED in json.dumps(entry)]


def test_a_ship_or_carrier_with_too_long_a_name_is_not_presented_and_the_trade_goes_on(ground: Ground) -> None:
    settlement = ground.brought_to("funded", "LONG-NAMES", "seller", "buyer")
    invoice, packing, transport = ground.documents(settlement)
    long = LISTED.rjust(SCREENED_CHARS_MAX + 1, "x")
    for field in ("vessel", "carrier"):
        spoilt = json.dumps(json.loads(transport) | {field: long}).encode()
        texts = [base64.b64encode(paper).decode() for paper in (invoice, packing, spoilt)]
        for door, body in (
            ("statements", {"act": "presentation", "documents_base64": texts}),
            ("presentations", {"documents_base64": texts, "signature": GOOD_SIGNATURE}),
        ):
            refused(
                lambda door=door, body=body: ground.seller(settlement).post(f"/settlements/{settlement}/{door}", body),
                "documents_base64[2]",
                "document_field_malformed",
            )
    assert ground.view(settlement)["state"] == "funded" and "presentation_received" not in ground.events(settlement)
    ground.present(settlement)  # the nearest yes
    ground.examiner.examine(settlement, complies=True)
    ground.until(settlement, "released")
