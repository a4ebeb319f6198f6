# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title The terms both parties signed, and their EIP-712 hash.
@notice Knows the shape of a trade; knows nothing of money, clocks or chains.
"""

MAX_NAMED: constant(uint256) = 5  # attesters or arbiters

TERMS_TYPEHASH: constant(bytes32) = keccak256(
    "Terms(bytes32 settlement,address seller,address buyer,address token,uint256 price,uint256 fee,address fee_recipient,uint64 fund_by,uint64 present_by,uint32 examination_s,uint32 cure_s,uint32 dispute_s,address[] attesters,uint8 attesters_required,address[] arbiters,uint8 arbiters_required,address title_registry,uint256 title_id,bytes32 terms_sha256)"
)


struct Terms:
    settlement: bytes32
    seller: address
    buyer: address
    token: address
    price: uint256  # minor units, what the seller gets in all
    fee: uint256  # minor units, on top of the price
    fee_recipient: address
    fund_by: uint64  # last second at which the buyer may fund
    present_by: uint64  # last second at which documents may first be presented
    examination_s: uint32
    cure_s: uint32
    dispute_s: uint32
    attesters: DynArray[address, MAX_NAMED]
    attesters_required: uint8
    arbiters: DynArray[address, MAX_NAMED]
    arbiters_required: uint8
    title_registry: address
    title_id: uint256
    terms_sha256: bytes32


@internal
@pure
def _hash_of(terms: Terms) -> bytes32:
    """
    @notice hashStruct(Terms). Source: EIP-712, "Definition of encodeData".
    """
    return keccak256(
        abi_encode(
            TERMS_TYPEHASH,
            terms.settlement,
            terms.seller,
            terms.buyer,
            terms.token,
            terms.price,
            terms.fee,
            terms.fee_recipient,
            terms.fund_by,
            terms.present_by,
            terms.examination_s,
            terms.cure_s,
            terms.dispute_s,
            self._hash_of_addresses(terms.attesters),
            terms.attesters_required,
            self._hash_of_addresses(terms.arbiters),
            terms.arbiters_required,
            terms.title_registry,
            terms.title_id,
            terms.terms_sha256,
        )
    )


@internal
@pure
def _hash_of_addresses(named: DynArray[address, MAX_NAMED]) -> bytes32:
    """
    @notice keccak of the 32-byte words one after another: the ABI encoding without its offset and length.
    """
    encoded: Bytes[224] = abi_encode(named)
    return keccak256(slice(encoded, 64, 32 * len(named)))
