# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title The one dispute a trade may have: either party raises it, the arbiters decide it or it runs out.
@notice While it runs neither release nor refund is possible. An award is final and decides everything that is held.
"""

import agreement
import books
import clocks
import events
import refusals
import signatures
import signing
import statements

uses: books
uses: clocks
uses: signing

is_awarded: bool
awarded_to_seller: public(uint256)  # of the price, in all: what was released before counts


@external
@nonreentrant
def raise_dispute(terms: agreement.Terms, reason_sha256: bytes32, party_signature: Bytes[65]):
    """
    @notice Stops release and refund until the arbiters award or `dispute_s` has passed; once, by either party.
    """
    books._demand_terms(terms)
    clocks._demand_no_block()
    books._demand_money()
    refusals._unless(clocks.disputed_until == 0, refusals.ALREADY_DISPUTED_ONCE)
    refusals._unless(len(terms.arbiters) > 0, refusals.THE_TERMS_NAME_NO_ARBITERS)
    party: address = signing._signer(statements._dispute(books.terms_hash, reason_sha256), party_signature)
    refusals._unless(party == terms.seller or party == terms.buyer, refusals.NOT_SIGNED_BY_A_PARTY)
    clocks._dispute(terms.dispute_s)
    log events.Disputed(
        terms_hash=books.terms_hash,
        party=party,
        reason_sha256=reason_sha256,
        disputed_until=clocks.disputed_until,
        present_until=clocks.present_until,
        examine_until=clocks.examine_until,
    )


@external
@nonreentrant
def award(
    terms: agreement.Terms, to_seller: uint256, arbiter_signatures: DynArray[Bytes[65], signatures.MAX_SIGNATURES]
):
    """
    @notice The arbiters' award, final: `to_seller` of the price goes to the seller in all, the rest to the buyer.
    """
    books._demand_terms(terms)
    clocks._demand_no_block()
    books._demand_money()
    self._demand_no_award()
    refusals._unless(self._is_disputed(), refusals.NOT_DISPUTED)
    refusals._unless(to_seller >= books.released, refusals.LESS_THAN_WAS_RELEASED)
    refusals._unless(to_seller <= terms.price, refusals.MORE_THAN_THE_PRICE)
    struct_hash: bytes32 = statements._award(books.terms_hash, to_seller)
    signers: DynArray[address, signatures.MAX_SIGNATURES] = signing._signers(struct_hash, arbiter_signatures)
    for signer: address in signers:
        refusals._unless(signer in terms.arbiters, refusals.SIGNER_IS_NOT_AN_ARBITER)
    refusals._unless(len(signers) >= convert(terms.arbiters_required, uint256), refusals.NOT_ENOUGH_ARBITERS)
    self.is_awarded = True
    self.awarded_to_seller = to_seller
    log events.Awarded(
        terms_hash=books.terms_hash,
        to_seller=to_seller,
        to_buyer=self._to_buyer(terms),
        fee_earned=books._fee_of(terms, to_seller),
    )


@internal
@view
def _demand_no_award():
    refusals._unless(not self.is_awarded, refusals.ALREADY_AWARDED)


@internal
@view
def _demand_no_dispute():
    refusals._unless(not self._is_disputed(), refusals.ESCROW_IS_DISPUTED)


@internal
@view
def _is_disputed() -> bool:
    return not self.is_awarded and clocks._now() <= clocks.disputed_until


@internal
@view
def _to_buyer(terms: agreement.Terms) -> uint256:
    """
    @notice What the award leaves to the buyer: not the seller's share and not the fee earned on it.
    """
    return terms.price + terms.fee - self.awarded_to_seller - books._fee_of(terms, self.awarded_to_seller)


@internal
@view
def _period_end(period_s: uint32) -> uint64:
    return clocks._starts_at(self._is_disputed()) + convert(period_s, uint64)
