"""Requests for information: what a party is asked to provide and how it answers; what officers read of the answers."""

from __future__ import annotations

import base64
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...door import Problem
from ...language import marked
from ...page import acted, page, shown
from ...visitor import FORM_BYTES_MAX, Visitor

SENDERS = ("officer", "operator")
NOTICE_FIELDS = (
    ("authority", marked("Authority"), 1),
    ("legal_basis", marked("Legal basis"), 2),
    ("reference", marked("Reference"), 1),
    ("how_to_apply", marked("How to apply for release"), 3),
    ("contact", marked("Contact"), 2),
)


async def told(visitor: Visitor, settlement: str) -> dict[str, Any]:
    """What a party is asked and told of one settlement, for its page."""
    asked = (await visitor.door.get(f"/settlements/{settlement}/information-requests"))["requests"]
    notices = (await visitor.door.get(f"/settlements/{settlement}/notices"))["notices"]
    templates = []
    if visitor.role in SENDERS:
        templates = (await visitor.door.get("/information-requests/templates"))["templates"]
    return {"asked": asked, "notices": notices, "notice_fields": NOTICE_FIELDS, "templates": templates}


async def requests(request: Request, visitor: Visitor) -> Response:
    """All requests to this party."""
    if visitor.role != "treasurer":
        raise Problem(404, {"title": marked("There is no such page.")})
    rows = (await visitor.door.get("/information-requests"))["requests"]
    return page(request, visitor, "officer/requests.html", at="/requests", rows=rows, live="*")


async def asked(request: Request, visitor: Visitor) -> Response:
    """All requests that officers and operators sent."""
    await visitor.door.get("/information-requests/templates")  # for staff only
    rows = (await visitor.door.get("/information-requests"))["requests"]
    return page(request, visitor, "officer/all_asked.html", at="/queue", rows=rows)


async def answer(request: Request, visitor: Visitor, form: FormData) -> str:
    """The party's answer: a text and files."""
    id_ = request.path_params["request"]
    files = [
        {"name": value.filename[-100:], "content_base64": base64.b64encode(await value.read(FORM_BYTES_MAX)).decode()}
        for value in form.getlist("files")
        if isinstance(value, UploadFile) and value.filename
    ]
    body = {"text": str(form.get("text", "")).strip(), "files": files}
    await visitor.door.post(f"/information-requests/{id_}/answers", body, once=str(form.get("once", "")))
    return str(form.get("back", "/requests"))


async def file(request: Request, visitor: Visitor) -> Response:
    """A file of an answer: its bytes, never a page of ours."""
    path = "/information-requests/{request}/files/{file}".format(**request.path_params)
    found = await visitor.door.fetch(path)
    return Response(
        found.content,
        media_type="application/octet-stream",
        headers={"content-disposition": found.headers["content-disposition"], "content-security-policy": "sandbox"},
    )


async def send(request: Request, visitor: Visitor, form: FormData) -> str:
    """Sends what was previewed."""
    id_ = request.path_params["settlement"]
    body = {"to": str(form.get("to", "")), "items": list(map(str, form.getlist("items")))}
    body |= {"text": text} if (text := str(form.get("text", "")).strip()) else {}
    await visitor.door.post(f"/settlements/{id_}/information-requests", body, once=str(form.get("once", "")))
    return str(form.get("back", "/asked"))


async def preview(request: Request, visitor: Visitor) -> Response:
    """What the party will read, word for word, before it is sent; it changes nothing."""
    query, id_ = request.query_params, request.path_params["settlement"]
    templates = (await visitor.door.get("/information-requests/templates"))["templates"]
    terms = (await visitor.door.get(f"/trades/{id_}"))["terms"]
    wanted, text = query.getlist("items"), query.get("text", "").strip()[:500]
    to = "seller" if query.get("to") == "seller" else "buyer"
    tried = await visitor.door.post("/information-requests/wordings", {"text": text})
    case = await visitor.door.find(f"/cases/{id_}") if visitor.role == "officer" else None
    case_due_at = (case["due_at"] or 0) if case else 0
    return page(
        request,
        visitor,
        "officer/preview.html",
        at="/queue" if case else "/settlements",
        about=id_,
        back=f"/cases/{id_}" if case else f"/settlements/{id_}",
        invoice=terms["invoice_number"],
        to=to,
        party=terms[to]["name"],
        chosen=[one for one in templates if one["item"] in wanted],
        text=text,
        word=tried.body["word"],
        due_at=tried.body["due_at"],
        case_due_at=case_due_at if case_due_at < tried.body["due_at"] else 0,
    )


async def draft_notice(request: Request, visitor: Visitor, form: FormData) -> str:
    """One officer drafts a freeze notice."""
    id_ = request.path_params["settlement"]
    body = {name: str(form.get(name, "")).strip() for name, _, _ in NOTICE_FIELDS}
    body |= {"settlement": id_, "to": str(form.get("to", ""))}
    proposal = {"subject": "freeze_notice", "body": body, "reason": "notice to the owner"}
    await visitor.door.post("/changes", proposal, once=str(form.get("once", "")))
    return f"/cases/{id_}"


async def release_notice(request: Request, visitor: Visitor, form: FormData) -> str:
    """The second officer releases it."""
    change = request.path_params["change"]
    await visitor.door.post(f"/changes/{change}/confirmations", None, once=str(form.get("once", "")))
    return f"/cases/{request.path_params['settlement']}"


CASE = "/cases/{settlement:str}"
ROUTES = [
    Route("/requests", shown(requests)),
    Route("/asked", shown(asked)),
    Route("/requests/{request:str}", acted(answer), methods=["POST"]),
    Route("/requests/{request:str}/files/{file:str}", shown(file)),
    Route("/ask/{settlement:str}", shown(preview)),
    Route("/ask/{settlement:str}", acted(send), methods=["POST"]),
    Route(f"{CASE}/notice", acted(draft_notice), methods=["POST"]),
    Route(f"{CASE}/notice/{{change:str}}", acted(release_notice), methods=["POST"]),
]
