# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title Which terms an escrow is bound to, how its trade stands, and whose its money is.
@notice Invariants, in minor units of the trade's token:
        1. held == price + fee - released - fee_paid - refunded once funded, 0 before; never more than was paid in.
        2. fee_claimable + fee_paid == fee * released // price; fee_claimable <= held.
        3. CLOSED exactly if it was funded and nothing is held but fee that was earned.
"""

import agreement
import events
import refusals

OPEN: constant(uint8) = 0
FUNDED: constant(uint8) = 1
PRESENTED: constant(uint8) = 2
CLOSED: constant(uint8) = 3

terms_hash: public(bytes32)
status: public(uint8)
held: public(uint256)
released: public(uint256)  # of the price, to the seller
refunded: public(uint256)  # to the buyer
fee_claimable: public(uint256)  # earned and not yet paid
fee_paid: uint256


@internal
@view
def _demand_terms(terms: agreement.Terms):
    refusals._unless(agreement._hash_of(terms) == self.terms_hash, refusals.NOT_THE_TERMS_OF_THIS_ESCROW)


@internal
@view
def _demand_money():
    refusals._unless(self.status != OPEN, refusals.NOT_FUNDED)
    refusals._unless(self.status != CLOSED, refusals.ALREADY_CLOSED)


@internal
def _close_if_done():
    if self._undecided() == 0:
        self.status = CLOSED
        log events.Closed(
            terms_hash=self.terms_hash,
            released=self.released,
            refunded=self.refunded,
            fee_claimable=self.fee_claimable,
        )


@internal
@view
def _undecided() -> uint256:
    """
    @notice The trade's money without the fee that was earned.
    """
    return self.held - self.fee_claimable


@internal
@pure
def _fee_of(terms: agreement.Terms, released: uint256) -> uint256:
    """
    @notice The fee earned when `released` of the price is released; rounded down, the buyer keeps the remainder.
    """
    return terms.fee * released // terms.price
