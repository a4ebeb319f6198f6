"""A passport allows one act, under one set of terms, for at most a day; nothing else, and at no other time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from made_up_trade import SELLER_ADDRESS, SELLER_KEY, T0, address, make_passport, make_terms

from entrepot.core.crypto import secp256k1_recover, secp256k1_sign
from entrepot.core.errors import EntrepotError, Invalid, Refused
from entrepot.core.passport import VALIDITY_S_MAX, Act, Passport

PASSPORT = make_passport()
DOMAIN = make_terms().domain
ACTS = st.sampled_from(Act)
HASHES = st.sampled_from([PASSPORT.terms_hash, "0x" + "00" * 32, make_terms(incoterm="CIF").hash()])
CHANGES: list[tuple[str, Any]] = [
    ("escrow", address(0xEF)), ("terms_hash", "0x" + "00" * 32), ("act", Act.REFUND), ("payee", address(1)),
    ("token", address(2)), ("amount_minor", PASSPORT.amount_minor - 1), ("sequence", 1), ("valid_from", T0 + 1),
    ("valid_until", T0 + 3601), ("decision_sha256", "0x" + "00" * 32),
]  # fmt: skip


@pytest.mark.parametrize(
    ("length", "is_fine"), [(-1, False), (0, False), (1, True), (VALIDITY_S_MAX, True), (VALIDITY_S_MAX + 1, False)]
)
def test_a_passport_lasts_a_day_at_most(length: int, is_fine: bool) -> None:
    if is_fine:
        assert make_passport(valid_until=T0 + length)
        return
    with pytest.raises(Refused) as refused:
        make_passport(valid_until=T0 + length)
    assert refused.value.code == "passport_invalid"


@pytest.mark.parametrize(("field", "value"), CHANGES, ids=[field for field, _ in CHANGES])
def test_a_signature_covers_every_field(field: str, value: Any) -> None:
    signature = secp256k1_sign(SELLER_KEY, PASSPORT.digest(DOMAIN))
    assert secp256k1_recover(signature, PASSPORT.digest(DOMAIN)) == SELLER_ADDRESS
    assert secp256k1_recover(signature, replace(PASSPORT, **{field: value}).digest(DOMAIN)) != SELLER_ADDRESS


def test_every_field_is_among_those_tried() -> None:
    assert {field for field, _ in CHANGES} == set(Passport.__dataclass_fields__)


@pytest.mark.parametrize("act", Act)
def test_a_passport_reads_back(act: Act) -> None:
    passport = make_passport(act=act)
    assert Passport.from_json(passport.to_json()) == passport
    assert passport.to_json()["act"] == act.name and passport.to_json()["amount"] == str(passport.amount_minor)


@pytest.mark.parametrize("change", [{"act": "PAY"}, {"amount": "all"}])
def test_another_shape_is_not_read(change: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Passport.from_json(PASSPORT.to_json() | change)
    with pytest.raises(KeyError):
        Passport.from_json({})


@pytest.mark.parametrize("field", ["terms_hash", "decision_sha256", "payee"])
def test_a_hash_or_address_of_another_size_is_refused(field: str) -> None:
    with pytest.raises(Invalid):
        make_passport(**{field: "0x00"}).digest(DOMAIN)


def test_the_numbers_of_the_acts_are_those_in_the_contract() -> None:
    assert {act.name: int(act) for act in Act} == {
        "FUND": 1, "RELEASE": 2, "REFUND": 3, "REJECT": 4, "RETURN": 5, "FEE": 6,
    }  # fmt: skip
    assert issubclass(Refused, EntrepotError)
