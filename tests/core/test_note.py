"""Signed checkpoints: what was signed opens, and nothing else does."""

from __future__ import annotations

import pytest

from entrepot.core import note
from entrepot.core.crypto import ed25519_public, ed25519_sign
from entrepot.core.errors import Invalid

SEED = bytes(range(32))
PUBLIC = ed25519_public(SEED)
KEY = note.verifier_key("entrepot.local/pilot", PUBLIC)
ROOT = bytes(range(32))
NOTE = note.sign_note(note.checkpoint_text("entrepot.local/pilot", 7, ROOT), "entrepot.local/pilot", PUBLIC,
                      lambda message: ed25519_sign(SEED, message))  # fmt: skip

# Source: the example of golang.org/x/mod/sumdb/note, whose format C2SP signed-note describes.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_checkpoint_opens_with_its_key() -> None:
    assert note.open_checkpoint(NOTE, [KEY]) == ("entrepot.local/pilot", 7, ROOT)


def test_the_published_example_opens() -> None:
    text, signers = note.open_note(GO_NOTE, [GO_KEY])
    assert signers == ("PeterNeumann",) and text.startswith("If you think")


@pytest.mark.parametrize("place", range(0, len(NOTE), 7))
def test_a_changed_character_does_not_open(place: int) -> None:
    changed = NOTE[:place] + ("A" if NOTE[place] != "A" else "B") + NOTE[place + 1 :]
    with pytest.raises(Invalid):
        note.open_checkpoint(changed, [KEY])


def test_a_note_by_another_key_of_the_same_name_does_not_open() -> None:
    other = note.verifier_key("entrepot.local/pilot", ed25519_public(b"\x07" * 32))
    with pytest.raises(Invalid, match="No trusted key"):
        note.open_checkpoint(NOTE, [other])


@pytest.mark.parametrize("text", ["", "x+00000000+AA==", KEY.replace("+", "-"), KEY[:-4]])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        note.parse_key(text)
