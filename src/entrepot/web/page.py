"""Makes a page: a template, the visitor, and what the template may call to speak and to draw."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from .door import FROM_NOW, Problem
from .guide import guide_for
from .language import LANGUAGES, Language
from .navigation import ROLES, places_of
from .visitor import SignInNeeded, Visitor, form_of, keep, language_of, own_path, renewed, visitor_of
from .waiting import waiting_for

TEMPLATES = Path(__file__).parent / "templates"
_env = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)

Show = Callable[[Request, Visitor], Awaitable[Response]]


def once() -> str:
    """A fresh idempotency key for a form: the same click twice is one act."""
    return secrets.token_hex(16)


def page(request: Request, visitor: Visitor, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page for this visitor. `at` names the place in the navigation."""
    language = visitor.language
    html = _env.get_template(template).render(
        visitor=visitor,
        me=visitor.me,
        language=language,
        languages=LANGUAGES,
        _=language.say,
        tell=language.tell,
        once=once,
        form_token=visitor.form_token,
        theme=visitor.theme,
        role_names=localised(language, ROLES),
        places=places_of(visitor.role),
        counts=getattr(request.state, "counts", {}),
        path=request.url.path,
        here=own_path(request.url.path + (f"?{request.url.query}" if request.url.query else "")),
        cursor=getattr(request.state, "cursor", FROM_NOW),
        stops=getattr(request.state, "stops", []),
        stops_key=stops_key(request.state.stops) if hasattr(request.state, "stops") else None,
        clock=getattr(request.state, "clock", {"offset_s": 0, "moves": [], "faults": []}),
        is_sandbox=request.app.state.demo_people is not None,
        guide=guide_for(request, visitor, str(values.get("at", "")), values),
        **values,
    )
    return HTMLResponse(html, status_code=status)


def stops_key(stops: list[dict[str, Any]]) -> str:
    """Tells one set of stops from another."""
    return ".".join(f"{one['grade']}-{one['since']}-{one['until']}" for one in stops)


def stops_html(visitor: Visitor, stops: list[dict[str, Any]]) -> str:
    """The notices of the stops in force: told with the event itself, so that nobody waits for a page to see one."""
    language = visitor.language
    return _env.get_template("stops.html").render(stops=stops, language=language, _=language.say)


def plain_page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for somebody who is not signed in."""
    language = language_of(request)
    html = _env.get_template(template).render(
        language=language,
        languages=LANGUAGES,
        _=language.say,
        tell=language.tell,
        theme=request.cookies.get("entrepot_theme", ""),
        path=request.url.path,
        visitor=None,
        **values,
    )
    return HTMLResponse(html, status_code=status)


def shown(show: Show) -> Callable[[Request], Awaitable[Response]]:
    """A page that needs a sign-in; an old session is renewed on the way."""

    async def endpoint(request: Request) -> Response:
        visitor = await visitor_of(request)
        request.state.cursor = (await visitor.door.get("/activity", after=FROM_NOW))["next"]  # before what is shown
        request.state.stops = (await visitor.door.get("/stops"))["stops"]
        request.state.counts = await waiting_for(visitor)
        response = await show(request, visitor)
        fresh = await renewed(request, visitor) if request.method == "GET" else ""
        if fresh:
            keep(response, request, fresh)
        return response

    return endpoint


Act = Callable[[Request, Visitor, Any], Awaitable[str]]
Again = Callable[[Request, Visitor, Any, Problem], Awaitable[Response]]


async def not_done(request: Request, visitor: Visitor, form: Any, problem: Problem) -> Response:
    """What was refused, on a page of its own with the way back."""
    back = own_path(str(form.get("back", request.url.path)))
    return page(request, visitor, "not_done.html", status=problem.status, problem=problem, back=back)


def acted(act: Act, again: Again = not_done) -> Callable[[Request], Awaitable[Response]]:
    """A form's act: it is checked to be ours, done, and leads to the page that the act names.

    What the API refuses is shown by `again`, which may keep what was typed; the act's result is where focus goes.
    """

    async def endpoint(request: Request) -> Response:
        visitor = await visitor_of(request)
        form = await form_of(request, visitor)
        try:
            where = await act(request, visitor, form)
        except Problem as problem:
            if problem.status == 401:
                raise SignInNeeded from None
            request.state.stops = (await visitor.door.get("/stops"))["stops"]  # may be why
            return await again(request, visitor, form, problem)
        return RedirectResponse(own_path(where), status_code=303)

    return endpoint


async def refused(request: Request, status: int, title: str, says: str, *, code: str = "") -> Response:
    """An error page, in the visitor's own surroundings where somebody is signed in."""
    try:
        visitor = await visitor_of(request)
    except (SignInNeeded, Problem):
        return plain_page(request, "refused.html", status=status, title=title, says=says, code=code)
    return page(request, visitor, "refused.html", status=status, title=title, says=says, code=code)


def localised(language: Language, items: dict[str, str]) -> dict[str, str]:
    """Names in a language."""
    return {name: str(language.say(text)) for name, text in items.items()}
