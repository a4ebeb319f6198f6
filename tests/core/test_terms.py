"""The terms that both sides sign: what must hold in them, and that the chain's form follows from the words."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from made_up_trade import (
    ASSETS,
    BUYER,
    BUYER_KEY,
    CHAIN,
    SELLER,
    SELLER_KEY,
    STRANGER_KEY,
    T0,
    TOKEN,
    USD,
    address,
    make_terms,
    usdm,
)

from entrepot.core.canonical import canonical, hex0x
from entrepot.core.errors import EntrepotError, Invalid, Refused
from entrepot.core.money import Money
from entrepot.core.terms import LINES_MAX, SIGNERS_MAX, STRUCT, Terms, require_signed, token_address

TERMS = make_terms()


def changed(**changes: Any) -> Terms:
    return replace(TERMS, **changes)


def test_terms_read_back_from_what_was_signed() -> None:
    assert Terms.from_json(TERMS.to_json(), ASSETS) == TERMS
    supplied = make_terms(supplied=("incoterm",))
    assert Terms.from_json(supplied.to_json(), ASSETS) == supplied and supplied.hash() != TERMS.hash()


def test_the_chains_terms_repeat_the_words() -> None:
    onchain = TERMS.onchain()
    assert onchain["price"] + onchain["fee"] == TERMS.total.amount_minor
    assert hex0x(onchain["settlement"]) == "0x" + "00" * 16 + TERMS.settlement
    assert onchain["terms_sha256"] == TERMS.sha256()
    assert (onchain["seller"], onchain["buyer"]) == (TERMS.seller_address, TERMS.buyer_address)
    assert onchain["token"] == address(0x44) and onchain["title_id"] == 0


WORDS: list[tuple[str, Any]] = [
    ("salt", "0x" + "5b" * 16), ("invoice_number", "INV-2026-0043"), ("invoice_date", "2026-09-22"),
    ("invoice_sha256", "0x" + "2f" * 32), ("incoterm", "CIF"), ("incoterm_place", "Hamburg"),
    ("documents_required", ("bill_of_lading",)), ("price", usdm(1)), ("fee", usdm(1)), ("regime", "harbour@2"),
    ("seller", replace(SELLER, name="Other")), ("buyer", replace(BUYER, country="FR")), ("quote", {}),
    ("lines", (*TERMS.lines, *TERMS.lines)), ("schedule", replace(TERMS.schedule, calendar="none")),
    ("venue", replace(TERMS.venue, rail="other")), ("settlement", "0199aabbccdd" + "ac" * 7 + "000000"),
    ("supplied", ("incoterm",)),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WORDS, ids=[field for field, _ in WORDS])
def test_another_word_is_another_hash(field: str, value: Any) -> None:
    assert changed(**{field: value}).hash() != TERMS.hash()


def test_every_field_of_the_terms_is_among_those_tried() -> None:
    assert {field for field, _ in WORDS} == {field.name for field in fields(Terms) if field.init}


def arbiters(count: int, required: int) -> dict[str, Any]:
    keys = tuple(address(number) for number in range(1, count + 1))
    return {"venue": replace(TERMS.venue, arbiters=keys, arbiters_required=required)}


def attesters(count: int, required: int) -> dict[str, Any]:
    keys = tuple(address(number) for number in range(1, count + 1))
    return {"venue": replace(TERMS.venue, attesters=keys, attesters_required=required)}


@pytest.mark.parametrize(
    ("fine", "not_fine", "code"),
    [
        ({"fee": usdm(0)}, {"fee": Money(0, USD)}, "asset_mismatch"),
        ({"lines": TERMS.lines * LINES_MAX}, {"lines": TERMS.lines * (LINES_MAX + 1)}, "malformed"),
        ({"lines": TERMS.lines}, {"lines": ()}, "malformed"),
        ({"buyer": BUYER}, {"buyer": replace(BUYER, wallet=SELLER.wallet)}, "malformed"),
        ({"buyer": BUYER}, {"buyer": replace(BUYER, participant=SELLER.participant)}, "malformed"),
        (
            {"schedule": replace(TERMS.schedule, fund_by=TERMS.schedule.present_by - 1)},
            {"schedule": replace(TERMS.schedule, fund_by=TERMS.schedule.present_by)},
            "malformed",
        ),
        (arbiters(1, 1), arbiters(1, 0), "malformed"),
        (arbiters(3, 3), arbiters(3, 4), "malformed"),
        (arbiters(SIGNERS_MAX, 2), arbiters(SIGNERS_MAX + 1, 2), "malformed"),
        (attesters(2, 2), attesters(0, 0), "malformed"),
        (attesters(2, 1), {"venue": replace(TERMS.venue, attesters=(address(1),) * 2)}, "malformed"),
    ],
)
def test_terms_hold_together_or_are_refused(fine: dict[str, Any], not_fine: dict[str, Any], code: str) -> None:
    assert changed(**fine)
    with pytest.raises(Invalid) as refused:
        changed(**not_fine)
    assert refused.value.code == code


def without(body: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != key}


BODY = TERMS.to_json()


@pytest.mark.parametrize(
    "body",
    [
        {},
        BODY | {"schema": "entrepot/terms/2"},
        BODY | {"more": 1},
        without(BODY, "salt"),
        without(BODY, "venue"),
        BODY | {"venue": []},
        BODY | {"venue": BODY["venue"] | {"more": 1}},
        BODY | {"lines": [{"description": "no more"}]},
        BODY | {"lines": None},
        BODY | {"price": "1 USDM"},
        BODY | {"seller": {}},
    ],
)
def test_terms_of_another_shape_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        Terms.from_json(body, ASSETS)
    assert refused.value.code == "malformed"


def signed_by(key: bytes, terms: Terms = TERMS) -> str:
    """As a wallet signs: encoded by eth_account."""
    domain = {"name": "Entrepot", "version": "1", "chainId": CHAIN, "verifyingContract": terms.venue.factory}
    types = {"Terms": [{"type": kind, "name": name} for kind, name in STRUCT.fields]}
    signature = Account.sign_message(encode_typed_data(domain, types, terms.onchain()), key).signature
    return hex0x(bytes(signature))


def test_each_side_signs_for_itself_and_for_these_terms_only() -> None:
    require_signed(TERMS, by=SELLER, signature=signed_by(SELLER_KEY))
    require_signed(TERMS, by=BUYER, signature=signed_by(BUYER_KEY))
    other = changed(invoice_number="INV-2")
    elsewhere = changed(venue=replace(TERMS.venue, factory=address(0x56)))
    for by, signature in (
        (SELLER, signed_by(BUYER_KEY)),
        (BUYER, signed_by(SELLER_KEY)),
        (BUYER, signed_by(STRANGER_KEY)),
        (SELLER, signed_by(SELLER_KEY, other)),
        (SELLER, signed_by(SELLER_KEY, elsewhere)),
        (SELLER, "0x" + "00" * 65),
        (SELLER, "0x"),
    ):
        with pytest.raises(Refused) as refused:
            require_signed(TERMS, by=by, signature=signature)
        assert refused.value.code == "signature_invalid"
    with pytest.raises(Invalid):
        require_signed(TERMS, by=SELLER, signature="no hex")


def test_a_token_is_on_the_chain_of_the_terms() -> None:
    assert token_address(TOKEN.id, chain=f"eip155:{CHAIN}") == address(0x44)
    for asset_id in (f"eip155:1/erc20:{address(1)}", f"eip155:{CHAIN}/erc721:{address(1)}", "USD", "", TOKEN.id + "00"):
        with pytest.raises(EntrepotError) as refused:
            token_address(asset_id, chain=f"eip155:{CHAIN}")
        assert refused.value.code == "malformed"


def test_the_words_are_hashed_as_canonical_json() -> None:
    assert canonical(TERMS.to_json()).startswith(b'{"buyer":{"country":"DE",')
    assert TERMS.schedule.fund_by - T0 == 86_400
