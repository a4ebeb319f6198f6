"""A worker gives the store its turn, as nobody else begins a new part of the ledger's history."""

from __future__ import annotations

import threading
from typing import Any

from trading_house import House

from entrepot.workflows.work import Worker


class Told:
    """The real store; it says when it was tended."""

    def __init__(self, store: Any) -> None:
        self._store, self.was_tended = store, threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def tend(self) -> bool:
        """The real store's own."""
        self._store.tend()
        self.was_tended.set()
        return False


def test_the_store_is_tended(house: House) -> None:
    house.ctx.store = told = Told(house.store)  # type: ignore[assignment]
    worker = Worker(house.ctx)
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        assert told.was_tended.wait(60)
    finally:
        worker.stop()
        running.join()
