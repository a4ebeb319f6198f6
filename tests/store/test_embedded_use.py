"""Who stops the embedded server: the last that uses it, whoever started it; one that was killed does not count."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from entrepot.store import embedded

pytestmark = pytest.mark.slow
USES = """
import sys, time
from pathlib import Path
from entrepot.store import embedded
embedded.start(Path(sys.argv[1]))
print("uses", flush=True)
time.sleep(600)
"""
WAIT_S = 30


@pytest.fixture
def files(home: Path) -> Path:
    return home / "postgres"


def answers(server: embedded.Embedded) -> bool:
    try:
        psycopg.connect(server.owner_dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def test_the_last_to_leave_stops_it_not_the_one_that_started_it(files: Path) -> None:
    first, second = embedded.start(files), embedded.start(files)
    assert second.was_running
    first.leave()
    assert answers(second)
    second.leave()
    assert not answers(second)
    second.leave()  # the second time nothing
    third = embedded.start(files)
    assert not third.was_running and answers(third)
    third.leave()
    assert not answers(third)


def test_whoever_was_killed_is_not_waited_for(files: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", USES, str(files)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and other.stdout.readline() == b"uses\n"
        first = embedded.start(files)
        assert first.was_running
        first.leave()
        assert answers(first), "the other uses it"
        second = embedded.start(files)
    finally:
        other.kill()
        other.wait()
    assert answers(second)
    second.leave()
    assert not answers(second)


def test_a_server_that_was_killed_is_started_for_whoever_still_uses_it(files: Path) -> None:
    first = embedded.start(files)
    postmaster = int((files / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    until = time.monotonic() + WAIT_S
    while Path(f"/proc/{postmaster}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    second = embedded.start(files)
    assert not second.was_running
    second.leave()
    assert answers(first)
    first.leave()
    assert not answers(first)
