"""Reads SQL files of named queries: `-- name: claim_inbox` and below it one statement with %(named)s parameters."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\n", re.MULTILINE)
_NAMED = re.compile(r"%%|%\([a-z][a-z0-9_]*\)s")


def load_sql(subject: str, *, folder: Path = FOLDER) -> dict[str, bytes]:
    """The queries of `sql/SUBJECT.sql` by name. Asserts that each is one well-formed statement and named once."""
    text = (folder / f"{subject}.sql").read_text(encoding="utf-8")
    head, *parts = _NAME.split(text)
    assert parts, f"{subject}.sql names no query"
    assert not _statements(head), f"{subject}.sql: a statement stands before the first name"
    queries: dict[str, bytes] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        assert name not in queries, f"{subject}.sql: {name} is named twice"
        statements = _statements(body)
        assert len(statements) == 1, f"{subject}.sql: {name} is {len(statements)} statements, not one"
        assert "%" not in _NAMED.sub("", statements[0]), f"{subject}.sql: {name} has a parameter without a name"
        queries[name] = statements[0].encode()
    return queries


def _statements(text: str) -> list[str]:
    """The statements between semicolons, without comment lines."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]
