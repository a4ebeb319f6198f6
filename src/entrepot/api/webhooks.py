"""/v1/webhooks: where a participant is told of events (Standard Webhooks), and what was sent there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.errors import Unknown
from entrepot.messages.webhooks import new_secret
from entrepot.store.engineer_records import Delivery, Endpoint
from entrepot.store.store import Transaction
from entrepot.workflows.engineers.courier import FAILURES_MAX
from entrepot.workflows.step.shown import told_events

from .ask import ask
from .caller import Caller
from .trades import Id, Key, Signed, Strict, given

router = APIRouter(prefix="/v1", tags=["webhooks"])

PAGE_MAX = 100
Url = Annotated[str, Field(min_length=1, max_length=500)]
Events = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=100)]


class NewWebhook(Strict):
    """Where to post events: https to a public address (on a development chain also this machine). No events: all."""

    url: Url
    events: Events = []
    description: str = Field(default="", max_length=140)


class ChangedWebhook(Strict):
    """What is to be different; `state` active resumes where it stopped."""

    url: Url | None = None
    events: Events | None = None
    description: str | None = Field(default=None, max_length=140)
    state: Literal["active", "paused"] | None = None


class Rotation(Strict):
    """For how many seconds the secret before signs too."""

    overlap_s: int = Field(default=24 * 3600, ge=0, le=7 * 24 * 3600)


class Replay(Strict):
    """One delivery again, or every event after a leaf index: the cursor goes back there."""

    delivery: Id | None = None
    after: int | None = Field(default=None, ge=-1, le=2**53)


@router.get("/webhooks/events")
def event_kinds(caller: Signed) -> dict[str, Any]:
    """The kinds of events that there are to be told of."""
    return {"events": list(told_events())}


@router.get("/webhooks")
def webhooks(request: Request, caller: Signed) -> dict[str, Any]:
    """Your participant's endpoints; `behind` counts the log's leaves that have not been looked at for it."""
    with request.app.state.store.read(caller.reader) as tx:
        return {"webhooks": [_endpoint_view(tx, one) for one in tx.webhooks.endpoints(caller.participant)]}


@router.post("/webhooks", status_code=201)
def add_webhook(request: Request, body: NewWebhook, caller: Signed, key: Key) -> JSONResponse:
    """A new endpoint. Its signing secret stands in this first answer and in no other."""
    return ask(request, caller, "add_webhook", given(body), fresh={"secret": new_secret()})


@router.get("/webhooks/{webhook}")
def read_webhook(request: Request, webhook: Id, caller: Signed) -> dict[str, Any]:
    """One endpoint."""
    with request.app.state.store.read(caller.reader) as tx:
        return _endpoint_view(tx, _own(tx, webhook, caller))


@router.patch("/webhooks/{webhook}")
def change_webhook(request: Request, webhook: Id, body: ChangedWebhook, caller: Signed, key: Key) -> JSONResponse:
    """Another address, filter or description; pauses and resumes."""
    return ask(request, caller, "change_webhook", given(body) | {"endpoint": webhook})


@router.delete("/webhooks/{webhook}")
def delete_webhook(request: Request, webhook: Id, caller: Signed, key: Key) -> JSONResponse:
    """Nothing more is sent there."""
    return ask(request, caller, "delete_webhook", {"endpoint": webhook})


@router.post("/webhooks/{webhook}/secrets", status_code=201)
def rotate_secret(request: Request, webhook: Id, body: Rotation, caller: Signed, key: Key) -> JSONResponse:
    """A new secret, in this first answer only; the one before signs beside it for a while."""
    return ask(request, caller, "rotate_webhook", given(body) | {"endpoint": webhook}, fresh={"secret": new_secret()})


@router.post("/webhooks/{webhook}/tests", status_code=202)
def send_test(request: Request, webhook: Id, caller: Signed, key: Key) -> JSONResponse:
    """Sends a test event, once; its delivery is in the log a moment later."""
    return ask(request, caller, "test_webhook", {"endpoint": webhook})


@router.post("/webhooks/{webhook}/replays", status_code=202)
def replay(request: Request, webhook: Id, body: Replay, caller: Signed, key: Key) -> JSONResponse:
    """Sends one delivery again, or all events after a leaf index, under the ids that they had."""
    return ask(request, caller, "replay_webhook", given(body) | {"endpoint": webhook})


@router.get("/webhooks/{webhook}/deliveries")
def deliveries(
    request: Request,
    webhook: Id,
    caller: Signed,
    before: Annotated[str, Query(pattern=r"^([0-9a-f]{32})?$")] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
) -> dict[str, Any]:
    """What was sent, newest first; `before` is the last id of the page before."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.webhooks.deliveries(_own(tx, webhook, caller).id, before=before, limit=limit)
    return {"deliveries": [_delivery_view(one) for one in found], "next": found[-1].id if len(found) == limit else None}


@router.get("/webhooks/{webhook}/deliveries/{delivery}")
def read_delivery(request: Request, webhook: Id, delivery: Id, caller: Signed) -> dict[str, Any]:
    """One delivery with the headers and bodies of both sides; an answer is kept to 2,000 characters."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.webhooks.delivery(delivery)
        if found is None or found.endpoint != _own(tx, webhook, caller).id:
            raise Unknown("not_found", "There is no such delivery.")
    return _delivery_view(found) | {"exchange": found.exchange}


def _own(tx: Transaction, webhook: str, caller: Caller) -> Endpoint:
    found = tx.webhooks.endpoint(webhook)
    if found is None or found.participant != caller.participant or found.state == "deleted":
        raise Unknown("not_found", "There is no such webhook endpoint.")
    return found


def _endpoint_view(tx: Transaction, one: Endpoint) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "events": list(one.events),
        "description": one.description,
        "state": one.state,
        "state_why": one.state_why,
        "cursor": one.cursor,
        "behind": max(0, tx.log.size() - 1 - one.cursor),
        "failures": one.failures,
        "failures_max": FAILURES_MAX,
        "failing_since": one.failing_since,
        "next_try_at": one.next_try_at,
        "created_at": one.created_at,
        "waiting": len(tx.webhooks.asked(one.id)),
    }


def _delivery_view(one: Delivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "message": one.message,
        "kind": one.kind,
        "index": one.index,
        "event": one.event,
        "attempt": one.attempt,
        "at_ms": one.at_ms,
        "duration_ms": one.duration_ms,
        "status": one.status,
        "error": one.error,
        "is_delivered": one.is_done,
        "next_try_at": one.next_try_at,
    }
