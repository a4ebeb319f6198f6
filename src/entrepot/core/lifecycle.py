"""The life-cycle of a settlement as one table, and what each party may see of each state.

When it is / and this happens / by whom / it becomes. Nothing else changes a state, and there is no force flag.
A state ending in -ing waits for the rail. Every state that may hold money has a dated next act.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The states of a settlement."""

    PROPOSED = "proposed"
    QUOTED = "quoted"
    AGREED = "agreed"
    IN_REVIEW = "in_review"
    CLEARED = "cleared"
    FUNDING = "funding"
    FUNDED = "funded"
    PRESENTED = "presented"
    DISCREPANT = "discrepant"
    RELEASING = "releasing"
    RELEASED = "released"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    REJECTING = "rejecting"
    REJECTED = "rejected"
    REFUSED = "refused"
    LAPSED = "lapsed"
    DISPUTED = "disputed"
    FROZEN = "frozen"
    BLOCKED = "blocked"


class Role(StrEnum):
    """Who may make something happen. `rules` is the decision, `rail` the chain, `clock` a date that passed."""

    SELLER = "seller"
    BUYER = "buyer"
    OPERATOR = "operator"
    OFFICER = "officer"
    EXAMINER = "examiner"
    ARBITER = "arbiter"
    AUTHORITY = "authority"
    RULES = "rules"
    RAIL = "rail"
    CLOCK = "clock"


class Becomes(StrEnum):
    """Two targets that depend on the settlement: it stays, or goes back to the state it was suspended from."""

    SAME = "(same)"
    RESUME = "(resumes)"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `suspends` lines remember the state they left, for RESUME."""

    when: State
    event: str
    by: tuple[Role, ...]
    becomes: State | Becomes
    suspends: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a state: what parties see, whether money may be held, and its dated next act.

    `public` is the state's name to the parties: states that confidential causes share with ordinary ones share it.
    `deadline` names the date in `Settlement.dates` at which `next_act` becomes due if nobody acts; "" only where
    nothing is due. `is_due_now` states act at once. `says` is what a banker reads.
    """

    public: str
    holds_money: bool
    deadline: str
    next_act: str
    says: str
    is_due_now: bool = False


_PARTIES = (Role.SELLER, Role.BUYER)
_RESTING = (State.FUNDED, State.PRESENTED, State.DISCREPANT)  # money waits and no payment is under way
_PAYING = (State.RELEASING, State.REFUNDING, State.REJECTING)
HIDDEN = (State.IN_REVIEW, State.FROZEN, State.BLOCKED)  # parties are shown the state that was left for these
UNDER_ORDER = (State.FROZEN, State.BLOCKED)  # the escrow pays nobody
UNPAID = (State.PROPOSED, State.QUOTED, State.AGREED, State.IN_REVIEW, State.CLEARED)  # may still be funded
AS_BEFORE = "(as before)"
_SUSPENDED = (State.IN_REVIEW, State.DISPUTED, State.FROZEN, State.BLOCKED)
_HOLDING = (*_RESTING, *_PAYING, *_SUSPENDED)
_HOLDING_ELSEWHERE = tuple(state for state in _HOLDING if state is not State.RELEASING)

STATES: dict[State, Facts] = {
    State.PROPOSED: Facts(
        "proposed", False, "propose_by", "proposal_expired", "An invoice is proposed for settlement."
    ),
    State.QUOTED: Facts("quoted", False, "sign_by", "quote_expired", "A firm price waits for both signatures."),
    State.AGREED: Facts("checking", False, "check_at", "check", "Both signed; the checks run.", is_due_now=True),
    State.IN_REVIEW: Facts(AS_BEFORE, True, "review_by", "review_expired", "The checks take longer than usual."),
    State.CLEARED: Facts("cleared", False, "fund_by", "fund_expired", "The buyer may pay into escrow."),
    State.FUNDING: Facts("funding", False, "ask_rail_at", "ask_rail", "The payment is on its way into escrow."),
    State.FUNDED: Facts("funded", True, "present_by", "refund_check", "The money waits in escrow for the documents."),
    State.PRESENTED: Facts("presented", True, "release_at", "release_check", "The documents are being examined."),
    State.DISCREPANT: Facts("discrepant", True, "cure_by", "refund_check", "The documents do not match the terms."),
    State.RELEASING: Facts("releasing", True, "ask_rail_at", "ask_rail", "The money is on its way to the seller."),
    State.RELEASED: Facts("released", False, "", "", "The seller has been paid."),
    State.REFUNDING: Facts("refunding", True, "ask_rail_at", "ask_rail", "The money is on its way back to the buyer."),
    State.REFUNDED: Facts("refunded", False, "", "", "The buyer's money went back."),
    State.REJECTING: Facts("refunding", True, "ask_rail_at", "ask_rail", "The money is on its way back to the buyer."),
    State.REJECTED: Facts("refunded", False, "", "", "The buyer's money went back."),
    State.REFUSED: Facts("ended", False, "", "", "This settlement cannot go on."),
    State.LAPSED: Facts("ended", False, "", "", "This settlement cannot go on."),
    State.DISPUTED: Facts("disputed", True, "dispute_by", "dispute_expired", "The arbiters decide."),
    State.FROZEN: Facts(AS_BEFORE, True, "frozen_until", "freeze_ended", "The settlement is on hold."),
    State.BLOCKED: Facts(AS_BEFORE, True, "block_review_by", "block_review_due", "The settlement is on hold."),
}


def _each(
    states: Iterable[State],
    event: str,
    by: Role | tuple[Role, ...],
    becomes: State | Becomes,
    *,
    suspends: bool = False,
) -> tuple[Line, ...]:
    roles = by if isinstance(by, tuple) else (by,)
    return tuple(Line(state, event, roles, becomes, suspends) for state in states)


S, R, B = State, Role, Becomes
LIFECYCLE: tuple[Line, ...] = (
    # Propose, quote, agree
    *_each((S.PROPOSED, S.QUOTED), "quote_given", R.OPERATOR, S.QUOTED),
    # A party is paid elsewhere: the signatures are void, and what was checked is checked again
    *_each((S.AGREED, S.IN_REVIEW, S.CLEARED), "quote_given", R.OPERATOR, S.QUOTED),
    *_each((S.PROPOSED,), "proposal_expired", R.CLOCK, S.LAPSED),
    *_each((S.QUOTED,), "signed", _PARTIES, B.SAME),
    *_each((S.QUOTED,), "countersigned", _PARTIES, S.AGREED),
    *_each((S.QUOTED,), "quote_expired", R.CLOCK, S.LAPSED),
    *_each((S.PROPOSED, S.QUOTED, S.AGREED, S.CLEARED), "withdrawn", _PARTIES, S.LAPSED),
    # Check before funding
    *_each((S.AGREED, S.CLEARED), "cleared", R.RULES, S.CLEARED),
    *_each((S.AGREED, S.CLEARED), "referred", R.RULES, S.IN_REVIEW, suspends=True),
    *_each((S.AGREED, S.CLEARED), "refused", R.RULES, S.REFUSED),
    # Review: two persons dispose of every hit, then the checks run again
    *_each((S.IN_REVIEW,), "disposed", R.OFFICER, B.SAME),
    *_each((S.IN_REVIEW,), "review_cleared", R.OFFICER, B.RESUME),
    *_each((S.IN_REVIEW,), "refused", R.OFFICER, S.REFUSED),
    *_each((S.IN_REVIEW,), "review_lapsed", R.CLOCK, S.REFUSED),
    *_each((S.IN_REVIEW,), "review_expired", R.CLOCK, S.REJECTING),
    # Fund
    *_each((S.CLEARED,), "funding_sent", R.BUYER, S.FUNDING),
    *_each((S.CLEARED, S.FUNDING), "funded", R.RAIL, S.FUNDED),
    # A payment that had failed may still land while its passport lasts: checked before any payout, or paid back
    *_each((S.IN_REVIEW,), "funded", R.RAIL, S.FUNDED),
    *_each((S.LAPSED, S.REFUSED), "funded", R.RAIL, S.REJECTING),
    *_each((S.FUNDING,), "funding_dropped", R.RAIL, S.CLEARED),
    *_each((S.CLEARED,), "fund_expired", R.CLOCK, S.LAPSED),
    # Present and examine
    *_each((S.FUNDED, S.DISCREPANT), "presentation_received", R.SELLER, B.SAME),
    *_each((S.FUNDED, S.DISCREPANT, S.PRESENTED), "presented", R.RAIL, S.PRESENTED),
    # Documents that the escrow recorded before it heard of what happened meanwhile: it refunds nobody then
    *_each((S.REFUNDING,), "presented", R.RAIL, S.PRESENTED),
    *_each((S.RELEASING, S.REJECTING, *_SUSPENDED), "presented", R.RAIL, B.SAME),
    *_each((S.PRESENTED,), "examined", R.EXAMINER, B.SAME),
    *_each((S.PRESENTED,), "found_discrepant", R.EXAMINER, S.DISCREPANT),
    # The notice reached the escrow after its time there, which has taken the documents for accepted
    *_each((S.DISCREPANT, S.REFUNDING), "finding_dropped", R.RAIL, S.PRESENTED),
    *_each(_SUSPENDED, "finding_dropped", R.RAIL, B.SAME),
    *_each((S.DISCREPANT,), "waived", R.BUYER, S.PRESENTED),
    # Release, refund, reject: each after a fresh check
    *_each((S.PRESENTED, S.RELEASING), "release_cleared", R.RULES, S.RELEASING),
    *_each((S.FUNDED, S.DISCREPANT, S.PRESENTED, S.REFUNDING), "refund_cleared", R.RULES, S.REFUNDING),
    *_each((S.REJECTING,), "reject_cleared", R.RULES, B.SAME),
    *_each((*_RESTING, *_PAYING), "referred", R.RULES, S.IN_REVIEW, suspends=True),
    *_each((*_RESTING, S.RELEASING, S.REFUNDING), "reject_ordered", R.RULES, S.REJECTING),
    *_each((S.RELEASING,), "release_dropped", R.RAIL, S.PRESENTED),
    *_each((S.REFUNDING,), "refund_dropped", R.RAIL, B.SAME),
    *_each((S.REJECTING,), "reject_dropped", R.RAIL, B.SAME),
    # What the chain has done is true, whatever we had decided meanwhile
    *_each(_HOLDING, "released", R.RAIL, S.RELEASED),
    *_each((S.RELEASING,), "released_in_part", R.RAIL, S.PRESENTED),
    *_each(_HOLDING_ELSEWHERE, "released_in_part", R.RAIL, B.SAME),
    *_each(_HOLDING, "refunded", R.RAIL, S.REFUNDED),
    *_each(_HOLDING, "rejected", R.RAIL, S.REJECTED),
    # Dispute
    *_each(_RESTING, "disputed", _PARTIES, S.DISPUTED, suspends=True),
    # An award binds when the escrow has recorded it, whatever we had decided meanwhile
    *_each((S.DISPUTED,), "award_received", R.ARBITER, B.SAME),
    *_each((S.DISPUTED, *_RESTING, S.REFUNDING), "awarded", R.RAIL, S.PRESENTED),
    *_each((S.RELEASING, S.REJECTING, S.IN_REVIEW, S.FROZEN, S.BLOCKED), "awarded", R.RAIL, B.SAME),
    *_each((S.DISPUTED,), "dispute_expired", R.CLOCK, B.RESUME),
    # Lawful order and listing
    *_each((*_RESTING, *_PAYING, S.IN_REVIEW, S.DISPUTED), "frozen", R.AUTHORITY, S.FROZEN, suspends=True),
    *_each((S.FROZEN,), "unfrozen", R.AUTHORITY, B.RESUME),
    *_each((S.FROZEN,), "freeze_ended", R.CLOCK, B.RESUME),
    *_each(
        (*_RESTING, *_PAYING, S.IN_REVIEW, S.DISPUTED, S.FROZEN),
        "blocked",
        (R.RULES, R.OFFICER),
        S.BLOCKED,
        suspends=True,
    ),
    *_each((S.BLOCKED,), "block_reviewed", R.OFFICER, B.SAME),
    *_each((S.BLOCKED,), "unblocked", R.OFFICER, B.RESUME),
    # Beside the trade: money that reached the address in another way, and fees claimed apart
    *_each(S, "mispaid", R.RAIL, B.SAME),
    *_each(S, "return_cleared", R.RULES, B.SAME),
    *_each(S, "returned", R.RAIL, B.SAME),
    *_each(S, "fee_cleared", R.RULES, B.SAME),
    *_each(S, "fee_claimed", R.RAIL, B.SAME),
)
LINES: dict[tuple[State, str], Line] = {(line.when, line.event): line for line in LIFECYCLE}
assert len(LINES) == len(LIFECYCLE), "one line for each state and event"

# What would tell a party of a suspicion or of an order not yet disclosed. These events are numbered apart and logged
# under a commitment instead of the settlement's id. Each of them suspends, resumes or ends, so that what remains is
# again a way through the table: parties verify it whole, and nothing in it shows that anything is missing.
CONFIDENTIAL = frozenset(
    ("referred", "disposed", "review_cleared", "review_lapsed", "review_expired", "refused", "reject_ordered",
     "reject_cleared", "reject_dropped", "frozen", "unfrozen", "freeze_ended", "blocked", "block_reviewed", "unblocked")
)  # fmt: skip

ENDED = tuple(state for state, facts in STATES.items() if not facts.deadline)
