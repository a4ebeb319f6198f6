"""What every loader gives back, and how it refuses a file."""

from __future__ import annotations

from dataclasses import dataclass

from entrepot.core.errors import Invalid, declare

from .entity import Entity

declare(
    "Invalid",
    list_malformed="A list's file is not as its publisher describes it; nothing of it was loaded.",
    list_unrecognised="A file in the folder of lists is of no known list.",
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a loader read out of its files, before it becomes a version. `orphans`: rows without their entry."""

    source: str
    entities: tuple[Entity, ...]
    published_at: int | None = None
    version: str = ""
    orphans: int = 0
    warnings: tuple[str, ...] = ()


def malformed(name: str, line: int, what: str) -> Invalid:
    """The refusal of a file, with the line at which it stopped being what it should be."""
    return Invalid("list_malformed", f"{name}, line {line}: {what}", path=f"{name}:{line}")


def text_of(name: str, raw: bytes) -> str:
    """`raw` as UTF-8, with or without a byte order mark. Raises: Invalid(list_malformed)."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise malformed(name, raw.count(b"\n", 0, wrong.start) + 1, "the file is not UTF-8.") from wrong
