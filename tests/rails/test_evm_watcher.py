"""Watching: cursors, finality, reorganisations, poisoned logs, a node that is down, a chain that is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from rail_trading import BUYER, STRANGER, Trade
from rail_world import World, equipped, evm_world, hanging

from entrepot.core.canonical import hex0x
from entrepot.core.errors import Unavailable
from entrepot.rails.anvil import mine, start_anvil
from entrepot.rails.development import Deployer
from entrepot.rails.evm import EvmRail
from entrepot.rails.evm_calls import ESCROW
from entrepot.rails.evm_chain import Finality
from entrepot.rails.evm_events import TRANSFER
from entrepot.rails.node import Node
from entrepot.rails.rail import Observed


def push(word: bytes) -> bytes:
    return bytes([0x5F + len(word)]) + word


def log_code(topics: list[bytes], data: bytes) -> bytes:
    """Init code of a contract that emits one log while it is made, and has no code afterwards."""
    assert len(data) in (0, 32)
    code = push(data) + push(b"\0") + b"\x52" if data else b""
    for topic in reversed(topics):
        code += push(topic)
    return code + push(bytes([len(data)])) + push(b"\0") + bytes([0xA0 + len(topics)]) + b"\0"


def word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def emit(world: World, topics: list[bytes], data: bytes) -> str:
    """A stranger's contract emits a log; returns the contract's address."""
    return Deployer(world.node).deploy(log_code(topics, data))[0]


def test_nothing_is_told_before_it_is_final(world: World) -> None:
    trade = world.trade()
    world.do(trade.open())
    first = world.rail.observe(None)
    assert first.events == ()
    mine(world.node, 1)
    assert world.rail.observe(first.cursor).events == ()
    mine(world.node, 1)
    assert [event.kind for event in world.rail.observe(first.cursor).events] == ["opened"]


def test_everything_is_told_once_however_short_the_stretches_are(world: World) -> None:
    trades = [world.trade() for _ in range(3)]
    for trade in trades:
        world.do(trade.open())
        mine(world.node, 5)
        world.do(trade.fund())
    whole = [event.key for event in world.told()]
    slow, cursor, found, rounds = world.another_rail(blocks_max=2), None, [], 0
    while True:
        observed = slow.observe(cursor)
        cursor, rounds = observed.cursor, rounds + 1
        found += [event.key for event in observed.events]
        if not observed.is_behind:
            break
    assert found == whole and len(set(whole)) == len(whole) == 6
    assert rounds > 5


def test_a_watcher_goes_on_where_the_cursor_stands_after_a_restart(world: World, opened: Trade) -> None:
    world.told()
    world.do(opened.fund())
    world.pay(opened.token, opened.escrow, 5, by=BUYER.address)
    world.settle()
    restarted = world.another_rail()
    observed = restarted.observe(world.cursor)
    assert [event.kind for event in observed.events] == ["funded", "mispaid"]


def test_a_cursor_told_twice_gives_the_same_events_under_the_same_keys(world: World, funded: Trade) -> None:
    world.settle()
    once, again = world.rail.observe(None), world.rail.observe(None)
    assert once == again and once.events


def test_unfinal_events_are_told_as_seen_and_again_when_final(world: World, opened: Trade) -> None:
    rail = world.another_rail(sees_unfinal=True)
    seen = rail.observe(None)
    (event,) = seen.events
    assert (event.kind, event.is_final) == ("opened", False)
    assert event.key == f"eip155:31337:{event.block_hash}:{event.transaction}:{event.log_index}"
    assert rail.observe(seen.cursor).events == ()
    world.settle()
    (final,) = rail.observe(seen.cursor).events
    assert (final.is_final, final.key) == (True, f"{event.transaction}:{event.log_index}")


def test_after_a_reorganisation_what_was_only_seen_is_read_again(world: World) -> None:
    rail = world.another_rail(sees_unfinal=True)
    world.settle()
    trade = world.trade()
    world.do(trade.open())
    seen = rail.observe(rail.observe(None).cursor)
    seen = seen if seen.events else rail.observe(None)
    (before,) = seen.events
    world.node.call("evm_setAutomine", False)  # else anvil, which puts the transaction back into its pool, mines it
    world.node.call("anvil_reorg", 1, [])
    world.node.call("anvil_dropAllTransactions")
    again = rail.observe(seen.cursor)
    assert (again.alarm, again.events) == ("", ())
    rail.tend()
    mine(world.node)
    after = [event for event in rail.observe(again.cursor).events if event.transaction == before.transaction]
    assert [event.kind for event in after] == ["opened"]
    assert after[0].key != before.key


def test_a_reorganisation_of_unfinal_blocks_changes_no_fact(world: World, opened: Trade) -> None:
    world.told()
    world.do(opened.fund())
    world.node.call("anvil_reorg", 1, [])
    world.rail.tend()
    told = world.told(opened)
    assert [event.kind for event in told] == ["funded"]
    assert world.rail.held(opened.escrow, opened.token) == opened.total


def test_a_final_block_that_changed_is_an_alarm_and_stops_the_rail(world: World, opened: Trade) -> None:
    world.told()
    assert world.cursor is not None
    world.node.call("anvil_reorg", 4, [])
    mine(world.node, 4)
    observed = world.rail.observe(world.cursor)
    assert_stopped(world, opened, observed, "final_changed")


def test_a_chain_behind_our_cursor_is_an_alarm_and_the_rail_goes_on_when_it_is_back(
    world: World, opened: Trade
) -> None:
    mine(world.node, 20)
    world.told()
    assert world.cursor is not None
    lagging = world.another_rail(finality=Finality("latest", depth=10))
    observed = lagging.observe(world.cursor)
    assert_alarm(world, observed, "chain_behind")
    with pytest.raises(Unavailable) as stopped:
        lagging.submit(opened.fund())
    assert stopped.value.code == "rail_stopped"
    mine(world.node, 10)
    assert lagging.observe(world.cursor).alarm == ""
    opened.sequence = 0
    assert lagging.submit(opened.fund()).state == "sent"


def test_another_chain_under_the_same_address_is_an_alarm(world: World, opened: Trade, tmp_path: Path) -> None:
    mine(world.node, 50)
    world.told()
    with evm_world(tmp_path / "other") as other:
        assert_alarm(world, other.rail.observe(world.cursor), "chain_behind")
        mine(other.node, 100)
        assert_alarm(world, other.rail.observe(world.cursor), "final_changed")


def assert_alarm(world: World, observed: Observed, code: str) -> None:
    assert observed.alarm.startswith(f"{code}: ")
    assert (observed.cursor, observed.events) == (world.cursor, ())


def assert_stopped(world: World, trade: Trade, observed: Observed, code: str) -> None:
    assert_alarm(world, observed, code)
    with pytest.raises(Unavailable) as stopped:
        world.rail.submit(trade.fund())
    assert stopped.value.code == "rail_stopped"
    assert world.rail.tend() == 0


def test_a_poisoned_log_is_told_as_undecodable_and_the_rest_goes_on(world: World, opened: Trade) -> None:
    """An ERC-721 transfer has the same first topic as an ERC-20 one, and nothing in it that is an amount."""
    emitter = emit(world, [TRANSFER.topic, word(STRANGER.address), word(opened.escrow), bytes(31) + b"\x07"], b"")
    world.do(opened.fund())
    told = world.told(opened)
    assert [event.kind for event in told] == ["opened", "undecodable", "funded"]
    assert told[1].facts["emitter"] == emitter and "4 topics" in told[1].facts["why"]


@pytest.mark.parametrize("data", [b"\xff" * 32, (2**127).to_bytes(32, "big")])
def test_an_amount_beyond_all_money_is_told_as_undecodable(world: World, opened: Trade, data: bytes) -> None:
    emit(world, [TRANSFER.topic, word(STRANGER.address), word(opened.escrow)], data)
    assert [event.kind for event in world.told(opened)] == ["opened", "undecodable"]


def test_the_largest_amount_of_money_and_none_at_all(world: World, opened: Trade) -> None:
    """Zero is nobody's payment: anyone can emit it in anyone's name."""
    emit(world, [TRANSFER.topic, word(STRANGER.address), word(opened.escrow)], (2**127 - 1).to_bytes(32, "big"))
    emit(world, [TRANSFER.topic, word(STRANGER.address), word(opened.escrow)], bytes(32))
    told = world.told(opened)
    assert [event.kind for event in told] == ["opened", "mispaid"]
    assert told[1].facts["amount_minor"] == str(2**127 - 1)


def test_a_strangers_contract_cannot_speak_for_an_escrow(world: World, opened: Trade) -> None:
    """The same event with the same terms hash from another address is not ours."""
    terms_hash = bytes.fromhex(opened.terms.hash()[2:])
    closed = next(event for event in ESCROW.events.values() if event.name == "Presented")
    emit(world, [closed.topic, terms_hash, bytes(32)], bytes(32))
    assert [event.kind for event in world.told(opened)] == ["opened"]


def test_a_node_that_hangs_is_unavailable_and_nothing_is_lost_when_it_is_back(world: World, opened: Trade) -> None:
    world.told()
    world.do(opened.fund())
    rail = EvmRail(Node(world.anvil.url, timeout_s=0.5), world.deployment, world.rail.sender.signer, world.journal)
    with hanging(world.anvil), pytest.raises(Unavailable):
        rail.observe(world.cursor)
    assert [event.kind for event in world.told(opened)] == ["funded"]


def test_the_chain_survives_a_stop_and_a_moved_clock(tmp_path: Path) -> None:
    """Escrows, cursor and clock are those of before: block times do not go back."""
    home = tmp_path / "chain"
    anvil = start_anvil(home, block_time_s=None)
    try:
        world = equipped(anvil)
        trade = world.trade()
        world.do(trade.open())
        world.move_to(world.now() + 40 * 86_400)
        world.told()
        before = world.now()
    finally:
        anvil.stop()
    anvil = start_anvil(home, block_time_s=None)
    try:
        world.anvil, world.node = anvil, Node(anvil.url)
        world.rail = world.another_rail()
        assert hex0x(bytes.fromhex(world.rail.escrow_state(trade.escrow).terms_hash[2:])) == trade.terms.hash()
        observed = world.rail.observe(world.cursor)
        assert (observed.alarm, observed.events) == ("", ())
        later = world.trade()
        world.do(later.open())
        assert world.now() > before
        assert [event.kind for event in world.told(later)] == ["opened"]
        assert hex0x(bytes.fromhex(world.rail.escrow_state(trade.escrow).terms_hash[2:])) == trade.terms.hash()
    finally:
        anvil.stop()
