"""/v1/participants, /v1/memberships, /v1/wallets: who is here and what they may do."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.canonical import hex0x
from entrepot.core.errors import Unknown
from entrepot.store.records import Participant
from entrepot.store.store import Transaction
from entrepot.workflows.payee import ownership_digest
from entrepot.workflows.standing import suspended_until

from .ask import ask
from .caller import Caller
from .disclosures import disclose
from .trades import Id, Key, Signature, Signed, Strict, given
from .views import is_staff, participant_view

router = APIRouter(prefix="/v1", tags=["people"])


Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


class NewParticipant(Strict):
    """Someone to admit, or (with `id`) whose profile changed. `simulated` marks what a demo operator made up."""

    id: Id | None = None
    kind: Literal["company", "bank", "operator", "examiner", "authority"] = "company"
    name: str = Field(min_length=1, max_length=140)
    country: str = Field(pattern=r"^[A-Z]{2}$")
    lei: str = Field(default="", max_length=20)
    registration: str = Field(default="", max_length=60)
    tax_id: str = Field(default="", max_length=60)
    bank_name: str = Field(default="", max_length=140)
    bank_bic: str = Field(default="", max_length=11)
    simulated: str = Field(default="", max_length=140)


class NewWallet(Signature):
    """A wallet (CAIP-10) with its key's signature over the participant's id."""

    participant: Id
    account: str = Field(max_length=100)


@router.get("/participants")
def participants(request: Request, caller: Signed) -> dict[str, Any]:
    """Admitted participants: staff see all, a company itself and those it trades with."""
    disclose(request, caller, "participants", "")
    with request.app.state.store.read(caller.reader) as tx:
        return {
            "participants": [
                participant_view(entry, caller) | _standing(tx, entry, caller) for entry in tx.people.participants()
            ]
        }


def _standing(tx: Transaction, participant: Participant, caller: Caller) -> dict[str, Any]:
    """Until when it is suspended: for staff and for itself; whoever trades with it reads nothing of it."""
    if not is_staff(caller) and caller.participant != participant.id:
        return {}
    now = int(time.time()) + tx.checks.clock_offset_s()
    return {"paused_until": suspended_until(tx, participant.id, now) or None}


@router.post("/participants", status_code=201)
def admit(request: Request, body: NewParticipant, caller: Signed, key: Key) -> JSONResponse:
    """The operator admits a participant."""
    return ask(request, caller, "admit", given(body))


@router.get("/participants/{participant}")
def read_participant(request: Request, participant: Id, caller: Signed) -> dict[str, Any]:
    """One participant with its wallets."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.people.participant(participant)
        if found is None:
            raise Unknown("not_found", "There is no such participant.")
        wallets = [entry.account for entry in tx.people.wallets(participant)]
        standing = _standing(tx, found, caller)
    disclose(request, caller, "participant", participant, whose=(participant,))
    return participant_view(found, caller) | {"wallets": wallets} | standing


@router.get("/memberships")
def memberships(request: Request, caller: Signed) -> dict[str, Any]:
    """Who may act for whom: staff see all, a company its own."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.people.memberships(participant="" if is_staff(caller) else caller.participant)
        return {
            "memberships": [
                {"person": entry.person, "participant": entry.participant, "role": entry.role} for entry in found
            ]
        }


@router.get("/wallets/ownership/{participant}/{address}")
def ownership(request: Request, participant: Id, address: Address, caller: Signed) -> dict[str, str]:
    """The digest that a wallet's key signs to prove whose it is."""
    facts = request.app.state.facts
    return {"digest": hex0x(ownership_digest(facts.chain_id, facts.factory, participant, address))}


@router.post("/wallets", status_code=201)
def add_wallet(request: Request, body: NewWallet, caller: Signed, key: Key) -> JSONResponse:
    """Admits a wallet whose key signed for the participant."""
    return ask(request, caller, "add_wallet", given(body))
