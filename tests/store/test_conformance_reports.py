"""Figures over time, decisions and checkpoints in order, and who was shown what, on every store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from made_up import NOW, Database, funded, held_up, logged, new_id, paper, settlement

from entrepot.core.lifecycle import State
from entrepot.core.settlement import Settlement
from entrepot.store.records import LoggedEvent, Reader
from entrepot.store.reports import Cost, Disclosure, Headroom, Held, ReservedDay, Spread, Volume
from entrepot.store.store import Store

DAY = NOW // 86_400 * 86_400
LATER = NOW + 86_400
KINDS = ("countersigned", "cleared", "funded", "presented", "released")


def events_at(of: Settlement, *times: int) -> list[LoggedEvent]:
    """One event of each kind, at these times."""
    made = [logged(of, seq, kind=kind) for seq, kind in enumerate(KINDS[: len(times)], 1)]
    return [replace(one, event=replace(one.event, at=at)) for one, at in zip(made, times, strict=True)]


def keep(store: Store, *times: int, **fields: Any) -> Settlement:
    """A settlement whose steps happened at these times."""
    one = funded(**{"funded_minor": 0} | fields)
    with store.work() as tx:
        tx.settlements.insert(one)
        made = events_at(one, *times)
        tx.settlements.save(replace(one, seq=len(made)), made)
        tx.log.append(made)
    return one


def paid(store: Store, *times: int, amount: int = 990) -> Settlement:
    """One that was paid."""
    return keep(store, *times, state=State.RELEASED, funded_minor=amount, released_minor=amount, price_minor=amount)


def staff() -> Reader:
    """A supervisor."""
    return Reader("", "supervisor")


def test_volume_counts_what_was_paid_in_the_period_by_day(store: Store) -> None:
    first = paid(store, NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 4)
    paid(store, NOW, NOW + 1, NOW + 2, NOW + 3, LATER, amount=10)
    paid(store, NOW, NOW + 1, NOW + 2, NOW + 3, LATER + 86_400, amount=7)  # after the period
    keep(store, NOW, NOW + 1)
    with store.read(staff()) as tx:
        found = tx.reports.volumes(since=DAY, until=DAY + 2 * 86_400)
    assert found == [Volume(DAY, first.asset, 1, 990), Volume(DAY + 86_400, first.asset, 1, 10)]
    with store.read(Reader(first.seller, "treasurer")) as tx:
        assert tx.reports.volumes(since=0, until=2 * LATER) == found[:1]
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.reports.volumes(since=0, until=2 * LATER) == []


def test_steps_say_how_long_each_took(store: Store) -> None:
    for minutes in (1, 2, 90):
        paid(store, NOW, NOW + 2, NOW + 10, NOW + 20, NOW + minutes * 60)
    with store.read(staff()) as tx:
        found = tx.reports.steps(since=DAY, until=LATER, bounds=(60, 3600))
    over_all = {one.step: one for one in found if one.bucket is None}
    assert over_all["all"] == Spread("all", None, 3, 120, 5400)
    assert over_all["cleared"] == Spread("cleared", None, 3, 2, 2)
    assert [one for one in found if one.step == "all"][1:] == [
        Spread("all", 1, 2, 60, 120),  # a bucket includes its lower bound
        Spread("all", 2, 1, 5400, 5400),
    ]
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.reports.steps(since=DAY, until=LATER, bounds=(60, 3600)) == []


def test_cost_is_the_fee_and_the_money_tied_up(store: Store) -> None:
    ten_days = {"present_by": NOW + 10 * 86_400 - 5}
    one = keep(store, NOW, price_minor=1_000_000, fee_minor=1_000, dates=ten_days)
    keep(store, LATER, price_minor=1_000_000, fee_minor=5_000, dates={"present_by": NOW})
    tied = 1_001_000 * 5 * 10 // 36_500
    assert tied == 1371
    with store.read(staff()) as tx:
        found = tx.reports.costs(since=DAY, until=DAY + 2 * 86_400, percent=5)
    assert found == [Cost(None, 2, 237, 500), Cost(DAY, 1, 237, 237), Cost(DAY + 86_400, 1, 500, 500)]
    with store.read(Reader(one.buyer, "treasurer")) as tx:
        assert [row.count for row in tx.reports.costs(since=DAY, until=DAY + 2 * 86_400, percent=5)] == [1, 1]


def test_what_is_looked_at_is_counted_among_what_it_was_before(store: Store) -> None:
    review = held_up(State.IN_REVIEW, State.PRESENTED)
    frozen = held_up(State.FROZEN, State.DISPUTED, State.IN_REVIEW)
    blocked = held_up(State.BLOCKED, State.PRESENTED, State.FROZEN)
    with store.work() as tx:
        for one in (funded(), review, frozen, blocked):
            tx.settlements.insert(one)
    with store.read(staff()) as tx:
        assert tx.reports.open_states() == {"disputed": 1, "funded": 1, "presented": 2}


def test_outcomes_count_states_and_open_ones_have_no_period(store: Store) -> None:
    with store.work() as tx:
        for one in (settlement(), settlement(), settlement(created_at=LATER), funded()):
            tx.settlements.insert(one)
    paid(store, NOW)
    with store.read(staff()) as tx:
        assert tx.reports.outcomes(since=DAY, until=LATER) == {"funded": 1, "proposed": 2, "released": 1}
        assert tx.reports.open_states() == {"funded": 1, "proposed": 3}
    with store.read(Reader(one.seller, "treasurer")) as tx:
        assert tx.reports.outcomes(since=DAY, until=LATER) == tx.reports.open_states() == {"funded": 1}


def test_what_lies_in_escrow_is_counted_by_asset_as_far_as_it_may_be_seen(store: Store) -> None:
    one, other = funded(), replace(funded(), asset="eip155:1/erc20:0xab")
    with store.work() as tx:
        for each in (one, held_up(State.BLOCKED, State.PRESENTED), other, settlement()):
            tx.settlements.insert(each)
    paid(store, NOW)
    with store.read(staff()) as tx:
        ours = [row for row in tx.reports.held() if row.asset == one.asset]
        assert [row.count for row in ours] == [2] and len(tx.reports.held()) == 2
    with store.read(Reader(other.seller, "treasurer")) as tx:
        assert tx.reports.held() == [Held(other.asset, 1, other.held_minor)]


def test_headroom_says_who_uses_how_much_and_what_leaves_first(store: Store) -> None:
    big, small, freed = new_id(), new_id(), new_id()
    with store.work() as tx:
        for of, who, amount, at in (
            (new_id(), big, 30, NOW), (new_id(), big, 50, NOW - 9), (new_id(), small, 20, NOW), (freed, small, 40, NOW),
            (new_id(), small, 99, NOW - 1000),
        ):  # fmt: skip
            assert tx.checks.reserve(settlement=of, participant=who, amount_minor=amount, cap_minor=999, since=0, at=at)
        tx.checks.free(freed, at=NOW)
    with store.read(staff()) as tx:
        assert tx.reports.headroom(since=NOW - 100) == [
            Headroom(big, 2, 80, NOW - 9, 50),
            Headroom(small, 1, 20, NOW, 20),
        ]
        assert [one.participant for one in tx.reports.headroom(since=NOW - 100, limit=1)] == [big]
        assert tx.reports.reserved_by_day(since=NOW - 100, until=NOW + 1) == [ReservedDay(DAY, 100, 40)]
    with store.read(Reader(small, "treasurer")) as tx:
        assert [one.participant for one in tx.reports.headroom(since=0)] == [small]
        assert tx.reports.reserved_by_day(since=NOW - 100, until=NOW + 1) == [ReservedDay(DAY, 20, 40)]


def test_checkpoints_come_largest_first_with_their_time(store: Store) -> None:
    with store.work() as tx:
        for size in (1, 2, 5):
            tx.log.put_checkpoint(size, f"note {size}", at=NOW + size)
        tx.log.put_checkpoint(5, "note 5", at=NOW + 99)  # the same again changes nothing
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.reports.checkpoints(limit=2) == [(5, "note 5", NOW + 5), (2, "note 2", NOW + 2)]
        assert tx.reports.checkpoints(before=2) == [(1, "note 1", NOW + 1)]


def test_decisions_are_the_staffs_newest_first(store: Store) -> None:
    one = funded()
    first, second = (replace(paper(one), kind=f"decision_{act}") for act in ("fund", "release"))
    with store.work() as tx:
        tx.settlements.insert(one)
        for kept in (first, paper(one), second):
            tx.papers.put(kept)
    with store.read(staff()) as tx:
        (place, newest), (_, oldest) = tx.reports.decisions()
        assert (newest, oldest) == (second, first)
        assert [kept for _, kept in tx.reports.decisions(before=place)] == [first]
    with store.read(Reader(one.seller, "treasurer")) as tx:
        assert tx.reports.decisions() == []


def disclosure(*whose: str, **fields: Any) -> Disclosure:
    """An officer opened something."""
    values: dict[str, Any] = {
        "id": new_id(), "at": NOW, "person": new_id(), "role": "officer", "participant": new_id(), "what": "document",
        "about": "ab" * 16, "whose": whose, "purpose": "screening", "is_confidential": False,
    }  # fmt: skip
    return Disclosure(**values | fields)


def test_a_disclosure_is_seen_by_whom_it_is_about_unless_it_is_confidential(store: Store) -> None:
    seller, buyer = new_id(), new_id()
    open_one, hidden = disclosure(seller, settlement=new_id()), disclosure(seller, buyer, is_confidential=True)
    with store.work() as tx:
        for one in (open_one, hidden, open_one):  # the same again is the same
            tx.reports.put_disclosure(one)
    with store.read(staff()) as tx:
        newest, oldest = tx.reports.disclosures()
        assert (replace(newest, place=0), replace(oldest, place=0)) == (hidden, open_one)
        assert tx.reports.disclosures(before=newest.place) == [oldest]
        assert tx.reports.disclosures(limit=1) == [newest]
    with store.read(Reader(seller, "treasurer")) as tx:
        assert tx.reports.disclosures() == [oldest]
    with store.read(Reader(buyer, "treasurer")) as tx:
        assert tx.reports.disclosures() == []
    with pytest.raises((AssertionError, psycopg.Error)), store.work() as tx:
        tx.reports.put_disclosure(disclosure(seller, purpose=""))


def test_postgres_keeps_disclosures_append_only(database: Database) -> None:
    store = database.open()
    with store.work() as tx:
        tx.reports.put_disclosure(disclosure(new_id()))
    store.close()
    for dsn in (database.owner_dsn, database.work_dsn, database.serve_dsn):
        for statement in ("UPDATE disclosures SET purpose = 'x'", "DELETE FROM disclosures"):
            with pytest.raises(psycopg.Error), psycopg.connect(dsn) as connection:
                connection.execute(statement)
