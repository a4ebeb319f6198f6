"""The signed statement without which the escrow pays nobody: this act, this escrow, these terms, this payment.

A passport says that the operator (or the successor trustees) screened exactly this payment. It is valid for at
most 24 hours and spent once: `sequence` is the number of passports the escrow has spent before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from .canonical import hex0x, unhex
from .eip712 import Domain, Struct
from .errors import Refused, declare

VALIDITY_S_MAX = 24 * 3600

declare("Refused", passport_invalid="There is no valid passport for this act.")


class Act(IntEnum):
    """What a passport allows. The numbers stand in the contract."""

    FUND = 1
    RELEASE = 2
    REFUND = 3
    REJECT = 4
    RETURN = 5
    FEE = 6


STRUCT = Struct(
    "Passport",
    (
        ("address", "escrow"),
        ("bytes32", "terms_hash"),
        ("uint8", "act"),
        ("address", "payee"),
        ("address", "token"),
        ("uint256", "amount"),
        ("uint256", "sequence"),
        ("uint64", "valid_from"),
        ("uint64", "valid_until"),
        ("bytes32", "decision_sha256"),
    ),
)


@dataclass(frozen=True, slots=True)
class Passport:
    """One payment allowed: `amount_minor` of `token` to `payee` between two Unix times, for one `decision_sha256`."""

    escrow: str
    terms_hash: str
    act: Act
    payee: str
    token: str
    amount_minor: int
    sequence: int
    valid_from: int
    valid_until: int
    decision_sha256: str

    def __post_init__(self) -> None:
        if not 0 < self.valid_until - self.valid_from <= VALIDITY_S_MAX:
            raise Refused("passport_invalid", f"A passport is valid for at most {VALIDITY_S_MAX} s.")

    def values(self) -> dict[str, Any]:
        """The EIP-712 values, as the contract takes them."""
        return {
            "escrow": self.escrow,
            "terms_hash": unhex(self.terms_hash, size=32),
            "act": int(self.act),
            "payee": self.payee,
            "token": self.token,
            "amount": self.amount_minor,
            "sequence": self.sequence,
            "valid_from": self.valid_from,
            "valid_until": self.valid_until,
            "decision_sha256": unhex(self.decision_sha256, size=32),
        }

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that the passport key signs."""
        return STRUCT.digest(domain, self.values())

    def to_json(self) -> dict[str, Any]:
        """As it stands in the bundle."""
        binary = {name: hex0x(value) for name, value in self.values().items() if isinstance(value, bytes)}
        body = {**self.values(), **binary, "act": self.act.name, "amount": str(self.amount_minor)}
        return {"schema": "entrepot/passport/1", **body}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Passport:
        """Reads `to_json`. Raises: KeyError or ValueError for another shape; the caller names the part."""
        return cls(
            escrow=body["escrow"],
            terms_hash=body["terms_hash"],
            act=Act[body["act"]],
            payee=body["payee"],
            token=body["token"],
            amount_minor=int(body["amount"]),
            sequence=body["sequence"],
            valid_from=body["valid_from"],
            valid_until=body["valid_until"],
            decision_sha256=body["decision_sha256"],
        )
