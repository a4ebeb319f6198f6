# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title Passports: signed statements that one payment was checked and is clear. Each is spent once.
@notice Demanded before every payment, in or out. Knows who may sign them; does not know whether the trade is ready.
"""

import clocks
import refusals
import signatures
import signing

uses: clocks
uses: signing

FUND: constant(uint8) = 1
RELEASE: constant(uint8) = 2
REFUND: constant(uint8) = 3
REJECT: constant(uint8) = 4
RETURN_SURPLUS: constant(uint8) = 5
FEE: constant(uint8) = 6

MAX_VALID_S: constant(uint64) = 24 * 3600

PASSPORT_TYPEHASH: constant(bytes32) = keccak256(
    "Passport(address escrow,bytes32 terms_hash,uint8 act,address payee,address token,uint256 amount,uint256 sequence,uint64 valid_from,uint64 valid_until,bytes32 decision_sha256)"
)


struct Passport:
    escrow: address
    terms_hash: bytes32
    act: uint8
    payee: address
    token: address
    amount: uint256  # minor units
    sequence: uint256  # how many passports this escrow has spent before
    valid_from: uint64
    valid_until: uint64
    decision_sha256: bytes32


sequence: public(uint256)


@internal
def _spend(
    passport: Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
    terms_hash: bytes32,
    act: uint8,
    payee: address,
    token: address,
    amount: uint256,
):
    """
    @notice Refuses unless nothing is stopped by order and the passport says exactly this; then it is spent.
    """
    clocks._demand_no_block()
    refusals._unless(not clocks._is_stopped_by_order(), refusals.ESCROW_IS_FROZEN)
    refusals._unless(amount > 0, refusals.NOTHING_TO_PAY)
    refusals._unless(passport.escrow == self, refusals.PASSPORT_IS_FOR_ANOTHER_ESCROW)
    refusals._unless(passport.terms_hash == terms_hash, refusals.PASSPORT_IS_FOR_OTHER_TERMS)
    refusals._unless(passport.act == act, refusals.PASSPORT_IS_FOR_ANOTHER_ACT)
    refusals._unless(passport.payee == payee, refusals.PASSPORT_IS_FOR_ANOTHER_PAYEE)
    refusals._unless(passport.token == token, refusals.PASSPORT_IS_FOR_ANOTHER_TOKEN)
    refusals._unless(passport.amount == amount, refusals.PASSPORT_IS_FOR_ANOTHER_AMOUNT)
    refusals._unless(passport.sequence == self.sequence, refusals.PASSPORT_IS_OUT_OF_TURN)
    self._demand_valid(passport)
    self._demand_entitled(passport, signed)
    self.sequence += 1


@internal
@view
def _demand_valid(passport: Passport):
    refusals._unless(passport.valid_from <= passport.valid_until, refusals.PASSPORT_ENDS_BEFORE_IT_BEGINS)
    refusals._unless(
        passport.valid_until - passport.valid_from <= MAX_VALID_S, refusals.PASSPORT_IS_VALID_OVER_24_HOURS
    )
    refusals._unless(passport.valid_from <= clocks._now(), refusals.PASSPORT_IS_NOT_VALID_YET)
    refusals._unless(clocks._now() <= passport.valid_until, refusals.PASSPORT_EXPIRED)


@internal
@view
def _demand_entitled(passport: Passport, signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES]):
    """
    @notice One signer of passports (two to return a surplus), or in their place the trustees' quorum.
    """
    signers: DynArray[address, signatures.MAX_SIGNATURES] = signing._signers(self._hash_of(passport), signed)
    at_least: uint256 = 2 if passport.act == RETURN_SURPLUS else 1
    refusals._unless(
        signing._are_quorum(signing.ROLE_PASSPORT, at_least, signers)
        or signing._are_quorum(signing.ROLE_TRUSTEE, 1, signers),
        refusals.PASSPORT_NOT_DULY_SIGNED,
    )


@internal
@pure
def _hash_of(passport: Passport) -> bytes32:
    return keccak256(
        abi_encode(
            PASSPORT_TYPEHASH,
            passport.escrow,
            passport.terms_hash,
            passport.act,
            passport.payee,
            passport.token,
            passport.amount,
            passport.sequence,
            passport.valid_from,
            passport.valid_until,
            passport.decision_sha256,
        )
    )
