"""The REST application: OpenAPI 3.1, problems after RFC 9457, metrics, health that tells the truth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from entrepot.core.errors import CODES, EntrepotError, Invalid
from entrepot.store.store import Store
from entrepot.workflows.step.answers import problem
from entrepot.workflows.step.traces import Traces

from . import (
    cases,
    changes,
    decisions,
    disclosures,
    examining,
    health,
    information,
    journal,
    ledger,
    mandates,
    measures,
    metrics,
    openapi,
    operations,
    people,
    requests,
    samples,
    sandbox,
    saved_views,
    sessions,
    settlements,
    sign_ins,
    single_sign_on,
    stops,
    supervision,
    trades,
    webhooks,
)
from .ask import respond
from .guard import Guard


def create_app(
    store: Store, *, facts: health.Facts, assets_dir: Path | None = None, traces: Traces | None = None
) -> FastAPI:
    """The application over one store. `assets_dir` holds the parts of the portal's page about the API."""
    app = FastAPI(
        title="Entrepot",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        description=openapi.SAYS,
        lifespan=_until_stopped,
    )
    app.state.store, app.state.facts, app.state.traces = store, facts, traces or Traces()
    for routes in (
        trades,
        settlements,
        examining,
        journal,
        saved_views,
        mandates,
        cases,
        information,
        people,
        sessions,
        sign_ins,
        single_sign_on,
        ledger,
        supervision,
        changes,
        operations,
        samples,
        health,
        stops,
        decisions,
        measures,
        metrics,
        disclosures,
        webhooks,
        requests,
        sandbox,
    ):
        app.include_router(routes.router)
    openapi.complete(app)
    _problems(app)
    metrics.add_metrics(app)
    app.add_middleware(Guard)
    app.add_middleware(requests.Numbered, notes=requests.Notes(store))
    if assets_dir is not None and assets_dir.is_dir():
        app.mount("/assets", StaticFiles(directory=assets_dir), name="assets")
    return app


@asynccontextmanager
async def _until_stopped(app: FastAPI) -> AsyncIterator[None]:
    async with metrics.looked_at(app):
        yield
    app.state.traces.close()


def _problems(app: FastAPI) -> None:
    @app.exception_handler(EntrepotError)
    def refused(_: Request, error: EntrepotError) -> JSONResponse:
        return respond(problem(error))

    @app.exception_handler(RequestValidationError)
    def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        return respond(problem(Invalid("malformed", str(first["msg"]), path=path)))

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # a body that is no JSON at all
            return respond(problem(Invalid("malformed", str(error.detail))))
        code = "not_found" if error.status_code == 404 else "malformed"
        body = {
            "type": f"urn:entrepot:error:{code}",
            "title": CODES[code].meaning,
            "status": error.status_code,
            "detail": str(error.detail),
            "code": code,
        }
        return respond({"status": error.status_code, "body": body})
