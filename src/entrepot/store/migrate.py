"""Brings a database to this version's schema, forward only, and checks who signs in. Works on PostgreSQL 15 and later.

`migrate` runs with the owner's DSN; `serve` and `work` only compare the version and refuse what is too mighty.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from entrepot.core.errors import Refused, Unavailable, declare

FOLDER = Path(__file__).parent / "migrations"
SERVE_ROLE, WORK_ROLE = "entrepot_serve", "entrepot_work"
SERVER_VERSION_MIN = 150000
_LOCK = 0x656E7472_65706F74  # "entrepot": one migration at a time
_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql\Z")

declare(
    "Refused",
    database_too_old="The database is older than PostgreSQL 15.",
    migration_changed="A migration that this database has applied was edited since.",
    role_too_mighty="The application signs in as a superuser or an owner; it must use a role that owns nothing.",
    schema_too_new="The database has a newer schema than this version of Entrepot knows.",
)
declare("Unavailable", schema_too_old="The database has an older schema: run `entrepot migrate` with the owner's DSN.")

_TABLE = """CREATE TABLE IF NOT EXISTS schema_version (
    version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now())"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, name, text, and the SHA-256 (hex) of the text."""

    version: int
    name: str
    text: bytes

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hex."""
        return hashlib.sha256(self.text).hexdigest()


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """All migrations in order; asserts that they are numbered from 1 without a gap."""
    found = [
        Migration(int(match[1]), path.stem, path.read_bytes())
        for path in sorted(folder.glob("*.sql"))
        if (match := _FILE.match(path.name))
    ]
    assert [entry.version for entry in found] == list(range(1, len(found) + 1)), "migrations are numbered without a gap"
    return found


def migrate(owner_dsn: str, *, passwords: Mapping[str, str] | None = None, folder: Path = FOLDER) -> list[str]:
    """Applies what is missing, each file in its own transaction, and returns their names; again is a no-op.

    Makes the two application roles where they are missing; `passwords` (by role) are set if given, and kept by the
    caller. Raises: Refused(database_too_old, migration_changed, schema_too_new).
    """
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        server_version = connection.info.server_version
        if server_version < SERVER_VERSION_MIN:
            raise Refused("database_too_old", f"The server is {server_version}, older than {SERVER_VERSION_MIN}.")
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        _make_roles(connection, passwords or {})
        connection.execute(_TABLE)
        missing = _missing(connection, migrations(folder))
        for entry in missing:
            with connection.transaction():
                connection.execute(entry.text)
                connection.execute(
                    "INSERT INTO schema_version (version, name, checksum) VALUES (%s, %s, %s)",
                    (entry.version, entry.name, entry.checksum),
                )
        return [entry.name for entry in missing]


def check_role(connection: psycopg.Connection[Any], *, folder: Path = FOLDER) -> None:
    """Raises: Refused(role_too_mighty) for a superuser, one who passes row security, or an owner (also by membership);
    Unavailable(schema_too_old) and Refused(schema_too_new, migration_changed) for another schema."""
    for question, what in _TOO_MIGHTY:
        if _first(connection, question):
            raise Refused("role_too_mighty", f"{_first(connection, 'SELECT current_user')} {what}.")
    if not _first(connection, "SELECT to_regclass('public.schema_version') IS NOT NULL"):
        raise Unavailable("schema_too_old", "The database has no schema yet: run `entrepot migrate`.")
    missing = _missing(connection, migrations(folder))
    if missing:
        raise Unavailable("schema_too_old", f"The database lacks {missing[0].name}: run `entrepot migrate`.")


_TOO_MIGHTY = (
    ("SELECT rolsuper FROM pg_roles WHERE rolname = current_user", "is a superuser"),
    ("SELECT rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = current_user",
     "passes row-level security or may make roles"),
    ("""SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%'
           AND pg_has_role(current_user, c.relowner, 'MEMBER'))""",
     "owns tables"),
    ("SELECT pg_has_role(current_user, datdba, 'MEMBER') FROM pg_database WHERE datname = current_database()",
     "owns the database"),
    ("SELECT has_schema_privilege(current_user, 'public', 'CREATE')", "may create tables"),
)  # fmt: skip


def _first(connection: psycopg.Connection[Any], question: str) -> Any:
    row = psycopg.Cursor(connection, row_factory=tuple_row).execute(question.encode()).fetchone()
    return row[0] if row else None


def _missing(connection: psycopg.Connection[Any], known: list[Migration]) -> list[Migration]:
    """Those not applied yet, after comparing those that are."""
    cursor = psycopg.Cursor(connection, row_factory=tuple_row)
    rows = cursor.execute("SELECT version, checksum FROM schema_version ORDER BY version").fetchall()
    if len(rows) > len(known):
        raise Refused("schema_too_new", f"The database is at version {len(rows)}, this Entrepot knows {len(known)}.")
    for (version, checksum), entry in zip(rows, known, strict=False):
        if (version, checksum) != (entry.version, entry.checksum):
            raise Refused("migration_changed", f"{entry.name} is not what this database has applied.")
    return known[len(rows) :]


def _make_roles(connection: psycopg.Connection[Any], passwords: Mapping[str, str]) -> None:
    for role in (SERVE_ROLE, WORK_ROLE):
        name = sql.Identifier(role)
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        if role in passwords:
            scrambled = connection.pgconn.encrypt_password(passwords[role].encode(), role.encode()).decode()
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(scrambled)))
