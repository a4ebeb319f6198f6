"""Signed checkpoints in a form that witnesses of other logs can cosign.

Source: C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0, tlog-cosignature v1.0.0 (the Ed25519 kind).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence

from .crypto import ed25519_verify, sha256
from .errors import Invalid, declare

Sign = Callable[[bytes], bytes]
Key = tuple[str, bytes]  # a key's name and its 4-byte hash: what a signature line says of its key
SignatureLine = tuple[Key, bytes]

ED25519 = b"\x01"  # a plain signature over the note's text
COSIGNATURE = b"\x04"  # a witness's timestamped signature over a checkpoint
LINE = "\u2014 "  # an em dash opens a signature line
SIGNATURES_MAX = 64  # signed-note asks for some limit, of at least 16
TIME_MAX = 2**63 - 1
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]{1,200}\Z")
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")  # a line feed may stand in a note; a surrogate is no UTF-8

declare("Invalid", checkpoint_invalid="The checkpoint is malformed, or not signed by a key that is trusted.")


def key_hash(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    """The 4 bytes that name a key in a signature line: SHA-256(name || 0x0A || kind || public key)[:4]."""
    return sha256(name.encode() + b"\n" + kind + public)[:4]


def verifier_key(name: str, public: bytes, kind: bytes = ED25519) -> str:
    """`name+hash+base64(kind || public key)`: what a verifier pins."""
    assert _NAME.match(name), name
    return f"{name}+{key_hash(name, public, kind).hex()}+{base64.b64encode(kind + public).decode()}"


def parse_key(text: str, kind: bytes = ED25519) -> tuple[str, bytes]:
    """(name, 32-byte public key) of a verifier key of this `kind`. Raises: Invalid(checkpoint_invalid)."""
    name, _, rest = text.partition("+")
    hash_, _, encoded = rest.partition("+")
    raw = _unbase64(encoded)
    if not _NAME.match(name) or len(raw) != 33 or raw[:1] != kind or key_hash(name, raw[1:], kind).hex() != hash_:
        raise Invalid("checkpoint_invalid", f"{text!r:.100} is not a verifier key of kind {kind.hex()}.")
    return name, raw[1:]


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """The text that is signed: origin, size, base64 root, a line each."""
    assert origin and not _CONTROL.search(origin) and "\n" not in origin and size >= 0 and len(root) == 32
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def sign_note(text: str, name: str, public: bytes, sign: Sign) -> str:
    """A note: its text, an empty line, and one Ed25519 signature line."""
    assert text.endswith("\n")
    return f"{text}\n{_line(name, key_hash(name, public) + sign(text.encode()))}"


def cosign(note: str, name: str, public: bytes, sign: Sign, *, at: int) -> str:
    """The checkpoint with one more line: witness `name` saw it at `at` (Unix seconds) as the log's largest.

    Whether its log signed it is for the witness to know. Raises: Invalid(checkpoint_invalid) if it is no checkpoint.
    """
    assert 0 <= at <= TIME_MAX
    text, _ = _parse(note)
    _read_checkpoint(text)
    signature = at.to_bytes(8, "big") + sign(_cosigned(text, at))
    return note + _line(name, key_hash(name, public, COSIGNATURE) + signature)


def open_note(note: str, keys: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """(text, names of the trusted keys that signed it). Raises: Invalid(checkpoint_invalid) if none did.

    A line by a key that is not trusted is passed over; a line that claims a trusted key and does not verify refuses.
    A key counts once, however many lines it signed.
    """
    text, lines = _parse(note)
    trusted = _trusted(keys, ED25519)
    signers: dict[Key, None] = {}
    for key, signature in lines:
        if key not in trusted:
            continue
        if not ed25519_verify(trusted[key], signature, text.encode()):
            raise Invalid("checkpoint_invalid", f"The signature of {key[0]} does not verify.")
        signers[key] = None
    if not signers:
        raise Invalid("checkpoint_invalid", "No trusted key signed the note.")
    return text, tuple(name for name, _ in signers)


def open_checkpoint(note: str, keys: Sequence[str]) -> tuple[str, int, bytes]:
    """(origin, size, 32-byte root) of a checkpoint signed by a trusted key. Raises: Invalid(checkpoint_invalid)."""
    text, _ = open_note(note, keys)
    return _read_checkpoint(text)


def checkpoint_size_and_root(note: str) -> tuple[int, bytes]:
    """(size, root) that a checkpoint of our own says, no signature asked. Raises: Invalid(checkpoint_invalid)."""
    _, size, root = _read_checkpoint(_parse(note)[0])
    return size, root


def open_cosignatures(note: str, witnesses: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """(name, latest time in Unix seconds) of each trusted witness that cosigned; empty if none did.

    Says nothing about the log's own signature: `open_checkpoint` first. A time may lie in the future: the caller has
    the clock. Raises: Invalid(checkpoint_invalid) if a line claims a trusted witness and does not verify.
    """
    text, lines = _parse(note)
    _read_checkpoint(text)
    trusted = _trusted(witnesses, COSIGNATURE)
    seen: dict[Key, int] = {}
    for key, signature in lines:
        if key not in trusted:
            continue
        at = int.from_bytes(signature[:8], "big")
        if at > TIME_MAX or not ed25519_verify(trusted[key], signature[8:], _cosigned(text, at)):
            raise Invalid("checkpoint_invalid", f"The cosignature of {key[0]} does not verify.")
        seen[key] = max(at, seen.get(key, 0))
    return tuple((name, at) for (name, _), at in seen.items())


def _parse(note: str) -> tuple[str, list[SignatureLine]]:
    """(text, signature lines) of a note; the text ends at the last empty line."""
    text, found, lines = note.rpartition("\n\n")
    if not found or not lines.endswith("\n") or _CONTROL.search(note):
        raise Invalid("checkpoint_invalid", "A note is UTF-8 text, an empty line and signature lines.")
    signatures = lines[:-1].split("\n")
    if len(signatures) > SIGNATURES_MAX:
        raise Invalid("checkpoint_invalid", f"The note has {len(signatures)} signature lines, above {SIGNATURES_MAX}.")
    return text + "\n", [_signature_line(line) for line in signatures]


def _read_checkpoint(text: str) -> tuple[str, int, bytes]:
    lines = text.removesuffix("\n").split("\n")
    root = _unbase64(lines[2]) if len(lines) > 2 else b""
    if len(root) != 32 or not all(lines) or not _SIZE.match(lines[1]):
        raise Invalid("checkpoint_invalid", "A checkpoint is origin, size, base64 root and no empty line.")
    return lines[0], int(lines[1]), root


def _trusted(keys: Sequence[str], kind: bytes) -> Mapping[Key, bytes]:
    return {(name, key_hash(name, public, kind)): public for name, public in (parse_key(key, kind) for key in keys)}


def _cosigned(text: str, at: int) -> bytes:
    """What a witness signs. Source: tlog-cosignature, Ed25519 signed message."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _line(name: str, raw: bytes) -> str:
    assert _NAME.match(name), name
    return f"{LINE}{name} {base64.b64encode(raw).decode()}\n"


def _signature_line(line: str) -> SignatureLine:
    name, _, encoded = line.removeprefix(LINE).partition(" ")
    raw = _unbase64(encoded)
    if not line.startswith(LINE) or not _NAME.match(name) or len(raw) < 5:
        raise Invalid("checkpoint_invalid", f"{line!r:.80} is not a signature line.")
    return (name, raw[:4]), raw[4:]


def _unbase64(text: str) -> bytes:
    """The bytes of standard base64 (RFC 4648 section 4), or none unless `text` is their one canonical encoding."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:  # also what a letter beyond ASCII raises
        return b""
    return raw if base64.b64encode(raw).decode() == text else b""
