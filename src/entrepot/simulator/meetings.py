"""Meetings: what others do and commit in the midst of a worker's act, before one of its statements or outside calls.

Others act where PostgreSQL would let them: between the statements of a batch that has read and not written yet, and
where no transaction is open. The worker goes on with what it has read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

# How acts that write begin: whoever writes holds what others would want, so they come before the first of them.
WRITES = ("add", "answer", "append", "confirm", "decline", "done", "free", "insert", "open_accounts", "post", "put",
          "register", "reserve", "retry", "save", "set_aside", "write")  # fmt: skip
DECIDE, SEND, WATCH = "decide", "send", "watch"


@dataclass
class Meeting:
    """What others do once in an act of this name: before its statement or outside call number `at`."""

    act: str
    at: int
    does: Callable[[], object]


class Interrupted:
    """A transaction during which others act: before its statement number `at`, or before its first write if sooner."""

    def __init__(self, tx: Any, at: int, meet: Callable[[], object]) -> None:
        self._tx, self._left, self._meet = tx, at, meet

    def __getattr__(self, name: str) -> Any:
        part = getattr(self._tx, name)
        return part if name == "savepoint" else _Group(part, self._before)

    def _before(self, act: str) -> None:
        self._left -= 1
        if self._meet is not None and (self._left <= 0 or act.startswith(WRITES)):
            meet, self._meet = self._meet, None  # type: ignore[assignment]
            meet()


class _Group:
    """A group of its acts."""

    def __init__(self, group: Any, before: Callable[[str], object]) -> None:
        self._group, self._before = group, before

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._group, name)

        def done(*plain: Any, **named: Any) -> Any:
            self._before(name)
            return act(*plain, **named)

        return done


def beside(store: Any) -> AbstractContextManager[None] | None:
    """Where others may act now, although a transaction is open; None where they may not."""
    return store.beside() if hasattr(store, "beside") and not store.has_written else None
