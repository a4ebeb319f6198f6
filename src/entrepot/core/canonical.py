"""The bytes that are hashed and signed: RFC 8785 JSON whose `schema` member is its domain tag and version.

Amounts stand in it as base-10 strings of minor units, binary as 0x-hex, times as whole Unix seconds. Standards
that fix their own bytes (EIP-712, EIP-3009, RFC 6962, signed notes) keep them.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson
import rfc8785

from .errors import Invalid, declare

declare("Invalid", not_canonical="The bytes are not the canonical (RFC 8785) form of their content.")

Json = dict[str, Any]
DEPTH_MAX = 64
WHOLE_MAX = 2**53 - 1  # Source: RFC 7493, as far as IEEE 754 doubles are exact
_QUOTE, _BACKSLASH = b'"'[0], b"\\"[0]


def canonical(body: Json) -> bytes:
    """RFC 8785 bytes of `body`, which names its `schema` as `entrepot/THING/VERSION`."""
    assert str(body.get("schema", "")).startswith("entrepot/"), "what is hashed names its schema"
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS) if _is_plain(body) else rfc8785.dumps(body)


def _is_plain(value: Any) -> bool:
    """True where the fast encoder writes exactly what RFC 8785 says: no fraction, no number that JavaScript rounds,
    no member whose place depends on how characters beyond ASCII are sorted, no text that is no UTF-8.
    """
    kind = type(value)
    if kind is str:
        return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
    if kind is dict:
        return all(type(name) is str and name.isascii() and _is_plain(part) for name, part in value.items())
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))
    return kind is bool or value is None or (kind is int and -WHOLE_MAX <= value <= WHOLE_MAX)


def sha256_of(body: Json) -> bytes:
    """SHA-256 over `canonical(body)`: 32 bytes."""
    return hashlib.sha256(canonical(body)).digest()


def parse_canonical(raw: bytes) -> Json:
    """Reads canonical bytes. Raises: Invalid(not_canonical) for any other byte sequence of the same content."""
    _bound_depth(raw)
    try:
        body = json.loads(raw)
        same = isinstance(body, dict) and rfc8785.dumps(body) == raw
    except (ValueError, RecursionError, rfc8785.CanonicalizationError) as error:
        raise Invalid("not_canonical", f"Not canonical JSON: {error!s:.120}") from None
    if not same:
        raise Invalid("not_canonical", "The JSON is not in its canonical (RFC 8785) form.")
    return dict(body)


def _bound_depth(raw: bytes) -> None:
    """Raises: Invalid(not_canonical) before a parser is led too deep (other libraries raise Python's own bound)."""
    depth = 0
    is_text = is_escaped = False
    for byte in raw:
        if is_text:
            is_text = is_escaped or byte != _QUOTE
            is_escaped = not is_escaped and byte == _BACKSLASH
        elif byte == _QUOTE:
            is_text = True
        elif byte in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise Invalid("not_canonical", f"The JSON is nested deeper than {DEPTH_MAX}.")
        elif byte in b"]}":
            depth -= 1


def hex0x(raw: bytes) -> str:
    """Binary as it stands in canonical JSON."""
    return "0x" + raw.hex()


def unhex(text: str, *, size: int | None = None) -> bytes:
    """Reads `hex0x`. Raises: Invalid(malformed) unless lower-case 0x-hex of `size` bytes."""
    try:
        raw = bytes.fromhex(text[2:]) if text.startswith("0x") else b""
    except ValueError:
        raw = b""
    if hex0x(raw) != text or (size is not None and len(raw) != size):
        raise Invalid("malformed", f"{text!r:.80} is not 0x-hex of {size if size is not None else 'whole'} bytes.")
    return raw
