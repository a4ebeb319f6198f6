"""/v1/information-requests and notices: what a party is asked for and answers, and what an owner of held money is told.

A party reads the same of every request, whoever sent it: what to provide, until when. Who asked is for staff.
"""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from entrepot.core.errors import Unknown
from entrepot.store.records import Paper
from entrepot.store.store import Transaction
from entrepot.workflows.house.inform import (
    ANSWER,
    ANSWER_CHARS_MAX,
    DAY_S,
    FILE,
    FILE_BYTES_MAX,
    FILE_NAME_CHARS_MAX,
    FILES_MAX,
    FREE_TEXT_CHARS_MAX,
    NOTICE,
    REQUEST,
    REQUEST_SENT,
    TEMPLATES,
    due_at,
    forbidden_in,
)

from .ask import ask
from .caller import Caller
from .disclosures import disclose
from .reading import newest_json
from .trades import Id, Key, Signed, Strict, given
from .views import find, is_staff, may_see, person_name

router = APIRouter(prefix="/v1", tags=["information"])
BASE64_CHARS_MAX = FILE_BYTES_MAX * 4 // 3 + 4


class NewRequest(Strict):
    """What to ask one side for: sentences by name, and a free text that says nothing of why."""

    to: Literal["seller", "buyer"]
    items: list[Annotated[str, Field(max_length=20, json_schema_extra={"enum": list(TEMPLATES)})]] = Field(
        default=[], max_length=len(TEMPLATES)
    )
    text: str = Field(default="", max_length=FREE_TEXT_CHARS_MAX)


class File(Strict):
    """A file of an answer."""

    name: str = Field(min_length=1, max_length=FILE_NAME_CHARS_MAX)
    content_base64: str = Field(min_length=1, max_length=BASE64_CHARS_MAX)


class NewAnswer(Strict):
    """What the party provides: a text, files, or both."""

    text: str = Field(default="", max_length=ANSWER_CHARS_MAX)
    files: list[File] = Field(default=[], max_length=FILES_MAX)


class Wording(Strict):
    """A free text to be tried before it is sent."""

    text: str = Field(max_length=FREE_TEXT_CHARS_MAX)


@router.get("/information-requests")
def requests(request: Request, caller: Signed) -> dict[str, Any]:
    """Requests for information, newest first: a party's own, staff see all."""
    with request.app.state.store.read(caller.reader) as tx:
        papers = [paper for paper in reversed(tx.papers.by_kind(REQUEST)) if paper.body and may_see(paper, caller)]
        return {"requests": [_request(tx, paper, caller) for paper in papers]}


@router.get("/information-requests/templates")
def templates(request: Request, caller: Signed) -> dict[str, Any]:
    """The sentences that a request is made of; for staff."""
    if not is_staff(caller):
        raise Unknown("not_found", "There is no such request.")
    return {"templates": [{"item": name, "says": says} for name, says in TEMPLATES.items()]}


@router.post("/information-requests/wordings")
def try_wording(request: Request, body: Wording, caller: Signed) -> dict[str, Any]:
    """Whether a free text may be sent, the first word that forbids it, and when a request of now falls due; for staff.

    Changes nothing.
    """
    if not is_staff(caller):
        raise Unknown("not_found", "There is no such request.")
    word = forbidden_in(body.text)
    with request.app.state.store.read(caller.reader) as tx:
        now = int(time.time()) + tx.checks.clock_offset_s()
    return {"may_be_sent": not word, "word": word, "due_at": due_at(now)}


@router.get("/information-requests/{request_id}")
def read(request: Request, request_id: Id, caller: Signed) -> dict[str, Any]:
    """One request with its answers."""
    with request.app.state.store.read(caller.reader) as tx:
        return _request(tx, _paper(tx, request_id, REQUEST, caller), caller)


@router.get("/information-requests/{request_id}/files/{file}")
def read_file(request: Request, request_id: Id, file: Id, caller: Signed) -> Response:
    """A file of an answer, to be downloaded, never shown."""
    with request.app.state.store.read(caller.reader) as tx:
        asked = _paper(tx, request_id, REQUEST, caller)
        found = _paper(tx, file, FILE, caller)
        if found.settlement != asked.settlement:
            raise Unknown("not_found", "There is no such request.")
    disclose(request, caller, "document", file, whose=(found.owner,), settlement=found.settlement)
    headers = {
        "Content-Disposition": f'attachment; filename="{found.id}.bin"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
    }
    return Response(found.body, media_type="application/octet-stream", headers=headers)


@router.post("/information-requests/{request_id}/answers", status_code=201)
def answer(request: Request, request_id: Id, body: NewAnswer, caller: Signed, key: Key) -> JSONResponse:
    """The party answers with text and files."""
    return ask(request, caller, "answer_request", given(body) | {"request": request_id})


@router.get("/settlements/{settlement}/information-requests")
def of_settlement(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """The requests of one settlement, oldest first."""
    with request.app.state.store.read(caller.reader) as tx:
        papers = tx.papers.of(find(tx, settlement).id, kind=REQUEST)
        return {"requests": [_request(tx, one, caller) for one in papers if one.body and may_see(one, caller)]}


@router.post("/settlements/{settlement}/information-requests", status_code=201)
def send(request: Request, settlement: Id, body: NewRequest, caller: Signed, key: Key) -> JSONResponse:
    """An officer or operator asks one side to provide something, without saying why."""
    return ask(request, caller, "ask_party", given(body), settlement=settlement)


@router.get("/settlements/{settlement}/notices")
def notices(request: Request, settlement: Id, caller: Signed) -> dict[str, Any]:
    """Freeze notices that two officers released to this reader: authority, basis, how to apply."""
    with request.app.state.store.read(caller.reader) as tx:
        papers = tx.papers.of(find(tx, settlement).id, kind=NOTICE)
        seen = [one for one in papers if one.body and may_see(one, caller)]
        return {"notices": [_notice(one) for one in seen]}


def _notice(paper: Paper) -> dict[str, Any]:
    body = json.loads(paper.body)
    return {"id": paper.id, "at": paper.at} | {name: text for name, text in body.items() if name != "schema"}


def _paper(tx: Transaction, paper_id: str, kind: str, caller: Caller) -> Paper:
    """Raises: Unknown(not_found) for what is not there, not of this kind or not this reader's."""
    found = tx.papers.get(paper_id)
    if found is None or found.kind != kind or not found.body or not may_see(found, caller):
        raise Unknown("not_found", "There is no such request.")
    return found


def _request(tx: Transaction, paper: Paper, caller: Caller) -> dict[str, Any]:
    body = json.loads(paper.body)
    settlement = find(tx, paper.settlement)
    answers = [_answer(tx, one, caller) for one in tx.papers.of(settlement.id, kind=ANSWER) if one.body]
    own = [one for one in answers if one.pop("request") == paper.id]
    view: dict[str, Any] = {
        "id": paper.id,
        "settlement": settlement.id,
        "invoice_number": (newest_json(tx, settlement, "terms") or {}).get("invoice_number", ""),
        "to": "seller" if paper.owner == settlement.seller else "buyer",
        "items": [{"item": name, "says": TEMPLATES[name]} for name in body["items"]],
        "text": body["text"],
        "asked_on": paper.at // DAY_S * DAY_S,
        "due_at": body["due_at"],
        "is_answered": bool(own),
        "answers": own,
    }
    return view | (_sent_by(tx, paper) if is_staff(caller) else {})


def _answer(tx: Transaction, paper: Paper, caller: Caller) -> dict[str, Any]:
    body = json.loads(paper.body)
    view = {"request": body["request"], "text": body["text"], "files": body["files"], "at": paper.at}
    return view | {"name": person_name(tx, body["by"])}


def _sent_by(tx: Transaction, paper: Paper) -> dict[str, Any]:
    for one in tx.papers.of(paper.settlement, kind=REQUEST_SENT):
        body = json.loads(one.body)
        if body["request"] == paper.id:
            return {"asked_by": body["by"], "asked_by_name": person_name(tx, body["by"])}
    return {"asked_by": "", "asked_by_name": ""}
