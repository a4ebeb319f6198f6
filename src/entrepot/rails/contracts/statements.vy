# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title What parties, examiners, arbiters and authorities sign about one escrow, as EIP-712 struct hashes.
@notice Knows the statements' shapes; does not know who may make them or what they lead to.
"""

PRESENTATION_TYPEHASH: constant(bytes32) = keccak256(
    "Presentation(address escrow,bytes32 terms_hash,bytes32 documents_sha256,uint256 round)"
)
EXAMINATION_TYPEHASH: constant(bytes32) = keccak256(
    "Examination(address escrow,bytes32 terms_hash,bytes32 documents_sha256,uint256 round,bool complies)"
)
WAIVER_TYPEHASH: constant(bytes32) = keccak256(
    "Waiver(address escrow,bytes32 terms_hash,bytes32 documents_sha256,uint256 round)"
)
DISPUTE_TYPEHASH: constant(bytes32) = keccak256("Dispute(address escrow,bytes32 terms_hash,bytes32 reason_sha256)")
AWARD_TYPEHASH: constant(bytes32) = keccak256("Award(address escrow,bytes32 terms_hash,uint256 to_seller)")
HOLD_TYPEHASH: constant(bytes32) = keccak256(
    "Hold(address escrow,bytes32 terms_hash,uint8 kind,uint64 until,bytes32 order_sha256,uint256 number)"
)


@internal
@view
def _presentation(terms_hash: bytes32, documents_sha256: bytes32, round: uint256) -> bytes32:
    return keccak256(abi_encode(PRESENTATION_TYPEHASH, self, terms_hash, documents_sha256, round))


@internal
@view
def _examination(terms_hash: bytes32, documents_sha256: bytes32, round: uint256, complies: bool) -> bytes32:
    return keccak256(abi_encode(EXAMINATION_TYPEHASH, self, terms_hash, documents_sha256, round, complies))


@internal
@view
def _waiver(terms_hash: bytes32, documents_sha256: bytes32, round: uint256) -> bytes32:
    return keccak256(abi_encode(WAIVER_TYPEHASH, self, terms_hash, documents_sha256, round))


@internal
@view
def _dispute(terms_hash: bytes32, reason_sha256: bytes32) -> bytes32:
    return keccak256(abi_encode(DISPUTE_TYPEHASH, self, terms_hash, reason_sha256))


@internal
@view
def _award(terms_hash: bytes32, to_seller: uint256) -> bytes32:
    return keccak256(abi_encode(AWARD_TYPEHASH, self, terms_hash, to_seller))


@internal
@view
def _hold(terms_hash: bytes32, kind: uint8, until: uint64, order_sha256: bytes32, number: uint256) -> bytes32:
    return keccak256(abi_encode(HOLD_TYPEHASH, self, terms_hash, kind, until, order_sha256, number))
