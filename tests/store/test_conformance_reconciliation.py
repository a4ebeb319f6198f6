"""Kept reconciliations and their cases on every store, and what is done with a set-aside item."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import NOW, funded, happen, inbox_item, new_id, outbox_item

from entrepot.store.reconciliation_records import Reconciliation, ReconciliationCase
from entrepot.store.records import Reader
from entrepot.store.store import Store

TOTALS = ({"account": "held", "books_minor": "1", "chain_minor": "2"},)


def run(**fields: object) -> Reconciliation:
    """A run that found one difference."""
    made = Reconciliation(new_id(), new_id(), NOW, NOW + 1, 3, TOTALS, ({"about": "held"},))
    return replace(made, **fields)  # type: ignore[arg-type]


def case_of(one: Reconciliation, **fields: object) -> ReconciliationCase:
    """A case that the run opens."""
    made = ReconciliationCase(new_id(), one.id, new_id(), "held", NOW + 1)
    return replace(made, **fields)  # type: ignore[arg-type]


def test_runs_are_kept_newest_first(store: Store) -> None:
    first, second = run(), run(differences=())
    with store.work() as tx:
        tx.reconciliations.put(first)
        tx.reconciliations.put(second)
    with store.work() as tx:
        assert tx.reconciliations.newest(limit=9) == [second, first]
        assert tx.reconciliations.newest(limit=1) == [second]
        assert tx.reconciliations.get(first.id) == first and tx.reconciliations.get(new_id()) is None


def test_a_difference_opens_one_case_until_it_is_closed(store: Store) -> None:
    one, change = run(), new_id()
    case = case_of(one)
    with store.work() as tx:
        tx.reconciliations.put(one)
        assert tx.reconciliations.open_case(case)
        assert not tx.reconciliations.open_case(replace(case, id=new_id()))
        assert tx.reconciliations.open_case(replace(case, id=new_id(), about="released"))
        tx.reconciliations.close_case(case.id, change=change, at=NOW + 2)
        with pytest.raises(AssertionError), tx.savepoint():
            tx.reconciliations.close_case(case.id, change=change, at=NOW + 3)
        assert tx.reconciliations.open_case(replace(case, id=new_id()))
    with store.work() as tx:
        assert len(tx.reconciliations.cases(is_open=False)) == 3
        assert [entry.about for entry in tx.reconciliations.cases(is_open=True)] == ["released", "held"]
        assert tx.reconciliations.cases(is_open=False)[0] == replace(case, closed_by=change, closed_at=NOW + 2)


def test_reconciliations_are_for_staff(store: Store) -> None:
    one = run()
    with store.work() as tx:
        tx.reconciliations.put(one)
        tx.reconciliations.open_case(case_of(one))
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.reconciliations.newest(limit=9) == [] == tx.reconciliations.cases(is_open=False)
        assert tx.reconciliations.get(one.id) is None
    with store.read(Reader(new_id(), "operator")) as tx:
        assert tx.reconciliations.newest(limit=9) == [one] and len(tx.reconciliations.cases(is_open=True)) == 1


def test_a_set_aside_item_is_taken_again_in_its_old_place(store: Store) -> None:
    items = [inbox_item(received_at=NOW), inbox_item(received_at=NOW + 1)]
    with store.door() as tx:
        for item in items:
            tx.inbox.put(item)
    with store.work() as tx:
        tx.inbox.claim(now=NOW, limit=1, lease_s=30)
        tx.inbox.set_aside(items[0].id, "ValueError", at=NOW)
        assert tx.inbox.open_since() == (1, NOW + 1)
        tx.inbox.take_again(items[0].id)
        assert tx.inbox.stuck() == [] and tx.inbox.open_since() == (2, NOW)
        with pytest.raises(AssertionError), tx.savepoint():
            tx.inbox.take_again(items[0].id)
        again = tx.inbox.claim(now=NOW, limit=9, lease_s=30)
    assert [(item.id, item.set_aside) for item in again] == [(items[0].id, ""), (items[1].id, "")]


def test_a_dismissed_item_is_stuck_no_longer_and_never_acted_on(store: Store) -> None:
    item = inbox_item()
    with store.door() as tx:
        tx.inbox.put(item)
    with store.work() as tx:
        with pytest.raises(AssertionError), tx.savepoint():
            tx.inbox.dismiss(item.id, at=NOW)
        tx.inbox.set_aside(item.id, "ValueError", at=NOW)
        tx.inbox.dismiss(item.id, at=NOW + 1)
        assert tx.inbox.stuck() == [] == tx.inbox.claim(now=NOW + 99, limit=9, lease_s=30)
        assert tx.inbox.open_since() == (0, None)
        for act in (tx.inbox.take_again, lambda id_: tx.inbox.dismiss(id_, at=NOW + 2)):
            with pytest.raises(AssertionError), tx.savepoint():
                act(item.id)
        kept = tx.inbox.get(item.source, item.key)
        assert kept is not None and kept.set_aside == "ValueError"


def test_what_waits_outside_is_listed_longest_due_first(store: Store) -> None:
    early, late = replace(outbox_item("early"), due_at=NOW - 9), outbox_item("late")
    with store.work() as tx:
        tx.outbox.put([late, early, outbox_item("done")])
        tx.outbox.done("done", at=NOW)
        tx.outbox.retry("early", due_at=NOW - 5, error="rail_refused: no")
        assert [(item.once, item.attempts, item.error) for item in tx.outbox.waiting(limit=9)] == [
            ("early", 1, "rail_refused: no"), ("late", 0, "")
        ]  # fmt: skip
        assert [item.once for item in tx.outbox.waiting(limit=1)] == ["early"]


def test_money_beside_a_trade_is_found_across_settlements(store: Store) -> None:
    with store.work() as tx:
        for one in (funded(), funded()):
            tx.settlements.insert(replace(one, seq=0, step=0))
            happen(tx, replace(one, seq=0, step=0), "mispaid", "returned")
        assert [entry.event.kind for entry in tx.settlements.beside()].count("mispaid") == 2
        assert len(tx.settlements.beside()) == 4
