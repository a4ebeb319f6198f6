"""How a door asks the worker: into the inbox under the caller's idempotency key, then up to 2 s for the answer."""

from __future__ import annotations

import json
import os
import time
from typing import Any
from urllib.parse import quote

import rfc8785
from fastapi import Request
from fastapi.responses import JSONResponse

from entrepot.core.crypto import sha256
from entrepot.core.errors import Invalid, Refused, declare
from entrepot.core.ids import ENTROPY_BYTES, new_id
from entrepot.store.records import InboxItem
from entrepot.store.store import Store
from entrepot.workflows.step.traces import Traces

from .caller import Caller

WAIT_S = 2.0
KEY_CHARS_MAX = 100
PROBLEM = "application/problem+json"
CODE_HEADER = "X-Error-Code"
STILL_OPEN = "accepted"  # the worker has not answered yet; any other state in a 202 is an answer that waits for more

declare("Invalid", idempotency_key_missing="Every change carries an Idempotency-Key of 1 to 100 characters.")
declare("Refused", idempotency_key_reused="The same Idempotency-Key came with another request before.")


def ask(
    request: Request,
    caller: Caller,
    kind: str,
    body: dict[str, Any],
    *,
    settlement: str = "",
    fresh: dict[str, Any] | None = None,
) -> JSONResponse:
    """Stores the request and waits for the worker's answer; 202 with where to look if it takes longer.

    `fresh` goes to the worker too and is no part of what makes a retry the same: a secret that was made just now. It
    is added to the first answer, and to no other.
    """
    key = request.headers.get("idempotency-key", "")
    if not 0 < len(key) <= KEY_CHARS_MAX:
        raise Invalid("idempotency_key_missing", "Send an Idempotency-Key header.", path="Idempotency-Key")
    store: Store = request.app.state.store
    traces: Traces = request.app.state.traces
    began_ns = time.time_ns()
    now = int(time.time())
    item = InboxItem(
        id=new_id(int(time.time() * 1000), os.urandom(ENTROPY_BYTES)),
        source=f"api:{caller.person}",
        key=key,
        kind=kind,
        body=body | (fresh or {}),
        body_sha256=request_sha256({"kind": kind, "settlement": settlement, "body": body}),
        received_at=now,
        participant=caller.participant,
        person=caller.person,
        role=caller.role,
        settlement=settlement,
    )
    with store.door() as tx:
        kept = tx.inbox.put(item)
    if kept.body_sha256 != item.body_sha256:
        raise Refused("idempotency_key_reused", f"Idempotency-Key {key} came with another request before.")
    store.wake()
    answer = wait_for(store, kept)
    if traces.is_on:
        traces.asked(item, kept, json.loads(bytes(answer.body)), status=answer.status_code, began_ns=began_ns)
    if fresh and kept.id == item.id and answer.status_code < 400:
        return _with(answer, fresh)
    return answer


def _with(answer: JSONResponse, fresh: dict[str, Any]) -> JSONResponse:
    told = {name: text for name, text in answer.headers.items() if name == "location"}
    body = json.loads(bytes(answer.body)) | fresh
    return JSONResponse(body, status_code=answer.status_code, headers=told)


def request_sha256(request: dict[str, Any]) -> str:
    """SHA-256 (hex) of a request as canonical JSON. Raises: Invalid(malformed)."""
    try:
        return sha256(rfc8785.dumps(request)).hex()
    except rfc8785.CanonicalizationError as error:
        raise Invalid("malformed", f"Canonical JSON cannot say this: {error!s:.200}", path="body") from None


def wait_for(store: Store, item: InboxItem) -> JSONResponse:
    """The worker's answer to a stored request, or 202 with the way to ask again."""
    until = time.monotonic() + WAIT_S
    while True:
        with store.door() as tx:
            kept = tx.inbox.get(item.source, item.key)
        if kept is not None and kept.answer is not None:
            return respond(kept.answer)
        left_s = until - time.monotonic()
        if left_s <= 0 or (kept is not None and kept.set_aside):
            return JSONResponse(
                {"request": item.id, "state": STILL_OPEN, "type": "urn:entrepot:accepted"},
                status_code=202,
                headers={"Location": f"/v1/requests/{quote(item.key, safe='')}"},
            )
        store.wait(timeout_s=min(left_s, 0.1))


def respond(answer: dict[str, Any]) -> JSONResponse:
    """An answer as it goes out; problems as application/problem+json (RFC 9457)."""
    status = int(answer["status"])
    headers = {CODE_HEADER: str(answer["body"]["code"])} if status >= 400 else None
    return JSONResponse(
        answer["body"], status_code=status, headers=headers, media_type=PROBLEM if status >= 400 else None
    )
