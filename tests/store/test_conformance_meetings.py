"""What a transaction meets that others commit while it is open, on every store: rows it holds, rows it has read."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext

import pytest
from made_up import NOW, inbox_item, new_id, settlement

from entrepot.store.many import Conflict, Registration, Reservation
from entrepot.store.memory import MemoryStore
from entrepot.store.memory_locks import Waits
from entrepot.store.records import Credential, ListRow
from entrepot.store.store import Store

WAITS_S, ENDS_S = 0.3, 10


def beside(store: Store) -> AbstractContextManager[None]:
    """Others act inside of the block, while the transaction around it is open."""
    return store.beside() if isinstance(store, MemoryStore) else nullcontext()


def test_what_one_has_claimed_another_passes_over_until_it_ends(store: Store) -> None:
    due, busy = settlement(), settlement()
    first, second = inbox_item(settlement=busy.id), inbox_item(settlement=busy.id)
    with store.work() as tx:
        tx.settlements.insert(due)
        tx.settlements.insert(busy)
        tx.inbox.put(first)
    with store.work() as tx:
        assert [item.id for item in tx.inbox.claim(limit=9)] == [first.id]
        assert tx.settlements.lock([busy.id]).keys() == {busy.id}
        with beside(store):
            with store.work() as other:
                other.inbox.put(second)
            with store.work() as other:
                assert other.inbox.claim(limit=9) == [], "a settlement's items are taken one after the other"
                assert [one.id for one in other.settlements.claim_due(now=NOW + 9**6, limit=9)] == [due.id]
        assert [one.id for one in tx.settlements.claim_due(now=NOW + 9**6, limit=9)] == sorted([due.id, busy.id])
    with store.work() as tx:
        assert [item.id for item in tx.inbox.claim(limit=9)] == [first.id], "it was not answered"


def test_what_others_commit_is_read_at_once_and_a_key_or_headroom_that_they_took_is_a_conflict(store: Store) -> None:
    mine, theirs, buyer = settlement(), settlement(), new_id()
    with store.work() as tx:
        tx.settlements.insert(mine)
        tx.settlements.insert(theirs)
    taken = [Reservation(one.id, buyer, 7, 10, NOW - 9, NOW) for one in (mine, theirs)]
    keys = [Registration("key", "printed", one.id) for one in (mine, theirs)]
    for act in ("register", "reserve"):
        with pytest.raises(Conflict), store.work() as tx:
            assert tx.many.invoices(["key"]) == {} or act == "reserve"
            with beside(store), store.work() as other:
                getattr(other.many, act)([keys[1] if act == "register" else taken[1]])
            getattr(tx.many, act)([keys[0] if act == "register" else taken[0]])
    with store.work() as tx:
        before = tx.many.standing()
        with beside(store), store.work() as other:
            other.checks.put_list(ListRow("UN", "1", "aa", None, NOW, NOW, 0, 0), after="")
        assert tx.many.standing() != before and [row.version for row in tx.checks.lists(with_entities=False)] == ["1"]


def test_what_fails_inside_takes_nothing_else_along(store: Store) -> None:
    one = settlement()
    with store.work() as tx:
        tx.settlements.insert(one)
    item = inbox_item()
    with store.work() as tx:
        tx.settlements.lock([one.id])
        with beside(store), pytest.raises(KeyError), store.work() as other:
            other.inbox.put(item)
            raise KeyError
        tx.settlements.postpone(one.id, until=NOW + 5)
    with store.work() as tx:
        assert tx.inbox.get(item.source, item.key) is None
        assert tx.settlements.claim_due(now=NOW + 4, limit=9) == []


def test_whoever_needs_a_row_that_another_holds_waits_for_it(store: Store) -> None:
    one = settlement()
    with store.work() as tx:
        tx.settlements.insert(one)

    def move() -> None:
        with store.work() as other:
            found = other.settlements.lock([one.id])[one.id]
            other.settlements.postpone(found.id, until=NOW + 5)

    with store.work() as tx:
        tx.settlements.lock([one.id])
        if isinstance(store, MemoryStore):
            with store.beside(), pytest.raises(Waits):
                move()
            return
        waiting = threading.Thread(target=move)
        waiting.start()
        waiting.join(WAITS_S)
        assert waiting.is_alive()
    waiting.join(ENDS_S)
    assert not waiting.is_alive()


def test_whoever_wants_a_name_that_another_has_locked_waits_and_reads_what_the_other_left(store: Store) -> None:
    person, secret = new_id(), Credential("ab" * 32, new_id(), new_id(), "officer", NOW + 99)
    seen: list[int] = []

    def second() -> None:
        with store.work() as other:
            other.people.lock(person)
            seen.append(len(other.people.credentials(secret.person)))

    with store.work() as tx:
        tx.people.lock(person)
        tx.people.lock(person)
        tx.people.lock("another name")
        if isinstance(store, MemoryStore):
            with store.beside(), pytest.raises(Waits):
                second()
        else:
            waiting = threading.Thread(target=second)
            waiting.start()
            waiting.join(WAITS_S)
            assert waiting.is_alive()
        tx.people.put_credential(secret)
    if isinstance(store, MemoryStore):
        second()
    else:
        waiting.join(ENDS_S)
    assert seen == [1]


def test_a_transaction_that_has_written_does_not_wait_in_memory() -> None:
    store, one = MemoryStore(), settlement()
    with store.work() as tx:
        tx.settlements.insert(one)
        assert store.has_written
        with pytest.raises(AssertionError), store.beside():
            pass
