"""/v1/exceptions, /reconciliations, /statements, /closed-periods, /health: what needs a human, and what agrees."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from entrepot.core.errors import Unknown
from entrepot.store.reconciliation_records import BankStatement, ClosedPeriod, Reconciliation
from entrepot.store.store import Transaction
from entrepot.workflows.books.closing import open_points
from entrepot.workflows.books.day_end import day_of, explained_by, explanations
from entrepot.workflows.books.statements import CHARS_MAX

from .ask import ask
from .caller import Caller
from .exceptions import exceptions_in
from .health import parts_of
from .trades import Id, Key, Signed, Strict, given
from .views import is_staff, person_name

router = APIRouter(prefix="/v1", tags=["operations"])
RUNS_MAX = 50
Period = Annotated[str, Path(max_length=10)]


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
    """Past runs, newest first, the cases, the banks' statements, and the periods that are closed; for staff."""
    _require_staff(caller)
    with request.app.state.store.read(caller.reader) as tx:
        now = int(time.time()) + tx.checks.clock_offset_s()
        cases = [asdict(one) for one in tx.reconciliations.cases(is_open=False)]
        return {
            "today": day_of(now),
            "runs": [_run(tx, one) for one in tx.reconciliations.newest(limit=limit)],
            "cases": cases,
            "open": open_points(tx),
            "closed_periods": [_closed(one) for one in reversed(tx.reconciliations.closed_periods())],
            "statements": [_statement(tx, one) for one in reversed(tx.reconciliations.statements())][:RUNS_MAX],
        }


@router.get("/reconciliations/{reconciliation}")
def reconciliation(request: Request, reconciliation: Id, caller: Signed) -> dict[str, Any]:
    """One run with the sums per account and asset, and both sides of every difference; for staff."""
    _require_staff(caller)
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.reconciliations.get(reconciliation)
        if found is None:
            raise Unknown("not_found", "There is no such reconciliation.")
        known = explanations(tx)
        rows = [row | {"explained_by": explained_by(row, known)} for row in found.differences]
        return _run(tx, found) | {"totals": list(found.totals), "differences": rows}


@router.get("/closed-periods/{period}")
def closed_period(request: Request, period: Period, caller: Signed) -> Response:
    """The signed packet of a closed day or month, byte for byte, as `entrepot verify-close` checks it; for staff."""
    _require_staff(caller)
    with request.app.state.store.read(caller.reader) as tx:
        found = next((one for one in tx.reconciliations.closed_periods() if one.period == period), None)
    if found is None:
        raise Unknown("not_found", "No such period is closed.")
    named = f'attachment; filename="closed-{period}.json"'
    return Response(found.packet, media_type="application/json", headers={"Content-Disposition": named})


class NewStatement(Strict):
    """A bank's statement (camt.053) of the account that is reconciled, base64."""

    statement_base64: str = Field(min_length=1, max_length=CHARS_MAX)


@router.post("/statements", status_code=202)
def take_statement(request: Request, body: NewStatement, caller: Signed, key: Key) -> JSONResponse:
    """An operator hands in a bank's statement; everything is compared with it under the id in the answer."""
    return ask(request, caller, "take_statement", given(body))


@router.get("/statements")
def statements(request: Request, caller: Signed) -> dict[str, Any]:
    """Statements that were taken, newest first; for staff."""
    _require_staff(caller)
    with request.app.state.store.read(caller.reader) as tx:
        return {"statements": [_statement(tx, one) for one in reversed(tx.reconciliations.statements())]}


def _closed(one: ClosedPeriod) -> dict[str, Any]:
    return {"period": one.period, "closed_at": one.closed_at, "run": one.run, "change": one.change,
            "log_size": one.log_size, "sha256": one.sha256}  # fmt: skip


def _statement(tx: Transaction, one: BankStatement) -> dict[str, Any]:
    amounts = {name: str(getattr(one, name)) for name in ("opening_minor", "closing_minor")}
    return asdict(one) | amounts | {"taken_by_name": person_name(tx, one.taken_by)}


def _run(tx: Transaction, run: Reconciliation) -> dict[str, Any]:
    return {
        "id": run.id,
        "asked_by": run.asked_by,
        "asked_by_name": person_name(tx, run.asked_by) if run.asked_by else "",
        "night": run.night,
        "asked_at": run.asked_at,
        "done_at": run.done_at,
        "settlements": run.settlements,
        "difference_count": run.facts.get("difference_count", len(run.differences)),
        "open_count": run.open_count,
    }


@router.post("/reconciliations", status_code=202)
def reconcile(request: Request, caller: Signed, key: Key) -> JSONResponse:
    """Has the worker compare books, chain and messages; the result is kept under the id in the answer."""
    return ask(request, caller, "reconcile", {})
