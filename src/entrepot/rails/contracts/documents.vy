# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title What the seller presented, and whether it was accepted.
@notice Documents are accepted by the attesters, by the buyer's waiver, or by silence. A discrepancy found in time gives
        the seller time for a cure, in at most three rounds. Moves no money.
"""

import agreement
import books
import clocks
import disputes
import events
import refusals
import signatures
import signing
import statements

uses: books
uses: clocks
uses: disputes
uses: signing

MAX_ROUNDS: constant(uint256) = 3

round: public(uint256)  # presentations made
documents_sha256: public(bytes32)  # of the latest presentation
presented_at: public(uint64)
accepted_round: uint256  # the round whose documents the attesters or the buyer accepted; 0: none


@external
@nonreentrant
def present(terms: agreement.Terms, documents_sha256: bytes32, seller_signature: Bytes[65]):
    """
    @notice Records that the seller presented documents with this hash; anyone sends.
    """
    books._demand_terms(terms)
    clocks._demand_no_block()
    disputes._demand_no_award()
    refusals._unless(books.status == books.FUNDED, refusals.NOT_WAITING_FOR_DOCUMENTS)
    refusals._unless(self.round < MAX_ROUNDS, refusals.NO_PRESENTATION_LEFT)
    refusals._unless(clocks._now() <= clocks.present_until, refusals.TIME_FOR_PRESENTATION_HAS_PASSED)
    refusals._unless(documents_sha256 != empty(bytes32), refusals.NO_DOCUMENTS)
    round: uint256 = self.round + 1
    struct_hash: bytes32 = statements._presentation(books.terms_hash, documents_sha256, round)
    refusals._unless(signing._signer(struct_hash, seller_signature) == terms.seller, refusals.NOT_SIGNED_BY_THE_SELLER)

    books.status = books.PRESENTED
    self.round = round
    self.documents_sha256 = documents_sha256
    self.presented_at = clocks._now()
    clocks.examine_until = disputes._period_end(terms.examination_s)
    log events.Presented(
        terms_hash=books.terms_hash,
        documents_sha256=documents_sha256,
        round=round,
        presented_at=self.presented_at,
        examine_until=clocks.examine_until,
    )


@external
@nonreentrant
def reject_presentation(
    terms: agreement.Terms, examination_signatures: DynArray[Bytes[65], signatures.MAX_SIGNATURES]
):
    """
    @notice The attesters found a discrepancy in time: the seller may cure it, unless this was the last round.
    """
    books._demand_terms(terms)
    clocks._demand_no_block()
    disputes._demand_no_award()
    refusals._unless(books.status == books.PRESENTED, refusals.NO_PRESENTATION_TO_EXAMINE)
    refusals._unless(self.accepted_round != self.round, refusals.DOCUMENTS_WERE_ALREADY_ACCEPTED)
    refusals._unless(clocks._now() <= clocks.examine_until, refusals.TIME_FOR_EXAMINATION_HAS_PASSED)
    self._demand_attesters(terms, False, examination_signatures)

    books.status = books.FUNDED
    clocks.examine_until = 0
    clocks.present_until = max(clocks.present_until, disputes._period_end(terms.cure_s))
    log events.Discrepant(
        terms_hash=books.terms_hash,
        documents_sha256=self.documents_sha256,
        round=self.round,
        present_until=clocks.present_until,
    )


@external
@nonreentrant
def waive(terms: agreement.Terms, documents_sha256: bytes32, buyer_signature: Bytes[65]):
    """
    @notice The buyer takes the latest documents as they are, also after the attesters rejected them.
    """
    books._demand_terms(terms)
    clocks._demand_no_block()
    disputes._demand_no_award()
    refusals._unless(
        books.status == books.PRESENTED or (books.status == books.FUNDED and self.round > 0),
        refusals.NO_PRESENTATION_TO_WAIVE_FOR,
    )
    refusals._unless(documents_sha256 == self.documents_sha256, refusals.NOT_THE_DOCUMENTS_PRESENTED)
    refusals._unless(self.accepted_round != self.round, refusals.DOCUMENTS_WERE_ALREADY_ACCEPTED)
    struct_hash: bytes32 = statements._waiver(books.terms_hash, documents_sha256, self.round)
    refusals._unless(signing._signer(struct_hash, buyer_signature) == terms.buyer, refusals.NOT_SIGNED_BY_THE_BUYER)
    books.status = books.PRESENTED
    self._accept(True)


@internal
def _demand_acceptance(
    terms: agreement.Terms, examination_signatures: DynArray[Bytes[65], signatures.MAX_SIGNATURES]
):
    """
    @notice The documents were accepted, are accepted now by the attesters, or nobody rejected them in time.
    """
    if self.accepted_round == self.round or clocks._now() > clocks.examine_until:
        return
    self._demand_attesters(terms, True, examination_signatures)
    self._accept(False)


@internal
@view
def _demand_attesters(
    terms: agreement.Terms,
    complies: bool,
    examination_signatures: DynArray[Bytes[65], signatures.MAX_SIGNATURES],
):
    struct_hash: bytes32 = statements._examination(books.terms_hash, self.documents_sha256, self.round, complies)
    signers: DynArray[address, signatures.MAX_SIGNATURES] = signing._signers(struct_hash, examination_signatures)
    for signer: address in signers:
        refusals._unless(signer in terms.attesters, refusals.SIGNER_IS_NOT_AN_ATTESTER)
    refusals._unless(len(signers) >= convert(terms.attesters_required, uint256), refusals.NOT_ENOUGH_ATTESTERS)


@internal
def _accept(by_waiver: bool):
    self.accepted_round = self.round
    log events.Accepted(
        terms_hash=books.terms_hash,
        documents_sha256=self.documents_sha256,
        round=self.round,
        by_waiver=by_waiver,
    )
