"""What core knows of the escrow contract: the address that follows from its terms, and what it announces in a receipt.

The signatures are those of our own contracts (rails/contracts/events.vy); a test compares them with the artifact.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .canonical import hex0x
from .crypto import keccak256
from .eip712 import address_bytes

# Vyper's create_minimal_proxy_to: an init prefix of its own around EIP-1167.
_PROXY_PREFIX = bytes.fromhex("602d3d8160093d39f3363d3d373d3d3d363d73")
_PROXY_SUFFIX = bytes.fromhex("5af43d82803e903d91602b57fd5bf3")

_ADDRESSES_KEPT = 8_192  # a rail asks for the same one at every step of a settlement

_SIGNATURES = (
    "Funded(bytes32 indexed terms_hash,address indexed payer,address indexed token,uint256 price,uint256 fee,"
    "uint64 present_until,uint256 sequence,bytes32 decision_sha256)",
    "Presented(bytes32 indexed terms_hash,bytes32 indexed documents_sha256,uint256 round,uint64 presented_at,"
    "uint64 examine_until)",
    "Awarded(bytes32 indexed terms_hash,uint256 to_seller,uint256 to_buyer,uint256 fee_earned)",
    "Released(bytes32 indexed terms_hash,address indexed seller,address indexed token,uint256 amount,"
    "uint256 fee_earned,bytes32 documents_sha256,uint256 round,uint256 held,uint256 sequence,bytes32 decision_sha256)",
    "Refunded(bytes32 indexed terms_hash,address indexed buyer,address indexed token,uint256 amount,uint8 act,"
    "uint256 held,uint256 sequence,bytes32 decision_sha256)",
    "FeePaid(bytes32 indexed terms_hash,address indexed fee_recipient,address indexed token,uint256 amount,"
    "uint256 held,uint256 sequence,bytes32 decision_sha256)",
    "Returned(bytes32 indexed terms_hash,address indexed payee,address indexed token,uint256 amount,"
    "uint256 sequence,bytes32 decision_sha256)",
)


def _parse(signature: str) -> tuple[str, tuple[tuple[str, bool, str], ...]]:
    name, _, rest = signature.partition("(")
    fields = []
    for text in rest.rstrip(")").split(","):
        kind, *indexed, field = text.split(" ")
        fields.append((kind, bool(indexed), field))
    return name, tuple(fields)


EVENTS = {
    keccak256(f"{name}({','.join(kind for kind, _, _ in fields)})".encode()): (name, fields)
    for name, fields in map(_parse, _SIGNATURES)
}


@lru_cache(maxsize=_ADDRESSES_KEPT)
def escrow_address(*, factory: str, implementation: str, terms_hash: bytes) -> str:
    """CREATE2 address (0x, lower case) of the factory's minimal proxy, salted with the terms hash. Source: EIP-1014."""
    init_code = _PROXY_PREFIX + address_bytes(implementation) + _PROXY_SUFFIX
    return hex0x(keccak256(b"\xff" + address_bytes(factory) + terms_hash + keccak256(init_code))[-20:])


def decode(topics: list[bytes], data: bytes) -> tuple[str, dict[str, Any]] | None:
    """(event name, its fields) of one log entry, or None if it is no event we know; hex for bytes and addresses."""
    known = EVENTS.get(topics[0]) if topics else None
    if known is None:
        return None
    name, fields = known
    indexed = iter(topics[1:])
    words = iter(data[place : place + 32] for place in range(0, len(data), 32))
    values: dict[str, Any] = {}
    for kind, is_indexed, field in fields:
        word = next(indexed if is_indexed else words, b"")
        if len(word) != 32:
            return None
        values[field] = _value(kind, word)
    return name, values


def _value(kind: str, word: bytes) -> Any:
    if kind == "address":
        return hex0x(word[-20:])
    return hex0x(word) if kind == "bytes32" else int.from_bytes(word, "big")
