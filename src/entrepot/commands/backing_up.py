"""`backup` and `restore`: the embedded database, copied while it runs, and brought back to a point in time."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from entrepot.core.errors import Refused
from entrepot.settings import read_settings

from .line import app, show


@app.command
def backup(folder: Path, *, json: bool = False) -> None:
    """Copies the embedded database into FOLDER, and has its log archived there from now on. Keys are not copied.

    The first time it needs the database for itself: stop serve and work. A database of your own is backed up as you
    are used to.
    """
    from entrepot.store.backup import back_up

    settings = read_settings()
    if settings.owner_dsn or not settings.database_dir.exists():
        raise Refused("backup_missing", "This home has no embedded database; back your own up with its own means.")
    made = back_up(settings.database_dir, folder)
    body = {"schema": "entrepot/backup/1", "base": str(made.base), "finished_at": made.finished_at}
    show(body, [f"{made.base}: restores to any time from {made.finished_at} (Unix s) on"], as_json=json)


@app.command
def restore(folder: Path, *, at: int | None = None, json: bool = False) -> int:
    """Brings the database back from FOLDER into this home, as of AT (Unix s), or all that is archived.

    The home holds the keys, and no database. Exit 3 if what was restored does not replay to its signed checkpoint.
    """
    from entrepot.store.backup import restore as bring_back
    from entrepot.wire import open_store
    from entrepot.workflows.books.replay import replayed

    settings = read_settings()
    base = bring_back(folder, settings.database_dir, at=at)
    with open_store("work", settings) as store:
        found = replayed(store)
    body = {"schema": "entrepot/restore/1", "base": str(base), "ok": found.is_sound} | asdict(found)
    lines = [
        f"from {base}",
        f"log: {found.size} leaves, root {found.root}",
        f"signed: {found.signed_size} leaves, root {found.signed_root}",
        "Sound." if found.is_sound else "NOT SOUND: do not use it.",
    ]
    show(body, lines, as_json=json)
    return 0 if found.is_sound else 3
