"""Whoever a document names is screened before the money moves, whichever document or round names it."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest
from trading_house import House
from trading_sale import Trade, sale

from entrepot.core.lifecycle import State
from entrepot.documents import samples
from entrepot.documents.stated import StatedParty

SHIP = {"id": "L-ship", "schema": "vessel", "names": [{"text": "MV Tenebrous Halcyon"}],
        "identifiers": [{"type": "imo", "value": "9074729"}]}  # fmt: skip
CONSIGNEE = StatedParty(name="Obsidian Perihelion Holdings", country="PA", registration="RUC 155-999")
LISTED_CONSIGNEE = {"id": "L-consignee", "schema": "organization", "names": [{"text": CONSIGNEE.name}],
                    "identifiers": [{"type": "registration", "value": "RUC 155-999"}], "countries": ["PA"]}  # fmt: skip


def papers(trade: Trade, *transports: Any) -> dict[str, Any]:
    documents = [samples.ubl_invoice(trade.facts), samples.packing_list(trade.facts), *transports]
    assert all(isinstance(document, bytes) for document in documents)
    return trade.presenting(documents)


def transport(trade: Trade, **changes: Any) -> bytes:
    """The trade's transport document with other facts."""
    body = json.loads(samples.transport_document(trade.facts))
    return json.dumps(body | changes).encode()


def party(stated: StatedParty) -> dict[str, Any]:
    return {"name": stated.name, "country": stated.country, "registration": stated.registration}


def shipped(house: House) -> Trade:
    return sale(house).propose().agree().fund()


def presented(trade: Trade, body: dict[str, Any]) -> Trade:
    trade.house.ask("present", "seller", body, trade.id)
    trade.house.run()
    trade.is_sound(State.PRESENTED)
    return trade


@pytest.mark.parametrize("listed_first", [True, False])
def test_a_listed_ship_in_the_first_of_two_transport_documents_stops_the_release(
    house: House, listed_first: bool
) -> None:
    house.follow_list(SHIP)
    trade = shipped(house)
    bad, good = transport(trade, vessel="MV Tenebrous Halcyon", vessel_imo="9074729"), transport(trade)
    both = (bad, good) if listed_first else (good, bad)
    presented(trade, papers(trade, *both)).examine(complies=True)
    trade.is_sound(State.BLOCKED)


def test_a_listed_ship_of_an_earlier_round_stops_the_release_of_the_next(house: House) -> None:
    house.follow_list(SHIP)
    trade = shipped(house)
    presented(trade, papers(trade, transport(trade, vessel="MV Tenebrous Halcyon", vessel_imo="9074729")))
    trade.examine(complies=False).is_sound(State.DISCREPANT)
    presented(trade, papers(trade, transport(trade))).examine(complies=True)
    trade.is_sound(State.BLOCKED)


@pytest.mark.parametrize("role", ["shipper", "consignee", "notify"])
def test_a_listed_company_that_only_the_transport_document_names_stops_the_release(house: House, role: str) -> None:
    house.follow_list(LISTED_CONSIGNEE)
    trade = shipped(house)
    presented(trade, papers(trade, transport(trade, **{role: party(CONSIGNEE)}))).examine(complies=True)
    trade.is_sound(State.BLOCKED)


def invoiced(house: House, seller: StatedParty, buyer: StatedParty) -> dict[str, Any]:
    """A proposal to the admitted buyer of an invoice that names these two."""
    trade = sale(house)
    facts = dataclasses.replace(trade.facts, seller=seller, buyer=buyer)
    return {
        "invoice_base64": base64.b64encode(samples.ubl_invoice(facts)).decode(),
        "buyer": house.people["buyer"].participant,
    }


def test_an_invoice_that_names_another_buyer_than_the_one_who_pays_is_refused(house: House) -> None:
    seller, buyer = house.stated["seller"], house.stated["buyer"]
    for differs in (
        CONSIGNEE,
        dataclasses.replace(buyer, registration="HRB 1", lei=""),
        dataclasses.replace(buyer, name="Nordkontor Handels GmbH", registration="", lei=""),
    ):
        assert house.refusal("propose", "seller", invoiced(house, seller, differs)) == "buyer_differs", differs
    assert house.ask("propose", "seller", invoiced(house, seller, buyer))["state"] == "quoted"


def test_a_listed_name_on_the_invoice_stops_it_even_under_the_buyers_own_lei(house: House) -> None:
    house.follow_list(LISTED_CONSIGNEE)
    named = dataclasses.replace(house.stated["buyer"], name=CONSIGNEE.name, country="PA")
    made = house.ask("propose", "seller", invoiced(house, house.stated["seller"], named))["settlement"]
    trade = dataclasses.replace(sale(house), id=made)
    trade.agree()
    assert trade.one.state in (State.IN_REVIEW, State.REFUSED)


def test_nobody_sells_to_itself(house: House) -> None:
    seller = house.stated["seller"]
    body = invoiced(house, seller, seller) | {"buyer": house.people["seller"].participant}
    assert house.refusal("propose", "seller", body) == "buyer_is_seller"
    with house.store.work() as tx:
        assert tx.inbox.stuck() == []


def test_an_unlisted_ship_and_consignee_stop_nothing(house: House) -> None:
    house.follow_list()
    trade = shipped(house)
    unlisted = dataclasses.replace(CONSIGNEE, name="Amber Wheelhouse Ltd", registration="1")
    presented(trade, papers(trade, transport(trade, notify=party(unlisted)))).examine(complies=True)
    trade.is_sound(State.RELEASED)
