# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title What an escrow announces: together with the terms, enough to rebuild its state from events alone.
@notice Amounts are minor units, times are seconds since 1970; `held` is what remains after the act.
"""


event Funded:
    terms_hash: indexed(bytes32)
    payer: indexed(address)
    token: indexed(address)
    price: uint256
    fee: uint256
    present_until: uint64
    sequence: uint256
    decision_sha256: bytes32


event Presented:
    terms_hash: indexed(bytes32)
    documents_sha256: indexed(bytes32)
    round: uint256
    presented_at: uint64
    examine_until: uint64


event Discrepant:
    terms_hash: indexed(bytes32)
    documents_sha256: indexed(bytes32)
    round: uint256
    present_until: uint64


event Accepted:
    terms_hash: indexed(bytes32)
    documents_sha256: indexed(bytes32)
    round: uint256
    by_waiver: bool  # by the buyer's waiver; otherwise by the attesters


event Released:
    terms_hash: indexed(bytes32)
    seller: indexed(address)
    token: indexed(address)
    amount: uint256
    fee_earned: uint256
    documents_sha256: bytes32
    round: uint256
    held: uint256
    sequence: uint256
    decision_sha256: bytes32


event Refunded:
    terms_hash: indexed(bytes32)
    buyer: indexed(address)
    token: indexed(address)
    amount: uint256
    act: uint8  # 3 REFUND or 4 REJECT
    held: uint256
    sequence: uint256
    decision_sha256: bytes32


event FeePaid:
    terms_hash: indexed(bytes32)
    fee_recipient: indexed(address)
    token: indexed(address)
    amount: uint256
    held: uint256
    sequence: uint256
    decision_sha256: bytes32


event Returned:
    terms_hash: indexed(bytes32)
    payee: indexed(address)
    token: indexed(address)
    amount: uint256
    sequence: uint256
    decision_sha256: bytes32


event Closed:
    terms_hash: indexed(bytes32)
    released: uint256
    refunded: uint256
    fee_claimable: uint256


event Disputed:
    terms_hash: indexed(bytes32)
    party: indexed(address)
    reason_sha256: bytes32
    disputed_until: uint64
    present_until: uint64
    examine_until: uint64


event Awarded:
    terms_hash: indexed(bytes32)
    to_seller: uint256
    to_buyer: uint256
    fee_earned: uint256


event Held:
    terms_hash: indexed(bytes32)
    kind: indexed(uint8)
    order_sha256: indexed(bytes32)
    number: uint256
    frozen_until: uint64
    blocked_at: uint64
    present_until: uint64
    examine_until: uint64
    disputed_until: uint64
