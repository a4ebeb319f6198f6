"""The bytes that are hashed: one form for one content, and everything that hashes to something else is refused."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from entrepot.core.canonical import DEPTH_MAX, canonical, hex0x, parse_canonical, sha256_of, unhex
from entrepot.core.errors import Invalid

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)

# RFC 8785, section 3.2.2 and 3.2.3: the example's input and its canonical bytes.
RFC_8785 = {
    "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
    "literals": [None, True, False],
}
RFC_8785_BYTES = (
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
    '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
).encode()


def test_the_example_of_rfc_8785_is_canonical() -> None:
    assert parse_canonical(RFC_8785_BYTES) == RFC_8785


def test_members_are_sorted_and_nothing_stands_between() -> None:
    body = {"schema": "entrepot/thing/1", "b": [1, "x"], "a": {"d": None, "c": True}}
    assert canonical(body) == b'{"a":{"c":true,"d":null},"b":[1,"x"],"schema":"entrepot/thing/1"}'
    assert sha256_of(body) == hashlib.sha256(canonical(body)).digest()


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_ANY)
def test_the_fast_way_writes_what_the_standard_says(value: Any) -> None:
    assert canonical({"schema": "entrepot/x/1", "value": value}) == rfc8785.dumps(
        {"schema": "entrepot/x/1", "value": value}
    )


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800", {"\udfff": 1}, {1: 2}])
def test_what_the_standard_cannot_write_is_written_in_no_way(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        canonical({"schema": "entrepot/x/1", "value": value})


@pytest.mark.parametrize("schema", [None, "", "terms/1", "other/terms/1", 1])
def test_what_is_hashed_names_its_schema(schema: Any) -> None:
    with pytest.raises(AssertionError, match="names its schema"):
        canonical({"schema": schema})
    with pytest.raises(AssertionError):
        canonical({})


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4))
def test_what_was_written_reads_back_and_any_other_spacing_is_refused(body: dict[str, Any]) -> None:
    raw = canonical(body | {"schema": "entrepot/thing/1"})
    assert parse_canonical(raw) == body | {"schema": "entrepot/thing/1"}
    with pytest.raises(Invalid):
        parse_canonical(raw + b" ")
    with pytest.raises(Invalid):
        parse_canonical(json.dumps(json.loads(raw), indent=1).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b"{",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":NaN}',
        b'{"a":9007199254740993}',
        b'{"a":"\\u0041"}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'\xef\xbb\xbf{"a":1}',
    ],
)
def test_other_bytes_are_refused(raw: bytes) -> None:
    assert parse_canonical(b'{"a":1}') == {"a": 1}
    with pytest.raises(Invalid) as refused:
        parse_canonical(raw)
    assert refused.value.code == "not_canonical"


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_depth_is_bounded_and_brackets_in_text_do_not_count() -> None:
    assert parse_canonical(nested(DEPTH_MAX))
    with pytest.raises(Invalid, match=f"deeper than {DEPTH_MAX}"):
        parse_canonical(nested(DEPTH_MAX + 1))
    text = '\\"' + "[{" * DEPTH_MAX + "\\\\"
    assert parse_canonical(b'{"a":"' + text.encode() + b'"}') == {"a": '"' + "[{" * DEPTH_MAX + "\\"}
    with pytest.raises(Invalid, match="deeper"):
        parse_canonical(b"[" * 1_000_000)


def test_side_by_side_is_not_deep() -> None:
    assert parse_canonical(b'{"a":[' + b",".join([b"[]"] * (DEPTH_MAX + 5)) + b"]}")


@given(st.binary(max_size=40))
def test_hex_reads_back(raw: bytes) -> None:
    assert unhex(hex0x(raw)) == raw == unhex(hex0x(raw), size=len(raw))


@pytest.mark.parametrize("text", ["", "aa", "0xAA", "0Xaa", "0xa", "0xzz", "0xaa ", " 0xaa", "0xa a", "0x"])
def test_other_hex_is_refused(text: str) -> None:
    assert unhex("0xaa", size=1) == b"\xaa"
    with pytest.raises(Invalid) as refused:
        unhex(text, size=1)
    assert refused.value.code == "malformed"


def test_hex_of_another_size_is_refused() -> None:
    for size in (0, 1, 3):
        with pytest.raises(Invalid, match=f"of {size} bytes"):
            unhex("0xaabb", size=size)
