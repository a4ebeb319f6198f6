"""A process of the demo that is killed ends the demo: with one sentence, and with everything stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from house_run import environment, fresh_home

pytestmark = pytest.mark.slow
START_S, END_S = 180, 60
UNAVAILABLE = 4


def children(pid: int) -> dict[int, str]:
    """The command line of each child of a process, by its number."""
    numbers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(one): Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode() for one in numbers}


def test_a_killed_worker_ends_the_demo_in_one_sentence() -> None:
    with fresh_home() as home, environment(home), (home / "said").open("wb") as said:
        ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}  # names are written all the same
        demo = subprocess.Popen(
            [sys.executable, "-m", "entrepot.demo", "--exit"],
            stdout=said, stderr=said, env=os.environ | ascii_only,
        )  # fmt: skip
        try:
            until = time.monotonic() + START_S
            while b"sterei" not in (home / "said").read_bytes():
                assert demo.poll() is None and time.monotonic() < until, (home / "said").read_text()
                time.sleep(0.2)
            started = children(demo.pid)
            (worker,) = [pid for pid, line in started.items() if line.rstrip().endswith("entrepot work")]
            os.kill(worker, signal.SIGKILL)
            assert demo.wait(END_S) == UNAVAILABLE
        finally:
            if demo.poll() is None:
                demo.terminate()
                demo.wait(END_S)
        lines = (home / "said").read_text().splitlines()
        assert lines[-1].startswith("outside_unavailable: work ended with -9")
        assert not any("Traceback" in line for line in lines)
        assert not any(Path(f"/proc/{pid}").exists() for pid in started)
        assert not (home / "postgres" / "postmaster.pid").exists()
