"""/v1/trades and /v1/quotes: an invoice becomes a trade, is quoted and signed by both sides."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from entrepot.core.eip712 import Signable
from entrepot.core.errors import Unknown
from entrepot.core.terms import STRUCT

from .ask import ask
from .caller import Caller, caller_of
from .reading import newest_json, terms_in
from .views import find, settlement_view, signable_view

router = APIRouter(prefix="/v1", tags=["trades"])


def signed_in(request: Request, authorization: Annotated[str | None, Header()] = None) -> Caller:
    """The caller of this request."""
    caller = caller_of(request.app.state.store, authorization)
    request.state.caller = caller
    return caller


KEY_SAYS = "Names this act: the same key again gives the same answer and does nothing twice."
Signed = Annotated[Caller, Depends(signed_in)]
Key = Annotated[
    str, Header(alias="Idempotency-Key", min_length=1, max_length=100, pattern=r"^[ -~]+$", description=KEY_SAYS)
]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Strict(BaseModel):
    """A request body without unknown members."""

    model_config = ConfigDict(extra="forbid")


class Supplied(Strict):
    """Facts that the invoice lacks; they are marked as supplied in the terms."""

    hs: str = Field(default="", pattern=r"^([0-9]{6,10})?$")
    incoterm: str = Field(default="", max_length=3)
    incoterm_place: str = Field(default="", max_length=100)


class NewTrade(Strict):
    """An invoice in UBL 2.1, CII or our JSON (base64) to settle with `buyer`; durations in seconds from now."""

    invoice_base64: str = Field(max_length=7_000_000)
    buyer: Id
    fund_s: int | None = Field(default=None, ge=60, le=90 * 86400)
    present_s: int | None = Field(default=None, ge=120, le=400 * 86400)
    latest_shipment: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    supplied: Supplied = Supplied()


class Signature(Strict):
    """A 65-byte EIP-712 signature, 0x-hex."""

    signature: str = Field(pattern=r"^0x([0-9a-f]{2}){65,1024}$")


class QuoteFor(Strict):
    """What would it cost: an amount in major units of an ISO 4217 currency, or a trade to be quoted afresh."""

    settlement: Id | None = None
    currency: str = Field(default="", pattern=r"^([A-Z]{3})?$")
    amount: str = Field(default="", max_length=40)


def given(body: BaseModel) -> dict[str, Any]:
    """The members that were sent."""
    return body.model_dump(exclude_none=True)


@router.post("/trades", status_code=201)
def propose(request: Request, body: NewTrade, caller: Signed, key: Key) -> JSONResponse:
    """The seller proposes an invoice for settlement and gets a firm quote."""
    return ask(request, caller, "propose", given(body))


@router.get("/trades/{settlement}")
def read_trade(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """The terms, their hash, and the EIP-712 digest that both sides sign."""
    with request.app.state.store.read(caller.reader) as tx:
        found = find(tx, settlement)
        terms = terms_in(tx, found)
        if terms is None:
            raise Unknown("not_found", "The trade has no terms yet.")
        values = terms.onchain()
        large = {"price": str(values["price"]), "fee": str(values["fee"])}
        to_sign = signable_view(Signable(STRUCT, terms.domain, values))
        return {
            "settlement": settlement_view(found, caller),
            "terms": newest_json(tx, found, "terms"),
            "terms_hash": terms.hash(),
            "to_sign": to_sign | {"values": to_sign["values"] | large},
        }


@router.post("/trades/{settlement}/signatures")
def sign(request: Request, settlement: Id, body: Signature, caller: Signed, key: Key) -> JSONResponse:
    """One side signs the terms with its admitted wallet's key."""
    return ask(request, caller, "sign", given(body), settlement=settlement)


@router.post("/trades/{settlement}/withdrawal")
def withdraw(request: Request, settlement: Id, caller: Signed, key: Key) -> JSONResponse:
    """Either side withdraws before money is on its way."""
    return ask(request, caller, "withdraw", {}, settlement=settlement)


@router.post("/quotes")
def quote(request: Request, body: QuoteFor, caller: Signed, key: Key) -> JSONResponse:
    """A firm quote for a trade that is not agreed yet, or an indication for an amount."""
    if body.settlement:
        return ask(request, caller, "requote", {}, settlement=body.settlement)
    return ask(request, caller, "quote", {"currency": body.currency, "amount": body.amount})


class DryRun(Strict):
    """A trade of yours that has terms; for an invoice that is not proposed yet, send what `/v1/trades` takes."""

    settlement: Id


@router.post("/dry-runs")
def dry_run(request: Request, body: NewTrade | DryRun, caller: Signed, key: Key) -> JSONResponse:
    """Is it complete, does it meet the published rules, and at what cost? Nothing is kept, reserved or sent.

    Screening runs once both have signed; it is no part of this, and no answer tells of it. What the other company
    pays or is paid elsewhere is not told either.
    """
    if isinstance(body, NewTrade):
        return ask(request, caller, "dry_run", given(body))
    return ask(request, caller, "dry_run", {}, settlement=body.settlement)
