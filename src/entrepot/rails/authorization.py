"""What a buyer's wallet signs to fund an escrow without a gas coin. Source: EIP-3009, EIP-712."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from entrepot.core.canonical import unhex
from entrepot.core.crypto import keccak256
from entrepot.core.eip712 import Domain, Signable, Struct
from entrepot.core.terms import Terms

STRUCT = Struct(
    "ReceiveWithAuthorization",
    (
        ("address", "from"),
        ("address", "to"),
        ("uint256", "value"),
        ("uint256", "validAfter"),
        ("uint256", "validBefore"),
        ("bytes32", "nonce"),
    ),
)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Leave to take `value_minor` from `payer` to `escrow`, strictly between two Unix times, once for each nonce."""

    payer: str
    escrow: str
    value_minor: int
    valid_after: int
    valid_before: int
    nonce: bytes

    def values(self) -> dict[str, Any]:
        """The EIP-712 values."""
        return {
            "from": self.payer,
            "to": self.escrow,
            "value": self.value_minor,
            "validAfter": self.valid_after,
            "validBefore": self.valid_before,
            "nonce": self.nonce,
        }

    def to_sign(self, token: Domain) -> Signable:
        """What the payer signs; `token` is the token's own domain."""
        return Signable(STRUCT, token, self.values())

    def digest(self, token: Domain) -> bytes:
        """The 32 bytes that the payer signs."""
        return self.to_sign(token).digest()


def nonce_of(terms_hash: str, attempt: int) -> bytes:
    """The nonce that binds an authorisation to signed terms: keccak256(terms hash || uint256 attempt)."""
    return keccak256(unhex(terms_hash, size=32) + attempt.to_bytes(32, "big"))


def authorization_of(
    terms: Terms, escrow: str, *, attempt: int, valid_before: int, valid_after: int = 0
) -> Authorization:
    """The authorisation that funds `terms`: price and fee, from the buyer's wallet, to the escrow only."""
    return Authorization(
        payer=terms.buyer_address,
        escrow=escrow,
        value_minor=terms.total.amount_minor,
        valid_after=valid_after,
        valid_before=valid_before,
        nonce=nonce_of(terms.hash(), attempt),
    )
