"""/v1/sign-ins, /v1/passkeys, /v1/invitation: proving who you are, and the ways in which you can."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.crypto import sha256
from entrepot.core.errors import Unauthenticated

from .ask import ask
from .caller import SECRET_CHARS_MAX, Caller
from .sessions import Digest, named, presented
from .trades import Id, Key, Signed, Strict, given

router = APIRouter(prefix="/v1", tags=["sign-ins"])

NOBODY = Caller("", "", "")
Label = Annotated[str, Field(max_length=60)]
Base64url = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*$", max_length=16_000)]
PasskeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,1366}$")]


class AuthenticatorResponse(Strict):
    """What an authenticator signed, as PublicKeyCredential.toJSON() gives it. Source: WebAuthn Level 3."""

    clientDataJSON: Base64url
    authenticatorData: Base64url | None = None
    signature: Base64url | None = None
    userHandle: Base64url | None = None
    attestationObject: Base64url | None = None
    transports: list[Annotated[str, Field(max_length=20)]] | None = Field(default=None, max_length=10)


class PublicKeyCredential(Strict):
    """A browser's answer to the options of an attempt."""

    id: PasskeyId
    rawId: PasskeyId
    type: str = Field(pattern="^public-key$")
    response: AuthenticatorResponse


class Proof(Strict):
    """An answer to an attempt, and the SHA-256 of the secret under which the session is to be opened."""

    secret_sha256: Digest
    passkey: PublicKeyCredential
    device: Label = ""


class NewPasskey(Strict):
    """A passkey made for an attempt, under a name of its owner's."""

    attempt: Id
    passkey: PublicKeyCredential
    label: Label = ""


class FirstPasskey(NewPasskey):
    """The passkey of an invited person, who is signed in with it at once."""

    secret_sha256: Digest
    device: Label = ""


class NewName(Strict):
    """What its owner calls it."""

    label: str = Field(min_length=1, max_length=60)


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who holds an invitation: `caller` is the person that two operators made it for."""

    caller: Caller
    invitation: str
    expires_at: int


def invited(request: Request, authorization: Annotated[str | None, Header()] = None) -> Guest:
    """Whoever holds the invitation that the Authorization header shows. Raises: Unauthenticated(not_signed_in)."""
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(secret) <= SECRET_CHARS_MAX:
        raise Unauthenticated("not_signed_in", "Send the invitation's secret as Authorization: Bearer SECRET.")
    digest = sha256(secret.encode()).hex()
    with request.app.state.store.door() as tx:
        found = tx.sign_ins.invitation(digest)
    if found is None or found.used_at is not None or found.expires_at < time.time():
        raise Unauthenticated("not_signed_in", "The invitation is unknown, used or has expired.")
    return Guest(Caller(found.person, found.participant, found.role), digest, found.expires_at)


Invited = Annotated[Guest, Depends(invited)]


@router.get("/sign-ins")
def ways(request: Request) -> dict[str, Any]:
    """The ways to sign in here; a passkey works at `origin` only."""
    facts = request.app.state.facts
    provider = {"name": facts.single_sign_on} if facts.single_sign_on else None
    return {"passkey": {"origin": facts.origin}, "single_sign_on": provider}


@router.post("/sign-ins", status_code=201)
def begin(request: Request, key: Key) -> JSONResponse:
    """Begins to sign in with a passkey: an attempt, and the options for navigator.credentials.get()."""
    return ask(request, NOBODY, "begin_sign_in", {})


@router.post("/sign-ins/{attempt}", status_code=201)
def sign_in(request: Request, attempt: Id, body: Proof, key: Key) -> JSONResponse:
    """Opens a session for whoever the passkey proves; each attempt is answered once, and every wrong one alike."""
    return ask(request, NOBODY, "sign_in", given(body) | {"attempt": attempt})


@router.get("/passkeys")
def passkeys(request: Request, caller: Signed) -> dict[str, Any]:
    """Your passkeys."""
    with request.app.state.store.read(caller.reader) as tx:
        return {
            "passkeys": [
                {
                    "passkey": one.id,
                    "label": one.label,
                    "created_at": one.created_at,
                    "last_used_at": one.last_used_at or None,
                    "is_synced": one.is_synced,
                }
                for one in tx.sign_ins.passkeys(caller.person)
            ]
        }


@router.post("/passkeys/attempts", status_code=201)
def begin_passkey(request: Request, caller: Signed, key: Key) -> JSONResponse:
    """Begins a new passkey of yours: an attempt, and the options for navigator.credentials.create()."""
    return ask(request, caller, "begin_passkey", {"with": presented(request)})


@router.post("/passkeys", status_code=201)
def add_passkey(request: Request, body: NewPasskey, caller: Signed, key: Key) -> JSONResponse:
    """Keeps a new passkey of yours; within 15 minutes of signing in."""
    return ask(request, caller, "add_passkey", given(body) | {"with": presented(request)})


@router.post("/passkeys/{passkey}/name")
def name_passkey(request: Request, passkey: PasskeyId, body: NewName, caller: Signed, key: Key) -> JSONResponse:
    """Gives a passkey of yours another name."""
    return ask(request, caller, "name_passkey", given(body) | {"id": passkey})


@router.delete("/passkeys/{passkey}")
def remove_passkey(
    request: Request, passkey: PasskeyId, caller: Signed, key: Key, even_if_last: Annotated[bool, Query()] = False
) -> JSONResponse:
    """Removes a passkey of yours; the last way in only with `even_if_last`."""
    body = {"id": passkey, "even_if_last": even_if_last, "with": presented(request)}
    return ask(request, caller, "remove_passkey", body)


@router.get("/invitation")
def invitation(request: Request, guest: Invited) -> dict[str, Any]:
    """Whom the invitation that you hold is for, and until when; opening it uses nothing up."""
    caller = guest.caller
    with request.app.state.store.read(caller.reader) as tx:
        person, participant = tx.people.person(caller.person), tx.people.participant(caller.participant)
    return {
        "name": named(person),
        "participant_name": named(participant),
        "role": caller.role,
        "expires_at": guest.expires_at,
    }


@router.post("/invitation/attempts", status_code=201)
def begin_first_passkey(request: Request, guest: Invited, key: Key) -> JSONResponse:
    """Begins the invited person's first passkey."""
    return ask(request, guest.caller, "begin_passkey", {"invitation": guest.invitation})


@router.post("/invitation/passkeys", status_code=201)
def first_passkey(request: Request, body: FirstPasskey, guest: Invited, key: Key) -> JSONResponse:
    """Keeps the invited person's passkey, uses the invitation up, and opens their first session."""
    return ask(request, guest.caller, "add_passkey", given(body) | {"invitation": guest.invitation})
