"""One settlement: a snapshot, and the only function that changes it, `apply(settlement, event)`.

Guards come first and refuse; what remains cannot fail. Personal data never enters an event: ids, amounts, hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .canonical import Json, canonical, hex0x, sha256_of
from .decision import DISPOSERS_REQUIRED
from .errors import Refused, declare
from .lifecycle import CONFIDENTIAL, ENDED, HIDDEN, LINES, STATES, Becomes, Role, State

SUSPENDED_DEPTH_MAX = 6
SPENDS = ("funded", "released", "released_in_part", "refunded", "rejected", "returned", "fee_claimed")
HOLDS = ("frozen", "unfrozen", "blocked", "unblocked")
CLOCK_STOPS = (State.FROZEN, State.BLOCKED, State.DISPUTED)  # the escrow contract moves its deadlines then too
ROUNDS_MAX = 3  # presentations; the contract's bound too

declare(
    "Refused",
    not_in_this_state="The settlement is not in a state in which this may happen.",
    not_your_act="Another role makes this happen.",
    same_person="A second person is needed; this one has acted already.",
    already_signed="This side has signed.",
    not_due="The date for this has not come.",
    amount_differs="The amount is not the one that the terms name.",
    documents_differ="The statement is not about the documents last presented.",
    award_given="An award is on its way to the escrow, which takes one.",
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a settlement. `facts` are JSON: ids, minor units as strings, 0x-hex, Unix seconds.

    `actor` is the id of the person who acted, "" for rules, rail and clock. `dates` moves named deadlines.
    """

    kind: str
    at: int
    by: Role
    actor: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    dates: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The state of one settlement; money in minor units of `asset`, a CAIP-19 id.

    `seq` counts all its events, `step` those that parties may know of. `case_salt` hides it in the log of the others.
    """

    id: str
    seller: str
    buyer: str
    state: State
    created_at: int
    case_salt: str = ""
    seq: int = 0
    step: int = 0
    asset: str = ""
    price_minor: int = 0
    fee_minor: int = 0
    terms_hash: str = ""
    escrow: str = ""
    suspended: tuple[tuple[State, int], ...] = ()
    dates: Mapping[str, int] = field(default_factory=dict)
    signed_by: tuple[str, ...] = ()
    disposed_by: tuple[str, ...] = ()
    documents_sha256: str = ""
    round: int = 0
    complies: bool = False
    awarded_minor: int | None = None
    funded_minor: int = 0
    released_minor: int = 0
    fee_accrued_minor: int = 0
    refunded_minor: int = 0
    holds: int = 0  # freezes, blocks and lifts ordered on the escrow so far
    spent: int = 0  # passports that the escrow has spent: the next one's `sequence`
    in_flight: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held_minor(self) -> int:
        """What the escrow holds for this trade."""
        return self.funded_minor - self.released_minor - self.fee_accrued_minor - self.refunded_minor

    @property
    def shown_state(self) -> State:
        """The state that parties are shown: under review, freeze or block the one that was left for it."""
        state = self.state
        for left, _ in reversed(self.suspended):
            state = left if state in HIDDEN else state
        return state

    @property
    def has_notice(self) -> bool:
        """True where it goes on, or will go on when it is resumed, as if the documents were not accepted."""
        states = {self.state, *(left for left, _ in self.suspended)}
        return self.awarded_minor is None and bool(states & {State.DISCREPANT, State.REFUNDING})

    @property
    def is_ended(self) -> bool:
        """True in the states that nothing leaves."""
        return self.state in ENDED

    @property
    def total_minor(self) -> int:
        """Price and fee together; 0 before a quote."""
        return self.price_minor + self.fee_minor

    def next_act(self) -> tuple[str, int] | None:
        """(what happens if nobody acts, when in Unix s), or None in an ended state."""
        facts = STATES[self.state]
        if not facts.deadline:
            return None
        if facts.next_act == "review_expired" and not self.funded_minor:
            return "review_lapsed", self.dates["review_by"]
        return facts.next_act, self.dates.get(facts.deadline, self.created_at if facts.is_due_now else 0)


Change = Mapping[str, Any]
Apply = Callable[[Settlement, Event], Change]


def apply(settlement: Settlement, event: Event) -> Settlement:
    """The settlement after `event`. Raises: Refused(not_in_this_state, not_your_act, …) and changes nothing."""
    line = LINES.get((settlement.state, event.kind))
    if line is None:
        raise Refused("not_in_this_state", f"{event.kind} does not happen while {settlement.state}.")
    if event.by not in line.by:
        raise Refused("not_your_act", f"{event.kind} is an act of {' or '.join(line.by)}, not of {event.by}.")
    changes = dict(_CHANGES.get(event.kind, _no_change)(settlement, event))
    suspended, state, dates = settlement.suspended, line.becomes, {**settlement.dates, **event.dates}
    if line.suspends:
        suspended = (*suspended, (settlement.state, event.at))
        assert len(suspended) <= SUSPENDED_DEPTH_MAX, "suspended too deep"
    if state is Becomes.RESUME:
        assert suspended, f"{event.kind} has nothing to resume"
        (state, since), suspended = suspended[-1], suspended[:-1]
        if settlement.state in CLOCK_STOPS:
            under = [left for left, _ in suspended[-1:] if state is State.IN_REVIEW and STATES[left].holds_money]
            for held_up in (State(state), *under):
                dates = _extended(dates, held_up, since=since, until=_stood_until(settlement, event))
    elif state is Becomes.SAME:
        state = settlement.state
        suspended = _went_on_meanwhile(suspended, event)
    elif not line.suspends:
        suspended = ()
    after = replace(
        settlement,
        state=State(state),
        suspended=suspended,
        dates=dates,
        seq=settlement.seq + 1,
        step=settlement.step + (event.kind not in CONFIDENTIAL),
        spent=settlement.spent + (event.kind in SPENDS),
        holds=settlement.holds + (event.kind in HOLDS),
        **changes,
    )
    _assert_invariants(after)
    return after


def leaf(before: Settlement, event: Event, after: Settlement) -> bytes:
    """The canonical bytes that the log keeps of one event; its facts hold no personal data.

    A confidential event is logged as `entrepot/case-event/1`, under a salted commitment to the settlement's id.
    """
    body = {
        "event": event.kind,
        "by": event.by.value,
        "actor": event.actor,
        "at": event.at,
        "facts": dict(event.facts),
        "dates": dict(event.dates),
    }
    if event.kind in CONFIDENTIAL:
        return canonical(body | {"schema": "entrepot/case-event/1", "case": case_of(after), "seq": after.seq})
    return canonical(body | {"schema": "entrepot/event/1", "settlement": after.id, "seq": after.step})


def case_of(settlement: Settlement) -> str:
    """The commitment under which a settlement's confidential events stand in the log."""
    opening = {"schema": "entrepot/case-id/1", "settlement": settlement.id, "salt": settlement.case_salt}
    return hex0x(sha256_of(opening))


def event_of(leaf_body: Json) -> Event:
    """The event that a leaf's JSON tells of."""
    return Event(
        kind=leaf_body["event"],
        at=leaf_body["at"],
        by=Role(leaf_body["by"]),
        actor=leaf_body["actor"],
        facts=leaf_body["facts"],
        dates=leaf_body["dates"],
    )


def replay(opened: Settlement, events: list[Event]) -> Settlement:
    """The state that the log says: `opened` after all `events`."""
    for event in events:
        opened = apply(opened, event)
    return opened


def _stood_until(settlement: Settlement, event: Event) -> int:
    """When the clocks began to run again: a freeze and a dispute end at their date, however late we notice it."""
    if settlement.state is State.BLOCKED:
        return event.at
    return min(event.at, settlement.dates[STATES[settlement.state].deadline])


def _extended(dates: dict[str, int], state: State, *, since: int, until: int) -> dict[str, int]:
    """Time on hold or in dispute counts against nobody: the resumed state's deadlines move by it.

    But a freeze ends at the date that was ordered, or with a block that lay over it and outlasted it.
    """
    name = STATES[state].deadline
    if state is State.FROZEN:
        return {**dates, name: max(dates[name], until)}
    names = (name, "examine_by") if state is State.PRESENTED else (name,)
    return dates | {name: dates[name] + until - since for name in names if name in dates}


def _went_on_meanwhile(suspended: tuple[tuple[State, int], ...], event: Event) -> tuple[tuple[State, int], ...]:
    """What the rail did while it was suspended happens to the states that were left, too, as the table says of them.

    They are held up since then, not since before. A state that follows another takes what lay under that with it.
    """
    since, after = event.dates.get("presented_at", event.at), list[tuple[State, int]]()
    for left, was in suspended:
        line = LINES.get((left, event.kind))
        if line is None or isinstance(line.becomes, Becomes):
            after.append((left, was))
        else:
            after = [(line.becomes, max(since, was))]
    return tuple(after)


def _assert_invariants(settlement: Settlement) -> None:
    """What must be true after every event, whatever happened."""
    assert settlement.held_minor >= 0, "paid out more than was paid in"
    assert settlement.held_minor == 0 or STATES[settlement.state].holds_money, f"money in {settlement.state}"
    assert settlement.is_ended or settlement.next_act() is not None, "no next act"
    act = settlement.next_act()
    assert act is None or act[1] > 0, f"{settlement.state} has no date for {act}"


def _no_change(_: Settlement, __: Event) -> Change:
    return {}


def _quoted(settlement: Settlement, event: Event) -> Change:
    facts = event.facts
    if settlement.funded_minor:
        raise Refused("not_in_this_state", "The escrow holds money: its terms are not quoted again.")
    return {
        "asset": facts["asset"],
        "price_minor": int(facts["price_minor"]),
        "fee_minor": int(facts["fee_minor"]),
        "terms_hash": facts["terms_hash"],
        "escrow": facts["escrow"],
        "signed_by": (),
    }


def _signed(settlement: Settlement, event: Event) -> Change:
    if event.by.value in settlement.signed_by:
        raise Refused("already_signed", f"The {event.by} has signed.")
    if event.facts["terms_hash"] != settlement.terms_hash:
        raise Refused("amount_differs", "The signature is over other terms than those last quoted.")
    if (event.kind == "countersigned") != bool(settlement.signed_by):
        raise Refused("not_in_this_state", f"{event.kind} does not fit {len(settlement.signed_by)} signatures.")
    return {"signed_by": (*settlement.signed_by, event.by.value)}


def _referred(_: Settlement, event: Event) -> Change:
    """Who disposed of the same hits before a review ran out need not, and may not, do so again."""
    return {"disposed_by": tuple(event.facts.get("disposed_by", ()))}


def _disposed(settlement: Settlement, event: Event) -> Change:
    if not event.actor or event.actor in settlement.disposed_by:
        raise Refused("same_person", "The second disposition comes from a second person.")
    return {"disposed_by": (*settlement.disposed_by, event.actor)}


def _review_decided(settlement: Settlement, event: Event) -> Change:
    if event.by is Role.OFFICER and len({*settlement.disposed_by, event.actor}) < DISPOSERS_REQUIRED:
        raise Refused("same_person", f"{DISPOSERS_REQUIRED} persons decide a review.")
    return {"disposed_by": ()}


def _review_timed_out(settlement: Settlement, event: Event) -> Change:
    if (event.kind == "review_expired") != bool(settlement.funded_minor):
        raise Refused("not_in_this_state", "Which timeout it is depends on whether money has arrived.")
    return _due(settlement, event)


def _due(settlement: Settlement, event: Event) -> Change:
    act = settlement.next_act()
    if act is None or event.at < act[1]:
        raise Refused("not_due", f"{event.kind} is not due before {act and act[1]} (Unix s).")
    return {}


def _sent(settlement: Settlement, event: Event) -> Change:
    return {"in_flight": {**event.facts, "kind": event.kind, "step": settlement.step + 1, "seq": settlement.seq + 1}}


def _presenting(settlement: Settlement, event: Event) -> Change:
    if settlement.round >= ROUNDS_MAX:
        raise Refused("not_in_this_state", f"{ROUNDS_MAX} presentations were made; no other is taken.")
    return _sent(settlement, event)


def _reject_sent(settlement: Settlement, event: Event) -> Change:
    return {"in_flight": {**_sent(settlement, event)["in_flight"], **_still_held(settlement)}}


def _no_longer_awaited(settlement: Settlement, _: Event) -> Change:
    is_award = settlement.in_flight.get("kind") == "award_received"  # parties know of it, and not of a block
    return {"in_flight": settlement.in_flight if is_award else _still_held(settlement)}


def _still_held(settlement: Settlement) -> Change:
    """What the books hold for a payout: a confidential event may end the wait for it, but never moves the books."""
    held = settlement.in_flight.get("held", settlement.in_flight)
    return {"held": held} if held.get("kind") in ("release_cleared", "refund_cleared") else {}


def _dropped(_: Settlement, __: Event) -> Change:
    return {"in_flight": {}}


def _funded(settlement: Settlement, event: Event) -> Change:
    amount = int(event.facts["amount_minor"])
    if amount != settlement.total_minor or settlement.funded_minor:
        raise Refused("amount_differs", f"{amount} was paid, {settlement.total_minor} minor units are due once.")
    return {"funded_minor": amount, "in_flight": {}}


def _presented(settlement: Settlement, event: Event) -> Change:
    """Ends the wait for the documents, and for a refund: the escrow gives none while it waits for a finding."""
    return {
        "documents_sha256": event.facts["documents_sha256"],
        "round": int(event.facts["round"]),
        "complies": False,
        **_awaits_no_refund(settlement, event),
    }


def _awaits_no_refund(settlement: Settlement, _: Event) -> Change:
    return _awaits_none_of(settlement, "presentation_received", "refund_cleared")


def _awaits_none_of(settlement: Settlement, *ended: str) -> Change:
    in_flight = dict(settlement.in_flight)
    if in_flight.get("kind") in ended:
        in_flight = {}
    elif in_flight.get("held", {}).get("kind") in ended:
        del in_flight["held"]
    return {"in_flight": in_flight}


def _examined(settlement: Settlement, event: Event) -> Change:
    if event.facts["documents_sha256"] != settlement.documents_sha256:
        raise Refused("documents_differ", "The examination is of other documents than those last presented.")
    if settlement.complies:
        raise Refused("not_in_this_state", "These documents were accepted already; the escrow takes no other finding.")
    if settlement.awarded_minor is not None:
        raise Refused("not_in_this_state", "The arbiters have decided; the documents are not examined any more.")
    return {"complies": event.kind != "found_discrepant"}


def _disputed(settlement: Settlement, _: Event) -> Change:
    if "dispute_by" in settlement.dates:
        raise Refused("not_in_this_state", "A settlement is disputed once; the escrow takes no second dispute.")
    return {}


def _finding_dropped(settlement: Settlement, event: Event) -> Change:
    if not settlement.has_notice:
        raise Refused("not_in_this_state", "No notice of discrepancies stands that could have come to nothing.")
    return _awaits_no_refund(settlement, event)


def _award_of(settlement: Settlement, event: Event) -> int:
    to_seller = int(event.facts["to_seller_minor"])
    if not settlement.released_minor <= to_seller <= settlement.price_minor:
        raise Refused("amount_differs", "An award is at least what was released and at most the price.")
    return to_seller


def _award_received(settlement: Settlement, event: Event) -> Change:
    _award_of(settlement, event)
    if settlement.in_flight.get("kind") == event.kind:
        raise Refused("award_given", "An award is on its way to the escrow already.")
    return _sent(settlement, event)


def _awarded(settlement: Settlement, event: Event) -> Change:
    """Binds now that the escrow has recorded it; a refund that is on its way would be another."""
    if not settlement.held_minor:
        raise Refused("not_in_this_state", "The escrow holds nothing that could be awarded.")
    ended = ("award_received", "presentation_received", "refund_cleared")
    return {"awarded_minor": _award_of(settlement, event), **_awaits_none_of(settlement, *ended)}


def _dispute_expired(settlement: Settlement, event: Event) -> Change:
    return {**_due(settlement, event), **_awaits_none_of(settlement, "award_received")}


def _released(settlement: Settlement, event: Event) -> Change:
    amount, fee = int(event.facts["amount_minor"]), int(event.facts["fee_minor"])
    assert amount + fee <= settlement.held_minor, "released more than was held"
    return {
        "released_minor": settlement.released_minor + amount,
        "fee_accrued_minor": settlement.fee_accrued_minor + fee,
        "in_flight": {},
    }


def _refunded(settlement: Settlement, event: Event) -> Change:
    amount = int(event.facts["amount_minor"])
    assert amount == settlement.held_minor, "a refund returns everything that is held"
    return {"refunded_minor": settlement.refunded_minor + amount, "in_flight": {}}


_CHANGES: dict[str, Apply] = {
    "quote_given": _quoted,
    "signed": _signed,
    "countersigned": _signed,
    "quote_expired": _due,
    "proposal_expired": _due,
    "referred": _referred,
    "disposed": _disposed,
    "review_cleared": _review_decided,
    "refused": _review_decided,
    "blocked": _no_longer_awaited,
    "review_lapsed": _review_timed_out,
    "review_expired": _review_timed_out,
    "funding_sent": _sent,
    "funding_dropped": _dropped,
    "fund_expired": _due,
    "funded": _funded,
    "presentation_received": _presenting,
    "presented": _presented,
    "examined": _examined,
    "found_discrepant": _examined,
    "finding_dropped": _finding_dropped,
    "waived": _examined,
    "release_cleared": _sent,
    "refund_cleared": _sent,
    "reject_cleared": _reject_sent,
    "release_dropped": _dropped,
    "refund_dropped": _dropped,
    "reject_dropped": _no_longer_awaited,
    "released": _released,
    "released_in_part": _released,
    "refunded": _refunded,
    "rejected": _refunded,
    "disputed": _disputed,
    "award_received": _award_received,
    "awarded": _awarded,
    "dispute_expired": _dispute_expired,
    "freeze_ended": _due,
}
