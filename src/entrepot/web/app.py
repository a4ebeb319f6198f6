"""The portal as one ASGI application: pages, their assets, what protects them, and the live feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import guide, live
from .door import Api, Problem
from .language import marked
from .page import refused
from .pages.account import account, join, sign_in, single_sign_on
from .pages.developer import developer, reference, sandbox
from .pages.officer import cases, desk, examining, requests
from .pages.operator import admission, changes, metrics, operations, stops
from .pages.settlement import proof, settlement
from .pages.supervisor import disclosures, measures, oversight, supervision
from .pages.treasury import approvals, company, invoice, journal, overview, trading
from .visitor import Forged, SignInNeeded, own_path

FILES = Path(__file__).parent / "files"
ASSETS_S = 3600
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
PAGES = (
    sign_in,
    single_sign_on,
    join,
    account,
    trading,
    approvals,
    company,
    overview,
    journal,
    examining,
    invoice,
    stops,
    oversight,
    supervision,
    measures,
    metrics,
    proof,
    disclosures,
    cases,
    requests,
    desk,
    admission,
    changes,
    operations,
    developer,
    reference,
    sandbox,
    settlement,
)
API_PATHS = ("/v1", "/assets", "/healthz", "/metrics")


@dataclass(frozen=True)
class Person:
    """A demo person who may sign in without proof, on a development chain only. `wallet_key` is 0x-hex or ""."""

    name: str
    role: str
    participant: str
    secret: str = field(repr=False)
    wallet_key: str = field(default="", repr=False)


People = Callable[[], Mapping[str, Person]]


def create_portal(
    api: ASGIApp, *, parts: Path, demo_people: People | None, origin: str, explorer: str = ""
) -> Starlette:
    """Pages over `api`. `parts` holds fonts and the signer; `demo_people` is given on development chains only.

    `origin` is where browsers find us: passkeys work there, and https there makes every cookie a safe one.
    `explorer` is a block explorer's address, "" for none.
    """
    assets = [
        Mount("/static/parts", Compressed(parts), name="parts"),
        Mount("/static", Compressed(FILES), name="static"),
    ]
    routes = [route for module in (*PAGES, guide, live) for route in module.ROUTES]
    portal = Starlette(
        routes=[*assets, *routes],
        middleware=[Middleware(Headers)],
        exception_handlers={
            SignInNeeded: _to_sign_in,
            Forged: _forged,
            Problem: _problem,
            404: _missing,
            500: _defect,
        },
    )
    portal.state.api, portal.state.demo_people, portal.state.origin = Api(api), demo_people, origin
    portal.state.explorer = (
        explorer if explorer.startswith(("https://", "http://127.0.0.1", "http://localhost")) else ""
    )
    return portal


def beside(api: ASGIApp, portal: ASGIApp) -> ASGIApp:
    """One application for one port: the API's paths go to the API, all others to the portal."""

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_api = scope["type"] == "lifespan" or any(path == one or path.startswith(f"{one}/") for one in API_PATHS)
        await (api if is_api else portal)(scope, receive, send)

    return both


class Compressed:
    """Assets of a folder, compressed on the way: nothing in them is secret. Pages are not, for they hold tokens."""

    def __init__(self, folder: Path) -> None:
        self.app = GZipMiddleware(StaticFiles(directory=folder, check_dir=False))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. The server may not send a file by itself, or nobody could compress it."""
        others = {name: one for name, one in scope.get("extensions", {}).items() if name != "http.response.pathsend"}
        await self.app({**scope, "extensions": others}, receive, send)


class Headers:
    """Gives every answer the headers that keep other sites and injected text powerless, and renews old sessions."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                is_asset = scope["path"].startswith("/static/")
                cache = f"private, max-age={ASSETS_S}" if is_asset else "no-store"
                for name, value in (HEADERS | {"cache-control": cache}).items():
                    if name.encode() not in given:
                        message["headers"].append((name.encode(), value.encode()))
            await send(message)

        await self.app(scope, receive, with_headers)


async def _to_sign_in(request: Request, _: Exception) -> Response:
    if request.method == "GET" and request.url.path != "/":
        return RedirectResponse(f"/sign-in?next={own_path(request.url.path)}", status_code=303)
    return RedirectResponse("/sign-in", status_code=303)


async def _forged(request: Request, _: Exception) -> Response:
    return await refused(
        request,
        403,
        marked("This form was not made by this page"),
        marked("Nothing was done. Open the page again and act from there."),
    )


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    if problem.status == 401:
        return await _to_sign_in(request, problem)
    if problem.status == 404 or (problem.status == 422 and request.method == "GET"):
        return await _missing(request, problem)
    return await refused(
        request, problem.status, marked("This was not done"), problem.title or str(problem), code=problem.code
    )


async def _missing(request: Request, _: Exception) -> Response:
    return await refused(
        request,
        404,
        marked("There is no such page"),
        marked("It is not there, or it is not yours: the two look alike."),
    )


async def _defect(request: Request, _: Exception) -> Response:
    return await refused(
        request,
        500,
        marked("Something of ours failed"),
        marked("What was done before is kept. Try again; if it stays, tell us."),
    )
