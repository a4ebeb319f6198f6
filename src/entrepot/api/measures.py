"""/v1/measures, /v1/escrow, /v1/headroom: figures of a period, of now and of caps, as far as one may see them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from entrepot.core.errors import Invalid, Unknown
from entrepot.core.lifecycle import ENDED, STATES, State
from entrepot.regimes.harbour import in_force
from entrepot.regimes.yardsticks import YARDSTICKS
from entrepot.store.reports import Cost, Headroom, Spread
from entrepot.store.store import Transaction
from entrepot.workflows.checks.figures import in_force as with_caps

from .caller import Caller
from .trades import Signed
from .views import is_staff

router = APIRouter(prefix="/v1", tags=["measures"])
DAY_S = 86_400
PERIOD_S_MAX = 366 * DAY_S
PERIOD_S = 30 * DAY_S
BOUNDS_S = (60, 600, 3_600, 6 * 3_600, DAY_S, 5 * DAY_S)
MONEY_PERCENT_A_YEAR = 5  # what tied-up money is counted at
Time = Annotated[int, Query(ge=0, le=2**40)]


@router.get("/measures")
def measures(request: Request, caller: Signed, since: Time = 0, until: Time = 0) -> dict[str, Any]:
    """Volume, time to funds, cost, caps and outcomes of a period (Unix seconds; 30 days if not given, a year at most).

    Staff read all settlements, a party its own. Costs are basis points all in when both had signed; times seconds.
    """
    with request.app.state.store.read(caller.reader) as tx:
        since, until = _period(_now(tx), since, until)
        return {
            "since": since,
            "until": until,
            "bounds_s": BOUNDS_S,
            "volume": [
                asdict(row) | {"amount_minor": str(row.amount_minor)}
                for row in tx.reports.volumes(since=since, until=until)
            ],
            "steps": _steps(tx.reports.steps(since=since, until=until, bounds=BOUNDS_S)),
            "cost": _costs(tx.reports.costs(since=since, until=until, percent=MONEY_PERCENT_A_YEAR)),
            "outcomes": _outcomes(tx.reports.outcomes(since=since, until=until), caller),
            "taken": _taken(tx, since, until),
            "yardsticks": [asdict(one) for one in YARDSTICKS],
        }


@router.get("/escrow")
def escrow(request: Request, caller: Signed) -> dict[str, Any]:
    """What lies in escrow now, by asset, never added across assets. Staff read all settlements, a party its own."""
    with request.app.state.store.read(caller.reader) as tx:
        held = tx.reports.held()
    return {"held": [asdict(row) | {"amount_minor": str(row.amount_minor)} for row in held]}


@router.get("/headroom")
def headroom(request: Request, caller: Signed) -> dict[str, Any]:
    """Every cap of the regime in force, who uses how much of it, what is free and when the next part frees up.

    Amounts are minor units of the regime's reference currency. Staff read all, a company its own.
    """
    with request.app.state.store.read(caller.reader) as tx:
        now = _now(tx)
        regime = in_force(now)
        if regime is None:
            raise Unknown("not_found", "No regime is in force.")
        regime = with_caps(tx, regime, now)
        window_s = regime.window_days * DAY_S
        rows = tx.reports.headroom(since=now - window_s)
        users = [_user(tx, row, regime.cap_window_minor, window_s) for row in rows]
        taken = _taken(tx, now - window_s, now + 1)
    return {
        "regime": regime.id,
        "reference": regime.reference,
        "at": now,
        "caps": [
            {"cap": "payment", "limit_minor": str(regime.cap_payment_minor), "source": regime.figures_source},
            {
                "cap": "window",
                "limit_minor": str(regime.cap_window_minor),
                "window_days": regime.window_days,
                "source": regime.figures_source,
            },
        ],
        "users": users,
        "taken": taken,
    }


def _taken(tx: Transaction, since: int, until: int) -> list[dict[str, Any]]:
    """Headroom taken by day: what is kept, and what was given back since."""
    return [
        {"day": row.day, "kept_minor": str(row.kept_minor), "freed_minor": str(row.freed_minor)}
        for row in tx.reports.reserved_by_day(since=since, until=until)
    ]


def _user(tx: Transaction, row: Headroom, limit_minor: int, window_s: int) -> dict[str, Any]:
    participant = tx.people.participant(row.participant)
    return {
        "participant": row.participant,
        "name": str(participant.profile.get("name", "")) if participant else "",
        "settlements": row.count,
        "used_minor": str(row.used_minor),
        "free_minor": str(max(0, limit_minor - row.used_minor)),
        "frees_at": row.oldest_at + window_s,
        "frees_minor": str(row.oldest_minor),
    }


def _now(tx: Transaction) -> int:
    return int(time.time()) + tx.checks.clock_offset_s()


def _period(now: int, since: int, until: int) -> tuple[int, int]:
    until = until or now + 1
    since = since or max(0, until - PERIOD_S)
    if not since < until:
        raise Invalid("malformed", "since comes before until.", path="since")
    if until - since > PERIOD_S_MAX:
        raise Invalid("malformed", f"A period is at most {PERIOD_S_MAX // DAY_S} days.", path="since")
    return since, until


def _steps(rows: list[Spread]) -> list[dict[str, Any]]:
    over_all = [row for row in rows if row.bucket is None]
    within = {(row.step, row.bucket): row.count for row in rows}
    return [
        {
            "step": row.step,
            "count": row.count,
            "median_s": row.median_s,
            "p90_s": row.p90_s,
            "buckets": [within.get((row.step, place), 0) for place in range(len(BOUNDS_S) + 1)],
        }
        for row in over_all
    ]


def _costs(rows: list[Cost]) -> dict[str, Any]:
    def told(row: Cost) -> dict[str, Any]:
        return {"count": row.count, "median_bps": _tenth(row.median_tenths), "p90_bps": _tenth(row.p90_tenths)}

    over_all = next((told(row) for row in rows if row.day is None), {"count": 0, "median_bps": None, "p90_bps": None})
    days = [{"day": row.day} | told(row) for row in rows if row.day is not None]
    return over_all | {"percent_a_year": MONEY_PERCENT_A_YEAR, "days": days}


def _tenth(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"


def _outcomes(counts: dict[str, int], caller: Caller) -> list[dict[str, Any]]:
    """By state for staff; a party reads what ended how, and all else as open: not what it is being looked at for."""
    if is_staff(caller):
        return [{"state": state, "count": count} for state, count in counts.items()]
    shown: Counter[str] = Counter()
    for state, count in counts.items():
        shown[STATES[State(state)].public if State(state) in ENDED else "open"] += count
    return [{"state": state, "count": count} for state, count in sorted(shown.items())]
