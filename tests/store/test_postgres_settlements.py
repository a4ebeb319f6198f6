"""Settlements, events and the log in PostgreSQL: what goes in comes out, and what must not be is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import psycopg
import pytest
from made_up import ASSET, NOW, Database, funded, happen, logged, new_id, outbox_item, paper, settlement

from entrepot.core import log
from entrepot.core.lifecycle import ENDED, STATES, State
from entrepot.core.money import AMOUNT_MINOR_MAX
from entrepot.core.settlement import Settlement
from entrepot.store.postgres import PostgresStore

FULL: dict[str, Any] = {
    "state": State.FROZEN, "case_salt": "cd" * 16, "asset": ASSET, "price_minor": AMOUNT_MINOR_MAX - 10,
    "fee_minor": 10,    "seq": 9, "step": 7, "terms_hash": "0x" + "ef" * 32, "escrow": "0x" + "12" * 20,
    "suspended": ((State.PRESENTED, NOW), (State.IN_REVIEW, NOW + 1)), "dates": {"frozen_until": NOW + 5, "x": 2**62},
    "signed_by": ("seller", "buyer"), "disposed_by": ("a" * 32,), "documents_sha256": "0x" + "34" * 32, "round": 2,
    "complies": True, "awarded_minor": 0, "funded_minor": AMOUNT_MINOR_MAX, "released_minor": 3, "fee_accrued_minor": 1,
    "refunded_minor": 2, "holds": 4, "spent": 5, "created_at": 2**40,
    "in_flight": {"kind": "release_cleared", "step": 6, "seq": 8, "list": [1, [2]], "none": None, "big": str(2**127)},
}  # fmt: skip


@pytest.mark.parametrize(
    "given", [{}, FULL, {**FULL, "awarded_minor": None}, {**FULL, "awarded_minor": AMOUNT_MINOR_MAX}]
)
def test_a_settlement_round_trips_exactly(postgres_store: PostgresStore, given: dict[str, Any]) -> None:
    put = settlement(**given)
    with postgres_store.work() as tx:
        tx.many.write_settlements([put], [], [logged(put, seq) for seq in range(1, put.seq + 1)])
    with postgres_store.work() as tx:
        assert tx.settlements.get(put.id) == put


def test_the_round_trip_tries_every_field() -> None:
    plain, full = settlement(), settlement(**FULL)
    assert [entry.name for entry in fields(Settlement) if getattr(plain, entry.name) == getattr(full, entry.name)] == []


@pytest.mark.parametrize(
    ("constraint", "broken"),
    [
        ("settlements_held_not_negative", {"released_minor": 1001}),
        ("settlements_held_in_state", {"state": State.CLEARED, "dates": {"fund_by": NOW}}),
        ("settlements_held_in_state", {"state": State.RELEASED}),
        ("settlements_next_act_dated", {"dates": {}}),
        ("minor_in_range", {"funded_minor": AMOUNT_MINOR_MAX + 1, "price_minor": 1}),
        ("minor_in_range", {"refunded_minor": -1}),
        ("settlements_two_parties", {"seller": "ab" * 16, "buyer": "ab" * 16}),
        ("settlements_steps_within_seq", {"step": 1}),
    ],
)
def test_what_breaks_an_invariant_is_refused(
    postgres_store: PostgresStore, constraint: str, broken: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match=constraint), postgres_store.work() as tx:
        tx.settlements.insert(funded(**broken))
    with postgres_store.work() as tx:
        tx.settlements.insert(funded())


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [
        ("settlements_state_known", "UPDATE settlements SET state = 'paid', funded_minor = 0"),
        ("settlements_held_in_state", "UPDATE settlements SET state = 'released', due_at = NULL, due_act = NULL"),
        ("settlements_next_act_dated", "UPDATE settlements SET due_at = NULL"),
        ("settlements_next_act_dated", "UPDATE settlements SET state = 'lapsed', funded_minor = 0"),
        ("settlements_parties_named", "UPDATE settlements SET parties = ARRAY[seller]"),
        ("settlements_held_not_negative", "UPDATE settlements SET refunded_minor = 1001"),
        ("minor_in_range", "UPDATE settlements SET price_minor = -1"),
        ("minor_in_range", "UPDATE settlements SET price_minor = 2::numeric ^ 127"),
        ("settlements_escrow", "UPDATE settlements SET escrow = '0xe'"),
    ],
)
def test_hand_written_sql_cannot_break_an_invariant(database: Database, constraint: str, statement: str) -> None:
    store = database.open()
    with store.work() as tx:
        tx.settlements.insert(funded())
        tx.settlements.insert(funded())
    store.close()
    with psycopg.connect(database.owner_dsn) as connection, pytest.raises(psycopg.IntegrityError) as caught:
        connection.execute(statement.encode())
    assert caught.value.diag.constraint_name == constraint


def test_the_schema_knows_the_states_of_the_table(database: Database) -> None:
    def states_of(constraint: str) -> set[str]:
        with psycopg.connect(database.owner_dsn) as connection:
            query = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s"
            row = connection.execute(query, (constraint,)).fetchone()
        assert row is not None
        return {state.value for state in State if f"'{state.value}'" in row[0]}

    assert states_of("settlements_state_known") == {state.value for state in State}
    assert states_of("settlements_next_act_dated") == {state.value for state in ENDED}
    assert states_of("settlements_held_in_state") == {state.value for state in State if STATES[state].holds_money}


def test_events_come_back_as_they_were_logged(postgres_store: PostgresStore) -> None:
    put = settlement()
    first, second = logged(put, 1, amount="1", list=[1, "x"]), logged(put, 2, kind="referred", none=None)
    with postgres_store.work() as tx:
        tx.settlements.insert(put)
        tx.settlements.save(replace(put, seq=2), [first, second])
        assert tx.settlements.events(put.id) == [first, second]
        placed = tx.log.append([first, second])
        assert placed == [replace(first, index=0), replace(second, index=1)]
    with postgres_store.work() as tx:
        assert tx.settlements.events(put.id) == tx.log.leaves(after=-1, limit=9) == placed
        assert tx.log.leaves(after=0, limit=9) == placed[1:]


@pytest.mark.parametrize("seqs", [(2,), (1, 3), (1, 1), (0,)])
def test_events_with_a_gap_are_refused(database: Database, seqs: tuple[int, ...]) -> None:
    store, put = database.open(), settlement()
    with store.work() as tx:
        tx.settlements.insert(put)
    with pytest.raises(AssertionError), store.work() as tx:
        tx.settlements.save(replace(put, seq=max(seqs)), [logged(put, seq) for seq in seqs])
    store.close()
    values = ", ".join(f"('{put.id}', {seq}, 'x', 1, 'rail', '', '{{}}', '{{}}', '', false)" for seq in seqs)
    with psycopg.connect(database.work_dsn) as connection, pytest.raises(psycopg.IntegrityError):
        connection.execute(f"INSERT INTO events VALUES {values}".encode())


def test_a_snapshot_that_moved_on_is_not_overwritten(postgres_store: PostgresStore) -> None:
    put = settlement()
    with postgres_store.work() as tx:
        tx.settlements.insert(put)
        after = happen(tx, put, "quote_given")
    with pytest.raises(AssertionError, match="are not at the event before"), postgres_store.work() as tx:
        tx.settlements.save(after, [logged(put, 1)])
    with postgres_store.work() as tx:
        assert tx.settlements.get(put.id) == after


@pytest.mark.parametrize("indexes", [(1,), (0, 2), (-1,)])
def test_the_log_has_no_gap(database: Database, indexes: tuple[int, ...]) -> None:
    store, put = database.open(), settlement()
    with store.work() as tx:
        tx.settlements.insert(put)
        tx.settlements.save(replace(put, seq=2), [logged(put, 1), logged(put, 2)])
    store.close()
    values = ", ".join(f"({index}, '{put.id}', {place})" for place, index in enumerate(indexes, 1))
    with psycopg.connect(database.work_dsn) as connection, pytest.raises(psycopg.IntegrityError):
        connection.execute(f"INSERT INTO log_leaves VALUES {values}".encode())


def test_the_log_proves_every_leaf_after_any_batches(postgres_store: PostgresStore) -> None:
    put, leaves, roots = settlement(), [], {}
    with postgres_store.work() as tx:
        tx.settlements.insert(put)
    for batch in (1, 1, 3, 2, 7, 1, 4):
        with postgres_store.work() as tx:
            put = happen(tx, put, *(["signed"] * batch))
            leaves = [log.leaf_hash(entry.leaf) for entry in tx.settlements.events(put.id)]
            roots[tx.log.size()] = log.tree_root(tx.log.end()[1])
    with postgres_store.work() as tx:
        size = tx.log.size()
        assert size == len(leaves) == 19
        for index, leaf in enumerate(leaves):
            assert log.verify_inclusion(leaf, index, size, log.inclusion_proof(index, size, tx.log.node), roots[size])
        for old, root in roots.items():
            assert log.verify_consistency(old, root, size, roots[size], log.consistency_proof(old, size, tx.log.node))
        with pytest.raises(KeyError):
            tx.log.node(0, size)


def test_a_checkpoint_is_kept_for_good(postgres_store: PostgresStore) -> None:
    with postgres_store.work() as tx:
        assert tx.log.checkpoint() is None
        tx.log.put_checkpoint(1, "one", at=NOW)
        tx.log.put_checkpoint(2, "two", at=NOW)
        tx.log.put_checkpoint(2, "two", at=NOW + 1)
        assert (tx.log.checkpoint(), tx.log.checkpoint(size=1)) == ((2, "two"), (1, "one"))
    with pytest.raises(AssertionError), postgres_store.work() as tx:
        tx.log.put_checkpoint(2, "another", at=NOW)


def test_a_rolled_back_transaction_leaves_nothing(postgres_store: PostgresStore) -> None:
    put = settlement()
    with pytest.raises(ZeroDivisionError), postgres_store.work() as tx:
        tx.settlements.insert(put)
        happen(tx, put, "signed")
        tx.outbox.put([outbox_item("once")])
        raise ZeroDivisionError
    with postgres_store.work() as tx:
        assert (tx.settlements.get(put.id), tx.log.size(), tx.outbox.open_count()) == (None, 0, 0)


def test_a_savepoint_undoes_only_what_is_inside(postgres_store: PostgresStore) -> None:
    kept, undone = settlement(), settlement()
    with postgres_store.work() as tx:
        tx.settlements.insert(kept)
        with pytest.raises(AssertionError), tx.savepoint():
            tx.settlements.insert(undone)
            tx.papers.put(paper(undone, owner=undone.seller))  # makes a key that is undone too
            tx.settlements.insert(kept)
        tx.papers.put(paper(kept, owner=undone.seller, body=b"readable"))
    with postgres_store.work() as tx:
        assert (tx.settlements.get(kept.id), tx.settlements.get(undone.id)) == (kept, None)
        assert [found.body for found in tx.papers.of(kept.id)] == [b"readable"]


def test_a_due_settlement_is_claimed_by_one_worker(postgres_store: PostgresStore) -> None:
    late, later = settlement(dates={"propose_by": NOW - 2}), settlement(dates={"propose_by": NOW - 1})
    with postgres_store.work() as tx:
        for put in (later, late, settlement(dates={"propose_by": NOW + 1}), settlement(state=State.LAPSED)):
            tx.settlements.insert(put)
    with postgres_store.work() as first, postgres_store.work() as second:
        assert first.settlements.claim_due(now=NOW, limit=1) == [late]
        assert second.settlements.claim_due(now=NOW, limit=9) == [later]
        first.settlements.postpone(late.id, until=NOW + 5)
    with postgres_store.work() as tx:
        assert tx.settlements.claim_due(now=NOW + 4, limit=9) == [later, *tx.settlements.page()[1:2]]
        assert late in tx.settlements.claim_due(now=NOW + 5, limit=9)


def test_a_lookup_by_what_is_no_id_finds_nothing(postgres_store: PostgresStore) -> None:
    with postgres_store.work() as tx:
        for text in ("", "nonsense", "'; DROP TABLE events; --", new_id().upper(), new_id()):
            assert tx.settlements.get(text) is None and tx.people.participant(text) is None
            assert tx.settlements.lock([text]) == {} and tx.papers.get(text) is None
