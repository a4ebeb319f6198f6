"""The other statements that the escrow takes, signed by the one whose act they are (EIP-712)."""

from __future__ import annotations

from .eip712 import Struct

_WHERE = (("address", "escrow"), ("bytes32", "terms_hash"))
_DOCUMENTS = (("bytes32", "documents_sha256"), ("uint256", "round"))

PRESENTATION = Struct("Presentation", (*_WHERE, *_DOCUMENTS))
EXAMINATION = Struct("Examination", (*_WHERE, *_DOCUMENTS, ("bool", "complies")))
WAIVER = Struct("Waiver", (*_WHERE, *_DOCUMENTS))
DISPUTE = Struct("Dispute", (*_WHERE, ("bytes32", "reason_sha256")))
AWARD = Struct("Award", (*_WHERE, ("uint256", "to_seller")))
HOLD = Struct(
    "Hold", (*_WHERE, ("uint8", "kind"), ("uint64", "until"), ("bytes32", "order_sha256"), ("uint256", "number"))
)
FREEZE, BLOCK, LIFT = 1, 2, 3  # the kinds of HOLD, as numbered in the contract
