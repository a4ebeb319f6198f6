"""An invitation opened: the person whom two operators named makes their first passkey, and is in."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ...door import Door, Problem
from ...navigation import ROLES
from ...page import plain_page
from ...visitor import ATTEMPT_COOKIE, INVITATION_COOKIE, device_of, keep, kept, new_secret, require_own
from .sign_in import DOES, answer_in, begun, entered

OPENED_S = 3600
SECRET_CHARS_MAX = 200


async def opened(request: Request) -> Response:
    """Takes the secret out of the address at once, so that it stays in no history; opening uses nothing up."""
    response = RedirectResponse("/join", status_code=303)
    secret = request.path_params["secret"][:SECRET_CHARS_MAX]
    keep(response, request, secret, name=INVITATION_COOKIE, max_age_s=OPENED_S)
    return response


async def join(request: Request) -> Response:
    """Who is invited, to what, and how they get in; one answer to whatever is no invitation."""
    try:
        found = await _door(request).get("/invitation")
    except Problem as problem:
        if problem.status not in (401, 422):
            raise
        return plain_page(request, "join_over.html", status=404)
    ways = await request.app.state.api.door("").get("/sign-ins")
    here = f"{request.url.scheme}://{request.headers.get('host', '')}"
    origin = ways["passkey"]["origin"]
    return plain_page(
        request,
        "join.html",
        invitation=found,
        role=ROLES.get(found["role"], found["role"]),
        does=DOES.get(found["role"], ""),
        ways=ways,
        elsewhere="" if here == origin else f"{origin}/join/{kept(request, INVITATION_COOKIE)}",
    )


async def begin_passkey(request: Request) -> Response:
    """A challenge for the first passkey."""
    require_own(request)
    return await begun(request, _door(request), "/invitation/attempts")


async def finish_passkey(request: Request) -> Response:
    """The first passkey, and with it the first session."""
    require_own(request)
    form = await request.form(max_files=0, max_fields=10)
    secret, digest = new_secret()
    body = {
        "attempt": kept(request, ATTEMPT_COOKIE),
        "passkey": answer_in(form),
        "label": str(form.get("label", ""))[:60],
        "device": device_of(request),
        "secret_sha256": digest,
    }
    return await entered(request, _door(request), "/invitation/passkeys", body, secret, "/account")


def _door(request: Request) -> Door:
    """The API for whoever holds the invitation."""
    door: Door = request.app.state.api.door(kept(request, INVITATION_COOKIE) or "none")
    return door


ROUTES = [
    Route("/join", join),
    Route("/join/passkey/attempt", begin_passkey, methods=["POST"]),
    Route("/join/passkey", finish_passkey, methods=["POST"]),
    Route("/join/{secret}", opened),
]
