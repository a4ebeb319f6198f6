"""/v1/disclosures, and how doors write down that a person of the house was shown a party's material.

The record is an item of the inbox, written before the answer is sent: no record, no disclosure (503). The worker
carries it into the disclosure log.
"""

from __future__ import annotations

import os
import time
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request

from entrepot.core.crypto import sha256
from entrepot.core.errors import Invalid
from entrepot.core.ids import ENTROPY_BYTES, new_id
from entrepot.store.records import InboxItem
from entrepot.store.reports import PLACE_MAX, Disclosure
from entrepot.store.store import PAGE_MAX, Store, Transaction
from entrepot.workflows.house.disclose import PURPOSE_CHARS_MAX, PURPOSES

from .ask import request_sha256
from .caller import Caller
from .trades import Signed
from .views import is_staff, person_name

router = APIRouter(prefix="/v1", tags=["supervision"])
HEADER = "entrepot-purpose"
SAME_S = 3_600  # opening the same thing again for the same purpose within the hour is one disclosure
Place = Annotated[int, Query(ge=1, le=PLACE_MAX)]


def disclose(
    request: Request, caller: Caller, what: str, about: str, *, whose: tuple[str, ...] = (), settlement: str = ""
) -> None:
    """Writes down that this caller is about to be shown something. Of parties themselves nothing is written.

    Raises: Invalid(purpose_invalid), Unavailable if it cannot be kept: then nothing is shown.
    """
    if caller.role not in PURPOSES or caller.participant in whose:
        return
    purpose, now = purpose_of(request, caller), int(time.time())
    store: Store = request.app.state.store
    with store.read(caller.reader) as tx:
        at = now + tx.checks.clock_offset_s()
    body = {"what": what, "about": about, "whose": sorted(set(whose)), "of": settlement, "purpose": purpose, "at": at}
    same = {name: value for name, value in body.items() if name != "at"}
    key = f"{now // SAME_S}:{request_sha256(same)}"
    item = InboxItem(
        id=new_id(int(time.time() * 1000), os.urandom(ENTROPY_BYTES)),
        source=f"disclosure:{caller.person}:{caller.role}",
        key=key,
        kind="disclosed",
        body=body,
        body_sha256=sha256(key.encode()).hex(),
        received_at=now,
        participant=caller.participant,
        person=caller.person,
        role=caller.role,
    )
    with store.door() as tx:
        kept = tx.inbox.put(item)
    if kept.id == item.id:
        store.wake()


def purpose_of(request: Request, caller: Caller) -> str:
    """The purpose that the caller states in the header Entrepot-Purpose (URL-encoded), else its role's own."""
    stated = request.headers.get(HEADER, "")
    if not stated:
        return PURPOSES[caller.role]
    purpose = unquote(stated, errors="strict") if len(stated) <= 9 * PURPOSE_CHARS_MAX else ""
    if not (0 < len(purpose.strip()) <= PURPOSE_CHARS_MAX and purpose.isprintable()):
        raise Invalid("purpose_invalid", f"A purpose is 1 to {PURPOSE_CHARS_MAX} printable characters.", path=HEADER)
    return purpose.strip()


@router.get("/disclosures")
def disclosures(request: Request, caller: Signed, before: Place = PLACE_MAX, limit: int = 50) -> dict[str, Any]:
    """Who of the house was shown what, newest first; `before` is where the page before ended.

    Staff read all. A party reads what of its own was opened, unless it is confidential; never who by name.
    """
    with request.app.state.store.read(caller.reader) as tx:
        rows = tx.reports.disclosures(before=before, limit=max(1, min(limit, PAGE_MAX)))
        views = [_staff_view(tx, row) if is_staff(caller) else _party_view(row) for row in rows]
    return {
        "disclosures": views,
        "next": rows[-1].place if len(rows) == limit else None,
        "purposes": PURPOSES,
    }


def _party_view(row: Disclosure) -> dict[str, Any]:
    """Without the person, and without the words of a purpose that somebody chose freely."""
    purpose = row.purpose if row.purpose == PURPOSES.get(row.role) else "another purpose, recorded"
    return {"at": row.at, "role": row.role, "what": row.what, "settlement": row.settlement, "purpose": purpose}


def _staff_view(tx: Transaction, row: Disclosure) -> dict[str, Any]:
    names = {one: tx.people.participant(one) for one in row.whose}
    return {
        "id": row.id,
        "place": row.place,
        "at": row.at,
        "person": row.person,
        "person_name": person_name(tx, row.person),
        "role": row.role,
        "what": row.what,
        "about": row.about,
        "settlement": row.settlement,
        "whose": [
            {"id": one, "name": str(found.profile.get("name", "")) if found else ""} for one, found in names.items()
        ],
        "purpose": row.purpose,
        "is_confidential": row.is_confidential,
    }
