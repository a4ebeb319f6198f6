"""Signing in and out, switching membership, and how pages look and speak."""

from __future__ import annotations

import json
import secrets
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ...door import Door, Problem
from ...language import LANGUAGES, Marked
from ...navigation import ROLES, places_of
from ...page import plain_page, shown
from ...visitor import (
    ATTEMPT_COOKIE,
    ATTEMPT_S,
    COOKIE,
    INVITATION_COOKIE,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    Forged,
    Visitor,
    device_of,
    drop,
    form_of,
    keep,
    keep_choice,
    kept,
    language_of,
    new_secret,
    open_session,
    own_path,
    require_own,
    visitor_of,
)

DOES: Marked[dict[str, str]] = {
    "treasurer": "Proposes a trade and signs it; pays into escrow, or presents documents and is paid.",
    "engineer": "Connects the company's programs by keys and webhooks; they read and propose, never sign or pay.",
    "operator": "Admits companies, resolves exceptions, compares books and chain at day's end.",
    "officer": "Looks at every hit on a list; two of them clear it or refuse it.",
    "supervisor": "Sees why each payment was allowed, and may stop one or all of them.",
    "examiner": "Says whether the documents comply with the terms.",
    "arbiter": "Decides a dispute between buyer and seller, two of three.",
    "authority": "Freezes by lawful order, with a reason and an end date.",
}
SIDES: Marked[dict[str, str]] = {"treasurer-seller": "the exporter", "treasurer-buyer": "the importer"}


async def home(request: Request, visitor: Visitor) -> Response:
    """The first place of whoever is signed in."""
    return RedirectResponse(places_of(visitor.role)[0].path, status_code=303)


async def sign_in_page(request: Request) -> Response:
    """Who may come in, and how."""
    people = request.app.state.demo_people
    first = list(SIDES)
    named = list((people() if people else {}).items())
    named.sort(key=lambda entry: first.index(entry[0]) if entry[0] in first else len(first))
    groups = [(role, [(id_, one) for id_, one in named if one.role == role]) for role in ROLES]
    ways = await request.app.state.api.door("").get("/sign-ins")
    here = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return plain_page(
        request,
        "sign_in.html",
        groups=[(role, members) for role, members in groups if members],
        roles=ROLES,
        does=DOES,
        sides=SIDES,
        ways=ways,
        elsewhere="" if here == ways["passkey"]["origin"] else ways["passkey"]["origin"],
        next=own_path(request.query_params.get("next", "/")),
    )


async def demo_sign_in(request: Request) -> Response:
    """Signs a demo person in; there is no such door where money is real."""
    people = request.app.state.demo_people
    require_own(request)
    form = await request.form(max_files=0, max_fields=5)
    person = people().get(str(form.get("person", ""))) if people is not None else None
    if person is None:
        raise Forged
    secret = await open_session(request.app.state.api.door(person.secret), device=device_of(request))
    response = RedirectResponse(own_path(str(form.get("next", "/"))), status_code=303)
    keep(response, request, secret)
    return response


async def begin_passkey(request: Request) -> Response:
    """A challenge for this browser alone: its attempt stands in a cookie, so that nobody signs another browser in."""
    require_own(request)
    return await begun(request, request.app.state.api.door(""), "/sign-ins")


async def finish_passkey(request: Request) -> Response:
    """Signs in whoever the passkey proves."""
    require_own(request)
    form = await request.form(max_files=0, max_fields=10)
    secret, digest = new_secret()
    body = {"secret_sha256": digest, "passkey": answer_in(form), "device": device_of(request)}
    path = f"/sign-ins/{kept(request, ATTEMPT_COOKIE) or '0' * 32}"
    return await entered(request, request.app.state.api.door(""), path, body, secret, own_path(str(form.get("next"))))


async def begun(request: Request, door: Door, path: str) -> Response:
    """Begins an attempt; the browser gets what its authenticator is asked, or why not."""
    try:
        answer = await door.post(path, once=secrets.token_hex(16))
    except Problem as problem:
        return said(request, problem)
    if not answer.is_done:
        return said(request, None)
    response = JSONResponse({"options": answer.body["options"]})
    keep(response, request, answer.body["attempt"], name=ATTEMPT_COOKIE, max_age_s=ATTEMPT_S)
    return response


async def entered(request: Request, door: Door, path: str, body: dict[str, Any], secret: str, to: str) -> JSONResponse:
    """Answers an attempt that opens a session; what the cookies held before is replaced."""
    try:
        answer = await door.post(path, body, once=secrets.token_hex(16))
    except Problem as problem:
        return said(request, problem)
    if not answer.is_done:
        return said(request, None)
    response = JSONResponse({"to": to})
    keep(response, request, secret)
    for name in (ATTEMPT_COOKIE, INVITATION_COOKIE):
        drop(response, request, name)
    return response


def said(request: Request, problem: Problem | None) -> JSONResponse:
    """Why a passkey did not work, as the page shows it; nothing of what was wrong with it."""
    language = language_of(request)
    if problem is None:
        says = language.say("This takes longer than it should. Try again in a moment.")
    elif problem.status == 401:
        says = language.say("That passkey did not sign you in here. Try again, or use another way.")
    elif problem.status == 429:
        says = language.say("Too many attempts from here. Wait a minute, then try again.")
    else:
        return JSONResponse({"says": str(problem)}, status_code=problem.status)
    return JSONResponse({"says": says}, status_code=problem.status if problem else 503)


def answer_in(form: FormData) -> Any:
    """The authenticator's answer as the page sent it; what is no JSON is an answer to nothing."""
    try:
        return json.loads(str(form.get("passkey", "")))
    except ValueError:
        return None


async def sign_out(request: Request) -> Response:
    """Ends the session here and in the API."""
    visitor = await visitor_of(request)
    await form_of(request, visitor)
    try:
        await visitor.door.delete("/credentials/this", once=secrets.token_hex(16))
    except Problem as problem:
        if problem.status != 401:
            raise
    response = RedirectResponse("/sign-in", status_code=303)
    drop(response, request, COOKIE)
    return response


async def switch(request: Request) -> Response:
    """Acts in another membership of the same person, under a new secret."""
    visitor = await visitor_of(request)
    form = await form_of(request, visitor)
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
    Route("/sign-in/passkey/attempt", begin_passkey, methods=["POST"]),
    Route("/sign-in/passkey", finish_passkey, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/membership", switch, methods=["POST"]),
    Route("/looks", looks, methods=["POST"]),
    Route("/demo-signer", demo_signer),
]
