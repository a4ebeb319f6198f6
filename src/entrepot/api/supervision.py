"""Regime, lists, screenings and the sandbox clock."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.errors import Unknown
from entrepot.regimes.harbour import VERSIONS, describe, in_force
from entrepot.regimes.rules import RULES
from entrepot.screening.entity import IDENTIFIER_CHARS_MAX, IDENTIFIERS_MAX, NAME_CHARS_MAX, WALLET_CHARS_MAX

from .ask import ask
from .health import lists_required, lists_stale
from .trades import Key, Signed, Strict, given

router = APIRouter(prefix="/v1", tags=["supervision"])


class Screened(Strict):
    """Somebody to screen against the current lists."""

    name: str = Field(min_length=1, max_length=NAME_CHARS_MAX)
    kind: Literal["person", "organization", "vessel"] = "organization"
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$")
    identifiers: dict[str, Annotated[str, Field(max_length=IDENTIFIER_CHARS_MAX)]] = Field(
        default={}, max_length=IDENTIFIERS_MAX
    )
    wallet: str = Field(default="", max_length=WALLET_CHARS_MAX)


@router.get("/regime")
def regime(request: Request, caller: Signed) -> dict[str, Any]:
    """The regime in force: every figure with its citation, or `invented for the demo`; and all its versions."""
    with request.app.state.store.read(caller.reader) as tx:
        now = int(time.time()) + tx.checks.clock_offset_s()
    current = in_force(now)
    if current is None:
        raise Unknown("not_found", "No regime is in force.")
    rows = [{"rule": name, "value": value, "source": source} for name, value, source in describe(current)]
    return {
        "regime": current.id,
        "in_force_from": current.in_force_from,
        "in_force_until": current.in_force_until,
        "reference": current.reference,
        "rules": rows,
        "asked": [{"rule": rule.__name__, "says": (rule.__doc__ or "").strip()} for rule in RULES],
        "versions": [
            {"regime": one.id, "in_force_from": one.in_force_from, "in_force_until": one.in_force_until}
            for one in VERSIONS
        ],
    }


@router.get("/assets")
def assets(request: Request, caller: Signed) -> dict[str, Any]:
    """Every asset that an amount may be in: id (ISO 4217 or CAIP-19), symbol, decimals of its minor unit, issuer."""
    return {"assets": [asdict(one) for one in request.app.state.facts.assets.all()]}


@router.get("/lists")
def lists(request: Request, caller: Signed) -> dict[str, Any]:
    """The list versions in use: hash, dates, entries, orphans; which must be there, and how old they may be.

    `alarm`, for staff, is why the newest reading of the lists was not taken: a list that shrinks, or cannot be read.
    """
    facts = request.app.state.facts
    with request.app.state.store.read(caller.reader) as tx:
        rows = tx.checks.lists(with_entities=False)
        asked = tx.outbox.newest("lists")
        now = int(time.time()) + tx.checks.clock_offset_s()
        floor, stale = lists_required(tx, facts), dict(lists_stale(tx, facts, now))
    is_alarm = asked is not None and asked.error and all(row.verified_at < asked.due_at for row in rows)
    return {
        "lists": [
            {
                "source": row.source,
                "version": row.version,
                "sha256": row.sha256,
                "published_at": row.published_at,
                "loaded_at": row.loaded_at,
                "verified_at": row.verified_at,
                "entities": row.entity_count,
                "orphans": row.orphan_count,
                "is_floor": row.source in floor,
                "is_stale": row.source in stale,
            }
            for row in rows
        ],
        "floor": sorted(floor),
        "age_s_max": facts.lists_age_s_max,
        "now": now,
        "alarm": {"says": asked.error, "at": asked.due_at} if is_alarm and asked is not None else None,
    }


@router.post("/lists", status_code=202)
def reload_lists(request: Request, caller: Signed, key: Key) -> JSONResponse:
    """Has the followed lists read and verified again."""
    return ask(request, caller, "reload_lists", {})


@router.post("/screenings")
def screen(request: Request, body: Screened, caller: Signed, key: Key) -> JSONResponse:
    """Screens a name, identifiers or wallet; for officers."""
    return ask(request, caller, "screen", given(body))
