"""/v1/mandates, /v1/approvals, /v1/payees: who acts for a company, what waits for another person, where it is paid."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.canonical import Json
from entrepot.core.errors import Unknown
from entrepot.core.mandate import ACTS, MANDATES_MAX, PERSONS_MAX, is_governed, mandates_of, uncovered
from entrepot.store.records import Approval
from entrepot.store.store import Transaction
from entrepot.workflows.checks.payee import account_of

from .ask import ask
from .caller import Caller
from .trades import Id, Key, Signed, Strict, given
from .views import is_staff

router = APIRouter(prefix="/v1", tags=["mandates"])

SIGNED_ACTS = ("sign", "fund", "present", "waive", "dispute")
SHOWN = ("mandates", "kind", "account", "bank_name", "bank_bic", "reason")  # of a request, to those who may confirm it
Minor = Annotated[str, Field(pattern=r"^[0-9]{1,39}$")]
ApprovalId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Mandate(Strict):
    """One power: `persons` may do `acts` alone, `required` of them jointly, or with one of `checkers` confirming.

    `limits` are minor units by asset; without any there is no limit. Times are Unix seconds, an end of 0 is none.
    """

    name: str = Field(min_length=1, max_length=100)
    acts: list[Literal[*ACTS]] = Field(min_length=1, max_length=len(ACTS))  # type: ignore[valid-type]
    persons: list[Id] = Field(min_length=1, max_length=PERSONS_MAX)
    mode: Literal["alone", "joint", "maker_checker"] = "alone"
    required: int = Field(default=1, ge=1, le=PERSONS_MAX)
    checkers: list[Id] = Field(default=[], max_length=PERSONS_MAX)
    limits: dict[str, Minor] = Field(default={}, max_length=MANDATES_MAX)
    valid_from: int = Field(default=0, ge=0, le=2**53)
    valid_until: int = Field(default=0, ge=0, le=2**53)


class NewMandates(Strict):
    """All mandates of the company: they replace those in force, once a second person has confirmed."""

    mandates: list[Mandate] = Field(min_length=1, max_length=MANDATES_MAX)


class NewPayee(Strict):
    """Another wallet (CAIP-10) with its key's signature over the participant's id, or another bank."""

    account: str = Field(default="", max_length=100)
    signature: str = Field(default="", pattern=r"^(0x([0-9a-f]{2}){65,1024})?$")
    bank_name: str = Field(default="", max_length=140)
    bank_bic: str = Field(default="", pattern=r"^([A-Z0-9]{8}([A-Z0-9]{3})?)?$")


class Declining(Strict):
    """Why it is declined."""

    reason: str = Field(min_length=1, max_length=500)


@router.get("/mandates")
def mandates(request: Request, caller: Signed) -> dict[str, Any]:
    """The mandates of the caller's company, its persons, and the acts that nobody may do."""
    with request.app.state.store.read(caller.reader) as tx:
        sets = tx.mandates.sets(caller.participant)
        read = mandates_of(sets[-1].mandates) if sets else ()
        now = _now(tx)
        shown = [one.to_json() | {"is_in_force": one.is_in_force(now), "has_ended": one.has_ended(now)} for one in read]
        return {
            "version": sets[-1].version if sets else 0,
            "set_at": sets[-1].at if sets else None,
            "decided_by": [_person(tx, person) for person in sets[-1].decided_by] if sets else [],
            "mandates": shown,
            "persons": _persons(tx, caller.participant),
            "nobody_may": list(uncovered(read, now)) if read else [],
            "changes_wait_for": "a second person" if is_governed(read, "change_mandates", now) else "an operator",
            "payee_waits_for": "a second person" if is_governed(read, "change_payee", now) else "an operator",
        }


@router.post("/mandates", status_code=202)
def change_mandates(request: Request, body: NewMandates, caller: Signed, key: Key) -> JSONResponse:
    """Asks for other mandates; a second person of the company (the first time: an operator) confirms."""
    return ask(request, caller, "change_mandates", given(body))


@router.get("/approvals")
def approvals(
    request: Request,
    caller: Signed,
    settlement: Annotated[str, Query(pattern=r"^([0-9a-f]{32})?$")] = "",
    status: Literal["open", "all"] = "open",
) -> dict[str, Any]:
    """Acts of the caller's company that wait for a second person; for an operator, those that wait for one."""
    with request.app.state.store.read(caller.reader) as tx:
        now = _now(tx)
        found = tx.mandates.approvals(
            participant="" if is_staff(caller) else caller.participant, settlement=settlement, is_open=status == "open"
        )
        shown = [
            one for one in found if _is_shown(one, caller) and (status == "all" or _status(tx, one, now) == "open")
        ]
        return {"approvals": [_view(tx, one, caller, now) for one in shown]}


@router.get("/approvals/{approval}")
def read_approval(request: Request, approval: ApprovalId, caller: Signed) -> dict[str, Any]:
    """One act that waits, or what became of it."""
    with request.app.state.store.read(caller.reader) as tx:
        return _view(tx, _find(tx, approval, caller), caller, _now(tx))


@router.post("/approvals/{approval}/confirmations")
def confirm(request: Request, approval: ApprovalId, caller: Signed, key: Key) -> JSONResponse:
    """Another person confirms: the act is done now, and all checks run now."""
    with request.app.state.store.read(caller.reader) as tx:
        settlement = _find(tx, approval, caller).settlement
    return ask(request, caller, "confirm_approval", {"approval": approval}, settlement=settlement)


@router.post("/approvals/{approval}/refusals")
def decline(request: Request, approval: ApprovalId, body: Declining, caller: Signed, key: Key) -> JSONResponse:
    """Another person declines, or the one who asked takes it back."""
    with request.app.state.store.read(caller.reader) as tx:
        settlement = _find(tx, approval, caller).settlement
    asked = {"approval": approval, "reason": body.reason}
    return ask(request, caller, "decline_approval", asked, settlement=settlement)


@router.get("/payees")
def payees(request: Request, caller: Signed) -> dict[str, Any]:
    """Where the caller's company is paid, and each change with the time from which payments go there."""
    with request.app.state.store.read(caller.reader) as tx:
        own = tx.people.participant(caller.participant)
        changes = tx.mandates.payee_changes(caller.participant)
        profile = own.profile if own else {}
        return {
            "account": account_of(tx, caller.participant),
            "wallets": [one.account for one in tx.people.wallets(caller.participant)],
            "bank_name": profile.get("bank_name", ""),
            "bank_bic": profile.get("bank_bic", ""),
            "changes": [
                {
                    "kind": one.kind,
                    "account": one.account,
                    "changed_at": one.changed_at,
                    "paid_from": one.paid_from,
                    "decided_by": [_person(tx, person) for person in one.decided_by],
                }
                for one in changes
            ],
        }


@router.post("/payees", status_code=202)
def change_payee(request: Request, body: NewPayee, caller: Signed, key: Key) -> JSONResponse:
    """Asks that the company be paid elsewhere; a second person confirms, then a cooling-off begins."""
    return ask(request, caller, "change_payee", {name: text for name, text in given(body).items() if text})


def _now(tx: Transaction) -> int:
    return int(time.time()) + tx.checks.clock_offset_s()


def _is_shown(approval: Approval, caller: Caller) -> bool:
    """A company sees its own; an operator what waits for one of the operators."""
    return approval.participant == caller.participant or (caller.role == "operator" and approval.by_operator)


def _status(tx: Transaction, approval: Approval, now: int) -> str:
    """What became of it; what still waits may have expired, or be about terms that were quoted afresh since."""
    if approval.status != "open":
        return approval.status
    if approval.expires_at <= now:
        return "expired"
    settlement = tx.settlements.get(approval.settlement) if approval.settlement else None
    return "outdated" if settlement is not None and settlement.terms_hash != approval.terms_hash else "open"


def _find(tx: Transaction, approval: str, caller: Caller) -> Approval:
    found = tx.mandates.approval(approval)
    if found is None or not _is_shown(found, caller):
        raise Unknown("not_found", "There is no such approval.")
    return found


def _view(tx: Transaction, approval: Approval, caller: Caller, now: int) -> Json:
    """What a person needs to know before they confirm."""
    asked = tx.inbox.get(approval.source, approval.key)
    body = asked.body if asked else {}
    company = tx.people.participant(approval.participant)
    return {
        "id": approval.id,
        "act": approval.act,
        "settlement": approval.settlement or None,
        "participant": approval.participant,
        "company": str(company.profile.get("name", "")) if company else "",
        "status": _status(tx, approval, now),
        "waits_for": "an operator" if approval.by_operator else "a second person",
        "asset": approval.asset,
        "amount_minor": str(approval.amount_minor),
        "about": approval.about,
        "terms_hash": approval.terms_hash,
        "asked_by": _person(tx, approval.asked_by),
        "asked_at": approval.asked_at,
        "is_yours": approval.asked_by == caller.person,
        "is_signed": approval.act in SIGNED_ACTS,
        "documents": len(body.get("documents_base64", [])),
        "request_sha256": approval.body_sha256,
        "request": {name: body[name] for name in SHOWN if name in body},
        **_before(tx, approval),
        "confirmed_by": [_person(tx, person) for person in approval.confirmed_by],
        "expires_at": approval.expires_at,
        "closed_at": approval.closed_at,
        "closed_by": _person(tx, approval.closed_by) if approval.closed_by else None,
        "why": approval.why,
    }


def _before(tx: Transaction, approval: Approval) -> Json:
    """How things are that the act would change: who confirms a change of powers or of a payee sees both sides."""
    if approval.act == "change_mandates":
        sets = tx.mandates.sets(approval.participant)
        before: Json = {"mandates": list(sets[-1].mandates) if sets else []}
        return {"before": before, "persons": _persons(tx, approval.participant)}
    if approval.act == "change_payee":
        company = tx.people.participant(approval.participant)
        profile = company.profile if company else {}
        bank = {name: profile.get(name, "") for name in ("bank_name", "bank_bic")}
        return {"before": {"account": account_of(tx, approval.participant)} | bank}
    return {}


def _persons(tx: Transaction, participant: str) -> list[Json]:
    members = tx.people.memberships(participant=participant)
    return [_person(tx, one.person) for one in members if one.role == "treasurer"]


def _person(tx: Transaction, person: str) -> Json:
    """A person of the company by name; one of another house (an operator) without."""
    found = tx.people.person(person)
    return {"person": person, "name": str(found.profile.get("name", "")) if found else ""}
