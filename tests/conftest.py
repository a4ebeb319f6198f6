"""What holds for all tests: one printed seed, properties that repeat, and which folders are slow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SEED = int(os.environ.get("ENTREPOT_SEED", "20261123"))
SLOW_FOLDERS = ("api", "contracts", "demo", "doors", "kill", "rails", "workflows")
SLOW_FILES = ("test_postgres", "test_chainproof")

# Properties take the same examples every time; ENTREPOT_SEED=N looks elsewhere.
settings.register_profile(
    "entrepot", derandomize="ENTREPOT_SEED" not in os.environ, deadline=None, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("entrepot")


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis takes the seed too, when one was given."""
    if "ENTREPOT_SEED" in os.environ and config.getoption("--hypothesis-seed", None) is None:
        config.option.hypothesis_seed = str(SEED)


def pytest_report_header() -> str:
    """The seed of every simulation in this run."""
    return f"entrepot: seed {SEED} (ENTREPOT_SEED={SEED} repeats this run)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start a node, a database or a deployment are slow by where they stand."""
    here = Path(__file__).parent
    for item in items:
        path = item.path.relative_to(here) if item.path.is_relative_to(here) else item.path
        if path.parts[0] in SLOW_FOLDERS or path.name.startswith(SLOW_FILES):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed that simulations start from; printed in the header."""
    return SEED
