"""What the books posted and another ledger engine is to be told: a record and its part of the Store Protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from entrepot.core.ledger import Account, Answer, Transfer


@dataclass(frozen=True, slots=True)
class Intent:
    """A posted transfer that the other ledger engine has not answered for; `no` is its place in order."""

    no: int
    transfer: Transfer
    debit: Account
    credit: Account


class Intents(Protocol):
    """Posted transfers that another ledger engine is told of, where the store keeps them."""

    def open(self, *, limit: int) -> list[Intent]:
        """Those it has not answered for, in the order in which they must be told."""

    def confirm(self, answers: Sequence[tuple[int, Answer]], *, at: int) -> None:
        """What it answered, by number; the first answer to each is kept."""

    def catch_up(self) -> int:
        """Makes intents of transfers posted while no other engine was there; returns how many."""
