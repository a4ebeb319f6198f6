"""Which PostgreSQL a home uses: the one whose owner's DSN is given (15 or later), or the embedded one.

`bring_up` migrates it; in a database of one's own the two application roles get passwords, kept in a file of the home,
so that `serve` and `work` need no owner's DSN.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from entrepot.core.errors import Invalid, Unavailable, declare

from . import embedded
from .migrate import SERVE_ROLE, WORK_ROLE, migrate

CONNECT_TIMEOUT_S = 10
PASSWORD_BYTES = 24
PRIVATE_MODE = 0o600

declare("Invalid", database_url_unreadable="ENTREPOT_DATABASE_URL is not a PostgreSQL connection string.")
declare("Unavailable", database_unavailable="The database does not answer, or does not let its owner sign in.")


@dataclass(frozen=True, slots=True)
class SignIns:
    """Connection strings of the two roles that own nothing: `serve` for doors, `work` for workers."""

    serve: str
    work: str


@dataclass(frozen=True, slots=True)
class Database:
    """A database at this version's schema. `leave` stops the embedded server if nobody else uses it."""

    owner_dsn: str
    sign_ins: SignIns
    applied: tuple[str, ...]
    leave: Callable[[], None]


def bring_up(owner_dsn: str, *, directory: Path, kept: Path) -> Database:
    """Migrates the database of `owner_dsn`, or the embedded one in `directory` if that is "".

    `kept` is the file of the roles' sign-ins. Raises: Invalid(database_url_unreadable), Unavailable, Refused(…).
    """
    if owner_dsn:
        return _bring_up_given(owner_dsn, kept)
    server = embedded.start(directory)
    try:
        applied = tuple(migrate(server.owner_dsn))
    except BaseException:
        server.leave()
        raise
    sign_ins = SignIns(server.serve_dsn, server.work_dsn)
    return Database(server.owner_dsn, sign_ins, applied, server.leave)


def read_sign_ins(kept: Path) -> SignIns | None:
    """The roles' sign-ins in a database of one's own; None where the home uses the embedded server."""
    if not kept.exists():
        return None
    return SignIns(**json.loads(kept.read_text()))


def _bring_up_given(owner_dsn: str, kept: Path) -> Database:
    try:
        owner = make_conninfo(owner_dsn, connect_timeout=CONNECT_TIMEOUT_S)
    except psycopg.ProgrammingError as error:
        raise Invalid("database_url_unreadable", str(error).strip(), path="ENTREPOT_DATABASE_URL") from None
    before = read_sign_ins(kept)
    passwords = {
        role: str(conninfo_to_dict(dsn)["password"]) if dsn else secrets.token_urlsafe(PASSWORD_BYTES)
        for role, dsn in ((SERVE_ROLE, before and before.serve), (WORK_ROLE, before and before.work))
    }
    sign_ins = SignIns(*(make_conninfo(owner, user=role, password=passwords[role]) for role in (SERVE_ROLE, WORK_ROLE)))
    _keep(kept, sign_ins)  # first: a role whose password nobody knows could not sign in
    try:
        applied = tuple(migrate(owner, passwords=passwords))
    except psycopg.OperationalError as error:
        raise Unavailable("database_unavailable", str(error).strip().splitlines()[0]) from None
    return Database(owner, sign_ins, applied, _leave)


def _keep(path: Path, sign_ins: SignIns) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_MODE), "w") as file:
        json.dump(asdict(sign_ins), file)
    new.replace(path)


def _leave() -> None:
    """A server that somebody else started is left running."""
