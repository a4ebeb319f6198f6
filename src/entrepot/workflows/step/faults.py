"""Faults on purpose, on development chains only: what lasts now, as the worker's parts ask for it.

A fault may slow, stop or repeat what is done. Nothing here answers for a check, signs, or decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from entrepot.store.engineer_records import SandboxAct

LISTS_AGED_S = 3 * 86_400  # older than any regime allows


class SandboxTools(Protocol):
    """What the sandbox does to a development chain and its node. Everything is named simulated."""

    def tell(self, acts: Sequence[SandboxAct]) -> dict[str, str]:
        """Takes over what lasts now; returns those that have done what they are for, by id, with what they did."""

    def reorganise(self, depth: int) -> str:
        """Replaces the newest blocks; says what it did."""

    def pay(self, escrow: str, amount_minor: int, payer: str) -> str:
        """Sends freshly minted demo coins to an escrow from `payer`, or from a stranger (""); says what it did."""


@dataclass
class Faults:
    """What lasts now; empty where there is no sandbox."""

    active: Sequence[SandboxAct] = field(default_factory=tuple)

    def lasts(self, kind: str, *, participant: str = "") -> bool:
        """True while a fault of this kind lasts (one that `participant` asked for, where it says so)."""
        return any(act.kind == kind and participant in ("", act.participant) for act in self.active)

    @property
    def lists_aged_s(self) -> int:
        """By how many seconds the lists seem older than they are: never younger."""
        return LISTS_AGED_S if self.lasts("stale_lists") else 0
