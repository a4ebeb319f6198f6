"""Signed checkpoints in a form that witnesses of other logs can cosign. Source: C2SP signed-note, tlog-checkpoint."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence

from .crypto import ed25519_verify, sha256
from .errors import Invalid, declare

ED25519 = b"\x01"
LINE = "\u2014 "  # an em dash opens a signature line
_NAME = re.compile(r"[^\s+]{1,200}\Z")
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")

declare("Invalid", checkpoint_invalid="The checkpoint is malformed, or not signed by a key that is trusted.")


def key_hash(name: str, public: bytes) -> bytes:
    """The 4 bytes that name a key in a signature line: SHA-256(name || 0x0A || 0x01 || public key)[:4]."""
    return sha256(name.encode() + b"\n" + ED25519 + public)[:4]


def verifier_key(name: str, public: bytes) -> str:
    """`name+hash+base64(0x01 || public key)`: what a verifier pins."""
    assert _NAME.match(name), name
    return f"{name}+{key_hash(name, public).hex()}+{base64.b64encode(ED25519 + public).decode()}"


def parse_key(text: str) -> tuple[str, bytes]:
    """(name, 32-byte public key) of a verifier key. Raises: Invalid(checkpoint_invalid)."""
    name, _, rest = text.partition("+")
    hash_, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raw = b""
    if not _NAME.match(name) or len(raw) != 33 or raw[:1] != ED25519 or key_hash(name, raw[1:]).hex() != hash_:
        raise Invalid("checkpoint_invalid", f"{text!r:.100} is not a verifier key.")
    return name, raw[1:]


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """The text that is signed: origin, size, base64 root, a line each."""
    assert "\n" not in origin and size >= 0 and len(root) == 32
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def sign_note(text: str, name: str, public: bytes, sign: Callable[[bytes], bytes]) -> str:
    """A note: its text, an empty line, and one Ed25519 signature line."""
    assert text.endswith("\n")
    encoded = base64.b64encode(key_hash(name, public) + sign(text.encode())).decode()
    return f"{text}\n{LINE}{name} {encoded}\n"


def open_note(note: str, keys: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """(text, names of the trusted keys that signed it). Raises: Invalid(checkpoint_invalid) if none did.

    A line by a key that is not trusted is passed over; a line that claims a trusted key and does not verify refuses.
    """
    text, found, lines = note.rpartition("\n\n")
    if not found or not lines.endswith("\n"):
        raise Invalid("checkpoint_invalid", "A note is text, an empty line and signature lines.")
    text += "\n"
    trusted = {(name, key_hash(name, public)): public for name, public in map(parse_key, keys)}
    signers: list[str] = []
    for line in lines[:-1].split("\n"):
        name, hash_, signature = _signature_line(line)
        public = trusted.get((name, hash_))
        if public is None:
            continue
        if not ed25519_verify(public, signature, text.encode()):
            raise Invalid("checkpoint_invalid", f"The signature of {name} does not verify.")
        signers.append(name)
    if not signers:
        raise Invalid("checkpoint_invalid", "No trusted key signed the note.")
    return text, tuple(signers)


def open_checkpoint(note: str, keys: Sequence[str]) -> tuple[str, int, bytes]:
    """(origin, size, 32-byte root) of a checkpoint signed by a trusted key. Raises: Invalid(checkpoint_invalid)."""
    text, _ = open_note(note, keys)
    lines = text.split("\n")
    try:
        root = base64.b64decode(lines[2], validate=True) if len(lines) > 3 else b""
    except binascii.Error:
        root = b""
    if len(root) != 32 or not lines[0] or not _SIZE.match(lines[1]) or base64.b64encode(root).decode() != lines[2]:
        raise Invalid("checkpoint_invalid", "A checkpoint is origin, size and base64 root.")
    return lines[0], int(lines[1]), root


def _signature_line(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(LINE).partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raw = b""
    if not line.startswith(LINE) or not _NAME.match(name) or len(raw) < 5:
        raise Invalid("checkpoint_invalid", f"{line!r:.80} is not a signature line.")
    return name, raw[:4], raw[4:]
