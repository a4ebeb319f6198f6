"""Replays what a database holds: the log's root from its leaves, the books from their transfers."""

from __future__ import annotations

from dataclasses import dataclass

from entrepot.core import log
from entrepot.core.canonical import hex0x
from entrepot.core.note import checkpoint_size_and_root
from entrepot.store.store import Store

LEAVES_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """The log's size and root as its leaves make them, the newest checkpoint's, and sums per asset (minor units)."""

    size: int
    root: str
    signed_size: int
    signed_root: str
    sums: dict[str, int]
    balances: dict[str, str]

    @property
    def is_sound(self) -> bool:
        """True if the signed checkpoint is this log's, and each asset adds up to zero."""
        return (self.size, self.root) == (self.signed_size, self.signed_root) and not any(self.sums.values())


def replayed(store: Store) -> Replayed:
    """Reads every leaf and every account once, at one moment."""
    frontier: list[bytes] = []
    size, after = 0, -1
    sums: dict[str, int] = {}
    with store.snapshot() as tx:
        while leaves := tx.log.leaves(after=after, limit=LEAVES_AT_ONCE):
            _, frontier = log.append(size, frontier, [log.leaf_hash(one.leaf) for one in leaves])
            size, after = size + len(leaves), leaves[-1].index
        newest, classes = tx.log.checkpoint(), tx.reconciliations.class_sums()
    for (_, asset), balance in classes.items():
        sums[asset] = sums.get(asset, 0) + balance.posted_minor
    signed_size, signed_root = checkpoint_size_and_root(newest[1]) if newest else (0, log.tree_root([]))
    kept = {f"{name.value} {asset}": str(one.posted_minor) for (name, asset), one in sorted(classes.items())}
    return Replayed(size, hex0x(log.tree_root(frontier)), signed_size, hex0x(signed_root), sums, kept)
