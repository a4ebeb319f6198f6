"""A comparison takes as long as it takes: the same worker sends meanwhile, and no second worker begins the same one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from trading_house import House
from trading_sale import Trade, sale

from entrepot.core.lifecycle import State
from entrepot.store.reconciliation_records import Reconciliation
from entrepot.workflows.books import reconcile
from entrepot.workflows.books.day_end import LEASE_S, RECONCILE
from entrepot.workflows.send import compare_sides
from entrepot.workflows.work import Worker

PATIENCE_S = 120.0


class Unhurried:
    """The real rail; whoever compares waits at it until `may_go`."""

    def __init__(self, rail: Any) -> None:
        self._rail = rail
        self.is_asked, self.may_go = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rail, name)

    def escrow_states(self, escrows: Sequence[str]) -> Any:
        """The real ones, late."""
        self.is_asked.set()
        assert self.may_go.wait(PATIENCE_S)
        return self._rail.escrow_states(escrows)


def until(house: House, is_so: Callable[[], bool]) -> None:
    """Blocks come until it is so."""
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, "it does not come"
        house.settle_chain()
        time.sleep(0.05)


def kept(house: House, run: str) -> Reconciliation | None:
    """The run, once it is there."""
    with house.store.work() as tx:
        return tx.reconciliations.get(run)


def test_a_worker_sends_while_it_compares_and_keeps_what_it_found(house: House) -> None:
    looked_at, paid = sale(house).propose().agree().fund(), sale(house).propose().agree()
    house.ctx.rail = slow = Unhurried(house.rail)  # type: ignore[assignment]
    worker = Worker(house.ctx)
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        run = house.put(RECONCILE, house.people["operator-1"], {})
        assert slow.is_asked.wait(PATIENCE_S), "nothing is compared"
        house.put("fund", house.people["buyer"], paid.funding(), paid.id)
        until(house, lambda: paid.one.state is State.FUNDED)
        assert kept(house, run.id) is None and not slow.may_go.is_set(), "it was paid while the comparison waits"
        slow.may_go.set()
        until(house, lambda: kept(house, run.id) is not None)
    finally:
        slow.may_go.set()
        worker.stop()
        running.join(PATIENCE_S)
    assert not running.is_alive()
    found = kept(house, run.id)
    assert found is not None and found.differences == () and found.settlements >= 1
    is_sound(looked_at, paid)


def is_sound(*trades: Trade) -> None:
    for trade in trades:
        trade.is_sound(State.FUNDED)


def test_a_comparison_under_way_is_nobody_elses_until_its_lease_ends(house: House) -> None:
    sale(house).propose().agree().fund()
    queued = house.ask(RECONCILE, "operator-1")["reconciliation"]
    with house.store.work() as tx:
        now = house.ctx.now()
        (held,) = tx.outbox.claim(now=now, limit=9, lease_s=LEASE_S, kind=RECONCILE)
    assert held.body["run"] == queued and compare_sides(house.ctx) == 0, "the worker that holds it may have been killed"
    with house.store.work() as tx:
        assert tx.outbox.claim(now=now + LEASE_S - 1, limit=9, lease_s=1, kind=RECONCILE) == []
        (again,) = tx.outbox.claim(now=now + LEASE_S, limit=9, lease_s=0, kind=RECONCILE)
    assert again.once == held.once


def test_a_worker_that_is_stopped_leaves_the_comparison_to_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "SET_MAX", 1)
    trades = [sale(house).propose().agree().fund() for _ in range(2)]
    house.ctx.rail = slow = Unhurried(house.rail)  # type: ignore[assignment]
    worker = Worker(house.ctx)
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        run = house.put(RECONCILE, house.people["operator-1"], {})
        assert slow.is_asked.wait(PATIENCE_S), "nothing is compared"
    finally:
        worker.stop()
        slow.may_go.set()
        running.join(PATIENCE_S)
    assert not running.is_alive() and kept(house, run.id) is None
    time.sleep(1.1)  # it is due again in a second, whatever its lease
    assert compare_sides(house.ctx) == 1 and kept(house, run.id) is not None
    is_sound(*trades)
