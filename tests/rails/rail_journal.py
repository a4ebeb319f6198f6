"""A Journal in memory that keeps what the Protocol promises, for tests of rails without a store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from entrepot.rails.rail import SentState, SentTransaction


class MemoryJournal:
    """Each method is atomic under one lock; `(chain, sender, nonce)` is unique among those not replaced."""

    def __init__(self) -> None:
        self.kept: dict[str, SentTransaction] = {}
        self._lock = threading.Lock()

    def sent(self, once: str) -> SentTransaction | None:
        """See Journal.sent."""
        with self._lock:
            return self.kept.get(once)

    def prepare(
        self, once: str, *, chain: str, sender: str, nonce_min: int, sign: Callable[[int], SentTransaction]
    ) -> SentTransaction:
        """See Journal.prepare."""
        with self._lock:
            if once not in self.kept:
                used = [
                    entry.nonce + 1 for entry in self.kept.values() if (entry.chain, entry.sender) == (chain, sender)
                ]
                self.kept[once] = sign(max([nonce_min, *used]))
                self._assert_nonces_unique()
            return self.kept[once]

    def replace(self, old: SentTransaction, new: SentTransaction) -> SentTransaction:
        """See Journal.replace."""
        with self._lock:
            now = self.kept[old.once]
            if now.hash != old.hash:
                return now
            name = f"{old.once}#{old.attempt}"
            self.kept[name] = replace(now, once=name, state="replaced")
            self.kept[old.once] = new
            self._assert_nonces_unique()
            return new

    def update(self, kept: SentTransaction, state: SentState) -> None:
        """See Journal.update."""
        with self._lock:
            if self.kept[kept.once].hash == kept.hash:
                self.kept[kept.once] = replace(self.kept[kept.once], state=state)

    def unfinished(self, chain: str, *, limit: int) -> list[SentTransaction]:
        """See Journal.unfinished."""
        with self._lock:
            found = [e for e in self.kept.values() if e.chain == chain and e.state in ("prepared", "sent", "mined")]
            return sorted(found, key=lambda entry: entry.nonce)[:limit]

    def _assert_nonces_unique(self) -> None:
        live = [(e.chain, e.sender, e.nonce) for e in self.kept.values() if e.state != "replaced"]
        assert len(live) == len(set(live)), "a nonce was given twice"
