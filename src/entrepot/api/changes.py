"""/v1/changes: settings, stops, orders and roles that take two persons: what was before, what is to be, who ends it."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.errors import Unknown
from entrepot.store.records import Change
from entrepot.store.store import Transaction
from entrepot.workflows.chain.contract_settings import outcome_view
from entrepot.workflows.house.changes import KINDS, SUBJECTS

from .ask import ask
from .caller import Caller
from .trades import Id, Key, Signed, Strict, given
from .views import is_staff, person_name

router = APIRouter(prefix="/v1", tags=["changes"])
NOT_SHOWN = ("secret_sha256", "invitation_sha256", "signature")


class NewChange(Strict):
    """A setting, stop, order or role that takes two persons: this is the first one's proposal."""

    subject: Annotated[str, Field(max_length=40, json_schema_extra={"enum": list(SUBJECTS)})]
    body: dict[str, Any]
    reason: str = Field(min_length=1, max_length=500)


class Declined(Strict):
    """Why a proposal is declined, or withdrawn by its proposer."""

    reason: str = Field(min_length=1, max_length=500)


@router.get("/changes")
def changes(request: Request, caller: Signed) -> dict[str, Any]:
    """Settings that two persons changed, and those that wait for the second; for staff."""
    if not is_staff(caller):
        raise Unknown("not_found", "There is no such page.")
    with request.app.state.store.read(caller.reader) as tx:
        now = int(time.time()) + tx.checks.clock_offset_s()
        return {"changes": [_view(tx, entry, caller, now) for entry in tx.checks.changes()]}


@router.get("/contract-settings")
def contract_settings(request: Request, caller: Signed) -> dict[str, Any]:
    """The registry's roles, each with its keys and how many must sign, at the final block last read; for staff.

    `settings` is null until the worker has read them. They change by a change of the subject `contract_setting`.
    """
    if not is_staff(caller):
        raise Unknown("not_found", "There is no such page.")
    with request.app.state.store.read(caller.reader) as tx:
        kept = tx.rails.contract_settings()
    if kept is None:
        return {"settings": None}
    at = {"registry": kept.registry, "block": kept.block, "block_time": kept.block_time}
    return {"settings": at | {"roles": kept.roles_json()}}


def _view(tx: Transaction, change: Change, caller: Caller, now: int) -> dict[str, Any]:
    """One change with both persons' names. `may_end`: this caller acts in a role that confirms or declines it.

    `outcome`: what became of a confirmed change on the chain; null for one that takes effect here.
    """
    kind = KINDS.get(change.subject)
    return {
        "id": change.id,
        "subject": change.subject,
        "state": _state(change, now),
        "before": change.before,
        "after": {name: value for name, value in change.body.items() if name not in NOT_SHOWN},
        "reason": change.reason,
        "proposed_by": change.proposed_by,
        "proposed_by_name": person_name(tx, change.proposed_by),
        "proposed_at": change.proposed_at,
        "expires_at": change.expires_at or None,
        "confirmed_by": change.confirmed_by,
        "confirmed_by_name": person_name(tx, change.confirmed_by),
        "confirmed_at": change.confirmed_at,
        "declined_by": change.declined_by,
        "declined_by_name": person_name(tx, change.declined_by),
        "declined_at": change.declined_at,
        "declined_why": change.declined_why,
        "may_end": kind is not None and caller.role in kind.roles,
        "is_own": change.proposed_by == caller.person,
        "outcome": outcome_view(tx, change),
    }


def _state(change: Change, now: int) -> str:
    if not change.is_open:
        return "confirmed" if change.confirmed_by else "declined"
    return "expired" if change.expires_at and now > change.expires_at else "waiting"


@router.post("/changes", status_code=202)
def propose_change(request: Request, body: NewChange, caller: Signed, key: Key) -> JSONResponse:
    """The first person proposes."""
    return ask(request, caller, "propose_change", given(body))


@router.post("/changes/{change}/confirmations")
def confirm_change(request: Request, change: Id, caller: Signed, key: Key) -> JSONResponse:
    """The second person confirms, and it takes effect."""
    return ask(request, caller, "confirm_change", {"change": change})


@router.post("/changes/{change}/refusals")
def decline_change(request: Request, change: Id, body: Declined, caller: Signed, key: Key) -> JSONResponse:
    """Somebody who might confirm declines, or the proposer withdraws; it never takes effect."""
    return ask(request, caller, "decline_change", given(body) | {"change": change})
