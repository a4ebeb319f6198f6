"""What the conformance suite does to a rail from outside, for each rail: make blocks, move time, pay, take it down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from rail_trading import AUTHORITIES, BUYER, PASSPORTS, Trade
from rail_world import BALANCE_MINOR, World, hanging

from entrepot.rails.anvil import mine
from entrepot.rails.node import Node
from entrepot.rails.rail import Cursor, Operation, Rail, RailEvent
from entrepot.rails.simulated import Faults, SimulatedRail


class Ground(Protocol):
    """A rail and the world around it."""

    rail: Rail

    def trade(self) -> Trade:
        """A new trade in the rail's own time."""

    def do(self, operation: Operation) -> None:
        """Submits, and lets a block come."""

    def settle(self) -> None:
        """Everything sent so far becomes final."""

    def move_to(self, to_s: int) -> None:
        """Time passes until Unix seconds `to_s`."""

    def pay(self, trade: Trade, amount: int) -> None:
        """A bare transfer of the buyer's to the escrow."""

    def reorganise(self) -> None:
        """The newest block is undone, and what was in it waits again."""

    def down(self) -> AbstractContextManager[None]:
        """The node gives no answer inside of the block."""


class SimulatedGround:
    """See Ground."""

    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        self.rail = SimulatedRail(
            seed,
            passport_signers=[person.address for person in PASSPORTS],
            authorities=[person.address for person in AUTHORITIES],
            faults=faults,
        )
        self.rail.mint(self.rail.deployment.token.address, BUYER.address, BALANCE_MINOR)

    def trade(self) -> Trade:
        """See Ground.trade."""
        return Trade(self.rail.deployment, self.rail.now())

    def do(self, operation: Operation) -> None:
        """See Ground.do."""
        self.rail.submit(operation)
        self.rail.mine()

    def settle(self) -> None:
        """See Ground.settle."""
        self.rail.mine(3)

    def move_to(self, to_s: int) -> None:
        """See Ground.move_to."""
        self.rail.mine(1, after_s=to_s - self.rail.now())

    def pay(self, trade: Trade, amount: int) -> None:
        """See Ground.pay."""
        self.rail.pay(trade.token, BUYER.address, trade.escrow, amount)
        self.rail.mine()

    def reorganise(self) -> None:
        """See Ground.reorganise."""
        self.rail.reorganise(1)

    @contextmanager
    def down(self) -> Iterator[None]:
        """See Ground.down."""
        self.rail.is_down = True
        yield
        self.rail.is_down = False


class EvmGround:
    """See Ground."""

    def __init__(self, world: World) -> None:
        self.world, self.rail = world, world.rail

    def trade(self) -> Trade:
        """See Ground.trade."""
        return self.world.trade()

    def do(self, operation: Operation) -> None:
        """See Ground.do."""
        self.world.do(operation)

    def settle(self) -> None:
        """See Ground.settle."""
        self.rail.tend()
        self.world.settle()

    def move_to(self, to_s: int) -> None:
        """See Ground.move_to."""
        self.world.move_to(to_s)

    def pay(self, trade: Trade, amount: int) -> None:
        """See Ground.pay."""
        self.world.pay(trade.token, trade.escrow, amount, by=BUYER.address)

    def reorganise(self) -> None:
        """See Ground.reorganise."""
        self.world.node.call("evm_setAutomine", False)
        self.world.node.call("anvil_reorg", 1, [])
        self.world.node.call("anvil_dropAllTransactions")

    def resume(self) -> None:
        """Blocks come by themselves again."""
        self.world.node.call("evm_setAutomine", True)
        mine(self.world.node)

    @contextmanager
    def down(self) -> Iterator[None]:
        """See Ground.down."""
        patient = self.rail.evm.node
        self.rail.evm.node = Node(patient.url, timeout_s=0.3)
        try:
            with hanging(self.world.anvil):
                yield
        finally:
            self.rail.evm.node = patient


def told(ground: Ground, cursor: Cursor | None = None, **options: Any) -> list[RailEvent]:
    """Everything final after the cursor, once each."""
    ground.settle()
    found: dict[str, RailEvent] = {}
    for _ in range(100):
        observed = ground.rail.observe(cursor, **options)
        assert not observed.alarm
        cursor = observed.cursor
        found |= {event.key: event for event in observed.events}
        if not observed.is_behind:
            return list(found.values())
    raise AssertionError("the rail is always behind")
