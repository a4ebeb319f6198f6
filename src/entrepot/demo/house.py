"""Starts and stops everything a pilot needs on one machine: PostgreSQL, the chain, `serve` and `work`."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from entrepot.commands.running import set_up
from entrepot.core.canonical import unhex
from entrepot.core.errors import Unavailable
from entrepot.rails import anvil, development
from entrepot.rails.anvil import free_port
from entrepot.rails.evm import read_deployment
from entrepot.rails.node import Node
from entrepot.settings import Settings, read_settings
from entrepot.signers.keystore import Keystore, Purpose
from entrepot.store import embedded
from entrepot.store.database import bring_up
from entrepot.wire import open_store
from entrepot.workflows.checks.screen import load_lists

START_TIMEOUT_S = 180  # a machine under load takes its time
STOP_TIMEOUT_S = 20
DELIVERY_TIMEOUT_S = 30
BLOCK_TIME_S = 0.25
GRANT_MINOR = 10_000_000 * 10**6  # what a demo buyer's wallet is filled with


class House:
    """The children of one demo, started in order and stopped in reverse."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings, self.say = settings, say
        self.children: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.chain: Any = None
        self.database: Any = None
        self.hold: Any = None
        self.base_url = ""

    @property
    def chain_id(self) -> int:
        """The development chain's id."""
        return read_deployment(self.settings.deployment_path).chain_id

    def start(self) -> None:
        """Starts everything, sets up what is missing, and waits until it is healthy. Raises: Unavailable."""
        home = self.settings.home
        home.mkdir(parents=True, exist_ok=True)
        self._take(home)
        self._step("PostgreSQL", self._start_database)
        self._step("the chain", self._start_chain)
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        env = {
            "ENTREPOT_HOME": str(home),
            "ENTREPOT_DATABASE_SERVE_URL": self.database.sign_ins.serve,
            "ENTREPOT_DATABASE_WORK_URL": self.database.sign_ins.work,
            "ENTREPOT_RPC_URL": self.chain.url,
            "ENTREPOT_PORT": str(port),
        }
        self.env = {**os.environ, **env}
        self.settings = read_settings(self.env)
        os.environ.update(env)
        self._step("contracts and keys", self._set_up)
        for name in ("work", "serve"):
            self.spawn(name)
        self._step("doors and worker", self._wait_healthy)

    def _take(self, home: Path) -> None:
        """Holds the home for this demo: a second one would take its chain and database from under it."""
        self.hold = (home / "demo.lock").open("w")
        try:
            fcntl.flock(self.hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.hold.close()
            says = f"Another demo runs in {home}: stop it, or set ENTREPOT_HOME to another folder."
            raise Unavailable("outside_unavailable", says) from None

    def spawn(self, name: str) -> subprocess.Popen[bytes]:
        """Starts `entrepot NAME` as a child."""
        with (self.settings.home / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "entrepot", name],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.children.append((name, child))
        return child

    def stop(self) -> None:
        """Stops what was started, doors first, the database last."""
        for name, child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    self.say(f"{name} did not stop in {STOP_TIMEOUT_S} s and is killed.")
                    child.kill()
                    child.wait(STOP_TIMEOUT_S)
        self.children.clear()
        if self.chain is not None:
            self.chain.stop()
        if self.database is not None:
            self.database.leave()
        if self.hold is not None:
            self.hold.close()

    def require_alive(self) -> None:
        """Raises: Unavailable if one of its processes has ended, the chain's node and the database among them."""
        for name, child in self.children:
            if child.poll() is not None:
                raise Unavailable("outside_unavailable", f"{name} ended with {child.returncode}; see {name}.log.")
        if self.chain is not None and self.chain.process.poll() is not None:
            ended = self.chain.process.returncode
            raise Unavailable("outside_unavailable", f"The chain's node ended with {ended}; see chain/anvil.log.")
        directory = self.settings.database_dir
        if self.database is not None and not self.settings.owner_dsn and not embedded.is_running(directory):
            raise Unavailable("outside_unavailable", f"PostgreSQL ended; see {directory.name}/log.")

    def person_key(self, purpose: Purpose, number: int = 1) -> bytes:
        """A demo person's own key, so that their browser signs with it; an examiner's or arbiter's, and no other's."""
        assert purpose in (Purpose.EXAMINER, Purpose.ARBITER), f"no person holds a {purpose} key"
        Keystore(self.settings.keys_dir).account(purpose, number)  # makes it where it is missing
        kept = json.loads((self.settings.keys_dir / f"{purpose}-{number}.json").read_text())
        return unhex(kept["private"], size=32)

    def examiner_participant(self) -> str:
        """The examiner of record's participant id."""
        from entrepot.wire import House as Wired

        return str(Wired(self.settings).body["examiner"])

    def fill_wallet(self, address: str) -> None:
        """Mints demo dollars to a wallet; on a development chain only."""
        development.mint(
            Node(self.chain.url), read_deployment(self.settings.deployment_path).token.address, address, GRANT_MINOR
        )

    def wait_delivered(self, operator: Any) -> None:
        """Waits until every message is written."""
        until = time.monotonic() + DELIVERY_TIMEOUT_S
        while operator.http.get("/healthz").json().get("outbox_open") and time.monotonic() < until:
            time.sleep(0.1)

    def _step(self, what: str, act: Callable[[], None]) -> None:
        began = time.monotonic()
        act()
        self.say(f"Started {what} ({time.monotonic() - began:.1f} s).")

    def _start_database(self) -> None:
        settings = self.settings
        self.database = bring_up(settings.owner_dsn, directory=settings.database_dir, kept=settings.sign_ins_path)

    def _start_chain(self) -> None:
        self.chain = anvil.start_anvil(self.settings.home / "chain", block_time_s=BLOCK_TIME_S)

    def _set_up(self) -> None:
        """Deploys once; a deployment whose chain is gone is made anew only in a fresh home."""
        keys = Keystore(self.settings.keys_dir)
        node = Node(self.chain.url)
        if not self.settings.deployment_path.exists():
            charter = development.Charter(
                owners=tuple(key.address for key in keys.accounts(Purpose.OWNER, 3)),
                passport_signers=tuple(key.address for key in keys.accounts(Purpose.PASSPORT, 2)),
                authorities=tuple(key.address for key in keys.accounts(Purpose.AUTHORITY, 2)),
                trustees=tuple(key.address for key in keys.accounts(Purpose.TRUSTEE, 3)),
                owners_required=2,
                trustees_required=2,
            )
            development.deploy_all(node, charter).write(self.settings.deployment_path)
        for payer in (keys.account(Purpose.RAIL), *keys.accounts(Purpose.OWNER, 3)):
            development.give_gas(node, payer.address)
        with open_store("work", self.settings) as store:
            set_up(self.settings, store)
            with store.work() as tx:
                now = int(time.time()) + tx.checks.clock_offset_s()
            anvil.move_clock(node, to_s=now)
            load_lists(store, self.settings.lists_dir, now=now)

    def _wait_healthy(self) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        found: dict[str, Any] = {}
        while time.monotonic() < until:
            self.require_alive()
            try:
                response = httpx.get(f"{self.base_url}/healthz", timeout=2.0, trust_env=False)
                found = response.json()
                if response.status_code == 200 or found.get("in_time"):  # what was set aside keeps nobody from starting
                    return
            except (httpx.HTTPError, ValueError):
                pass
            time.sleep(0.1)
        logs = ", ".join(str(Path(f"{name}.log")) for name, _ in self.children)
        raise Unavailable("outside_unavailable", f"Not healthy after {START_TIMEOUT_S} s: {found}; see {logs}.")
