"""/v1/ledger and /v1/log: the books, and the proofs that nothing in the log was changed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from entrepot.core import log
from entrepot.core.bookkeeping import accounts_of
from entrepot.core.canonical import hex0x
from entrepot.core.errors import Invalid, Unknown
from entrepot.core.lifecycle import CONFIDENTIAL
from entrepot.core.settlement import Settlement
from entrepot.store.reports import PLACE_MAX
from entrepot.store.store import PAGE_MAX, Transaction

from .bundle import transfer_json
from .caller import Caller
from .trades import Id, Signed
from .views import find, is_staff

router = APIRouter(prefix="/v1", tags=["proof"])
Whole = Annotated[int, Query(ge=0, le=PLACE_MAX)]


@router.get("/ledger/accounts")
def accounts(request: Request, caller: Signed, settlement: Id | None = None) -> dict[str, Any]:
    """Accounts of the settlements that this reader may see, with their class and owner."""
    with request.app.state.store.read(caller.reader) as tx:
        found = [find(tx, settlement)] if settlement else tx.settlements.page(limit=PAGE_MAX)
        rows = {entry.id: entry for one in found if one.asset for entry in _visible(one, caller)}
        return {
            "accounts": [
                {"id": entry.id, "class": entry.account_class.value, "owner": entry.owner, "asset": entry.asset}
                for entry in rows.values()
            ]
        }


@router.get("/ledger/balances")
def balances(request: Request, caller: Signed, settlement: Id, at: Whole | None = None) -> dict[str, Any]:
    """Balances of one settlement's accounts in minor units, now or at a time (Unix seconds)."""
    with request.app.state.store.read(caller.reader) as tx:
        found = find(tx, settlement)
        entries = _visible(found, caller) if found.asset else ()
        held = tx.ledger.balances([entry.id for entry in entries], at=at)
        return {
            "balances": [
                {
                    "account": entry.id,
                    "class": entry.account_class.value,
                    "asset": entry.asset,
                    "posted_minor": str(held[entry.id].posted_minor),
                    "available_minor": str(held[entry.id].available_minor),
                }
                for entry in entries
                if entry.id in held
            ]
        }


@router.get("/ledger/transfers")
def transfers(request: Request, caller: Signed, settlement: Id) -> dict[str, Any]:
    """The transfers of one settlement."""
    with request.app.state.store.read(caller.reader) as tx:
        find(tx, settlement)
        moves = tx.ledger.transfers_of(settlement)
        return {"transfers": [transfer_json(move) | {"at": move.at, "event": move.event} for move in moves]}


def _visible(settlement: Settlement, caller: Caller) -> tuple[Any, ...]:
    """Staff see all accounts; a party the settlement's own, not the other side's."""
    entries = accounts_of(settlement)
    return entries if is_staff(caller) else tuple(e for e in entries if e.owner in (settlement.id, caller.participant))


@router.get("/log/checkpoint")
def checkpoint(request: Request, caller: Signed, size: Whole | None = None) -> dict[str, Any]:
    """The newest signed checkpoint, or the one at `size`. Source: C2SP tlog-checkpoint."""
    with request.app.state.store.read(caller.reader) as tx:
        found = tx.log.checkpoint(size=size)
        if found is None:
            raise Unknown("not_found", "There is no such checkpoint.")
        return {"size": found[0], "note": found[1]}


@router.get("/log/checkpoints")
def checkpoints(request: Request, caller: Signed, before: Whole = PLACE_MAX, limit: int = 50) -> dict[str, Any]:
    """Signed checkpoints, largest first, smaller than `before`, each with when it was made (Unix seconds)."""
    with request.app.state.store.read(caller.reader) as tx:
        rows = tx.reports.checkpoints(before=before, limit=max(1, min(limit, PAGE_MAX)))
        return {"checkpoints": [{"size": size, "note": note, "at": at} for size, note, at in rows]}


@router.get("/log/inclusion/{settlement}")
def inclusion(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """Inclusion proofs of a settlement's leaves under the newest checkpoint. Source: RFC 9162 section 2.1.3."""
    with request.app.state.store.read(caller.reader) as tx:
        found, newest = find(tx, settlement), tx.log.checkpoint()
        if newest is None:
            raise Unknown("not_found", "There is no checkpoint yet.")
        logged = [
            entry
            for entry in tx.settlements.events(found.id)
            if entry.event.kind not in CONFIDENTIAL or is_staff(caller)
        ]
        return {
            "checkpoint": newest[1],
            "leaves": [
                {"index": entry.index, "leaf": entry.leaf.decode(), "proof": _proof(tx, entry.index, newest[0])}
                for entry in logged
            ],
        }


def _proof(tx: Transaction, index: int, size: int) -> list[str]:
    return [hex0x(node) for node in log.inclusion_proof(index, size, tx.log.node)]


@router.get("/log/consistency")
def consistency(request: Request, caller: Signed, old: Whole, new: Whole) -> dict[str, Any]:
    """The proof that the log of size `new` begins with the log of size `old`. Source: RFC 9162 section 2.1.4."""
    with request.app.state.store.read(caller.reader) as tx:
        if not 0 < old <= new <= tx.log.size():
            raise Invalid("malformed", f"0 < old <= new <= {tx.log.size()}.", path="old")
        return {"proof": [hex0x(node) for node in log.consistency_proof(old, new, tx.log.node)]}
