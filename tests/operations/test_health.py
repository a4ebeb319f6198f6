"""/healthz while the database is gone: it says so while a monitor still listens, and takes notice when it is back."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest

from entrepot.api.health import LOOK_S_MAX
from entrepot.store import embedded
from entrepot.store.migrate import migrate
from entrepot.store.postgres import CHECKOUT_S, PostgresStore
from watched import opened

pytestmark = pytest.mark.slow


def test_health_says_within_seconds_that_the_database_is_gone() -> None:
    with tempfile.TemporaryDirectory(prefix="entrepot-health-") as name:
        Path(name).chmod(0o755)
        server = embedded.start(Path(name) / "postgres")
        migrate(server.owner_dsn)
        store = PostgresStore(master_key=bytes(32), work_dsn=server.work_dsn, serve_dsn=server.serve_dsn)
        try:
            with opened(store) as doors:
                assert "lists_stale" in doors.get("/healthz").json()
                server.stop()
                for _ in range(2):
                    began = time.monotonic()
                    answer = doors.get("/healthz")
                    assert (answer.status_code, answer.json()) == (503, {"ok": False, "store": "store_unavailable"})
                    assert time.monotonic() - began < LOOK_S_MAX + 2 < CHECKOUT_S
                embedded.start(Path(name) / "postgres")
                until = time.monotonic() + 60
                while "lists_stale" not in doors.get("/healthz").json():
                    assert time.monotonic() < until
                    time.sleep(0.2)
        finally:
            store.close()
            server.stop()
