"""The whole system on a PostgreSQL of one's own, version 16: nothing is given but the owner's connection string."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from house_run import fresh_home
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from entrepot.core.errors import Invalid, Unavailable
from entrepot.store import embedded
from entrepot.store.database import bring_up, read_sign_ins
from entrepot.store.migrate import SERVE_ROLE, WORK_ROLE

pytestmark = pytest.mark.slow

ENDS = {"clean": "released", "review": "released", "refused": "refused", "gone": "refunded"}
DEMO_TIMEOUT_S = 240


@pytest.fixture(scope="module")
def owner_dsn() -> Iterator[str]:
    """A server that lets the two application roles in by password only."""
    with fresh_home() as home:
        server = embedded.start(home / "pg16", version=16)
        try:
            rules = home / "pg16" / "pg_hba.conf"
            kept = rules.read_text()
            rules.write_text(f"local all {SERVE_ROLE},{WORK_ROLE} scram-sha-256\n{kept}")
            with psycopg.connect(server.owner_dsn, autocommit=True) as connection:
                connection.execute("SELECT pg_reload_conf()")
                connection.execute("CREATE DATABASE pilot TEMPLATE template0 ENCODING 'UTF8'")
            yield make_conninfo(server.owner_dsn, dbname="pilot")
        finally:
            server.stop()


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home."""
    with fresh_home() as path:
        yield path


def entrepot(home: Path, *arguments: str, module: str = "entrepot", **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with this home and what `env` adds, and nothing that other tests' houses have set."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, *arguments],
        env={**plain, "ENTREPOT_HOME": str(home), **env},
        capture_output=True,
        text=True,
        timeout=DEMO_TIMEOUT_S,
    )


def test_four_stories_settle_and_later_commands_need_no_owner(owner_dsn: str, home: Path) -> None:
    done = entrepot(home, "--exit", "--json", module="entrepot.demo", ENTREPOT_DATABASE_URL=owner_dsn)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert {one["story"]: one["state"] for one in told["settlements"]} == ENDS
    assert not (home / "postgres").exists(), "no embedded server was started"
    with psycopg.connect(owner_dsn) as connection:
        row = connection.execute("SELECT count(*), current_setting('server_version_num')::int / 10000 FROM settlements")
        assert row.fetchone() == (4, 16)
    assert (home / "database.json").stat().st_mode & 0o077 == 0
    checked = entrepot(home, "ledger", "check", "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["differences"] == []


def test_the_roles_sign_in_with_their_passwords_only_and_again_changes_nothing(owner_dsn: str, home: Path) -> None:
    first = bring_up(owner_dsn, directory=home / "postgres", kept=home / "database.json")
    again = bring_up(owner_dsn, directory=home / "postgres", kept=home / "database.json")
    assert again.sign_ins == first.sign_ins == read_sign_ins(home / "database.json")
    assert again.applied == ()
    for dsn, role in ((first.sign_ins.serve, SERVE_ROLE), (first.sign_ins.work, WORK_ROLE)):
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (role,)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(make_conninfo(dsn, password="another"))
        assert conninfo_to_dict(dsn)["dbname"] == "pilot"


@pytest.mark.parametrize(
    ("url", "kind", "code"),
    [
        ("mysql://localhost/pilot?charset", Invalid, "database_url_unreadable"),
        ("host=127.0.0.1 port=1 user=owner dbname=pilot", Unavailable, "database_unavailable"),
    ],
)
def test_a_url_that_leads_nowhere_is_a_typed_error(home: Path, url: str, kind: type[Exception], code: str) -> None:
    with pytest.raises(kind) as raised:
        bring_up(url, directory=home / "postgres", kept=home / "database.json")
    assert raised.value.code == code  # type: ignore[attr-defined]


def test_commands_before_migrate_say_what_to_do(owner_dsn: str, home: Path) -> None:
    done = entrepot(home, "ledger", "check", ENTREPOT_DATABASE_URL=owner_dsn)
    assert (done.returncode, "entrepot migrate" in done.stderr) == (4, True)
