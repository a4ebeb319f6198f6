"""The courier takes events to webhook endpoints: in order, at least once, each endpoint apart from all others.

An endpoint is worked on under a lease in a thread of its own, of which there is a bounded number. A worker that is
killed between sending and noting leaves the cursor where it was: the same event goes out again under the same id.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from entrepot.core.crypto import sha256
from entrepot.core.errors import EntrepotError
from entrepot.messages.webhooks import Reply, body_of, headers_for
from entrepot.store.engineer_records import Asked, Delivery, Endpoint
from entrepot.store.records import LoggedEvent

from ..step.context import Context
from ..step.shown import event_view

ENDPOINTS_AT_ONCE = 8
LEASE_S = 60
EVENTS_A_TURN = 20
TURN_S = 30  # no further event is begun after this; one takes 10 s at most
LEAVES_A_LOOK = 500
LOOKS_A_TURN = 50
FAILURES_MAX = 16  # with the waits below: about three days
WAIT_S, WAIT_FACTOR, WAIT_S_MAX = 5, 4, 8 * 3600
JITTER = 0.2
DELIVERIES_KEPT = 1_000
GONE = 410
BODY_CHARS_KEPT = 2_000

log = structlog.get_logger(__name__)


def wait_s(failures: int, chance: float) -> int:
    """Seconds until the next try after so many failures in a row; `chance` from 0 to 1 spreads it by a fifth."""
    plain: int = min(WAIT_S * WAIT_FACTOR ** (failures - 1), WAIT_S_MAX)
    return max(1, round(plain * (1 - JITTER + 2 * JITTER * chance)))


def message_id(endpoint: str, index: int) -> str:
    """The id of one leaf for one endpoint, the same each time it is sent."""
    return "msg_" + sha256(f"entrepot/webhook/1\n{endpoint}\n{index}".encode()).hex()[:32]


@dataclass
class Courier:
    """Works on as many endpoints at once as it has threads. `turn` begins what is due and returns how many."""

    pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(ENDPOINTS_AT_ONCE, thread_name_prefix="courier")
    )
    free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(ENDPOINTS_AT_ONCE))

    def turn(self, ctx: Context) -> int:
        """Claims what is due, as far as threads are free, and begins it."""
        slots = 0
        while slots < ENDPOINTS_AT_ONCE and self.free.acquire(blocking=False):
            slots += 1
        claimed: list[Endpoint] = []
        try:
            if slots:
                with ctx.store.work() as tx:
                    claimed = tx.webhooks.claim(now=int(time.time()), limit=slots, lease_s=LEASE_S)
        finally:
            for _ in range(slots - len(claimed)):
                self.free.release()
        for endpoint in claimed:
            self.pool.submit(self._one, ctx, endpoint)
        return len(claimed)

    def close(self) -> None:
        """Waits for what is under way."""
        self.pool.shutdown(wait=True)

    def _one(self, ctx: Context, endpoint: Endpoint) -> None:
        try:
            serve(ctx, endpoint)
        except EntrepotError as error:
            log.warning("webhook", endpoint=endpoint.id, code=error.code)
        except Exception:  # a defect with one endpoint leaves the others alone; its lease ends by itself
            log.exception("webhook", endpoint=endpoint.id)
        finally:
            self.free.release()


def deliver(ctx: Context) -> int:
    """Serves every endpoint that is due, one after the other, in this thread; returns how many."""
    with ctx.store.work() as tx:
        claimed = tx.webhooks.claim(now=int(time.time()), limit=ENDPOINTS_AT_ONCE, lease_s=LEASE_S)
    for endpoint in claimed:
        serve(ctx, endpoint)
    return len(claimed)


def serve(ctx: Context, endpoint: Endpoint) -> None:
    """What was asked for first, then the log from the cursor on, until something fails or the turn is over."""
    until = time.monotonic() + TURN_S
    with ctx.store.work() as tx:
        asked = tx.webhooks.asked(endpoint.id)
    for one in asked[:EVENTS_A_TURN]:
        if time.monotonic() < until:
            _serve_asked(ctx, endpoint, one)
    for _ in range(EVENTS_A_TURN):
        if time.monotonic() > until or not _serve_next(ctx, endpoint.id):
            break
    with ctx.store.work() as tx:
        tx.webhooks.forget_deliveries(endpoint.id, keep=DELIVERIES_KEPT)
        tx.webhooks.release(endpoint.id)


def _serve_asked(ctx: Context, endpoint: Endpoint, asked: Asked) -> None:
    """One delivery that somebody asked for: tried once, and the cursor stays."""
    if asked.kind == "test":
        says = "This is a test event; nothing happened."
        sent = _Message(f"msg_test_{asked.id}", "entrepot.test", -1, asked.asked_at, {"says": says})
    else:
        with ctx.store.work() as tx:
            found, _ = tx.webhooks.visible(endpoint.participant, after=asked.index - 1, limit=1)
        message = _message(endpoint, found[0]) if found else None
        if message is None:
            with ctx.store.work() as tx:
                tx.webhooks.asked_done(asked.id, at=int(time.time()))
            return
        sent = message
    reply, exchange, at_ms = _post(ctx, endpoint, sent)
    with ctx.store.work() as tx:
        tx.webhooks.put_delivery(_delivery(ctx, endpoint, sent, asked.kind, 1, reply, exchange, at_ms, 0))
        tx.webhooks.asked_done(asked.id, at=int(time.time()))


def _serve_next(ctx: Context, endpoint_id: str) -> bool:
    """The next event in order; True if it was taken and there may be more."""
    with ctx.store.work() as tx:
        endpoint = tx.webhooks.lock_endpoint(endpoint_id)
        if endpoint is None or endpoint.state != "active" or endpoint.next_try_at > time.time():
            return False
        sent, cursor = None, endpoint.cursor
        for _ in range(LOOKS_A_TURN):
            found, looked_to = tx.webhooks.visible(endpoint.participant, after=cursor, limit=LEAVES_A_LOOK)
            wanted = (one for one in found if not endpoint.events or one.event.kind in endpoint.events)
            sent = next((made for one in wanted if (made := _message(endpoint, one)) is not None), None)
            if sent is not None or looked_to == cursor:
                break
            cursor = looked_to
        passed = cursor if sent is None else max(cursor, sent.index - 1)
        if passed != endpoint.cursor:
            endpoint = replace(endpoint, cursor=passed)
            tx.webhooks.put_endpoint(endpoint)
    if sent is None:
        return False
    reply, exchange, at_ms = _post(ctx, endpoint, sent)
    is_taken = _note(ctx, endpoint, sent, reply, exchange, at_ms)
    if is_taken and ctx.faults.lasts("webhook_twice", participant=endpoint.participant):
        again, exchange, at_ms = _post(ctx, endpoint, sent)
        with ctx.store.work() as tx:
            tx.webhooks.put_delivery(_delivery(ctx, endpoint, sent, "event", 2, again, exchange, at_ms, 0))
    return is_taken


def _note(ctx: Context, tried: Endpoint, sent: _Message, reply: Reply, exchange: Any, at_ms: int) -> bool:
    """Keeps the attempt and moves the cursor, or the next try; True if the receiver took it."""
    is_taken, now = not reply.error, int(time.time())
    ctx.instruments.webhooks.labels("taken" if is_taken else "failed").inc()
    with ctx.store.work() as tx:
        endpoint = tx.webhooks.lock_endpoint(tried.id)
        assert endpoint is not None
        failures = 0 if is_taken else tried.failures + 1
        next_try_at = 0 if is_taken else now + wait_s(failures, random.random())
        delivery = _delivery(ctx, tried, sent, "event", tried.failures + 1, reply, exchange, at_ms, next_try_at)
        tx.webhooks.put_delivery(delivery)
        if endpoint.cursor != tried.cursor or endpoint.state != "active":
            return False  # somebody went back, paused it, or another worker was here after our lease
        changed = replace(endpoint, failures=failures, next_try_at=next_try_at)
        if is_taken:
            changed = replace(changed, cursor=sent.index, failing_since=0)
        else:
            changed = _failed(replace(changed, failing_since=endpoint.failing_since or now), reply)
        tx.webhooks.put_endpoint(changed)
    return is_taken


def _failed(endpoint: Endpoint, reply: Reply) -> Endpoint:
    if reply.status == GONE:
        return replace(endpoint, state="failing", state_why="The receiver answered 410: it is gone for good.")
    if endpoint.failures >= FAILURES_MAX:
        why = f"{endpoint.failures} tries in a row failed; the last one: {reply.error}"
        return replace(endpoint, state="failing", state_why=why[:300])
    return endpoint


@dataclass(frozen=True)
class _Message:
    id: str
    kind: str
    index: int
    at: int
    shown: dict[str, Any]


def _message(endpoint: Endpoint, logged: LoggedEvent) -> _Message | None:
    shown = event_view(logged, is_staff=False)
    if shown is None:
        return None
    kind = f"settlement.{logged.event.kind}"
    return _Message(message_id(endpoint.id, logged.index), kind, logged.index, logged.event.at, dict(shown))


def _post(ctx: Context, endpoint: Endpoint, sent: _Message) -> tuple[Reply, dict[str, Any], int]:
    """(what came back, what was sent and came back, when in ms). No transaction is open meanwhile."""
    now = int(time.time())
    with ctx.store.work() as tx:
        secrets = [one.secret for one in tx.webhooks.secrets(endpoint.id, now=now)]
    body = body_of(sent.kind, sent.at, sent.shown)
    at_ms = int(time.time() * 1000)
    if not endpoint.url or not secrets:
        reply, headers = Reply(0, "The endpoint has no address or secret any more.", 0), {}
    else:
        headers = headers_for(sent.id, body, secrets, now=now)
        if ctx.faults.lasts("webhook_failing", participant=endpoint.participant):
            reply = Reply(503, "simulated: the sandbox answered 503 in the receiver's place.", 0)
        else:
            reply = ctx.poster.post(endpoint.url, headers, body)
    exchange = {
        "url": endpoint.url,
        "request_headers": headers,
        "request_body": body.decode(),
        "response_headers": dict(reply.headers),
        "response_body": reply.body[:BODY_CHARS_KEPT].replace("\0", "\ufffd"),
    }
    return reply, exchange, at_ms


def _delivery(
    ctx: Context,
    endpoint: Endpoint,
    sent: _Message,
    kind: Any,
    attempt: int,
    reply: Reply,
    exchange: dict[str, Any],
    at_ms: int,
    next_try_at: int,
) -> Delivery:
    return Delivery(
        id=ctx.new_id(),
        endpoint=endpoint.id,
        participant=endpoint.participant,
        message=sent.id,
        kind=kind,
        index=sent.index,
        event=sent.kind,
        attempt=attempt,
        at_ms=at_ms,
        duration_ms=reply.duration_ms,
        status=reply.status,
        error=reply.error,
        next_try_at=next_try_at,
        exchange=exchange,
    )
