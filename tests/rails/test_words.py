"""The usual words of the ABI: what is said and read fast is what eth_abi says and reads, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.rails.words import read_word, word_of

KINDS = st.sampled_from(("address", "bytes32", "bool", "uint8", "uint64", "uint128", "uint256", "uint7", "int8"))
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
VALUES = (
    st.integers(-1, 2**257) | st.sampled_from([2**8 - 1, 2**8, 2**64 - 1, 2**64, 2**256 - 1, 2**256]) | ADDRESSES
    | ADDRESSES.map(str.upper) | st.binary(max_size=33) | st.booleans() | st.text(max_size=4) | st.none()
)  # fmt: skip
WORDS = st.binary(min_size=31, max_size=33) | st.binary(max_size=20).map(lambda raw: raw.rjust(32, b"\0"))


def library(act: Any, kind: str, value: Any) -> Any:
    """What eth_abi makes of it, bytes as 0x-hex; None if it refuses."""
    try:
        made = act([kind], value)
    except Exception:
        return None
    return made if isinstance(made, bytes) else "0x" + made[0].hex() if isinstance(made[0], bytes) else made[0]


@given(kind=KINDS, value=VALUES)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_a_word_said_fast_is_the_librarys(kind: str, value: Any) -> None:
    said = word_of(kind, value)
    assert said is None or said == library(encode, kind, [value])


@given(kind=KINDS, word=WORDS)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_a_word_read_fast_is_the_librarys(kind: str, word: bytes) -> None:
    read = read_word(kind, word)
    assert read is None or (read == library(decode, kind, word) and type(read) is type(library(decode, kind, word)))


@pytest.mark.parametrize(
    ("kind", "value"),
    [("address", "0x" + "ab" * 20), ("bytes32", b"\1" * 32), ("bool", True), ("bool", False), ("uint64", 2**64 - 1),
     ("uint256", 0)],
)  # fmt: skip
def test_usual_words_are_said_and_read_back(kind: str, value: Any) -> None:
    said = word_of(kind, value)
    assert said is not None
    assert read_word(kind, said) == ("0x" + value.hex() if isinstance(value, bytes) else value)


@pytest.mark.parametrize(
    ("kind", "word"), [("address", b"\1" + bytes(31)), ("bool", bytes(31) + b"\2"), ("uint8", bytes(30) + b"\1\0")]
)
def test_dirty_words_are_not_read(kind: str, word: bytes) -> None:
    assert read_word(kind, word) is None
