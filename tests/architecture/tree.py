"""The tree as the architecture tests see it: what is or would be committed, and its Python parsed."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "src" / "entrepot"


@cache
def tracked() -> tuple[str, ...]:
    """Paths relative to the root: tracked, or new and not ignored."""
    said = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    return tuple(sorted(path for path in set(said.stdout.split("\0")) if path and (ROOT / path).is_file()))


def texts(*suffixes: str) -> Iterator[tuple[str, str]]:
    """(path, text) of the tracked text files, or of those with one of the suffixes."""
    for path in tracked():
        if not suffixes or path.endswith(suffixes):
            try:
                yield path, (ROOT / path).read_text("utf-8")
            except (UnicodeDecodeError, FileNotFoundError):  # binary, or gone since it was listed
                continue


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """(path, syntax tree) of the tracked Python files below `folders`."""
    for path, text in texts(".py", "run"):
        if path.startswith(folders) and (path.endswith(".py") or path == "run"):
            yield path, ast.parse(text)


def line_of(text: str, at: int) -> int:
    """The line number of an offset."""
    return text.count("\n", 0, at) + 1
