"""What goes wrong on purpose in the simulated world: processes die, replies are lost, and what the workers log of it.

An effect is a transaction that begins or commits, or a call of the rail. The fuse counts effects, and at the one that
an action named the worker dies or does not hear the answer. Nothing here answers for a check, signs, or decides.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from entrepot.core.errors import Unavailable
from entrepot.rails.rail import Cursor, Observed, Operation, ProvenReceipt, Sent
from entrepot.rails.simulated import Faults, SimulatedRail
from entrepot.regimes.regime import DEVELOPMENT_CHAINS
from entrepot.store.records import Reader
from entrepot.store.store import Store, Transaction

from .meetings import DECIDE, Interrupted, Meeting, beside


class Crash(BaseException):
    """The worker's process is gone: nothing after this happens. No handler of ours may catch it."""


@dataclass
class Fuse:
    """`crash_after` effects the worker dies; the commit number `cut_at` from now on is not answered. 0: not lit.

    It burns only while a worker is at work; `act` is what that worker does. `meeting` are others in the midst of it.
    """

    crash_after: int = 0
    cut_at: int = 0
    is_at_work: bool = False
    act: str = ""
    meeting: Meeting | None = None

    def effect(self) -> None:
        """One more effect of the worker. Raises: Crash."""
        if self.crash_after and self.is_at_work:
            self.crash_after -= 1
            if not self.crash_after:
                raise Crash

    def outside(self) -> None:
        """The worker is about to begin a transaction, or waits for the rail's reply: others may come first."""
        if self.meeting is not None and self.meeting.act == self.act != DECIDE:
            self.meeting.at -= 1
            if self.meeting.at <= 0:
                self.meet()

    def meet(self) -> None:
        """Others act now."""
        meeting, self.meeting = self.meeting, None
        if meeting is not None:
            meeting.does()

    def committed(self) -> None:
        """A commit is durable. Raises: Unavailable where its reply is lost."""
        if self.cut_at and self.is_at_work:
            self.cut_at -= 1
            if not self.cut_at:
                raise Unavailable("outside_unavailable", "The connection was cut at the reply to COMMIT (simulated).")

    def put_out(self) -> None:
        """What was lit and not reached burns no longer."""
        self.crash_after = self.cut_at = 0
        self.meeting = None


class FaultyStore:
    """A store whose worker may die before and after each commit; doors and readers are let alone."""

    def __init__(self, store: Store, fuse: Fuse) -> None:
        self.real, self._fuse = store, fuse

    @contextmanager
    def work(self) -> Iterator[Transaction]:
        """See Store.work."""
        self._fuse.effect()
        self._fuse.outside()
        meeting = self._fuse.meeting
        with self.real.work() as tx:
            is_met = meeting is not None and meeting.act == self._fuse.act == DECIDE
            yield Interrupted(tx, meeting.at, self._meet) if meeting and is_met else tx
            self._fuse.effect()
        self._fuse.committed()
        self._fuse.effect()

    def _meet(self) -> None:
        """Others act while a transaction is open, if it may wait."""
        waits = beside(self.real)
        if waits is not None:
            with waits:
                self._fuse.meet()

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """See Store.snapshot."""
        self._fuse.effect()
        with self.real.snapshot() as tx:
            yield tx

    @contextmanager
    def door(self) -> Iterator[Transaction]:
        """See Store.door."""
        with self.real.door() as tx:
            yield tx

    @contextmanager
    def read(self, reader: Reader) -> Iterator[Transaction]:
        """See Store.read."""
        with self.real.read(reader) as tx:
            yield tx

    def pools(self) -> list[dict[str, Any]]:
        """See Store.pools."""
        return self.real.pools()

    def tend(self) -> bool:
        """See Store.tend."""
        return self.real.tend()

    def wake(self) -> None:
        """Nobody sleeps in the simulated world."""

    def wait(self, *, timeout_s: float, until: Callable[[], bool] | None = None) -> bool:
        """Nobody waits in the simulated world."""
        return until is None or until()


class FaultyRail(SimulatedRail):
    """The simulated rail, whose faults are lit one at a time instead of drawn. `name` is the world's own."""

    def __init__(self, seed: int, fuse: Fuse, *, name: str, signers: Collection[str], authorities: Collection[str]):
        super().__init__(seed, passport_signers=signers, authorities=authorities, chain_id=DEVELOPMENT_CHAINS[0])
        self.name = name
        self._fuse = fuse
        self.loses_reply = self.tells_twice = self.passes_over = False
        self.asked: Callable[[Operation], object] = lambda _: None  # hears of every operation before it is tried

    def has(self, once: str) -> bool:
        """True if the rail was asked for it, be the node up or not."""
        return once in self._pending

    def paid_by_hand(self) -> Counter[str]:
        """What each address has paid by bare payments that are in a block."""
        paid: Counter[str] = Counter()
        for one in self._pending.values():
            if one.payment is not None and one.block is not None and not one.reason:
                paid[one.payment[1]] += one.payment[3]
        return paid

    def submit(self, operation: Operation) -> Sent:
        """See Rail.submit."""
        self._fuse.effect()
        self.asked(operation)
        sent = super().submit(operation)
        self._fuse.outside()
        self._fuse.effect()
        if self.loses_reply:
            self.loses_reply = False
            raise Unavailable("outside_unavailable", "The reply was lost (simulated).")
        return sent

    def observe(self, cursor: Cursor | None, *, watch: Collection[str] = ()) -> Observed:
        """See Rail.observe."""
        self._fuse.effect()
        self._fuse.outside()
        self.faults = Faults(duplicate_pct=100 if self.tells_twice else 0)
        self.tells_twice = False
        return super().observe(cursor, watch=watch)

    def receipt(self, transaction: str) -> ProvenReceipt:
        """See Rail.receipt."""
        self._fuse.effect()
        return super().receipt(transaction)

    def mine(self, blocks: int = 1, *, after_s: int = 1) -> None:
        """A block; it passes over what waits if that fault is lit."""
        self.faults = Faults(delay_pct=100 if self.passes_over else 0)
        self.passes_over = False
        super().mine(blocks, after_s=after_s)


SERIOUS = ("defect", "defect outside", "batch undone", "due act failed", "rail event refused", "rail alarm")


@dataclass
class Heard:
    """What the workers logged that nobody should ever read: defects, refused rail events, alarms."""

    told: list[dict[str, Any]] = field(default_factory=list)

    def note(self, _: Any, __: str, event: MutableMapping[str, Any]) -> Any:
        """A structlog processor."""
        if event.get("event") in SERIOUS:
            given = event.get("exc_info")
            error = given if isinstance(given, BaseException) else sys.exc_info()[1]
            self.told.append({**event, "error": repr(error)[:300] if error else event.get("error", "")})
        raise structlog.DropEvent

    def take(self) -> list[dict[str, Any]]:
        """What was heard since the last time."""
        found, self.told = self.told, []
        return found


@contextmanager
def listening(heard: Heard) -> Iterator[None]:
    """Logs go nowhere but to `heard` inside of the block."""
    before = structlog.get_config()
    structlog.configure(processors=[heard.note], wrapper_class=structlog.make_filtering_bound_logger(30))
    try:
        yield
    finally:
        structlog.configure(**before)
