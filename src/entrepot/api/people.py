"""/v1/participants, /v1/memberships, /v1/wallets: who is here and what they may do."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from entrepot.core.canonical import hex0x
from entrepot.core.errors import Unknown
from entrepot.core.party import caip10
from entrepot.store.records import Participant
from entrepot.store.store import Transaction
from entrepot.workflows.checks.payee import ownership as owned_by
from entrepot.workflows.checks.standing import suspended_until
from entrepot.workflows.house.admission import DOCUMENT, FILE, missing

from .ask import ask
from .caller import Caller
from .disclosures import disclose
from .trades import Id, Key, Signature, Signed, Strict, given
from .views import is_staff, participant_view, person_name

router = APIRouter(prefix="/v1", tags=["people"])


Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


class Director(Strict):
    """A person who directs; names are screened when payments are checked."""

    name: str = Field(min_length=1, max_length=140)
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$")
    born: str = Field(default="", pattern=r"^(\d{4}(-\d{2}(-\d{2})?)?)?$")


class Owner(Director):
    """Who owns 25% or more, or controls."""

    kind: Literal["person", "organization"] = "person"
    share_percent: int = Field(default=0, ge=0, le=100)
    controls: bool = False


class Risk(Strict):
    """How the operator rates the participant, and why; the participant is not shown it."""

    rating: Literal["low", "medium", "high"]
    notes: str = Field(default="", max_length=2000)


class NewDocument(Strict):
    """A document of the KYB file: PDF, PNG, JPEG or plain text, base64."""

    name: str = Field(min_length=1, max_length=140)
    kind: str = Field(min_length=1, max_length=60)
    base64: str = Field(min_length=1, max_length=7_000_000)


class NewParticipant(Strict):
    """The KYB file of someone who applies, or (with `id`) its next version; a second operator confirms it.

    Documents are added to those that are there. `simulated` marks what a demo operator made up.
    """

    id: Id | None = None
    kind: Literal["company", "bank", "operator", "examiner", "authority"] = "company"
    name: str = Field(min_length=1, max_length=140)
    country: str = Field(pattern=r"^[A-Z]{2}$")
    lei: str = Field(default="", max_length=20)
    registration: str = Field(default="", max_length=60)
    tax_id: str = Field(default="", max_length=60)
    bank_name: str = Field(default="", max_length=140)
    bank_bic: str = Field(default="", max_length=11)
    address: str = Field(default="", max_length=140)
    directors: list[Director] = Field(default=[], max_length=30)
    owners: list[Owner] = Field(default=[], max_length=30)
    no_owner_over_25: bool = False
    risk: Risk | None = None
    documents: list[NewDocument] = Field(default=[], max_length=20)
    reason: str = Field(default="", max_length=500)
    simulated: str = Field(default="", max_length=140)


class NewWallet(Signature):
    """A wallet (CAIP-10) with its key's signature over the participant's id."""

    participant: Id
    account: str = Field(max_length=100)


@router.get("/participants")
def participants(request: Request, caller: Signed) -> dict[str, Any]:
    """Participants, admitted or not yet: staff see all, a company itself and those it trades with."""
    disclose(request, caller, "participants", "")
    with request.app.state.store.read(caller.reader) as tx:
        return {"participants": [_view(tx, entry, caller) for entry in tx.people.participants()]}


def _view(tx: Transaction, participant: Participant, caller: Caller) -> dict[str, Any]:
    """A participant; staff see its wallets and what its file lacks, too."""
    view = participant_view(participant, caller) | _standing(tx, participant, caller)
    if not is_staff(caller):
        return view
    return view | {
        "wallets": [entry.account for entry in tx.people.wallets(participant.id)],
        "missing": missing(participant.kind, participant.profile),
        "version": participant.version,
        "admitted_at": participant.admitted_at,
    }


def _standing(tx: Transaction, participant: Participant, caller: Caller) -> dict[str, Any]:
    """Until when it is suspended: for staff and for itself; whoever trades with it reads nothing of it."""
    if not is_staff(caller) and caller.participant != participant.id:
        return {}
    now = int(time.time()) + tx.checks.clock_offset_s()
    return {"paused_until": suspended_until(tx, participant.id, now) or None}


@router.post("/participants", status_code=201)
def admit(request: Request, body: NewParticipant, caller: Signed, key: Key) -> JSONResponse:
    """An operator files an application or a new version of a KYB file, as a change that a second operator confirms."""
    return ask(request, caller, "admit", given(body))


@router.get("/participants/{participant}")
def read_participant(request: Request, participant: Id, caller: Signed) -> dict[str, Any]:
    """One participant with its wallets."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.people.participant(participant)
        if found is None:
            raise Unknown("not_found", "There is no such participant.")
        wallets = [entry.account for entry in tx.people.wallets(participant)]
        view = _view(tx, found, caller) | {"wallets": wallets}
    disclose(request, caller, "participant", participant, whose=(participant,))
    return view


@router.get("/participants/{participant}/files/{kyb}")
def read_file(request: Request, participant: Id, kyb: Id, caller: Signed) -> Response:
    """A document of a KYB file, or a version of the file itself, as its original bytes; for staff."""
    with request.app.state.store.read(caller.reader) as tx:
        paper = tx.papers.get(kyb)
        if not is_staff(caller) or paper is None or paper.owner != participant or paper.kind not in (FILE, DOCUMENT):
            raise Unknown("not_found", "There is no such file.")
    disclose(request, caller, "participant", participant, whose=(participant,))
    return Response(paper.body, media_type=paper.media_type, headers={"content-disposition": "attachment"})


@router.get("/memberships")
def memberships(request: Request, caller: Signed) -> dict[str, Any]:
    """Who may act for whom: staff see all, a company its own."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.people.memberships(participant="" if is_staff(caller) else caller.participant)
        return {
            "memberships": [
                {
                    "person": entry.person,
                    "participant": entry.participant,
                    "role": entry.role,
                    "name": person_name(tx, entry.person),
                }
                for entry in found
            ]
        }


@router.get("/wallets/ownership/{participant}/{address}")
def ownership(request: Request, participant: Id, address: Address, caller: Signed) -> dict[str, Any]:
    """What a wallet's key signs to prove whose it is: digest, typed data (EIP-712), and the account (CAIP-10)."""
    facts, lower = request.app.state.facts, address.lower()
    statement = owned_by(facts.chain_id, facts.factory, participant, lower)
    return {
        "digest": hex0x(statement.digest()),
        "typed_data": statement.typed_data(),
        "account": caip10(facts.chain_id, lower),
    }


@router.post("/wallets", status_code=201)
def add_wallet(request: Request, body: NewWallet, caller: Signed, key: Key) -> JSONResponse:
    """Admits a wallet whose key signed for the participant."""
    return ask(request, caller, "add_wallet", given(body))
