"""One page, one sentence: where the money is, whose move it is, by when, and what happens if nobody moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..language import Language, Marked, marked

BUYER, SELLER, OTHER = "buyer", "seller", "other"


@dataclass(frozen=True, slots=True)
class Chip:
    """A state in two words, with a shape: `waits` is a diamond, `final` a circle, `stopped` a square."""

    shape: str
    says: str


@dataclass(frozen=True, slots=True)
class Act:
    """What this reader may do now: `name` is the button's words, `form` the template of its form."""

    form: str
    name: str
    is_first: bool = True


# State → (shape, chip's words). States that only staff are shown stand here too.
CHIPS: Marked[dict[str, tuple[str, str]]] = {
    "proposed": ("waits", "Being quoted"),
    "quoted": ("waits", "Waiting for signatures"),
    "agreed": ("waits", "Checks run"),
    "checking": ("waits", "Checks run"),
    "in_review": ("waits", "In review"),
    "cleared": ("waits", "Waiting for payment"),
    "funding": ("waits", "Payment under way"),
    "funded": ("waits", "Waiting for documents"),
    "presented": ("waits", "Documents examined"),
    "discrepant": ("waits", "Documents differ"),
    "releasing": ("waits", "Paying the seller"),
    "released": ("final", "Paid"),
    "refunding": ("waits", "Paying back"),
    "refunded": ("final", "Paid back"),
    "rejecting": ("waits", "Paying back, rejected"),
    "rejected": ("final", "Paid back, rejected"),
    "ended": ("stopped", "Ended"),
    "refused": ("stopped", "Refused"),
    "lapsed": ("stopped", "Lapsed"),
    "disputed": ("waits", "In dispute"),
    "frozen": ("stopped", "Frozen by order"),
    "blocked": ("stopped", "Blocked"),
}

# (state, side) → the sentence. `side` is the reader's; OTHER is everybody who is neither buyer nor seller.
SENTENCES: Marked[dict[tuple[str, str], str]] = {
    ("proposed", SELLER): "Your invoice to {buyer} is being quoted.",
    ("proposed", BUYER): "{seller} invoiced you; the price is being quoted.",
    ("proposed", OTHER): "{seller} invoiced {buyer}; the price is being quoted.",
    ("quoted", SELLER): "{buyer} will pay you {price} against documents, once both of you have signed, by {deadline}.",
    (
        "quoted",
        BUYER,
    ): "{seller} asks {total} of you, paid out only against documents, once both have signed, by {deadline}.",
    ("quoted", OTHER): "{buyer} and {seller} may sign {price} until {deadline}.",
    ("checking", SELLER): "Both of you signed. The checks run before {buyer} may pay.",
    ("checking", BUYER): "Both of you signed. The checks run before you may pay.",
    ("agreed", OTHER): "Both signed {price}. The checks run.",
    ("in_review", OTHER): "The payment of {price} from {buyer} to {seller} needs two officers.",
    ("cleared", SELLER): "The checks are clear. {buyer} pays {total} into escrow by {deadline}.",
    (
        "cleared",
        BUYER,
    ): "The checks are clear. Pay {total} into escrow by {deadline}; it waits there for the documents.",
    ("cleared", OTHER): "The checks are clear. {buyer} may pay {total} into escrow until {deadline}.",
    ("funding", SELLER): "{buyer} is paying {total} into escrow; it counts once it is final.",
    ("funding", BUYER): "Your {total} is on its way into escrow; it counts once it is final.",
    ("funding", OTHER): "{buyer}'s {total} is on its way into escrow.",
    (
        "funded",
        SELLER,
    ): "{buyer} paid {total} into escrow. {price} is yours once you present {documents}, in order, by {deadline}.",
    ("funded", BUYER): "Your {total} waits in escrow until {seller} presents {documents}, by {deadline}.",
    ("funded", OTHER): "{total} waits in escrow until {seller} presents {documents}, by {deadline}.",
    ("presented", SELLER): "You presented {documents}. They are examined; {price} is yours if they are in order.",
    ("presented", BUYER): "{seller} presented {documents}. They are examined before your money moves.",
    ("presented", OTHER): "{seller} presented {documents}, to be examined by {deadline}.",
    (
        "discrepant",
        SELLER,
    ): "The documents differ from the terms. Present them again by {deadline}, or {buyer} accepts them as they are.",
    (
        "discrepant",
        BUYER,
    ): "The documents differ from the terms. {seller} may present again until {deadline}, or you accept them.",
    ("discrepant", OTHER): "The documents differ from the terms; {seller} may cure them until {deadline}.",
    ("releasing", SELLER): "{price} is on its way to you.",
    ("releasing", BUYER): "The documents were in order. {price} is on its way to {seller}.",
    ("releasing", OTHER): "{price} is on its way to {seller}.",
    ("released", SELLER): "{buyer} paid you {released}.",
    ("released", BUYER): "You paid {seller} {released}, against documents in order.",
    ("released", OTHER): "{buyer} paid {seller} {released}.",
    ("refunding", SELLER): "{held} is on its way back to {buyer}.",
    ("refunding", BUYER): "Your {held} is on its way back to you.",
    ("refunding", OTHER): "{held} is on its way back to {buyer}.",
    ("rejecting", OTHER): "{held} goes back to {buyer}: this payment may not be made.",
    ("refunded", SELLER): "{refunded} went back to {buyer}.",
    ("refunded", BUYER): "Your {refunded} came back to you.",
    ("refunded", OTHER): "{refunded} went back to {buyer}.",
    ("rejected", OTHER): "{refunded} went back to {buyer}: this payment could not be made.",
    ("ended", SELLER): "This settlement with {buyer} has ended. No money was moved.",
    ("ended", BUYER): "This settlement with {seller} has ended. No money was moved.",
    ("refused", OTHER): "The payment of {price} from {buyer} to {seller} was refused. No money was moved.",
    ("lapsed", OTHER): "The settlement between {buyer} and {seller} lapsed. No money was moved.",
    ("disputed", SELLER): "{held} stays in escrow until the arbiters decide, by {deadline}.",
    ("disputed", BUYER): "Your {held} stays in escrow until the arbiters decide, by {deadline}.",
    ("disputed", OTHER): "{held} stays in escrow until the arbiters decide, by {deadline}.",
    ("frozen", OTHER): "{held} is held by order until {deadline}.",
    ("blocked", OTHER): "{held} is blocked: neither paid out nor paid back. It is looked at again by {deadline}.",
}

# What happens by then if nobody acts.
OTHERWISE: Marked[dict[str, str]] = {
    "proposal_expired": "If nobody acts, the proposal lapses on {deadline}.",
    "quote_expired": "If nobody signs, the quote lapses on {deadline}, and nobody owes anything.",
    "fund_expired": "If nobody pays, the settlement lapses on {deadline}.",
    "refund_check": "If nobody acts, it goes back to {buyer} on {deadline}, checked afresh.",
    "release_check": "If the examiner says nothing by {deadline}, it goes to {seller}, checked afresh.",
    "review_lapsed": "If nobody decides by {deadline}, the settlement ends.",
    "review_expired": "If nobody decides by {deadline}, the money goes back to {buyer}.",
    "dispute_expired": "If the arbiters say nothing by {deadline}, it goes on as before the dispute.",
    "freeze_ended": "The order ends on {deadline}; then it goes on as before.",
    "block_review_due": "It moves only under a licence or a delisting.",
}
DOCUMENTS: Marked[dict[str, str]] = {
    "invoice": "the invoice",
    "packing_list": "the packing list",
    "transport_document": "the transport document",
}


def chip(state: str, language: Language) -> Chip:
    """The chip of a state."""
    shape, says = CHIPS[state]
    return Chip(shape, str(language.say(says)))


def sentence(state: str, side: str, language: Language, values: Mapping[str, Any]) -> Markup:
    """The page's sentence, with what matters set off."""
    text = SENTENCES.get((state, side)) or SENTENCES[(state, OTHER)]
    return language.tell(text, **values)


def otherwise(view: Mapping[str, Any], language: Language, values: Mapping[str, Any]) -> Markup:
    """What happens if nobody acts; empty where nothing is due or it is not for this reader."""
    text = OTHERWISE.get(str(view.get("next_act") or ""))
    return language.say(text, **values) if text and view.get("next_act_at") else Markup("")


def documents_named(required: list[str], language: Language) -> str:
    """The required documents as words: the invoice, the packing list and the transport document."""
    return language.listed([str(language.say(DOCUMENTS.get(kind, kind))) for kind in required])


def acts(view: Mapping[str, Any], side: str, role: str) -> list[Act]:
    """What this reader may do now, the first thing first."""
    state, is_party = str(view["state"]), side in (BUYER, SELLER) and role == "treasurer"
    found: list[Act] = []
    if is_party and state == "quoted" and side not in view["signed_by"]:
        found.append(Act("sign", marked("Sign the terms")))
    if side == BUYER and is_party and state == "cleared":
        found.append(Act("fund", marked("Pay into escrow")))
    if side == SELLER and is_party and state in ("funded", "discrepant"):
        found.append(Act("present", marked("Present documents" if state == "funded" else "Present again")))
    if side == BUYER and is_party and state == "discrepant":
        found.append(Act("waive", marked("Accept the documents as they are")))
    if is_party and state in ("funded", "presented", "discrepant"):
        found.append(Act("dispute", marked("Ask the arbiters"), is_first=False))
    if is_party and state in ("proposed", "quoted", "cleared"):
        found.append(Act("withdraw", marked("Withdraw"), is_first=False))
    return found
