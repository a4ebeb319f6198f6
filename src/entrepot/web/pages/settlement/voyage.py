"""The voyage of a settlement with its ports, and where its money is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...language import Language, Shown, marked
from .picture import Flow, Money


@dataclass(frozen=True, slots=True)
class Port:
    """A place on the way. `state` is done, here (where it waits) or ahead; `proof` says what proved it."""

    name: str
    state: str
    when: str = ""
    proof: str = ""


# Port → (its name, the events that prove it was reached).
PORTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (marked("Agreed"), ("countersigned",)),
    (marked("Cleared"), ("cleared",)),
    (marked("Funded"), ("funded",)),
    (marked("Presented"), ("presented",)),
    (marked("Examined"), ("examined", "waived", "release_cleared")),
    (marked("Paid"), ("released",)),
)
BACK = (marked("Paid back"), ("refunded", "rejected"))
BACK_STATES = ("refunding", "refunded", "rejecting", "rejected")
ENDED_STATES = ("ended", "refused", "lapsed")


def voyage(view: Mapping[str, Any], events: Sequence[Mapping[str, Any]], language: Language) -> list[Port]:
    """The ports: where it has been, where it waits, what is ahead."""
    state = str(view["state"])
    reached: dict[str, Mapping[str, Any]] = {}
    for one in events:
        if one["event"] == "quote_given":  # a fresh quote begins the way anew
            reached.clear()
        reached[str(one["event"])] = one
    ports: list[Port] = []
    is_back, is_over = state in BACK_STATES, bool(view["is_ended"])
    route = [port for port in PORTS if not is_back or _proof(port, reached) is not None] + ([BACK] if is_back else [])
    for port in route:
        event = _proof(port, reached)
        if event is not None:
            ports.append(Port(str(language.say(port[0])), "done", _when(event, language), _proved_by(event, language)))
        elif is_over:
            if state not in ENDED_STATES:
                continue
            ports.append(Port(str(language.say("Ended")), "stopped", str(language.say(CLOSED))))
            break
        elif ports and ports[-1].state != "done" or (not ports and port is not route[0]):
            ports.append(Port(str(language.say(port[0])), "ahead"))
        else:
            at = view.get("next_act_at")
            when = str(language.say("by {day}", day=language.day(at))) if at else ""
            ports.append(Port(str(language.say(port[0])), "here", when, language.left(at) if at else ""))
    return ports


CLOSED = marked("no money was moved")


def _proof(port: tuple[str, tuple[str, ...]], reached: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((reached[kind] for kind in port[1] if kind in reached), None)


def _when(event: Mapping[str, Any], language: Language) -> str:
    return f"{language.day(int(event['at']))}{language.comma} {language.clock(int(event['at']))}"


def _proved_by(event: Mapping[str, Any], language: Language) -> str:
    facts = event["facts"]
    if "block" in facts:
        return str(language.say("block {number}", number=facts["block"]))
    if event["event"] == "countersigned":
        return str(language.say("both signed"))
    if event["event"] in ("cleared", "release_cleared"):
        return str(language.say("regime {name}", name=facts.get("regime", "")))
    return str(language.say("signed by the examiner")) if event["event"] == "examined" else ""


def money(
    view: Mapping[str, Any],
    terms: Mapping[str, Any],
    asset: Mapping[str, Any],
    language: Language,
    beside_minor: int = 0,
) -> Money:
    """The money picture's figures, all from the settlement as this reader sees it; `beside_minor` came past them."""
    price, fee = int(view["price_minor"]), int(view["fee_minor"])
    held, released, refunded = (int(view[f"{name}_minor"]) for name in ("held", "released", "refunded"))
    was_funded = held + released + refunded > 0
    is_back, is_over = str(view["state"]) in BACK_STATES, bool(view["is_ended"])

    def say(text: str, minor: int) -> Shown:
        return language.say(text, amount=language.amount(minor, asset))

    to_seller = Flow("waits", say("will get {amount}", price))
    if released:
        to_seller = Flow("moved", say("got {amount}", released))
    elif is_back or is_over:
        to_seller = Flow("none", "")
    back = Flow("none", "")
    if refunded:
        back = Flow("moved", say("{amount} went back", refunded))
    elif is_back:
        back = Flow("waits", say("{amount} is going back", held))
    is_fee_due = fee and not (is_back or (is_over and not released))
    return Money(
        buyer=str(terms["buyer"]["name"]),
        seller=str(terms["seller"]["name"]),
        paid=Flow("moved", say("paid {amount}", price + fee)) if was_funded else _unpaid(is_over, say, price + fee),
        held=language.amount(held, asset),
        is_held=held > 0,
        to_seller=to_seller,
        back=back,
        fee=Flow("waits" if is_fee_due else "none", say("fee {amount}, claimed apart", fee) if is_fee_due else ""),
        beside=Flow("moved", say("{amount} beside the terms", beside_minor)) if beside_minor else Flow("none", ""),
        escrow=str(view["escrow"]),
    )


def _unpaid(is_over: bool, say: Callable[[str, int], Shown], total: int) -> Flow:
    return (
        Flow("none", say("paid nothing of {amount}", total))
        if is_over
        else Flow("waits", say("will pay {amount}", total))
    )
