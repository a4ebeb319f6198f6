"""The usual words of the ABI, 32 bytes each: addresses, whole numbers, hashes, truths. Answers None for the rest.

What is none of these, or not in its strict form, is for eth_abi (`abi.py`), which takes ten times as long.
Source: Solidity ABI specification, "Formal Specification of the Encoding".
"""

from __future__ import annotations

import re
from functools import lru_cache

KINDS_KEPT = 64
_ADDRESS = re.compile(r"0x[0-9a-f]{40}\Z")
_UINT = re.compile(r"uint([0-9]{1,3})\Z")
_TOP = bytes(12)  # before an address


@lru_cache(maxsize=KINDS_KEPT)
def _end(kind: str) -> int:
    """The first number that a `uint` cannot hold; 0 for another kind."""
    found = _UINT.match(kind)
    bits = int(found[1]) if found else 0
    return int(2**bits) if bits and bits <= 256 and bits % 8 == 0 else 0


def word_of(kind: str, value: object) -> bytes | None:
    """The word that says `value`; None if eth_abi must look at it."""
    if kind == "address":
        return _TOP + bytes.fromhex(value[2:]) if type(value) is str and _ADDRESS.match(value) else None
    if kind == "bytes32":
        return value if type(value) is bytes and len(value) == 32 else None
    if kind == "bool":
        return (b"\1" if value else b"\0").rjust(32, b"\0") if type(value) is bool else None
    return value.to_bytes(32, "big") if type(value) is int and 0 <= value < _end(kind) else None


def read_word(kind: str, word: bytes) -> str | int | bool | None:
    """What a word says, bytes as 0x-hex; None if eth_abi must look at it."""
    if len(word) != 32:
        return None
    if kind == "address":
        return "0x" + word[12:].hex() if word.startswith(_TOP) else None
    if kind == "bytes32":
        return "0x" + word.hex()
    number = int.from_bytes(word, "big")
    if kind == "bool":
        return bool(number) if number <= 1 else None
    return number if number < _end(kind) else None
