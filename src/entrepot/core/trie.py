"""All proofs of one Merkle-Patricia trie at once, built from its sorted entries instead of insertion by insertion.

Source: Ethereum yellow paper, appendices B (RLP), C (hex prefix) and D (the trie).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .crypto import keccak256

HASHED_BYTES_MIN = 32  # a shorter node would stand in its parent itself: entries here are never so short
Nibbles = tuple[int, ...]


def proofs_of(entries: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, ...]]:
    """For each entry (key, value) the nodes from the root to it. No key may begin with another one.

    Asserts that each value has at least 32 bytes.
    """
    assert all(len(value) >= HASHED_BYTES_MIN for _, value in entries), "a value is too short for a node of its own"
    paths: list[list[bytes]] = [[] for _ in entries]
    if entries:
        _node(sorted((_nibbles(key), place) for place, (key, _) in enumerate(entries)), 0, entries, paths)
    return [tuple(reversed(path)) for path in paths]


def _node(
    found: Sequence[tuple[Nibbles, int]], start: int, entries: Sequence[tuple[bytes, bytes]], paths: list[list[bytes]]
) -> bytes:
    """The node over `found`, whose keys agree before nibble `start`; it is added to the paths of all below."""
    first, last = found[0][0], found[-1][0]
    if len(found) == 1:
        node = _list(_text(_prefixed(first[start:], is_leaf=True)), _text(entries[found[0][1]][1]))
    else:
        shared = start
        while first[shared] == last[shared]:
            shared += 1
        if shared > start:
            below = _node(found, shared, entries, paths)
            node = _list(_text(_prefixed(first[start:shared], is_leaf=False)), _text(keccak256(below)))
        else:
            slots = [b"\x80"] * 17
            for nibble, group in groupby(found, key=lambda entry: entry[0][start]):
                slots[nibble] = _text(keccak256(_node(list(group), start + 1, entries, paths)))
            node = _list(*slots)
    for _, place in found:
        paths[place].append(node)
    return node


def _nibbles(key: bytes) -> Nibbles:
    return tuple(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _prefixed(nibbles: Nibbles, *, is_leaf: bool) -> bytes:
    """Hex prefix encoding."""
    flag = 2 if is_leaf else 0
    whole = (flag + 1, *nibbles) if len(nibbles) % 2 else (flag, 0, *nibbles)
    return bytes(high << 4 | low for high, low in zip(whole[::2], whole[1::2], strict=True))


def _text(raw: bytes) -> bytes:
    """RLP of bytes."""
    return raw if len(raw) == 1 and raw[0] < 0x80 else _head(len(raw), 0x80) + raw


def _list(*parts: bytes) -> bytes:
    """RLP of a list whose parts are encoded."""
    body = b"".join(parts)
    return _head(len(body), 0xC0) + body


def _head(length: int, kind: int) -> bytes:
    if length < 56:
        return bytes((kind + length,))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((kind + 55 + len(size),)) + size
