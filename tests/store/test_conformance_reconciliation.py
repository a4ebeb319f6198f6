"""Kept reconciliations and their cases on every store, and what is done with a set-aside item."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import NOW, funded, happen, inbox_item, new_id, outbox_item, paper, settlement

from entrepot.core.ledger import AccountClass, Phase, Transfer, account
from entrepot.store.reconciliation_records import (
    BankEntry,
    BankStatement,
    ClosedPeriod,
    Reconciliation,
    ReconciliationCase,
)
from entrepot.store.records import Change, Reader
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
        tx.inbox.claim(limit=1)
        tx.inbox.set_aside(items[0].id, "ValueError", at=NOW)
        assert tx.inbox.open_since() == (1, NOW + 1)
        tx.inbox.take_again(items[0].id)
        assert tx.inbox.stuck() == [] and tx.inbox.open_since() == (2, NOW)
        with pytest.raises(AssertionError), tx.savepoint():
            tx.inbox.take_again(items[0].id)
        again = tx.inbox.claim(limit=9)
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
        assert tx.inbox.stuck() == [] == tx.inbox.claim(limit=9)
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


def test_what_waits_outside_of_one_settlement_is_listed_without_the_others(store: Store) -> None:
    one, other = new_id(), new_id()
    about = [("early", one, NOW - 9), ("late", one, NOW), ("of another", other, NOW), ("of none", "", NOW)]
    with store.work() as tx:
        tx.outbox.put([replace(outbox_item(once), settlement=about_, due_at=at) for once, about_, at in about])
        tx.outbox.put([replace(outbox_item("done"), settlement=one)])
        tx.outbox.done("done", at=NOW)
        assert [item.once for item in tx.outbox.waiting_of(one)] == ["early", "late"]
        assert tx.outbox.waiting_of(new_id()) == []
    with store.door() as tx:
        assert tx.outbox.waiting_of(one) == []


def test_money_beside_a_trade_is_found_across_settlements(store: Store) -> None:
    with store.work() as tx:
        for one in (funded(), funded()):
            tx.settlements.insert(replace(one, seq=0, step=0))
            happen(tx, replace(one, seq=0, step=0), "mispaid", "returned")
        assert [entry.event.kind for entry in tx.settlements.beside()].count("mispaid") == 2
        assert len(tx.settlements.beside()) == 4


# Nights, statements, periods


def test_a_night_is_run_once_and_the_newest_run_that_left_nothing_open_is_the_agreed_one(store: Store) -> None:
    clean = run(asked_by="", night="2026-11-26", facts={"log_size": 7})
    with store.work() as tx:
        assert tx.reconciliations.agreed() is None
        tx.reconciliations.put(clean)
        tx.reconciliations.put(run(open_count=1))
        for wrong in (run(asked_by="", night="2026-11-26"), run(asked_by="")):
            with pytest.raises(AssertionError), tx.savepoint():
                tx.reconciliations.put(wrong)
        assert tx.reconciliations.agreed() == clean and tx.reconciliations.nights(limit=3) == ["2026-11-26"]


def test_a_case_of_no_settlement_is_unique_by_its_reference_and_keeps_what_each_side_said(store: Store) -> None:
    one = run()
    case = case_of(one, settlement="", reference="B1", sides={"bank": "7"})
    with store.work() as tx:
        tx.reconciliations.put(one)
        assert tx.reconciliations.open_case(case)
        assert not tx.reconciliations.open_case(replace(case, id=new_id()))
        assert tx.reconciliations.open_case(replace(case, id=new_id(), reference="B2"))
        assert tx.reconciliations.cases(is_open=True)[0] == case


def test_a_statement_is_kept_once_and_its_entries_are_found_by_what_they_were_paid_for(store: Store) -> None:
    one = funded()
    bytes_ = replace(paper(one), settlement="", kind="camt.053")
    kept = BankStatement(
        new_id(), bytes_.id, "ab", "M1", "S1", "ACC", "USD", "2026-11-26", "2026-11-26", -5, 7, 2, new_id(), NOW
    )
    ours = BankEntry(kept.id, 1, False, 12, "USD", "2026-11-26", "2026-11-26", one.id, "", "R1", False)
    strange = replace(ours, number=2, end_to_end_id="INVOICE 7", is_credit=True, amount_minor=24)
    with store.work() as tx:
        tx.settlements.insert(replace(one, seq=0, step=0))
        tx.papers.put(bytes_)
        assert tx.reconciliations.put_statement(kept, [ours, strange])
        assert not tx.reconciliations.put_statement(replace(kept, id=new_id()), [])
        assert tx.reconciliations.put_statement(replace(kept, id=new_id(), account="OTHER"), [])
    with store.work() as tx:
        first, second = tx.reconciliations.statements()
        assert replace(first, number=0) == kept and tx.reconciliations.statements(after=first.number) == [second]
        assert tx.reconciliations.entries_to([one.id, new_id()]) == [ours]
        assert tx.reconciliations.strange_entries(after=0) == [strange]
        assert tx.reconciliations.strange_entries(after=first.number) == []
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.reconciliations.statements() == [] == tx.reconciliations.entries_to([one.id])


def test_a_closed_period_is_not_closed_again_nor_one_before_it(store: Store) -> None:
    one, changes = run(), [Change(new_id(), "close_period", {}, "why", new_id(), NOW) for _ in range(4)]
    closed = ClosedPeriod("2026-11-26", one.id, changes[0].id, NOW, 9, b"{}", "ab")
    with store.work() as tx:
        tx.reconciliations.put(one)
        for change in changes:
            tx.checks.put_change(change)
        tx.reconciliations.put_closed(closed)
        month = replace(closed, period="2026-10", change=changes[1].id)
        tx.reconciliations.put_closed(month)
        later = replace(closed, period="2026-11-27", change=changes[2].id)
        for wrong in (
            replace(later, period="2026-11-25"),
            replace(later, period="2026-11-26"),
            replace(later, log_size=8),
        ):
            with pytest.raises(AssertionError), tx.savepoint():
                tx.reconciliations.put_closed(wrong)
        tx.reconciliations.put_closed(later)
        assert tx.reconciliations.closed_periods() == [closed, month, later]


def test_a_snapshot_sees_one_moment_and_what_was_touched_since(store: Store) -> None:
    one = replace(funded(), seq=0, step=0)
    with store.work() as tx:
        tx.settlements.insert(one)
        happen(tx, one, "mispaid")
    with store.snapshot() as tx:
        size = tx.log.size()
        assert tx.settlements.touched(since=0) == [one.id] and tx.settlements.touched(since=size) == [one.id], "open"
        assert list(tx.many.settlements([one.id, new_id()])) == [one.id]


def test_a_message_is_delivered_once_its_outbox_item_is_done(store: Store) -> None:
    one = funded()
    message = replace(paper(one), kind="pacs.008", seq=3)
    with store.work() as tx:
        tx.settlements.insert(replace(one, seq=0, step=0))
        tx.papers.put(message)
        once = f"{one.id}:3:pacs.008"
        assert [row.is_delivered for row in tx.papers.messages([one.id])] == [False]
        tx.outbox.put([outbox_item(once)])
        tx.outbox.done(once, at=NOW)
        assert [(row.paper.id, row.is_delivered) for row in tx.papers.messages([one.id])] == [(message.id, True)]


def test_sums_of_a_class_add_up_to_zero_with_the_outside(store: Store) -> None:
    escrow, outside = account(AccountClass.ESCROW, new_id(), "USD"), account(AccountClass.OUTSIDE, new_id(), "USD")
    move = Transfer(new_id(), outside.id, escrow.id, 7, Phase.POSTED, "funded", NOW)
    with store.work() as tx:
        tx.ledger.open_accounts([escrow, outside])
        tx.ledger.post([move])
        sums = tx.reconciliations.class_sums()
    assert sums[AccountClass.ESCROW, "USD"].posted_minor == 7 == -sums[AccountClass.OUTSIDE, "USD"].posted_minor


def test_an_item_of_a_settlement_waits_until_it_is_answered_or_dismissed_set_aside_or_not(store: Store) -> None:
    one, other = settlement(), settlement()
    asked = [inbox_item(settlement=one.id, kind="examine"), inbox_item(settlement=one.id, kind="examine")]
    with store.work() as tx:
        for row in (one, other):
            tx.settlements.insert(row)
        assert not tx.inbox.is_waiting(one.id, "examine")
        for item in asked:
            tx.inbox.put(item)
        assert tx.inbox.is_waiting(one.id, "examine")
        assert not tx.inbox.is_waiting(one.id, "waive") and not tx.inbox.is_waiting(other.id, "examine")
        tx.inbox.set_aside(asked[0].id, "a defect", at=NOW)
        tx.inbox.answer(asked[1].id, {}, at=NOW)
        assert tx.inbox.is_waiting(one.id, "examine")
        tx.inbox.take_again(asked[0].id)
        assert tx.inbox.is_waiting(one.id, "examine"), "nobody was silent while it is tried again"
        tx.inbox.set_aside(asked[0].id, "a defect", at=NOW)
        tx.inbox.dismiss(asked[0].id, at=NOW)
        assert not tx.inbox.is_waiting(one.id, "examine")
