"""Who you are here: your memberships, your ways to sign in, and where you are signed in."""

from __future__ import annotations

import time
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...door import Problem
from ...navigation import ROLES
from ...page import acted, page, shown
from ...visitor import ATTEMPT_COOKIE, Visitor, form_of, kept, visitor_of
from .sign_in import answer_in, begun, said

FRESH_S = 900  # as the API has it: so long after signing in, ways of signing in may be changed
SESSION_S_MAX = 12 * 3600


async def account(request: Request, visitor: Visitor) -> Response:
    """What the API says of the person who asks, and what they may change of it."""
    passkeys = (await visitor.door.get("/passkeys"))["passkeys"]
    identities = (await visitor.door.get("/identities"))["identities"]
    ways = await visitor.door.get("/sign-ins")
    rows = (await visitor.door.get("/credentials"))["credentials"]
    held = visitor.me["credential"]
    opened_at = int(held.get("opened_at", 0))
    here = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return page(
        request,
        visitor,
        "account/account.html",
        at="/account",
        roles=ROLES,
        passkeys=passkeys,
        ways=ways,
        identities=identities,
        way_count=len(passkeys) + len(identities),
        sessions=_in_force(rows),
        key_count=sum(1 for one in rows if one["kind"] == "key" and one["is_valid"]),
        held=held,
        machine_ahead=int(time.time()) - visitor.language.now,  # sessions last by the machine's clock
        over_at=opened_at + SESSION_S_MAX,
        is_fresh=held.get("kind") == "session" and time.time() - opened_at < FRESH_S,
        elsewhere="" if here == ways["passkey"]["origin"] else ways["passkey"]["origin"],
    )


def _in_force(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sessions that still open something, this one first: of the secrets of one session the newest."""
    newest: dict[str, dict[str, Any]] = {}
    for one in rows:
        if one["kind"] != "session" or not one["is_valid"]:
            continue
        before = newest.get(one["session"])
        if before is None or one["expires_at"] > before["expires_at"]:
            newest[one["session"]] = one | {"is_this": one["is_this"] or bool(before and before["is_this"])}
        elif one["is_this"]:
            before["is_this"] = True
    return sorted(newest.values(), key=lambda one: (not one["is_this"], -one["opened_at"]))


async def begin_passkey(request: Request) -> Response:
    """A challenge for one more passkey."""
    visitor = await visitor_of(request)
    await form_of(request, visitor)
    return await begun(request, visitor.door, "/passkeys/attempts")


async def add_passkey(request: Request) -> Response:
    """One more passkey."""
    visitor = await visitor_of(request)
    form = await form_of(request, visitor)
    body = {
        "attempt": kept(request, ATTEMPT_COOKIE),
        "passkey": answer_in(form),
        "label": str(form.get("label", ""))[:60],
    }
    try:
        await visitor.door.post("/passkeys", body, once=str(form.get("once", "")))
    except Problem as problem:
        return said(request, problem)
    return JSONResponse({"to": "/account#passkeys"})


async def name_passkey(request: Request, visitor: Visitor, form: FormData) -> str:
    """Another name for a passkey."""
    path = f"/passkeys/{request.path_params['passkey']}/name"
    await visitor.door.post(path, {"label": str(form.get("label", ""))[:60]}, once=str(form.get("once", "")))
    return "/account#passkeys"


async def remove_passkey(request: Request, visitor: Visitor, form: FormData) -> str:
    """Removes a passkey; the last way in only by the button that says so."""
    ending = "?even_if_last=true" if form.get("even_if_last") == "yes" else ""
    await visitor.door.delete(f"/passkeys/{request.path_params['passkey']}{ending}", once=str(form.get("once", "")))
    return "/account#passkeys"


async def remove_identity(request: Request, visitor: Visitor, form: FormData) -> str:
    """Unbinds an identity at a provider; the last way in as above."""
    ending = "?even_if_last=true" if form.get("even_if_last") == "yes" else ""
    await visitor.door.delete(f"/identities/{request.path_params['identity']}{ending}", once=str(form.get("once", "")))
    return "/account#passkeys"


async def end_session(request: Request, visitor: Visitor, form: FormData) -> str:
    """Ends one session, or all but this one."""
    await visitor.door.delete(f"/credentials/{request.path_params['session']}", once=str(form.get("once", "")))
    return "/account#sessions"


ROUTES = [
    Route("/account", shown(account)),
    Route("/account/passkeys/attempt", begin_passkey, methods=["POST"]),
    Route("/account/passkeys", add_passkey, methods=["POST"]),
    Route("/account/passkeys/{passkey}/name", acted(name_passkey), methods=["POST"]),
    Route("/account/passkeys/{passkey}/removal", acted(remove_passkey), methods=["POST"]),
    Route("/account/identities/{identity}/removal", acted(remove_identity), methods=["POST"]),
    Route("/account/sessions/{session}/end", acted(end_session), methods=["POST"]),
]
