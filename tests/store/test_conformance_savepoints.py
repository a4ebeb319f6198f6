"""What happens inside a savepoint that raises is forgotten, whatever it was and however it is kept till the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from made_up import NOW, happen, inbox_item, logged, new_id, outbox_item, paper, settlement

from entrepot.core.ledger import AccountClass, Phase, Transfer, account
from entrepot.store.records import KeptReceipt, ListRow
from entrepot.store.store import Store, Transaction


class Stop(Exception):
    """Ends a savepoint."""


class Before:
    """What is there before the savepoint, and a fresh name for everything that an act may write."""

    def __init__(self, store: Store) -> None:
        self.one, self.new, self.buyer, self.invoice = settlement(), settlement(), new_id(), new_id()
        self.paper = paper(self.one)
        self.out = outbox_item(new_id())
        self.receipt = KeptReceipt(self.one.id, "eip155:1", "0xaa", 5, "0xbb", b"\x01", 0, (b"\x02",), "funded", NOW)
        self.outside = account(AccountClass.OUTSIDE, self.buyer, "USD")
        self.escrow = account(AccountClass.ESCROW, self.one.id, "USD")
        self.move = Transfer(
            new_id(), self.outside.id, self.escrow.id, 7, Phase.POSTED, "funded", NOW, settlement=self.one.id
        )
        self.item = inbox_item()
        with store.work() as tx:
            tx.settlements.insert(self.one)
            tx.inbox.put(self.item)


@dataclass(frozen=True)
class Act:
    """A write, and how many times it is seen to have been done."""

    write: Callable[[Transaction, Before], object]
    count: Callable[[Transaction, Before], int]


def _reserve(tx: Transaction, at: Before) -> bool:
    return tx.checks.reserve(
        settlement=at.one.id, participant=at.buyer, amount_minor=7, cap_minor=10, since=NOW - 9, at=NOW
    )


def _post(tx: Transaction, at: Before) -> None:
    tx.ledger.open_accounts([at.outside, at.escrow])
    tx.ledger.post([at.move])


def _invoices(tx: Transaction, at: Before) -> int:
    tx.log.size()  # acts on many at once know only what is written
    return len(tx.many.invoices([at.invoice]))


def _due(tx: Transaction, at: Before) -> int:
    return sum(one.id == at.one.id for one in tx.settlements.claim_due(now=NOW + 200, limit=99))


ACTS = {
    "a new settlement": Act(
        lambda tx, at: tx.settlements.insert(at.new), lambda tx, at: int(tx.settlements.get(at.new.id) is not None)
    ),
    "an event": Act(
        lambda tx, at: happen(tx, at.one, "quote_given"), lambda tx, at: len(tx.settlements.events(at.one.id))
    ),
    "a postponement": Act(
        lambda tx, at: tx.settlements.postpone(at.one.id, until=NOW + 900), lambda tx, at: 1 - _due(tx, at)
    ),
    "a paper": Act(lambda tx, at: tx.papers.put(at.paper), lambda tx, at: len(tx.papers.of(at.one.id))),
    "a receipt": Act(lambda tx, at: tx.rails.put_receipt(at.receipt), lambda tx, at: len(tx.rails.receipts(at.one.id))),
    "an invoice's key": Act(
        lambda tx, at: tx.checks.register_invoice(key=at.invoice, fingerprint="f", settlement=at.one.id),
        _invoices,
    ),
    "headroom": Act(_reserve, lambda tx, at: tx.checks.reserved(at.buyer, since=NOW - 9) // 7),
    "a posting": Act(_post, lambda tx, at: len(tx.ledger.transfers_of(at.one.id))),
    "outside work": Act(
        lambda tx, at: tx.outbox.put([at.out]),
        lambda tx, at: [one.once for one in tx.outbox.waiting(limit=99)].count(at.out.once),
    ),
    "an answer": Act(
        lambda tx, at: tx.inbox.answer(at.item.id, {"status": 200, "body": {}}, at=NOW),
        lambda tx, at: int(tx.inbox.get(at.item.source, at.item.key).answer is not None),  # type: ignore[union-attr]
    ),
}
# What goes to the database at once makes everything kept before it go there first.
THROUGH: dict[str, Callable[[Transaction], object]] = {
    "kept": lambda tx: None,
    "written through": lambda tx: tx.log.size(),
}


@pytest.mark.parametrize("before", THROUGH)
@pytest.mark.parametrize("after", THROUGH)
def test_what_a_savepoint_undoes_can_be_done_again_and_is_then_done_once(store: Store, before: str, after: str) -> None:
    for name, act in ACTS.items():
        at = Before(store)
        with store.work() as tx:
            tx.inbox.claim(limit=99)
            for _ in range(2):
                with pytest.raises(Stop), tx.savepoint():
                    THROUGH[before](tx)
                    act.write(tx, at)
                    THROUGH[after](tx)
                    raise Stop
        with store.work() as tx:
            assert act.count(tx, at) == 0, name
        with store.work() as tx:
            tx.inbox.claim(limit=99)
            with pytest.raises(Stop), tx.savepoint():
                THROUGH[before](tx)
                act.write(tx, at)
                THROUGH[after](tx)
                raise Stop
            with tx.savepoint():
                act.write(tx, at)
                THROUGH[after](tx)
            assert act.count(tx, at) == 1, f"{name}, within the transaction"
        with store.work() as tx:
            assert act.count(tx, at) == 1, name


@pytest.mark.parametrize("through", THROUGH)
def test_a_savepoint_within_one_is_undone_alone(store: Store, through: str) -> None:
    for name, act in ACTS.items():
        at, other = Before(store), settlement()
        with store.work() as tx:
            tx.inbox.claim(limit=99)
            tx.outbox.put([outbox_item(new_id())])  # so that each savepoint has something to be written before it
            with tx.savepoint():
                tx.settlements.insert(other)
                with pytest.raises(Stop), tx.savepoint():
                    act.write(tx, at)
                    THROUGH[through](tx)
                    raise Stop
                tx.settlements.save(replace(other, seq=1), [logged(other, 1)])
        with store.work() as tx:
            assert act.count(tx, at) == 0, name
            assert tx.settlements.get(other.id) == replace(other, seq=1), name


@pytest.mark.parametrize("through", THROUGH)
def test_an_outer_savepoint_undoes_what_an_inner_one_had_done(store: Store, through: str) -> None:
    for name, act in ACTS.items():
        at, other = Before(store), settlement()
        with store.work() as tx:
            tx.inbox.claim(limit=99)
            with pytest.raises(Stop), tx.savepoint():
                with tx.savepoint():
                    act.write(tx, at)
                THROUGH[through](tx)
                raise Stop
            tx.settlements.insert(other)
        with store.work() as tx:
            assert act.count(tx, at) == 0, name
            assert tx.settlements.get(other.id) == other, name


@pytest.mark.parametrize("through", THROUGH)
def test_the_second_of_two_is_undone_and_the_first_stays(store: Store, through: str) -> None:
    at = Before(store)
    with store.work() as tx:
        tx.papers.put(at.paper)
        one = happen(tx, at.one, "quote_given")
        _reserve(tx, at)
        THROUGH[through](tx)
        with pytest.raises(Stop), tx.savepoint():
            tx.papers.put(paper(at.one, body=b"another"))
            tx.settlements.save(replace(one, seq=2), [logged(one, 2, kind="signed")])
            tx.checks.reserve(
                settlement=new_id(), participant=at.buyer, amount_minor=2, cap_minor=10, since=NOW - 9, at=NOW
            )
            raise Stop
        assert tx.papers.of(at.one.id) == [at.paper]
        assert tx.settlements.get(at.one.id) == one
        assert tx.checks.reserved(at.buyer, since=NOW - 9) == 7
    with store.work() as tx:
        assert tx.papers.of(at.one.id) == [at.paper]
        assert tx.settlements.get(at.one.id) == one
        assert tx.checks.reserved(at.buyer, since=NOW - 9) == 7


def test_a_list_that_a_savepoint_undoes_is_no_conflict_for_the_batch(store: Store) -> None:
    version = ListRow("demo", "1", "ab" * 32, None, NOW, NOW, 1, 0, ({"name": "Ivan Nobody"},))
    at = Before(store)
    with store.work() as tx:
        with pytest.raises(Stop), tx.savepoint():
            tx.checks.put_list(version, after="")
            raise Stop
        tx.papers.put(at.paper)
    with store.work() as tx:
        assert tx.papers.of(at.one.id) == [at.paper]
        assert tx.checks.lists(with_entities=False) == []
