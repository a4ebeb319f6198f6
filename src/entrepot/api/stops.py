"""/v1/stops: the stops in force for everybody, and for staff their history and whom they hold up now."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request

from entrepot.core.errors import Unknown
from entrepot.store.records import Change
from entrepot.store.store import Transaction
from entrepot.workflows.checks.stops import AFFECTED, in_force

from .trades import Signed
from .views import is_staff, person_name

router = APIRouter(prefix="/v1", tags=["supervision"])


@router.get("/stops")
def stops(request: Request, caller: Signed) -> dict[str, Any]:
    """The stops in force, for everybody: their grade and end (Unix seconds); id and reason are for staff."""
    with request.app.state.store.read(caller.reader) as tx:
        found = in_force(tx, _now(tx))
    return {
        "stops": [
            {"grade": one.body["grade"], "until": one.body["until"], "since": one.confirmed_at}
            | ({"id": one.id, "reason": one.reason} if is_staff(caller) else {})
            for one in found
        ]
    }


@router.get("/stops/history")
def history(request: Request, caller: Signed) -> dict[str, Any]:
    """Every stop ever proposed, newest first, with both persons and how it ended; and what each grade holds up now."""
    if not is_staff(caller):
        raise Unknown("not_found", "There is no such page.")
    with request.app.state.store.read(caller.reader) as tx:
        now = _now(tx)
        now_stopped = {one.id for one in in_force(tx, now)}
        lifts = {one.body["stop"]: one for one in tx.checks.changes(subject="lift_stop") if not one.declined_by}
        counts = tx.reports.open_states()
        rows = [
            _view(tx, one, lifts.get(one.id), now, is_in_force=one.id in now_stopped)
            for one in reversed(tx.checks.changes(subject="stop"))
        ]
    affected = {grade: sum(counts.get(state, 0) for state in states) for grade, states in AFFECTED.items()}
    return {"stops": rows, "affected": affected}


def _view(tx: Transaction, stop: Change, lift: Change | None, now: int, *, is_in_force: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": stop.id,
        "grade": stop.body["grade"],
        "until": stop.body["until"],
        "reason": stop.reason,
        "state": _state(stop, lift, now, is_in_force=is_in_force),
        "proposed_by": stop.proposed_by,
        "proposed_by_name": person_name(tx, stop.proposed_by),
        "proposed_at": stop.proposed_at,
        "confirmed_by_name": person_name(tx, stop.confirmed_by),
        "confirmed_at": stop.confirmed_at,
        "declined_by_name": person_name(tx, stop.declined_by),
        "declined_why": stop.declined_why,
        "lift": None,
    }
    if lift is not None and (lift.confirmed_by or not lift.expires_at or now <= lift.expires_at):
        view["lift"] = {
            "id": lift.id,
            "reason": lift.reason,
            "proposed_by": lift.proposed_by,
            "proposed_by_name": person_name(tx, lift.proposed_by),
            "proposed_at": lift.proposed_at,
            "confirmed_by_name": person_name(tx, lift.confirmed_by),
            "confirmed_at": lift.confirmed_at,
        }
    return view


def _state(stop: Change, lift: Change | None, now: int, *, is_in_force: bool) -> str:
    """waiting, declined, expired (never confirmed), in_force, lifted or ended."""
    if stop.declined_by:
        return "declined"
    if not stop.confirmed_by:
        is_late = bool(stop.expires_at and now > stop.expires_at) or now >= stop.body["until"]
        return "expired" if is_late else "waiting"
    if is_in_force:
        return "in_force"
    return "lifted" if lift is not None and lift.confirmed_by else "ended"


def _now(tx: Transaction) -> int:
    return int(time.time()) + tx.checks.clock_offset_s()
