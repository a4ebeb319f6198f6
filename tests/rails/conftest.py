"""A fresh chain for each test of the EVM rail: it starts in a fifth of a second and is stopped by its own id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rail_trading import Trade
from rail_world import World, evm_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A chain on which each transaction makes a block."""
    with evm_world(tmp_path / "chain") as made:
        yield made


@pytest.fixture
def opened(world: World) -> Trade:
    """A trade whose escrow is open."""
    trade = world.trade()
    world.do(trade.open())
    return trade


@pytest.fixture
def funded(world: World, opened: Trade) -> Trade:
    """A trade whose buyer paid."""
    world.do(opened.fund())
    return opened
