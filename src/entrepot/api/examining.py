"""/v1/presentations: what waits for the examiner, and what the rules find in it before anybody signs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from entrepot.core.errors import Unknown
from entrepot.core.lifecycle import State
from entrepot.store.store import PAGE_MAX
from entrepot.workflows.trade.settle import examined_in

from .caller import Caller
from .reading import named, terms_in
from .trades import Id, Signed
from .views import find, is_staff, settlement_view

router = APIRouter(prefix="/v1", tags=["settlements"])

PAGES_MAX = 20


@router.get("/presentations")
def presentations(request: Request, caller: Signed) -> dict[str, Any]:
    """Presentations that nobody has examined yet, the nearest deadline first; for examiners and staff."""
    _require_examiner(caller)
    waiting: list[dict[str, Any]] = []
    with request.app.state.store.read(caller.reader) as tx:
        after = ""
        for _ in range(PAGES_MAX):
            page = tx.settlements.page(after=after, limit=PAGE_MAX)
            waiting += [
                settlement_view(one, caller) | named(tx, one)
                for one in page
                if one.shown_state is State.PRESENTED and not one.complies
            ]
            if len(page) < PAGE_MAX:
                break
            after = page[-1].id
    return {"presentations": sorted(waiting, key=lambda view: view["examine_by"] or 0)}


@router.get("/settlements/{settlement}/findings")
def findings(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """What the rules find in the documents last presented, each with its rule: for the examiner, before signing."""
    _require_examiner(caller)
    with request.app.state.store.read(caller.reader) as tx:
        found = find(tx, settlement)
        terms = terms_in(tx, found)
        if terms is None or not found.documents_sha256:
            raise Unknown("not_found", "No documents have been presented.")
        return examined_in(tx, found, terms).to_json()


def _require_examiner(caller: Caller) -> None:
    if caller.role != "examiner" and not is_staff(caller):
        raise Unknown("not_found", "There is no such page.")
