"""A bundle's manifest names every part's hash, and a changed byte has a part to be named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.core.canonical import parse_canonical, unhex
from entrepot.core.crypto import ed25519_public, ed25519_sign, ed25519_verify
from entrepot.core.evidence import PARTS, SCHEMA, manifest_message, part_sha256, seal

SEED = b"\x09" * 32


def parts() -> dict[str, Any]:
    return {name: {"is": name, "at": number} for number, name in enumerate(PARTS)}


def sealed(body: dict[str, Any]) -> dict[str, Any]:
    return parse_canonical(seal(body, lambda message: ed25519_sign(SEED, message)))


def test_a_sealed_bundle_is_signed_over_the_hash_of_each_part() -> None:
    bundle = sealed(parts())
    assert set(bundle) == {"schema", "parts", "manifest", "manifest_signature"} and bundle["schema"] == SCHEMA
    assert bundle["manifest"] == {name: part_sha256(part) for name, part in parts().items()}
    signature = unhex(bundle["manifest_signature"], size=64)
    assert ed25519_verify(ed25519_public(SEED), signature, manifest_message(bundle["manifest"]))
    for name in PARTS:
        other = bundle["manifest"] | {name: part_sha256("other")}
        assert not ed25519_verify(ed25519_public(SEED), signature, manifest_message(other)), name


def test_a_part_hashes_by_its_content_and_not_by_its_spacing() -> None:
    assert (
        part_sha256({"b": 1, "a": 2}) == part_sha256(json.loads('{ "a": 2, "b": 1 }')) != part_sha256({"a": 1, "b": 2})
    )
    # printf '[]' | sha256sum
    assert part_sha256([]) == "0x4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


def test_a_bundle_has_each_part_and_no_other() -> None:
    for wrong in (parts() | {"more": 1}, {name: part for name, part in parts().items() if name != "receipts"}):
        with pytest.raises(AssertionError):
            sealed(wrong)
