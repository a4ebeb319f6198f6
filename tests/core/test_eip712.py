"""Our digests are those of EIP-712 as eth_account makes them, and a value that does not fit is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from made_up_trade import BUYER_ADDRESS, BUYER_KEY, CHAIN, SELLER_ADDRESS, SELLER_KEY, address

from entrepot.core import acts, passport, terms
from entrepot.core.crypto import (
    SECP256K1_HALF_N,
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
    keccak256,
    secp256k1_address,
    secp256k1_recover,
    secp256k1_sign,
)
from entrepot.core.eip712 import Domain, Signable, Struct, address_bytes
from entrepot.core.errors import Invalid

STRUCTS = (
    terms.STRUCT,
    passport.STRUCT,
    acts.PRESENTATION,
    acts.EXAMINATION,
    acts.WAIVER,
    acts.DISPUTE,
    acts.AWARD,
    acts.HOLD,
)
DOMAIN = Domain(chain_id=CHAIN, contract=address(0x55))
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())


def values_of(kind: str) -> st.SearchStrategy[Any]:
    if kind.endswith("[]"):
        return st.lists(values_of(kind[:-2]), max_size=5)
    if kind.startswith("uint"):
        return st.integers(0, 2 ** int(kind[4:]) - 1)
    return {"address": ADDRESSES, "bool": st.booleans(), "bytes32": st.binary(min_size=32, max_size=32)}[kind]


def signable(struct: Struct, domain: Domain, values: dict[str, Any]) -> Any:
    return encode_typed_data(
        {"name": domain.name, "version": domain.version, "chainId": domain.chain_id,
         "verifyingContract": domain.contract},
        {struct.name: [{"type": kind, "name": name} for kind, name in struct.fields]},
        {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()},
    )  # fmt: skip


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.name)
@given(draw=st.data())
@bounded(max_examples=15)
def test_every_struct_hashes_as_eth_account_hashes_it(struct: Struct, draw: st.DataObject) -> None:
    values = {name: draw.draw(values_of(kind), label=name) for kind, name in struct.fields}
    domain = Domain(chain_id=draw.draw(st.integers(1, 2**32)), contract=draw.draw(ADDRESSES))
    theirs = signable(struct, domain, values)
    assert domain.separator() == theirs.header
    assert struct.hash(values) == theirs.body
    assert struct.digest(domain, values) == keccak(b"\x19\x01" + theirs.header + theirs.body)


def award(**changes: Any) -> dict[str, Any]:
    return {"escrow": address(0xEE), "terms_hash": b"\x07" * 32, "to_seller": 500} | changes


def test_a_wallets_signature_is_recovered_and_anothers_is_not_it() -> None:
    theirs = Account.sign_message(signable(acts.AWARD, DOMAIN, award()), SELLER_KEY)
    assert acts.AWARD.signer(DOMAIN, award(), bytes(theirs.signature)) == SELLER_ADDRESS
    assert acts.AWARD.signer(DOMAIN, award(to_seller=501), bytes(theirs.signature)) != SELLER_ADDRESS
    assert acts.AWARD.signer(Domain(1, address(0x55)), award(), bytes(theirs.signature)) != SELLER_ADDRESS
    assert acts.AWARD.signer(Domain(CHAIN, address(0x56)), award(), bytes(theirs.signature)) != SELLER_ADDRESS


def test_our_signature_is_the_one_that_a_wallet_gives() -> None:
    theirs = Account.sign_message(signable(acts.AWARD, DOMAIN, award()), SELLER_KEY)
    assert secp256k1_sign(SELLER_KEY, acts.AWARD.digest(DOMAIN, award())) == bytes(theirs.signature)
    for key, known in ((SELLER_KEY, SELLER_ADDRESS), (BUYER_KEY, BUYER_ADDRESS)):
        assert secp256k1_address(key) == Account.from_key(key).address.lower() == known


def test_a_malformed_signature_names_nobody() -> None:
    digest = acts.AWARD.digest(DOMAIN, award())
    good = secp256k1_sign(SELLER_KEY, digest)
    s = int.from_bytes(good[32:64], "big")
    mirrored = good[:32] + (N - s).to_bytes(32, "big") + bytes([55 - good[64]])
    assert s <= SECP256K1_HALF_N and secp256k1_recover(good, digest) == SELLER_ADDRESS
    for bad in (b"", good[:64], good + b"\0", good[:64] + b"\0", good[:64] + b"\x1d", mirrored, bytes(64) + b"\x1b"):
        assert secp256k1_recover(bad, digest) is None


def test_the_highest_low_s_is_taken_and_one_more_is_not() -> None:
    digest, r = keccak256(b"x"), secp256k1_sign(SELLER_KEY, keccak256(b"x"))[:32]
    at_most = r + SECP256K1_HALF_N.to_bytes(32, "big") + b"\x1b"
    one_more = r + (SECP256K1_HALF_N + 1).to_bytes(32, "big") + b"\x1b"
    assert secp256k1_recover(at_most, digest) is not None and secp256k1_recover(one_more, digest) is None


def test_ed25519_takes_the_message_and_no_other() -> None:
    # RFC 8032, section 7.1, test 1.
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = ed25519_sign(seed, b"")
    assert ed25519_public(seed) == public
    assert signature.hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
    assert ed25519_verify(public, signature, b"")
    assert not ed25519_verify(public, signature, b"x")
    assert not ed25519_verify(public[:31], signature, b"")
    assert not ed25519_verify(public, signature[:63], b"")


@pytest.mark.parametrize(
    ("kind", "value", "is_fine"),
    [
        ("uint8", 255, True),
        ("uint8", 256, False),
        ("uint8", -1, False),
        ("uint8", True, False),
        ("uint8", "1", False),
        ("uint256", 2**256 - 1, True),
        ("uint256", 2**256, False),
        ("bytes32", bytes(32), True),
        ("bytes32", bytes(31), False),
        ("bytes32", "0x" + "00" * 32, False),
        ("address", address(1), True),
        ("address", address(0xAB).upper().replace("X", "x"), True),
        ("address", address(1)[:-2], False),
        ("address", address(1) + "00", False),
        ("address", "0x" + "zz" * 20, False),
        ("address", "11" * 20, False),
        ("address[]", [], True),
        ("address[]", (address(1),), True),
        ("address[]", address(1), False),
        ("address[]", [address(1), "0x"], False),
        ("bool", False, True),
    ],
)
def test_a_value_fits_its_type_or_is_refused(kind: str, value: Any, is_fine: bool) -> None:
    struct = Struct("One", ((kind, "it"),))
    if is_fine:
        assert struct.hash({"it": value}) == signable(struct, DOMAIN, {"it": value}).body
        return
    with pytest.raises(Invalid) as refused:
        struct.hash({"it": value})
    assert refused.value.code == "malformed"


def test_a_struct_takes_its_fields_and_no_other() -> None:
    with pytest.raises(Invalid, match="takes exactly"):
        acts.AWARD.hash(award(more=1))
    with pytest.raises(Invalid, match="takes exactly"):
        acts.AWARD.hash({"escrow": address(1)})


def test_an_address_is_read_in_any_case() -> None:
    assert address_bytes("0x" + "aB" * 20) == b"\xab" * 20


@bounded(max_examples=30)
@given(data=st.data(), struct=st.sampled_from(STRUCTS))
def test_the_typed_data_that_a_wallet_gets_hashes_to_the_digest(data: st.DataObject, struct: Struct) -> None:
    values = {name: data.draw(values_of(kind)) for kind, name in struct.fields}
    made = Signable(struct, DOMAIN, values)
    told = json.loads(json.dumps(made.typed_data()))  # what travels: no bytes, no number that JavaScript rounds
    signed = Account.sign_message(encode_typed_data(full_message=told), SELLER_KEY)
    assert secp256k1_recover(bytes(signed.signature), made.digest()) == SELLER_ADDRESS
    other = Signable(struct, Domain(chain_id=CHAIN + 1, contract=DOMAIN.contract), values)
    assert secp256k1_recover(bytes(signed.signature), other.digest()) != SELLER_ADDRESS
