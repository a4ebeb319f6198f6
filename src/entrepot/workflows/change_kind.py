"""What one kind of change by two persons is: who may propose and confirm it, what it must say, what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from entrepot.core.canonical import Json
from entrepot.store.records import Change, InboxItem

from .batch import Batch

Check = Callable[[Batch, Json], None]
Effect = Callable[[Batch, InboxItem, Change], Json]


def _nothing(_: Batch, __: Json) -> Json:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """One subject of the table in `changes`.

    `roles` may propose and confirm it. `check` raises Invalid or Refused for a body that cannot be proposed; `before`
    gives what is in force while it is proposed, kept with the proposal; `effect` makes it so, once a second person
    has confirmed, in the same commit.
    """

    roles: tuple[str, ...]
    check: Check
    effect: Effect
    before: Callable[[Batch, Json], Json] = _nothing
