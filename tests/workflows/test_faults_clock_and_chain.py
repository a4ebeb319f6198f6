"""The clock jumps, or the node comes back with another chain: nothing is paid by it, nothing lost, and it goes on."""

from __future__ import annotations

import pytest
import time_machine
from trading_house import House
from trading_sale import sale

from entrepot.core.errors import Unavailable
from entrepot.core.lifecycle import State
from entrepot.rails.anvil import mine, start_anvil
from entrepot.workflows.books.reconcile import reconcile
from entrepot.workflows.chain import observe
from entrepot.workflows.work import send_out, step

AHEAD_S = 3_000  # beyond the term for paying, and within the age of lists
BACK_S = 3_000
TRIES_MAX = 12


def turns(house: House, count: int) -> None:
    """What a worker does while nothing new comes."""
    for _ in range(count):
        step(house.ctx)
        send_out(house.ctx)
        observe.watch(house.ctx)


def jumped(house: House, seconds: int) -> time_machine.travel:
    """The machine's clock, so far from where it was."""
    return time_machine.travel(house.now() - house.ctx.offset_s + seconds, tick=True)


def test_a_clock_that_jumps_ahead_ends_no_term_that_the_chain_has_not_passed(house: House) -> None:
    trade = sale(house).propose().agree().is_sound(State.CLEARED)
    with jumped(house, AHEAD_S):
        turns(house, 3)
        assert trade.one.state is State.CLEARED, "final block time has not passed the term"
    trade.fund().is_sound(State.FUNDED)
    trade.present().is_sound(State.PRESENTED)
    with jumped(house, AHEAD_S):
        turns(house, 3)
    trade.examine(complies=True).is_sound(State.RELEASED)
    assert house.kinds(trade.id).count("released") == 1
    assert reconcile(house.store, house.rail)[1] == []


def test_a_clock_that_is_set_back_makes_things_wait_and_pays_nobody_twice(house: House) -> None:
    trade = sale(house).propose().agree().fund().is_sound(State.FUNDED)
    trade.present()
    with jumped(house, -BACK_S):
        turns(house, 3)
        trade.examine(complies=True)
        turns(house, 3)
    # A passport of the late clock has expired for the chain: it refuses it, and after some tries a new one is decided.
    for _ in range(TRIES_MAX):
        if trade.one.state is State.RELEASED:
            break
        house.pass_time(2)
    trade.is_sound(State.RELEASED)
    assert house.kinds(trade.id).count("released") == 1
    assert reconcile(house.store, house.rail)[1] == []
    with house.store.work() as tx:
        assert tx.inbox.stuck() == []


def cursor_of(house: House) -> tuple[int, str, str]:
    with house.store.work() as tx:
        kept = tx.rails.cursor(house.rail.name)
    assert kept is not None
    return kept.final_block, kept.final_hash, kept.alarm


@pytest.mark.parametrize(("blocks", "alarm"), [(0, "chain_behind"), (20, "final_changed")])
def test_a_node_that_is_back_with_another_chain_is_refused_and_nothing_is_lost(
    house: House, tmp_path_factory: pytest.TempPathFactory, blocks: int, alarm: str
) -> None:
    trade = sale(house).propose().agree().is_sound(State.CLEARED)
    number, hash_, _ = cursor_of(house)
    ours = house.rail.evm.node.url
    home = tmp_path_factory.mktemp("other")
    other = start_anvil(home, block_time_s=None, first_block=number if blocks else None)  # mining to it takes minutes
    try:
        house.rail.evm.node.url = other.url  # the same address in the world, another chain behind it
        if blocks:
            mine(house.rail.evm.node, blocks)
        observe.watch(house.ctx)
        assert cursor_of(house)[:2] == (number, hash_) and cursor_of(house)[2].startswith(alarm)
        house.put("fund", house.people["buyer"], trade.funding(), trade.id)
        turns(house, 3)
        assert trade.one.state is State.FUNDING
        with house.store.work() as tx:
            (waiting,) = tx.outbox.waiting(limit=5)
        assert "rail_stopped" in waiting.error, "nothing is sent to a chain that is not ours"
        with pytest.raises(Unavailable):
            house.rail.submit(None)  # type: ignore[arg-type]
    finally:
        house.rail.evm.node.url = ours
        other.stop()
    house.run()
    assert cursor_of(house)[2] == ""
    trade.is_sound(State.FUNDED)
    assert reconcile(house.store, house.rail)[1] == []
