"""One chain for all stories of a session, one fresh house (store, people, lists) for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from trading_house import House, Town, found_town, open_house

from entrepot.core.errors import Unavailable
from entrepot.rails.anvil import anvil_binary
from entrepot.simulator.acts import Stage, staged
from entrepot.store.memory import MemoryStore


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The chain with our contracts and Circle's token. Skips where the npm packages are not installed."""
    try:
        anvil_binary()
    except Unavailable:
        pytest.skip("npm packages are not installed (npm ci)")
    founded = found_town(tmp_path_factory.mktemp("town"))
    yield founded
    founded.anvil.stop()


@pytest.fixture
def new_house(town: Town, tmp_path: Path) -> Callable[..., House]:
    """Opens a house with these companies (seller and buyer if none are named)."""
    return lambda *companies: open_house(town, MemoryStore(), tmp_path / "house", *companies)


@pytest.fixture
def house(new_house: Callable[..., House]) -> House:
    """A house with a seller and a buyer."""
    return new_house()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A simulated world in which nothing has happened yet."""
    with staged(1, MemoryStore(), tmp_path) as found:
        yield found
