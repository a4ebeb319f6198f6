"""Opening: where the escrow stands, who signed, and terms that are refused."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from escrow_trade import Trade, open_with, refused, sound_terms
from escrow_world import DAY_S, ZERO, World, now, odd_token, ours, sha, signature, typed, wait, who, words

from entrepot.rails.contracts import artifact

YEARS_3_S = 3 * 366 * DAY_S

REFUSED_TERMS: list[tuple[dict[str, Any], str]] = [
    ({"title_registry": who("stranger")}, "title is not supported"),
    ({"title_id": 1}, "title is not supported"),
    ({"token": who("stranger")}, "token has no code"),
    ({"token": ZERO}, "token has no code"),
    ({"price": 0}, "price is nothing"),
    ({"price": 2**127, "fee": 0}, "amount is too large"),
    ({"price": 2**127 - 10, "fee": 10}, "amount is too large"),
    ({"price": 10, "fee": 2**256 - 1}, "amount is too large"),
    ({"settlement": bytes(32)}, "settlement has no id"),
    ({"terms_sha256": bytes(32)}, "terms have no hash"),
    ({"seller": ZERO}, "seller is nobody"),
    ({"buyer": ZERO}, "buyer is nobody"),
    ({"buyer": who("seller")}, "seller is the buyer"),
    ({"fee_recipient": ZERO}, "fee recipient is nobody"),
    ({"examination_s": 0}, "no time for examination"),
    ({"examination_s": 30 * DAY_S + 1}, "examination is too long"),
    ({"cure_s": 30 * DAY_S + 1}, "cure is too long"),
    ({"dispute_s": 180 * DAY_S + 1}, "dispute is too long"),
    ({"dispute_s": 0}, "no time for a dispute"),
    ({"attesters_required": 0}, "no attester required"),
    ({"attesters_required": 4}, "more attesters required than named"),
    ({"attesters": [], "attesters_required": 1}, "more attesters required than named"),
    ({"attesters": [who("attester1"), who("attester1")]}, "somebody is named twice"),
    ({"attesters": [who("attester1"), ZERO]}, "somebody named is nobody"),
    ({"arbiters": [who("arbiter1"), who("arbiter2"), who("arbiter1")]}, "somebody is named twice"),
    ({"arbiters": [ZERO, who("arbiter1")]}, "somebody named is nobody"),
    ({"arbiters_required": 4}, "more arbiters required than named"),
    ({"arbiters_required": 0}, "no arbiter required"),
]

ACCEPTED_TERMS: list[dict[str, Any]] = [
    {},
    {"price": 2**127 - 11, "fee": 10},
    {"fee": 0, "fee_recipient": ZERO},
    {"examination_s": 30 * DAY_S, "cure_s": 30 * DAY_S, "dispute_s": 180 * DAY_S},
    {"examination_s": 1, "cure_s": 0},
    {"attesters": [who("attester1")], "attesters_required": 1},
    {"attesters": [who(f"trustee{n}") for n in (1, 2, 3)] + [who("owner1"), who("owner2")], "attesters_required": 5},
    {"arbiters": [], "arbiters_required": 0, "dispute_s": 0},
]


@pytest.mark.parametrize(("changes", "reason"), REFUSED_TERMS)
def test_unsound_terms_are_refused(world: World, changes: dict[str, Any], reason: str) -> None:
    with refused(reason):
        open_with(world, sound_terms(world) | changes)


@pytest.mark.parametrize("changes", ACCEPTED_TERMS)
def test_sound_terms_open_where_the_factory_foretold(world: World, changes: dict[str, Any]) -> None:
    terms = sound_terms(world) | changes
    terms_hash = world.factory("hash_of", words(terms))
    foretold = world.factory("address_of", terms_hash)
    assert boa.env.get_code(foretold) == b""
    assert open_with(world, terms) == foretold
    assert world.factory.logs == [
        ("Opened", {"terms_hash": terms_hash, "escrow": foretold, "settlement": terms["settlement"]})
    ]
    assert len(boa.env.get_code(foretold)) == 45  # a minimal proxy


def test_dates_are_kept_to_the_second(world: World) -> None:
    terms = sound_terms(world, fund_by=now(), present_by=now() + 1)
    with refused("funding ends after presentation"):
        open_with(world, terms | {"present_by": now()})
    with refused("presentation is too far away"):
        open_with(world, terms | {"present_by": now() + YEARS_3_S + 1})
    open_with(world, terms | {"present_by": now() + YEARS_3_S})
    wait(1)
    with refused("time for funding has passed"):
        open_with(world, terms)


def test_the_same_terms_open_once(world: World, trade: Trade) -> None:
    with refused("already open"):
        open_with(world, trade.terms)
    trade.terms["settlement"] = sha("another settlement")
    open_with(world, trade.terms)


def test_both_parties_sign_these_terms_on_this_chain(world: World) -> None:
    terms = sound_terms(world)
    with refused("not signed by the seller"):
        open_with(world, terms, seller="buyer")
    with refused("not signed by the buyer"):
        open_with(world, terms, buyer="seller")
    right = {name: signature(typed(world.factory.address, "Terms", terms), name) for name in ("seller", "buyer")}
    for spoilt in ({"chainId": 31337}, {"version": "2"}, {"name": "Other"}, {"verifyingContract": who("stranger")}):
        wrong = signature(typed(world.factory.address, "Terms", terms, **spoilt), "seller")
        with refused("not signed by the seller"):
            world.factory("open", words(terms), wrong, right["buyer"])
    with refused("signature is not 65 bytes"):
        world.factory("open", words(terms), right["seller"], b"")
    world.factory("open", words(terms), right["seller"], right["buyer"])


def test_the_factory_needs_a_registry_with_code(world: World) -> None:
    init_code = bytes.fromhex(artifact("TradeEscrow")["bytecode"][2:])
    with refused("registry has no code"):
        ours("EscrowFactory", who("stranger"), init_code)
    assert world.factory("REGISTRY") == world.registry.address.lower()


def test_the_implementation_knows_its_factory_and_registry(world: World, trade: Trade) -> None:
    assert trade.escrow("FACTORY") == world.factory.address.lower()
    assert trade.escrow("REGISTRY") == world.registry.address.lower()


def test_every_token_gets_its_own_escrow(world: World) -> None:
    assert Trade(world, odd_token("Silent")).escrow.address != Trade(world).escrow.address
