"""/v1/me, /v1/sessions, /v1/credentials: who you are here, in which membership, and with what you show it."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.crypto import sha256
from entrepot.core.errors import Unauthenticated
from entrepot.store.records import Credential
from entrepot.workflows.checks.standing import suspended_until

from .ask import ask
from .trades import Id, Key, Signed, Strict, given

router = APIRouter(prefix="/v1", tags=["sessions"])

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SHOWN_DIGITS = 16  # of the SHA-256 of a secret: enough to name a credential, nothing to open with


class NewSession(Strict):
    """A session under a secret whose SHA-256 this is; another membership of yours by `participant` and `role`.

    `device` is what you will know it by in the list of your sessions; a session keeps its own when it is renewed.
    """

    secret_sha256: Digest
    device: str = Field(default="", max_length=60)
    participant: Id | None = None
    role: str = Field(default="", max_length=20)


class NewKey(Strict):
    """An API key under a secret whose SHA-256 this is."""

    secret_sha256: Digest
    label: str = Field(min_length=1, max_length=60)
    valid_s: int = Field(default=90 * 86_400, ge=60, le=90 * 86_400)


@router.get("/me")
def me(request: Request, caller: Signed) -> dict[str, Any]:
    """Who you are here, your other memberships, and when you must show it again (Unix seconds)."""
    with request.app.state.store.door() as tx:
        held = tx.people.credential(presented(request))
    with request.app.state.store.read(caller.reader) as tx:
        person, participant = tx.people.person(caller.person), tx.people.participant(caller.participant)
        memberships = [
            {"participant": one.participant, "role": one.role, "name": named(tx.people.participant(one.participant))}
            for one in tx.people.memberships(person=caller.person)
        ]
        now = int(time.time()) + tx.checks.clock_offset_s()
        until = suspended_until(tx, caller.participant, now)
    return {
        "person": caller.person,
        "participant": caller.participant,
        "role": caller.role,
        "name": named(person),
        "participant_name": named(participant),
        "memberships": memberships,
        "paused_until": until or None,
        "credential": _shown(held) if held else {},
    }


def _shown(held: Credential) -> dict[str, Any]:
    """A credential to whoever holds it; `session` names it, the same through every renewal, and opens nothing."""
    return {
        "kind": held.kind,
        "opened_at": held.opened_at,
        "expires_at": held.expires_at,
        "session": held.session or held.secret_sha256,
    }


@router.post("/sessions", status_code=201)
def open_session(request: Request, body: NewSession, caller: Signed, key: Key) -> JSONResponse:
    """Opens a session with any credential of yours; a session renews itself, or switches to another membership."""
    return ask(request, caller, "open_session", given(body) | {"with": presented(request)})


@router.get("/credentials")
def credentials(request: Request, caller: Signed) -> dict[str, Any]:
    """Your keys and sessions; secrets are not kept and cannot be shown."""
    now = int(time.time())
    with request.app.state.store.read(caller.reader) as tx:
        return {
            "credentials": [
                {
                    "credential": one.secret_sha256[:SHOWN_DIGITS],
                    "kind": one.kind,
                    "session": (one.session or one.secret_sha256)[:SHOWN_DIGITS],
                    "label": one.label,
                    "participant_name": named(tx.people.participant(one.participant)),
                    "role": one.role,
                    "opened_at": one.opened_at,
                    "expires_at": one.expires_at,
                    "is_valid": one.expires_at > now,
                    "last_used_at": one.last_used_at,
                    "is_this": one.secret_sha256 == presented(request),
                }
                for one in tx.people.credentials(caller.person)
            ]
        }


@router.post("/credentials", status_code=201)
def add_key(request: Request, body: NewKey, caller: Signed, key: Key) -> JSONResponse:
    """An API key for a program of yours."""
    return ask(request, caller, "add_key", given(body))


@router.delete("/credentials/{credential}")
def end_credential(
    request: Request,
    credential: Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$|^this$|^others$")],
    caller: Signed,
    key: Key,
) -> JSONResponse:
    """Ends a key or session of yours now; `this` is the one that you show, `others` are all sessions but it."""
    if credential == "others":
        return ask(request, caller, "end_others", {"with": presented(request)})
    wanted = presented(request) if credential == "this" else credential
    return ask(request, caller, "end_credential", {"credential": wanted})


def presented(request: Request) -> str:
    """The SHA-256 (hex) of the secret that this request showed."""
    secret = request.headers.get("authorization", "").partition(" ")[2]
    if not secret:
        raise Unauthenticated("not_signed_in", "Send a credential as Authorization: Bearer SECRET.")
    return sha256(secret.encode()).hex()


def named(row: Any) -> str:
    """The name in a profile, "" where there is none to see."""
    return str(row.profile.get("name", "")) if row else ""
