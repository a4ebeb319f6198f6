"""Each guard of a settlement: what it lets through, the nearest thing it does not, and that a no changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from entrepot.core.errors import Refused
from entrepot.core.ids import new_settlement_id
from entrepot.core.lifecycle import CONFIDENTIAL, LIFECYCLE, LINES, STATES, Becomes, Role, State
from entrepot.core.settlement import (
    HOLDS,
    ROUNDS_MAX,
    SPENDS,
    SUSPENDED_DEPTH_MAX,
    Event,
    Settlement,
    apply,
    case_of,
    leaf,
)

T0 = 1_790_000_000
DATES = {facts.deadline: T0 + 100 for facts in STATES.values() if facts.deadline}
ONE = Settlement(
    id=new_settlement_id(T0 * 1000, b"\x01" * 10),
    seller="s" * 32,
    buyer="b" * 32,
    state=State.FUNDED,
    created_at=T0,
    case_salt="0x01",
    asset="USD",
    price_minor=1000,
    fee_minor=10,
    terms_hash="0xaa",
    escrow="0xee",
    dates=DATES,
    funded_minor=1010,
    documents_sha256="0xdd",
)
QUOTED = replace(ONE, state=State.QUOTED, funded_minor=0)
IN_REVIEW = replace(ONE, state=State.IN_REVIEW, suspended=((State.FUNDED, T0),))
DOCS = {"documents_sha256": "0xdd", "round": 1}


def event(kind: str, by: Role, *, at: int = T0, actor: str = "", **facts: Any) -> Event:
    return Event(kind, at, by, actor, facts)


def code_of(settlement: Settlement, refused_event: Event) -> str:
    with pytest.raises(Refused) as refused:
        apply(settlement, refused_event)
    return refused.value.code


@pytest.mark.parametrize("state", State)
def test_what_is_not_a_line_of_the_table_does_not_happen(state: State) -> None:
    settlement = replace(ONE, state=state)
    for kind in {line.event for line in LIFECYCLE} - {line.event for line in LIFECYCLE if line.when is state}:
        assert code_of(settlement, event(kind, Role.OPERATOR)) == "not_in_this_state"
    assert code_of(settlement, event("forced", Role.OPERATOR)) == "not_in_this_state"


@pytest.mark.parametrize("line", LIFECYCLE, ids=lambda line: f"{line.when}-{line.event}")
def test_nobody_does_anothers_act(line: Any) -> None:
    for role in set(Role) - set(line.by):
        assert code_of(replace(ONE, state=line.when), event(line.event, role)) == "not_your_act"


def test_each_side_signs_once_and_over_what_was_last_quoted() -> None:
    once = apply(QUOTED, event("signed", Role.SELLER, terms_hash="0xaa"))
    assert once.signed_by == ("seller",) and once.state is State.QUOTED
    assert code_of(once, event("countersigned", Role.SELLER, terms_hash="0xaa")) == "already_signed"
    assert code_of(once, event("countersigned", Role.BUYER, terms_hash="0xab")) == "amount_differs"
    assert code_of(once, event("signed", Role.BUYER, terms_hash="0xaa")) == "not_in_this_state"
    assert code_of(QUOTED, event("countersigned", Role.BUYER, terms_hash="0xaa")) == "not_in_this_state"
    both = apply(once, event("countersigned", Role.BUYER, terms_hash="0xaa"))
    assert both.state is State.AGREED and both.signed_by == ("seller", "buyer")


def test_a_new_quote_needs_both_signatures_again() -> None:
    once = apply(QUOTED, event("signed", Role.SELLER, terms_hash="0xaa"))
    quote = {"asset": "EUR", "price_minor": "5", "fee_minor": "1", "terms_hash": "0xbb", "escrow": "0xef"}
    again = apply(once, Event("quote_given", T0, Role.OPERATOR, facts=quote))
    assert (again.signed_by, again.asset, again.price_minor, again.fee_minor) == ((), "EUR", 5, 1)
    assert (again.terms_hash, again.escrow, again.total_minor) == ("0xbb", "0xef", 6)


def test_what_both_signed_is_quoted_again_only_before_money_arrives() -> None:
    quote = {"asset": "EUR", "price_minor": "5", "fee_minor": "1", "terms_hash": "0xbb", "escrow": "0xef"}
    for state in (State.AGREED, State.CLEARED):
        again = apply(replace(QUOTED, state=state, signed_by=("seller", "buyer")),
                      Event("quote_given", T0, Role.OPERATOR, facts=quote))  # fmt: skip
        assert (again.state, again.signed_by, again.terms_hash) == (State.QUOTED, (), "0xbb")
    unpaid = replace(QUOTED, state=State.IN_REVIEW, suspended=((State.CLEARED, T0),))
    again = apply(unpaid, Event("quote_given", T0, Role.OPERATOR, facts=quote))
    assert (again.state, again.suspended) == (State.QUOTED, ())
    paid = replace(unpaid, suspended=((State.FUNDED, T0),), funded_minor=unpaid.total_minor,
                   dates={**unpaid.dates, "present_by": T0 + 9})  # fmt: skip
    assert code_of(paid, Event("quote_given", T0, Role.OPERATOR, facts=quote)) == "not_in_this_state"


def test_a_review_takes_two_persons_and_a_name_for_each() -> None:
    assert code_of(IN_REVIEW, event("disposed", Role.OFFICER)) == "same_person"
    once = apply(IN_REVIEW, event("disposed", Role.OFFICER, actor="anna"))
    assert code_of(once, event("disposed", Role.OFFICER, actor="anna")) == "same_person"
    assert code_of(once, event("review_cleared", Role.OFFICER, actor="anna")) == "same_person"
    cleared = apply(once, event("review_cleared", Role.OFFICER, actor="ben"))
    assert cleared.state is State.FUNDED and cleared.disposed_by == ()
    twice = apply(once, event("disposed", Role.OFFICER, actor="ben"))
    assert twice.disposed_by == ("anna", "ben")
    assert apply(twice, event("review_cleared", Role.OFFICER, actor="anna")).state is State.FUNDED


def test_what_was_disposed_of_once_is_disposed_of_anew() -> None:
    stale = replace(ONE, disposed_by=("anna", "ben"))
    referred = apply(stale, replace(event("referred", Role.RULES), dates={"review_by": T0 + 9}))
    assert referred.disposed_by == ()
    assert code_of(referred, event("review_cleared", Role.OFFICER, actor="anna")) == "same_person"
    same = apply(stale, replace(event("referred", Role.RULES, disposed_by=["anna"]), dates={"review_by": T0 + 9}))
    assert code_of(same, event("review_cleared", Role.OFFICER, actor="anna")) == "same_person"
    assert apply(same, event("review_cleared", Role.OFFICER, actor="ben")).state is not State.IN_REVIEW


def test_a_review_before_money_is_refused_by_two_persons_too() -> None:
    unpaid = replace(IN_REVIEW, funded_minor=0)
    assert code_of(unpaid, event("refused", Role.OFFICER, actor="anna")) == "same_person"
    once = apply(unpaid, event("disposed", Role.OFFICER, actor="anna"))
    assert code_of(once, event("refused", Role.OFFICER, actor="anna")) == "same_person"
    assert apply(once, event("refused", Role.OFFICER, actor="ben")).state is State.REFUSED


@pytest.mark.parametrize(
    ("funded", "kind", "other"), [(0, "review_lapsed", "review_expired"), (1010, "review_expired", "review_lapsed")]
)
def test_a_review_in_which_nobody_acts_refuses_before_money_and_rejects_after(
    funded: int, kind: str, other: str
) -> None:
    waiting = replace(IN_REVIEW, funded_minor=funded)
    assert waiting.next_act() == (kind, T0 + 100)
    assert code_of(waiting, event(other, Role.CLOCK, at=T0 + 100)) == "not_in_this_state"
    assert code_of(waiting, event(kind, Role.CLOCK, at=T0 + 99)) == "not_due"
    after = apply(waiting, event(kind, Role.CLOCK, at=T0 + 100))
    assert after.state is (State.REJECTING if funded else State.REFUSED) and after.suspended == ()


CLOCKED = [line for line in LIFECYCLE if line.by == (Role.CLOCK,) and line.when is not State.IN_REVIEW]


@pytest.mark.parametrize("line", CLOCKED, ids=lambda line: line.event)
def test_no_date_passes_early(line: Any) -> None:
    held = 1010 if STATES[line.when].holds_money else 0
    settlement = replace(ONE, state=line.when, suspended=((State.FUNDED, T0),), funded_minor=held)
    assert code_of(settlement, event(line.event, Role.CLOCK, at=T0 + 99)) == "not_due"
    assert apply(settlement, event(line.event, Role.CLOCK, at=T0 + 100)).state is not line.when


def test_exactly_the_total_funds_and_only_once() -> None:
    cleared = replace(ONE, state=State.CLEARED, funded_minor=0)
    for amount in ("1009", "1011", "0"):
        assert code_of(cleared, event("funded", Role.RAIL, amount_minor=amount)) == "amount_differs"
    funded = apply(cleared, event("funded", Role.RAIL, amount_minor="1010"))
    assert (funded.held_minor, funded.spent, dict(funded.in_flight)) == (1010, 1, {})
    again = replace(ONE, state=State.FUNDING)
    assert code_of(again, event("funded", Role.RAIL, amount_minor="1010")) == "amount_differs"


def test_presentations_are_bounded_and_an_examination_is_of_the_last() -> None:
    sent = apply(replace(ONE, round=ROUNDS_MAX - 1), event("presentation_received", Role.SELLER, **DOCS))
    assert dict(sent.in_flight) == DOCS | {"kind": "presentation_received", "step": 1, "seq": 1}
    last = replace(ONE, round=ROUNDS_MAX)
    assert code_of(last, event("presentation_received", Role.SELLER, **DOCS)) == "not_in_this_state"
    presented = apply(replace(sent, complies=True), event("presented", Role.RAIL, documents_sha256="0xdf", round="2"))
    assert (presented.documents_sha256, presented.round, presented.complies) == ("0xdf", 2, False)
    assert dict(presented.in_flight) == {}
    assert code_of(presented, event("examined", Role.EXAMINER, documents_sha256="0xdd")) == "documents_differ"
    assert apply(presented, event("examined", Role.EXAMINER, documents_sha256="0xdf")).complies
    wrong = apply(presented, event("found_discrepant", Role.EXAMINER, documents_sha256="0xdf"))
    assert not wrong.complies and wrong.state is State.DISCREPANT
    assert code_of(wrong, event("waived", Role.BUYER, documents_sha256="0xdd")) == "documents_differ"
    assert apply(wrong, event("waived", Role.BUYER, documents_sha256="0xdf")).complies


@pytest.mark.parametrize(("to_seller", "is_fine"), [(199, False), (200, True), (1000, True), (1001, False)])
def test_an_award_is_between_what_was_paid_and_the_price(to_seller: int, is_fine: bool) -> None:
    disputed = replace(ONE, state=State.DISPUTED, suspended=((State.PRESENTED, T0),), released_minor=200)
    given = event("award_received", Role.ARBITER, to_seller_minor=str(to_seller))
    recorded = event("awarded", Role.RAIL, to_seller_minor=str(to_seller))
    if is_fine:
        waits = apply(disputed, given)
        assert (waits.awarded_minor, waits.state, code_of(waits, given)) == (None, State.DISPUTED, "award_given")
        awarded = apply(waits, recorded)
        assert (awarded.awarded_minor, awarded.state, awarded.suspended) == (to_seller, State.PRESENTED, ())
    else:
        assert code_of(disputed, given) == code_of(disputed, recorded) == "amount_differs"


def test_a_part_and_the_rest_are_added_up_to_what_was_paid_in() -> None:
    releasing = replace(ONE, state=State.RELEASING, in_flight={"kind": "release_cleared", "step": 1, "seq": 1})
    part = apply(releasing, event("released_in_part", Role.RAIL, amount_minor="500", fee_minor="5"))
    assert (part.released_minor, part.fee_accrued_minor, part.held_minor) == (500, 5, 505)
    assert part.state is State.PRESENTED and dict(part.in_flight) == {}
    rest = apply(replace(part, state=State.RELEASING), event("released", Role.RAIL, amount_minor="500", fee_minor="5"))
    assert (rest.released_minor, rest.fee_accrued_minor, rest.held_minor, rest.spent) == (1000, 10, 0, 2)
    back = apply(replace(part, state=State.REFUNDING), event("refunded", Role.RAIL, amount_minor="505"))
    assert (back.refunded_minor, back.held_minor, dict(back.in_flight)) == (505, 0, {})


@pytest.mark.parametrize(
    ("state", "kind", "facts"),
    [
        (State.RELEASING, "released", {"amount_minor": "1001", "fee_minor": "10"}),
        (State.RELEASING, "released", {"amount_minor": "999", "fee_minor": "10"}),
        (State.REFUNDING, "refunded", {"amount_minor": "1009"}),
        (State.REFUNDING, "refunded", {"amount_minor": "1011"}),
        (State.REJECTING, "rejected", {"amount_minor": "1009"}),
    ],
)
def test_a_payout_of_another_amount_than_is_held_stops_us(state: State, kind: str, facts: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        apply(replace(ONE, state=state), event(kind, Role.RAIL, **facts))


@pytest.mark.parametrize(
    "line", [line for line in LIFECYCLE if line.becomes is Becomes.RESUME], ids=lambda line: line.event
)
def test_what_was_left_is_resumed_and_holds_are_counted(line: Any) -> None:
    left = replace(
        ONE,
        state=line.when,
        suspended=((State.DISCREPANT, T0), (State.IN_REVIEW, T0 + 5)),
        holds=3,
        disposed_by=("anna",),
    )
    after = apply(left, event(line.event, line.by[0], at=T0 + 200, actor="ben"))
    assert after.state is State.IN_REVIEW and after.suspended == ((State.DISCREPANT, T0),)
    stood_s = {State.BLOCKED: 195, State.FROZEN: 95, State.DISPUTED: 95, State.IN_REVIEW: 0}  # to its date, T0 + 100
    held_up = dict.fromkeys(("review_by", "cure_by"), T0 + 100 + stood_s[line.when])  # what lies under a review too
    assert after.dates == DATES | held_up
    assert after.holds == 3 + (line.event in HOLDS)
    with pytest.raises(AssertionError, match="nothing to resume"):
        apply(replace(left, suspended=()), event(line.event, line.by[0], at=T0 + 200, actor="ben"))


@pytest.mark.parametrize(
    ("lifted", "noticed", "frozen_until", "stood_s"),
    [(T0 + 50, T0 + 100, T0 + 100, 100), (T0 + 50, T0 + 900, T0 + 100, 100), (T0 + 300, T0 + 900, T0 + 300, 300)],
    ids=["lifted from a freeze that runs", "the freeze's end noticed late", "the block outlasts the freeze"],
)
def test_a_freeze_under_a_block_ends_at_its_date_or_with_the_block(
    lifted: int, noticed: int, frozen_until: int, stood_s: int
) -> None:
    blocked = replace(ONE, state=State.BLOCKED, suspended=((State.FUNDED, T0), (State.FROZEN, T0 + 10)))
    frozen = apply(blocked, event("unblocked", Role.OFFICER, at=lifted, actor="ben"))
    assert (frozen.state, frozen.dates["frozen_until"]) == (State.FROZEN, frozen_until)
    after = apply(frozen, event("freeze_ended", Role.CLOCK, at=noticed))
    assert after.dates["present_by"] == DATES["present_by"] + stood_s


def test_a_date_that_was_never_set_is_not_moved() -> None:
    dates = {name: at for name, at in DATES.items() if name != "present_by"}
    frozen = replace(ONE, state=State.FROZEN, suspended=((State.FUNDED, T0),), dates=dates)
    with pytest.raises(AssertionError, match="no date"):
        apply(frozen, event("unfrozen", Role.AUTHORITY, actor="ben"))


def test_suspension_is_bounded() -> None:
    deep = replace(ONE, suspended=((State.FUNDED, T0),) * (SUSPENDED_DEPTH_MAX - 1))
    assert len(apply(deep, event("frozen", Role.AUTHORITY)).suspended) == SUSPENDED_DEPTH_MAX
    with pytest.raises(AssertionError, match="too deep"):
        apply(replace(ONE, suspended=((State.FUNDED, T0),) * SUSPENDED_DEPTH_MAX), event("frozen", Role.AUTHORITY))


@pytest.mark.parametrize(
    ("state", "suspended", "shown"),
    [
        (State.FUNDED, (), State.FUNDED),
        (State.FROZEN, (State.FUNDED,), State.FUNDED),
        (State.BLOCKED, (State.RELEASING, State.IN_REVIEW, State.FROZEN), State.RELEASING),
        (State.DISPUTED, (State.FUNDED,), State.DISPUTED),
        (State.FROZEN, (State.PRESENTED, State.DISPUTED), State.DISPUTED),
        (State.IN_REVIEW, (State.AGREED,), State.AGREED),
    ],
)
def test_parties_are_shown_the_state_that_was_left(state: State, suspended: tuple[State, ...], shown: State) -> None:
    assert replace(ONE, state=state, suspended=tuple((one, T0) for one in suspended)).shown_state is shown


def test_every_state_says_what_comes_next_or_is_an_end() -> None:
    for state, facts in STATES.items():
        act = replace(ONE, state=state).next_act()
        assert act == ((facts.next_act, T0 + 100) if facts.deadline else None)
        assert replace(ONE, state=state).is_ended is (act is None)
    assert replace(ONE, state=State.AGREED, dates={}).next_act() == ("check", T0)
    assert replace(ONE, dates={}).next_act() == ("refund_check", 0)


@pytest.mark.parametrize("state", [State.RELEASED, State.CLEARED])
def test_money_where_none_may_be_stops_us(state: State) -> None:
    with pytest.raises(AssertionError, match="money in"):
        apply(replace(ONE, state=state), event("mispaid", Role.RAIL))


def test_one_minor_unit_is_money_and_less_than_nothing_is_a_defect() -> None:
    ended = replace(ONE, state=State.RELEASED, released_minor=1010)
    assert apply(ended, event("mispaid", Role.RAIL)).seq == 1
    with pytest.raises(AssertionError, match="money in"):
        apply(replace(ended, released_minor=1009), event("mispaid", Role.RAIL))
    with pytest.raises(AssertionError, match="more than was paid in"):
        apply(replace(ended, released_minor=1011), event("mispaid", Role.RAIL))


@pytest.mark.parametrize(("kind", "spends"), [("returned", 1), ("fee_claimed", 1), ("mispaid", 0), ("fee_cleared", 0)])
def test_a_passport_spent_is_counted(kind: str, spends: int) -> None:
    after = apply(ONE, event(kind, LINES[State.FUNDED, kind].by[0]))
    assert (after.spent, after.step, after.seq) == (spends, 1, 1) and (kind in SPENDS) is bool(spends)


def test_hidden_events_are_numbered_apart() -> None:
    frozen = apply(ONE, event("frozen", Role.AUTHORITY, actor="anna"))
    assert (frozen.step, frozen.seq, frozen.holds) == (0, 1, 1) and "frozen" in CONFIDENTIAL


def test_a_case_is_found_with_its_salt_only() -> None:
    assert case_of(ONE) == case_of(replace(ONE, state=State.BLOCKED))
    assert len({case_of(ONE), case_of(replace(ONE, case_salt="0x02")), case_of(replace(ONE, id="0" * 32))}) == 3
    # printf '{"salt":"0x01","schema":"entrepot/case-id/1","settlement":"01a0c4506c0001010101010101000000"}' | sha256sum
    assert case_of(ONE) == "0x7cf5948bef244adea75f0574b7daec39aba35e7142a6cfae269fb6e1b4fe7317"


@pytest.mark.parametrize("kind", ["release_cleared", "refund_cleared"])
def test_a_hidden_event_ends_the_wait_for_a_payout_but_not_what_the_books_hold_for_it(kind: str) -> None:
    held = {"kind": kind, "step": 4, "seq": 5, "amount_minor": "1010"}
    rejecting = replace(ONE, state=State.REJECTING, in_flight=held, step=6, seq=8)
    sent = apply(rejecting, event("reject_cleared", Role.RULES, amount_minor="1010"))
    assert sent.in_flight == {"kind": "reject_cleared", "step": 7, "seq": 9, "amount_minor": "1010", "held": held}
    for kept in (
        apply(sent, event("reject_dropped", Role.RAIL)),
        apply(rejecting, event("blocked", Role.OFFICER, actor="anna")),
        apply(sent, event("blocked", Role.OFFICER, actor="anna")),
    ):
        assert kept.in_flight == {"held": held}
    assert apply(replace(rejecting, state=State.RELEASING), event("release_dropped", Role.RAIL)).in_flight == {}
    nothing = replace(rejecting, in_flight={"kind": "presentation_received", "step": 4, "seq": 5})
    assert apply(nothing, event("blocked", Role.OFFICER, actor="anna")).in_flight == {}


def test_a_leaf_says_whose_event_it_is_or_hides_it() -> None:
    told = {
        "event": "disputed",
        "by": "buyer",
        "actor": "anna",
        "at": T0,
        "facts": {"a": 1},
        "dates": {"dispute_by": 9},
    }
    open_event = Event("disputed", T0, Role.BUYER, "anna", {"a": 1}, {"dispute_by": 9})
    after = replace(ONE, step=3, seq=5)
    assert json.loads(leaf(ONE, open_event, after)) == told | {
        "schema": "entrepot/event/1", "settlement": ONE.id, "seq": 3,
    }  # fmt: skip
    assert json.loads(leaf(ONE, replace(open_event, kind="frozen"), after)) == told | {
        "event": "frozen", "schema": "entrepot/case-event/1", "case": case_of(ONE), "seq": 5,
    }  # fmt: skip


def test_a_resumed_state_is_taken_off_what_was_left_and_nothing_else() -> None:
    left = ((State.FUNDED, T0), (State.DISPUTED, T0 + 1), (State.IN_REVIEW, T0 + 2))
    after = apply(replace(ONE, state=State.FROZEN, suspended=left), event("unfrozen", Role.AUTHORITY, at=T0 + 5))
    assert (after.state, after.suspended) == (State.IN_REVIEW, left[:2])


def test_more_than_is_held_is_not_released_by_a_fee_either() -> None:
    with pytest.raises(AssertionError, match="released more than was held"):
        apply(replace(ONE, state=State.RELEASING), event("released", Role.RAIL, amount_minor="1000", fee_minor="11"))
