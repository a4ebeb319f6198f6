"""Proofs that a transaction's receipt stands in a block: header hash, receipts root, and the trie's nodes.

Source: Ethereum yellow paper (appendix D, Merkle-Patricia trie), EIP-2718 (typed receipts), EIP-1559, EIP-4895,
EIP-4788, EIP-4844, EIP-7685 (header fields in the order they were added).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .crypto import keccak256, rlp_decode, rlp_encode, trie_proof, trie_value
from .errors import Invalid, declare

declare("Invalid", receipt_unproven="The receipt does not follow from the block header.")

# The header's fields in RLP order: (name in JSON-RPC, is it a number). Later forks append; absent ones end the list.
_HEADER = (
    ("parentHash", False), ("sha3Uncles", False), ("miner", False), ("stateRoot", False), ("transactionsRoot", False),
    ("receiptsRoot", False), ("logsBloom", False), ("difficulty", True), ("number", True), ("gasLimit", True),
    ("gasUsed", True), ("timestamp", True), ("extraData", False), ("mixHash", False), ("nonce", False),
    ("baseFeePerGas", True), ("withdrawalsRoot", False), ("blobGasUsed", True), ("excessBlobGas", True),
    ("parentBeaconBlockRoot", False), ("requestsHash", False),
)  # fmt: skip
_RECEIPTS_ROOT, _NUMBER, _TIMESTAMP = 5, 8, 11
FIELDS_MIN = 15


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt that its header commits to: `status` 1 is success; logs are (0x address, topics, data)."""

    status: int
    logs: tuple[tuple[str, tuple[bytes, ...], bytes], ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What is read from a block header. `timestamp` is Unix seconds."""

    hash: bytes
    number: int
    timestamp: int
    receipts_root: bytes


def encode_header(block: Mapping[str, Any]) -> bytes:
    """RLP of a header from a node's JSON (eth_getBlockByNumber)."""
    fields = []
    for name, is_number in _HEADER:
        if block.get(name) is None:
            break
        fields.append(_whole(block[name]) if is_number else _raw(block[name]))
    assert len(fields) >= FIELDS_MIN, "a header has at least 15 fields"
    return rlp_encode(fields)


def encode_receipt(receipt: Mapping[str, Any]) -> bytes:
    """The bytes of a receipt as the trie holds them, from a node's JSON (eth_getBlockReceipts)."""
    kind = int(str(receipt.get("type", "0x0")), 16)
    logs = [[_raw(log["address"]), [_raw(topic) for topic in log["topics"]], _raw(log["data"])] for log in receipt["logs"]]
    body = rlp_encode([_whole(receipt["status"]), _whole(receipt["cumulativeGasUsed"]), _raw(receipt["logsBloom"]), logs])
    return (bytes([kind]) if kind else b"") + body


def receipt_proof(receipts: Sequence[bytes], index: int) -> list[bytes]:
    """The trie nodes that prove receipt `index` of a block."""
    return trie_proof({rlp_encode(_minimal(place)): raw for place, raw in enumerate(receipts)}, rlp_encode(_minimal(index)))


def read_header(header: bytes) -> Header:
    """Reads a header's RLP. Raises: Invalid(receipt_unproven)."""
    try:
        fields = rlp_decode(header)
        if not isinstance(fields, list) or len(fields) < FIELDS_MIN or len(fields[_RECEIPTS_ROOT]) != 32:
            raise ValueError("not a header")
        number, timestamp = (int.from_bytes(fields[place], "big") for place in (_NUMBER, _TIMESTAMP))
    except Exception as error:
        raise Invalid("receipt_unproven", f"The block header cannot be read: {error!s:.100}") from None
    return Header(keccak256(header), number, timestamp, fields[_RECEIPTS_ROOT])


def header_hash(header: bytes) -> bytes:
    """The block hash: keccak-256 of the header's RLP."""
    return keccak256(header)


def verify_receipt(header: bytes, index: int, proof: Sequence[bytes]) -> Receipt:
    """The receipt at `index`, if `proof` leads to it from the header's receipts root. Raises: Invalid(receipt_unproven)."""
    root = read_header(header).receipts_root
    try:
        raw = trie_value(root, rlp_encode(_minimal(index)), proof)
        fields = rlp_decode(raw[1:] if raw[0] < 0x80 else raw)
        status, _gas, _bloom, logs = fields
        found = tuple(("0x" + address.hex(), tuple(topics), data) for address, topics, data in logs)
    except Exception as error:
        raise Invalid("receipt_unproven", f"Receipt {index} is not proven: {error!r:.100}") from None
    return Receipt(status=int.from_bytes(status, "big"), logs=found)


def _raw(text: str) -> bytes:
    return bytes.fromhex(str(text)[2:])


def _whole(text: str) -> bytes:
    return _minimal(int(str(text), 16))


def _minimal(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
