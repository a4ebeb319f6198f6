"""Backs up the embedded PostgreSQL: a base copy and every segment of its log since, restored to a point in time.

A copy lies in FOLDER/base-TIME, the log's segments in FOLDER/wal. Keys are not here: they are backed up apart.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from entrepot.core.errors import Refused, Unavailable, declare

from . import embedded

WAIT_S, LOOK_S, COPY_TIMEOUT_S = 60.0, 0.1, 3600.0
_NAME = "base-%Y%m%dT%H%M%SZ"

declare(
    "Refused",
    archive_off="The database runs without an archive of its log; it is switched on while nothing else uses it.",
    restore_over="Something is there already: a restore goes into an empty home.",
    backup_missing="The folder has no copy from before that time.",
)
declare("Unavailable", backup_failed="The copy, the archive or the recovery did not finish; what is there is not used.")


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished copy: where it lies, and the moment (Unix s) from which on it can be restored."""

    base: Path
    finished_at: int


def back_up(directory: Path, folder: Path) -> Backup:
    """Copies the server's files while it runs, and has its log archived from now on. Raises: Refused, Unavailable."""
    wal = folder / "wal"
    wal.mkdir(parents=True, exist_ok=True)
    with _server(directory, wal) as server:
        settings = {key: str(value) for key, value in conninfo_to_dict(server.owner_dsn).items() if value is not None}
        base = folder / datetime.now(UTC).strftime(_NAME)
        program = Path(server.server.bin_path) / "pg_basebackup"
        said = ["-h", settings["host"], "-U", settings["user"], "-D", str(base), "-X", "stream", "-c", "fast"]
        done = subprocess.run([str(program), *said], capture_output=True, text=True, timeout=COPY_TIMEOUT_S)
        if done.returncode:
            raise Unavailable("backup_failed", done.stderr.strip()[-300:])
        finished_at = int(time.time()) + 1
        archive_now(server.owner_dsn)
    (base / "finished_at").write_text(f"{finished_at}\n")
    return Backup(base, finished_at)


def archive_now(owner_dsn: str) -> None:
    """Has what is committed archived, and waits for it. Raises: Unavailable(backup_failed)."""
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_create_restore_point('entrepot')")  # so that there is something to switch after
        row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        assert row is not None
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            found = connection.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchone()
            if found is not None and found[0] is not None and found[0] >= row[0]:
                return
            time.sleep(LOOK_S)
    raise Unavailable("backup_failed", f"Segment {row[0]} was not archived within {WAIT_S:.0f} s.")


def restore(folder: Path, directory: Path, *, at: int | None) -> Path:
    """Brings files as of a time (Unix s; None: all archived) into an empty `directory`; the base it came from.

    Raises: Refused(restore_over, backup_missing), Unavailable(backup_failed).
    """
    if directory.exists():
        raise Refused("restore_over", f"{directory} is there already.")
    bases = [one for one in sorted(folder.glob("base-*")) if _finished(one) <= (time.time() if at is None else at)]
    if not bases:
        raise Refused("backup_missing", f"{folder} has no copy that was finished by {at} (Unix s).")
    directory.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(bases[-1], directory)
    (directory / "log").unlink(missing_ok=True)
    wanted = "" if at is None else f"recovery_target_time = '{datetime.fromtimestamp(at, UTC).isoformat()}'\n"
    with (directory / "postgresql.auto.conf").open("a") as file:
        file.write(
            f'\narchive_mode = off\nrestore_command = \'cp "{folder.resolve() / "wal"}/%f" "%p"\'\n'
            f"{wanted}recovery_target_action = 'promote'\n"
        )
    (directory / "recovery.signal").touch()
    _hand_over(directory, (folder / "wal").stat())
    server = embedded.start(directory)
    try:
        _promoted(server.owner_dsn)
    finally:
        server.stop()
    return bases[-1]


def _hand_over(directory: Path, owner: os.stat_result) -> None:
    """Run by root, the server has an OS user of its own, who owns the archive: the files are that user's."""
    directory.chmod(0o700)
    if os.geteuid() == 0:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _promoted(owner_dsn: str) -> None:
    until = time.monotonic() + WAIT_S
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        while time.monotonic() < until:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            if row is not None and not row[0]:
                for name in ("restore_command", "recovery_target_time", "recovery_target_action", "archive_command"):
                    connection.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
                return
            time.sleep(LOOK_S)
    raise Unavailable("backup_failed", f"The server did not reach the time within {WAIT_S:.0f} s.")


def _finished(base: Path) -> int:
    """When the copy was finished (Unix s); a copy that was not is from after all times."""
    path = base / "finished_at"
    return int(path.read_text()) if path.exists() else 2**62


@contextmanager
def _server(directory: Path, wal: Path) -> Iterator[embedded.Embedded]:
    """The server with its archive on; where we started it, it is restarted for that, and stopped afterwards."""
    server = embedded.start(directory)
    try:
        if not _archives(server.owner_dsn):
            if server.was_running:
                raise Refused("archive_off", "Stop serve and work, run `entrepot backup` once, and start them again.")
            owner = directory.resolve().stat()
            os.chown(wal, owner.st_uid, owner.st_gid)
            target = wal.resolve()
            command = f'test ! -f "{target}/%f" && cp "%p" "{target}/%f.part" && mv "{target}/%f.part" "{target}/%f"'
            with psycopg.connect(server.owner_dsn, autocommit=True) as connection:
                for name, value in (("archive_mode", "on"), ("archive_command", command)):
                    said = sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
                    connection.execute(said)
            server.stop()
            server = embedded.start(directory)
        yield server
    finally:
        if not server.was_running:
            server.stop()


def _archives(owner_dsn: str) -> bool:
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        row = connection.execute("SELECT current_setting('archive_mode')").fetchone()
        return row is not None and row[0] == "on"
