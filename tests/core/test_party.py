"""A party to the terms: its name, country, LEI and wallet are each in their standard's form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_up_trade import BUYER, SELLER, address

from entrepot.core.errors import Invalid
from entrepot.core.party import NAME_CHARS_MAX, Party, caip10, is_lei, wallet_address


@pytest.mark.parametrize("party", [SELLER, BUYER])
def test_a_party_reads_back(party: Party) -> None:
    assert Party.from_json(party.to_json()) == party


@pytest.mark.parametrize(
    ("field", "fine", "not_fine"),
    [
        ("name", "n" * NAME_CHARS_MAX, "n" * (NAME_CHARS_MAX + 1)),
        ("name", "n", ""),
        ("country", "ET", "et"),
        ("country", "DE", "DEU"),
        ("country", "DE", "DE\n"),
        ("lei", "529900T8BM49AURSDO55", "529900T8BM49AURSDO56"),
        ("lei", "", "529900T8BM49AURSDO5"),
        ("wallet", "eip155:1:" + address(1), "eip155:01:" + address(1)),
        ("wallet", "eip155:1:" + address(1), "eip155:1:" + address(0xAB).upper()),
        ("wallet", "eip155:1:" + address(1), "bip122:1:" + address(1)),
        ("wallet", "eip155:1:" + address(1), address(1)),
    ],
)
def test_each_fact_is_in_its_form(field: str, fine: str, not_fine: str) -> None:
    assert getattr(replace(BUYER, **{field: fine}), field) == fine
    with pytest.raises(Invalid) as refused:
        replace(BUYER, **{field: not_fine})
    assert refused.value.code == "malformed"


@pytest.mark.parametrize(
    "value", [None, [], "party", {}, BUYER.to_json() | {"more": ""}, BUYER.to_json() | {"lei": None}]
)
def test_another_shape_is_refused(value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        Party.from_json(value, path="buyer")
    assert (refused.value.code, refused.value.path) == ("malformed", "buyer")


def test_an_lei_carries_its_check_digits() -> None:
    assert is_lei("529900T8BM49AURSDO55") and is_lei("5493001KJTIIGC8Y1R12")
    for other in ("529900T8BM49AURSDO54", "529900T8MB49AURSDO55", "529900t8bm49aursdo55", "529900T8BM49AURSDO5X", ""):
        assert not is_lei(other)


def test_a_wallet_is_on_its_chain_and_no_other() -> None:
    account = caip10(31337, address(0xAB).upper().replace("X", "x"))
    assert account == "eip155:31337:" + address(0xAB)
    assert wallet_address(account) == wallet_address(account, chain="eip155:31337") == address(0xAB)
    with pytest.raises(Invalid, match="not an account on eip155:1 "):
        wallet_address(account, chain="eip155:1")
