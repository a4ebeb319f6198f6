"""Webhooks: where a participant is told of events, kept as endpoints under signing secrets that are sealed.

The log's leaf index is the only cursor: nothing is copied to a queue, and going back is moving the cursor back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.messages.webhooks import is_secret
from entrepot.store.engineer_records import Asked, Endpoint, WebhookSecret
from entrepot.store.records import InboxItem

from ..step.answers import answered, require_role, text_in, whole_in
from ..step.batch import Batch
from ..step.shown import told_events

ROLES = ("engineer", "treasurer")
ENDPOINTS_MAX = 10
OVERLAP_S = 24 * 3600  # how long the secret before signs too
OVERLAP_S_MAX = 7 * 24 * 3600
ASKED_MAX = 20
DESCRIPTION_CHARS_MAX = 140

declare(
    "Refused",
    too_many_endpoints="The participant has as many webhook endpoints as it may have.",
    too_many_asked="As many deliveries as may wait were asked for already.",
)


def add_endpoint(batch: Batch, item: InboxItem) -> Json:
    """A new endpoint, told of everything from now on. The secret was made by the door and is not in the answer."""
    require_role(item, *ROLES)
    if len(batch.tx.webhooks.endpoints(item.participant)) >= ENDPOINTS_MAX:
        raise Refused("too_many_endpoints", f"A participant has at most {ENDPOINTS_MAX} webhook endpoints.")
    now = batch.machine_now
    endpoint = Endpoint(
        id=batch.ctx.new_id(),
        participant=item.participant,
        url=_url(batch, item.body),
        events=_events(item.body),
        description=str(item.body.get("description", ""))[:DESCRIPTION_CHARS_MAX],
        state="active",
        cursor=batch.tx.log.size() - 1,
        created_at=now,
    )
    batch.tx.webhooks.put_endpoint(endpoint)
    batch.tx.webhooks.put_secret(WebhookSecret(batch.ctx.new_id(), endpoint.id, _secret(item.body), now))
    return answered(201, {"endpoint": endpoint.id, "state": endpoint.state, "cursor": endpoint.cursor})


def change_endpoint(batch: Batch, item: InboxItem) -> Json:
    """Another address, filter or description; paused or resumed. Resuming goes on where it stopped."""
    endpoint = _own(batch, item)
    changed: dict[str, Any] = {}
    if "url" in item.body:
        changed["url"] = _url(batch, item.body)
    if "events" in item.body:
        changed["events"] = _events(item.body)
    if "description" in item.body:
        changed["description"] = str(item.body["description"])[:DESCRIPTION_CHARS_MAX]
    state = item.body.get("state")
    if state not in (None, "active", "paused"):
        raise Invalid("malformed", "state is active or paused.", path="state")
    if state == "paused":
        changed |= {"state": "paused", "state_why": "paused by hand"}
    elif state == "active":
        changed |= {"state": "active", "state_why": "", "failures": 0, "failing_since": 0, "next_try_at": 0}
    endpoint = replace(endpoint, **changed)
    batch.tx.webhooks.put_endpoint(endpoint)
    return answered(200, {"endpoint": endpoint.id, "state": endpoint.state, "cursor": endpoint.cursor})


def delete_endpoint(batch: Batch, item: InboxItem) -> Json:
    """Nothing more is sent there; what was sent stays in its log until it is forgotten."""
    endpoint = _own(batch, item)
    batch.tx.webhooks.put_endpoint(replace(endpoint, state="deleted", state_why="deleted"))
    for secret in batch.tx.webhooks.secrets(endpoint.id, now=batch.machine_now):
        batch.tx.webhooks.put_secret(replace(secret, ends_at=batch.machine_now))
    return answered(200, {"endpoint": endpoint.id, "state": "deleted"})


def rotate_secret(batch: Batch, item: InboxItem) -> Json:
    """A new secret; the one before signs beside it for `overlap_s`, so that a receiver changes in its own time."""
    endpoint, now = _own(batch, item), batch.machine_now
    overlap_s = whole_in(item.body, "overlap_s", default=OVERLAP_S, low=0, high=OVERLAP_S_MAX)
    kept = batch.tx.webhooks.secrets(endpoint.id, now=now)
    for secret in kept:
        ends_at = now + overlap_s if secret.ends_at is None else now  # never three: the oldest ends
        batch.tx.webhooks.put_secret(replace(secret, ends_at=ends_at))
    batch.tx.webhooks.put_secret(WebhookSecret(batch.ctx.new_id(), endpoint.id, _secret(item.body), now))
    return answered(201, {"endpoint": endpoint.id, "old_secret_ends_at": now + overlap_s})


def send_test(batch: Batch, item: InboxItem) -> Json:
    """A test event, tried once; to a paused endpoint too."""
    return _asked(batch, _own(batch, item), item, "test", -1)


def replay(batch: Batch, item: InboxItem) -> Json:
    """One delivery again, tried once; or, with `after`, all from a leaf index on: the cursor goes back there."""
    endpoint = _own(batch, item)
    if "delivery" in item.body:
        delivery = batch.tx.webhooks.delivery(text_in(item.body, "delivery", chars_max=32))
        if delivery is None or delivery.endpoint != endpoint.id:
            raise Unknown("not_found", "There is no such delivery.")
        kind = "test" if delivery.kind == "test" else "replay"
        return _asked(batch, endpoint, item, kind, delivery.index)
    after = whole_in(item.body, "after", low=-1, high=max(-1, endpoint.cursor))
    moved = replace(endpoint, cursor=after, failures=0, failing_since=0, next_try_at=0)
    batch.tx.webhooks.put_endpoint(moved)
    return answered(202, {"endpoint": endpoint.id, "cursor": after, "state": "replaying"})


def _asked(batch: Batch, endpoint: Endpoint, item: InboxItem, kind: Any, index: int) -> Json:
    if len(batch.tx.webhooks.asked(endpoint.id)) >= ASKED_MAX:
        raise Refused("too_many_asked", f"{ASKED_MAX} deliveries wait already; they are tried first.")
    batch.tx.webhooks.ask(Asked(item.id, endpoint.id, kind, index, batch.machine_now))
    return answered(202, {"endpoint": endpoint.id, "asked": item.id, "state": "sending"})


def _own(batch: Batch, item: InboxItem) -> Endpoint:
    """The caller's own endpoint, locked. Raises: Unknown(not_found), Refused(not_allowed)."""
    require_role(item, *ROLES)
    endpoint = batch.tx.webhooks.lock_endpoint(text_in(item.body, "endpoint", chars_max=32))
    if endpoint is None or endpoint.participant != item.participant or endpoint.state == "deleted":
        raise Unknown("not_found", "There is no such webhook endpoint.")
    return endpoint


def _url(batch: Batch, body: Json) -> str:
    url = text_in(body, "url", chars_max=500)
    batch.ctx.poster.require(url)
    return url


def _events(body: Json) -> tuple[str, ...]:
    wanted, known = body.get("events", []), told_events()
    if not isinstance(wanted, list) or any(one not in known for one in wanted):
        raise Invalid("malformed", "events are kinds named by GET /v1/webhooks/events; none means all.", path="events")
    return tuple(dict.fromkeys(wanted))


def _secret(body: Json) -> str:
    secret = text_in(body, "secret", chars_max=100)
    if not is_secret(secret):
        raise Invalid("malformed", "secret is whsec_ and 24 to 64 bytes in base64.", path="secret")
    return secret


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {
    "add_webhook": add_endpoint,
    "change_webhook": change_endpoint,
    "delete_webhook": delete_endpoint,
    "rotate_webhook": rotate_secret,
    "test_webhook": send_test,
    "replay_webhook": replay,
}
