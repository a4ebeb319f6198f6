"""Private keys in files, one for each purpose, which no other purpose can use. Knows keys, not what they sign."""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from entrepot.core.canonical import hex0x, unhex
from entrepot.core.crypto import ed25519_public, ed25519_sign, secp256k1_address, secp256k1_signer
from entrepot.core.errors import EntrepotError, Invalid, Refused, declare

SCHEMA = "entrepot/key/1"
KEY_BYTES = 32
KEYS_MAX = 10  # of one purpose
PRIVATE_MODE, FOLDER_MODE = 0o600, 0o700

declare("Refused", key_exposed="A private key's file can be read by others; close it, and replace the key.")
declare("Invalid", key_unreadable="A key file is damaged, or is of another purpose than its name says.")

Curve = Literal["ed25519", "secp256k1"]


class Purpose(StrEnum):
    """What a key is for. A key has one purpose for life."""

    CHECKPOINT = "checkpoint"  # checkpoints of the log, manifests of bundles
    CLOSING = "closing"  # packets of closed periods
    PASSPORT = "passport"
    RAIL = "rail"  # the account that sponsors transactions
    AUTHORITY = "authority"
    TRUSTEE = "trustee"
    ARBITER = "arbiter"
    OWNER = "owner"  # of the charter's registry
    EXAMINER = "examiner"
    WALLET = "wallet"  # demo parties'
    WEBHOOK = "webhook"
    TRAVEL_RULE = "travel_rule"


CURVES: dict[Purpose, Curve] = {
    Purpose.CHECKPOINT: "ed25519",
    Purpose.CLOSING: "ed25519",
    Purpose.PASSPORT: "secp256k1",
    Purpose.RAIL: "secp256k1",
    Purpose.AUTHORITY: "secp256k1",
    Purpose.TRUSTEE: "secp256k1",
    Purpose.ARBITER: "secp256k1",
    Purpose.OWNER: "secp256k1",
    Purpose.EXAMINER: "secp256k1",
    Purpose.WALLET: "secp256k1",
    Purpose.WEBHOOK: "ed25519",
    Purpose.TRAVEL_RULE: "ed25519",
}


class Signer(Protocol):
    """A secp256k1 account that signs 32-byte digests (EIP-712, transactions)."""

    @property
    def purpose(self) -> Purpose:
        """What the key is for."""

    @property
    def address(self) -> str:
        """0x address, lower case."""

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r || s || v, v 27 or 28, low s."""


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A Signer whose key is in memory. Never shows the key."""

    purpose: Purpose
    address: str
    sign_digest: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class MessageKey:
    """An Ed25519 key that signs messages (64 bytes, RFC 8032), in memory. Never shows the key."""

    purpose: Purpose
    public: bytes
    sign: Callable[[bytes], bytes]


class Keystore:
    """The keys of one deployment, in one folder. Making a key that is there already returns it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def account(self, purpose: Purpose, number: int = 1) -> AccountKey:
        """The account `number` (from 1) of a purpose, made if it is missing. Raises: Refused(key_exposed), Invalid."""
        private = self._key(purpose, number, "secp256k1")
        sign = secp256k1_signer(private)

        def sign_digest(digest: bytes) -> bytes:
            assert len(digest) == 32, "a digest has 32 bytes"
            return sign(digest)

        return AccountKey(purpose, secp256k1_address(private), sign_digest)

    def passport(self, number: int) -> AccountKey:
        """A key that signs passports."""
        return self.account(Purpose.PASSPORT, number)

    def authority(self, number: int) -> AccountKey:
        """A key that orders and lifts holds."""
        return self.account(Purpose.AUTHORITY, number)

    def rail(self) -> AccountKey:
        """The account that sponsors transactions."""
        return self.account(Purpose.RAIL)

    def checkpoint(self) -> MessageKey:
        """The key of checkpoints and manifests."""
        return self.messages(Purpose.CHECKPOINT)

    def accounts(self, purpose: Purpose, count: int) -> tuple[AccountKey, ...]:
        """The first `count` accounts of a purpose."""
        return tuple(self.account(purpose, number) for number in range(1, count + 1))

    def messages(self, purpose: Purpose, number: int = 1) -> MessageKey:
        """The message key `number` of a purpose, made if it is missing. Raises: Refused(key_exposed), Invalid."""
        private = self._key(purpose, number, "ed25519")
        return MessageKey(purpose, ed25519_public(private), lambda message: ed25519_sign(private, message))

    def _key(self, purpose: Purpose, number: int, curve: Curve) -> bytes:
        assert CURVES[purpose] == curve, f"a {purpose} key is of {CURVES[purpose]}, not of {curve}"
        assert 1 <= number <= KEYS_MAX, number
        path = self.folder / f"{purpose}-{number}.json"
        if not path.exists():
            self._make(path, purpose, number, curve)
        return _read(path, purpose, number, curve)

    def _make(self, path: Path, purpose: Purpose, number: int, curve: Curve) -> None:
        """Writes a fresh key whole; of two that do so at once, the first wins and both use it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        private = _fresh(curve)
        body = {"schema": SCHEMA, "purpose": purpose, "number": number, "curve": curve, "private": hex0x(private)}
        temporary = path.with_suffix(f".{secrets.token_hex(8)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(body, file)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()


def _fresh(curve: Curve) -> bytes:
    """32 random bytes that are a key of the curve (for secp256k1 all but 2^-128 of them are)."""
    while True:
        private = secrets.token_bytes(KEY_BYTES)
        try:
            secp256k1_address(private) if curve == "secp256k1" else ed25519_public(private)
        except ValueError:
            continue
        return private


def _read(path: Path, purpose: Purpose, number: int, curve: Curve) -> bytes:
    """The key in a file. Raises: Refused(key_exposed), Invalid(key_unreadable)."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refused("key_exposed", f"{path.name} can be read by others (mode {stat.S_IMODE(path.stat().st_mode):o}).")
    expected = {"schema": SCHEMA, "purpose": purpose, "number": number, "curve": curve}
    try:
        body = json.loads(path.read_text())
        private = unhex(body.pop("private"), size=KEY_BYTES)
    except (ValueError, KeyError, TypeError, AttributeError, EntrepotError):
        raise Invalid("key_unreadable", f"{path.name} is not a key.") from None
    if body != expected:
        raise Invalid("key_unreadable", f"{path.name} is a key of another purpose.")
    return private
