"""A development chain: starts and stops an Anvil node of our own, kept in one folder, and moves its clock.

Only for local development: everything here asks the node for its chain id first and refuses any but DEVELOPMENT.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from entrepot.core.errors import Refused, Unavailable, declare

from .node import Node

DEVELOPMENT = 31337  # the chain id of Anvil, which no public network has
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
FINAL_BLOCKS = 2  # with --slots-in-an-epoch 1
STATE_INTERVAL_S = 1  # what a kill -9 may lose
POLL_S = 0.02
PARTS = "ENTREPOT_PARTS"  # names the node_modules folder, where it is not that of the repository
_PACKAGES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

declare("Refused", not_a_development_chain="This is done on local development chains only.")
declare("Unavailable", parts_missing="The npm packages are not installed; run npm ci, or name their folder.")


def parts() -> Path:
    """The node_modules folder. Raises: Unavailable(parts_missing)."""
    named = os.environ.get(PARTS)
    folder = Path(named) if named else Path(__file__).parents[3] / "node_modules"
    if not folder.is_dir():
        raise Unavailable("parts_missing", f"There is no {folder.name} folder; run npm ci or set {PARTS}.")
    return folder


def anvil_binary() -> Path:
    """The node's executable for this machine. Raises: Unavailable(parts_missing)."""
    system, machine = platform.system().lower(), _PACKAGES.get(platform.machine().lower(), "unknown")
    folder = parts() / f"@foundry-rs/anvil-{'win32' if system == 'windows' else system}-{machine}/bin"
    found = next((path for path in (folder / "anvil", folder / "anvil.exe") if path.is_file()), None)
    if found is None:
        raise Unavailable("parts_missing", f"No Anvil for {system} on {machine}; run npm ci.")
    return found


def require_development(node: Node) -> None:
    """Raises: Refused(not_a_development_chain) unless the node itself says so."""
    found = int(node.call("eth_chainId"), 16)
    if found != DEVELOPMENT:
        raise Refused("not_a_development_chain", f"Chain {found} is not a development chain ({DEVELOPMENT}).")


@dataclass
class Anvil:
    """A running node: `url`, the process that was started here, and its folder of past states while it runs."""

    url: str
    process: subprocess.Popen[bytes]
    states: Path

    def stop(self) -> None:
        """Ends the node so that it keeps its state; by its own process id."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_TIMEOUT_S)
        shutil.rmtree(self.states, ignore_errors=True)


def start_anvil(
    home: Path, *, port: int = 0, block_time_s: float | None = 0.25, first_block: int | None = None
) -> Anvil:
    """Starts a node on loopback whose chain is kept in `home`. `block_time_s` None: a block for each transaction.

    A new chain begins at `first_block` (else 0). Final is two blocks behind the newest.
    Raises: Unavailable(parts_missing, outside_unavailable).
    """
    home.mkdir(parents=True, exist_ok=True)
    state, states = home / "chain.json", home / "states"
    shutil.rmtree(states, ignore_errors=True)  # of a node that was killed: about a megabyte for each second it ran
    port = port or free_port()
    _require_free(port)  # else another's node would answer in the place of ours
    command = [
        str(anvil_binary()), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(DEVELOPMENT),
        "--slots-in-an-epoch", "1", "--state", str(state), "--state-interval", str(STATE_INTERVAL_S),
        "--disable-console-log", "--quiet", "--no-request-size-limit",
        "--cache-path", str(states),
    ]  # fmt: skip
    if block_time_s is not None:
        command += ["--block-time", f"{block_time_s:g}"]
    if first_block is not None:
        command += ["--number", str(first_block)]
    last_s = _last_time(state)
    if last_s >= int(time.time()):  # its clock was moved, which it forgets: without this, blocks go back in time
        command += ["--timestamp", str(last_s + 1)]
    with (home / "anvil.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    anvil = Anvil(f"http://127.0.0.1:{port}", process, states)
    try:
        _wait_until_up(anvil, had_blocks=last_s > 0)
    except BaseException:
        anvil.stop()
        raise
    return anvil


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Unavailable("outside_unavailable", f"Port {port} is taken: {error}") from None


def move_clock(node: Node, *, to_s: int) -> int:
    """Moves the chain's clock forward to Unix seconds `to_s` and makes a block; returns the newest block's time.

    A chain's clock never goes back: an earlier `to_s` changes nothing. Raises: Refused(not_a_development_chain).
    """
    require_development(node)
    newest_s = _newest_time(node)
    if to_s > newest_s:
        node.call("evm_increaseTime", to_s - newest_s)
        mine(node)
        newest_s = _newest_time(node)
    return newest_s


def mine(node: Node, blocks: int = 1) -> None:
    """Makes blocks at once. Raises: Refused(not_a_development_chain)."""
    require_development(node)
    node.call("anvil_mine", hex(blocks))


def _newest_time(node: Node) -> int:
    return int(node.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def _last_time(state: Path) -> int:
    """Unix seconds of the last block kept, 0 if there is none."""
    try:
        kept = json.loads(state.read_bytes())["block"]["timestamp"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return int(kept, 16) if isinstance(kept, str) else int(kept)


def _wait_until_up(anvil: Anvil, *, had_blocks: bool) -> None:
    """Waits; a chain that was kept answers for its newest block only, so some are made until that one is final."""
    until = time.monotonic() + START_TIMEOUT_S
    node = Node(anvil.url, timeout_s=1.0)
    while True:
        if anvil.process.poll() is not None:
            raise Unavailable(
                "outside_unavailable", f"Anvil ended with code {anvil.process.returncode}; see anvil.log."
            )
        try:
            require_development(node)
            if had_blocks:
                mine(node, FINAL_BLOCKS)
            return
        except Unavailable:
            if time.monotonic() > until:
                raise
        finally:
            node.close()
        time.sleep(POLL_S)
        node = Node(anvil.url, timeout_s=1.0)
