"""Settlements, events and the log on every store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_up import NOW, funded, happen, inbox_item, logged, new_id, paper, settlement

from entrepot.core import log
from entrepot.core.lifecycle import State
from entrepot.core.money import AMOUNT_MINOR_MAX
from entrepot.core.settlement import Settlement
from entrepot.store.records import LoggedEvent, Reader
from entrepot.store.store import PAGE_MAX, Store


def keep(store: Store, *settlements: Settlement) -> None:
    """Inserts settlements."""
    with store.work() as tx:
        for entry in settlements:
            tx.settlements.insert(entry)


def get(store: Store, settlement_id: str) -> Settlement | None:
    """Reads one snapshot."""
    with store.work() as tx:
        return tx.settlements.get(settlement_id)


def due(store: Store, now: int, limit: int = 10) -> list[str]:
    """Who is due."""
    with store.work() as tx:
        return [entry.id for entry in tx.settlements.claim_due(now=now, limit=limit)]


def test_a_snapshot_comes_back_exactly(store: Store) -> None:
    one = funded(
        suspended=((State.PRESENTED, NOW),), signed_by=("seller", "buyer"), awarded_minor=0,
        in_flight={"kind": "release_cleared", "step": 0, "seq": 0, "deep": {"list": [1, [2]], "none": None}},
    )  # fmt: skip
    keep(store, one)
    assert get(store, one.id) == one
    assert get(store, new_id()) is None
    assert get(store, "nonsense") is None


def test_nobody_outside_holds_a_part_of_what_is_stored(store: Store) -> None:
    one = settlement(in_flight={"list": [1]})
    keep(store, one)
    one.in_flight["list"].append(2)
    found = get(store, one.id)
    assert found is not None and found.in_flight == {"list": [1]}
    found.in_flight["list"].append(3)
    again = get(store, one.id)
    assert again is not None and again.in_flight == {"list": [1]}


def test_a_settlement_is_inserted_once(store: Store) -> None:
    one = settlement()
    keep(store, one)
    with pytest.raises(AssertionError):
        keep(store, one)


@pytest.mark.parametrize(
    "broken",
    [
        {"released_minor": 1001},
        {"state": State.CLEARED, "dates": {"fund_by": NOW}},
        {"state": State.RELEASED},
        {"dates": {}},
        {"refunded_minor": -1},
        {"funded_minor": AMOUNT_MINOR_MAX + 1},
        {"seller": "a" * 32, "buyer": "a" * 32},
        {"step": 2},
    ],
)
def test_what_breaks_an_invariant_is_refused(store: Store, broken: dict[str, Any]) -> None:
    sound = funded()
    keep(store, sound)
    with pytest.raises(AssertionError):
        keep(store, replace(sound, id=new_id(), **broken))
    happened = logged(sound, 1)
    with pytest.raises(AssertionError), store.work() as tx:
        tx.settlements.save(replace(sound, seq=1, **broken), [happened])
    assert get(store, sound.id) == sound


def test_a_step_writes_snapshot_and_events(store: Store) -> None:
    one = settlement()
    keep(store, one)
    events = [logged(one, 1, price="1"), logged(one, 2, kind="signed")]
    after = replace(one, seq=2, step=1, state=State.QUOTED, dates={"sign_by": NOW + 10})
    with store.work() as tx:
        tx.settlements.save(after, events)
    with store.work() as tx:
        assert tx.settlements.get(one.id) == after
        assert tx.settlements.events(one.id) == events
        assert tx.settlements.events(new_id()) == []


def test_steps_follow_one_another_without_a_gap(store: Store) -> None:
    one = settlement()
    keep(store, one)
    second, first, foreign = logged(one, 2), logged(one, 1), logged(settlement(), 1)
    for seq, events in ((2, [second]), (2, [first]), (1, [second]), (1, [foreign]), (2, [second, first])):
        with pytest.raises(AssertionError), store.work() as tx:
            tx.settlements.save(replace(one, seq=seq), events)
    with store.work() as tx:
        happen(tx, one, "quote_given")
    with pytest.raises(AssertionError), store.work() as tx:
        tx.settlements.save(replace(one, seq=1), [logged(one, 1)])  # somebody else was first


@pytest.mark.parametrize(
    "change", [{"seller": "9" * 32}, {"buyer": "9" * 32}, {"created_at": NOW + 1}, {"id": "9" * 32}]
)
def test_who_and_when_never_change(store: Store, change: dict[str, Any]) -> None:
    one = settlement()
    keep(store, one)
    with pytest.raises(AssertionError), store.work() as tx:
        after = replace(one, seq=1, **change)
        tx.settlements.save(after, [logged(after, 1)])


def test_lock_returns_those_that_are_there_in_id_order(store: Store) -> None:
    first, second = settlement(), settlement()
    keep(store, second, first)
    with store.work() as tx:
        found = tx.settlements.lock([second.id, new_id(), first.id, first.id])
        assert list(found.items()) == [(first.id, first), (second.id, second)]
        assert tx.settlements.lock([]) == {}


def test_what_is_due_comes_longest_due_first(store: Store) -> None:
    late, early = settlement(dates={"propose_by": NOW}), settlement(dates={"propose_by": NOW - 9})
    ended = settlement(state=State.LAPSED, dates={})
    keep(store, late, early, ended)
    assert due(store, NOW - 10) == []
    assert due(store, NOW - 1) == [early.id]
    assert due(store, NOW) == [early.id, late.id]
    assert due(store, NOW, limit=1) == [early.id]


def test_a_postponed_act_waits_until_its_time_or_the_next_event(store: Store) -> None:
    one = settlement(dates={"propose_by": NOW})
    keep(store, one)
    with store.work() as tx:
        tx.settlements.postpone(one.id, until=NOW + 30)
    assert (due(store, NOW + 29), due(store, NOW + 30)) == ([], [one.id])
    with store.work() as tx:
        tx.settlements.postpone(one.id, until=NOW - 5)
    assert (due(store, NOW - 1), due(store, NOW)) == ([], [one.id])
    with store.work() as tx:
        tx.settlements.postpone(one.id, until=NOW + 30)
        happen(tx, one, "quote_given")
    assert due(store, NOW) == [one.id]
    with pytest.raises(AssertionError), store.work() as tx:
        tx.settlements.postpone(new_id(), until=NOW)


def test_an_escrow_is_one_settlements(store: Store) -> None:
    one, other = settlement(escrow="0x" + "12" * 20), settlement()
    keep(store, one, other)
    with store.work() as tx:
        assert tx.many.by_escrow([one.escrow, "0x" + "34" * 20, ""]) == {one.escrow: one.id}
    with pytest.raises(AssertionError), store.work() as tx:
        tx.settlements.save(replace(other, seq=1, escrow=one.escrow), [logged(other, 1)])


def test_pages_go_from_the_newest_to_the_oldest(store: Store) -> None:
    rows = [settlement(state=State.LAPSED, dates={}) if n == 1 else settlement() for n in range(5)]
    ids = [entry.id for entry in rows]
    keep(store, *rows)
    with store.work() as tx:
        first = tx.settlements.page(limit=2)
        assert [entry.id for entry in first] == [ids[4], ids[3]]
        assert [entry.id for entry in tx.settlements.page(after=first[-1].id)] == [ids[2], ids[1], ids[0]]
        assert [entry.id for entry in tx.settlements.page(state="lapsed")] == [ids[1]]
        assert tx.settlements.page(after=ids[0]) == []
        assert len(tx.settlements.page(limit=PAGE_MAX + 1)) == 5


def test_a_party_and_whoever_a_paper_is_addressed_to_see_the_settlement(store: Store) -> None:
    one, examiner = settlement(escrow="0x" + "56" * 20), new_id()
    keep(store, one)
    readers = {who: Reader(who, "treasurer") for who in (one.seller, one.buyer, examiner, new_id(), "")}

    def seeing() -> set[str]:
        found = set()
        for who, reader in readers.items():
            with store.read(reader) as tx:
                seen = (tx.settlements.get(one.id), tx.many.settlements([one.id]).get(one.id), *tx.settlements.page())
            assert seen in ((one, one, one), (None, None))
            found |= {who} if seen == (one, one, one) else set()
        return found

    assert seeing() == {one.seller, one.buyer}
    with store.work() as tx:
        tx.papers.put(paper(one, visible_to=(one.seller, examiner)))
    assert seeing() == {one.seller, one.buyer, examiner}
    with store.read(Reader("", "supervisor")) as tx:
        assert tx.settlements.get(one.id) == one
    with store.door() as tx:
        assert tx.settlements.get(one.id) is None


def test_a_party_is_not_told_of_confidential_events(store: Store) -> None:
    one = settlement()
    keep(store, one)
    with store.work() as tx:
        happen(tx, one, "quote_given", "referred", "signed")
    party, stranger, officer = Reader(one.seller, "treasurer"), Reader(new_id(), "treasurer"), Reader("", "officer")
    told = (party, ["quote_given", "signed"]), (stranger, []), (officer, ["quote_given", "referred", "signed"])
    for reader, kinds in told:
        with store.read(reader) as tx:
            assert [entry.event.kind for entry in tx.settlements.events(one.id)] == kinds
            assert [entry.event.kind for entry in tx.log.leaves(after=-1, limit=9)] == kinds
            assert tx.log.size() == 3


def _logged(store: Store, count: int) -> list[LoggedEvent]:
    """A log of `count` leaves of one settlement."""
    one = settlement()
    keep(store, one)
    with store.work() as tx:
        events = [logged(one, seq) for seq in range(1, count + 1)]
        tx.settlements.save(replace(one, seq=count), events)
        return [placed for event in events for placed in tx.log.append([event])]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_leaves_get_gapless_indices_and_the_tree_its_nodes(store: Store, count: int) -> None:
    placed = _logged(store, count)
    assert [entry.index for entry in placed] == list(range(count))
    hashes = [log.leaf_hash(entry.leaf) for entry in placed]
    nodes, frontier = log.append(0, [], hashes)
    with store.work() as tx:
        assert (tx.log.size(), tx.log.end()) == (count, (count, frontier))
        assert all(tx.log.node(level, index) == node for level, index, node in nodes)
        assert tx.log.leaves(after=-1, limit=99) == placed == tx.settlements.events(placed[0].settlement)
        assert tx.log.leaves(after=0, limit=2) == placed[1:3]
        with pytest.raises(KeyError):
            tx.log.node(0, count)


def test_an_empty_log_has_no_root_and_appending_nothing_changes_nothing(store: Store) -> None:
    with store.work() as tx:
        assert (tx.log.size(), tx.log.end()[1], tx.log.append([]), tx.log.checkpoint()) == (0, [], [], None)


def test_an_event_is_logged_once_and_only_if_it_was_saved(store: Store) -> None:
    placed = _logged(store, 1)
    with pytest.raises(AssertionError), store.work() as tx:
        tx.log.append(placed)
    with pytest.raises(AssertionError), store.work() as tx:
        tx.log.append([logged(settlement(), 1)])
    with store.work() as tx:
        assert tx.log.size() == 1


def test_a_log_batch_that_rolls_back_leaves_no_gap(store: Store) -> None:
    one = settlement()
    keep(store, one)
    with pytest.raises(ZeroDivisionError), store.work() as tx:
        happen(tx, one, "quote_given", "signed")
        raise ZeroDivisionError
    with store.work() as tx:
        assert (tx.log.size(), tx.settlements.events(one.id)) == (0, [])
        happen(tx, one, "quote_given")
        assert tx.settlements.events(one.id)[0].index == 0


def test_a_checkpoint_is_kept_for_good(store: Store) -> None:
    with store.work() as tx:
        tx.log.put_checkpoint(1, "one", at=NOW)
        tx.log.put_checkpoint(3, "three", at=NOW)
        tx.log.put_checkpoint(3, "three", at=NOW + 1)
        assert (tx.log.checkpoint(), tx.log.checkpoint(size=1)) == ((3, "three"), (1, "one"))
        assert tx.log.checkpoint(size=2) is None
    with pytest.raises(AssertionError), store.work() as tx:
        tx.log.put_checkpoint(3, "another", at=NOW)
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.log.checkpoint() == (3, "three")


def test_a_savepoint_undoes_its_part_and_the_rest_goes_on(store: Store) -> None:
    one, other = settlement(), settlement()
    with store.work() as tx:
        tx.settlements.insert(one)
        with pytest.raises(ZeroDivisionError), tx.savepoint():
            tx.settlements.insert(other)
            tx.inbox.put(inbox_item(key="undone"))
            raise ZeroDivisionError
        with tx.savepoint():
            after = happen(tx, one, "quote_given")
        with pytest.raises(AssertionError), tx.savepoint():
            tx.settlements.insert(one)
    with store.work() as tx:
        assert (tx.settlements.get(one.id), tx.settlements.get(other.id)) == (after, None)
        assert tx.inbox.get("api:x", "undone") is None


def test_readers_and_doors_change_no_settlement(store: Store) -> None:
    one = settlement()
    keep(store, one)
    for opened in (lambda: store.read(Reader("", "operator")), store.door):
        with pytest.raises(AssertionError), opened() as tx:
            tx.settlements.insert(settlement())
        with pytest.raises(AssertionError), opened() as tx:
            tx.settlements.lock([one.id])
        with pytest.raises(AssertionError), opened() as tx:
            tx.settlements.save(replace(one, seq=1), [logged(one, 1)])
        with pytest.raises(AssertionError), opened() as tx:
            tx.settlements.postpone(one.id, until=NOW)
        with pytest.raises(AssertionError), opened() as tx:
            tx.settlements.claim_due(now=2 * NOW, limit=1)
        with pytest.raises(AssertionError), opened() as tx:
            tx.log.put_checkpoint(1, "x", at=NOW)
    assert get(store, one.id) == one
