"""/v1/single-sign-on, /v1/identities: proving who you are by a provider, and what of yours there is bound here."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.errors import Unauthenticated

from .ask import ask
from .sessions import Digest, presented
from .sign_ins import NOBODY, Invited, Label
from .trades import Id, Key, Signed, Strict, given

router = APIRouter(prefix="/v1", tags=["sign-ins"])

IdentityId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Answer(Strict):
    """What the provider sent the browser back with. `iss` as RFC 9207 has it, "" where it is not said."""

    code: str = Field(min_length=1, max_length=2_000)
    state: str = Field(min_length=1, max_length=200)
    iss: str = Field(default="", max_length=500)


class SignInAnswer(Answer):
    """The same, with the SHA-256 of the secret under which the session is to be opened."""

    secret_sha256: Digest
    device: Label = ""


class NewIdentity(Answer):
    """The same, to bind an identity by this attempt of yours."""

    attempt: Id


class FirstIdentity(SignInAnswer):
    """The same, for an invited person, who is signed in at once."""

    attempt: Id


@router.post("/single-sign-on", status_code=201)
def begin(request: Request, key: Key) -> JSONResponse:
    """Begins to sign in by the provider; look at the attempt until it says where the browser goes."""
    return ask(request, NOBODY, "begin_single_sign_on", {})


@router.get("/single-sign-on/{attempt}")
def look(request: Request, attempt: Id) -> dict[str, Any]:
    """Where an attempt is: asked, open (then go to `authorize_url`), proving, done or refused; why is not told."""
    with request.app.state.store.door() as tx:
        found = tx.sign_ins.attempt(attempt)
    if found is None or found.kind != "openid" or found.expires_at < time.time():
        raise Unauthenticated("not_signed_in", "There is no such attempt, or it is over.")
    is_open = found.state == "open"
    return {"state": found.state} | ({"authorize_url": found.facts["authorize_url"]} if is_open else {})


@router.post("/single-sign-on/{attempt}", status_code=202)
def answer(request: Request, attempt: Id, body: SignInAnswer, key: Key) -> JSONResponse:
    """Brings the provider's answer; the session is open once the attempt is done."""
    return ask(request, NOBODY, "answer_single_sign_on", given(body) | {"attempt": attempt})


@router.get("/identities")
def identities(request: Request, caller: Signed) -> dict[str, Any]:
    """Your identities at the provider that are bound here; what it calls you is not kept."""
    with request.app.state.store.read(caller.reader) as tx:
        return {
            "identities": [
                {
                    "identity": one.id,
                    "issuer": one.issuer,
                    "created_at": one.created_at,
                    "last_used_at": one.last_used_at or None,
                }
                for one in tx.sign_ins.identities(caller.person)
            ]
        }


@router.post("/identities/attempts", status_code=201)
def begin_binding(request: Request, caller: Signed, key: Key) -> JSONResponse:
    """Begins to bind an identity of yours at the provider; within 15 minutes of signing in."""
    return ask(request, caller, "begin_single_sign_on", {"with": presented(request)})


@router.post("/identities", status_code=202)
def bind(request: Request, body: NewIdentity, caller: Signed, key: Key) -> JSONResponse:
    """Brings the provider's answer; the identity is bound once the attempt is done."""
    return ask(request, caller, "answer_single_sign_on", given(body) | {"with": presented(request)})


@router.delete("/identities/{identity}")
def remove(
    request: Request, identity: IdentityId, caller: Signed, key: Key, even_if_last: Annotated[bool, Query()] = False
) -> JSONResponse:
    """Unbinds an identity of yours; the last way in only with `even_if_last`."""
    body = {"id": identity, "even_if_last": even_if_last, "with": presented(request)}
    return ask(request, caller, "remove_identity", body)


@router.post("/invitation/identities/attempts", status_code=201)
def begin_first(request: Request, guest: Invited, key: Key) -> JSONResponse:
    """Begins to bind the invited person's identity at the provider."""
    return ask(request, guest.caller, "begin_single_sign_on", {"invitation": guest.invitation})


@router.post("/invitation/identities", status_code=202)
def first(request: Request, body: FirstIdentity, guest: Invited, key: Key) -> JSONResponse:
    """Brings the provider's answer: it uses the invitation up, and opens the first session."""
    return ask(request, guest.caller, "answer_single_sign_on", given(body) | {"invitation": guest.invitation})
