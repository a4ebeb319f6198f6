"""/v1/settlements and /v1/cases: fund, present, examine, dispute; read state, events, messages and evidence."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from sse_starlette.sse import EventSourceResponse

from entrepot.core.acts import AWARD, DISPUTE, EXAMINATION, PRESENTATION, WAIVER
from entrepot.core.canonical import unhex
from entrepot.core.eip712 import Signable
from entrepot.core.errors import Invalid, Refused, Unknown
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms
from entrepot.documents.trade_documents import read_document
from entrepot.store.store import PAGE_MAX, Store, Transaction
from entrepot.workflows.trade.settle import documents_in, presentation_sha256
from entrepot.workflows.trade.unwind import dispute_sha256

from . import bundle
from .ask import ask
from .caller import Caller
from .disclosures import disclose
from .reading import named, newest_json, terms_in
from .trades import Id, Key, Signature, Signed, Strict, given
from .views import event_view, find, is_staff, may_see, paper_view, payees_view, settlement_view, signable_view

router = APIRouter(prefix="/v1", tags=["settlements"])

EVENTS_PAGE = 200
FROM_NOW = -2  # a cursor that begins with what comes next
POLL_S = 0.5
STREAM_S_MAX = 3600
MESSAGES = ("pacs.008", "camt.054.credit", "camt.054.debit")
DOCUMENTS = ("invoice", "packing_list", "transport_document")


class Funding(Signature):
    """The buyer's EIP-3009 authorisation: `attempt` makes the nonce, the times are Unix seconds."""

    attempt: int = Field(default=0, ge=0, le=2**32)
    valid_after: int = Field(default=0, ge=0)
    valid_before: int = Field(ge=1, le=2**53)


class Presenting(Signature):
    """Documents (base64) signed by the seller as one set."""

    documents_base64: list[str] = Field(min_length=1, max_length=10)


class Examined(Signature):
    """The examiner's signed finding about the documents last presented."""

    complies: bool
    note: str = Field(default="", max_length=500)


class Disputing(Signature):
    """Why a party asks the arbiters; the words stay here, the log and the rail hold their hash."""

    reason: str = Field(min_length=1, max_length=500)


class Awarding(Strict):
    """What the arbiters award to the seller in all, in minor units, with their signatures."""

    to_seller_minor: int = Field(ge=0, le=2**53)
    signatures: list[str] = Field(min_length=1, max_length=5)


class Blocking(Strict):
    """Why an officer blocks, or what a look at a block found."""

    reason: str = Field(min_length=1, max_length=500)


class Statement(Strict):
    """What is to be signed: `act` with what it is about."""

    act: Literal["funding", "presentation", "examination", "waiver", "dispute", "award"]
    documents_base64: list[str] = Field(default=[], max_length=10)
    complies: bool = True
    reason: str = Field(default="", max_length=500)
    to_seller_minor: int = Field(default=0, ge=0)
    attempt: int = Field(default=0, ge=0)
    valid_before: int = Field(default=0, ge=0)


@router.get("/settlements")
def list_settlements(
    request: Request,
    caller: Signed,
    after: Annotated[str, Query(pattern=r"^([0-9a-f]{32})?$")] = "",
    limit: int = 50,
    state: Annotated[str, Query(pattern=r"^[a-z_]{0,20}$")] = "",
) -> dict[str, Any]:
    """Settlements newest first; `after` is the last id of the page before."""
    with request.app.state.store.read(caller.reader) as tx:
        found = _page(tx, caller, after, max(1, min(limit, PAGE_MAX)), state)
        views = [settlement_view(settlement, caller) | named(tx, settlement) for settlement in found]
    return {"settlements": views, "next": views[-1]["id"] if len(views) == limit else None}


def _page(tx: Transaction, caller: Caller, after: str, limit: int, state: str) -> list[Settlement]:
    """One page. `state` is the state that this reader is shown: several of ours may be one of a party's."""
    if not state or is_staff(caller):
        return tx.settlements.page(after=after, limit=limit, state=state)
    found: list[Settlement] = []
    while len(found) < limit and (looked := tx.settlements.page(after=after, limit=PAGE_MAX)):
        found += [one for one in looked if settlement_view(one, caller)["state"] == state]
        after = looked[-1].id
    return found[:limit]


@router.get("/settlements/{settlement}")
def read_settlement(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """One settlement: where the money is, and what happens by when if nobody acts."""
    with request.app.state.store.read(caller.reader) as tx:
        found = find(tx, settlement)
        view = settlement_view(found, caller)
        if is_staff(caller):
            view["decisions"] = [
                newest_json(tx, found, f"decision_{act}") for act in ("fund", "release", "refund", "reject")
            ]
            view["pause"] = newest_json(tx, found, "pause")
        view["quote"] = (newest_json(tx, found, "terms") or {}).get("quote")
        view["supplied"] = (newest_json(tx, found, "terms") or {}).get("supplied", [])
        view["examination"] = newest_json(tx, found, "examination")
        view["disputes"] = [json.loads(paper.body) for paper in tx.papers.of(found.id, kind="dispute") if paper.body]
        view["payee_changes"] = payees_view(tx, found, newest_json(tx, found, "terms"))
    if any(reason["is_confidential"] for one in view.get("decisions", ()) if one for reason in one["reasons"]):
        disclose(request, caller, "decision", settlement, whose=(found.seller, found.buyer), settlement=settlement)
    return view


@router.post("/settlements/{settlement}/statements")
def to_sign(request: Request, settlement: Id, body: Statement, caller: Signed) -> dict[str, Any]:
    """What an act needs signed, as its digest and as EIP-712 typed data for a wallet; changes nothing."""
    with request.app.state.store.read(caller.reader) as tx:
        found = find(tx, settlement)
        terms = terms_in(tx, found)
        if terms is None:
            raise Unknown("not_found", "The trade has no terms yet.")
        if body.act == "funding":
            paying = request.app.state.facts.authorization(found, terms, body.attempt, body.valid_before)
            return signable_view(paying) | {"amount_minor": str(found.total_minor), "asset": found.asset}
        return signable_view(_statement(found, terms, body))


def _statement(found: Settlement, terms: Terms, body: Statement) -> Signable:
    values: dict[str, Any] = {"escrow": found.escrow, "terms_hash": unhex(found.terms_hash, size=32)}
    documents = found.documents_sha256
    if body.act == "presentation":
        documents = presentation_sha256(found, documents_in({"documents_base64": body.documents_base64}))
        values |= {"documents_sha256": unhex(documents, size=32), "round": found.round + 1}
        struct = PRESENTATION
    elif body.act in ("examination", "waiver"):
        if not documents:
            raise Refused("not_in_this_state", "No documents have been presented.")
        values |= {"documents_sha256": unhex(documents, size=32), "round": found.round}
        struct = WAIVER if body.act == "waiver" else EXAMINATION
        values |= {"complies": body.complies} if body.act == "examination" else {}
    elif body.act == "dispute":
        if not body.reason:
            raise Invalid("malformed", "A dispute names its reason.", path="reason")
        struct, values = DISPUTE, values | {"reason_sha256": unhex(dispute_sha256(found, body.reason), size=32)}
    else:
        struct, values = AWARD, values | {"to_seller": body.to_seller_minor}
    return Signable(struct, terms.domain, values)


@router.post("/settlements/{settlement}/funding")
def fund(request: Request, settlement: Id, body: Funding, caller: Signed, key: Key) -> JSONResponse:
    """The buyer pays into escrow by a signed authorisation; it needs no gas coin."""
    return ask(request, caller, "fund", given(body), settlement=settlement)


@router.post("/settlements/{settlement}/presentations")
def present(request: Request, settlement: Id, body: Presenting, caller: Signed, key: Key) -> JSONResponse:
    """The seller presents documents."""
    return ask(request, caller, "present", given(body), settlement=settlement)


@router.post("/settlements/{settlement}/examinations")
def examine(request: Request, settlement: Id, body: Examined, caller: Signed, key: Key) -> JSONResponse:
    """The examiner says whether the documents comply."""
    return ask(request, caller, "examine", given(body), settlement=settlement)


@router.post("/settlements/{settlement}/waivers")
def waive(request: Request, settlement: Id, body: Signature, caller: Signed, key: Key) -> JSONResponse:
    """The buyer takes discrepant documents as they are."""
    return ask(request, caller, "waive", given(body), settlement=settlement)


@router.post("/settlements/{settlement}/disputes")
def dispute(request: Request, settlement: Id, body: Disputing, caller: Signed, key: Key) -> JSONResponse:
    """A party asks the arbiters."""
    return ask(request, caller, "dispute", given(body), settlement=settlement)


@router.post("/settlements/{settlement}/awards")
def award(request: Request, settlement: Id, body: Awarding, caller: Signed, key: Key) -> JSONResponse:
    """The arbiters award."""
    return ask(request, caller, "award", given(body), settlement=settlement)


@router.post("/settlements/{settlement}/blocks")
def block(request: Request, settlement: Id, body: Blocking, caller: Signed, key: Key) -> JSONResponse:
    """An officer blocks what touches a listed person's interest."""
    return ask(request, caller, "block", given(body), settlement=settlement)


@router.post("/settlements/{settlement}/block-reviews")
def review_block(request: Request, settlement: Id, body: Blocking, caller: Signed, key: Key) -> JSONResponse:
    """An officer has looked at a block again: it stands, and is looked at a period later."""
    return ask(request, caller, "review_block", given(body), settlement=settlement)


@router.post("/settlements/{settlement}/fee-claims")
def claim_fee(request: Request, settlement: Id, caller: Signed, key: Key) -> JSONResponse:
    """The operator takes the fee that was earned."""
    return ask(request, caller, "claim_fee", {}, settlement=settlement)


@router.get("/settlements/{settlement}/events")
async def events(request: Request, settlement: Id, caller: Signed, after: int = -1, live: bool = False) -> Response:
    """Events in log order after leaf index `after`; with `live`, as server-sent events that go on from there."""
    store: Store = request.app.state.store
    first = await anyio.to_thread.run_sync(lambda: _events(store, settlement, caller, after))
    if not live:
        return JSONResponse({"events": first, "next": first[-1]["index"] if first else after})

    async def stream() -> AsyncIterator[dict[str, Any]]:
        cursor = after
        for _ in range(int(STREAM_S_MAX / POLL_S)):
            for view in await anyio.to_thread.run_sync(_events, store, settlement, caller, cursor):
                cursor = view["index"]
                yield {"id": str(cursor), "event": view["event"], "data": json.dumps(view)}
            await anyio.sleep(POLL_S)

    return EventSourceResponse(stream())


@router.get("/activity")
def activity(request: Request, caller: Signed, after: int = -1, limit: int = EVENTS_PAGE) -> dict[str, Any]:
    """Events of all settlements that this reader may know of, in log order after leaf index `after`; -2 for none.

    `next` is where to go on: the one cursor of live pages, webhooks and reports.
    """
    with request.app.state.store.read(caller.reader) as tx:
        if after == FROM_NOW:
            return {"events": [], "next": tx.log.size() - 1}
        logged = tx.log.leaves(after=after, limit=max(1, min(limit, EVENTS_PAGE)))
    views = [view for entry in logged if (view := event_view(entry, caller)) is not None]
    return {"events": views, "next": logged[-1].index if logged else after}


def _events(store: Store, settlement: str, caller: Caller, after: int) -> list[dict[str, Any]]:
    with store.read(caller.reader) as tx:
        logged = tx.settlements.events(find(tx, settlement).id)
    views = (event_view(entry, caller) for entry in logged if entry.index > after)
    return [view for view in views if view is not None][:EVENTS_PAGE]


@router.get("/settlements/{settlement}/messages")
def messages(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """The messages of a settlement that are addressed to this reader."""
    with request.app.state.store.read(caller.reader) as tx:
        return {"messages": [paper_view(paper) for paper in _papers(tx, find(tx, settlement), caller, MESSAGES)]}


@router.get("/settlements/{settlement}/documents")
def documents(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """The documents of a settlement that this reader may see."""
    with request.app.state.store.read(caller.reader) as tx:
        return {"documents": [paper_view(paper) for paper in _papers(tx, find(tx, settlement), caller, DOCUMENTS)]}


@router.get("/settlements/{settlement}/papers/{paper}")
def read_paper(request: Request, settlement: Id, paper: Id, caller: Signed) -> Response:
    """The original bytes of a message or document."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.papers.get(paper)
        if found is None or found.settlement != find(tx, settlement).id or not may_see(found, caller):
            raise Unknown("not_found", "There is no such paper.")
        whose = tuple(one for one in (found.owner, *found.visible_to) if one)
    disclose(request, caller, "document", paper, whose=whose, settlement=settlement)
    return Response(found.body, media_type=found.media_type, headers={"X-Content-Type-Options": "nosniff"})


def _papers(tx: Transaction, settlement: Settlement, caller: Caller, kinds: tuple[str, ...]) -> list[Any]:
    return [paper for kind in kinds for paper in tx.papers.of(settlement.id, kind=kind) if may_see(paper, caller)]


@router.get("/settlements/{settlement}/papers/{paper}/reading")
def reading(request: Request, settlement: Id, paper: Id, caller: Signed) -> dict[str, Any]:
    """What a presented document states, in our own schema, whatever syntax it came in."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.papers.get(paper)
        if found is None or found.settlement != find(tx, settlement).id or not may_see(found, caller):
            raise Unknown("not_found", "There is no such paper.")
        if found.kind not in DOCUMENTS or not found.body:
            raise Unknown("not_found", "This paper is no document that can be read.")
        return {"kind": found.kind, "states": read_document(found.body).to_json()}


@router.get("/settlements/{settlement}/evidence")
def evidence(request: Request, settlement: Id, caller: Signed) -> Response:
    """The evidence bundle: canonical JSON that `entrepot verify` checks offline."""
    with request.app.state.store.read(caller.reader) as tx:
        found = find(tx, settlement)
        raw = bundle.build(tx, found, caller, request.app.state.facts.sign_manifest)
    disclose(request, caller, "evidence", settlement, whose=(found.seller, found.buyer), settlement=settlement)
    return Response(
        raw,
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{settlement}.bundle.json"'},
    )
