"""What a node's JSON says of a receipt, and a trie's root, read apart from the code under test."""

from __future__ import annotations

from typing import Any

from trie.hexary import HexaryTrie

from entrepot.core.crypto import rlp_encode

Json = dict[str, Any]


def said(receipt: Json) -> tuple[int, tuple[tuple[str, tuple[bytes, ...], bytes], ...]]:
    """(status, logs) as the JSON has them."""
    logs = tuple(
        (
            log["address"].lower(),
            tuple(bytes.fromhex(topic[2:]) for topic in log["topics"]),
            bytes.fromhex(log["data"][2:]),
        )
        for log in receipt["logs"]
    )
    return int(receipt["status"], 16), logs


def trie_root(receipts: list[bytes]) -> bytes:
    """The root over a block's receipts in order."""
    trie = HexaryTrie(db={})
    for index, raw in enumerate(receipts):
        trie[rlp_encode(index.to_bytes((index.bit_length() + 7) // 8, "big"))] = raw
    return bytes(trie.root_hash)
