"""EIP-712: the 32-byte digests that wallets sign and contracts check, for the flat structs Entrepot uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .crypto import keccak256, secp256k1_recover
from .errors import Invalid

Field = tuple[str, str]
DOMAINS_KEPT = 64  # and struct types: there are a few

_DOMAIN_FIELDS: tuple[Field, ...] = (
    ("string", "name"),
    ("string", "version"),
    ("uint256", "chainId"),
    ("address", "verifyingContract"),
)
_DOMAIN_TYPE = f"EIP712Domain({','.join(f'{kind} {name}' for kind, name in _DOMAIN_FIELDS)})"


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts: a contract (0x address) on a chain. Source: EIP-712, EIP-155."""

    chain_id: int
    contract: str
    name: str = "Entrepot"
    version: str = "1"

    def separator(self) -> bytes:
        """The domain separator: 32 bytes."""
        return _separator(self)

    def digest(self, hashed: bytes) -> bytes:
        """What is signed of a hashStruct: keccak256(0x1901 || domain separator || hashStruct)."""
        return keccak256(b"\x19\x01" + self.separator() + hashed)


@lru_cache(maxsize=DOMAINS_KEPT)
def _separator(domain: Domain) -> bytes:
    return keccak256(
        keccak256(_DOMAIN_TYPE.encode())
        + keccak256(domain.name.encode())
        + keccak256(domain.version.encode())
        + domain.chain_id.to_bytes(32, "big")
        + _word("address", domain.contract)
    )


@dataclass(frozen=True, slots=True)
class Struct:
    """A flat EIP-712 struct type: its name and its fields as (type, name), in the order that is hashed."""

    name: str
    fields: tuple[Field, ...]

    def type_string(self) -> str:
        """`Name(type1 name1,…)`, the text whose hash opens every encoding."""
        return f"{self.name}({','.join(f'{kind} {name}' for kind, name in self.fields)})"

    def hash(self, values: Mapping[str, Any]) -> bytes:
        """hashStruct: 32 bytes. Raises: Invalid(malformed) when a value does not fit its type."""
        if set(values) != {name for _, name in self.fields}:
            raise Invalid("malformed", f"{self.name} takes exactly {[name for _, name in self.fields]}.")
        words = [_type_hash(self)]
        words += [_word(kind, values[name]) for kind, name in self.fields]
        return keccak256(b"".join(words))

    def digest(self, domain: Domain, values: Mapping[str, Any]) -> bytes:
        """What is signed: keccak256(0x1901 || domain separator || hashStruct)."""
        return domain.digest(self.hash(values))

    def signer(self, domain: Domain, values: Mapping[str, Any], signature: bytes) -> str | None:
        """The 0x address that signed, or None if the signature is malformed."""
        return secp256k1_recover(signature, self.digest(domain, values))


@lru_cache(maxsize=DOMAINS_KEPT)
def _type_hash(struct: Struct) -> bytes:
    return keccak256(struct.type_string().encode())


@dataclass(frozen=True, slots=True)
class Signable:
    """One statement ready to be signed: the struct, where it counts, and its values."""

    struct: Struct
    domain: Domain
    values: Mapping[str, Any]

    def digest(self) -> bytes:
        """The 32 bytes that are signed."""
        return self.struct.digest(self.domain, self.values)

    def typed_data(self) -> dict[str, Any]:
        """The whole statement as wallets show and hash it. Source: EIP-712, `eth_signTypedData`."""
        fields = {"EIP712Domain": _DOMAIN_FIELDS, self.struct.name: self.struct.fields}
        return {
            "types": {of: [{"name": name, "type": kind} for kind, name in said] for of, said in fields.items()},
            "primaryType": self.struct.name,
            "domain": {
                "name": self.domain.name,
                "version": self.domain.version,
                "chainId": self.domain.chain_id,
                "verifyingContract": self.domain.contract,
            },
            "message": {name: _as_json(kind, self.values[name]) for kind, name in self.struct.fields},
        }


def _as_json(kind: str, value: Any) -> Any:
    """A value as JSON: bytes as 0x-hex, numbers as text because JavaScript rounds large ones."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (list, tuple)):
        return [_as_json(kind.removesuffix("[]"), item) for item in value]
    return str(value) if kind.startswith("uint") else value


def address_bytes(text: str) -> bytes:
    """20 bytes of a 0x address, any case. Raises: Invalid(malformed)."""
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 20 or not text.startswith("0x"):
        raise Invalid("malformed", f"{text!r:.60} is not a 0x address.")
    return raw


def _word(kind: str, value: Any) -> bytes:
    if kind.endswith("[]"):
        return keccak256(b"".join(_word(kind[:-2], item) for item in _sequence(value)))
    if kind == "address":
        return address_bytes(value).rjust(32, b"\0")
    if kind == "bool":
        return int(bool(value)).to_bytes(32, "big")
    if kind == "bytes32":
        if not isinstance(value, bytes) or len(value) != 32:
            raise Invalid("malformed", f"bytes32 takes 32 bytes, not {value!r:.80}.")
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _uint_max(kind):
        raise Invalid("malformed", f"{kind} does not hold {value!r:.80}.")
    return value.to_bytes(32, "big")


@lru_cache(maxsize=32)  # uint8, uint16, … uint256
def _uint_max(kind: str) -> int:
    return int(2 ** int(kind.removeprefix("uint")) - 1)


def _sequence(value: Any) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise Invalid("malformed", "An array field takes a list.")
    return value
