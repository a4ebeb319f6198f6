# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title Orders of authorities: freeze to a date, block without one, lift both or only what lies over a freeze.
@notice One authority stops, two lift. The registry says who is one. Moves no money.
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

FREEZE: constant(uint8) = 1
BLOCK: constant(uint8) = 2
LIFT: constant(uint8) = 3

MAX_FREEZE_S: constant(uint64) = 30 * 24 * 3600

hold_number: uint256  # orders carried out


@external
@nonreentrant
def hold(
    terms: agreement.Terms,
    kind: uint8,
    until: uint64,
    order_sha256: bytes32,
    authority_signatures: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
):
    """
    @notice Carries out an authority's order: freeze to a date, block without one, or lift. A lift ends a block, and a
            freeze too unless it says until when the freeze stays.
    """
    books._demand_terms(terms)
    number: uint256 = self.hold_number
    struct_hash: bytes32 = statements._hold(books.terms_hash, kind, until, order_sha256, number)
    signers: DynArray[address, signatures.MAX_SIGNATURES] = signing._signers(struct_hash, authority_signatures)
    at_least: uint256 = 2 if kind == LIFT else 1
    refusals._unless(
        signing._are_quorum(signing.ROLE_AUTHORITY, at_least, signers), refusals.NOT_ORDERED_BY_THOSE_ENTITLED
    )
    if kind == FREEZE:
        clocks._demand_no_block()
        refusals._unless(until > max(clocks._now(), clocks.frozen_until), refusals.FREEZE_ENDS_TOO_EARLY)
        refusals._unless(until <= clocks._now() + MAX_FREEZE_S, refusals.FREEZE_IS_LONGER_THAN_30_DAYS)
        clocks._freeze(until)
    elif kind == BLOCK:
        clocks._demand_no_block()
        refusals._unless(until == 0, refusals.A_BLOCK_HAS_NO_END_DATE)
        clocks._block()
    else:
        refusals._unless(kind == LIFT, refusals.NO_SUCH_KIND_OF_HOLD)
        refusals._unless(until <= clocks.frozen_until, refusals.A_LIFT_LENGTHENS_NO_FREEZE)
        refusals._unless(clocks._is_stopped_by_order(), refusals.NOTHING_TO_LIFT)
        clocks._lift(until)
    self.hold_number = number + 1
    log events.Held(
        terms_hash=books.terms_hash,
        kind=kind,
        order_sha256=order_sha256,
        number=number,
        frozen_until=clocks.frozen_until,
        blocked_at=clocks.blocked_at,
        present_until=clocks.present_until,
        examine_until=clocks.examine_until,
        disputed_until=clocks.disputed_until,
    )
