"""A batch is written as one; what cannot be written stops itself only, and nothing of it is left."""

from __future__ import annotations

from dataclasses import replace

from trading_house import House
from trading_sale import Trade, sale

from entrepot.core.bookkeeping import book_accounts, transfers_for
from entrepot.core.lifecycle import Role, State
from entrepot.core.settlement import Event
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
