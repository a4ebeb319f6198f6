"""The two grounds on which every promise of the Rail Protocol is tested: a real node, and the simulated rail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rail_grounds import EvmGround, Ground, SimulatedGround
from rail_world import evm_world


@pytest.fixture(params=["evm", "simulated"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> Iterator[Ground]:
    """A fresh rail with a buyer who has coins."""
    if request.param == "simulated":
        yield SimulatedGround(seed)
        return
    with evm_world(tmp_path / "chain") as world:
        yield EvmGround(world)
