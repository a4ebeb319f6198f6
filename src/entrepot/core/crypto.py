"""The one file where core meets libraries of cryptography: Ed25519, secp256k1, keccak-256, RLP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import coincurve
import rlp
from Crypto.Hash.keccak import _raw_keccak_lib as _KECCAK  # type: ignore[attr-defined]
from Crypto.Util._raw_api import (  # type: ignore[attr-defined]
    SmartPointer,
    VoidPointer,
    c_size_t,
    c_ubyte,
    create_string_buffer,
)
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from trie.hexary import HexaryTrie

RECOVERED_KEPT = 4_096
SECP256K1_HALF_N = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def keccak256(raw: bytes) -> bytes:
    """Ethereum's keccak-256 (not NIST SHA-3): 32 bytes."""
    try:
        sponge = _SPONGES.pop()
    except IndexError:  # all of them are at work
        sponge = _Sponge()
    digest = sponge.digest(raw)
    _SPONGES.append(sponge)
    return digest


class _Sponge:
    """The library's own keccak in C, without its Python around it, which takes longer than the hash.

    One call has it at a time: it is out of `_SPONGES` meanwhile, so that neither threads nor signals meet in it.
    """

    def __init__(self) -> None:
        state = VoidPointer()
        failed = _KECCAK.keccak_init(state.address_of(), c_size_t(64), c_ubyte(24))
        assert not failed, f"keccak: error {failed}"
        self._owner = SmartPointer(state.get(), _KECCAK.keccak_destroy)
        self._state, self._out = state.get(), create_string_buffer(32)  # type: ignore[call-arg]

    def digest(self, raw: bytes) -> bytes:
        """keccak-256 of `raw`; what was there before is forgotten first."""
        failed = (
            _KECCAK.keccak_reset(self._state)
            or _KECCAK.keccak_absorb(self._state, raw, len(raw))
            or _KECCAK.keccak_digest(self._state, self._out, 32, 0x01)  # Keccak's own padding
        )
        assert not failed, f"keccak: error {failed}"
        return bytes(self._out)


_SPONGES: list[_Sponge] = []


def ed25519_sign(private: bytes, message: bytes) -> bytes:
    """64-byte signature by a 32-byte seed. Source: RFC 8032."""
    return Ed25519PrivateKey.from_private_bytes(private).sign(message)


def ed25519_public(private: bytes) -> bytes:
    """32-byte public key of a 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """True if `signature` over `message` is by `public`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def secp256k1_signer(private: bytes) -> Callable[[bytes], bytes]:
    """What signs 32-byte digests with a key: 65-byte r || s || v (v is 27 or 28), deterministic, low s (EIP-2)."""
    key = coincurve.PrivateKey(private)

    def sign(digest: bytes) -> bytes:
        raw = key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([raw[64] + 27])

    return sign


def secp256k1_sign(private: bytes, digest: bytes) -> bytes:
    """One signature, as `secp256k1_signer` makes them; making the key ready takes longer than signing."""
    return secp256k1_signer(private)(digest)


def secp256k1_address(private: bytes) -> str:
    """The 0x address (lower case) of a private key."""
    return _address(coincurve.PrivateKey(private).public_key)


@lru_cache(maxsize=RECOVERED_KEPT)
def secp256k1_recover(signature: bytes, digest: bytes) -> str | None:
    """The 0x address (lower case) that signed `digest`, or None for anything malformed or with high s.

    It follows from these two alone, so the last answers are kept: a rail tries an operation before it carries it out.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > SECP256K1_HALF_N:
        return None
    try:
        raw = signature[:64] + bytes([signature[64] - 27])
        return _address(coincurve.PublicKey.from_signature_and_message(raw, digest, hasher=None))
    except Exception:  # coincurve raises bare Exception for a point that is not on the curve
        return None


def _address(key: coincurve.PublicKey) -> str:
    return "0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex()


def rlp_encode(value: Any) -> bytes:
    """RLP of nested lists of bytes. Source: Ethereum yellow paper, appendix B."""
    return bytes(rlp.encode(value, infer_serializer=False))


def rlp_decode(raw: bytes) -> Any:
    """Nested lists of bytes, strict. Raises: rlp.DecodingError, a ValueError of its own kind."""
    return rlp.decode(raw, strict=True)


def sha256(raw: bytes) -> bytes:
    """SHA-256: 32 bytes. Source: FIPS 180-4."""
    return hashlib.sha256(raw).digest()


def trie_proof(entries: Mapping[bytes, bytes], key: bytes) -> list[bytes]:
    """The nodes, root first, that prove `entries[key]` in the Merkle-Patricia trie of `entries`."""
    trie = HexaryTrie(db={})
    for name, value in entries.items():
        trie[name] = value
    return _trie_path(trie, key)


def trie_value(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes:
    """The value that `proof` shows under `key`; the proof is the path's nodes, root first, and nothing else.

    Raises: ValueError if there is no such value or a node too many; trie's and rlp's own errors for anything malformed.
    """
    trie = HexaryTrie(db={keccak256(node): node for node in proof}, root_hash=root)
    value = bytes(trie[key])
    if not value or _trie_path(trie, key) != list(proof):
        raise ValueError("the proof is not the path to an entry")
    return value


def _trie_path(trie: HexaryTrie, key: bytes) -> list[bytes]:
    return [rlp_encode(node) for node in trie.get_proof(key)]  # type: ignore[no-untyped-call]
