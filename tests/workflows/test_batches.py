"""A batch is written as one; what cannot be written stops itself only, and nothing of it is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from trading_house import House, sign
from trading_sale import Trade, sale

from entrepot.core.bookkeeping import book_accounts, transfers_for
from entrepot.core.lifecycle import Role, State
from entrepot.core.settlement import Event
from entrepot.store.many import Conflict
from entrepot.store.memory_many import MemoryMany
from entrepot.store.records import InboxItem
from entrepot.workflows.work import BATCH_MIN, send_out, step

TURNS_MAX = 20


def occupy_the_books(trade: Trade) -> None:
    """Another amount was posted under the id of the trade's next transfer: a defect of ours, seen when posting."""
    one, event = trade.one, Event("funding_sent", trade.house.now(), Role.BUYER)
    with trade.house.store.work() as tx:
        tx.ledger.open_accounts(book_accounts(one, event))
        tx.ledger.post([replace(move, amount_minor=move.amount_minor + 1) for move in transfers_for(one, event)])


def test_one_poisoned_item_of_a_batch_is_set_aside_and_the_rest_goes_on(house: House) -> None:
    trades = [sale(house, share=10).propose().agree() for _ in range(4)]
    poisoned = trades[1]
    occupy_the_books(poisoned)
    before, leaves = poisoned.one, log_size(house)
    for trade in trades:
        house.put("fund", house.people["buyer"], trade.funding(), trade.id)
    turns = 0
    while step(house.ctx):
        turns += 1
        assert turns < TURNS_MAX, "the poisoned batch is taken again and again"
    assert [trade.one.state for trade in trades] == [State.FUNDING, State.CLEARED, State.FUNDING, State.FUNDING]
    assert poisoned.one == before and house.papers(poisoned.id, "passport_fund") == []
    assert log_size(house) == leaves + 3
    with house.store.work() as tx:
        assert [(item.settlement, "books refuse" in item.set_aside) for item in tx.inbox.stuck()] == [
            (poisoned.id, True)
        ]
    assert house.ctx.pace.careful == 0
    send_out(house.ctx)


def test_what_the_books_refuse_is_no_fault_of_a_later_item_that_has_it_written(house: House) -> None:
    """A withdrawal frees a reservation at once, so everything kept before it is written in its turn."""
    poisoned, good = (sale(house, share=10).propose().agree() for _ in range(2))
    occupy_the_books(poisoned)
    before, leaves = poisoned.one, log_size(house)
    house.put("fund", house.people["buyer"], poisoned.funding(), poisoned.id)
    withdrawal = house.put("withdraw", house.people["seller"], {}, good.id)
    for _ in range(TURNS_MAX):
        if not step(house.ctx):
            break
    assert poisoned.one == before and good.one.state is State.LAPSED
    assert house.answer(withdrawal)["status"] == 200 and log_size(house) == leaves + 1
    with house.store.work() as tx:
        assert [(item.settlement, item.kind) for item in tx.inbox.stuck()] == [(poisoned.id, "fund")]
        assert not [
            item for item in tx.outbox.waiting(limit=9) if item.settlement == poisoned.id and "fund" in item.once
        ]


@pytest.mark.parametrize("taken", ["register", "reserve"])
def test_what_another_worker_took_meanwhile_undoes_the_whole_batch_which_is_taken_again(
    house: House, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    """Whichever item has it written: no trade without its invoice's key, none cleared beyond the cap."""
    good, trade = sale(house, share=10).propose().agree(), sale(house, share=10)
    if taken == "register":
        asked = house.put("propose", house.people["seller"], trade.proposal(), "")
    else:
        trade.propose().sign("seller")
        signature = sign(house.people["buyer"].key, house.terms(trade.id).digest())
        asked = house.put("sign", house.people["buyer"], {"signature": signature}, trade.id)
    withdrawal = house.put("withdraw", house.people["seller"], {}, good.id)
    leaves, calls = log_size(house), list[Any]()
    write: Callable[..., None] = getattr(MemoryMany, taken)

    def once_too_late(self: MemoryMany, rows: Any) -> None:
        calls.extend(rows)
        if calls == list(rows) and rows:
            raise Conflict("taken meanwhile")
        write(self, rows)

    monkeypatch.setattr(MemoryMany, taken, once_too_late)
    assert step(house.ctx) == 1 and calls
    assert log_size(house) == leaves and good.one.state is State.CLEARED
    assert step(house.ctx) == 2
    assert house.answer(asked)["status"] < 300 and house.answer(withdrawal)["status"] == 200
    settlement = house.answer(asked)["body"]["settlement"]
    with house.store.work() as tx:
        assert tx.inbox.stuck() == []
        held = tx.many.reservations([settlement]) if taken == "reserve" else tx.many.invoices([calls[0].key])
    assert held


def test_a_refused_item_leaves_nothing_and_the_others_of_its_batch_are_done(house: House) -> None:
    trades = [sale(house, share=10).propose().agree() for _ in range(3)]
    bodies = [trade.funding() for trade in trades]
    bodies[1]["signature"] = bodies[0]["signature"]  # another payment's
    items = [
        house.put("fund", house.people["buyer"], body, trade.id) for trade, body in zip(trades, bodies, strict=True)
    ]
    before, papers = trades[1].one, len(house.papers(trades[1].id, "decision_fund"))
    assert step(house.ctx) == 3
    assert [house.answer(item)["status"] for item in items] == [202, 409, 202]
    assert trades[1].one == before and len(house.papers(trades[1].id, "decision_fund")) == papers
    assert house.books(trades[1].id)["pending"] == 0


def test_a_step_that_took_long_enough_leaves_the_rest_to_the_next_and_nobody_waits_for_it(house: House) -> None:
    items = [
        house.put("withdraw", house.people["seller"], {}, f"{n:032x}", key=f"late-{n}") for n in range(BATCH_MIN + 5)
    ]
    house.ctx.pace.step_s = 0.0
    assert step(house.ctx) == BATCH_MIN
    answered = [item.key for item in items if kept(house, item).answer is not None]
    assert answered == [item.key for item in items[:BATCH_MIN]]
    assert step(house.ctx) == 5
    assert all(kept(house, item).answer is not None for item in items)


def test_a_step_with_time_left_takes_all(house: House) -> None:
    for n in range(BATCH_MIN + 5):
        house.put("withdraw", house.people["seller"], {}, f"{n:032x}", key=f"soon-{n}")
    house.ctx.pace.step_s = 3_600.0
    assert step(house.ctx) == BATCH_MIN + 5


def kept(house: House, item: InboxItem) -> InboxItem:
    """The item as the inbox has it now."""
    with house.store.door() as tx:
        found = tx.inbox.get(item.source, item.key)
    assert found is not None
    return found


def log_size(house: House) -> int:
    """How many leaves there are."""
    with house.store.work() as tx:
        return tx.log.size()
