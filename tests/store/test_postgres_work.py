"""Several workers on one PostgreSQL: claims, leases, locks, wake-ups, and a worker that is killed at its work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from made_up import NOW, Database, happen, inbox_item, new_id, outbox_item, sent, settlement

from entrepot.core.errors import Invalid, Unavailable
from entrepot.store.buffered import Buffered
from entrepot.store.postgres import PostgresStore
from entrepot.store.records import Change

WAIT_S = 10


def kill_connections(database: Database) -> None:
    """As if every process that works on this database were gone."""
    with psycopg.connect(database.owner_dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )


def test_two_workers_share_the_inbox(postgres_store: PostgresStore) -> None:
    shared = new_id()
    items = [inbox_item(), inbox_item(settlement=shared), inbox_item(settlement=shared), inbox_item()]
    with postgres_store.work() as tx:
        for item in items:
            tx.inbox.put(item)
    with postgres_store.work() as first, postgres_store.work() as second:
        mine = first.inbox.claim(limit=2)
        other = second.inbox.claim(limit=9)
        assert [entry.id for entry in mine] == [items[0].id, items[1].id]
        assert [entry.id for entry in other] == [items[3].id]  # its settlement's older item is with the first
        for item in mine:
            first.inbox.answer(item.id, {"status": 200, "body": {}}, at=NOW)
    with postgres_store.work() as tx:
        assert [entry.id for entry in tx.inbox.claim(limit=9)] == [items[2].id, items[3].id]  # answered by nobody yet


def test_a_killed_worker_delays_nobody(database: Database) -> None:
    """What it held in its transaction is free at once; what it had leased and committed is free after the lease."""
    dead, alive = database.open(), database.open()
    with dead.work() as tx:
        tx.inbox.put(inbox_item())
        tx.outbox.put([outbox_item("one")])
        tx.settlements.insert(settlement(dates={"propose_by": NOW}))
    with dead.work() as tx:
        assert len(tx.outbox.claim(now=NOW, limit=9, lease_s=30)) == 1
    with pytest.raises(Unavailable), dead.work() as tx:
        assert len(tx.inbox.claim(limit=9)) == 1
        assert len(tx.settlements.claim_due(now=NOW, limit=9)) == 1
        kill_connections(database)
        tx.log.size()
    with alive.work() as tx:
        assert len(tx.inbox.claim(limit=9)) == 1
        assert len(tx.settlements.claim_due(now=NOW, limit=9)) == 1
        assert tx.outbox.claim(now=NOW + 29, limit=9, lease_s=30) == []
        assert [item.once for item in tx.outbox.claim(now=NOW + 30, limit=9, lease_s=30)] == ["one"]
    for store in (dead, alive):
        store.close()


def test_a_worker_killed_in_the_middle_of_a_batch_leaves_nothing_and_delays_nobody(database: Database) -> None:
    """What a batch had written was not committed: another worker finds all of it as it was, at once."""
    dead, alive = database.open(), database.open()
    one, items = settlement(), [inbox_item() for _ in range(3)]
    with dead.work() as tx:
        tx.settlements.insert(one)
        tx.many.put_items(items)
    with pytest.raises(Unavailable), dead.work() as below:
        tx = Buffered(below)
        assert len(tx.inbox.claim(limit=9)) == 3
        happen(tx, one, "quote_given")
        for item in items:
            tx.inbox.answer(item.id, {"status": 200, "body": {}}, at=NOW)
        tx.settle_up()
        kill_connections(database)
        tx.log.size()
    with alive.work() as tx:
        assert [item.id for item in tx.inbox.claim(limit=9)] == [item.id for item in items]
        assert tx.settlements.get(one.id) == one and tx.settlements.events(one.id) == [] and tx.log.size() == 0
    for store in (dead, alive):
        store.close()


def test_a_lost_connection_is_unavailable_and_the_store_recovers(database: Database) -> None:
    store = database.open()
    with pytest.raises(Unavailable) as caught, store.work() as tx:
        tx.inbox.put(inbox_item())
        kill_connections(database)
    assert caught.value.code == "store_unavailable"
    with store.work() as tx:
        assert tx.inbox.claim(limit=9) == []
    store.close()


def together(act: Callable[[int], object], *, times: int) -> list[object]:
    """What `act(0)`, `act(1)`, … answer when they start at the same time."""
    start = threading.Barrier(times)

    def run(place: int) -> object:
        start.wait(WAIT_S)
        return act(place)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def test_reservations_at_the_same_time_stay_within_the_cap(postgres_store: PostgresStore) -> None:
    buyer, settlements = new_id(), [new_id() for _ in range(4)]

    def reserve(place: int) -> bool:
        with postgres_store.work() as tx:
            return tx.checks.reserve(
                settlement=settlements[place], participant=buyer, amount_minor=40, cap_minor=100, since=0, at=NOW
            )  # fmt: skip

    assert sorted(map(bool, together(reserve, times=4))) == [False, False, True, True]
    with postgres_store.work() as tx:
        assert tx.checks.reserved(buyer, since=0) == 80


def test_one_invoice_goes_to_one_of_two_who_come_at_once(postgres_store: PostgresStore) -> None:
    settlements = [new_id(), new_id()]

    def register(place: int) -> object:
        with postgres_store.work() as tx:
            return tx.checks.register_invoice(key="DE1:RE-7", fingerprint="f", settlement=settlements[place])

    answers = together(register, times=2)
    assert answers.count(None) == 1 and (settlements[answers.index(None)], "f") in answers


def test_a_nonce_is_given_to_one_sender_at_a_time(postgres_store: PostgresStore) -> None:
    def send(place: int) -> int:
        with postgres_store.work() as tx:
            nonce = tx.rails.next_nonce("eip155:31337", "0xaa", at_least=7)
            tx.rails.put_sent(sent(f"once-{place}", nonce))
            return nonce

    assert sorted(together(send, times=4)) == [7, 8, 9, 10]  # type: ignore[type-var]
    with postgres_store.work() as tx:
        assert [entry.nonce for entry in tx.rails.unfinished("eip155:31337", limit=3)] == [7, 8, 9]
    with pytest.raises(AssertionError, match="sent_transactions_nonce"), postgres_store.work() as tx:
        tx.rails.put_sent(sent("another", 8))


def test_a_nonce_that_was_rolled_back_is_not_skipped(postgres_store: PostgresStore) -> None:
    with pytest.raises(ZeroDivisionError), postgres_store.work() as tx:
        tx.rails.put_sent(sent("undone", tx.rails.next_nonce("eip155:31337", "0xaa", at_least=0)))
        raise ZeroDivisionError
    with postgres_store.work() as tx:
        assert tx.rails.next_nonce("eip155:31337", "0xaa", at_least=0) == 0


def test_workers_append_to_the_log_one_after_the_other(postgres_store: PostgresStore) -> None:
    puts = [settlement() for _ in range(4)]
    with postgres_store.work() as tx:
        for put in puts:
            tx.settlements.insert(put)

    def append(place: int) -> None:
        with postgres_store.work() as tx:
            happen(tx, puts[place], *["signed"] * 5)

    together(append, times=4)
    with postgres_store.work() as tx:
        leaves = tx.log.leaves(after=-1, limit=99)
        assert [entry.index for entry in leaves] == list(range(20)) and tx.log.size() == 20
        assert len({entry.settlement for entry in leaves[:5]}) == 1


def test_a_wake_up_reaches_another_process(database: Database) -> None:
    worker, door = database.open(), database.open()
    assert not worker.wait(timeout_s=0.05)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(worker.wait, timeout_s=WAIT_S)
        began = time.monotonic()
        door.wake()
        assert waiting.result() and time.monotonic() - began < WAIT_S / 2
    assert worker.wait(timeout_s=WAIT_S)  # this thread was not told of it yet
    assert not worker.wait(timeout_s=0.05)
    door.wake()
    assert not worker.wait(timeout_s=0.3, until=lambda: False)
    for store in (worker, door):
        store.close()


def test_a_wake_up_is_heard_after_the_listener_was_cut_off(database: Database) -> None:
    store = database.open()
    assert not store.wait(timeout_s=0.05)
    kill_connections(database)
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline and not store.wait(timeout_s=0.2):
        pass
    time.sleep(1.5)  # until it listens again
    store.wait(timeout_s=0.0)
    store.wake()
    assert store.wait(timeout_s=WAIT_S)
    store.close()


def test_what_no_column_can_hold_is_malformed(postgres_store: PostgresStore) -> None:
    with postgres_store.work() as tx:
        kept = tx.inbox.put(inbox_item(body={"text": "\x00"}))  # sealed: any JSON fits
        assert tx.inbox.get(kept.source, kept.key) == kept
    with pytest.raises(Invalid) as caught, postgres_store.work() as tx:
        tx.checks.put_change(Change(new_id(), "stop", {"why": "\x00"}, "reason", new_id(), NOW))
    assert caught.value.code == "malformed"
