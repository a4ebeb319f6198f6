"""/v1/requests: what a participant's programs asked, and what was answered. Every answer carries X-Request-Id.

A door only puts a note into memory; a thread of its own writes notes to the store, many at a time. What does not fit
in memory is counted and lost; so is what a killed process had not written: changes are in the inbox all the same.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.core.errors import EntrepotError, Unknown
from entrepot.core.ids import ENTROPY_BYTES, new_id
from entrepot.store.engineer_records import ApiRequest
from entrepot.store.store import Store

from .ask import CODE_HEADER, wait_for
from .trades import Id, Signed

router = APIRouter(prefix="/v1", tags=["requests"])

NOTES_MAX = 5_000
NOTES_AT_ONCE = 500
WRITE_EVERY_S = 0.5
PATH_CHARS_MAX, KEY_CHARS_MAX = 200, 100
PAGE_MAX = 100
REQUEST_ID = "X-Request-Id"
PORTAL = "portal"  # the client's address of requests that our own pages make, in this process

log = structlog.get_logger(__name__)


class Notes:
    """What was answered and is not written yet."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._notes: queue.Queue[ApiRequest] = queue.Queue(NOTES_MAX)
        self.lost = 0
        threading.Thread(target=self._write, name="request log", daemon=True).start()

    def put(self, note: ApiRequest) -> None:
        """Takes a note, or counts it as lost if there are too many."""
        try:
            self._notes.put_nowait(note)
        except queue.Full:
            self.lost += 1

    def _write(self) -> None:
        while True:
            notes = [self._notes.get()]
            time.sleep(WRITE_EVERY_S)
            with contextlib.suppress(queue.Empty):
                while len(notes) < NOTES_AT_ONCE:
                    notes.append(self._notes.get_nowait())
            try:
                with self._store.door() as tx:
                    tx.requests.add(notes)
            except EntrepotError as error:
                self.lost += len(notes)
                log.warning("request log", code=error.code, lost=self.lost)
            except Exception:
                self.lost += len(notes)
                log.exception("request log")


class Numbered:
    """Gives each request an id that its answer carries, and notes it for its participant once it is answered."""

    def __init__(self, app: ASGIApp, notes: Notes) -> None:
        self.app, self.notes = app, notes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, at_ms, status, code = time.monotonic(), int(time.time() * 1000), 500, ""
        request_id = new_id(at_ms, os.urandom(ENTROPY_BYTES))
        scope.setdefault("state", {})

        async def numbered(message: Message) -> None:
            nonlocal status, code
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                found = [value.decode() for name, value in headers if name.lower() == CODE_HEADER.lower().encode()]
                code = found[0] if found else ""
                headers.append((REQUEST_ID.lower().encode(), request_id.encode()))
            await send(message)

        try:
            await self.app(scope, receive, numbered)
        finally:
            caller = scope["state"].get("caller")
            is_portal = (scope.get("client") or ("",))[0] == PORTAL
            if caller is not None and not (is_portal and scope["method"] == "GET"):
                self.notes.put(
                    ApiRequest(
                        id=request_id,
                        participant=caller.participant,
                        person=caller.person,
                        method=scope["method"],
                        route=getattr(scope.get("route"), "path", "")[:PATH_CHARS_MAX],
                        path=_printable(scope["path"])[:PATH_CHARS_MAX],
                        status=status,
                        code=code,
                        idempotency_key=_key(scope)[:KEY_CHARS_MAX],
                        duration_ms=int((time.monotonic() - began) * 1000),
                        at_ms=at_ms,
                        is_portal=is_portal,
                    )
                )
        return None


def _key(scope: Scope) -> str:
    found = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    return _printable(found[0].decode("latin-1")) if found else ""


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


@router.get("/requests")
def requests(
    request: Request,
    caller: Signed,
    before: Annotated[str, Query(pattern=r"^([0-9a-f]{32})?$")] = "",
    q: Annotated[str, Query(max_length=100, pattern=r"^[ -~]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
) -> dict[str, Any]:
    """Your participant's requests of the last 14 days, newest first; `q` is part of path, key, code or id.

    Requests appear about a second after they were answered. Our own pages' changes are marked, their reads left out.
    """
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.requests.of(caller.participant, before=before, search=q.strip(), limit=limit)
    return {"requests": [_view(one) for one in found], "next": found[-1].id if len(found) == limit else None}


@router.get("/requests/by-id/{api_request}")
def request_by_id(request: Request, api_request: Id, caller: Signed) -> dict[str, Any]:
    """One request by its X-Request-Id; where it was a change, with the worker's answer to it."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.requests.get(api_request)
        if found is None or found.participant != caller.participant:
            raise Unknown("not_found", "There is no such request.")
        kept = tx.inbox.get(f"api:{found.person}", found.idempotency_key) if found.idempotency_key else None
        is_own = kept is not None and kept.participant == caller.participant
    answer = kept.answer if kept is not None and is_own else None
    return _view(found) | {"answer": answer}


@router.get("/requests/{key:path}")
def read_request(
    request: Request, key: Annotated[str, Field(pattern=r"^[ -~]{1,100}$")], caller: Signed
) -> JSONResponse:
    """The answer to an earlier request of yours, by its idempotency key (percent-encoded).

    202 with `state` accepted: the worker has not answered yet. Anything else is the answer, whatever its status.
    """
    with request.app.state.store.door() as tx:
        kept = tx.inbox.get(f"api:{caller.person}", key)
    if kept is None:
        raise Unknown("not_found", "There is no such request.")
    return wait_for(request.app.state.store, kept)


def _view(one: ApiRequest) -> dict[str, Any]:
    return {
        "id": one.id,
        "method": one.method,
        "route": one.route,
        "path": one.path,
        "status": one.status,
        "code": one.code,
        "idempotency_key": one.idempotency_key,
        "duration_ms": one.duration_ms,
        "at_ms": one.at_ms,
        "is_portal": one.is_portal,
    }
