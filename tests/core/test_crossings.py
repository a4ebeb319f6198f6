"""What the escrow takes once is taken once by us, and what it recorded before it heard of us is true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from entrepot.core.errors import Refused
from entrepot.core.ids import new_settlement_id
from entrepot.core.lifecycle import Role, State
from entrepot.core.settlement import Event, Settlement, apply

T0 = 1_790_000_000
DATES = {"release_at": T0 + 50, "present_by": T0 + 90, "cure_by": T0 + 90, "ask_rail_at": T0}
HELD = Settlement(
    id=new_settlement_id(T0 * 1000, b"\x01" * 10), seller="s" * 32, buyer="b" * 32, state=State.FUNDED, created_at=T0,
    asset="a", price_minor=100, fee_minor=1, funded_minor=101, dates=DATES, documents_sha256="0xdd",
)  # fmt: skip
DOCUMENTS = {"documents_sha256": "0xdd", "round": 1}


def test_a_settlement_is_disputed_once() -> None:
    disputed = apply(HELD, Event("disputed", T0, Role.BUYER, dates={"dispute_by": T0 + 9}))
    again = apply(disputed, Event("dispute_expired", T0 + 9, Role.CLOCK))
    assert (disputed.state, again.state) == (State.DISPUTED, State.FUNDED)
    with pytest.raises(Refused):
        apply(again, Event("disputed", T0 + 10, Role.SELLER, dates={"dispute_by": T0 + 20}))


@pytest.mark.parametrize("changes", [{"complies": True}, {"awarded_minor": 5}])
def test_accepted_or_awarded_documents_are_examined_no_more(changes: dict[str, int]) -> None:
    presented = replace(HELD, state=State.PRESENTED)
    finding = Event("found_discrepant", T0, Role.EXAMINER, facts=DOCUMENTS)
    assert apply(presented, finding).state is State.DISCREPANT
    with pytest.raises(Refused):
        apply(replace(presented, **changes), finding)


def test_documents_recorded_meanwhile_are_examined_after_the_freeze() -> None:
    frozen = apply(HELD, Event("frozen", T0, Role.AUTHORITY, "person", dates={"frozen_until": T0 + 9}))
    recorded = apply(frozen, Event("presented", T0 + 1, Role.RAIL, facts=DOCUMENTS))
    assert recorded.state is State.FROZEN
    assert apply(recorded, Event("unfrozen", T0 + 2, Role.AUTHORITY, "other")).state is State.PRESENTED


def test_documents_recorded_after_a_waiver_are_examined_afresh() -> None:
    waived = replace(HELD, state=State.PRESENTED, complies=True)
    anew = apply(waived, Event("presented", T0, Role.RAIL, facts=DOCUMENTS | {"round": 2}))
    assert (anew.state, anew.round, anew.complies) == (State.PRESENTED, 2, False)


@pytest.mark.parametrize(("presented_at", "held_up_s"), [(T0 + 40, 60), (T0 - 30, 100)])
def test_documents_recorded_under_a_freeze_are_given_the_days_of_it_that_were_left(
    presented_at: int, held_up_s: int
) -> None:
    """The escrow counts the examination from the freeze's end, and so do we: no day before it, and none twice."""
    frozen = apply(HELD, Event("frozen", T0, Role.AUTHORITY, "person", dates={"frozen_until": T0 + 100}))
    dates = {"presented_at": presented_at, "examine_by": T0 + 540, "release_at": T0 + 640}
    recorded = apply(frozen, Event("presented", T0 + 41, Role.RAIL, facts=DOCUMENTS, dates=dates))
    resumed = apply(recorded, Event("freeze_ended", T0 + 107, Role.CLOCK))
    assert (resumed.dates["examine_by"], resumed.dates["release_at"]) == (T0 + 540 + held_up_s, T0 + 640 + held_up_s)


def test_a_notice_is_undone_only_where_the_books_go_by_one() -> None:
    dropped = Event("finding_dropped", T0, Role.RAIL, facts=DOCUMENTS)
    wrong = replace(HELD, state=State.DISCREPANT)
    assert apply(wrong, dropped).state is State.PRESENTED
    dates = DATES | {"dispute_by": T0 + 9}
    disputed = replace(HELD, state=State.DISPUTED, suspended=((State.DISCREPANT, T0),), dates=dates)
    assert apply(disputed, dropped).suspended == ((State.PRESENTED, T0),)
    elsewhere = replace(disputed, suspended=((State.FUNDED, T0),))
    for other in (elsewhere, replace(HELD, state=State.REFUNDING, awarded_minor=0)):
        with pytest.raises(Refused):
            apply(other, dropped)


def test_an_award_is_of_money_that_is_held() -> None:
    dates = DATES | {"review_by": T0 + 9}
    review = replace(HELD, state=State.IN_REVIEW, suspended=((State.PRESENTED, T0),), dates=dates)
    award = Event("awarded", T0, Role.RAIL, facts={"to_seller_minor": "0"})
    assert apply(review, award).awarded_minor == 0
    with pytest.raises(Refused):
        apply(replace(review, funded_minor=0, suspended=((State.AGREED, T0),)), award)


def test_an_award_recorded_under_a_freeze_ends_the_dispute_and_what_lay_under_it() -> None:
    dates = DATES | {"dispute_by": T0 + 900, "frozen_until": T0 + 100}
    under = ((State.DISCREPANT, T0), (State.DISPUTED, T0 + 10))
    frozen = replace(HELD, state=State.FROZEN, suspended=under, dates=dates)
    award = Event("awarded", T0 + 50, Role.RAIL, facts={"to_seller_minor": "0"}, dates={"release_at": T0 + 50})
    awarded = apply(frozen, award)
    assert (awarded.state, awarded.suspended) == (State.FROZEN, ((State.PRESENTED, T0 + 50),))
    resumed = apply(awarded, Event("freeze_ended", T0 + 100, Role.CLOCK))
    assert (resumed.state, resumed.suspended, resumed.dates["release_at"]) == (State.PRESENTED, (), T0 + 100)
