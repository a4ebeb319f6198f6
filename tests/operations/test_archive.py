"""The archive of the database's log is watched where it is on: by metrics, alerts and the operator's dashboard."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from entrepot.store import embedded
from entrepot.store.backup import archive_now, back_up
from entrepot.store.memory import MemoryStore
from entrepot.store.migrate import migrate
from entrepot.store.postgres import PostgresStore
from entrepot.web.language import Language
from entrepot.web.pages.operator.metrics import archive
from watched import as_role, opened

pytestmark = pytest.mark.slow
SEGMENT_BYTES, WAIT_S = 2**24, 30


def soon(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_an_archive_that_fails_is_seen_and_one_that_is_off_is_silent(home: Path) -> None:
    live, folder = home / "live", home / "backup"
    server = embedded.start(live)
    migrate(server.owner_dsn)
    store = PostgresStore(master_key=bytes(32), work_dsn=server.work_dsn, serve_dsn=server.serve_dsn)
    with store.work() as tx:
        assert tx.reports.archive() is None
    store.close()
    server.stop()
    back_up(live, folder)
    server = embedded.start(live)
    store = PostgresStore(master_key=bytes(32), work_dsn=server.work_dsn, serve_dsn=server.serve_dsn)
    try:
        doors = opened(store)

        def told() -> dict[str, float]:
            text = doors.get("/metrics", headers=as_role("operator")).text
            return {one.name: one.samples[0].value for one in text_string_to_metric_families(text) if one.samples}

        archive_now(server.owner_dsn)
        sound = told()
        assert sound["entrepot_archive_failing"] == 0 and 0 <= sound["entrepot_archive_age_seconds"] < WAIT_S
        assert sound["entrepot_archive_waiting_bytes"] < SEGMENT_BYTES
        shutil.rmtree(folder)  # its disk is gone
        with psycopg.connect(server.owner_dsn, autocommit=True) as owner:
            for _ in range(2):
                owner.execute("SELECT pg_create_restore_point('entrepot')")
                owner.execute("SELECT pg_switch_wal()")
        soon(lambda: told()["entrepot_archive_failing"] == 1)
        assert told()["entrepot_archive_waiting_bytes"] >= SEGMENT_BYTES
        page = doors.get("/v1/metrics", headers=as_role("operator")).json()
        assert "cannot be archived" in str(archive(page, Language("en")))
    finally:
        store.close()
        server.stop()


def test_the_dashboard_has_no_line_for_an_archive_that_is_off() -> None:
    page = opened(MemoryStore()).get("/v1/metrics", headers=as_role("operator")).json()
    assert archive(page, Language("en")) is None
    page["archive"] = {"age_s": 7_200, "waiting_bytes": 3 * 2**20, "is_failing": False}
    assert "3 MiB" in str(archive(page, Language("en")))
