"""Seals personal data with one data key per owner, itself wrapped by the master key: erasing is destroying a key.

Knows nothing of tables: who keeps the wrapped keys, and where a sealed text stands, is said by the caller.
Source: AES-256-GCM, NIST SP 800-38D, with random 96-bit nonces.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
KEY_ID_BYTES = 16
NONCE_BYTES = 12
DEPLOYMENT = "00" * KEY_ID_BYTES  # owns what no participant owns


@dataclass(frozen=True, slots=True, repr=False)
class DataKey:
    """One owner's key: `id` and `owner` are 32 hex digits, `secret` 32 bytes. Never printed."""

    id: str
    owner: str
    secret: bytes


class Vault:
    """Wraps and opens data keys with the master key."""

    def __init__(self, master_key: bytes) -> None:
        assert len(master_key) == KEY_BYTES, f"the master key has {KEY_BYTES} bytes"
        self._master = AESGCM(master_key)

    def new_key(self, owner: str) -> tuple[DataKey, bytes]:
        """A fresh key for `owner`, and the wrapped bytes to keep."""
        key = DataKey(os.urandom(KEY_ID_BYTES).hex(), owner, os.urandom(KEY_BYTES))
        return key, self.wrap(key)

    def wrap(self, key: DataKey) -> bytes:
        """The bytes to keep of a data key."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, key.secret, _key_place(key.id, key.owner))

    def opens(self, key_id: str, owner: str, wrapped: bytes) -> bool:
        """True if this master key wrapped that data key."""
        try:
            self.unwrap(key_id, owner, wrapped)
        except AssertionError:
            return False
        return True

    def unwrap(self, key_id: str, owner: str, wrapped: bytes) -> DataKey:
        """The key from its wrapped bytes. Asserts that they are this owner's, under this master key."""
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return DataKey(key_id, owner, self._master.decrypt(nonce, sealed, _key_place(key_id, owner)))
        except InvalidTag:
            raise AssertionError(f"data key {key_id} does not open: another master key, or changed bytes") from None


def seal(key: DataKey, text: bytes, *, table: str, row: str) -> bytes:
    """Key id, nonce and ciphertext; it opens only at the same table and row."""
    nonce = os.urandom(NONCE_BYTES)
    return bytes.fromhex(key.id) + nonce + AESGCM(key.secret).encrypt(nonce, text, _place(table, row))


def key_id_of(sealed: bytes) -> str:
    """The id of the key that `sealed` needs."""
    return sealed[:KEY_ID_BYTES].hex()


def unseal(key: DataKey, sealed: bytes, *, table: str, row: str) -> bytes:
    """The text. Asserts that nothing was changed or moved to another table or row."""
    assert key_id_of(sealed) == key.id, "sealed with another key"
    nonce, body = sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES], sealed[KEY_ID_BYTES + NONCE_BYTES :]
    try:
        return AESGCM(key.secret).decrypt(nonce, body, _place(table, row))
    except InvalidTag:
        raise AssertionError(f"row {row} of {table} does not open: it was changed or moved") from None


def _place(table: str, row: str) -> bytes:
    return f"entrepot/sealed/1\n{table}\n{row}".encode()


def _key_place(key_id: str, owner: str) -> bytes:
    return f"entrepot/data-key/1\n{key_id}\n{owner}".encode()
