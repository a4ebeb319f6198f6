# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
# SPDX-License-Identifier: Apache-2.0
"""
@title One trade's money in escrow, behind a minimal proxy of its own.
@license Apache-2.0
@notice The contract remembers a hash of the terms; whoever calls brings the terms along.

        Invariants (those of the sums stand in books):
        1. Trade money goes to three addresses only: the seller (at most `price`), the buyer, and the fee recipient
           (at most `fee`). What is above `held` never funds the trade and is no part of it.
        2. Nothing leaves without a passport for exactly that act, payee, token, amount and turn, and nothing leaves
           while the escrow is frozen or blocked. No passage of time pays anybody by itself.
        3. From every funded state except a block a passport can end in a payout, whichever party stays silent: FUNDED
           ends in a refund when `present_until` has passed, PRESENTED in a release when `examine_until` has passed,
           a dispute ends at `disputed_until` and the earlier clocks go on.

        States: OPEN -> FUNDED <-> PRESENTED -> CLOSED (no money left but fee that was earned).
"""

import agreement
import books
import clocks
import coins
import disputes
import documents
import events
import orders
import passports
import refusals
import signatures
import signing

initializes: books
initializes: clocks
initializes: signing
initializes: disputes[books := books, clocks := clocks, signing := signing]
initializes: documents[books := books, clocks := clocks, disputes := disputes, signing := signing]
initializes: orders[books := books, clocks := clocks, signing := signing]
initializes: passports[clocks := clocks, signing := signing]

exports: (
    books.terms_hash,
    books.status,
    books.held,
    books.released,
    books.refunded,
    books.fee_claimable,
    clocks.present_until,
    clocks.examine_until,
    clocks.disputed_until,
    clocks.frozen_until,
    signing.FACTORY,
    signing.REGISTRY,
    passports.sequence,
    documents.round,
    documents.documents_sha256,
    documents.presented_at,
    documents.present,
    documents.reject_presentation,
    documents.waive,
    disputes.awarded_to_seller,
    disputes.raise_dispute,
    disputes.award,
    orders.hold,
)


struct State:
    terms_hash: bytes32
    status: uint8
    held: uint256
    released: uint256
    refunded: uint256
    fee_claimable: uint256
    fee_paid: uint256
    sequence: uint256
    round: uint256
    documents_sha256: bytes32
    presented_at: uint64
    accepted_round: uint256
    present_until: uint64
    examine_until: uint64
    disputed_until: uint64
    is_awarded: bool
    awarded_to_seller: uint256
    frozen_until: uint64
    blocked: bool
    hold_number: uint256


LOCKED: constant(bytes32) = keccak256("the implementation holds no trade")  # in the place of a terms hash


@deploy
def __init__(factory: address, registry: address):
    signing.__init__(factory, registry)
    books.terms_hash = LOCKED


@external
def initialise(terms_hash: bytes32):
    """
    @notice Binds a fresh proxy to its terms. Only the factory, in the transaction that makes the proxy.
    """
    refusals._unless(msg.sender == signing.FACTORY, refusals.NOT_THE_FACTORY)
    refusals._unless(books.terms_hash == empty(bytes32), refusals.ALREADY_BOUND_TO_TERMS)
    books.terms_hash = terms_hash


# ---------------------------------------------------------------- paying in


@external
@nonreentrant
def fund(
    terms: agreement.Terms,
    passport: passports.Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
):
    """
    @notice The buyer pays price + fee out of an allowance.
    """
    refusals._unless(msg.sender == terms.buyer, refusals.NOT_THE_BUYERS_WALLET)
    self._count_in(terms, passport, signed)
    coins._pull(terms.token, terms.buyer, passport.amount)


@external
@nonreentrant
def fund_with_permit(
    terms: agreement.Terms,
    passport: passports.Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
    deadline: uint256,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    """
    @notice Anyone sends; the buyer pays by an EIP-2612 permit to this escrow, or by the allowance it has already. An
            allowance to this one address can serve nothing but the terms the buyer signed.
    """
    self._count_in(terms, passport, signed)
    coins._permit(terms.token, terms.buyer, passport.amount, deadline, v, r, s)
    coins._pull(terms.token, terms.buyer, passport.amount)


@external
@nonreentrant
def fund_with_authorization(
    terms: agreement.Terms,
    passport: passports.Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
    attempt: uint256,
    valid_after: uint256,
    valid_before: uint256,
    buyer_signature: Bytes[coins.MAX_SIGNATURE],
):
    """
    @notice Anyone sends; the buyer pays by an EIP-3009 authorisation with nonce keccak(terms hash || attempt).
    """
    self._count_in(terms, passport, signed)
    nonce: bytes32 = keccak256(concat(books.terms_hash, convert(attempt, bytes32)))
    coins._pull_authorized(
        terms.token, terms.buyer, passport.amount, valid_after, valid_before, nonce, buyer_signature
    )


# ---------------------------------------------------------------- paying out


@external
@nonreentrant
def release(
    terms: agreement.Terms,
    amount: uint256,
    passport: passports.Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
    examination_signatures: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
):
    """
    @notice Pays the seller all or part of the price, and earns that part of the fee.
    """
    books._demand_terms(terms)
    books._demand_money()
    passports._spend(passport, signed, books.terms_hash, passports.RELEASE, terms.seller, terms.token, amount)
    if disputes.is_awarded:
        refusals._unless(books.released + amount <= disputes.awarded_to_seller, refusals.MORE_THAN_THE_AWARD)
    else:
        disputes._demand_no_dispute()
        refusals._unless(books.status == books.PRESENTED, refusals.NO_DOCUMENTS_PRESENTED)
        documents._demand_acceptance(terms, examination_signatures)
        refusals._unless(books.released + amount <= terms.price, refusals.MORE_THAN_THE_PRICE)

    fee_earned: uint256 = books._fee_of(terms, books.released + amount) - books._fee_of(terms, books.released)
    books.held -= amount
    books.released += amount
    books.fee_claimable += fee_earned
    log events.Released(
        terms_hash=books.terms_hash,
        seller=terms.seller,
        token=terms.token,
        amount=amount,
        fee_earned=fee_earned,
        documents_sha256=documents.documents_sha256,
        round=documents.round,
        held=books.held,
        sequence=passport.sequence,
        decision_sha256=passport.decision_sha256,
    )
    books._close_if_done()
    coins._send(terms.token, terms.seller, amount)


@external
@nonreentrant
def refund(
    terms: agreement.Terms,
    passport: passports.Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
):
    """
    @notice Pays back to the buyer what nobody else is entitled to: after the time for presentation, after the last
            rejection, or what an award left to the buyer.
    """
    books._demand_terms(terms)
    books._demand_money()
    amount: uint256 = books._undecided()
    if disputes.is_awarded:
        refusals._unless(books.refunded == 0, refusals.THE_AWARD_WAS_ALREADY_REFUNDED)
        amount = disputes._to_buyer(terms)
    else:
        disputes._demand_no_dispute()
        refusals._unless(books.status == books.FUNDED, refusals.DOCUMENTS_ARE_PRESENTED)
        refusals._unless(
            documents.round == documents.MAX_ROUNDS or clocks._now() > clocks.present_until,
            refusals.TIME_TO_PRESENT_HAS_NOT_PASSED,
        )
    passports._spend(passport, signed, books.terms_hash, passports.REFUND, terms.buyer, terms.token, amount)
    self._pay_back(terms, passport)


@external
@nonreentrant
def reject(
    terms: agreement.Terms,
    passport: passports.Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
):
    """
    @notice Sends back to the buyer what is held, because the payment is prohibited and nobody is listed.
    """
    books._demand_terms(terms)
    books._demand_money()
    passports._spend(passport, signed, books.terms_hash, passports.REJECT, terms.buyer, terms.token, books._undecided())
    self._pay_back(terms, passport)


@external
@nonreentrant
def claim_fee(
    terms: agreement.Terms,
    passport: passports.Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
):
    """
    @notice Pays earned fee to its recipient, apart from the trade, which a blocklisted recipient so cannot stop.
    """
    books._demand_terms(terms)
    amount: uint256 = passport.amount
    passports._spend(passport, signed, books.terms_hash, passports.FEE, terms.fee_recipient, terms.token, amount)
    refusals._unless(amount <= books.fee_claimable, refusals.MORE_THAN_THE_FEE_EARNED)
    books.held -= amount
    books.fee_claimable -= amount
    books.fee_paid += amount
    log events.FeePaid(
        terms_hash=books.terms_hash,
        fee_recipient=terms.fee_recipient,
        token=terms.token,
        amount=amount,
        held=books.held,
        sequence=passport.sequence,
        decision_sha256=passport.decision_sha256,
    )
    coins._send(terms.token, terms.fee_recipient, amount)


@external
@nonreentrant
def return_payment(
    terms: agreement.Terms,
    token: address,
    to: address,
    amount: uint256,
    passport: passports.Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
):
    """
    @notice Sends coins that are not the trade's money back to where they came from, on two signatures.
    """
    books._demand_terms(terms)
    refusals._unless(to != empty(address) and to != self, refusals.NOWHERE_TO_RETURN_TO)
    passports._spend(passport, signed, books.terms_hash, passports.RETURN_SURPLUS, to, token, amount)
    kept: uint256 = books.held if token == terms.token else 0
    refusals._unless(coins._balance(token) >= kept + amount, refusals.MORE_THAN_THE_SURPLUS)
    log events.Returned(
        terms_hash=books.terms_hash,
        payee=to,
        token=token,
        amount=amount,
        sequence=passport.sequence,
        decision_sha256=passport.decision_sha256,
    )
    coins._send(token, to, amount)
    refusals._unless(coins._balance(token) >= kept, refusals.THE_TRADES_MONEY_WAS_TOUCHED)


# ---------------------------------------------------------------- what anyone may see


@external
@view
def blocked() -> bool:
    return clocks.blocked_at != 0


@external
@view
def state() -> State:
    return State(
        terms_hash=books.terms_hash,
        status=books.status,
        held=books.held,
        released=books.released,
        refunded=books.refunded,
        fee_claimable=books.fee_claimable,
        fee_paid=books.fee_paid,
        sequence=passports.sequence,
        round=documents.round,
        documents_sha256=documents.documents_sha256,
        presented_at=documents.presented_at,
        accepted_round=documents.accepted_round,
        present_until=clocks.present_until,
        examine_until=clocks.examine_until,
        disputed_until=clocks.disputed_until,
        is_awarded=disputes.is_awarded,
        awarded_to_seller=disputes.awarded_to_seller,
        frozen_until=clocks.frozen_until,
        blocked=clocks.blocked_at != 0,
        hold_number=orders.hold_number,
    )


# ---------------------------------------------------------------- the work


@internal
def _count_in(
    terms: agreement.Terms,
    passport: passports.Passport,
    signed: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
):
    """
    @notice Refuses or records the funding; the caller then takes exactly passport.amount from the buyer.
    """
    books._demand_terms(terms)
    refusals._unless(books.status == books.OPEN, refusals.ALREADY_FUNDED)
    refusals._unless(clocks._now() <= terms.fund_by, refusals.TIME_FOR_FUNDING_HAS_PASSED)
    amount: uint256 = terms.price + terms.fee
    passports._spend(passport, signed, books.terms_hash, passports.FUND, self, terms.token, amount)
    books.status = books.FUNDED
    books.held = amount
    clocks.present_until = terms.present_by
    log events.Funded(
        terms_hash=books.terms_hash,
        payer=terms.buyer,
        token=terms.token,
        price=terms.price,
        fee=terms.fee,
        present_until=terms.present_by,
        sequence=passport.sequence,
        decision_sha256=passport.decision_sha256,
    )


@internal
def _pay_back(terms: agreement.Terms, passport: passports.Passport):
    books.held -= passport.amount
    books.refunded += passport.amount
    log events.Refunded(
        terms_hash=books.terms_hash,
        buyer=terms.buyer,
        token=terms.token,
        amount=passport.amount,
        act=passport.act,
        held=books.held,
        sequence=passport.sequence,
        decision_sha256=passport.decision_sha256,
    )
    books._close_if_done()
    coins._send(terms.token, terms.buyer, passport.amount)


