"""The evidence bundle: everything about one settlement that an entitled reader needs to check it without us.

One RFC 8785 JSON file. `manifest` names the SHA-256 of each part and is signed by the checkpoint key, so that any
changed byte has a part to be named; what the parts *say* is checked apart, and does not rest on that signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rfc8785

from .canonical import Json, canonical, hex0x
from .crypto import sha256

SCHEMA = "entrepot/bundle/1"
KEY_SCHEMA = "entrepot/verification-key/1"
PARTS = (
    "settlement",
    "terms",
    "signatures",
    "decisions",
    "passports",
    "examination",
    "documents",
    "events",
    "checkpoint",
    "receipts",
    "transfers",
    "messages",
    "simulated",
)


def part_sha256(part: Any) -> str:
    """0x-hex SHA-256 over a part's canonical JSON, whatever its type."""
    return hex0x(sha256(rfc8785.dumps(part)))


def manifest_message(manifest: Json) -> bytes:
    """The bytes that are signed for a manifest."""
    return canonical({"schema": "entrepot/manifest/1", "parts": manifest})


def seal(parts: Json, sign: Callable[[bytes], bytes]) -> bytes:
    """The canonical bytes of a bundle over `parts` (one entry for each of PARTS)."""
    assert set(parts) == set(PARTS), sorted(set(PARTS) ^ set(parts))
    manifest = {name: part_sha256(parts[name]) for name in PARTS}
    signature = hex0x(sign(manifest_message(manifest)))
    return canonical({"schema": SCHEMA, "parts": parts, "manifest": manifest, "manifest_signature": signature})
