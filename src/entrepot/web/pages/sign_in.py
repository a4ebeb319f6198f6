"""Signing in and out, switching membership, and how pages look and speak."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ..door import Problem
from ..language import LANGUAGES, Marked
from ..navigation import places_of
from ..page import plain_page, shown
from ..visitor import (
    COOKIE,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    Forged,
    Visitor,
    form_of,
    keep,
    keep_choice,
    open_session,
    own_path,
    visitor_of,
)

ROLES: Marked[dict[str, str]] = {
    "treasurer": "Treasurer",
    "operator": "Operator",
    "officer": "Compliance officer",
    "supervisor": "Supervisor",
    "examiner": "Document examiner",
    "arbiter": "Arbiter",
    "authority": "Authority",
}


async def home(request: Request, visitor: Visitor) -> Response:
    """The first place of whoever is signed in."""
    return RedirectResponse(places_of(visitor.role)[0].path, status_code=303)


async def sign_in_page(request: Request) -> Response:
    """Who may come in, and how."""
    people = request.app.state.demo_people
    names = people() if people else {}
    return plain_page(
        request,
        "sign_in.html",
        people=names,
        roles=ROLES,
        next=own_path(request.query_params.get("next", "/")),
        problem="",
    )


async def demo_sign_in(request: Request) -> Response:
    """Signs a demo person in; there is no such door where money is real."""
    people = request.app.state.demo_people
    site = request.headers.get("sec-fetch-site", "same-origin")
    if people is None or site not in ("same-origin", "none"):
        raise Forged
    form = await request.form(max_files=0, max_fields=5)
    person = people().get(str(form.get("person", "")))
    if person is None:
        raise Forged
    secret = await open_session(request.app.state.api.door(person.secret))
    response = RedirectResponse(own_path(str(form.get("next", "/"))), status_code=303)
    keep(response, request, secret)
    return response


async def sign_out(request: Request) -> Response:
    """Ends the session here and in the API."""
    await form_of(request)
    door = request.app.state.api.door(request.cookies.get(COOKIE, ""))
    try:
        await door.delete("/credentials/this", once=secrets.token_hex(16))
    except Problem as problem:
        if problem.status != 401:
            raise
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


async def switch(request: Request) -> Response:
    """Acts in another membership of the same person, under a new secret."""
    visitor = await visitor_of(request)
    form = await form_of(request)
    participant, _, role = str(form.get("membership", "")).partition(" ")
    secret = await open_session(visitor.door, participant=participant, role=role)
    response = RedirectResponse("/", status_code=303)
    keep(response, request, secret)
    return response


async def looks(request: Request) -> Response:
    """Another language or theme: a choice of this browser, which opens nothing."""
    form = await request.form(max_files=0, max_fields=5)
    response = RedirectResponse(own_path(str(form.get("back", "/"))), status_code=303)
    if form.get("language") in LANGUAGES:
        keep_choice(response, LANGUAGE_COOKIE, str(form["language"]))
    if form.get("theme") in ("light", "dark", "auto"):
        keep_choice(response, THEME_COOKIE, str(form["theme"]))
    return response


async def demo_signer(request: Request) -> Response:
    """The demo person's own wallet key, so that their browser signs; on a development chain only."""
    visitor = await visitor_of(request)
    people = request.app.state.demo_people
    if people is None:
        return JSONResponse({}, status_code=404)
    for person in people().values():
        me = await request.app.state.api.door(person.secret).get("/me") if person.wallet_key else {}
        if me.get("person") == visitor.me["person"]:
            return JSONResponse({"key": person.wallet_key, "is_demo": True})
    return JSONResponse({}, status_code=404)


ROUTES = [
    Route("/", shown(home)),
    Route("/sign-in", sign_in_page),
    Route("/sign-in/demo", demo_sign_in, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/membership", switch, methods=["POST"]),
    Route("/looks", looks, methods=["POST"]),
    Route("/demo-signer", demo_signer),
]
