"""What happened, in a banker's words: one sentence for each event of the life-cycle, for each side that may know it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...language import Language, Shown, marked
from .sentences import BUYER, SELLER

# Event → its sentence for everybody, or (the seller's, the buyer's, everybody else's).
HAPPENED: dict[str, str | tuple[str, str, str]] = {
    "quote_given": marked("A firm price was quoted: {price} to {seller}, a fee of {fee}."),
    "proposal_expired": marked("The proposal lapsed: no price was given in time."),
    "signed": marked("One side signed the terms."),
    "countersigned": marked("Both sides have signed the same terms."),
    "quote_expired": marked("The quote lapsed before both had signed."),
    "withdrawn": marked("The settlement was withdrawn. No money had moved."),
    "cleared": (
        marked("The checks are clear: {buyer} may pay into escrow."),
        marked("The checks are clear: you may pay into escrow."),
        marked("The checks are clear: {buyer} may pay into escrow."),
    ),
    "referred": marked("The checks found something that two officers must look at."),
    "refused": marked("The settlement was refused. No money had moved."),
    "disposed": marked("An officer gave a finding; a second person must agree."),
    "review_cleared": marked("Two officers cleared what was found; the checks run again."),
    "review_lapsed": marked("Nobody decided the review in time; the settlement ended."),
    "review_expired": marked("Nobody decided the review in time; the money goes back to {buyer}."),
    "funding_sent": (
        marked("{buyer} sent {amount} to the escrow."),
        marked("You sent {amount} to the escrow."),
        marked("{buyer} sent {amount} to the escrow."),
    ),
    "funded": (
        marked("{buyer}'s {total} lies in escrow, final on the chain."),
        marked("Your {total} lies in escrow, final on the chain."),
        marked("{buyer}'s {total} lies in escrow, final on the chain."),
    ),
    "funding_dropped": marked("The payment did not go through and left nothing behind; it can be sent again."),
    "fund_expired": marked("Nobody paid in time; the settlement lapsed."),
    "presentation_received": (
        marked("You presented documents."),
        marked("{seller} presented documents."),
        marked("{seller} presented documents."),
    ),
    "presented": marked("The escrow recorded the documents' hash; the examiner's time began."),
    "examined": marked("The examiner signed: the documents comply."),
    "finding_dropped": marked(
        "The notice of differences reached the escrow after its time for it; the documents count as accepted."
    ),
    "found_discrepant": marked("The examiner gave notice: the documents differ from the terms."),
    "waived": (
        marked("{buyer} accepted the documents as they are."),
        marked("You accepted the documents as they are."),
        marked("{buyer} accepted the documents as they are."),
    ),
    "release_cleared": (
        marked("A fresh check was clear; {amount} was sent to you."),
        marked("A fresh check was clear; {amount} was sent to {seller}."),
        marked("A fresh check was clear; {amount} was sent to {seller}."),
    ),
    "refund_cleared": (
        marked("A fresh check was clear; {amount} was sent back to {buyer}."),
        marked("A fresh check was clear; {amount} was sent back to you."),
        marked("A fresh check was clear; {amount} was sent back to {buyer}."),
    ),
    "reject_ordered": marked("The payment may not be made; the money goes back to {buyer}."),
    "reject_cleared": marked("A fresh check was clear; {amount} was sent back to {buyer}."),
    "release_dropped": marked("The payout did not go through and is made again."),
    "refund_dropped": marked("The refund did not go through and is made again."),
    "reject_dropped": marked("The payment back did not go through and is made again."),
    "released": (
        marked("{amount} reached you, final on the chain."),
        marked("{amount} reached {seller}, final on the chain."),
        marked("{amount} reached {seller}, final on the chain."),
    ),
    "released_in_part": (
        marked("A part of the price, {amount}, reached you."),
        marked("A part of the price, {amount}, reached {seller}."),
        marked("A part of the price, {amount}, reached {seller}."),
    ),
    "refunded": (
        marked("{amount} went back to {buyer}, final on the chain."),
        marked("{amount} came back to you, final on the chain."),
        marked("{amount} went back to {buyer}, final on the chain."),
    ),
    "rejected": (
        marked("{amount} went back to {buyer}, final on the chain."),
        marked("{amount} came back to you, final on the chain."),
        marked("{amount} went back to {buyer}, final on the chain."),
    ),
    "disputed": marked("The arbiters were asked; the clocks stand still."),
    "award_received": (
        marked("The arbiters decided that you get {award} in all, and told the escrow."),
        marked("The arbiters decided that {seller} gets {award} in all, and told the escrow."),
        marked("The arbiters decided that {seller} gets {award} in all, and told the escrow."),
    ),
    "awarded": (
        marked("The arbiters' award of {award} in all to you was recorded by the escrow, and binds."),
        marked("The arbiters' award of {award} in all to {seller} was recorded by the escrow, and binds."),
        marked("The arbiters' award of {award} in all to {seller} was recorded by the escrow, and binds."),
    ),
    "dispute_expired": marked("The arbiters said nothing in time; it goes on as before the dispute."),
    "frozen": marked("The money was frozen by a lawful order."),
    "unfrozen": marked("The freeze was lifted by two persons."),
    "freeze_ended": marked("The freeze ended on its date."),
    "blocked": marked("The money was blocked: a listed person has an interest in it."),
    "block_reviewed": marked("The block was looked at again."),
    "unblocked": marked("The block was lifted by two persons, under a licence or a delisting."),
    "mispaid": marked("{amount} arrived beside the terms from {origin}. It lies apart and counts as no payment."),
    "return_cleared": marked("{amount} that had arrived beside the terms was sent back to where it came from."),
    "returned": marked("{amount} that had arrived beside the terms went back, final on the chain."),
    "fee_cleared": marked("The fee of {amount} was sent to the operator."),
    "fee_claimed": marked("The fee of {amount} reached the operator, apart from the trade."),
}


def happened(
    event: Mapping[str, Any], side: str, language: Language, values: Mapping[str, Any], asset: Mapping[str, Any]
) -> Shown:
    """One event as a sentence for this reader. `values` are what the page's sentence may name."""
    said = HAPPENED[str(event["event"])]
    text = said if isinstance(said, str) else said[{SELLER: 0, BUYER: 1}.get(side, 2)]
    facts = event["facts"]

    def money(name: str) -> Shown | str:
        return language.amount(facts[name], asset) if name in facts else str(language.say("the amount"))

    names = dict(values) | {
        "amount": money("amount_minor"),
        "award": money("to_seller_minor"),
        "origin": str(facts.get("origin", "")).rpartition(":")[2] or str(language.say("an unknown wallet")),
    }
    return language.say(text, **names)
