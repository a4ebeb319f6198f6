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
from .trie import proofs_of

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
    """RLP of a header from a node's JSON (eth_getBlockByNumber). Raises: Invalid(receipt_unproven).

    Whether it is that block's header the caller sees by `header_hash`.
    """
    present = [field for field in _HEADER if block.get(field[0]) is not None]
    if len(present) < FIELDS_MIN or present != list(_HEADER[: len(present)]):
        raise Invalid("receipt_unproven", "The node's block lacks a header field.")
    try:
        return rlp_encode([_whole(block[name]) if is_number else _raw(block[name]) for name, is_number in present])
    except (ArithmeticError, TypeError, ValueError) as error:
        raise Invalid("receipt_unproven", f"The node's block cannot be read: {error!r:.100}") from None


def encode_receipt(receipt: Mapping[str, Any]) -> bytes:
    """The bytes of a receipt as the trie holds them, from a node's JSON (eth_getBlockReceipts).

    Raises: Invalid(receipt_unproven). Receipts from before Byzantium (2017), which have no status, are refused.
    """
    try:
        kind = int(receipt.get("type", "0x0"), 16)
        if not 0 <= kind < 0x80:
            raise ValueError(f"a receipt's type is below 0x80, not {kind:#x}")
        logs = [
            [_raw(log["address"]), [_raw(one) for one in log["topics"]], _raw(log["data"])] for log in receipt["logs"]
        ]
        amounts = [_whole(receipt["status"]), _whole(receipt["cumulativeGasUsed"])]
        return (bytes([kind]) if kind else b"") + rlp_encode([*amounts, _raw(receipt["logsBloom"]), logs])
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise Invalid("receipt_unproven", f"The node's receipt cannot be read: {error!r:.100}") from None


def receipt_proof(receipts: Sequence[bytes], index: int) -> list[bytes]:
    """The trie nodes that prove receipt `index` among all `receipts` of a block, in order; none if it is not there."""
    if not 0 <= index < len(receipts):
        return []
    return trie_proof({_key(place): raw for place, raw in enumerate(receipts)}, _key(index))


def receipt_proofs(receipts: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """`receipt_proof` of every receipt of a block, from one building of the trie."""
    return proofs_of([(_key(place), raw) for place, raw in enumerate(receipts)])


def read_header(header: bytes) -> Header:
    """Reads a header's RLP. Raises: Invalid(receipt_unproven)."""
    try:
        fields = rlp_decode(header)
        if not isinstance(fields, list) or len(fields) < FIELDS_MIN:
            raise ValueError("a header has at least 15 fields")
        root, number, timestamp = fields[_RECEIPTS_ROOT], fields[_NUMBER], fields[_TIMESTAMP]
        if not isinstance(root, bytes) or len(root) != 32:
            raise ValueError("a receipts root has 32 bytes")
        return Header(keccak256(header), int.from_bytes(number, "big"), int.from_bytes(timestamp, "big"), root)
    except Exception as error:  # rlp's errors for hostile bytes share no base but this
        raise Invalid("receipt_unproven", f"The block header cannot be read: {error!s:.100}") from None


def header_hash(header: bytes) -> bytes:
    """The block hash: keccak-256 of the header's RLP."""
    return keccak256(header)


def verify_receipt(header: bytes, index: int, proof: Sequence[bytes]) -> Receipt:
    """The receipt at `index`, if `proof` leads to it from the header's receipts root.

    The proof is the trie path's nodes, root first, with none missing and none too many.
    Raises: Invalid(receipt_unproven).
    """
    root = read_header(header).receipts_root
    try:
        return _read_receipt(trie_value(root, _key(index), proof))
    except Exception as error:  # trie's and rlp's errors for hostile bytes share no base but this
        raise Invalid("receipt_unproven", f"Receipt {index} is not proven: {error!r:.100}") from None


def _read_receipt(raw: bytes) -> Receipt:
    """Raises: ValueError, TypeError, rlp's DecodingError unless `raw` has a receipt's shape to the last field."""
    status, _gas, _bloom, logs = rlp_decode(raw[1:] if raw[0] < 0x80 else raw)
    if status not in (b"", b"\x01") or not isinstance(logs, list):
        raise ValueError("a receipt has a status of 0 or 1, and logs")
    return Receipt(status=len(status), logs=tuple(_read_log(*log) for log in logs))


def _read_log(address: Any, topics: Any, body: Any) -> tuple[str, tuple[bytes, ...], bytes]:
    if not all(isinstance(value, bytes) for value in (address, body, *topics)):
        raise ValueError("a log's fields are bytes")
    if not isinstance(topics, list) or len(address) != 20 or len(topics) > 4 or any(len(one) != 32 for one in topics):
        raise ValueError("a log has a 20-byte address and at most four 32-byte topics")
    return "0x" + address.hex(), tuple(topics), body


def _key(index: int) -> bytes:
    """Where the trie holds receipt `index`."""
    return rlp_encode(_minimal(index))


def _raw(text: Any) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError(f"{text!r:.40} is not 0x-hex")
    return bytes.fromhex(text[2:])


def _whole(text: Any) -> bytes:
    return _minimal(int(text, 16))


def _minimal(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
