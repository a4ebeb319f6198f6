"""One home, one demo: a second one would take the first one's chain and database from under it."""

from __future__ import annotations

import fcntl

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
