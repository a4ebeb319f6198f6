"""Admission by two: a KYB file that is whole, confirmed by another operator, its persons screened with each payment."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from trading_house import House
from trading_sale import sale

from entrepot.core.lifecycle import State
from entrepot.demo.cast import kyb_of
from entrepot.documents.stated import StatedParty

PARTY = StatedParty(name="Harvest Moon Oils Srl", country="IT", registration="IT-554433")


def application(**changes: Any) -> dict[str, Any]:
    """A whole file, and what is changed in it; None leaves a field out."""
    body = {"kind": "company", "name": PARTY.name, "country": PARTY.country, "registration": PARTY.registration}
    return {name: value for name, value in (body | kyb_of(PARTY) | changes).items() if value not in (None, "")}


def status(house: House, participant: str) -> str:
    with house.store.work() as tx:
        found = tx.people.participant(participant)
    assert found is not None
    return found.status


def test_two_operators_admit_and_one_does_not(house: House) -> None:
    made = house.ask("admit", "operator-1", application())
    assert made["status"] == status(house, made["participant"]) == "applied" and made["missing"] == []
    assert house.refusal("confirm_change", "operator-1", {"change": made["change"]}) == "same_person"
    assert status(house, made["participant"]) == "applied"
    house.ask("confirm_change", "operator-2", {"change": made["change"]})
    assert status(house, made["participant"]) == "admitted"


@pytest.mark.parametrize("who", ["officer-1", "supervisor-1", "seller", "arbiter-1"])
def test_only_operators_file_and_confirm(house: House, who: str) -> None:
    assert house.refusal("admit", who, application()) == "not_allowed"
    made = house.ask("admit", "operator-1", application())
    assert house.refusal("confirm_change", who, {"change": made["change"]}) == "not_allowed"


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"registration": ""}, "identity"),
        ({"directors": []}, "directors"),
        ({"owners": []}, "owners"),
        ({"documents": []}, "documents"),
        ({"risk": None}, "risk"),
    ],
)
def test_an_incomplete_file_waits_and_is_not_admitted(house: House, changes: dict[str, Any], step: str) -> None:
    made = house.ask("admit", "operator-1", application(**changes))
    assert made["missing"] == [step]
    assert house.refusal("confirm_change", "operator-2", {"change": made["change"]}) == "kyb_incomplete"
    assert status(house, made["participant"]) == "applied"


def test_nobody_over_25_percent_is_an_answer_too(house: House) -> None:
    assert house.ask("admit", "operator-1", application(owners=[], no_owner_over_25=True))["missing"] == []


def test_a_newer_file_takes_the_place_of_one_that_waits(house: House) -> None:
    made = house.ask("admit", "operator-1", application(documents=[]))
    again = house.ask("admit", "operator-2", application(id=made["participant"]))
    assert again["participant"] == made["participant"] and again["missing"] == []
    assert house.refusal("confirm_change", "operator-1", {"change": made["change"]}) == "not_found"
    house.ask("confirm_change", "operator-1", {"change": again["change"]})
    assert status(house, made["participant"]) == "admitted"


def test_an_admitted_companys_file_changes_once_a_second_confirmed(house: House) -> None:
    made = house.ask("admit", "operator-1", application())
    house.ask("confirm_change", "operator-2", {"change": made["change"]})
    newer = house.ask("admit", "operator-1", application(id=made["participant"], name="Harvest Moon Oils SpA"))

    def name() -> str:
        with house.store.work() as tx:
            found = tx.people.participant(made["participant"])
        assert found is not None
        return str(found.profile["name"])

    assert newer["status"] == "admitted" and name() == PARTY.name
    house.ask("confirm_change", "operator-2", {"change": newer["change"]})
    assert name() == "Harvest Moon Oils SpA"


def test_documents_are_sealed_with_the_file_and_others_are_refused(house: House) -> None:
    made = house.ask("admit", "operator-1", application())
    with house.store.work() as tx:
        found = tx.people.participant(made["participant"])
        assert found is not None
        papers = [tx.papers.get(row["paper"]) for row in found.profile["documents"]]
    assert [paper and (paper.owner, paper.media_type, paper.visible_to) for paper in papers] == [
        (made["participant"], "text/plain", ())
    ]
    program = base64.b64encode(b"MZ\x90\x00\xff").decode()
    bad = application(documents=[{"name": "a.exe", "kind": "Register extract", "base64": program}])
    assert house.refusal("admit", "operator-1", bad) == "document_unrecognised"
    for garbled in ("é", "=", "TVqQ*"):
        bad = application(documents=[{"name": "a.pdf", "kind": "Register extract", "base64": garbled}])
        assert house.refusal("admit", "operator-1", bad) == "malformed"


def test_a_wrong_lei_an_unknown_id_and_a_year_of_letters_are_refused(house: House) -> None:
    assert house.refusal("admit", "operator-1", application(lei="5493001KJTIIGC8Y1R17")) == "malformed"
    assert house.refusal("admit", "operator-1", application(id="0" * 32)) == "not_found"
    born = [{"name": "Ada Vandermolen", "born": "long ago"}]
    assert house.refusal("admit", "operator-1", application(directors=born)) == "malformed"


def test_an_owner_who_is_listed_stops_the_payment(house: House) -> None:
    person = kyb_of(house.stated["seller"])["owners"][0]["name"]
    house.follow_list({"id": "L-owner", "schema": "person", "names": [{"text": person}]})
    trade = sale(house).propose().agree()
    assert trade.one.state is State.IN_REVIEW
    reasons = house.papers(trade.id, "decision_fund")[0]["reasons"]
    assert {reason["subject"] for reason in reasons} == {"seller_owner"}
