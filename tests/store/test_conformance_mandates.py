"""Mandates, approvals and changed payees on every store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_up import ASSET, NOW, admit, funded, new_id, settlement

from entrepot.core.lifecycle import State
from entrepot.store.records import Approval, MandateSet, PayeeChange, Reader
from entrepot.store.store import Store

ACCOUNT = "eip155:31337:0x" + "ab" * 20


def approval(**fields: Any) -> Approval:
    """A payment that waits for its second person."""
    values: dict[str, Any] = {
        "id": new_id(), "participant": new_id(), "settlement": new_id(), "act": "fund", "source": "api:hana",
        "key": "k",
        "body_sha256": "ab" * 32, "terms_hash": "0x" + "cd" * 32, "asset": ASSET, "amount_minor": 2**100, "about": "",
        "by_operator": False, "asked_by": new_id(), "asked_at": NOW, "expires_at": NOW + 60,
    }  # fmt: skip
    return Approval(**values | fields)


def mandate_set(**fields: Any) -> MandateSet:
    """A company's mandates."""
    made = MandateSet(new_id(), 1, ({"name": "payments", "limits": {ASSET: "5"}},), (new_id(), new_id()), NOW)
    return replace(made, **fields)


def payee_change(**fields: Any) -> PayeeChange:
    """Another wallet."""
    made = PayeeChange(new_id(), new_id(), "wallet", ACCOUNT, NOW, NOW + 60, (new_id(), new_id()))
    return replace(made, **fields)


def test_mandates_come_back_version_by_version(store: Store) -> None:
    one = mandate_set()
    two = replace(one, version=2, mandates=(), at=NOW + 1)
    with store.work() as tx:
        tx.mandates.put_set(one)
        tx.mandates.put_set(two)
        assert tx.mandates.sets(one.participant) == [one, two]
        assert (tx.mandates.sets(new_id()), tx.mandates.sets("nonsense")) == ([], [])
    with pytest.raises(AssertionError), store.work() as tx:
        tx.mandates.put_set(two)


@pytest.mark.parametrize("broken", [{"decided_by": ("51" * 16,)}, {"version": 0}], ids=["by one", "version 0"])
def test_mandates_of_one_person_are_refused(store: Store, broken: dict[str, Any]) -> None:
    with pytest.raises(AssertionError), store.work() as tx:
        tx.mandates.put_set(mandate_set(**broken))


def test_an_approval_is_kept_confirmed_and_closed_once(store: Store) -> None:
    one, second, third = approval(), new_id(), new_id()
    with store.work() as tx:
        tx.mandates.put_approval(one)
        assert tx.mandates.approval(one.id) == tx.mandates.lock_approval(one.id) == one
        assert (tx.mandates.approval(new_id()), tx.mandates.lock_approval("nonsense")) == (None, None)
        tx.mandates.save_approval(replace(one, confirmed_by=(second,)))
    done = replace(one, confirmed_by=(second, third), status="done", closed_by=third, closed_at=NOW + 5, why="agreed")
    with store.work() as tx:
        tx.mandates.save_approval(replace(done, act="waive", amount_minor=1))
        assert tx.mandates.approval(one.id) == done, "what was asked is never rewritten"
    with pytest.raises(AssertionError), store.work() as tx:
        tx.mandates.save_approval(replace(done, status="declined"))
    with pytest.raises(AssertionError), store.work() as tx:
        tx.mandates.put_approval(one)


BROKEN: dict[str, dict[str, Any]] = {
    "confirmed by who asked": {"asked_by": "51" * 16, "confirmed_by": ("51" * 16,)},
    "done by one": {"status": "done", "closed_at": NOW},
    "closed without a date": {"status": "declined"},
    "dated and open": {"closed_at": NOW},
    "no known status": {"status": "lost", "closed_at": NOW},
    "over before it began": {"expires_at": NOW},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_an_unsound_approval_is_refused(store: Store, broken: dict[str, Any]) -> None:
    with pytest.raises(AssertionError), store.work() as tx:
        tx.mandates.put_approval(approval(**broken))


def test_a_confirmation_is_not_taken_back(store: Store) -> None:
    one = replace(approval(), confirmed_by=(new_id(),))
    with store.work() as tx:
        tx.mandates.put_approval(one)
    with pytest.raises(AssertionError), store.work() as tx:
        tx.mandates.save_approval(replace(one, confirmed_by=()))


def test_approvals_are_found_newest_first_by_company_settlement_and_whether_they_wait(store: Store) -> None:
    first = approval()
    second = approval(participant=first.participant, settlement="")
    other = approval(settlement=first.settlement)
    closed = replace(first, status="declined", closed_by=new_id(), closed_at=NOW + 1)
    with store.work() as tx:
        for one in (first, second, other):
            tx.mandates.put_approval(one)
        tx.mandates.save_approval(closed)
        assert tx.mandates.approvals() == [other, second, closed]
        assert tx.mandates.approvals(participant=first.participant) == [second, closed]
        assert tx.mandates.approvals(settlement=first.settlement) == [other, closed]
        assert tx.mandates.approvals(is_open=True) == [other, second]
        assert tx.mandates.approvals(participant="nonsense") == []


def test_what_a_company_decides_is_its_own(store: Store) -> None:
    one, rules = approval(), mandate_set()
    with store.work() as tx:
        tx.mandates.put_approval(one)
        tx.mandates.put_set(replace(rules, participant=one.participant))
    for reader, count in ((Reader(one.participant, "treasurer"), 1), (Reader(new_id(), "treasurer"), 0),
                          (Reader("", "treasurer"), 0), (Reader("", "operator"), 1)):  # fmt: skip
        with store.read(reader) as tx:
            assert len(tx.mandates.approvals()) == len(tx.mandates.sets(one.participant)) == count
            assert (tx.mandates.approval(one.id) is not None) == bool(count)
    with store.door() as tx:
        assert (tx.mandates.approvals(), tx.mandates.sets(one.participant)) == ([], [])


def test_whoever_trades_with_a_company_is_told_where_it_is_paid_and_nobody_else(store: Store) -> None:
    one = settlement()
    for name in (one.seller, one.buyer):
        admit(store, name, name=name)
    first = payee_change(participant=one.seller)
    second = payee_change(participant=one.seller, kind="bank", account="")
    with store.work() as tx:
        tx.settlements.insert(one)
        tx.mandates.put_payee_change(first)
        tx.mandates.put_payee_change(second)
    for reader, expected in ((Reader(one.seller, "treasurer"), [first, second]), (Reader(new_id(), "treasurer"), []),
                             (Reader(one.buyer, "treasurer"), [first, second]),
                             (Reader("", "operator"), [first, second])):  # fmt: skip
        with store.read(reader) as tx:
            assert tx.mandates.payee_changes(one.seller) == expected


@pytest.mark.parametrize(
    "broken",
    [{"kind": "cash"}, {"account": ""}, {"kind": "bank"}, {"paid_from": NOW - 1}, {"decided_by": ("51" * 16,)}],
    ids=str,
)
def test_an_unsound_change_of_payee_is_refused(store: Store, broken: dict[str, Any]) -> None:
    with pytest.raises(AssertionError), store.work() as tx:
        tx.mandates.put_payee_change(payee_change(**broken))


def test_readers_and_doors_decide_nothing(store: Store) -> None:
    one = approval()
    for opened in (lambda: store.read(Reader("", "operator")), store.door):
        for act in (lambda tx: tx.mandates.put_approval(one), lambda tx: tx.mandates.put_set(mandate_set()),
                    lambda tx: tx.mandates.put_payee_change(payee_change())):  # fmt: skip
            with pytest.raises(AssertionError), opened() as tx:
                act(tx)


def test_what_may_still_be_funded_is_found_by_either_party(store: Store) -> None:
    one, paid = settlement(), funded()
    over = settlement(seller=one.seller, state=State.LAPSED)
    with store.work() as tx:
        for each in (one, paid, over):
            tx.settlements.insert(each)
        assert tx.settlements.unpaid(one.seller) == tx.settlements.unpaid(one.buyer) == [one.id]
        assert tx.settlements.unpaid(paid.seller) == tx.settlements.unpaid("nonsense") == []
