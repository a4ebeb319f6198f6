"""The escrow's address follows from its terms (EIP-1014, EIP-1167), and its announcements are read or not at all."""

from __future__ import annotations

import pytest
from eth_abi import encode
from eth_utils.crypto import keccak
from made_up_trade import address

from entrepot.core.escrow import EVENTS, decode, escrow_address

BY_NAME = {name: (topic, fields) for topic, (name, fields) in EVENTS.items()}
VALUES = {"bytes32": b"\x0b" * 32, "address": address(0xCD), "uint256": 2**255, "uint64": 2**63, "uint8": 3}


def announced(name: str) -> tuple[list[bytes], bytes]:
    topic, fields = BY_NAME[name]
    topics = [topic] + [encode([kind], [VALUES[kind]]) for kind, is_indexed, _ in fields if is_indexed]
    rest = [kind for kind, is_indexed, _ in fields if not is_indexed]
    return topics, encode(rest, [VALUES[kind] for kind in rest])


def test_the_address_is_that_of_create2_over_a_minimal_proxy() -> None:
    init = bytes.fromhex("602d3d8160093d39f3363d3d373d3d3d363d73" + "aa" * 20 + "5af43d82803e903d91602b57fd5bf3")
    wanted = keccak(b"\xff" + b"\x55" * 20 + b"\x07" * 32 + keccak(init))[-20:]
    found = escrow_address(factory=address(0x55), implementation=address(0xAA), terms_hash=b"\x07" * 32)
    assert found == "0x" + wanted.hex()
    assert found != escrow_address(factory=address(0x55), implementation=address(0xAA), terms_hash=b"\x08" * 32)
    assert found != escrow_address(factory=address(0x56), implementation=address(0xAA), terms_hash=b"\x07" * 32)
    assert found != escrow_address(factory=address(0x55), implementation=address(0xAB), terms_hash=b"\x07" * 32)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_announcement_is_read_field_by_field(name: str) -> None:
    read = decode(*announced(name))
    assert read is not None and read[0] == name
    for kind, _, field in BY_NAME[name][1]:
        wanted = VALUES[kind]
        assert read[1][field] == ("0x" + wanted.hex() if isinstance(wanted, bytes) else wanted), field


@pytest.mark.parametrize("name", BY_NAME)
def test_an_announcement_cut_short_is_not_read(name: str) -> None:
    topics, words = announced(name)
    assert decode(topics, words[:-1]) is None
    assert decode(topics, words[:-32]) is None
    assert decode(topics[:-1], words) is None
    assert decode([*topics[:-1], topics[-1][:31]], words) is None


def test_what_is_not_ours_is_not_read() -> None:
    topics, words = announced("Funded")
    assert decode([], words) is None
    assert decode([keccak(b"Transfer(address,address,uint256)"), *topics[1:]], words) is None
