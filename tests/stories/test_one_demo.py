"""One home, one demo: a second one would take the first one's chain and database from under it."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable

import pytest
from house_run import environment, fresh_home

from entrepot.core.errors import Unavailable
from entrepot.demo.house import House
from entrepot.settings import read_settings


def test_a_second_demo_on_the_same_home_is_refused_and_starts_nothing() -> None:
    with fresh_home() as home, environment(home):
        said: list[str] = []
        with (home / "demo.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            house = House(read_settings(), said.append)
            with pytest.raises(Unavailable, match="Another demo"):
                house.start()
            house.stop()
        assert said == [] and sorted(path.name for path in home.iterdir()) == ["demo.lock"]


def test_a_demo_says_that_its_node_or_its_database_has_ended() -> None:
    with fresh_home() as home, environment(home):
        house = House(read_settings(), lambda _: None)
        try:
            house._start_database()
            house._start_chain()
            house.require_alive()
            os.kill(house.chain.process.pid, signal.SIGKILL)
            house.chain.process.wait()
            with pytest.raises(Unavailable, match="The chain's node ended with -9"):
                house.require_alive()
            house._start_chain()
            house.require_alive()
            postmaster = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGKILL)
            with pytest.raises(Unavailable, match="PostgreSQL ended"):
                _until_it_raises(house.require_alive)
        finally:
            house.stop()


def _until_it_raises(act: Callable[[], None], *, timeout_s: float = 20) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        act()
        time.sleep(0.1)
