"""Acts on many rows at once say and leave what the same acts one by one do, on every store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import NOW, admit, inbox_item, logged, new_id, outbox_item, paper, settlement

from entrepot.core.settlement import Settlement
from entrepot.store.many import Answered, Conflict, Registration, Reservation
from entrepot.store.records import Disposition, KeptReceipt, LoggedEvent, MandateSet, PayeeChange
from entrepot.store.store import Store


def moved(of: Settlement, *kinds: str) -> tuple[Settlement, list[LoggedEvent]]:
    """A settlement after events, and the events."""
    events = [logged(of, of.seq + place, kind=kind, amount="7") for place, kind in enumerate(kinds, 1)]
    return replace(of, seq=of.seq + len(events)), events


def test_settlements_and_their_events_are_written_together(store: Store) -> None:
    kept = settlement()
    with store.work() as tx:
        tx.settlements.insert(kept)
    new, new_events = moved(settlement(), "quote_given", "signed")
    after, events = moved(kept, "quote_given")
    with store.work() as tx:
        tx.many.write_settlements([new], [after], [*events, *new_events])
        tx.log.append([*events, *new_events])
        tx.many.postpone({after.id: NOW + 500})
    with store.work() as tx:
        assert (tx.settlements.get(new.id), tx.settlements.get(after.id)) == (new, after)
        assert [entry.event for entry in tx.settlements.events(new.id)] == [entry.event for entry in new_events]
        assert [entry.index for entry in tx.settlements.events(new.id)] == [1, 2]
        assert [one.id for one in tx.settlements.claim_due(now=NOW + 200, limit=9)] == [new.id]


def test_escrows_of_the_newest_in_each_state_and_whose_they_are(store: Store) -> None:
    made = [settlement(escrow=f"0x{place:040x}" if place else "") for place in range(4)]
    with store.work() as tx:
        for one in made:
            tx.settlements.insert(one)
    with store.work() as tx:
        assert sorted(tx.many.escrows(["proposed", "quoted"], limit=9)) == [one.escrow for one in made[1:]]
        assert tx.many.escrows(["proposed"], limit=1) == [made[3].escrow]
        assert tx.many.by_escrow([made[1].escrow, "0xff"]) == {made[1].escrow: made[1].id}
        assert tx.many.settlements([made[0].id, new_id()]) == {made[0].id: made[0]}


def test_a_settlement_that_has_moved_on_is_not_written(store: Store) -> None:
    one = settlement()
    after, events = moved(one, "quote_given")
    with store.work() as tx:
        tx.settlements.insert(one)
        tx.settlements.save(after, events)
    with pytest.raises(AssertionError), store.work() as tx:
        tx.many.write_settlements([], [after], events)
    with pytest.raises(AssertionError), store.work() as tx:
        tx.many.write_settlements([], [], [logged(one, 2)])
    with store.work() as tx:
        assert tx.settlements.get(one.id) == after and len(tx.settlements.events(one.id)) == 1


def test_papers_of_many_settlements_come_in_their_order_and_open(store: Store) -> None:
    one, other = settlement(), settlement()
    admit(store, one.seller, name="Seller")
    stranger = new_id()
    papers = [
        paper(one, owner=one.seller, visible_to=(one.seller, stranger), body=b"first"),
        paper(other, body=b"second"),
        paper(one, body=b"third"),
        replace(paper(one), kind="terms"),
    ]
    with store.work() as tx:
        for row in (one, other):
            tx.settlements.insert(row)
        tx.many.put_papers(papers)
    with store.work() as tx:
        assert tx.many.papers([one.id, other.id, new_id()], ["invoice"]) == [papers[0], papers[1], papers[2]] or (
            tx.many.papers([one.id, other.id], ["invoice"]) == [papers[0], papers[2], papers[1]]
        )
        assert tx.papers.of(one.id) == [papers[0], papers[2], papers[3]]
        assert tx.many.papers([other.id], ["terms"]) == []


def test_who_and_what_companies_are_is_read_at_once(store: Store) -> None:
    first, second, unknown = new_id(), new_id(), new_id()
    for company in (first, second):
        admit(store, company, name=company)
    mandates = MandateSet(first, 1, ({"name": "Finance"},), (new_id(), new_id()), NOW)
    change = PayeeChange(new_id(), second, "bank", "", NOW, NOW + 9, (new_id(), new_id()))
    with store.work() as tx:
        tx.mandates.put_set(mandates)
        tx.mandates.put_payee_change(change)
    with store.work() as tx:
        companies = [first, second, unknown]
        found = tx.many.companies(companies)
        assert found.participants == {company: tx.people.participant(company) for company in (first, second)}
        assert found.wallets == [*tx.people.wallets(first), *tx.people.wallets(second)]
        assert found.mandate_sets == [mandates]
        assert found.payee_changes == [change]


def test_headroom_is_taken_by_many_within_the_cap_and_by_none_beyond_it(store: Store) -> None:
    buyer, other, settlements = new_id(), new_id(), [new_id() for _ in range(3)]
    taken = [
        Reservation(settlements[0], buyer, 60, 100, NOW - 50, NOW),
        Reservation(settlements[1], buyer, 40, 100, NOW - 50, NOW),
        Reservation(settlements[1], other, 5, 100, NOW - 50, NOW),
    ]
    with store.work() as tx:
        tx.many.reserve(taken)
    with pytest.raises(Conflict), store.work() as tx:
        tx.many.reserve([Reservation(settlements[2], buyer, 1, 100, NOW - 50, NOW)])
    with store.work() as tx:
        assert tx.many.reserved([buyer, other], since=NOW - 50) == {buyer: 100, other: 5}
        assert tx.many.reserved([buyer], since=NOW + 1) == {buyer: 0}
        assert tx.many.reservations([settlements[0], settlements[2]]) == [(settlements[0], buyer, 60, NOW)]


def test_an_invoice_that_another_took_meanwhile_is_a_conflict(store: Store) -> None:
    first, second = settlement(), settlement()
    with store.work() as tx:
        tx.many.register([Registration("lei:1", "f", first.id), Registration("lei:2", "f", first.id)])
    with pytest.raises(Conflict), store.work() as tx:
        tx.many.register([Registration("lei:3", "g", second.id), Registration("lei:2", "g", second.id)])
    with store.work() as tx:
        assert tx.many.invoices(["lei:1", "lei:2", "lei:3"]) == {"lei:1": (first.id, "f"), "lei:2": (first.id, "f")}


def test_dispositions_and_receipts_of_many(store: Store) -> None:
    one, other = settlement(), settlement()
    cleared = [Disposition(row.id, ("hit",), new_id(), "clear", "another", NOW) for row in (one, other)]
    receipts = [
        KeptReceipt(row.id, "eip155:1", "0xaa", 5, "0xbb", b"\x01\x02", 0, (b"\x00", b"\xff\x22"), kind, NOW)
        for row in (one, other)
        for kind in ("funded", "presented")
    ]
    with store.work() as tx:
        for row in (one, other):
            tx.settlements.insert(row)
        for disposition in cleared:
            tx.checks.put_disposition(disposition)
        tx.many.put_receipts([*receipts, receipts[0]])
    with store.work() as tx:
        assert tx.many.dispositions([one.id, other.id]) == cleared
        assert (tx.rails.receipts(one.id), tx.rails.receipts(other.id)) == (receipts[:2], receipts[2:])


def test_items_are_put_and_answered_once(store: Store) -> None:
    company = new_id()
    admit(store, company, name="Company")
    items = [inbox_item(participant=company), inbox_item()]
    with store.work() as tx:
        tx.many.put_items(items)
        tx.many.put_items([replace(items[0], id=new_id(), body={"n": 2})])
        claimed = tx.inbox.claim(limit=9)
    assert [(item.id, item.body) for item in claimed] == [(item.id, item.body) for item in items]
    answers = [Answered(item.id, item.participant, {"status": 200, "body": {"n": place}})
               for place, item in enumerate(claimed)]  # fmt: skip
    with store.work() as tx:
        tx.many.answer(answers, at=NOW + 1)
    with store.work() as tx:
        kept = tx.inbox.get(items[0].source, items[0].key)
        assert kept is not None and kept.answer == {"status": 200, "body": {"n": 0}}
    with pytest.raises(AssertionError), store.work() as tx:
        tx.many.answer(answers[:1], at=NOW + 2)


def test_what_went_out_and_what_failed_is_noted_at_once(store: Store) -> None:
    with store.work() as tx:
        tx.outbox.put([outbox_item(once) for once in ("a", "b", "c")])
    with store.work() as tx:
        assert len(tx.outbox.claim(now=NOW, limit=9, lease_s=30)) == 3
        tx.many.done(["a", "b"], at=NOW + 1)
        tx.many.retry([("c", "not yet")], due_at=NOW + 5)
    with store.work() as tx:
        assert tx.outbox.claim(now=NOW + 4, limit=9, lease_s=30) == []
        left = tx.outbox.claim(now=NOW + 5, limit=9, lease_s=30)
        assert [(item.once, item.attempts, item.error) for item in left] == [("c", 1, "not yet")]
