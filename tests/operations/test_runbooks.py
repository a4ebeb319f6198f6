"""Steps of runbooks that no other test takes: a killed server that `entrepot migrate` recovers, a lost master key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from entrepot.store import embedded

pytestmark = pytest.mark.slow
GONE_S = 10.0


def entrepot(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """One command in this home."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
    return subprocess.run(
        [sys.executable, "-m", "entrepot", *command],
        env=clean | {"ENTREPOT_HOME": str(home)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def migrate(home: Path) -> str:
    """What `entrepot migrate` prints; it must succeed."""
    done = entrepot(home, "migrate")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_killed_embedded_server_is_recovered_by_migrate_which_leaves_it_stopped(home: Path) -> None:
    assert "Nothing to do" not in migrate(home)
    server = embedded.start(home / "postgres")
    assert not server.was_running
    pid_file = home / "postgres" / "postmaster.pid"
    postmaster = int(pid_file.read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    until = time.monotonic() + GONE_S
    while Path(f"/proc/{postmaster}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert pid_file.exists(), "as a killed server leaves it"
    server.use.end()  # whoever used it was killed, too
    assert migrate(home).strip() == "Nothing to do."
    assert not pid_file.exists(), "it was stopped again"
    log = (home / "postgres" / "log").read_text()
    assert "database system was not properly shut down; automatic recovery in progress" in log


def test_a_lost_master_key_is_never_made_anew_and_its_backup_opens_everything_again(home: Path) -> None:
    migrate(home)
    assert entrepot(home, "init").returncode == 0
    key = home / "keys" / "master.key"
    kept = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    for wrong in (b"", os.urandom(32)):
        if wrong:
            key.write_bytes(wrong)
            key.chmod(0o600)
        refused = entrepot(home, "ledger", "check")
        assert refused.returncode != 0 and "master_key_differs" in refused.stderr, refused.stderr
        assert wrong or "is missing" in refused.stderr
        assert not wrong or key.read_bytes() == wrong
        assert wrong or not key.exists(), "none was made"
    key.write_bytes(kept)
    assert entrepot(home, "init").returncode == 0
    rotated = entrepot(home, "rotate-master-key")
    assert rotated.returncode == 0 and "data keys are wrapped anew" in rotated.stdout, rotated.stderr
    assert key.read_bytes() != kept and entrepot(home, "ledger", "check").returncode == 0
