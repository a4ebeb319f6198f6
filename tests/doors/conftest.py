"""One real house: PostgreSQL, the chain, `serve` and `work`, and the people who knock at its doors.

It stands from the first test here to the last one in a row: idle, it would take a tenth of a processor from all others.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from doors_ground import POLICY, Ground

import portal_walk
from entrepot.demo.house import House
from entrepot.settings import read_settings
from openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, open_provider


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """The OpenID provider of the house."""
    with open_provider() as running:
        yield running


class Standing:
    """The house that stands, if any, what ends it, and the test that comes next."""

    ground: Ground | None = None
    until = ExitStack()
    coming: pytest.Item | None = None


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Notes which test comes next."""
    Standing.coming = nextitem


@pytest.fixture(scope="session")
def standing() -> Iterator[type[Standing]]:
    """Ends the house with the session, if that was broken off."""
    with Standing.until:
        yield Standing


@pytest.fixture(scope="module", autouse=True)
def last_in_a_row() -> Iterator[None]:
    """Ends the house after the last of these files, whether that one used it or not."""
    yield
    if Standing.coming is None or Standing.coming.path.parent != Path(__file__).parent:
        Standing.ground = None
        Standing.until.close()


@pytest.fixture(scope="module")
def ground(provider: Provider, standing: type[Standing]) -> Ground:
    """The house with everybody admitted."""
    if standing.ground is None:
        standing.ground = standing.until.enter_context(opened(provider))
    return standing.ground


@contextmanager
def opened(provider: Provider) -> Iterator[Ground]:
    """A house of its own, stopped and forgotten at the end."""
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium: $CHROMIUM or the machine's own."""
    if not portal_walk.chromium():
        pytest.skip("there is no Chromium here: install one, or name it in $CHROMIUM")
    with portal_walk.browser() as started:
        yield started


@pytest.fixture
def enter(ground: Ground, browser: Any) -> Iterator[Callable[[str], Any]]:
    """Signs a demo person in, in a browser of their own; what a script or the pages' policy refuses fails the test."""
    opened: list[Any] = []
    errors: list[str] = []

    def entered(who: str) -> Any:
        context = browser.new_context()
        opened.append(context)
        page = portal_walk.sign_in(context, ground.house.base_url, portal_walk.Person(who, ""))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if is_defect(said) else None)
        return page

    yield entered
    for context in opened:
        context.close()
    assert errors == []


def is_defect(said: Any) -> bool:
    """An error of a page itself; that the server refused something is told there, too, and is none."""
    return bool(said.type == "error" and not said.text.startswith("Failed to load resource"))
