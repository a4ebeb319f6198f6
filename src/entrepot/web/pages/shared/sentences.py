"""One page, one sentence: where the money is, whose move it is, by when, and what happens if nobody moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...language import Language, Shown, marked

BUYER, SELLER, OTHER = "buyer", "seller", "other"
Stops = Sequence[Mapping[str, Any]]  # in force, as /v1/stops tells everybody


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
CHIPS: dict[str, tuple[str, str]] = {
    "proposed": ("waits", marked("Being quoted")),
    "quoted": ("waits", marked("Waiting for signatures")),
    "half_signed": ("waits", marked("Waiting for one signature")),
    "agreed": ("waits", marked("Checks run")),
    "checking": ("waits", marked("Checks run")),
    "in_review": ("waits", marked("In review")),
    "cleared": ("waits", marked("Waiting for payment")),
    "funding": ("waits", marked("Payment under way")),
    "funded": ("waits", marked("Waiting for documents")),
    "presented": ("waits", marked("Being examined")),
    "discrepant": ("waits", marked("Documents differ")),
    "releasing": ("waits", marked("Paying the seller")),
    "released": ("final", marked("Paid")),
    "refunding": ("waits", marked("Paying back")),
    "refunded": ("final", marked("Paid back")),
    "rejecting": ("waits", marked("Paying back, rejected")),
    "rejected": ("final", marked("Paid back, rejected")),
    "ended": ("stopped", marked("Ended")),
    "refused": ("stopped", marked("Refused")),
    "lapsed": ("stopped", marked("Lapsed")),
    "disputed": ("waits", marked("In dispute")),
    "frozen": ("stopped", marked("Frozen by order")),
    "blocked": ("stopped", marked("Blocked")),
}

# (state, side) → the sentence. `side` is the reader's; OTHER is everybody who is neither buyer nor seller.
SENTENCES: dict[tuple[str, str], str] = {
    ("proposed", SELLER): marked("Your invoice to {buyer} is being quoted."),
    ("proposed", BUYER): marked("{seller} invoiced you; the price is being quoted."),
    ("proposed", OTHER): marked("{seller} invoiced {buyer}; the price is being quoted."),
    ("quoted", SELLER): marked(
        "{buyer} will pay you {price} against documents, once both of you have signed, by {deadline}."
    ),
    (
        "quoted",
        BUYER,
    ): marked("{seller} asks {total} of you, paid out only against documents, once both have signed, by {deadline}."),
    ("quoted", OTHER): marked("{buyer} and {seller} may sign {price} until {deadline}."),
    ("signed_by_seller", SELLER): marked(
        "You signed. {buyer} signs the same terms by {deadline}, and pays you {price}."
    ),
    ("signed_by_seller", BUYER): marked(
        "{seller} signed. Sign the same terms by {deadline}: {total}, paid out only against documents."
    ),
    ("signed_by_seller", OTHER): marked("{seller} signed {price}; {buyer} may sign until {deadline}."),
    ("signed_by_buyer", SELLER): marked(
        "{buyer} signed. Sign the same terms by {deadline}, and {price} is yours against documents."
    ),
    ("signed_by_buyer", BUYER): marked("You signed. {seller} signs the same terms by {deadline}."),
    ("signed_by_buyer", OTHER): marked("{buyer} signed {total}; {seller} may sign until {deadline}."),
    ("checking", SELLER): marked("Both of you signed. The checks run before {buyer} may pay."),
    ("checking", BUYER): marked("Both of you signed. The checks run before you may pay."),
    ("checking", OTHER): marked("Both signed. The checks run before {buyer} may pay {total}."),
    ("agreed", OTHER): marked("Both signed {price}. The checks run."),
    ("in_review", OTHER): marked("The payment of {price} from {buyer} to {seller} needs two officers."),
    ("cleared", SELLER): marked("The checks are clear. {buyer} pays {total} into escrow by {deadline}."),
    (
        "cleared",
        BUYER,
    ): marked("The checks are clear. Pay {total} into escrow by {deadline}; it waits there for the documents."),
    ("cleared", OTHER): marked("The checks are clear. {buyer} may pay {total} into escrow until {deadline}."),
    ("checking_stopped", SELLER): marked(
        "Both of you signed. A stop is in force until {stopped_until}; before {buyer} may pay, the checks run after it."
    ),
    ("checking_stopped", BUYER): marked(
        "Both of you signed. A stop is in force until {stopped_until}; before you may pay, the checks run after it."
    ),
    ("checking_stopped", OTHER): marked(
        "Both signed. A stop is in force until {stopped_until}; before {buyer} may pay {total}, the checks run after "
        "it."
    ),
    ("cleared_stopped", SELLER): marked(
        "The checks are clear. A stop holds up payments into escrow until {stopped_until}; {buyer} pays {total} after "
        "it, by {deadline}."
    ),
    ("cleared_stopped", BUYER): marked(
        "The checks are clear. A stop holds up payments into escrow until {stopped_until}; pay {total} after it, by "
        "{deadline}."
    ),
    ("cleared_stopped", OTHER): marked(
        "The checks are clear. A stop holds up payments into escrow until {stopped_until}; {buyer} may pay {total} "
        "after it, until {deadline}."
    ),
    ("cleared_outlasted", SELLER): marked(
        "The checks are clear. A stop holds up payments into escrow until {stopped_until}; {buyer}'s time to pay "
        "{total} ends before that, on {deadline}."
    ),
    ("cleared_outlasted", BUYER): marked(
        "The checks are clear. A stop holds up payments into escrow until {stopped_until}; your time to pay {total} "
        "ends before that, on {deadline}."
    ),
    ("cleared_outlasted", OTHER): marked(
        "The checks are clear. A stop holds up payments into escrow until {stopped_until}; the time to pay {total} "
        "ends before that, on {deadline}."
    ),
    ("funding", SELLER): marked("{buyer} is paying {total} into escrow; it counts once it is final."),
    ("funding", BUYER): marked("Your {total} is on its way into escrow; it counts once it is final."),
    ("funding", OTHER): marked("{buyer}'s {total} is on its way into escrow."),
    (
        "funded",
        SELLER,
    ): marked(
        "{buyer} paid {total} into escrow. {price} is yours once you present {documents}, in order, by {deadline}."
    ),
    ("funded", BUYER): marked("Your {total} waits in escrow until {seller} presents {documents}, by {deadline}."),
    ("funded", OTHER): marked("{total} waits in escrow until {seller} presents {documents}, by {deadline}."),
    ("presented", SELLER): marked(
        "You presented {documents}. They are examined; {price} is yours if they are in order."
    ),
    ("presented", BUYER): marked("{seller} presented {documents}. They are examined before your money moves."),
    ("presented", OTHER): marked("{seller} presented {documents}, to be examined by {examine_by}."),
    (
        "discrepant",
        SELLER,
    ): marked(
        "The documents differ from the terms. Present them again by {deadline}; otherwise the money goes back to "
        "{buyer} then, unless {buyer} accepts them as they are."
    ),
    (
        "discrepant",
        BUYER,
    ): marked(
        "The documents differ from the terms. {seller} may present again until {deadline}, or you accept them as they "
        "are."
    ),
    ("discrepant", OTHER): marked("The documents differ from the terms; {seller} may cure them until {deadline}."),
    ("differs_for_good", SELLER): marked(
        "The documents differ from the terms, and no presentation is left. On {deadline} the money goes back to "
        "{buyer}, unless {buyer} accepts them as they are before."
    ),
    ("differs_for_good", BUYER): marked(
        "The documents differ from the terms, and {seller} has no presentation left. On {deadline} your money comes "
        "back, unless you accept them as they are before."
    ),
    ("differs_for_good", OTHER): marked(
        "The documents differ from the terms, and {seller} has no presentation left; the money goes back on {deadline} "
        "unless {buyer} accepts them before."
    ),
    ("releasing", SELLER): marked("{price} is on its way to you."),
    ("releasing", BUYER): marked("The documents were in order. {price} is on its way to {seller}."),
    ("releasing", OTHER): marked("{price} is on its way to {seller}."),
    ("released", SELLER): marked("{buyer} paid you {released}."),
    ("released", BUYER): marked("You paid {seller} {released}, against documents in order."),
    ("released", OTHER): marked("{buyer} paid {seller} {released}."),
    ("shared", SELLER): marked("{released} reached you, and {refunded} went back to {buyer}."),
    ("shared", BUYER): marked("{released} went to {seller}, and {refunded} came back to you."),
    ("shared", OTHER): marked("{released} went to {seller}, and {refunded} went back to {buyer}."),
    ("waived", SELLER): marked(
        "{buyer} accepted your documents as they are. After a fresh check, {price} goes to you."
    ),
    ("waived", BUYER): marked("You accepted the documents as they are. After a fresh check, {price} goes to {seller}."),
    ("waived", OTHER): marked(
        "{buyer} accepted the documents as they are. After a fresh check, {price} goes to {seller}."
    ),
    ("awarded", SELLER): marked(
        "The arbiters decided. After a fresh check, you get what they awarded, and {buyer} the rest."
    ),
    ("awarded", BUYER): marked(
        "The arbiters decided. After a fresh check, {seller} gets what they awarded, and you the rest."
    ),
    ("awarded", OTHER): marked(
        "The arbiters decided. After a fresh check, {seller} gets what they awarded, {buyer} the rest."
    ),
    ("award_sent", SELLER): marked("The arbiters decided; {held} stays in escrow until it records what they said."),
    ("award_sent", BUYER): marked("The arbiters decided; your {held} stays in escrow until it records what they said."),
    ("award_sent", OTHER): marked("The arbiters decided; {held} stays in escrow until it records what they said."),
    ("refunding", SELLER): marked("{held} is on its way back to {buyer}."),
    ("refunding", BUYER): marked("Your {held} is on its way back to you."),
    ("refunding", OTHER): marked("{held} is on its way back to {buyer}."),
    ("rejecting", OTHER): marked("{held} goes back to {buyer}: this payment may not be made."),
    ("refunded", SELLER): marked("{refunded} went back to {buyer}."),
    ("refunded", BUYER): marked("Your {refunded} came back to you."),
    ("refunded", OTHER): marked("{refunded} went back to {buyer}."),
    ("rejected", OTHER): marked("{refunded} went back to {buyer}: this payment could not be made."),
    ("ended", SELLER): marked("This settlement with {buyer} has ended. No money was moved."),
    ("ended", BUYER): marked("This settlement with {seller} has ended. No money was moved."),
    ("ended", OTHER): marked("The settlement between {buyer} and {seller} has ended. No money was moved."),
    ("refused", OTHER): marked("The payment of {price} from {buyer} to {seller} was refused. No money was moved."),
    ("lapsed", OTHER): marked("The settlement between {buyer} and {seller} lapsed. No money was moved."),
    ("disputed", SELLER): marked("{held} stays in escrow until the arbiters decide, by {deadline}."),
    ("disputed", BUYER): marked("Your {held} stays in escrow until the arbiters decide, by {deadline}."),
    ("disputed", OTHER): marked("{held} stays in escrow until the arbiters decide, by {deadline}."),
    ("frozen", OTHER): marked("{held} is held by order until {deadline}."),
    ("blocked", OTHER): marked(
        "{held} is blocked: neither paid out nor paid back. It is looked at again by {deadline}."
    ),
}

# What happens by then if nobody acts.
OTHERWISE: dict[str, str] = {
    "proposal_expired": marked("If nobody acts, the proposal lapses on {deadline}."),
    "quote_expired": marked("Unless both have signed, the quote lapses on {deadline}, and nobody owes anything."),
    "fund_expired": marked("If nobody pays, the settlement lapses on {deadline}."),
    "refund_check": marked("If nobody acts, it goes back to {buyer} on {deadline}, checked afresh."),
    "release_check": marked("On {deadline} it goes to {seller}, checked afresh."),
    "silence": marked(
        "The examiner's last moment is {examine_by}. Silence counts as acceptance: then, on {deadline}, it goes to "
        "{seller}, checked afresh."
    ),
    "review_lapsed": marked("If nobody decides by {deadline}, the settlement ends."),
    "review_expired": marked("If nobody decides by {deadline}, the money goes back to {buyer}."),
    "dispute_expired": marked("If the arbiters say nothing by {deadline}, it goes on as before the dispute."),
    "award_lost": marked("If the escrow has recorded nothing by {deadline}, it goes on as before the dispute."),
    "freeze_ended": marked("The order ends on {deadline}; then it goes on as before."),
    "block_review_due": marked("It moves only under a licence or a delisting."),
}
# What a stop in force holds up here, and what happens once it has ended.
HELD_UP: dict[str, str] = {
    "checking_stopped": marked(
        "The stop holds up everybody's payments, not this one alone. This page follows by itself."
    ),
    "cleared_stopped": marked(
        "The stop holds up everybody's payments, not this one alone. When it ends, or two persons lift it earlier, "
        "this page offers the payment again."
    ),
    "paying": marked(
        "A stop holds up everybody's payments until {stopped_until}: what is not paid yet waits for its end, and is "
        "checked afresh then."
    ),
}
PAYING = ("funded", "presented", "discrepant", "releasing", "refunding", "rejecting")
DOCUMENTS = {
    "invoice": marked("the invoice"),
    "packing_list": marked("the packing list"),
    "transport_document": marked("the transport document"),
}


def chip(view: Mapping[str, Any], language: Language) -> Chip:
    """The chip of a settlement's state."""
    state = str(view["state"])
    shape, says = CHIPS["half_signed" if state == "quoted" and view.get("signed_by") else state]
    return Chip(shape, str(language.say(says)))


def variant(view: Mapping[str, Any], events: Sequence[Mapping[str, Any]], stops: Stops = ()) -> str:
    """The state, or a way of it that deserves its own sentence: signed by one, shared, waived, awarded, stopped."""
    state = str(view["state"])
    if stops and state in ("agreed", "checking"):
        return "checking_stopped"
    if stops and state == "cleared":
        return "cleared_stopped" if _stopped_until(stops) < int(view["next_act_at"]) else "cleared_outlasted"
    if state == "quoted" and view["signed_by"]:
        return f"signed_by_{view['signed_by'][0]}"
    if state in ("released", "refunded") and int(view["released_minor"]) and int(view["refunded_minor"]):
        return "shared"
    if state == "disputed" and view["award_sent"]:
        return "award_sent"
    if state == "discrepant" and not view["presentations_left"]:
        return "differs_for_good"
    last = next((str(event["event"]) for event in reversed(events) if event["event"] in ("waived", "awarded",
        "presented")), "")  # fmt: skip
    return last if state == "presented" and last in ("waived", "awarded") else state


def sentence(state: str, side: str, language: Language, values: Mapping[str, Any]) -> Shown:
    """The page's sentence, with what matters set off."""
    text = SENTENCES.get((state, side)) or SENTENCES[(state, OTHER)]
    return language.tell(text, **values)


def held_up(state: str, stops: Stops, language: Language) -> Shown:
    """What the stops in force hold up in a state (or variant), and what follows; empty for nothing."""
    for_all = [one for one in stops if one["grade"] == "all"]
    held = "paying" if for_all and state in PAYING else state.replace("_outlasted", "_stopped")
    text = HELD_UP.get(held)
    return language.say(text, stopped_until=language.moment(_stopped_until(for_all or stops))) if text else Markup("")


def _stopped_until(stops: Stops) -> int:
    return max(int(one["until"]) for one in stops)


def values_of(
    view: Mapping[str, Any],
    terms: Mapping[str, Any],
    asset: Mapping[str, Any],
    language: Language,
    stops: Stops = (),
) -> dict[str, Any]:
    """What a sentence may name."""
    due = view.get("next_act_at")
    amounts = {
        "price": view["price_minor"],
        "fee": view["fee_minor"],
        "total": int(view["price_minor"]) + int(view["fee_minor"]),
        **{name: view[f"{name}_minor"] for name in ("held", "released", "refunded")},
    }
    return {
        "buyer": terms["buyer"]["name"],
        "seller": terms["seller"]["name"],
        "deadline": language.moment(int(due)) if due else language.say("a date that is not set yet"),
        "examine_by": language.moment(int(view.get("examine_by") or due or language.now)),
        "documents": documents_named(terms["documents_required"], language),
        "stopped_until": language.moment(_stopped_until(stops)) if stops else "",
        **{name: language.amount(minor, asset) for name, minor in amounts.items()},
    }


def otherwise(view: Mapping[str, Any], language: Language, values: Mapping[str, Any]) -> Shown:
    """What happens if nobody acts; empty where nothing is due or it is not for this reader."""
    act = str(view.get("next_act") or "")
    if act == "dispute_expired" and view.get("award_sent"):
        act = "award_lost"
    elif act == "release_check" and _is_awaited(view):
        act = "silence"
    text = OTHERWISE.get(act)
    return language.say(text, **values) if text and view.get("next_act_at") else Markup("")


def _is_awaited(view: Mapping[str, Any]) -> bool:
    """True while the examiner may still speak: what was accepted or awarded is paid before that moment."""
    last = int(view.get("examine_by") or 0)
    return 0 < last < int(view.get("next_act_at") or 0)


def documents_named(required: list[str], language: Language) -> str:
    """The required documents as words: the invoice, the packing list and the transport document."""
    return language.listed([str(language.say(DOCUMENTS.get(kind, kind))) for kind in required])


def acts(view: Mapping[str, Any], side: str, role: str, stops: Stops = ()) -> list[Act]:
    """What this reader may do now, the first thing first. `stops` are those in force: nobody pays in under one."""
    state, is_party = str(view["state"]), side in (BUYER, SELLER) and role == "treasurer"
    found: list[Act] = []
    if is_party and state == "quoted" and side not in view["signed_by"]:
        found.append(Act("sign", marked("Sign the terms")))
    if side == BUYER and is_party and state == "cleared" and not stops:
        found.append(Act("fund", marked("Pay into escrow")))
    if side == SELLER and is_party and state in ("funded", "discrepant") and view["presentations_left"]:
        found.append(Act("present", marked("Present documents") if state == "funded" else marked("Present again")))
    if side == BUYER and is_party and state == "discrepant":
        found.append(Act("waive", marked("Accept the documents as they are")))
    if is_party and state in ("funded", "presented", "discrepant"):
        found.append(Act("dispute", marked("Ask the arbiters"), is_first=False))
    if role == "examiner" and state == "presented":
        found.append(Act("examine", marked("Examine")))
    if role == "arbiter" and state == "disputed" and not view["award_sent"]:
        found.append(Act("award", marked("Decide")))
    if is_party and state in ("proposed", "quoted", "cleared"):
        found.append(Act("withdraw", marked("Withdraw"), is_first=False))
    return found
