"""What holds for all tests: one printed seed, properties that repeat, which folders are slow, and where files lie."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SEED = int(os.environ.get("ENTREPOT_SEED", "20261123"))
SLOW_FOLDERS = ("api", "contracts", "demo", "doors", "kill", "rails", "workflows")
SLOW_FILES = ("test_postgres", "test_chainproof")
# What tests keep for a while lies in memory where there is room: hundreds of databases come and go, of 380 files each.
# TMPDIR names another place.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 6 * 2**30
# Files that take longest, in that order: with whole files to few processes, one that came last would be waited for.
LONGEST_FIRST = (
    "test_schedules", "test_portal_walk", "test_own_invoice", "test_commands", "test_portal_officer",
    "test_refusals", "test_portal_company", "test_planted_bugs", "test_kill", "test_escrow_story",
    "test_wild_requests", "test_demo", "test_portal_operator", "test_portal_supervision", "test_own_database",
    "test_contract_settings", "test_portal_treasury", "test_no_door_pays", "test_two_of_each", "test_stories",
    "test_day_end", "test_portal_hostile", "test_conformance_checks", "test_portal_keyboard",
    "test_single_sign_on", "test_when_parts_fail", "test_runbooks", "test_lost_worker", "test_thieves",
    "test_portal", "test_batches", "test_portal_sign_in", "test_real_lists", "test_conformance_ledger",
    "test_conformance_settlements", "test_faults_database", "test_escrow_hashes", "test_portal_stops",
    "test_portal_developer", "test_conformance_savepoints", "test_two_workers",
)  # fmt: skip

# Properties take the same examples every time; ENTREPOT_SEED=N looks elsewhere.
settings.register_profile(
    "entrepot", derandomize="ENTREPOT_SEED" not in os.environ, deadline=None, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("entrepot")


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis takes the seed too, when one was given; temporary files of this run and its servers have a place."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    if "ENTREPOT_SEED" in os.environ and config.getoption("--hypothesis-seed", None) is None:
        config.option.hypothesis_seed = str(SEED)


def pytest_report_header() -> str:
    """The seed of every simulation in this run."""
    return f"entrepot: seed {SEED} (ENTREPOT_SEED={SEED} repeats this run)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The house's doors in a row, then long files first; what starts a node or a database is slow, by its place."""
    here = Path(__file__).parent
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: (item.path.parent.name != "doors", place.get(item.path.stem, len(place))))
    for item in items:
        path = item.path.relative_to(here) if item.path.is_relative_to(here) else item.path
        if path.parts[0] in SLOW_FOLDERS or path.name.startswith(SLOW_FILES):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the database's OS user may enter: run by root, the server has one of its own."""
    found = Path(tempfile.mkdtemp(prefix="entrepot-home-"))
    found.chmod(0o755)
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed that simulations start from; printed in the header."""
    return SEED
