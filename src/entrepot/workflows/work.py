"""The worker: takes what arrived and what is due in batches, commits, then does what must be done outside.

Any number of workers may share one database. Nothing is done outside while a lock is held.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from entrepot.core.canonical import Json
from entrepot.core.errors import EntrepotError, Unavailable
from entrepot.core.lifecycle import Role, State
from entrepot.core.settlement import Settlement
from entrepot.store.buffered import Buffered
from entrepot.store.many import Conflict
from entrepot.store.records import InboxItem

from .books import day_end, ledger_engine, statements
from .chain import observe
from .checks.check import check_funding
from .engineers import sandbox, webhooks
from .engineers.courier import Courier
from .house import admission, changes, company, disclose, inform, supervise
from .people import saved_views, sessions, sign_ins, single_sign_on
from .send import compare_sides as compare_sides
from .send import send_out as send_out
from .step.answers import as_told, problem, require_engineer_may
from .step.batch import Batch
from .step.context import Context, ListsChanged, Pace
from .step.traces import Decisions
from .trade import preview, propose, review, settle, unwind
from .trade.prepare import prepare

BATCH_MIN, BATCH_MAX = 20, 1_000
IDLE_S = 0.25
YOUNG_OBJECTS = 20_000  # some 5 MiB; cycles among them wait so long to be given back
WATCH_S = 0.25
POISON_LOG_CHARS = 300
REQUESTS_KEPT_S = 14 * 86_400
FORGET_EVERY_S = 60.0
TEND_EVERY_S = 10.0
NIGHT_EVERY_S = 30.0

log = structlog.get_logger(__name__)
Handle = Callable[[Batch, InboxItem], Json]

HANDLERS: dict[str, Handle] = {
    **company.HANDLERS,
    "requote": propose.requote,
    "examine": settle.examined,
    "award": unwind.award,
    "block": unwind.block,
    "review_block": unwind.review_block,
    "claim_fee": unwind.claim_fee,
    "dispose": review.dispose,
    "quote": preview.quote,
    "dry_run": preview.dry_run,
    "screen": preview.screen,
    "rail": observe.on_rail,
    "rail_failed": observe.on_rail_failed,
    **admission.HANDLERS,
    **day_end.HANDLERS,
    **statements.HANDLERS,
    **supervise.HANDLERS,
    **changes.HANDLERS,
    **sessions.HANDLERS,
    **saved_views.HANDLERS,
    **disclose.HANDLERS,
    **inform.HANDLERS,
    **sign_ins.HANDLERS,
    **single_sign_on.HANDLERS,
    **webhooks.HANDLERS,
    **sandbox.HANDLERS,
}


def _clock_event(kind: str) -> Callable[[Batch, Settlement], Settlement]:
    return lambda batch, settlement: batch.happen(settlement, kind, Role.CLOCK)


def _review_expired(batch: Batch, settlement: Settlement) -> Settlement:
    return batch.happen(settlement, "review_expired", Role.CLOCK, dates={"ask_rail_at": batch.now})


def _ask_or_pay_back(batch: Batch, settlement: Settlement) -> Settlement:
    if observe.operation_in_flight(settlement):
        return observe.ask_rail(batch, settlement)
    if settlement.state is State.REJECTING:
        return unwind.check_reject(batch, settlement)
    if settlement.state is State.RELEASING:  # resumed after a block, which had ended the wait for its operation
        return _release_check(batch, settlement)
    return unwind.check_refund(batch, settlement)


def _finally_past(kind: str, date: str) -> Callable[[Batch, Settlement], Settlement]:
    """Only once final block time has passed the date: a payment or an award that came in time is known by then."""

    def act(batch: Batch, settlement: Settlement) -> Settlement:
        if batch.final_time() <= settlement.dates[date]:
            batch.tx.settlements.postpone(settlement.id, until=batch.now + 1)
            return settlement
        return batch.happen(settlement, kind, Role.CLOCK)

    return act


def _block_review(batch: Batch, settlement: Settlement) -> Settlement:
    """A blocked settlement is looked at by a date; until somebody does, it stays on the list of what is due."""
    log.warning("block review due", settlement=settlement.id)
    batch.tx.settlements.postpone(settlement.id, until=batch.now + 3600)
    return settlement


def _freeze_ended(batch: Batch, settlement: Settlement) -> Settlement:
    settlement = batch.happen(settlement, "freeze_ended", Role.CLOCK)
    unwind.release_waits_no_longer(batch, settlement)
    return settlement


def _release_check(batch: Batch, settlement: Settlement) -> Settlement:
    if settlement.awarded_minor is not None and settlement.awarded_minor <= settlement.released_minor:
        return unwind.check_refund(batch, settlement)
    return settle.check_release(batch, settlement)


DUE: dict[str, Callable[[Batch, Settlement], Settlement]] = {
    "check": check_funding,
    "release_check": _release_check,
    "refund_check": unwind.check_refund,
    "ask_rail": _ask_or_pay_back,
    "fund_expired": _finally_past("fund_expired", "fund_by"),
    "review_expired": _review_expired,
    "freeze_ended": _freeze_ended,
    "dispute_expired": _finally_past("dispute_expired", "dispute_by"),
    "block_review_due": _block_review,
    **{kind: _clock_event(kind) for kind in ("proposal_expired", "quote_expired", "review_lapsed")},
}


@dataclass
class Taken:
    """What a step took, known also when nothing of it was kept."""

    arrived: list[InboxItem] = field(default_factory=list)
    due: list[Settlement] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many arrivals and due acts."""
        return len(self.arrived) + len(self.due)


def step(ctx: Context) -> int:
    """One batch of arrivals and due acts in one transaction; returns how many it took."""
    if ctx.faults.lasts("worker_paused"):
        return 0
    pace, taken = ctx.pace, Taken()
    began = time.monotonic()
    try:
        _take_batch(ctx, taken, limit=1 if pace.careful else pace.items)
    except ListsChanged:  # nothing of the batch was kept; it is taken again with the new versions
        ctx.screener.warm()
        return 1
    except Conflict as conflict:  # nor here: another worker was first, and what it did is read the next time
        log.info("batch taken again", why=str(conflict))
        return 1
    except Unavailable:
        raise
    except Exception as defect:
        _undone(ctx, taken, defect)
        return 1
    if pace.careful:
        pace.careful = pace.careful - 1 if taken.count else 0
    else:
        _keep_pace(pace, taken.count, took_s=time.monotonic() - began)
    return taken.count


def _keep_pace(pace: Pace, count: int, *, took_s: float) -> None:
    """A step takes about as long as a click may wait, and shares its commit among as many as that allows."""
    if took_s > pace.step_s:
        pace.items = max(BATCH_MIN, int(pace.items * pace.step_s / took_s))
    elif count >= pace.items and took_s < pace.step_s / 2:
        pace.items = min(BATCH_MAX, pace.items * 3 // 2)


def _take_batch(ctx: Context, taken: Taken, *, limit: int) -> None:
    stop_at = time.monotonic() + ctx.pace.step_s
    with ctx.store.work() as below:
        ctx.offset_s = below.checks.clock_offset_s()
        tx = Buffered(below)
        batch = Batch(ctx, tx, ctx.now())
        taken.arrived = tx.inbox.claim(limit=limit)
        prepare(tx, taken.arrived, now=batch.now, window_days=ctx.regime(batch.now).window_days)
        if limit > 1 or not taken.arrived:
            taken.due = tx.settlements.claim_due(now=batch.now, limit=limit)
        if not taken.count:
            return
        decisions = Decisions(ctx.traces)
        for place, item in enumerate(taken.arrived):
            if place >= BATCH_MIN and time.monotonic() > stop_at:  # the rest is free again when this commits
                taken.arrived = taken.arrived[:place]
                break
            batch.span = decisions.begin(batch.logged)
            decisions.end(batch.logged, item, _take(batch, item))
        for settlement in taken.due:
            if settlement.id not in batch.settlements:
                batch.know(settlement)
                batch.span = decisions.begin(batch.logged)
                _act(batch, settlement)
                decisions.end(batch.logged, None, None)
        batch.finish()
        tx.settle_up()
        tx.require_standing()
    decisions.tell()
    if taken.arrived or batch.outgoing:
        ctx.store.wake()


def _undone(ctx: Context, taken: Taken, defect: Exception) -> None:
    """A batch that cannot be written is taken again one by one; what cannot be written alone is set aside."""
    log.error("batch undone", items=taken.count, error=repr(defect)[:POISON_LOG_CHARS], exc_info=defect)
    if taken.count != 1:
        ctx.pace.careful = max(taken.count, 1)
        return
    with ctx.store.work() as tx:
        for item in taken.arrived:
            tx.inbox.set_aside(item.id, repr(defect)[:POISON_LOG_CHARS], at=ctx.now())
        for settlement in taken.due:
            tx.settlements.postpone(settlement.id, until=ctx.now() + ctx.policy.pause_s)


def _take(batch: Batch, item: InboxItem) -> Json | None:
    """Answers one item, and returns what its sender is told; a refusal is an answer, a defect sets the item aside."""
    try:
        require_engineer_may(item)
        with batch.attempt():
            answer = HANDLERS[item.kind](batch, item)
    except (ListsChanged, Conflict, Unavailable):
        raise  # no answer at all: the batch is undone and taken again
    except EntrepotError as error:
        if item.source == observe.SOURCE:
            log.error("rail event refused", item=item.id, code=error.code)
            batch.tx.inbox.set_aside(item.id, f"{error.code}: {error.message}"[:POISON_LOG_CHARS], at=batch.now)
            return None
        answer = problem(error)
    except Exception as error:
        log.exception("defect", item=item.id, kind=item.kind, settlement=item.settlement)
        batch.tx.inbox.set_aside(item.id, repr(error)[:POISON_LOG_CHARS], at=batch.now)
        return None
    told = as_told(answer, item, batch.settlements.get(str(answer["body"].get("settlement", item.settlement))))
    batch.tx.inbox.answer(item.id, told, at=batch.now)
    return told


def _act(batch: Batch, settlement: Settlement) -> None:
    """Does what is due; a defect stops this settlement for a while and pages us, the rest goes on."""
    act = settlement.next_act()
    assert act is not None
    try:
        with batch.attempt():
            DUE[act[0]](batch, settlement)
    except (ListsChanged, Conflict):
        raise
    except Exception as error:
        log.exception("due act failed", act=act[0], settlement=settlement.id, error=repr(error)[:POISON_LOG_CHARS])
        batch.tx.settlements.postpone(settlement.id, until=batch.now + batch.ctx.policy.pause_s)


def collect_seldom() -> None:
    """What is loaded by now stays, so cycles are not sought in it; what is new is looked through less often.

    Python looks after every 700 objects, and a batch makes that many for each item: it was a tenth of a worker's time.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def forget_requests(ctx: Context) -> int:
    """Drops requests that were logged too long ago."""
    with ctx.store.work() as tx:
        tx.requests.forget(before_ms=int(time.time() * 1000) - REQUESTS_KEPT_S * 1000)
    return 0


def tend_store(ctx: Context) -> int:
    """Gives the store its turn."""
    ctx.store.tend()
    return 0


@dataclass
class Worker:
    """Loops: decide, do outside, compare, watch, tell webhooks, …. `stop` ends them after what they are at."""

    ctx: Context
    courier: Courier = field(default_factory=Courier)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Runs until `stop`; a loop that fails outside tries again, one that meets a defect goes on with the rest."""
        loops = [
            threading.Thread(target=self._loop, args=(act, pause_s), name=act.__name__.strip("_"))
            for act, pause_s in (
                (send_out, IDLE_S),
                (self._compare_sides, IDLE_S),
                (observe.watch, WATCH_S),
                (ledger_engine.post_intents, IDLE_S),
                (self._tell_webhooks, IDLE_S),
                (sandbox.refresh, WATCH_S),
                (forget_requests, FORGET_EVERY_S),
                (tend_store, TEND_EVERY_S),
                (day_end.nightly, NIGHT_EVERY_S),
            )
        ]
        self.ctx.instruments.begin(["step", *(loop.name for loop in loops)])
        threading.Thread(target=self._warm, name="warm", daemon=True).start()
        for loop in loops:
            loop.start()
        self._loop(step, 0.0)
        for loop in loops:
            loop.join()
        self.courier.close()

    def stop(self) -> None:
        """Asks the loops to end."""
        self.stopping.set()
        self.ctx.store.wake()

    def _compare_sides(self, ctx: Context) -> int:
        return compare_sides(ctx, self.stopping.is_set)

    def _tell_webhooks(self, ctx: Context) -> int:
        return self.courier.turn(ctx)

    def _warm(self) -> None:
        try:
            self.ctx.screener.warm()
            collect_seldom()
        except Exception:  # the first decision does it again, and says so if it fails
            log.exception("warm")

    def _loop(self, act: Callable[[Context], int], pause_s: float) -> None:
        while not self.stopping.is_set():
            try:
                with self.ctx.instruments.turn(act.__name__.strip("_")) as took:
                    taken = act(self.ctx)
                    took(taken)
            except Unavailable as error:
                log.warning("outside unavailable", loop=act.__name__, detail=error.message)
                taken, wait_s = 0, 1.0
            except Exception:
                log.exception("loop", loop=act.__name__)
                taken, wait_s = 0, 1.0
            else:
                wait_s = pause_s
            if not taken:
                if pause_s or wait_s:
                    self.stopping.wait(wait_s)
                else:
                    self.ctx.store.wait(timeout_s=IDLE_S)
