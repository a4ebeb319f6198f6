"""A signed transaction that is kept before it leaves, so that a crash sends the same bytes again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SentState = Literal["prepared", "sent", "mined", "final", "replaced"]


@dataclass(frozen=True, slots=True)
class SentTransaction:
    """A signed transaction as a rail's journal and the store keep it. A replaced one is kept under `once#attempt`."""

    once: str
    chain: str
    sender: str
    nonce: int
    hash: str
    raw: bytes
    state: SentState
    at: int
    attempt: int = 0
    settlement: str = ""
    kind: str = ""
