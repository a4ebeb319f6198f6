"""One settlement: what is true about it, what this reader may do, the two pictures, and everything that proves it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..assets import asset_of
from ..door import Problem
from ..language import Marked, marked
from ..page import acted, localised, page, shown
from ..visitor import FORM_BYTES_MAX, Visitor, form_of, visitor_of
from . import approvals, costs, oversight, requests, sentences
from .happenings import ACTORS, EVENTS
from .voyage import money, voyage

AUTHORIZED_S = 6 * 3600
DOCUMENT_NAMES: Marked[dict[str, str]] = {
    "invoice": "Commercial invoice",
    "packing_list": "Packing list",
    "transport_document": "Transport document",
}
ACTS = ("sign", "withdraw", "fund", "present", "waive", "dispute")
STAFF = ("operator", "officer", "supervisor")


async def settlement(request: Request, visitor: Visitor) -> Response:
    """The page of one settlement."""
    id_, door, language = request.path_params["settlement"], visitor.door, visitor.language
    view = await door.get(f"/settlements/{id_}")
    trade = await door.find(f"/trades/{id_}")
    if trade is None:
        return page(request, visitor, "settlement_early.html", at="/settlements", view=view)
    terms, events = trade["terms"], (await door.get(f"/settlements/{id_}/events"))["events"]
    asset = await asset_of(request, visitor, view["asset"])
    side = _side(view, visitor)
    values = _values(view, terms, asset, visitor)
    return page(
        request,
        visitor,
        "settlement.html",
        at="/settlements",
        view=view,
        terms=terms,
        asset=asset,
        side=side,
        chip=sentences.chip(view["state"], language),
        sentence=sentences.sentence(view["state"], side, language, values),
        otherwise=sentences.otherwise(view, language, values),
        acts=sentences.acts(view, side, visitor.role),
        waiting=await approvals.waiting(request, visitor, id_),
        voyage=voyage(view, events, language),
        money=money(view, terms, asset, language),
        costs=costs.of_quote(view, terms, language, asset, await asset_of(request, visitor, _invoiced(terms)["asset"])),
        documents=await _documents(visitor, id_, view, terms),
        ledger=await _ledger(visitor, id_, terms, asset),
        messages=(await door.get(f"/settlements/{id_}/messages"))["messages"],
        events=events,
        happened=localised(language, EVENTS),
        actors=localised(language, ACTORS),
        checkpoint=await door.find("/log/checkpoint"),
        required=terms["documents_required"],
        required_says=values["documents"],
        document_names=DOCUMENT_NAMES,
        is_staff=visitor.role in STAFF,
        decisions=(await door.get(f"/settlements/{id_}/decisions"))["decisions"] if visitor.role in STAFF else None,
        decision_words=oversight.words(language),
        **await requests.told(visitor, id_),
        live=id_,
    )


def _side(view: Mapping[str, Any], visitor: Visitor) -> str:
    ours = visitor.me["participant"]
    return {view["buyer"]: sentences.BUYER, view["seller"]: sentences.SELLER}.get(ours, sentences.OTHER)


def _invoiced(terms: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(terms["quote"]["invoiced"])


def _values(
    view: Mapping[str, Any], terms: Mapping[str, Any], asset: Mapping[str, Any], visitor: Visitor
) -> dict[str, Any]:
    """What a sentence may name."""
    language = visitor.language
    due = view.get("next_act_at")
    amounts = {
        "price": view["price_minor"],
        "total": int(view["price_minor"]) + int(view["fee_minor"]),
        **{name: view[f"{name}_minor"] for name in ("held", "released", "refunded")},
    }
    return {
        "buyer": terms["buyer"]["name"],
        "seller": terms["seller"]["name"],
        "deadline": language.moment(int(due)) if due else language.say("a date that is not set yet"),
        "documents": sentences.documents_named(terms["documents_required"], language),
        **{name: language.amount(minor, asset) for name, minor in amounts.items()},
    }


async def _documents(
    visitor: Visitor, id_: str, view: Mapping[str, Any], terms: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Each required document: what was presented last, or that it is missing; with what differs."""
    kept = (await visitor.door.get(f"/settlements/{id_}/documents"))["documents"]
    presented = view["round"] > 0 or bool(view["documents_sha256"])
    newest = {paper["kind"]: paper for paper in kept}
    if not presented:
        newest = {kind: paper for kind, paper in newest.items() if kind == "invoice"}
    found = (view.get("examination") or {}).get("discrepancies", [])
    return [
        {
            "kind": kind,
            "name": DOCUMENT_NAMES.get(kind, kind),
            "paper": newest.get(kind),
            "is_presented": presented and kind in newest,
            "differs": [entry for entry in found if kind in str(entry.get("documents", entry.get("says", "")))],
        }
        for kind in terms["documents_required"]
    ]


async def _ledger(
    visitor: Visitor, id_: str, terms: Mapping[str, Any], asset: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The entries as from and to, newest last; accounts of others keep their class only."""
    accounts = (await visitor.door.get("/ledger/accounts", settlement=id_))["accounts"]
    names = {
        terms["buyer"]["participant"]: terms["buyer"]["name"],
        terms["seller"]["participant"]: terms["seller"]["name"],
    }
    words: Marked[dict[str, str]] = {"escrow": "Escrow", "fee_due": "Fee", "mispaid": "Beside the trade"}

    def name_of(account_id: str) -> str:
        account = next((entry for entry in accounts if entry["id"] == account_id), None)
        if account is None:
            return str(visitor.language.say("the other side"))
        return str(names.get(account["owner"]) or visitor.language.say(words.get(account["class"], account["class"])))

    transfers = (await visitor.door.get("/ledger/transfers", settlement=id_))["transfers"]
    return [
        entry | {"from": name_of(entry["debit"]), "to": name_of(entry["credit"])}
        for entry in transfers
        if entry["phase"] in ("posted", "post", "pending")
    ]


# Acts


async def statement(request: Request) -> Response:
    """What an act needs signed: its digest and typed data, with what must be sent along. Changes nothing."""
    visitor, form = await visitor_of(request), await form_of(request)
    id_, act = request.path_params["settlement"], str(form.get("act", ""))
    try:
        if act == "sign":
            to_sign = (await visitor.door.get(f"/trades/{id_}"))["to_sign"]
            return JSONResponse({"digest": to_sign["digest"], "typed_data": to_sign.get("typed_data"), "fields": {}})
        about, fields = await _about(act, form, visitor)
        said = (await visitor.door.post(f"/settlements/{id_}/statements", about)).body
    except Problem as problem:
        return JSONResponse({"problem": str(problem)}, status_code=problem.status)
    return JSONResponse({"digest": said["digest"], "typed_data": said.get("typed_data"), "fields": fields})


async def _about(act: str, form: FormData, visitor: Visitor) -> tuple[dict[str, Any], dict[str, str]]:
    if act == "fund":
        attempt = int(str(form.get("attempt", "0")) or 0)
        until = visitor.language.now + AUTHORIZED_S
        fields = {"valid_before": str(until), "attempt": str(attempt)}
        return {"act": "funding", "attempt": attempt, "valid_before": until}, fields
    if act == "present":
        return {"act": "presentation", "documents_base64": await _uploaded(form)}, {}
    if act == "dispute":
        return {"act": "dispute", "reason": str(form.get("reason", ""))}, {}
    return {"act": "waiver"}, {}


async def _uploaded(form: FormData) -> list[str]:
    """The chosen files, base64, in the order in which the form names them."""
    found = []
    for _, value in form.multi_items():
        if isinstance(value, UploadFile) and value.filename:
            found.append(base64.b64encode(await value.read(FORM_BYTES_MAX)).decode())
    return found


async def act(request: Request, visitor: Visitor, form: FormData) -> str:
    """One act on a settlement; back to its page."""
    id_, kind = request.path_params["settlement"], request.path_params["act"]
    if kind not in ACTS:
        raise Problem(404, {"title": marked("There is no such act.")})
    path, body = await _asked(kind, form)
    await visitor.door.post(f"/{path.format(id=id_)}", body, once=str(form.get("once", "")))
    return f"/settlements/{id_}?done={kind}"


async def _asked(kind: str, form: FormData) -> tuple[str, dict[str, Any] | None]:
    signature = {"signature": str(form.get("signature", ""))}
    if kind == "sign":
        return "trades/{id}/signatures", signature
    if kind == "withdraw":
        return "trades/{id}/withdrawal", None
    if kind == "fund":
        whole = {name: int(str(form.get(name, "0")) or 0) for name in ("attempt", "valid_before")}
        return "settlements/{id}/funding", signature | whole | {"valid_after": 0}
    if kind == "present":
        return "settlements/{id}/presentations", signature | {"documents_base64": await _uploaded(form)}
    if kind == "waive":
        return "settlements/{id}/waivers", signature
    return "settlements/{id}/disputes", signature | {"reason": str(form.get("reason", ""))}


async def paper(request: Request, visitor: Visitor) -> Response:
    """A document or message as its original bytes, never shown as a page of ours."""
    id_, paper_id = request.path_params["settlement"], request.path_params["paper"]
    found = await visitor.door.fetch(f"/settlements/{id_}/papers/{paper_id}")
    suffix = {"application/xml": "xml", "application/json": "json"}.get(found.headers["content-type"], "bin")
    return Response(
        found.content,
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{paper_id}.{suffix}"'},
    )


async def evidence(request: Request, visitor: Visitor) -> Response:
    """The evidence bundle."""
    id_ = request.path_params["settlement"]
    found = await visitor.door.fetch(f"/settlements/{id_}/evidence")
    return Response(
        found.content,
        media_type="application/json",
        headers={"content-disposition": f'attachment; filename="{id_}.bundle.json"'},
    )


ID = "{settlement:str}"
ROUTES = [
    Route(f"/settlements/{ID}", shown(settlement)),
    Route(f"/settlements/{ID}/statement", statement, methods=["POST"]),
    Route(f"/settlements/{ID}/evidence", shown(evidence)),
    Route(f"/settlements/{ID}/papers/{{paper:str}}", shown(paper)),
    Route(f"/settlements/{ID}/{{act:str}}", acted(act), methods=["POST"]),
]
