"""Who visits: a session cookie opens the API for one person in one membership; forms carry proof that we made them.

The cookie's value is a short-lived API credential, kept nowhere on this side; renewing it is an act of the API.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import FormData
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from .door import Door, Problem
from .language import LANGUAGES, Language

COOKIE, ATTEMPT_COOKIE, INVITATION_COOKIE = "entrepot_session", "entrepot_attempt", "entrepot_invitation"
ATTEMPT_S = 600
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LANGUAGE_COOKIE, ZONE_COOKIE, THEME_COOKIE = "entrepot_language", "entrepot_zone", "entrepot_theme"
PURPOSE_COOKIE, PURPOSE_CHARS_MAX = "entrepot_purpose", 200
SESSION_S = 12 * 3600
RENEW_AFTER_S = 600
SECRET_BYTES = 32
FORM_BYTES_MAX = 8_000_000
FORM_FILES_MAX, FORM_FIELDS_MAX = 10, 200
YEAR_S = 365 * 86_400
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("httpx", "A program"),
)
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


class SignInNeeded(Exception):
    """Nobody is signed in, or no longer."""


class Forged(Exception):
    """A form that we did not make, or another site sent."""


@dataclass(frozen=True)
class Visitor:
    """A signed-in person: their door to the API, who they are there, and how a page speaks to them."""

    door: Door
    me: dict[str, Any]
    language: Language
    form_token: str
    theme: str

    @property
    def role(self) -> str:
        """The role of the membership in which they act."""
        return str(self.me["role"])

    def side_in(self, view: Mapping[str, Any]) -> str:
        """buyer or seller of a settlement; "" for everybody else."""
        ours = self.me["participant"]
        return {view["buyer"]: "buyer", view["seller"]: "seller"}.get(ours, "")


def language_of(connection: HTTPConnection, now: int = 0) -> Language:
    """The language that the reader chose, else the first that their browser asks for and we speak."""
    chosen = connection.cookies.get(LANGUAGE_COOKIE, "")
    if chosen not in LANGUAGES:
        asked = (part.split(";")[0].strip()[:2] for part in connection.headers.get("accept-language", "").split(","))
        chosen = next((code for code in asked if code in LANGUAGES), "en")
    return Language(chosen, connection.cookies.get(ZONE_COOKIE, "")[:60], now or int(time.time()))


async def visitor_of(request: Request) -> Visitor:
    """The visitor of this request. Raises: SignInNeeded."""
    secret = kept(request, COOKIE)
    if not secret:
        raise SignInNeeded
    door: Door = request.app.state.api.door(secret)
    try:
        me, clock = await door.get("/me"), await door.get("/clock")
    except Problem as problem:
        if problem.status == 401:
            raise SignInNeeded from None
        raise
    door = request.app.state.api.door(secret, purpose_in(request, me["person"]))
    request.state.clock = clock
    theme = request.cookies.get(THEME_COOKIE, "")
    return Visitor(
        door,
        me,
        language_of(request, int(clock["now"])),
        form_token(me),
        theme if theme in ("light", "dark") else "",
    )


def form_token(me: Mapping[str, Any]) -> str:
    """What every form of this session in this membership carries; only who holds the session is told its name.

    It stays as it is when the session is renewed: forms that are open then, in whatever tab, are still ours.
    """
    acts_as = f"entrepot/form/2 {me['participant']} {me['role']}"
    return hmac.new(str(me["credential"]["session"]).encode(), acts_as.encode(), hashlib.sha256).hexdigest()


async def form_of(request: Request, visitor: Visitor) -> FormData:
    """The form of a change, sent by a page of ours in this visitor's session. Raises: Forged."""
    require_own(request)
    form = await request.form(max_files=FORM_FILES_MAX, max_fields=FORM_FIELDS_MAX, max_part_size=FORM_BYTES_MAX)
    sent = str(form.get("form_token", ""))
    if not hmac.compare_digest(sent, visitor.form_token):
        raise Forged
    return form


def require_own(request: Request) -> None:
    """A change that a page of ours sends, of whoever is or is not signed in. Raises: Forged.

    Ours are the origin that settings name, and this machine's own names: no other name that leads here is believed.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    own = {str(request.app.state.origin)}
    if urlsplit(f"//{host}").hostname in LOOPBACK:
        own.add(f"{request.url.scheme}://{host}")
    if site not in ("same-origin", "none") or (origin is not None and origin not in own):
        raise Forged


def new_secret() -> tuple[str, str]:
    """A session's secret, and its SHA-256, which alone is told."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return secret, hashlib.sha256(secret.encode()).hexdigest()


async def open_session(door: Door, **membership: str) -> str:
    """Opens (renews, switches) a session through this door; returns its secret."""
    secret, digest = new_secret()
    await door.post("/sessions", {"secret_sha256": digest, **membership}, once=secrets.token_hex(16))
    return secret


def device_of(request: Request) -> str:
    """The browser and system that a request names, as its owner would: no version, no address."""
    agent = request.headers.get("user-agent", "")
    browser = next((name for sign, name in BROWSERS if sign in agent), "")
    system = next((name for sign, name in SYSTEMS if sign in agent), "")
    return f"{browser} on {system}" if browser and system else browser or system


async def renewed(request: Request, visitor: Visitor) -> str:
    """A new secret for a session that is ten minutes old, "" for a younger one."""
    held = visitor.me["credential"]
    age_s = time.time() - (held["expires_at"] - 3600)
    if held.get("kind") != "session" or age_s < RENEW_AFTER_S:
        return ""
    return await open_session(visitor.door)


def keep(response: Response, request: Request, secret: str, *, name: str = COOKIE, max_age_s: int = SESSION_S) -> None:
    """Sets the session's cookie (or another secret's): out of reach of scripts and of other sites."""
    is_safe = _is_https(request)
    response.set_cookie(
        _named(request, name), secret, max_age=max_age_s, httponly=True, samesite="lax", secure=is_safe, path="/"
    )


def kept(request: HTTPConnection, name: str) -> str:
    """The secret in a cookie of ours, "" if there is none."""
    return request.cookies.get(_named(request, name), "")


def drop(response: Response, request: Request, name: str) -> None:
    """Forgets a secret."""
    response.delete_cookie(_named(request, name), httponly=True, samesite="lax", secure=_is_https(request), path="/")


def _named(request: HTTPConnection, name: str) -> str:
    """`__Host-` binds a cookie to this host and to https: no neighbouring host can set one of ours."""
    return f"__Host-{name}" if _is_https(request) else name


def _is_https(request: HTTPConnection) -> bool:
    """True where browsers reach us by https, also if what stands before us speaks http to us."""
    return request.url.scheme == "https" or str(request.app.state.origin).startswith("https://")


def keep_choice(response: Response, name: str, value: str) -> None:
    """A choice of how pages look or speak; it opens nothing."""
    response.set_cookie(name, value, max_age=YEAR_S, httponly=False, samesite="lax", path="/")


def purpose_in(connection: HTTPConnection, person: str) -> str:
    """The purpose that this person of the house stated for this session, "" for their role's own."""
    whose, _, stated = unquote(connection.cookies.get(PURPOSE_COOKIE, "")[: 10 * PURPOSE_CHARS_MAX]).partition(":")
    is_sound = whose == person and stated.isprintable() and len(stated) <= PURPOSE_CHARS_MAX
    return stated if is_sound else ""


def keep_purpose(response: Response, request: Request, person: str, stated: str) -> None:
    """Keeps a purpose as long as the browser's session, for this person only; it opens nothing."""
    secure = request.url.scheme == "https"
    value = quote(f"{person}:{' '.join(stated.split())[:PURPOSE_CHARS_MAX]}")
    response.set_cookie(PURPOSE_COOKIE, value, httponly=True, samesite="lax", secure=secure, path="/")


def own_path(text: str) -> str:
    """Where a form may lead back to: a path of ours, "/" for everything else."""
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and "\\" not in text and text.isprintable()
    return text if is_own and len(text) <= 500 else "/"
