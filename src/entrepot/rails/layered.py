"""A mapping whose copies share what they had in common: a copy costs nothing, whatever there is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

DEPTH_MAX = 32  # copies of copies before one is written out whole

K = TypeVar("K")
V = TypeVar("V")
_ABSENT = object()


class Layered(Generic[K, V]):
    """Entries of its own over those of what it was copied from, which must not lose entries afterwards."""

    def __init__(self, below: Layered[K, V] | None = None) -> None:
        self.own: dict[K, V] = {}
        self._below = below
        self._depth: int = below._depth + 1 if below else 0

    def copy(self) -> Layered[K, V]:
        """A mapping that starts as this one is; what is set in it does not show here."""
        return Layered(self)

    def flatten(self) -> None:
        """Writes a copy of many copies out whole, so that reading stays short."""
        if self._depth > DEPTH_MAX:
            self.own, self._below, self._depth = dict(self.items()), None, 0

    def absorb(self, above: Layered[K, V]) -> None:
        """Takes over what was set in a copy of this one."""
        self.own |= above.own

    def get(self, key: K) -> V | None:
        """The value, None if there is none."""
        layer: Layered[K, V] | None = self
        while layer is not None:
            found = layer.own.get(key, _ABSENT)
            if found is not _ABSENT:
                return found  # type: ignore[return-value]
            layer = layer._below
        return None

    def items(self) -> Iterator[tuple[K, V]]:
        """All keys with their values."""
        layers, layer = [], self
        while layer is not None:
            layers.append(layer.own)
            layer = layer._below  # type: ignore[assignment]
        merged: dict[K, V] = {}
        for own in reversed(layers):
            merged |= own
        return iter(merged.items())

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None  # type: ignore[arg-type]

    def __getitem__(self, key: K) -> V:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: K, value: V) -> None:
        self.own[key] = value
