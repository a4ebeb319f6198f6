"""A real Anvil node with our contracts and Circle's token, for tests of the EVM rail."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rail_journal import MemoryJournal
from rail_trading import AUTHORITIES, BUYER, OWNERS, PASSPORTS, SENDER, TRUSTEES, Trade

from entrepot.core.canonical import hex0x
from entrepot.core.errors import Unavailable
from entrepot.rails.abi import Contract
from entrepot.rails.anvil import Anvil, anvil_binary, mine, move_clock, start_anvil
from entrepot.rails.development import Charter, deploy_all, give_gas, mint
from entrepot.rails.evm import Deployment, EvmRail
from entrepot.rails.node import Node
from entrepot.rails.rail import Cursor, Operation, RailEvent, Sent

BALANCE_MINOR = 10**15
MINED_TIMEOUT_S = 10
ERC20_TRANSFER = Contract(
    [{"type": "function", "name": "transfer", "inputs": [{"type": "address"}, {"type": "uint256"}], "outputs": []}]
)
FINAL_BLOCKS = 2  # anvil with --slots-in-an-epoch 1: final is two blocks behind the newest


@dataclass
class World:
    """A node, a deployment and one rail; blocks come only when a transaction or `mine` makes them."""

    anvil: Anvil
    node: Node
    deployment: Deployment
    journal: MemoryJournal
    rail: EvmRail
    cursor: Cursor | None = None

    def trade(self, **changes: Any) -> Trade:
        """A new trade in the chain's own time."""
        return Trade(self.deployment, self.now(), changes)

    def now(self) -> int:
        """Newest block time."""
        return int(self.node.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def do(self, operation: Operation) -> Sent:
        """Submits, and waits for the block that has it: the node answers a broadcast before it makes the block."""
        sent = self.rail.submit(operation)
        until = time.monotonic() + MINED_TIMEOUT_S
        while self.rail.state_of(operation.once).name not in ("mined", "final", "failed"):
            assert time.monotonic() < until, f"{operation.once} is not mined"
        return sent

    def settle(self) -> None:
        """Makes everything sent so far final."""
        until = time.monotonic() + MINED_TIMEOUT_S
        while int(self.node.call("txpool_status")["pending"], 16):
            assert time.monotonic() < until, "the node does not empty its pool"
        mine(self.node, FINAL_BLOCKS)

    def move_to(self, to_s: int) -> None:
        """Moves the chain's clock."""
        move_clock(self.node, to_s=to_s)

    def told(self, trade: Trade | None = None) -> list[RailEvent]:
        """Everything final that was not told before, of one trade if it is given."""
        self.settle()
        found: list[RailEvent] = []
        for _ in range(100):
            observed = self.rail.observe(self.cursor)
            assert not observed.alarm, observed.alarm
            self.cursor = observed.cursor
            found += observed.events
            if not observed.is_behind:
                break
        return [event for event in found if trade is None or event.escrow == trade.escrow]

    def another_rail(self, **options: Any) -> EvmRail:
        """The same deployment and Journal through a new rail, as after a restart."""
        return EvmRail(Node(self.anvil.url), self.deployment, SENDER, self.journal, **options)

    def pay(self, token: str, to: str, amount: int, *, by: str) -> None:
        """A bare transfer from somebody's wallet, which the node is made to send."""
        self.node.call("anvil_impersonateAccount", by)
        give_gas(self.node, by)
        data = ERC20_TRANSFER.call("transfer", to, amount)
        self.node.call("eth_sendTransaction", {"from": by, "to": token, "data": hex0x(data)})
        self.node.call("anvil_stopImpersonatingAccount", by)


@contextmanager
def hanging(anvil: Anvil) -> Iterator[None]:
    """The node takes connections and answers nothing, as a machine in trouble does."""
    os.kill(anvil.process.pid, signal.SIGSTOP)
    os.waitpid(anvil.process.pid, os.WUNTRACED)  # it has really stopped
    try:
        yield
    finally:
        os.kill(anvil.process.pid, signal.SIGCONT)


@contextmanager
def evm_world(home: Path, *, block_time_s: float | None = None) -> Iterator[World]:
    """A fresh chain, stopped at the end. Skips where the npm packages are not installed."""
    try:
        anvil_binary()
    except Unavailable:
        pytest.skip("npm packages are not installed (npm ci)")
    anvil = start_anvil(home, block_time_s=block_time_s)
    try:
        yield equipped(anvil)
    finally:
        anvil.stop()


def equipped(anvil: Anvil) -> World:
    """Deploys, fills wallets, and makes the rail."""
    node = Node(anvil.url)
    give_gas(node, SENDER.address)
    deployment = deploy_all(node, charter())
    mint(node, deployment.token.address, BUYER.address, BALANCE_MINOR)
    journal = MemoryJournal()
    rail = EvmRail(node, deployment, SENDER, journal)
    rail.check()
    return World(anvil, node, deployment, journal, rail)


def charter() -> Charter:
    """The keys of the tests' people."""
    return Charter(
        owners=tuple(person.address for person in OWNERS),
        passport_signers=tuple(person.address for person in PASSPORTS),
        authorities=tuple(person.address for person in AUTHORITIES),
        trustees=tuple(person.address for person in TRUSTEES),
        owners_required=2,
        trustees_required=2,
    )
