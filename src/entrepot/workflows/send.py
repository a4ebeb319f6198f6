"""Send: does outside what the outbox says: operations and messages are read together and noted together when done.

Nothing is done while a transaction is open. Whoever dies with items delays them by the lease at most, and every item
is done once however often it is tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from entrepot.core.errors import EntrepotError, Refused, Unavailable
from entrepot.core.lifecycle import UNDER_ORDER
from entrepot.core.passport import Act
from entrepot.core.settlement import Settlement
from entrepot.rails.rail import Operation
from entrepot.regimes.regime import Stop
from entrepot.store.records import InboxItem, OutboxItem

from .books import day_end
from .chain import contract_settings, observe, orders
from .checks.check import read_terms, stops_in_force
from .engineers import sandbox
from .people import single_sign_on
from .step import follow
from .step.batch import Batch
from .step.context import Context
from .trade import tell

LEASE_S = 30
OUT_MIN, OUT_MAX = 10, 500
OUT_S = 2.0  # how long what is held together may take: far less than its lease
RAIL_ATTEMPTS_MAX = 8
NOT_READY_ATTEMPTS_MAX = 60
RETRY_S = 1
DECIDED_AFRESH = {  # once it is known that they failed
    "fund_with_authorization": Act.FUND, "release": Act.RELEASE, "refund": Act.REFUND, "reject": Act.REJECT
}  # fmt: skip
ASKED_FOR_AGAIN = {"return_payment": Act.RETURN, "claim_fee": Act.FEE}  # by whoever asked for them
PAYS = DECIDED_AFRESH | ASKED_FOR_AGAIN
STANDING_ATTEMPTS_MAX = 16  # of every other operation, each after twice the time: 18 hours in all
FOLLOWED_ATTEMPTS_MAX, RETRY_S_MAX = 200, 6 * 3600
ERROR_CHARS = 300
ON_ITS_WAY = ("prepared", "sent", "mined", "final")  # of the rail's states of an operation

log = structlog.get_logger(__name__)


@dataclass
class Sent:
    """What became of the items that were taken."""

    done: list[str] = field(default_factory=list)
    later: list[tuple[str, str, int, bool]] = field(default_factory=list)  # (once, error, after s, does it count)
    defects: list[tuple[str, str]] = field(default_factory=list)
    failed: list[InboxItem] = field(default_factory=list)
    more: list[OutboxItem] = field(default_factory=list)  # what is to be done because of it
    tried: dict[str, tuple[int, int]] = field(default_factory=dict)  # from and to, Unix ns
    codes: dict[str, str] = field(default_factory=dict)  # of those that were not done


@dataclass
class Ready:
    """Operations as they were read together, by their `once`, and what is to be minded of some."""

    operations: dict[str, Operation] = field(default_factory=dict)
    overtaken: set[str] = field(default_factory=set)  # payments: an order, a review, a stop or a list came meanwhile
    at: int = 0


def send_out(ctx: Context) -> int:
    """Does things outside, each once; returns how many it took."""
    if ctx.faults.lasts("worker_paused"):
        return 0
    began, began_ns, sent = time.monotonic(), time.time_ns(), Sent()
    with ctx.store.work() as tx:
        items = tx.outbox.claim(now=ctx.now(), limit=ctx.pace.outside, lease_s=LEASE_S, but=(day_end.RECONCILE,))
    if not items:
        return 0
    ready = _ready(ctx, [item for item in items if item.kind == "rail"], sent)
    _deliver(ctx, [item for item in items if item.kind == "message"], sent)
    for item in items:
        if item.once in ready.operations:
            _try(ctx, item, lambda item=item: _submit(ctx, item, ready, sent), sent)  # type: ignore[misc]
    _note(ctx, sent)
    ctx.traces.sent(items, sent.tried, sent.codes, began_ns=began_ns)
    for item in items:
        if item.kind not in ("rail", "message"):  # each by itself: it may take long, or be possible once only
            other = Sent()
            _try(ctx, item, lambda item=item, other=other: _other(ctx, item, other), other)  # type: ignore[misc]
            _note(ctx, other)
    _keep_pace(ctx, len(items), took_s=time.monotonic() - began)
    return len(items)


def compare_sides(ctx: Context, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """The reconciliation that is due, in a loop of its own: it may take minutes, and sending does not wait for it.

    A worker that is stopped leaves it to the next, which begins it again.
    """
    if ctx.faults.lasts("worker_paused"):
        return 0
    with ctx.store.work() as tx:
        items = tx.outbox.claim(now=ctx.now(), limit=1, lease_s=day_end.LEASE_S, kind=day_end.RECONCILE)
    for item in items:
        sent = Sent()
        _try(ctx, item, lambda item=item: day_end.run(ctx, item, is_stopping), sent)  # type: ignore[misc]
        _note(ctx, sent)
    return len(items)


def _note(ctx: Context, sent: Sent) -> None:
    """Writes what became of them, all at once. What another worker sent meanwhile has not failed."""
    now = ctx.now()
    failed = [one for one in sent.failed if ctx.rail.state_of(one.body["once"]).name not in ON_ITS_WAY]
    with ctx.store.work() as tx:
        tx.many.done(sent.done, at=now)
        for once, says, after_s, counts in sent.later:
            tx.outbox.retry(once, due_at=now + after_s, error=says, counts=counts)
        tx.many.retry(sent.defects, due_at=now + ctx.policy.pause_s)
        tx.many.put_items(failed)
        tx.outbox.put(sent.more)
    if failed:
        ctx.store.wake()


def _keep_pace(ctx: Context, count: int, *, took_s: float) -> None:
    if took_s > OUT_S:
        ctx.pace.outside = max(OUT_MIN, int(ctx.pace.outside * OUT_S / took_s))
    elif count >= ctx.pace.outside and took_s < OUT_S / 2:
        ctx.pace.outside = min(OUT_MAX, ctx.pace.outside * 2)


def _ready(ctx: Context, items: Sequence[OutboxItem], sent: Sent) -> Ready:
    """Each item's operation with its terms, read in one transaction; what cannot be read is a defect of its own."""
    ready = Ready(at=ctx.now())
    if not items:
        return ready
    with ctx.store.work() as tx:
        batch = Batch(ctx, tx, ready.at)
        kept = tx.many.settlements(sorted({item.settlement for item in items}))
        unread = [one.id for one in kept.values() if ctx.terms.get(one.terms_hash) is None]
        papers = {paper.settlement: paper for paper in tx.many.papers(unread, ["terms"])}  # the newest of each
        stops, lists = stops_in_force(batch), _versions(batch)
        for item in items:
            try:
                if _is_overtaken(item, kept[item.settlement], stops, lists, batch.now):
                    ready.overtaken.add(item.once)
                ready.operations[item.once] = Operation(
                    once=item.once,
                    kind=item.body["kind"],
                    settlement=item.settlement,
                    terms=read_terms(batch, kept[item.settlement], papers.get(item.settlement)),
                    arguments=item.body["arguments"],
                )
            except (AssertionError, KeyError, ValueError, EntrepotError) as error:
                _defect(item, error, sent)
    return ready


def _versions(batch: Batch) -> list[list[str]]:
    return [[row.source, row.sha256] for row in batch.tx.checks.lists(with_entities=False)]


def _is_overtaken(
    item: OutboxItem, settlement: Settlement, stops: Sequence[Stop], lists: Sequence[Sequence[str]], now: int
) -> bool:
    """True for a payment that waited here until an order, a review, a stop or a new list came: it is decided afresh."""
    kind = item.body["kind"]
    if kind not in PAYS:
        return False
    is_next = (
        observe.is_awaited(settlement, item.once) if kind in DECIDED_AFRESH else settlement.state not in UNDER_ORDER
    )
    return not is_next or item.body.get("lists") != lists or any(stop.holds_up(PAYS[kind], now) for stop in stops)


def _is_overtaken_now(ctx: Context, item: OutboxItem) -> bool:
    """The same, read anew: many payments are read together, and those before it may have taken their time."""
    with ctx.store.work() as tx:
        batch = Batch(ctx, tx, ctx.now())
        settlement = tx.many.settlements([item.settlement])[item.settlement]
        return _is_overtaken(item, settlement, stops_in_force(batch), _versions(batch), batch.now)


def _is_held_up(ctx: Context, item: OutboxItem, ready: Ready) -> bool:
    """True for a payment that is overtaken, as it was read with others or, once time went on, as it is now."""
    is_overtaken = item.once in ready.overtaken or (
        item.body["kind"] in PAYS and ctx.now() > ready.at and _is_overtaken_now(ctx, item)
    )
    return is_overtaken and _is_new(ctx, item)


def _is_new(ctx: Context, item: OutboxItem) -> bool:
    """What the rail has it has: an order or a payment whose reply was lost is followed, whatever came since."""
    return ctx.rail.state_of(item.once).name == "unknown"


def _submit(ctx: Context, item: OutboxItem, ready: Ready, sent: Sent) -> None:
    operation = ready.operations[item.once]
    if _is_held_up(ctx, item, ready):
        log.info("payment held up before it was sent", once=item.once)
        if operation.kind in ASKED_FOR_AGAIN:
            sent.failed.append(_told(ctx, item.settlement, item.once))
        return
    if operation.kind == "hold" and _is_new(ctx, item):
        order = _order_now(ctx, item)
        hold = dict(operation.arguments)
        arguments = orders.signed_order(ctx, order, operation.terms, hold) if order is not None else None
        if arguments is None:
            log.info("order came to nothing", once=item.once)
            return
        operation = replace(operation, arguments=arguments)
    if ctx.now() - ready.at >= LEASE_S:  # another worker may be at it, or done with it
        raise Unavailable(
            "outside_unavailable", "The lease ran out before it was sent; whoever holds it next sends it."
        )
    try:
        ctx.rail.submit(operation)
    except Refused as refused:
        raise follow.refusal_of(ctx, operation, refused) from None
    sent.more += follow.follow_up(ctx, item)


def _order_now(ctx: Context, item: OutboxItem) -> orders.Order | None:
    """How the books stand about an order right before it is signed; None if another worker has ended it meanwhile."""
    with ctx.store.work() as tx:
        if all(one.once != item.once for one in tx.outbox.waiting_of(item.settlement)):
            return None
        return orders.read_order(tx, item, tx.many.settlements([item.settlement])[item.settlement])


def _deliver(ctx: Context, items: Sequence[OutboxItem], sent: Sent) -> None:
    """All messages' papers are read at once; if their folder cannot be written, each is tried again alone."""
    if not items:
        return
    with ctx.store.work() as tx:
        papers = tx.many.papers_by_id([item.body["paper"] for item in items])
    began_ns = time.time_ns()
    try:
        tell.deliver(ctx, [papers[item.body["paper"]] for item in items])
        sent.done += [item.once for item in items]
        sent.tried |= dict.fromkeys((item.once for item in items), (began_ns, time.time_ns()))
    except Exception as error:
        log.warning("messages not delivered together", error=repr(error)[:ERROR_CHARS])
        for item in items:
            _try(ctx, item, lambda item=item: tell.deliver(ctx, [papers[item.body["paper"]]]), sent)  # type: ignore[misc]


def _try(ctx: Context, item: OutboxItem, act: Callable[[], None], sent: Sent) -> None:
    """Does one thing: it is done, due again, or has failed for good."""
    began_ns = time.time_ns()
    try:
        act()
    except EntrepotError as error:
        sent.codes[item.once] = error.code
        _failed(ctx, item, error, sent)
    except Exception as error:  # a defect in one stops neither the others nor this loop
        _defect(item, error, sent)
    else:
        sent.done.append(item.once)
    sent.tried[item.once] = began_ns, time.time_ns()


def _defect(item: OutboxItem, error: Exception, sent: Sent) -> None:
    log.error("defect outside", once=item.once, kind=item.kind, settlement=item.settlement, exc_info=error)
    sent.defects.append((item.once, repr(error)[:ERROR_CHARS]))
    sent.codes[item.once] = "defect"


def _other(ctx: Context, item: OutboxItem, sent: Sent) -> None:
    if item.kind == "clock":
        ctx.advance_chain(item.body["offset_s"])
    elif item.kind == "openid":
        single_sign_on.outside(ctx, item)
    elif item.kind == "sandbox":
        sandbox.perform(ctx, item)
    elif item.kind == "lists":
        ctx.load_lists()
    elif item.kind == "follow":
        _follow(ctx, item, sent)
    elif item.kind == contract_settings.OUTSIDE:
        contract_settings.outside(ctx, item)
    else:
        assert item.kind == "ask", item.kind
        was_given_up = _was_given_up(ctx, item)  # first: what waits no longer, and was sent, the rail knows by now
        state = ctx.rail.state_of(item.body["once"])
        is_over = state.name in ("failed", "dropped")
        if is_over or (state.name == "unknown" and was_given_up):
            sent.failed.append(_told(ctx, item.settlement, item.body["once"], key=item.once))


def _follow(ctx: Context, item: OutboxItem, sent: Sent) -> None:
    """What failed in its block is sent again, or its settlement is told. Raises: Unavailable until it is known."""
    if not follow.failed_there(ctx, item):
        return
    once = item.body["once"]
    more = follow.again(ctx, item) if item.body["kind"] in follow.FOLLOWED else None
    log.warning("operation failed on the rail", once=once, again=more is not None)
    if more is not None:
        sent.more.append(more)
    else:
        sent.failed.append(_told(ctx, item.settlement, once))


def _was_given_up(ctx: Context, item: OutboxItem) -> bool:
    """True for an operation that waits no longer: the rail refused it, maybe while an order held the settlement up."""
    with ctx.store.work() as tx:
        return all(one.once != item.body["once"] for one in tx.outbox.waiting_of(item.settlement))


def _failed(ctx: Context, item: OutboxItem, error: EntrepotError, sent: Sent) -> None:
    """Tries again while it may still succeed; a refusal that lasts tells the settlement.

    A payment that is refused is decided afresh soon. What nobody decides again (an award, a lift, a finding) may wait
    for an operation before it that no block has taken yet, so it is given up late.
    """
    is_standing = item.kind == "rail" and item.body["kind"] not in DECIDED_AFRESH
    attempts_max = _attempts_max(item) if is_standing else RAIL_ATTEMPTS_MAX
    not_ready_max = attempts_max if is_standing else NOT_READY_ATTEMPTS_MAX
    is_not_ready = error.code == "rail_not_ready"
    is_refused, is_tired = isinstance(error, Refused), item.attempts + 1 >= attempts_max
    is_final = (is_refused and (error.code == "rail_too_late" or (is_tired and error.code != "rail_blocked"))) or (
        is_not_ready and item.attempts + 1 >= not_ready_max and item.kind == "rail"
    )
    counts = is_refused or is_not_ready
    log.info("outside", once=item.once, code=error.code, attempts=item.attempts, final=is_final)
    if not is_final:
        says = f"{error.code}: {error.message}"[:ERROR_CHARS]
        after_s = min(RETRY_S * 2**item.attempts, RETRY_S_MAX) if is_standing and counts else RETRY_S
        if item.kind == "follow":
            after_s = min(RETRY_S * 2**item.attempts, ctx.policy.ask_rail_s)
        sent.later.append((item.once, says, after_s, counts))
        return
    sent.done.append(item.once)
    if item.kind == "rail":
        sent.failed.append(_told(ctx, item.settlement, item.once))


def _attempts_max(item: OutboxItem) -> int:
    return FOLLOWED_ATTEMPTS_MAX if item.body["kind"] in follow.FOLLOWED else STANDING_ATTEMPTS_MAX


def _told(ctx: Context, settlement: str, once: str, *, key: str = "") -> InboxItem:
    """What tells a settlement that an operation will never happen."""
    return InboxItem(
        id=ctx.new_id(),
        source=observe.SOURCE,
        key=follow.failure_key(key or once),
        kind="rail_failed",
        body={"once": once},
        body_sha256="",
        received_at=ctx.now(),
        settlement=settlement,
    )
