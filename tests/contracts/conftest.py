"""One deployment for all contract tests; every test works on its own copy of the chain."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest
from escrow_trade import Trade
from escrow_world import World
from escrow_world import world as deployed_world


@pytest.fixture(scope="session")
def _deployment() -> World:
    return deployed_world()


@pytest.fixture
def world(_deployment: World) -> Iterator[World]:
    """The registry, factory and token, as they were deployed."""
    with boa.env.anchor():
        yield _deployment


@pytest.fixture
def trade(world: World) -> Trade:
    """A trade that was just opened."""
    return Trade(world)


@pytest.fixture
def funded(trade: Trade) -> Trade:
    """A trade whose buyer paid."""
    trade.fund()
    return trade


@pytest.fixture
def presented(funded: Trade) -> Trade:
    """A funded trade with documents presented."""
    funded.present()
    return funded
