"""Evidence bundles: what is whole verifies, any changed byte is refused and its part named, and a lie is found even
if it was sealed. The bundles in vectors/ are those of one demo run; a change of format makes new ones."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import second_verifier

from entrepot.core.errors import Invalid
from entrepot.verify import Check, check_parts, read_key, verify

VECTORS = Path(__file__).parent / "vectors"
KEY = read_key((VECTORS / "verification-key.json").read_bytes())
STORIES = {"clean": "released", "review": "released", "refused": "agreed", "gone": "refunded"}
CHANGED_BYTES = 1_500
SEED = 20261123


def bundle(story: str) -> bytes:
    return (VECTORS / f"{story}.bundle.json").read_bytes()


def failed(checks: list[Check]) -> set[str]:
    return {check.part for check in checks if check.status == "failed"}


@pytest.mark.parametrize("story", STORIES)
def test_a_whole_bundle_has_no_failed_check(story: str) -> None:
    checks = verify(bundle(story), KEY)
    assert not failed(checks)
    assert {"manifest", "terms", "signatures", "checkpoint", "events", "transfers"} <= {check.part for check in checks}


@pytest.mark.parametrize("story", STORIES)
def test_a_second_verifier_comes_to_the_same_state(story: str) -> None:
    assert second_verifier.verify(bundle(story), KEY) == STORIES[story]


def test_what_was_not_checked_is_said() -> None:
    skipped = [check.name for check in verify(bundle("clean"), KEY) if check.status == "not checked"]
    assert skipped == ["blocks are on the chain"]


def test_a_changed_byte_anywhere_is_refused_and_its_part_is_named() -> None:
    raw, chance = bundle("clean"), random.Random(SEED)
    whole = json.loads(raw)
    for place in sorted(chance.sample(range(len(raw)), CHANGED_BYTES)):
        changed = raw[:place] + bytes([raw[place] ^ chance.choice((1, 2, 4, 8, 16, 32, 64))]) + raw[place + 1 :]
        try:
            parts = failed(verify(changed, KEY))
        except Invalid as refused:
            assert refused.code in ("not_canonical", "bundle_unreadable"), place
            continue
        body = json.loads(changed)
        named = {name for name, part in whole["parts"].items() if body["parts"].get(name) != part}
        assert parts and named <= parts, f"byte {place}: {named} changed, {parts} named"


@pytest.mark.parametrize(
    "other", [b" " + bundle("gone"), bundle("gone") + b"\n", json.dumps(json.loads(bundle("gone"))).encode()]
)
def test_other_bytes_of_the_same_content_are_refused(other: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        verify(other, KEY)
    assert refused.value.code == "not_canonical"


def test_another_checkpoint_key_trusts_nothing() -> None:
    other = json.loads((VECTORS / "verification-key.json").read_text())
    name, _, _ = other["checkpoint_key"].split("+", 2)
    from entrepot.core.note import verifier_key

    other["checkpoint_key"] = verifier_key(name, bytes(range(32)))
    assert failed(verify(bundle("clean"), other)) == {"manifest"}


@pytest.mark.parametrize(
    ("pin", "value", "part"),
    [
        ("passport_signers", ["0x" + "11" * 20], "passports"),
        ("chain_id", 1, "terms"),
        ("factory", "0x" + "22" * 20, "terms"),
        ("implementation", "0x" + "33" * 20, "settlement"),
    ],
)
def test_each_pin_counts(pin: str, value: Any, part: str) -> None:
    assert part in failed(verify(bundle("clean"), {**KEY, pin: value}))


def _event(parts: Any, kind: str) -> int:
    return next(place for place, entry in enumerate(parts["events"]) if f'"event":"{kind}"' in entry["leaf"])


def _drop(kind: str) -> Callable[[Any], None]:
    return lambda parts: parts["events"].pop(_event(parts, kind))


def _edit_leaf(kind: str, before: str, after: str) -> Callable[[Any], None]:
    def lie(parts: Any) -> None:
        entry = parts["events"][_event(parts, kind)]
        assert before in entry["leaf"]
        entry["leaf"] = entry["leaf"].replace(before, after)

    return lie


def _set(*path: Any, value: Any) -> Callable[[Any], None]:
    def lie(parts: Any) -> None:
        place = parts
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return lie


# What a dishonest operator might write, and the part that gives it away although the manifest was sealed anew.
LIES: dict[str, tuple[Callable[[Any], None], str]] = {
    "another price in the terms": (_set("terms", "price", "amount_minor", value="1"), "signatures"),
    "another buyer's name": (_set("terms", "buyer", "name", value="Somebody else"), "signatures"),
    "a signature of nobody": (_set("signatures", "buyer", value="0x" + "11" * 65), "signatures"),
    "an event left out": (_drop("presented"), "events"),
    "an amount in the log": (_edit_leaf("released", '"amount_minor":"', '"amount_minor":"9'), "events"),
    "another state": (_set("settlement", "state", value="refunded"), "events"),
    "another escrow": (_set("settlement", "escrow", value="0x" + "44" * 20), "settlement"),
    "a transfer less": (lambda parts: parts["transfers"].pop(), "transfers"),
    "a transfer's amount": (_set("transfers", 0, "amount_minor", value="1"), "transfers"),
    "no passport for the release": (lambda parts: parts["passports"].pop(), "passports"),
    "a passport for another payee": (_set("passports", 1, "payee", value="0x" + "55" * 20), "passports"),
    "a refusal called clear": (
        _set("decisions", 0, "reasons", value=[{"verdict": "REFUSE", "cleared_by": []}]),
        "decisions",
    ),
    "a receipt of another block": (
        lambda parts: parts["receipts"][0].update(header=parts["receipts"][1]["header"]),
        "receipts",
    ),
    "no receipts": (_set("receipts", value=[]), "receipts"),
    "another message": (_set("messages", 0, "body_base64", value="AAAA"), "messages"),
    "another document": (_set("documents", "presented", 0, "sha256", value="0x" + "66" * 32), "documents"),
    "documents found discrepant": (_set("examination", "complies", value=False), "examination"),
    "a checkpoint of another log": (_set("checkpoint", value="other\n1\nAAAA\n\n"), "events"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found_even_if_it_was_sealed(lie: str) -> None:
    parts = copy.deepcopy(json.loads(bundle("clean"))["parts"])
    tell, part = LIES[lie]
    tell(parts)
    assert part in failed(check_parts(parts, KEY)), lie


def test_a_block_that_the_readers_node_does_not_know_fails() -> None:
    parts = json.loads(bundle("clean"))["parts"]
    known = {entry["block_number"]: entry["block_hash"] for entry in parts["receipts"]}
    assert not failed(check_parts(parts, KEY, header_hash_at=known.get))
    assert failed(check_parts(parts, KEY, header_hash_at=lambda _: "0x" + "00" * 32)) == {"receipts"}
