"""Signed EVM transactions of type 2, as bytes. Source: EIP-2718, EIP-1559, EIP-2."""

from __future__ import annotations

from dataclasses import dataclass

from entrepot.core.canonical import hex0x
from entrepot.core.crypto import keccak256, rlp_decode, rlp_encode
from entrepot.core.eip712 import address_bytes

from .rail import Signer

TYPE = b"\x02"


@dataclass(frozen=True, slots=True)
class Fees:
    """What a unit of gas may cost in wei: `per_gas_max` in all, `tip_max` of it to the block's maker."""

    per_gas_max: int
    tip_max: int


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A call of a contract, ready to sign. Sends no coins."""

    chain_id: int
    nonce: int
    fees: Fees
    gas_limit: int
    to: str
    data: bytes


def signed(transaction: Unsigned, signer: Signer) -> bytes:
    """The bytes that are broadcast."""
    fields = _fields(transaction)
    signature = signer.sign_digest(keccak256(TYPE + rlp_encode(fields)))
    assert len(signature) == 65 and signature[64] in (27, 28), "a signer returns r || s || v"
    whole = [signature[64] - 27, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")]
    return TYPE + rlp_encode(fields + [_whole(value) for value in whole])


def transaction_hash(raw: bytes) -> str:
    """0x-hex hash of a signed transaction."""
    return hex0x(keccak256(raw))


def read(raw: bytes) -> Unsigned:
    """What `signed` wrote, without its signature."""
    assert raw[:1] == TYPE, "a transaction of type 2"
    fields = rlp_decode(raw[1:])
    chain_id, nonce, tip, per_gas, gas = (int.from_bytes(field, "big") for field in fields[:5])
    return Unsigned(chain_id, nonce, Fees(per_gas, tip), gas, hex0x(fields[5]), fields[7])


def _fields(transaction: Unsigned) -> list[bytes | list[bytes]]:
    fees = transaction.fees
    numbers = (transaction.chain_id, transaction.nonce, fees.tip_max, fees.per_gas_max, transaction.gas_limit)
    return [*map(_whole, numbers), address_bytes(transaction.to), b"", transaction.data, []]


def _whole(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
