"""Invented papers: /v1/document-templates shows each form anywhere; /v1/sandbox/samples fits a trade to try with."""

from __future__ import annotations

import dataclasses
import os
import time
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from fastapi import APIRouter, Request, Response

from entrepot.core.errors import Refused, Unknown
from entrepot.documents import samples
from entrepot.documents.invoice import read_invoice
from entrepot.documents.stated import DeliveryTerms, StatedParty
from entrepot.regimes.regime import DEVELOPMENT_CHAINS
from entrepot.store.records import Participant
from entrepot.store.store import Transaction

from .reading import newest_json
from .trades import Id, Signed
from .views import find, may_see

router = APIRouter(prefix="/v1", tags=["sandbox"])

Kind = Literal["invoice", "packing_list", "transport_document"]
SHIPPED_DAYS_AGO, INVOICED_DAYS_AGO = 5, 8
TEMPLATE_DAY = date(2026, 1, 2)


@router.get("/sandbox/samples/invoice")
def sample_invoice(request: Request, buyer: Id, caller: Signed) -> Response:
    """A UBL invoice of the caller's company to `buyer`, a company that it knows: coffee, numbered afresh each time."""
    _require_sandbox(request)
    with request.app.state.store.read(caller.reader) as tx:
        parties = [tx.people.participant(one) for one in (caller.participant, buyer)]
        issued = _today(tx) - timedelta(days=INVOICED_DAYS_AGO)
    if None in parties:
        raise Unknown("not_found", "There is no such participant.")
    facts = samples.coffee_trade(number=f"SAMPLE-{os.urandom(3).hex()}", issue_date=issued)
    seller_stated, buyer_stated = (_stated(one) for one in parties if one is not None)
    raw = samples.ubl_invoice(dataclasses.replace(facts, seller=seller_stated, buyer=buyer_stated))
    return Response(raw, media_type="application/xml")


@router.get("/sandbox/samples/{settlement}/{kind}")
def sample_paper(request: Request, settlement: Id, kind: Kind, caller: Signed) -> Response:
    """A paper that fits the settlement's invoice, as its seller could present it."""
    _require_sandbox(request)
    with request.app.state.store.read(caller.reader) as tx:
        found = find(tx, settlement)
        kept = [paper for paper in tx.papers.of(found.id, kind="invoice") if paper.body and may_see(paper, caller)]
        terms, today = newest_json(tx, found, "terms"), _today(tx)
    if not kept or terms is None:
        raise Unknown("not_found", "There is no invoice and no terms yet.")
    if kind == "invoice":
        return Response(kept[0].body, media_type=kept[0].media_type)
    facts = samples.facts_from(
        read_invoice(kept[0].body),
        delivery=DeliveryTerms(terms["incoterm"], terms["incoterm_place"]),
        on_board_date=today - timedelta(days=SHIPPED_DAYS_AGO),
    )
    goods = {line["description"]: line.get("hs") for line in terms["lines"]}
    lines = tuple(dataclasses.replace(line, hs=line.hs or goods.get(line.description)) for line in facts.lines)
    write = samples.packing_list if kind == "packing_list" else samples.transport_document
    return Response(write(dataclasses.replace(facts, lines=lines)), media_type="application/json")


@router.get("/document-templates/{kind}")
def document_template(kind: Kind, caller: Signed) -> Response:
    """A paper of an invented sale, as a form to be filled in anew: UBL for the invoice, else our JSON."""
    facts = samples.coffee_trade(number="YOUR-NUMBER", issue_date=TEMPLATE_DAY)
    facts = dataclasses.replace(
        facts,
        seller=StatedParty("Your company, as admitted", "VN"),
        buyer=StatedParty("Your buyer, as admitted", "DE"),
        lines=tuple(dataclasses.replace(line, description="Your goods, as on the invoice") for line in facts.lines),
    )
    if kind == "invoice":
        return Response(samples.ubl_invoice(facts), media_type="application/xml")
    write = samples.packing_list if kind == "packing_list" else samples.transport_document
    return Response(write(facts), media_type="application/json")


def _require_sandbox(request: Request) -> None:
    if request.app.state.facts.chain_id not in DEVELOPMENT_CHAINS:
        raise Refused("sandbox_only", "Samples exist on local development chains only.")


def _today(tx: Transaction) -> date:
    return datetime.fromtimestamp(int(time.time()) + tx.checks.clock_offset_s(), UTC).date()


def _stated(participant: Participant) -> StatedParty:
    """A participant as an invoice names it, as far as the reader may know it."""
    told = participant.profile

    def said(name: str) -> str:
        return str(told.get(name, ""))

    return StatedParty(said("name"), participant.country, said("registration"), said("tax_id"), said("lei"))
