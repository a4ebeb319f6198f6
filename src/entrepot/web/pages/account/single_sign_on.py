"""Single sign-on in the browser, there and back: the API asks the provider, a cookie says whose attempt it is."""

from __future__ import annotations

import secrets
import time

import anyio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ...door import Door, Problem
from ...page import plain_page
from ...visitor import (
    ATTEMPT_COOKIE,
    ATTEMPT_S,
    COOKIE,
    INVITATION_COOKIE,
    Forged,
    device_of,
    drop,
    form_of,
    keep,
    kept,
    new_secret,
    require_own,
    visitor_of,
)

WAIT_S = 10.0
LOOK_S = 0.1
SIGN_IN, BIND, INVITED = "sign-in", "bind", "invited"
BEGINS = {SIGN_IN: "/single-sign-on", BIND: "/identities/attempts", INVITED: "/invitation/identities/attempts"}


async def begin(request: Request) -> Response:
    """Begins, and shows a page that leads to the provider: a form may lead to no other site than ours."""
    purpose = request.path_params["purpose"]
    if purpose == BIND:
        await form_of(request, await visitor_of(request))
    elif purpose in BEGINS:
        require_own(request)
    else:
        raise Forged
    door = _door(request, purpose)
    try:
        attempt = str((await door.post(BEGINS[purpose], once=secrets.token_hex(16))).body.get("attempt", ""))
        found = await _until(door, attempt, "open", "refused")
    except Problem as problem:
        return _refused(request, says=str(problem) if problem.status == 409 else "")
    if found.get("state") != "open":
        return _refused(request)
    response = plain_page(request, "account/leaving.html", to=found["authorize_url"])
    keep(response, request, f"{purpose}.{attempt}", name=ATTEMPT_COOKIE, max_age_s=ATTEMPT_S)
    return response


async def back(request: Request) -> Response:
    """The browser is back: the API hears the provider's answer, and says whether it proves anybody."""
    purpose, _, attempt = kept(request, ATTEMPT_COOKIE).partition(".")
    query = request.query_params
    if purpose not in BEGINS or not query.get("code") or not query.get("state"):
        return _refused(request)
    secret, digest = new_secret()
    body = {"code": query["code"][:2000], "state": query["state"][:200], "iss": query.get("iss", "")[:500]}
    if purpose != BIND:
        body |= {"secret_sha256": digest, "device": device_of(request)}
    if purpose != SIGN_IN:
        body |= {"attempt": attempt}
    path = {SIGN_IN: f"/single-sign-on/{attempt}", BIND: "/identities", INVITED: "/invitation/identities"}[purpose]
    door = _door(request, purpose)
    try:
        await door.post(path, body, once=secrets.token_hex(16))
        found = await _until(door, attempt, "done", "refused")
    except Problem:
        return _refused(request)
    if found.get("state") != "done":
        return _refused(request)
    response = RedirectResponse("/" if purpose == SIGN_IN else "/account#single-sign-on", status_code=303)
    drop(response, request, ATTEMPT_COOKIE)
    if purpose != BIND:
        keep(response, request, secret)
        drop(response, request, INVITATION_COOKIE)
    return response


async def _until(door: Door, attempt: str, *states: str) -> dict[str, str]:
    """The attempt once it is in one of these states; as it is when we have waited long enough."""
    until = time.monotonic() + WAIT_S
    while True:
        found: dict[str, str] = await door.get(f"/single-sign-on/{attempt}")
        if found["state"] in states or time.monotonic() > until:
            return found
        await anyio.sleep(LOOK_S)


def _door(request: Request, purpose: str) -> Door:
    shown = {SIGN_IN: "", BIND: kept(request, COOKIE), INVITED: kept(request, INVITATION_COOKIE)}[purpose]
    door: Door = request.app.state.api.door(shown)
    return door


def _refused(request: Request, *, says: str = "") -> Response:
    """One page for whatever went wrong."""
    response = plain_page(request, "account/not_in.html", status=409 if says else 401, says=says)
    drop(response, request, ATTEMPT_COOKIE)
    return response


ROUTES = [
    Route("/sign-in/back", back),
    Route("/sign-in/by/{purpose}", begin, methods=["POST"]),
]
