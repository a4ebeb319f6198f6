"""The two pictures of a settlement: the voyage with its ports, and where the money is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..language import Language, marked


@dataclass(frozen=True, slots=True)
class Port:
    """A place on the way. `state` is done, here (where it waits) or ahead; `proof` says what proved it."""

    name: str
    state: str
    when: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """One stream of money between two places; `state` is moved, waits (dashed) or none."""

    state: str
    says: str


@dataclass(frozen=True, slots=True)
class Money:
    """Who paid, where it lies, who will get it; amounts are ready to show."""

    buyer: str
    seller: str
    paid: Flow
    held: str
    is_held: bool
    to_seller: Flow
    back: Flow
    fee: str
    escrow: str


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
    reached: dict[str, Mapping[str, Any]] = {str(event["event"]): event for event in events}
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


def money(view: Mapping[str, Any], terms: Mapping[str, Any], asset: Mapping[str, Any], language: Language) -> Money:
    """The money picture's figures, all from the settlement as this reader sees it."""
    price, fee = int(view["price_minor"]), int(view["fee_minor"])
    held, released, refunded = (int(view[f"{name}_minor"]) for name in ("held", "released", "refunded"))
    was_funded = held + released + refunded > 0

    def show(minor: int) -> Markup:
        return language.amount(minor, asset)

    is_back = str(view["state"]) in BACK_STATES
    return Money(
        buyer=str(terms["buyer"]["name"]),
        seller=str(terms["seller"]["name"]),
        paid=Flow(
            "moved" if was_funded else "waits",
            language.say("paid {amount}", amount=show(price + fee))
            if was_funded
            else language.say("will pay {amount}", amount=show(price + fee)),
        ),
        held=show(held),
        is_held=held > 0,
        to_seller=Flow(
            "moved" if released else ("none" if is_back or view["is_ended"] else "waits"),
            language.say("got {amount}", amount=show(released))
            if released
            else ("" if is_back or view["is_ended"] else language.say("will get {amount}", amount=show(price))),
        ),
        back=Flow(
            "moved" if refunded else ("waits" if is_back else "none"),
            language.say("got back {amount}", amount=show(refunded)) if refunded else "",
        ),
        fee=show(fee),
        escrow=str(view["escrow"]),
    )
