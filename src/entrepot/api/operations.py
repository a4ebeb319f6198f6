"""/v1/exceptions, /v1/reconciliations, /v1/health: what needs a human, whether everything agrees, and what is late."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from entrepot.core.errors import Unknown
from entrepot.store.records import Reconciliation
from entrepot.store.store import Transaction
from entrepot.workflows.day_end import closed_days, day_of, open_points

from .ask import ask
from .caller import Caller
from .exceptions import exceptions_in
from .health import parts_of
from .trades import Id, Key, Signed
from .views import is_staff, person_name

router = APIRouter(prefix="/v1", tags=["operations"])
RUNS_MAX = 50


def _require_staff(caller: Caller) -> None:
    if not is_staff(caller):
        raise Unknown("not_found", "There is no such page.")


@router.get("/exceptions")
def exceptions(request: Request, caller: Signed) -> dict[str, Any]:
    """Everything that needs a human, the most urgent kind first and in it the oldest; for staff."""
    _require_staff(caller)
    with request.app.state.store.read(caller.reader) as tx:
        return {"exceptions": exceptions_in(tx, request.app.state.facts)}


@router.get("/health")
def health(request: Request, caller: Signed) -> dict[str, Any]:
    """The parts of the deployment with their figures, and whether each is in time; for staff."""
    _require_staff(caller)
    with request.app.state.store.read(caller.reader) as tx:
        return parts_of(tx, request.app.state.facts)


@router.get("/reconciliations")
def reconciliations(
    request: Request, caller: Signed, limit: Annotated[int, Query(ge=1, le=RUNS_MAX)] = 20
) -> dict[str, Any]:
    """Past runs, newest first, the open cases, and the days that are closed; for staff."""
    _require_staff(caller)
    with request.app.state.store.read(caller.reader) as tx:
        now = int(time.time()) + tx.checks.clock_offset_s()
        cases = [asdict(one) for one in tx.reconciliations.cases(is_open=False)]
        days = [
            {"day": day, "closed_at": change.confirmed_at, "run": change.body["run"], "change": change.id}
            for day, change in sorted(closed_days(tx).items(), reverse=True)
        ]
        return {
            "today": day_of(now),
            "runs": [_run(tx, one) for one in tx.reconciliations.newest(limit=limit)],
            "cases": cases,
            "open": open_points(tx),
            "closed_days": days,
        }


@router.get("/reconciliations/{reconciliation}")
def reconciliation(request: Request, reconciliation: Id, caller: Signed) -> dict[str, Any]:
    """One run with the sums per account and asset, and both sides of every difference; for staff."""
    _require_staff(caller)
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.reconciliations.get(reconciliation)
        if found is None:
            raise Unknown("not_found", "There is no such reconciliation.")
        return _run(tx, found) | {"totals": list(found.totals), "differences": list(found.differences)}


def _run(tx: Transaction, run: Reconciliation) -> dict[str, Any]:
    return {
        "id": run.id,
        "asked_by": run.asked_by,
        "asked_by_name": person_name(tx, run.asked_by),
        "asked_at": run.asked_at,
        "done_at": run.done_at,
        "settlements": run.settlements,
        "difference_count": len(run.differences),
    }


@router.post("/reconciliations", status_code=202)
def reconcile(request: Request, caller: Signed, key: Key) -> JSONResponse:
    """Has the worker compare books, chain and messages; the result is kept under the id in the answer."""
    return ask(request, caller, "reconcile", {})
