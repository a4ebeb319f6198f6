"""The key that wraps all data keys: a file that only its owner reads, made once, and changed while nobody works.

Whoever has an older copy of the database needs the master key of that time to read it.
"""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

from entrepot.core.errors import Refused, declare

from .migrate import SERVE_ROLE, WORK_ROLE
from .postgres_rows import translated
from .vault import KEY_BYTES, Vault

PRIVATE_MODE, FOLDER_MODE = 0o600, 0o700
LOCK_WAIT = "5s"

declare("Refused", database_in_use="Doors or workers are signed in to the database: stop `serve` and `work` first.")

# The tables' owner alone can do this, and only while the transaction lasts.
_OPEN = "ALTER TABLE data_keys NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER erase_only"
_CLOSE = "ALTER TABLE data_keys FORCE ROW LEVEL SECURITY, ENABLE TRIGGER erase_only"
_SIGNED_IN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = ANY(%s)"


def read_master_key(path: Path) -> bytes:
    """The key, b"" where there is none yet.

    Raises: Refused(key_exposed) where others can read it, Refused(master_key_differs) for a file of another size.
    """
    if not path.exists():
        return b""
    if not path.is_file() or path.stat().st_size != KEY_BYTES:
        raise Refused("master_key_differs", f"{path.name} is no file of {KEY_BYTES} bytes.")
    if path.stat().st_mode & 0o077:
        raise Refused("key_exposed", f"{path.name} can be read by others (mode {path.stat().st_mode & 0o777:o}).")
    return path.read_bytes()


def keep_master_key(path: Path, key: bytes) -> None:
    """Writes a new file, on the disk when this returns. Raises: FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())


def change_master_key(owner_dsn: str, path: Path) -> int:
    """Wraps every data key with a fresh master key, which takes the old one's place; returns how many there are.

    A crash at any point leaves a file beside it, with which the same call finishes.
    Raises: Refused(database_in_use, master_key_differs), Unavailable.
    """
    old, beside = read_master_key(path), path.with_suffix(".new")
    if not old:
        raise Refused("master_key_differs", f"There is no {path.name} to change.")
    if not read_master_key(beside):
        keep_master_key(beside, os.urandom(KEY_BYTES))
    count = _wrap_anew(owner_dsn, Vault(old), Vault(read_master_key(beside)))
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return count


def _wrap_anew(owner_dsn: str, old: Vault, new: Vault) -> int:
    """In one transaction; a data key that the new one opens is left as it is."""
    with translated(), psycopg.connect(owner_dsn) as connection:
        try:
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'".encode())
            connection.execute(_OPEN)
        except psycopg.errors.LockNotAvailable:
            raise Refused("database_in_use", "Somebody holds the data keys.") from None
        if connection.execute(_SIGNED_IN, ([SERVE_ROLE, WORK_ROLE],)).fetchone() != (0,):
            raise Refused("database_in_use", "Doors or workers are signed in to the database.")
        rows = connection.execute("SELECT id, owner, wrapped FROM data_keys WHERE wrapped IS NOT NULL").fetchall()
        keys = [(id_.hex, owner.hex, wrapped) for id_, owner, wrapped in rows]
        left = [key for key in keys if not new.opens(*key)]
        if not all(old.opens(*key) for key in left):
            raise Refused("master_key_differs", "The master key does not open the data keys of this database.")
        wrapped_anew = [(new.wrap(old.unwrap(*key)), key[0]) for key in left]
        connection.cursor().executemany("UPDATE data_keys SET wrapped = %s WHERE id = %s", wrapped_anew)
        connection.execute(_CLOSE)
        return len(keys)
