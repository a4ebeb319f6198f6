"""Signed checkpoints and cosignatures: what was signed opens, published notes open, and nothing else does."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.core import note
from entrepot.core.crypto import ed25519_public, ed25519_sign
from entrepot.core.errors import Invalid

ORIGIN, WITNESS = "entrepot.local/pilot", "witness.example/w1"
SEED, WITNESS_SEED = bytes(range(32)), b"\x07" * 32
PUBLIC, WITNESS_PUBLIC = ed25519_public(SEED), ed25519_public(WITNESS_SEED)
KEY = note.verifier_key(ORIGIN, PUBLIC)
WITNESS_KEY = note.verifier_key(WITNESS, WITNESS_PUBLIC, note.COSIGNATURE)
ROOT = bytes(range(32))
TEXT = note.checkpoint_text(ORIGIN, 7, ROOT)


def sign(message: bytes) -> bytes:
    return ed25519_sign(SEED, message)


def witness(message: bytes) -> bytes:
    return ed25519_sign(WITNESS_SEED, message)


def signed(text: str) -> str:
    return note.sign_note(text, ORIGIN, PUBLIC, sign)


NOTE = signed(TEXT)
LINE = NOTE.rpartition("\n\n")[2]
COSIGNED = note.cosign(NOTE, WITNESS, WITNESS_PUBLIC, witness, at=1_800_000_000)

# Source: the example of C2SP signed-note v1.0.0, section "Verifier keys".
SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

# Source: the examples of golang.org/x/mod/sumdb/note, whose format C2SP signed-note describes.
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    f"{GO_TEXT}\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

# Source: a checkpoint of the Certificate Transparency log arche2025h1 (staging), May 2026, with the log's RFC 6962 and
# Ed25519 signatures and those of four public witnesses; keys as the log and the witness remora.n621.de publish them.
CT_ORIGIN = "arche2025h1.staging.ct.transparency.dev"
CT_KEY = f"{CT_ORIGIN}+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
REMORA_KEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
CT_NOTE = f"""{CT_ORIGIN}
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

\u2014 {CT_ORIGIN} zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
\u2014 {CT_ORIGIN} ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
\u2014 transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
\u2014 witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
\u2014 remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
\u2014 witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""  # noqa: E501


def test_a_checkpoint_opens_with_its_key() -> None:
    assert note.open_checkpoint(NOTE, [KEY]) == (ORIGIN, 7, ROOT)


def test_an_empty_log_has_a_checkpoint() -> None:
    assert note.open_checkpoint(signed(note.checkpoint_text(ORIGIN, 0, ROOT)), [KEY])[1] == 0


def test_extension_lines_may_follow_and_are_signed() -> None:
    extended = signed(TEXT + "an extension\n")
    assert note.open_checkpoint(extended, [KEY]) == (ORIGIN, 7, ROOT)
    with pytest.raises(Invalid):
        note.open_checkpoint(extended.replace("an ext", "no ext"), [KEY])


@pytest.mark.parametrize(("published", "key"), [(SPEC_NOTE, SPEC_KEY), (GO_NOTE, GO_KEY)], ids=["c2sp", "go"])
def test_the_published_examples_open(published: str, key: str) -> None:
    text, signers = note.open_note(published, [key])
    assert published.startswith(text + "\n") and signers == (key.partition("+")[0],)
    with pytest.raises(Invalid, match="does not verify"):
        note.open_note("X" + published[1:], [key])


def test_go_s_example_key_signs_go_s_example_note() -> None:
    public = ed25519_public(GO_SEED)
    assert note.verifier_key("PeterNeumann", public) == GO_KEY
    assert note.sign_note(GO_TEXT, "PeterNeumann", public, lambda message: ed25519_sign(GO_SEED, message)) == GO_NOTE


def test_a_public_log_s_checkpoint_and_its_witness_verify() -> None:
    origin, size, _ = note.open_checkpoint(CT_NOTE, [CT_KEY])
    assert (origin, size) == (CT_ORIGIN, 1432088532)
    assert note.open_cosignatures(CT_NOTE, [REMORA_KEY]) == (("remora.n621.de", 1779573024),)
    with pytest.raises(Invalid, match="remora.n621.de does not verify"):
        note.open_cosignatures(CT_NOTE.replace("1432088532", "1432088533"), [REMORA_KEY])


def test_verifier_keys_are_read_as_they_are_written() -> None:
    assert note.parse_key(KEY) == (ORIGIN, PUBLIC)
    name, public = note.parse_key(REMORA_KEY, note.COSIGNATURE)
    assert note.verifier_key(name, public, note.COSIGNATURE) == REMORA_KEY


@pytest.mark.parametrize("place", range(len(NOTE)))
def test_a_changed_character_does_not_open(place: int) -> None:
    for other in "A0+/= \n\x00\u00e9":
        if other != NOTE[place]:
            with pytest.raises(Invalid):
                note.open_checkpoint(NOTE[:place] + other + NOTE[place + 1 :], [KEY])


def test_the_unused_bits_of_base64_are_not_free() -> None:
    """68 bytes leave two bits of the last letter unused: Python's decoder takes all four letters, we take one."""
    before, letter, after = NOTE[:-3], NOTE[-3], NOTE[-2:]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    place = alphabet.index(letter)
    assert after == "=\n" and place % 4 == 0
    for other in alphabet[place + 1 : place + 4]:
        with pytest.raises(Invalid, match="not a signature line"):
            note.open_checkpoint(before + other + after, [KEY])


def test_a_note_by_another_key_of_the_same_name_does_not_open() -> None:
    other = note.verifier_key(ORIGIN, WITNESS_PUBLIC)
    with pytest.raises(Invalid, match="No trusted key"):
        note.open_checkpoint(NOTE, [other])
    with pytest.raises(Invalid, match="No trusted key"):
        note.open_checkpoint(NOTE, [])


def test_lines_of_unknown_keys_are_passed_over_but_a_false_line_of_a_trusted_one_refuses() -> None:
    stranger = note.sign_note(TEXT, "stranger", WITNESS_PUBLIC, witness).rpartition("\n\n")[2]
    assert note.open_note(NOTE + stranger, [KEY])[1] == (ORIGIN,)
    false = note.sign_note(TEXT, ORIGIN, PUBLIC, witness).rpartition("\n\n")[2]
    with pytest.raises(Invalid, match="does not verify"):
        note.open_note(NOTE + false, [KEY])


def test_each_key_counts_once_and_several_are_named() -> None:
    second = note.sign_note(TEXT, "second", WITNESS_PUBLIC, witness).rpartition("\n\n")[2]
    keys = [KEY, note.verifier_key("second", WITNESS_PUBLIC)]
    assert note.open_note(NOTE + LINE + LINE, keys)[1] == (ORIGIN,)
    assert note.open_note(NOTE + second + LINE, keys)[1] == (ORIGIN, "second")


def test_sixteen_signatures_open_and_too_many_do_not() -> None:
    assert note.open_note(NOTE + LINE * 15, [KEY])[1] == (ORIGIN,)
    assert note.open_note(NOTE + LINE * (note.SIGNATURES_MAX - 1), [KEY])[1] == (ORIGIN,)
    with pytest.raises(Invalid, match="signature lines, above"):
        note.open_note(NOTE + LINE * note.SIGNATURES_MAX, [KEY])


def test_the_text_ends_at_the_last_empty_line() -> None:
    text = "one\n\ntwo\n"
    assert note.open_note(signed(text), [KEY])[0] == text


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n07\n{TEXT.splitlines()[2]}\n",
        f"{ORIGIN}\n-7\n{TEXT.splitlines()[2]}\n",
        f"{ORIGIN}\n\u0667\n{TEXT.splitlines()[2]}\n",
        f"{ORIGIN}\n7\n{TEXT.splitlines()[2][:-1]}\n",
        f"{ORIGIN}\n7\nAAAA\n",
        f"\n7\n{TEXT.splitlines()[2]}\n",
        f"{TEXT}\nafter an empty line\n",
        f"{TEXT}\n",
        f"{ORIGIN}\n7\n{TEXT.splitlines()[2]}\r\n",
        f"a\x00b\n7\n{TEXT.splitlines()[2]}\n",
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused_though_signed(text: str) -> None:
    with pytest.raises(Invalid):
        note.open_checkpoint(signed(text), [KEY])
    with pytest.raises(Invalid):
        note.cosign(signed(text), WITNESS, WITNESS_PUBLIC, witness, at=1)


@pytest.mark.parametrize(
    "broken",
    ["", "\n", "\n\n", TEXT, TEXT + "\n", NOTE[:-1], NOTE + "\n", NOTE + "x\n", NOTE + "x AAAAAAA=\n",
     NOTE.replace("\u2014", "-"), "\ud800" + NOTE, NOTE + "\u2014 x \u00e9===\n",
     NOTE + "\u2014 a+b AAAAAAA=\n", NOTE + "\u2014 x AAAA\n"],
)  # fmt: skip
def test_what_is_no_note_is_refused(broken: str) -> None:
    with pytest.raises(Invalid):
        note.open_note(broken, [KEY])


@given(st.text())
def test_no_text_is_a_defect(text: str) -> None:
    for broken in (text, f"{TEXT}\n{text}", f"{TEXT}\n\u2014 {text}\n"):
        with pytest.raises(Invalid):
            note.open_note(broken, [KEY])
    with pytest.raises(Invalid):
        note.parse_key(text)


@pytest.mark.parametrize(
    "text",
    ["", "x+00000000+AA==", "x+00000000+\u00e9", KEY.replace("+", "-"), KEY[:-4], KEY + "=", KEY.replace("pilot", "p"),
     KEY.upper(), "+" + KEY, WITNESS_KEY],
)  # fmt: skip
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        note.parse_key(text)


@pytest.mark.parametrize("name", ["", "a b", "a\u2003b", "a\x00b"])
def test_a_key_s_name_is_one_word(name: str) -> None:
    encoded = base64.b64encode(note.ED25519 + PUBLIC).decode()
    with pytest.raises(Invalid):
        note.parse_key(f"{name}+{note.key_hash(name, PUBLIC).hex()}+{encoded}")
    with pytest.raises(AssertionError):
        note.verifier_key(name, PUBLIC)


def test_a_key_is_of_the_kind_that_its_hash_was_made_over() -> None:
    other = base64.b64encode(note.COSIGNATURE + PUBLIC).decode()
    with pytest.raises(Invalid):
        note.parse_key(f"{ORIGIN}+{note.key_hash(ORIGIN, PUBLIC).hex()}+{other}")


def test_a_cosignature_over_what_is_no_checkpoint_is_refused() -> None:
    text = "not a checkpoint\n"
    signature = witness(f"cosignature/v1\ntime 1\n{text}".encode())
    raw = note.key_hash(WITNESS, WITNESS_PUBLIC, note.COSIGNATURE) + (1).to_bytes(8, "big") + signature
    with pytest.raises(Invalid, match="A checkpoint is"):
        note.open_cosignatures(f"{text}\n\u2014 {WITNESS} {base64.b64encode(raw).decode()}\n", [WITNESS_KEY])


def test_a_witness_cosigns_with_its_time_beside_the_log() -> None:
    assert note.open_checkpoint(COSIGNED, [KEY]) == (ORIGIN, 7, ROOT)
    assert note.open_cosignatures(COSIGNED, [WITNESS_KEY]) == ((WITNESS, 1_800_000_000),)
    assert note.open_cosignatures(NOTE, [WITNESS_KEY]) == ()
    assert note.open_cosignatures(COSIGNED, []) == ()


def test_a_cosignature_is_not_the_log_s_signature_nor_the_reverse() -> None:
    same_key_as_log = note.verifier_key(WITNESS, WITNESS_PUBLIC)
    with pytest.raises(Invalid, match="No trusted key"):
        note.open_note(COSIGNED, [same_key_as_log])
    plain = note.sign_note(TEXT, WITNESS, WITNESS_PUBLIC, witness)
    assert note.open_cosignatures(plain, [WITNESS_KEY]) == ()
    with pytest.raises(Invalid):
        note.open_note(COSIGNED, [WITNESS_KEY])
    with pytest.raises(Invalid):
        note.open_cosignatures(COSIGNED, [KEY])


def test_a_cosignature_s_time_is_signed_and_bounded() -> None:
    head, _, line = COSIGNED[:-1].rpartition(" ")
    raw = base64.b64decode(line)
    for time in (1_800_000_001, 2**63, 2**64 - 1):
        moved = base64.b64encode(raw[:4] + time.to_bytes(8, "big") + raw[12:]).decode()
        with pytest.raises(Invalid, match="does not verify"):
            note.open_cosignatures(f"{head} {moved}\n", [WITNESS_KEY])
    for cut in (raw[:-1], raw[:12], raw[:8]):
        with pytest.raises(Invalid, match="does not verify"):
            note.open_cosignatures(f"{head} {base64.b64encode(cut).decode()}\n", [WITNESS_KEY])


def test_a_time_beyond_the_bound_is_refused_though_signed() -> None:
    at = note.TIME_MAX + 1
    signature = witness(f"cosignature/v1\ntime {at}\n{TEXT}".encode())
    raw = note.key_hash(WITNESS, WITNESS_PUBLIC, note.COSIGNATURE) + at.to_bytes(8, "big") + signature
    with pytest.raises(Invalid, match="does not verify"):
        note.open_cosignatures(f"{NOTE}\u2014 {WITNESS} {base64.b64encode(raw).decode()}\n", [WITNESS_KEY])


def test_a_witness_that_cosigned_twice_counts_once_with_its_latest_time() -> None:
    twice = note.cosign(COSIGNED, WITNESS, WITNESS_PUBLIC, witness, at=1_700_000_000)
    assert note.open_cosignatures(twice, [WITNESS_KEY]) == ((WITNESS, 1_800_000_000),)
