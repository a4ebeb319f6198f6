"""Whole stories as a banker would tell them: state by state, with what the books say at the end."""

from __future__ import annotations

import dataclasses
import json

import pytest

from entrepot.core import bookkeeping
from entrepot.core.errors import Refused
from entrepot.core.ids import new_settlement_id
from entrepot.core.ledger import Phase
from entrepot.core.lifecycle import LIFECYCLE, STATES, Role, State
from entrepot.core.settlement import Event, Settlement, apply, event_of, leaf, replay

T0 = 1_790_000_000
DATES = {"propose_by": T0 + 100, "sign_by": T0 + 200, "check_at": T0, "fund_by": T0 + 1000, "present_by": T0 + 5000}


def opened() -> Settlement:
    return Settlement(
        id=new_settlement_id(T0 * 1000, b"\x01" * 10), seller="s" * 32, buyer="b" * 32, state=State.PROPOSED,
        created_at=T0, dates=DATES,
    )  # fmt: skip


TERMS = {
    "asset": "eip155:31337/erc20:0x" + "11" * 20,
    "price_minor": "1000",
    "fee_minor": "10",
    "terms_hash": "0xaa",
    "escrow": "0xee",
}
DOCS = {"documents_sha256": "0xdd", "round": 1}

STORIES = {
    "clean": """
        quote_given           operator  quoted
        signed                seller    quoted
        countersigned         buyer     agreed
        cleared               rules     cleared
        funding_sent          buyer     funding
        funded                rail      funded
        presentation_received seller    funded
        presented             rail      presented
        examined              examiner  presented
        release_cleared       rules     releasing
        released              rail      released
        """,
    "gone": """
        quote_given           operator  quoted
        signed                buyer     quoted
        countersigned         seller    agreed
        cleared               rules     cleared
        funded                rail      funded
        refund_cleared        rules     refunding
        refunded              rail      refunded
        """,
    "listed after funding": """
        quote_given           operator  quoted
        signed                buyer     quoted
        countersigned         seller    agreed
        cleared               rules     cleared
        funded                rail      funded
        presented             rail      presented
        blocked               rules     blocked
        """,
    "review": """
        quote_given           operator  quoted
        signed                buyer     quoted
        countersigned         seller    agreed
        referred              rules     in_review
        disposed              officer   in_review
        review_cleared        officer   agreed
        cleared               rules     cleared
        """,
}
FACTS = {
    "quote_given": TERMS,
    "signed": {"terms_hash": "0xaa"},
    "countersigned": {"terms_hash": "0xaa"},
    "funding_sent": {},
    "funded": {"amount_minor": "1010"},
    "presentation_received": DOCS,
    "presented": DOCS,
    "examined": DOCS,
    "release_cleared": {"amount_minor": "1000", "fee_minor": "10"},
    "released": {"amount_minor": "1000", "fee_minor": "10"},
    "refund_cleared": {"amount_minor": "1010"},
    "refunded": {"amount_minor": "1010"},
}
NEXT_DATES = {
    "referred": {"review_by": T0 + 900},
    "funding_sent": {"ask_rail_at": T0 + 50},
    "presented": {"release_at": T0 + 7000},
    "release_cleared": {"ask_rail_at": T0 + 50},
    "refund_cleared": {"ask_rail_at": T0 + 50},
    "blocked": {"block_review_by": T0 + 9000},
}


def tell(story: str) -> tuple[list[Settlement], list[Event]]:
    settlement, told, events = opened(), [opened()], []
    for number, line in enumerate(filter(None, map(str.split, STORIES[story].splitlines()))):
        kind, by, becomes = line
        event = Event(kind, T0 + number, Role(by), f"p{number}", FACTS.get(kind, {}), NEXT_DATES.get(kind, {}))
        settlement = apply(settlement, event)
        assert settlement.state == becomes, kind
        told.append(settlement)
        events.append(event)
    return told, events


@pytest.mark.parametrize("story", STORIES)
def test_story_goes_as_told_and_replays_from_its_leaves(story: str) -> None:
    told, events = tell(story)
    leaves = [leaf(before, event, after) for before, event, after in zip(told, events, told[1:], strict=False)]
    read_back = [event_of(json.loads(raw)) for raw in leaves]
    assert replay(opened(), read_back) == told[-1]


@pytest.mark.parametrize("story", STORIES)
def test_books_hold_exactly_what_the_settlement_holds(story: str) -> None:
    told, events = tell(story)
    balances: dict[str, int] = {}
    pending: dict[str, int] = {}
    for before, event in zip(told, events, strict=False):
        for transfer in bookkeeping.transfers_for(before, event):
            if transfer.phase is Phase.PENDING:
                pending[transfer.id] = transfer.amount_minor
                continue
            if transfer.phase in (Phase.POST, Phase.VOID):
                assert pending.pop(transfer.pending_id) == transfer.amount_minor
            if transfer.phase is not Phase.VOID:
                balances[transfer.debit] = balances.get(transfer.debit, 0) - transfer.amount_minor
                balances[transfer.credit] = balances.get(transfer.credit, 0) + transfer.amount_minor
    last = told[-1]
    assert sum(balances.values()) == 0
    if last.asset:
        escrow, *_ = bookkeeping.accounts_of(last)
        assert balances.get(escrow.id, 0) == last.held_minor
    if last.is_ended:
        assert not pending


def test_every_state_that_may_hold_money_has_a_dated_next_act() -> None:
    assert all(facts.deadline and facts.next_act for facts in STATES.values() if facts.holds_money)


def test_nothing_leaves_an_ended_state_but_what_lies_beside_the_trade_and_money_that_lands_late() -> None:
    beside = {"mispaid", "return_cleared", "returned", "fee_cleared", "fee_claimed"}
    left = {
        (line.event, line.becomes) for line in LIFECYCLE if not STATES[line.when].deadline and line.event not in beside
    }
    assert left == {("funded", State.REJECTING)}


def test_money_that_lands_after_the_end_is_on_its_way_back_at_once() -> None:
    told, _ = tell("clean")
    lapsed = apply(told[4], Event("withdrawn", T0, Role.BUYER, "anna"))
    late = apply(lapsed, Event("funded", T0, Role.RAIL, facts=FACTS["funded"], dates={"ask_rail_at": T0}))
    assert late.state is State.REJECTING and late.held_minor == 1010 and late.next_act() == ("ask_rail", T0)


def test_an_act_by_another_role_is_refused_and_changes_nothing() -> None:
    told, _ = tell("clean")
    with pytest.raises(Refused, match="act of buyer"):
        apply(told[4], Event("funding_sent", T0, Role.SELLER, dates={"ask_rail_at": T0}))


def test_one_person_may_not_clear_a_review_alone() -> None:
    told, _ = tell("review")
    in_review = told[4]
    with pytest.raises(Refused) as refused:
        apply(in_review, Event("review_cleared", T0, Role.OFFICER, actor="anna"))
    assert refused.value.code == "same_person"
    once = apply(in_review, Event("disposed", T0, Role.OFFICER, actor="anna"))
    with pytest.raises(Refused):
        apply(once, Event("disposed", T0, Role.OFFICER, actor="anna"))
    with pytest.raises(Refused):
        apply(once, Event("review_cleared", T0, Role.OFFICER, actor="anna"))


def test_funding_with_another_amount_is_refused() -> None:
    told, _ = tell("clean")
    with pytest.raises(Refused) as refused:
        apply(told[4], Event("funded", T0, Role.RAIL, facts={"amount_minor": "1009"}))
    assert refused.value.code == "amount_differs"


def test_a_deadline_does_not_fire_early() -> None:
    quoted = apply(opened(), Event("quote_given", T0, Role.OPERATOR, facts=TERMS))
    with pytest.raises(Refused) as refused:
        apply(quoted, Event("quote_expired", T0 + 199, Role.CLOCK))
    assert refused.value.code == "not_due"
    assert apply(quoted, Event("quote_expired", T0 + 200, Role.CLOCK)).state is State.LAPSED


def test_time_on_hold_moves_the_deadline() -> None:
    told, _ = tell("gone")
    funded = dataclasses.replace(told[5])
    frozen = apply(funded, Event("frozen", T0 + 10, Role.AUTHORITY, dates={"frozen_until": T0 + 60}))
    assert frozen.next_act() == ("freeze_ended", T0 + 60)
    again = apply(frozen, Event("freeze_ended", T0 + 60, Role.CLOCK))
    assert again.state is State.FUNDED and again.dates["present_by"] == DATES["present_by"] + 50
