"""One real house a session: PostgreSQL, the chain, `serve` and `work`, and the people who knock at its doors."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors_ground import POLICY, Ground

from entrepot.demo.house import House
from entrepot.settings import read_settings


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """The house with everybody admitted."""
    home = Path(tempfile.mkdtemp(prefix="entrepot-doors-"))
    home.chmod(0o755)  # run by root, the database has an OS user of its own
    (home / "house.json").write_text(json.dumps({"policy": POLICY}))
    before = dict(os.environ)
    said: list[str] = []
    house = House(read_settings({"ENTREPOT_HOME": str(home)}), said.append)
    try:
        house.start()
        yield Ground(house)
    finally:
        house.stop()
        os.environ.clear()
        os.environ.update(before)
        if "ENTREPOT_KEEP" not in os.environ:
            shutil.rmtree(home, ignore_errors=True)
