"""Backs up the embedded PostgreSQL: a base copy and every segment of its log since, restored to a point in time.

A copy lies in FOLDER/base-TIME, the log's segments in FOLDER/wal. Keys are not here: they are backed up apart.
"""

from __future__ import annotations

import shlex
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
# A segment that is not full is archived after this all the same: so much may be lost with the disk, for at most 1.5 GiB
# of archive a day (16 MiB a segment); where nothing is written, none is made.
ARCHIVE_TIMEOUT_S = 900
# Settings that a copy brings along and that are not those of what is restored from it.
OF_THE_COPY = (
    "restore_command",
    "recovery_target_time",
    "recovery_target_action",
    "archive_command",
    "archive_timeout",
)
_NAME = "base-%Y%m%dT%H%M%SZ"
NEVER = 2**62  # when a copy that was broken off was finished, Unix s

declare(
    "Refused",
    archive_off="The database runs without an archive of its log; it is switched on while nothing else uses it.",
    restore_over="Something is there already: a restore goes into an empty home.",
    backup_missing="The folder has no copy from before that time.",
    restore_ahead="That time has not come: nothing is archived for it.",
    backup_folder_unusable="The folder is no folder, or none can be made there.",
)
declare("Unavailable", backup_failed="The copy, the archive or the recovery did not finish; what is there is not used.")


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished copy: where it lies, and the moment (Unix s) from which on it can be restored."""

    base: Path
    finished_at: int


def back_up(directory: Path, folder: Path) -> Backup:
    """Copies the server's files while it runs, and has its log archived in `folder` from now on, wherever it was.

    Raises: Refused(archive_off, backup_folder_unusable), Unavailable(backup_failed).
    """
    with _server(directory, folder.resolve() / "wal") as server:
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
        told = connection.execute("SELECT current_setting('archive_command')").fetchone()
    raise Unavailable(
        "backup_failed", f"Segment {row[0]} was not archived within {WAIT_S:.0f} s by: {told and told[0]}"
    )


def restore(folder: Path, directory: Path, *, at: int | None) -> Path:
    """Brings files as of a time (Unix s; None: all archived) into an empty `directory`; the base it came from.

    They are made beside it, so that a restore that fails leaves nothing that could be taken for a database.
    Raises: Refused(restore_over, restore_ahead, backup_missing), Unavailable(backup_failed).
    """
    if directory.exists():
        raise Refused("restore_over", f"{directory} is there already.")
    if at is not None and at > time.time():
        raise Refused("restore_ahead", f"{at} (Unix s) has not come.")
    bases = [one for one in sorted(folder.glob("base-*")) if _finished(one) <= (NEVER - 1 if at is None else at)]
    if not bases:
        by = "" if at is None else f" that was finished by {at} (Unix s)"
        raise Refused("backup_missing", f"{folder} has no copy{by}.")
    beside = directory.with_name(f"{directory.name}.restoring")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        _recover(bases[-1], folder.resolve() / "wal", beside, at=at)
        beside.rename(directory)
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError, psycopg.Error) as error:
        raise Unavailable("backup_failed", f"{_last_words(beside)} ({type(error).__name__})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return bases[-1]


def _recover(base: Path, wal: Path, directory: Path, *, at: int | None) -> None:
    """Copies a base, and has the server replay the archive up to the time."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(base, directory)
    for left in (directory / "log", directory / ".handle_pids.json", *directory.glob(".s.PGSQL.*")):
        left.unlink(missing_ok=True)  # of the server that was copied
    wanted = "" if at is None else f"recovery_target_time = '{datetime.fromtimestamp(at, UTC).isoformat()}'\n"
    copy = f'cp {shlex.quote(str(wal)).replace("%", "%%")}/%f "%p"'.replace("'", "''")
    with (directory / "postgresql.auto.conf").open("a") as file:
        file.write(f"\narchive_mode = off\nrestore_command = '{copy}'\n{wanted}recovery_target_action = 'promote'\n")
    (directory / "recovery.signal").touch()
    directory.chmod(0o700)
    embedded.hand_over(directory, directory)
    server = embedded.start(directory)
    try:
        _promoted(server.owner_dsn)
    finally:
        server.stop()


def _last_words(directory: Path) -> str:
    """What the server said last that went wrong."""
    log = directory / "log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if "FATAL" in line), "The server did not start.")[-300:]


def _promoted(owner_dsn: str) -> None:
    until = time.monotonic() + WAIT_S
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        while time.monotonic() < until:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            if row is not None and not row[0]:
                for name in OF_THE_COPY:
                    connection.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
                return
            time.sleep(LOOK_S)
    raise Unavailable("backup_failed", f"The server did not reach the time within {WAIT_S:.0f} s.")


def _finished(base: Path) -> int:
    """When the copy was finished (Unix s); a copy that was not is from after all times."""
    path = base / "finished_at"
    return int(path.read_text()) if path.exists() else NEVER


@contextmanager
def _server(directory: Path, wal: Path) -> Iterator[embedded.Embedded]:
    """The server with its archive in `wal`; where we started it, it is restarted for that, and stopped afterwards."""
    server = embedded.start(directory)
    try:
        is_on = _archives(server.owner_dsn)
        if not is_on and server.was_running:
            raise Refused("archive_off", "Stop serve and work, run `entrepot backup` once, and start them again.")
        try:
            wal.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused("backup_folder_unusable", f"{wal}: {error.strerror}.") from None
        embedded.hand_over(wal, directory.resolve())
        _archive_in(server.owner_dsn, wal)
        if not is_on:
            server.stop()
            server = embedded.start(directory)
        yield server
    finally:
        server.leave()


def _archive_in(owner_dsn: str, wal: Path) -> None:
    """From now on each segment is copied there, and is on the disk before it is noted; the same again is no error."""
    folder = shlex.quote(str(wal)).replace("%", "%%")
    kept, part = f"{folder}/%f", f"{folder}/%f.part"
    copy = f'cp "%p" {part} && sync {part} && mv {part} {kept} && sync {folder}'
    command = f'if test -f {kept}; then cmp -s "%p" {kept}; else {copy}; fi'
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        wanted = {"archive_mode": "on", "archive_command": command, "archive_timeout": f"{ARCHIVE_TIMEOUT_S}s"}
        for name, value in wanted.items():
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        connection.execute("SELECT pg_reload_conf()")


def _archives(owner_dsn: str) -> bool:
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        row = connection.execute("SELECT current_setting('archive_mode')").fetchone()
        return row is not None and row[0] == "on"
