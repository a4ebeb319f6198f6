"""The development chain: only on its own chain id, its clock only forwards, nothing left running."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rail_world import World, charter, evm_world

from entrepot.core.errors import Invalid, Refused, Unavailable
from entrepot.rails.anvil import PARTS, Anvil, anvil_binary, move_clock, require_development, start_anvil
from entrepot.rails.development import Deployer, deploy_all, give_gas, mint
from entrepot.rails.evm import connect, read_deployment
from entrepot.rails.node import Node


class OtherChain(Node):
    """A node whose chain id is another; every other call would reach the real one."""

    def batch(self, calls: object) -> list[object]:
        """Answers the chain id of the main network."""
        assert [name for name, _ in calls] == ["eth_chainId"], "nothing else may be asked"  # type: ignore[attr-defined]
        return ["0x1"]


@pytest.mark.parametrize("act", [
    require_development,
    lambda node: move_clock(node, to_s=2**32),
    lambda node: mint(node, "0x" + "11" * 20, "0x" + "22" * 20, 1),
    lambda node: give_gas(node, "0x" + "22" * 20),
    lambda node: deploy_all(node, charter()),
    Deployer,
])  # fmt: skip
def test_nothing_of_development_happens_on_another_chain(act: object) -> None:
    with pytest.raises(Refused) as refused:
        act(OtherChain("http://127.0.0.1:1"))  # type: ignore[operator]
    assert refused.value.code == "not_a_development_chain"


def test_the_clock_moves_forward_and_never_back(world: World) -> None:
    before = world.now()
    assert move_clock(world.node, to_s=before + 3600) >= before + 3600
    assert move_clock(world.node, to_s=before) >= before + 3600


def test_missing_parts_are_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PARTS, str(tmp_path))
    with pytest.raises(Unavailable) as missing:
        anvil_binary()
    assert missing.value.code == "parts_missing"
    monkeypatch.setenv(PARTS, str(tmp_path / "nowhere"))
    with pytest.raises(Unavailable):
        anvil_binary()


def test_a_stopped_node_is_gone_and_its_folder_keeps_the_chain(tmp_path: Path) -> None:
    with evm_world(tmp_path) as world:
        pid = world.anvil.process.pid
        assert os.path.exists(f"/proc/{pid}") or os.name != "posix"
        assert world.anvil.states.is_relative_to(tmp_path), "past states are kept where the chain is, not at home"
    assert world.anvil.process.returncode is not None
    assert not world.anvil.states.exists()
    world.anvil.stop()  # a second time is fine
    assert (tmp_path / "chain.json").stat().st_size > 1000


def test_blocks_come_by_themselves_when_asked(tmp_path: Path) -> None:
    with evm_world(tmp_path, block_time_s=0.25) as world:
        trade = world.trade()
        world.do(trade.open())
        while world.rail.state_of(next(iter(world.journal.kept))).name != "final":
            pass
        assert [event.kind for event in world.rail.observe(None).events] == ["opened"]


def test_a_deployment_file_is_read_back_and_checked_against_the_chain(world: World, tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    world.deployment.write(path)
    deployment = read_deployment(path)
    assert deployment == world.deployment
    signer, journal = world.rail.sender.signer, world.journal
    connect(world.anvil.url, deployment, signer, journal)
    path.write_text(path.read_text().replace(deployment.implementation, "0x" + "11" * 20))
    with pytest.raises(Invalid) as differs:
        connect(world.anvil.url, read_deployment(path), signer, journal)
    assert differs.value.code == "deployment_differs"
    path.write_text(path.read_text().replace(deployment.factory, "0x" + "12" * 20))
    with pytest.raises(Invalid):
        connect(world.anvil.url, read_deployment(path), signer, journal)
    path.write_text('{"schema": "entrepot/deployment/0"}')
    with pytest.raises(Invalid):
        read_deployment(path)


def test_a_port_that_is_taken_is_unavailable(world: World, tmp_path: Path) -> None:
    port = int(world.anvil.url.rpartition(":")[2])
    with pytest.raises(Unavailable):
        anvil: Anvil = start_anvil(tmp_path / "second", port=port)
        anvil.stop()
