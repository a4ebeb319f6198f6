"""Inbox and outbox on every store: once, in order, held or leased, answered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import NOW, admit, inbox_item, new_id, outbox_item

from entrepot.core.errors import Invalid
from entrepot.store.records import InboxItem, OutboxItem, Reader
from entrepot.store.store import Store

LEASE_S = 30


def put(store: Store, *items: InboxItem) -> None:
    """Stores items in order."""
    with store.door() as tx:
        for item in items:
            tx.inbox.put(item)


def claim(store: Store, *, limit: int = 10) -> list[InboxItem]:
    """Claims in a transaction of its own, and lets go when it ends."""
    with store.work() as tx:
        return tx.inbox.claim(limit=limit)


def test_what_arrived_is_found_under_its_source_and_key(store: Store) -> None:
    item = inbox_item(
        participant=new_id(), person=new_id(), role="treasurer", settlement=new_id(), body={"a": [1, None]}
    )
    put(store, item)
    with store.door() as tx:
        assert tx.inbox.get(item.source, item.key) == item
        assert tx.inbox.get(item.source, "other") is None
        assert tx.inbox.get("other", item.key) is None


def test_the_same_key_again_returns_what_was_stored_first(store: Store) -> None:
    first = inbox_item(key="k")
    second = inbox_item(key="k", body={"n": 2}, body_sha256="bb")
    other = inbox_item(key="k", source="api:y")
    with store.door() as tx:
        assert tx.inbox.put(first) == first
        assert tx.inbox.put(second) == first
        assert tx.inbox.put(other) == other
    assert [item.id for item in claim(store)] == [first.id, other.id]


def take(store: Store, *, limit: int = 10) -> list[InboxItem]:
    """Claims and answers in a transaction of its own."""
    with store.work() as tx:
        items = tx.inbox.claim(limit=limit)
        for item in items:
            tx.inbox.answer(item.id, {"status": 200}, at=NOW)
    return items


def test_items_are_taken_once_in_order_of_arrival_within_the_limit(store: Store) -> None:
    items = [inbox_item(received_at=NOW - n) for n in range(3)]
    put(store, *items)
    assert [item.id for item in take(store, limit=2)] == [items[0].id, items[1].id]
    assert [item.id for item in take(store)] == [items[2].id]
    assert take(store) == []


def test_what_was_claimed_and_not_answered_is_free_when_the_transaction_ends(store: Store) -> None:
    items = [inbox_item() for _ in range(3)]
    put(store, *items)
    with store.work() as tx:
        assert len(tx.inbox.claim(limit=3)) == 3
        tx.inbox.answer(items[1].id, {"status": 200}, at=NOW)
    assert [item.id for item in claim(store)] == [items[0].id, items[2].id]


def test_a_claim_that_rolls_back_holds_nothing(store: Store) -> None:
    put(store, inbox_item())
    with pytest.raises(ZeroDivisionError), store.work() as tx:
        assert len(tx.inbox.claim(limit=1)) == 1
        raise ZeroDivisionError
    assert len(claim(store)) == 1


def test_one_open_item_of_a_settlement_at_a_time(store: Store) -> None:
    one, other = new_id(), new_id()
    items = [inbox_item(settlement=one), inbox_item(settlement=one), inbox_item(settlement=other), inbox_item()]
    put(store, *items)
    assert [item.id for item in claim(store)] == [items[0].id, items[2].id, items[3].id]
    with store.work() as tx:
        tx.inbox.answer(items[0].id, {"status": 200}, at=NOW)
    assert [item.id for item in claim(store)] == [items[1].id, items[2].id, items[3].id]


def test_an_answer_is_read_and_given_once(store: Store) -> None:
    item = inbox_item()
    put(store, item)
    with store.work() as tx:
        tx.inbox.answer(item.id, {"status": 409, "body": {"code": "x"}}, at=NOW)
    with store.door() as tx:
        kept = tx.inbox.get(item.source, item.key)
    assert kept is not None and kept.answer == {"status": 409, "body": {"code": "x"}}
    assert claim(store) == []
    with pytest.raises(AssertionError), store.work() as tx:
        tx.inbox.answer(item.id, {"status": 200}, at=NOW)
    with pytest.raises(AssertionError), store.work() as tx:
        tx.inbox.answer(new_id(), {"status": 200}, at=NOW)


def test_a_poisoned_item_is_set_aside_and_lets_the_next_one_through(store: Store) -> None:
    one = new_id()
    items = [inbox_item(settlement=one), inbox_item(settlement=one)]
    put(store, *items)
    claim(store)
    with store.work() as tx:
        tx.inbox.set_aside(items[0].id, "ValueError", at=NOW)
        assert [(item.id, item.set_aside) for item in tx.inbox.stuck()] == [(items[0].id, "ValueError")]
    assert [item.id for item in claim(store)] == [items[1].id]
    with pytest.raises(AssertionError), store.work() as tx:
        tx.inbox.set_aside(new_id(), "unknown", at=NOW)


def test_what_is_no_id_is_not_stored(store: Store) -> None:
    with pytest.raises(Invalid):
        put(store, inbox_item(settlement="nonsense"))
    assert claim(store) == []


def test_a_party_reads_its_own_requests_and_staff_all(store: Store) -> None:
    item = inbox_item(participant=new_id())
    admit(store, item.participant, name="Acme")
    put(store, item)
    for reader, expected in ((Reader(item.participant, "treasurer"), item), (Reader(new_id(), "treasurer"), None),
                             (Reader("", "treasurer"), None), (Reader("", "officer"), item)):  # fmt: skip
        with store.read(reader) as tx:
            assert tx.inbox.get(item.source, item.key) == expected


def claim_out(store: Store, *, now: int = NOW, limit: int = 10) -> list[OutboxItem]:
    """Claims outgoing items in a transaction of its own."""
    with store.work() as tx:
        return tx.outbox.claim(now=now, limit=limit, lease_s=LEASE_S)


def test_an_outgoing_item_is_written_once(store: Store) -> None:
    with store.work() as tx:
        tx.outbox.put([outbox_item("a"), outbox_item("a", error="second")])
        tx.outbox.put([outbox_item("a", error="third")])
        tx.outbox.put([])
        assert tx.outbox.open_count() == 1
    assert claim_out(store) == [outbox_item("a")]


def test_due_items_are_claimed_earliest_first_and_leased(store: Store) -> None:
    late, early, later = (
        OutboxItem(once=f"n{due}", kind="message", settlement="", body={}, due_at=NOW + due) for due in (0, -5, 1)
    )
    with store.work() as tx:
        tx.outbox.put([late, early, later])
    assert claim_out(store, limit=1) == [early]
    assert claim_out(store) == [late]
    assert claim_out(store, now=NOW + 1) == [later]
    assert claim_out(store, now=NOW + LEASE_S - 1) == []
    assert claim_out(store, now=NOW + LEASE_S) == [early, late]


def test_a_kind_that_a_loop_of_its_own_takes_is_left_to_it(store: Store) -> None:
    slow, quick = replace(outbox_item("slow"), kind="reconcile"), replace(outbox_item("quick"), kind="message")
    with store.work() as tx:
        tx.outbox.put([slow, quick])
        assert tx.outbox.claim(now=NOW, limit=9, lease_s=30, kind="lists") == []
        assert tx.outbox.claim(now=NOW, limit=9, lease_s=30, but=("reconcile",)) == [quick]
        assert tx.outbox.claim(now=NOW, limit=9, lease_s=90, kind="reconcile") == [slow]
        assert tx.outbox.claim(now=NOW + 30, limit=9, lease_s=30) == [quick]


def test_done_is_done_and_a_retry_comes_back_with_its_error(store: Store) -> None:
    with store.work() as tx:
        tx.outbox.put([outbox_item("a"), outbox_item("b")])
    assert len(claim_out(store)) == 2
    with store.work() as tx:
        tx.outbox.done("a", at=NOW)
        tx.outbox.done("a", at=NOW + 1)
        tx.outbox.retry("b", due_at=NOW + 5, error="node down")
        tx.outbox.retry("a", due_at=NOW + 5, error="too late")
        assert tx.outbox.open_count() == 1
    assert claim_out(store, now=NOW + 4) == []
    again = claim_out(store, now=NOW + 5)
    assert [(item.once, item.attempts, item.error) for item in again] == [("b", 1, "node down")]
    with pytest.raises(AssertionError), store.work() as tx:
        tx.outbox.done("c", at=NOW)


def test_an_attempt_that_got_no_answer_does_not_count(store: Store) -> None:
    with store.work() as tx:
        tx.outbox.put([outbox_item("a")])
        tx.outbox.retry("a", due_at=NOW, error="node down", counts=False)
        tx.outbox.retry("a", due_at=NOW, error="refused")
    assert [(item.attempts, item.error) for item in claim_out(store)] == [(1, "refused")]


def test_the_newest_of_a_kind_is_the_one_queued_last_for_staff(store: Store) -> None:
    items = [replace(outbox_item(once), kind=kind) for once, kind in (("a", "lists"), ("b", "lists"), ("c", "rail"))]
    with store.work() as tx:
        tx.outbox.put(items)
        tx.outbox.done("b", at=NOW)
        assert tx.outbox.newest("lists") == replace(items[1], done_at=NOW) and tx.outbox.newest("none") is None
    with store.read(Reader("", "officer")) as tx:
        assert tx.outbox.newest("rail") == items[2]
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.outbox.newest("rail") is None


def test_only_staff_see_what_leaves_and_only_workers_take_it(store: Store) -> None:
    with store.work() as tx:
        tx.outbox.put([outbox_item("a")])
    with store.read(Reader("", "operator")) as tx:
        assert tx.outbox.open_count() == 1
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.outbox.open_count() == 0
    with pytest.raises(AssertionError), store.read(Reader("", "operator")) as tx:
        tx.outbox.claim(now=NOW, limit=1, lease_s=1)
