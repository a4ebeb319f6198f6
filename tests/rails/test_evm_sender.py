"""Once is once: retries, a crash between Journal and broadcast, fee bumps, replacements, reorganisations."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from rail_journal import MemoryJournal
from rail_trading import PASSPORTS, SENDER, STRANGER, Trade
from rail_world import World, evm_world

from entrepot.core.canonical import hex0x
from entrepot.core.errors import Refused, Unavailable
from entrepot.rails.anvil import free_port, mine
from entrepot.rails.development import give_gas
from entrepot.rails.evm import EvmRail
from entrepot.rails.evm_sender import SendingPolicy
from entrepot.rails.evm_transaction import Fees, Unsigned, read, signed, transaction_hash
from entrepot.rails.node import Node
from entrepot.rails.rail import SentTransaction


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[World]:
    """A chain that makes blocks only when asked: what is sent waits."""
    with evm_world(tmp_path / "chain") as world:
        world.node.call("evm_setAutomine", False)
        yield world


def sent_by_us(world: World) -> int:
    """Transactions of the sender that are in blocks."""
    return int(world.node.call("eth_getTransactionCount", SENDER.address, "latest"), 16)


def test_the_same_once_never_makes_a_second_transaction(world: World) -> None:
    operation = world.trade().open()
    first, second = world.rail.submit(operation), world.rail.submit(operation)
    assert first == second
    world.settle()
    assert world.rail.submit(operation).hash == first.hash
    assert world.rail.state_of(operation.once).name == "final"
    assert sent_by_us(world) == 1


def test_another_once_for_the_same_act_is_refused_by_the_escrow(world: World) -> None:
    trade = world.trade()
    world.do(trade.open())
    with pytest.raises(Refused, match="already open"):
        world.rail.submit(trade.open())


def test_two_workers_at_once_make_one_transaction(world: World) -> None:
    trade = world.trade()
    operation = trade.open()
    rails = [world.another_rail() for _ in range(8)]
    with ThreadPoolExecutor(len(rails)) as pool:
        sent = list(pool.map(lambda rail: rail.submit(operation), rails))
    assert len({entry.hash for entry in sent}) == 1
    world.settle()
    assert world.rail.state_of(operation.once).name == "final"
    assert sent_by_us(world) == 1


class Crash(Exception):
    """The process ended here."""


class CrashingJournal(MemoryJournal):
    """Keeps the transaction, and then the process ends before the broadcast."""

    def prepare(self, once: str, **options: object) -> SentTransaction:
        super().prepare(once, **options)  # type: ignore[arg-type]
        raise Crash


@pytest.mark.parametrize("how", ["tend", "submit"])
def test_a_crash_between_journal_and_broadcast_is_recovered(world: World, how: str) -> None:
    journal = CrashingJournal()
    journal.kept = world.journal.kept
    operation = world.trade().open()
    rail = EvmRail(world.node, world.deployment, SENDER, journal)
    with pytest.raises(Crash):
        rail.submit(operation)
    assert sent_by_us(world) == 0
    kept = world.journal.kept[operation.once]
    restarted = world.another_rail()
    assert restarted.state_of(operation.once).name == "prepared"
    if how == "tend":
        assert restarted.tend() == 1
    else:
        assert restarted.submit(operation).hash == kept.hash
    world.settle()
    state = restarted.state_of(operation.once)
    assert (state.name, state.transaction) == ("final", kept.hash)
    assert restarted.tend() == 0
    assert sent_by_us(world) == 1


def test_a_later_operation_waits_for_the_nonce_of_the_crashed_one(world: World) -> None:
    journal = CrashingJournal()
    journal.kept = world.journal.kept
    first, second = world.trade().open(), world.trade().open()
    with pytest.raises(Crash):
        EvmRail(world.node, world.deployment, SENDER, journal).submit(first)
    world.rail.submit(second)
    assert world.rail.state_of(second.once).name == "sent"
    world.rail.tend()
    mine(world.node)
    assert {world.rail.state_of(once).name for once in (first.once, second.once)} <= {"mined", "final"}


def test_a_lost_reply_is_no_second_payment(world: World, opened: Trade) -> None:
    """The broadcast arrives and its reply does not: the caller sees Unavailable and tries again."""
    funding = opened.fund()
    world.do(funding)
    kept = world.journal.kept[funding.once]
    world.journal.kept[funding.once] = replace(kept, state="prepared")  # the reply that would have moved it was lost
    assert world.rail.submit(funding).hash == kept.hash
    told = [event.kind for event in world.told(opened)]
    assert told.count("funded") == 1


def test_what_waits_too_long_is_replaced_for_a_higher_fee_and_both_hashes_are_followed(waiting: World) -> None:
    rail = waiting.another_rail(sending=SendingPolicy(bump_after_blocks=3))
    operation = waiting.trade().open()
    first = rail.submit(operation)
    rail.tend()
    assert waiting.journal.kept[operation.once].attempt == 0
    stall(waiting, first.hash, blocks=3)
    rail.tend()
    dearer = waiting.journal.kept[operation.once]
    before, after = read(waiting.journal.kept[f"{operation.once}#0"].raw), read(dearer.raw)
    assert (dearer.attempt, dearer.nonce, after.data) == (1, first.nonce, before.data)
    assert after.fees.tip_max * 100 >= before.fees.tip_max * 110
    assert after.fees.per_gas_max * 100 >= before.fees.per_gas_max * 110
    assert rail.state_of(operation.once).transaction == dearer.hash != first.hash
    mine(waiting.node, 4)
    state = rail.state_of(operation.once)
    assert (state.name, state.transaction) == ("final", dearer.hash)


def test_the_replaced_transaction_may_be_the_one_that_is_mined(waiting: World) -> None:
    rail = waiting.another_rail(sending=SendingPolicy(bump_after_blocks=1))
    operation = waiting.trade().open()
    first = rail.submit(operation)
    rail.tend()
    stall(waiting, first.hash, blocks=1)
    rail.tend()
    replaced, dearer = waiting.journal.kept[f"{operation.once}#0"], waiting.journal.kept[operation.once]
    assert (replaced.hash, replaced.state) == (first.hash, "replaced")
    waiting.node.call("anvil_dropTransaction", dearer.hash)
    waiting.node.call("eth_sendRawTransaction", hex0x(replaced.raw))
    mine(waiting.node, 4)
    state = rail.state_of(operation.once)
    assert (state.name, state.transaction) == ("final", first.hash)
    assert waiting.journal.kept[operation.once].state == "final"
    assert rail.tend() == 0


def test_a_fee_is_never_bumped_beyond_the_cap(waiting: World) -> None:
    cap = 3 * 10**9
    rail = waiting.another_rail(sending=SendingPolicy(bump_after_blocks=1, per_gas_wei_max=cap))
    operation = waiting.trade().open()
    rail.submit(operation)
    for _ in range(6):
        rail.tend()
        stall(waiting, waiting.journal.kept[operation.once].hash, blocks=1)
    assert 0 < waiting.journal.kept[operation.once].attempt < 6
    assert read(waiting.journal.kept[operation.once].raw).fees.per_gas_max <= cap


def stall(world: World, transaction: str, *, blocks: int) -> None:
    """Blocks come without the transaction, as when others pay more; the node still knows it."""
    raw = next(entry.raw for entry in world.journal.kept.values() if entry.hash == transaction)
    world.node.call("anvil_dropTransaction", transaction)
    mine(world.node, blocks)
    world.node.call("eth_sendRawTransaction", hex0x(raw))


def test_a_transaction_that_the_node_does_not_take_stops_neither_the_others_nor_the_watcher(waiting: World) -> None:
    """The first offers less than a block costs, as after a night on which fees rose."""
    first, second = waiting.trade().open(), waiting.trade().open()
    cheap = waiting.another_rail(sending=SendingPolicy(per_gas_wei_max=2, tip_wei_min=1))
    with pytest.raises(Unavailable) as refused:
        cheap.submit(first)
    assert refused.value.code == "rail_not_taken"
    waiting.rail.submit(second)
    assert cheap.tend() == 2
    rail = waiting.another_rail(sending=SendingPolicy(bump_after_blocks=1))
    rail.tend()
    mine(waiting.node)
    rail.tend()
    mine(waiting.node, 4)
    assert {rail.state_of(operation.once).name for operation in (first, second)} == {"final"}
    assert waiting.journal.kept[first.once].attempt == 1


def test_what_the_node_forgot_is_sent_again(waiting: World) -> None:
    operation = waiting.trade().open()
    first = waiting.rail.submit(operation)
    waiting.node.call("anvil_dropAllTransactions")
    waiting.rail.tend()
    mine(waiting.node)
    state = waiting.rail.state_of(operation.once)
    assert (state.name, state.transaction) == ("mined", first.hash)


def test_a_reorganisation_puts_a_mined_operation_back_and_it_is_mined_again(world: World) -> None:
    operation = world.trade().open()
    world.do(operation)
    assert world.rail.state_of(operation.once).name == "mined"
    world.node.call("evm_setAutomine", False)  # else anvil, which puts the transaction back into its pool, mines it
    world.node.call("anvil_reorg", 1, [])
    world.node.call("anvil_dropAllTransactions")
    assert world.rail.state_of(operation.once).name == "sent"
    world.rail.tend()
    mine(world.node, 3)
    assert world.rail.state_of(operation.once).name == "final"
    assert sent_by_us(world) == 1


def test_an_operation_that_fails_in_its_block_is_failed_with_its_reason(waiting: World) -> None:
    """Two operations are sound when they are simulated; the second is not when its turn comes."""
    trade = waiting.trade()
    waiting.rail.submit(trade.open())
    late = trade.open()
    waiting.rail.submit(late)
    mine(waiting.node, 4)
    state = waiting.rail.state_of(late.once)
    assert (state.name, waiting.journal.kept[late.once].state) == ("failed", "final")
    assert state.has_ended and state.reason
    assert waiting.rail.submit(late).hash == state.transaction


def test_a_nonce_that_somebody_else_used_drops_the_operation(waiting: World) -> None:
    operation = waiting.trade().open()
    ours = waiting.rail.submit(operation)
    waiting.node.call("anvil_dropAllTransactions")
    foreign = signed(Unsigned(31337, ours.nonce, Fees(10**11, 10**10), 21_000, STRANGER.address, b""), SENDER)
    waiting.node.call("eth_sendRawTransaction", hex0x(foreign))
    mine(waiting.node)
    assert waiting.rail.state_of(operation.once).name == "sent"  # may still be undone
    mine(waiting.node, 3)
    state = waiting.rail.state_of(operation.once)
    assert (state.name, state.has_ended) == ("dropped", True)
    assert waiting.rail.tend() == 0


def test_a_sender_without_gas_coins_is_unavailable_and_recovers(world: World) -> None:
    poor = PASSPORTS[0]
    rail = EvmRail(world.node, world.deployment, poor, MemoryJournal())
    operation = world.trade().open()
    with pytest.raises(Unavailable) as refused:
        rail.submit(operation)
    assert refused.value.code == "rail_unfunded"
    give_gas(world.node, poor.address)
    assert rail.submit(operation).state == "sent"


def test_a_node_that_is_down_is_unavailable_and_the_same_operation_goes_through_later(world: World) -> None:
    operation = world.trade().open()
    nobody = EvmRail(Node(f"http://127.0.0.1:{free_port()}", timeout_s=1), world.deployment, SENDER, world.journal)
    for attempt in (lambda: nobody.submit(operation), lambda: nobody.observe(None), nobody.final):
        with pytest.raises(Unavailable):
            attempt()
    assert world.rail.submit(operation).state == "sent"


def test_a_transaction_is_the_one_that_other_software_would_sign() -> None:
    """Oracle: eth_account. Its signatures are deterministic too (RFC 6979), so the bytes are the same."""
    account = pytest.importorskip("eth_account").Account
    unsigned = Unsigned(1, 7, Fees(30 * 10**9, 10**9), 100_000, STRANGER.address, b"\x01\x02")
    expected = account.sign_transaction({
        "type": 2, "chainId": 1, "nonce": 7, "maxFeePerGas": 30 * 10**9, "maxPriorityFeePerGas": 10**9, "gas": 100_000,
        "to": bytes.fromhex(STRANGER.address[2:]), "value": 0, "data": b"\x01\x02",
    }, SENDER.key)  # fmt: skip
    raw = signed(unsigned, SENDER)
    assert raw == bytes(expected.raw_transaction)
    assert transaction_hash(raw) == hex0x(bytes(expected.hash))
    assert read(raw) == unsigned
