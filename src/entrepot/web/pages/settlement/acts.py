"""What a reader does on a settlement's page: each act is asked for with what must be signed, then sent to the API."""

from __future__ import annotations

import base64
import re
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...assets import asset_of
from ...door import Problem
from ...language import marked
from ...page import once, shown
from ...typed import minor_of
from ...visitor import FORM_BYTES_MAX, Visitor, form_of, visitor_of
from .papers import NAMES

AUTHORIZED_S = 6 * 3600
ACTS = ("sign", "withdraw", "fund", "present", "waive", "dispute", "requote", "renew", "examine", "award")
SIGNATURES_MAX = 5
_PLACE = re.compile(r"documents_base64\[([0-9]{1,2})\]\Z")


async def statement(request: Request) -> Response:
    """What an act needs signed: its digest and typed data, with what must be sent along. Changes nothing."""
    visitor = await visitor_of(request)
    form = await form_of(request, visitor)
    id_, act = request.path_params["settlement"], str(form.get("act", ""))
    try:
        if act == "sign":
            to_sign = (await visitor.door.get(f"/trades/{id_}"))["to_sign"]
            return JSONResponse({"digest": to_sign["digest"], "typed_data": to_sign["typed_data"], "fields": {}})
        about, fields = await _about(request, act, form, visitor)
        said = (await visitor.door.post(f"/settlements/{id_}/statements", about)).body
    except Problem as problem:
        named = _about_field(problem, form, visitor)
        is_ours = problem.title == str(problem)  # what the API says of one case stands as it is
        says = str(visitor.language.say(problem.title)) if is_ours else str(problem)
        says = says if named is problem else f"{named.path}: {says}"
        return JSONResponse({"problem": says}, status_code=problem.status)
    return JSONResponse({"digest": said["digest"], "typed_data": said["typed_data"], "fields": fields})


async def _about(request: Request, act: str, form: FormData, visitor: Visitor) -> tuple[dict[str, Any], dict[str, str]]:
    if act == "fund":
        attempt = int(str(form.get("attempt", "0")) or 0)
        until = visitor.language.now + AUTHORIZED_S
        fields = {"valid_before": str(until), "attempt": str(attempt)}
        return {"act": "funding", "attempt": attempt, "valid_before": until}, fields
    if act == "present":
        return {"act": "presentation", "documents_base64": await _uploaded(form, visitor)}, {}
    if act == "dispute":
        return {"act": "dispute", "reason": str(form.get("reason", ""))}, {}
    if act == "examine":
        return {"act": "examination", "complies": _complies(form)}, {}
    if act == "award":
        return {"act": "award", "to_seller_minor": await _awarded(request, visitor, form)}, {}
    return {"act": "waiver"}, {}


async def _uploaded(form: FormData, visitor: Visitor) -> list[str]:
    """The chosen files, base64, in the order in which the form names them. Raises: Problem for an empty one."""
    found = []
    for name, value in _chosen(form):
        raw = await value.read(FORM_BYTES_MAX)
        await value.seek(0)
        if not raw.strip():
            says = visitor.language.say("The file chosen as {document} is empty.", document=_label(name, visitor))
            raise Problem(422, {"detail": str(says), "code": "document_empty"})
        found.append(base64.b64encode(raw).decode())
    return found


def _chosen(form: FormData) -> list[tuple[str, UploadFile]]:
    return [(name, one) for name, one in form.multi_items() if isinstance(one, UploadFile) and one.filename]


def _label(name: str, visitor: Visitor) -> str:
    """What the page calls a field of the form for documents."""
    kind = name.removeprefix("paper-")
    return str(visitor.language.say(NAMES.get(kind, kind)))


def _about_field(problem: Problem, form: FormData, visitor: Visitor) -> Problem:
    """The same refusal, its path the label of the field whose file it is about."""
    place = _PLACE.match(problem.path)
    names = [name for name, _ in _chosen(form)]
    if place is None or int(place[1]) >= len(names):
        return problem
    return Problem(problem.status, problem.body | {"path": _label(names[int(place[1])], visitor)})


async def act(request: Request, visitor: Visitor, form: FormData) -> str:
    """One act on a settlement; back to its page."""
    id_, kind = request.path_params["settlement"], request.path_params["act"]
    if kind not in ACTS:
        raise Problem(404, {"title": marked("There is no such act.")})
    key = str(form.get("once", ""))
    if kind == "renew":
        return await _renew(id_, visitor, key)
    path, body = await _asked(request, visitor, kind, form)
    try:
        await visitor.door.post(f"/{path}", body, once=key)
    except Problem as problem:
        raise _about_field(problem, form, visitor) from None
    return f"/settlements/{id_}?done={kind}"


async def _renew(id_: str, visitor: Visitor, key: str) -> str:
    """Proposes the same invoice again, between the same two, under terms like those that lapsed."""
    view, trade = await visitor.door.get(f"/settlements/{id_}"), await visitor.door.get(f"/trades/{id_}")
    papers = (await visitor.door.get(f"/settlements/{id_}/documents"))["documents"]
    invoice = next(paper for paper in papers if paper["kind"] == "invoice")
    raw = (await visitor.door.fetch(f"/settlements/{id_}/papers/{invoice['id']}")).content
    terms = trade["terms"]
    body = {
        "invoice_base64": base64.b64encode(raw).decode(),
        "buyer": view["buyer"],
        "fund_s": terms["schedule"]["fund_by"] - view["created_at"],
        "present_s": terms["schedule"]["present_by"] - view["created_at"],
        "latest_shipment": terms["schedule"]["latest_shipment"],
        "supplied": {
            "hs": terms["lines"][0]["hs"],
            "incoterm": terms["incoterm"],
            "incoterm_place": terms["incoterm_place"],
        },
    }
    answer = await visitor.door.post("/trades", body, once=key)
    return f"/settlements/{answer.body['settlement']}" if answer.is_done else "/settlements"


async def _asked(request: Request, visitor: Visitor, kind: str, form: FormData) -> tuple[str, dict[str, Any] | None]:
    id_, signature = request.path_params["settlement"], {"signature": str(form.get("signature", ""))}
    here = f"settlements/{id_}"
    if kind == "sign":
        return f"trades/{id_}/signatures", signature
    if kind == "withdraw":
        return f"trades/{id_}/withdrawal", None
    if kind == "requote":
        return "quotes", {"settlement": id_}
    if kind == "fund":
        whole = {name: int(str(form.get(name, "0")) or 0) for name in ("attempt", "valid_before")}
        return f"{here}/funding", signature | whole | {"valid_after": 0}
    if kind == "present":
        return f"{here}/presentations", signature | {"documents_base64": await _uploaded(form, visitor)}
    if kind == "waive":
        return f"{here}/waivers", signature
    if kind == "examine":
        return f"{here}/examinations", signature | {
            "complies": _complies(form),
            "note": str(form.get("note", ""))[:500],
        }
    if kind == "award":
        others = str(form.get("signatures", "")).split()[:SIGNATURES_MAX]
        signed = list(dict.fromkeys([signature["signature"], *others]))[:SIGNATURES_MAX]
        return f"{here}/awards", {"to_seller_minor": await _awarded(request, visitor, form), "signatures": signed}
    return f"{here}/disputes", signature | {"reason": str(form.get("reason", ""))}


def _complies(form: FormData) -> bool:
    return form.get("finding") == "complies"


async def _awarded(request: Request, visitor: Visitor, form: FormData) -> int:
    """What the arbiters give the seller in all, in minor units: typed in the asset's own, at most the price."""
    view = await visitor.door.get(f"/settlements/{request.path_params['settlement']}")
    asset = await asset_of(request, visitor, view["asset"])
    return minor_of(str(form.get("to_seller", "")), asset, path="to_seller", at_most=int(view["price_minor"]))


async def paper(request: Request, visitor: Visitor) -> Response:
    """A document or message as its original bytes, never shown as a page of ours."""
    id_, paper_id = request.path_params["settlement"], request.path_params["paper"]
    found = await visitor.door.fetch(f"/settlements/{id_}/papers/{paper_id}")
    kinds = {"application/xml": "xml", "application/json": "json", "application/pdf": "pdf"}
    suffix = kinds.get(found.headers["content-type"], "bin")
    return _download(found.content, f"{paper_id}.{suffix}", "application/octet-stream")


async def template(request: Request, visitor: Visitor) -> Response:
    """A document of an invented trade in the form that is read here, to be filled in anew."""
    kind = request.path_params["kind"]
    found = await visitor.door.fetch(f"/document-templates/{kind}")
    suffix = "xml" if found.headers["content-type"].startswith("application/xml") else "json"
    return _download(found.content, f"{kind}-template.{suffix}", "application/octet-stream")


async def evidence(request: Request, visitor: Visitor) -> Response:
    """The evidence bundle."""
    id_ = request.path_params["settlement"]
    found = await visitor.door.fetch(f"/settlements/{id_}/evidence")
    return _download(found.content, f"{id_}.bundle.json", "application/json")


def _download(content: bytes, name: str, media_type: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


async def dry_run(visitor: Visitor, id_: str) -> dict[str, Any]:
    """Whether this trade meets the published rules now; nothing is kept, and nobody is screened."""
    return (await visitor.door.post("/dry-runs", {"settlement": id_}, once=once())).body


ID = "{settlement:str}"
ROUTES = [
    Route("/document-templates/{kind:str}", shown(template)),
    Route(f"/settlements/{ID}/statement", statement, methods=["POST"]),
    Route(f"/settlements/{ID}/evidence", shown(evidence)),
    Route(f"/settlements/{ID}/papers/{{paper:str}}", shown(paper)),
]
