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
from openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, open_provider


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """The OpenID provider of the house."""
    with open_provider() as running:
        yield running


@pytest.fixture(scope="session")
def ground(provider: Provider) -> Iterator[Ground]:
    """The house with everybody admitted."""
    home = Path(tempfile.mkdtemp(prefix="entrepot-doors-"))
    home.chmod(0o755)  # run by root, the database has an OS user of its own
    (home / "house.json").write_text(json.dumps({"policy": POLICY}))
    before = dict(os.environ)
    os.environ |= {
        "ENTREPOT_OPENID_ISSUER": provider.issuer,
        "ENTREPOT_OPENID_CLIENT_ID": CLIENT_ID,
        "ENTREPOT_OPENID_CLIENT_SECRET": CLIENT_SECRET,
        "ENTREPOT_OPENID_NAME": "Acme Login",
    }
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
