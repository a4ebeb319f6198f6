"""Which rows open transactions of the in-memory twin hold: one runs inside another's wait, and passes over its rows."""

from __future__ import annotations


class Waits(BaseException):
    """On PostgreSQL this statement would wait until the transaction around this one has ended, which cannot be here.

    The transaction that it is raised in is rolled back, as if it had not begun yet; no handler of ours may catch it.
    """


class Locks:
    """The rows held by the transaction that runs (the last), and by those within which it runs."""

    def __init__(self) -> None:
        self._held: list[set[tuple[str, str]]] = [set()]

    def take(self, kind: str, key: str) -> bool:
        """Holds a row until the transaction ends; False if another holds it (SKIP LOCKED)."""
        if any((kind, key) in rows for rows in self._held[:-1]):
            return False
        self._held[-1].add((kind, key))
        return True

    def require(self, kind: str, key: str) -> None:
        """Holds a row until the transaction ends. Raises: Waits if another holds it."""
        if not self.take(kind, key):
            raise Waits(f"{kind} {key}")

    def forget(self) -> None:
        """The transaction that runs has ended."""
        self._held[-1].clear()

    def begin_inside(self) -> None:
        """The transaction that runs waits, and others run before it goes on."""
        self._held.append(set())

    def end_inside(self) -> None:
        """It goes on."""
        self._held.pop()
