"""Builds an evidence bundle from what this reader may see; what is withheld is later named as not checked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from entrepot.core import log
from entrepot.core.canonical import Json, hex0x
from entrepot.core.errors import Refused, declare
from entrepot.core.evidence import seal
from entrepot.core.ledger import Transfer
from entrepot.core.lifecycle import CONFIDENTIAL, State
from entrepot.core.settlement import Settlement, replay
from entrepot.store.records import LoggedEvent, Paper
from entrepot.store.store import Transaction
from entrepot.workflows.trade.settle import latest_papers

from .caller import Caller
from .reading import newest_json
from .views import may_see

ACTS = ("fund", "release", "refund", "reject", "return", "fee")
MESSAGES = ("pacs.008", "camt.054.credit", "camt.054.debit")

declare("Refused", nothing_to_prove="The settlement has no terms and no log entries yet.")


def build(tx: Transaction, settlement: Settlement, caller: Caller, sign: Callable[[bytes], bytes]) -> bytes:
    """Canonical bytes of the bundle. Raises: Refused(nothing_to_prove)."""
    terms = newest_json(tx, settlement, "terms")
    newest = tx.log.checkpoint()
    if terms is None or newest is None:
        raise Refused("nothing_to_prove", "The settlement has no terms and no log entries yet.")
    logged = [entry for entry in tx.settlements.events(settlement.id) if entry.event.kind not in CONFIDENTIAL]
    size, checkpoint = newest
    told = {entry.event.facts.get("transaction") for entry in logged}  # the receipt of a hold would tell of it
    parts: Json = {
        "settlement": {
            "id": settlement.id,
            "state": _public_state(settlement, logged),
            "created_at": settlement.created_at,
            "escrow": settlement.escrow,
            "terms_hash": settlement.terms_hash,
            "opening_dates": {"propose_by": settlement.dates["propose_by"]},
        },
        "terms": terms,
        "signatures": _signatures(tx, settlement),
        "decisions": _decisions(tx, settlement, caller),
        "passports": [
            json.loads(paper.body)
            for act in ACTS
            for paper in tx.papers.of(settlement.id, kind=f"passport_{act}")
            if may_see(paper, caller)
        ],
        "examination": newest_json(tx, settlement, "examination") or {},
        "documents": _documents(tx, settlement, caller),
        "events": [_entry(tx, entry, size) for entry in logged],
        "checkpoint": checkpoint,
        "receipts": [
            {
                "transaction": kept.transaction,
                "block_number": kept.block_number,
                "block_hash": kept.block_hash,
                "header": hex0x(kept.header),
                "index": kept.index,
                "proof": [hex0x(node) for node in kept.proof],
            }
            for kept in {kept.transaction: kept for kept in tx.rails.receipts(settlement.id)}.values()
            if kept.transaction in told
        ],
        "transfers": [transfer_json(move) for move in tx.ledger.transfers_of(settlement.id)],
        "messages": [
            {"kind": paper.kind, "body_base64": _base64(paper)}
            for kind in MESSAGES
            for paper in tx.papers.of(settlement.id, kind=kind)
            if may_see(paper, caller)
        ],
        "simulated": {"rates": "simulated" in terms["quote"]["rate_source"], "supplied": terms["supplied"]},
    }
    return seal(parts, sign)


def transfer_json(move: Transfer) -> Json:
    """A transfer as it stands in the bundle."""
    return {
        "id": move.id,
        "debit": move.debit,
        "credit": move.credit,
        "amount_minor": str(move.amount_minor),
        "phase": move.phase.value,
        "pending_id": move.pending_id,
    }


def _public_state(settlement: Settlement, logged: list[LoggedEvent]) -> str:
    """The state that the events in the bundle lead to: what confidential events did in between does not show."""
    replayed = replay(
        Settlement(
            id=settlement.id,
            seller=settlement.seller,
            buyer=settlement.buyer,
            state=State.PROPOSED,
            created_at=settlement.created_at,
            dates={"propose_by": settlement.dates["propose_by"]},
        ),
        [entry.event for entry in logged],
    )
    return replayed.state.value


def _entry(tx: Transaction, logged: LoggedEvent, size: int) -> Json:
    proof = log.inclusion_proof(logged.index, size, tx.log.node)
    return {"leaf": logged.leaf.decode(), "index": logged.index, "proof": [hex0x(node) for node in proof]}


def _signatures(tx: Transaction, settlement: Settlement) -> Json:
    signed = {side: newest_json(tx, settlement, f"signature_{side}") for side in ("seller", "buyer")}
    return {side: body["signature"] for side, body in signed.items() if body and side in settlement.signed_by}


def _decisions(tx: Transaction, settlement: Settlement, caller: Caller) -> list[Any]:
    """Decisions as far as this reader may see them: one with a confidential reason is withheld from parties."""
    papers = [
        paper for act in ACTS for paper in tx.papers.of(settlement.id, kind=f"decision_{act}") if may_see(paper, caller)
    ]
    return [json.loads(paper.body) for paper in papers]


def _documents(tx: Transaction, settlement: Settlement, caller: Caller) -> Json:
    presented = [
        {"kind": paper.kind, "sha256": "0x" + paper.sha256}
        | ({"body_base64": _base64(paper)} if may_see(paper, caller) else {})
        for paper in latest_papers(tx, settlement)
    ]
    return {"presented": presented}


def _base64(paper: Paper) -> str:
    return base64.b64encode(paper.body).decode()
