"""An operator's participants: who applied, what a KYB file lacks, admission by a second operator, a wallet proven."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ...door import Problem
from ...language import Language, marked
from ...navigation import ROLES
from ...page import acted, page, shown
from ...visitor import FORM_BYTES_MAX, Visitor, form_of, visitor_of
from ..shared.sentences import Chip
from .changes import OTHER, STATES, SUBJECTS

STAFF = ("operator", "officer", "supervisor")
ROWS = 3  # persons and documents that one form takes
KINDS = {
    "company": marked("Company"),
    "bank": marked("Bank"),
    "examiner": marked("Document examiner"),
    "authority": marked("Authority"),
    "operator": marked("Operator"),
}
RATINGS = {"low": marked("Low"), "medium": marked("Medium"), "high": marked("High")}
STATUS = {
    "applied": ("waits", marked("Applied")),
    "admitted": ("final", marked("Admitted")),
    "suspended": ("stopped", marked("Suspended")),
    "left": ("stopped", marked("Left")),
}
LACKS = {
    "identity": marked("a registration number or an LEI"),
    "directors": marked("its directors"),
    "owners": marked("who owns 25% or more, or that nobody does"),
    "documents": marked("a document that shows it"),
    "risk": marked("a risk rating"),
}
DOCUMENT_KINDS = (
    marked("Register extract"),
    marked("Articles of association"),
    marked("Proof of ownership"),
    marked("Identity document"),
    marked("Bank confirmation"),
    marked("Other"),
)
FIELDS = ("kind", "name", "country", "lei", "registration", "tax_id", "bank_name", "bank_bic", "address", "simulated")


EMPTY: dict[str, Any] = {"directors": [], "owners": [], "documents": [], "risk": {}, "no_owner_over_25": False}
PERSON: dict[str, Any] = {"country": "", "born": "", "kind": "person", "share_percent": ""}


async def participants(request: Request, visitor: Visitor) -> Response:
    """Everybody who applied or is admitted; those who wait for something come first."""
    language = visitor.language
    _require_staff(visitor)
    found = (await visitor.door.get("/participants"))["participants"]
    search = request.query_params.get("q", "").strip()[:100]
    rows = [_row(one, language) for one in found if search.casefold() in _text(one).casefold()]
    rows.sort(key=lambda row: (not row["next"], row["name"].casefold()))
    waiting = sum(row["status"] == "applied" for row in rows)
    return page(
        request,
        visitor,
        "operator/participants.html",
        at="/participants",
        rows=rows,
        q=search,
        waiting=waiting,
        live="*",
    )


def _whole(profile: Mapping[str, Any]) -> dict[str, Any]:
    """A file with every field of it, empty where nothing is said."""
    whole = {**dict.fromkeys(FIELDS, ""), "kind": "company", **EMPTY, **profile}
    for group in ("directors", "owners"):
        whole[group] = [PERSON | one for one in whole[group]]
    return whole


def _require_staff(visitor: Visitor) -> None:
    """A company's own page is elsewhere."""
    if visitor.role not in STAFF:
        raise Problem(404, {"detail": "There is no such page."})


def _text(one: Mapping[str, Any]) -> str:
    profile = one["profile"]
    return f"{profile.get('name', '')} {profile.get('lei', '')} {profile.get('registration', '')} {one['id']}"


def _row(one: Mapping[str, Any], language: Language) -> dict[str, Any]:
    return {
        "id": one["id"],
        "name": one["profile"].get("name", ""),
        "kind": language.say(KINDS.get(one["kind"], one["kind"])),
        "country": one["country"],
        "status": one["status"],
        "chip": status_chip(one["status"], language),
        "next": _next(one, language),
        "simulated": one["profile"].get("simulated", ""),
    }


def status_chip(status: str, language: Language) -> Chip:
    """A participant's status with its shape."""
    shape, says = STATUS.get(status, ("waits", status))
    return Chip(shape, str(language.say(says)))


def _next(one: Mapping[str, Any], language: Language) -> str:
    """What is next for a participant, "" if nothing is."""
    if one["status"] == "applied":
        return str(language.say("Complete the file") if one["missing"] else language.say("A second operator admits it"))
    if one["status"] == "admitted" and one["kind"] == "company" and not one["wallets"]:
        return str(language.say("Prove a wallet"))
    return ""


async def participant(request: Request, visitor: Visitor) -> Response:
    """One participant: its file, its steps, and the act that is next."""
    id_, door, language = request.path_params["participant"], visitor.door, visitor.language
    view = await door.get(f"/participants/{id_}")
    changes = (await door.get("/changes"))["changes"]
    about = [one for one in changes if one["after"].get("participant") == id_]
    admission = next((one for one in about if one["subject"] == "admission" and one["state"] == "waiting"), None)
    members = [one for one in (await door.get("/memberships"))["memberships"] if one["participant"] == id_]
    address = request.query_params.get("address", "").strip()
    problem: Problem | None = None
    to_sign = None
    if address:
        try:
            to_sign = await door.get(f"/wallets/ownership/{id_}/{address}")
        except Problem as refused:
            problem = refused
    return page(
        request,
        visitor,
        "operator/participant.html",
        at="/participants",
        who=view,
        profile=_whole(view["profile"]),
        status_chip=status_chip(view["status"], language),
        kinds=KINDS,
        roles=ROLES,
        ratings=RATINGS,
        sentence=_sentence(view, admission, language),
        steps=_steps(view, members, language),
        admission=admission,
        about=[_named_change(one, language) for one in reversed(about)],
        members=members,
        address=address,
        to_sign=to_sign,
        problem=problem,
        secret=secrets.token_urlsafe(24),
        join=f"{request.url.scheme}://{request.headers.get('host', '')}/join/",
    )


SENTENCES = {
    "suspended": marked("{name} is suspended: no payment of its is allowed."),
    "lacks": marked("{name} has applied; its file lacks {lacks}."),
    "own": marked("{name} waits for another operator than you to admit it, until {until}."),
    "yours": marked("{name} waits for you to read its file and admit it, until {until}."),
    "newer": marked("A new version of the file of {name} waits for a second operator, until {until}."),
    "idle": marked("{name} has applied, and nobody proposes its admission: file it again."),
    "no_wallet": marked("{name} is admitted; it can trade once it has proven a wallet."),
    "trades": marked("{name} is admitted and can trade."),
    "admitted": marked("{name} is admitted."),
}


def _sentence(view: Mapping[str, Any], admission: Mapping[str, Any] | None, language: Language) -> Any:
    lacks = language.listed([str(language.say(LACKS[one])) for one in view["missing"]])
    until = language.moment(admission["expires_at"]) if admission else ""
    name = view["profile"].get("name", "")
    return language.tell(SENTENCES[_stands(view, admission)], name=name, lacks=lacks, until=until)


def _stands(view: Mapping[str, Any], admission: Mapping[str, Any] | None) -> str:
    """Where a participant stands: the key of its sentence."""
    if view["status"] == "suspended":
        return "suspended"
    if view["status"] == "applied":
        if view["missing"]:
            return "lacks"
        return "idle" if admission is None else "own" if admission["is_own"] else "yours"
    if admission is not None:
        return "newer"
    if view["kind"] != "company":
        return "admitted"
    return "trades" if view["wallets"] else "no_wallet"


def _steps(view: Mapping[str, Any], members: list[Any], language: Language) -> list[dict[str, Any]]:
    """The way to a first trade: each step with whether it is done."""
    lacks = view["missing"]
    is_trading = view["kind"] in ("company", "bank")
    steps = [
        (marked("Named: register, LEI, tax id"), "identity" not in lacks),
        (marked("Directors named"), "directors" not in lacks),
        (marked("Owners of 25% or more named"), "owners" not in lacks),
        (marked("Documents uploaded and sealed"), "documents" not in lacks),
        (marked("Risk rated"), "risk" not in lacks),
    ]
    steps = steps if is_trading else []
    steps.append((marked("Admitted by two operators"), view["status"] != "applied"))
    steps.append((marked("A person acts for it"), bool(members)))
    if view["kind"] == "company":
        steps.append((marked("A wallet proven by signature"), bool(view["wallets"])))
    here = next((place for place, (_, is_done) in enumerate(steps) if not is_done), len(steps))
    return [
        {"says": language.say(says), "is_done": is_done, "is_here": place == here}
        for place, (says, is_done) in enumerate(steps)
    ]


def _named_change(one: Mapping[str, Any], language: Language) -> dict[str, Any]:
    name, state = SUBJECTS.get(one["subject"], OTHER)[0], STATES[one["state"]][1]
    return {**one, "name": language.say(name), "state_says": language.say(state)}


async def admit(request: Request, visitor: Visitor) -> Response:
    """The KYB file as a form: empty, or that of a participant."""
    _require_staff(visitor)
    id_ = request.query_params.get("participant", "")
    view = await visitor.door.get(f"/participants/{id_}") if id_ else None
    values = dict(view["profile"]) | {"kind": view["kind"], "country": view["country"]} if view else {}
    return _form(request, visitor, id_, values, None)


def _form(request: Request, visitor: Visitor, id_: str, values: Mapping[str, Any], problem: Problem | None) -> Response:
    return page(
        request,
        visitor,
        "operator/admit.html",
        at="/participants",
        status=problem.status if problem else 200,
        id=id_,
        values=_whole(values),
        kinds=KINDS,
        ratings=RATINGS,
        document_kinds=DOCUMENT_KINDS,
        rows=range(ROWS),
        problem=problem,
    )


async def apply(request: Request) -> Response:
    """Files it; what is refused comes back in the form, with what was typed."""
    visitor = await visitor_of(request)
    form = await form_of(request, visitor)
    request.state.stops = []
    body = await _filed(form)
    try:
        answer = await visitor.door.post("/participants", body, once=str(form.get("once", "")))
    except Problem as problem:
        if problem.status == 401:
            raise
        return _form(request, visitor, str(body.get("id", "")), body, problem)
    where = f"/participants/{answer.body['participant']}" if answer.is_done else "/participants"
    return RedirectResponse(where, status_code=303)


async def _filed(form: FormData) -> dict[str, Any]:
    """The file that a form says."""
    body: dict[str, Any] = {name: str(form.get(name, "")).strip() for name in FIELDS if form.get(name)}
    if form.get("participant"):
        body["id"] = str(form["participant"])
    people = range(ROWS)
    body["directors"] = [person for row in people if (person := _person(form, f"director_{row}_"))]
    body["owners"] = [
        person | {"kind": str(form.get(f"owner_{row}_kind") or "person"), "share_percent": _percent(form, row)}
        for row in people
        if (person := _person(form, f"owner_{row}_"))
    ]
    body["no_owner_over_25"] = bool(form.get("no_owner_over_25"))
    if form.get("rating"):
        body["risk"] = {"rating": str(form["rating"]), "notes": str(form.get("notes", "")).strip()}
    body["documents"] = [made for row in people if (made := await _document(form, row))]
    if form.get("reason"):
        body["reason"] = str(form["reason"]).strip()
    return body


def _person(form: FormData, prefix: str) -> dict[str, Any]:
    found = {name: str(form.get(prefix + name, "")).strip() for name in ("name", "country", "born")}
    return {name: value for name, value in found.items() if value} if found["name"] else {}


def _percent(form: FormData, row: int) -> int:
    text = str(form.get(f"owner_{row}_share", "")).strip()
    return int(text) if text.isdecimal() else 0


async def _document(form: FormData, row: int) -> dict[str, str]:
    upload = form.get(f"document_{row}")
    raw = await upload.read(FORM_BYTES_MAX) if isinstance(upload, UploadFile) and upload.filename else b""
    if not raw or not isinstance(upload, UploadFile):
        return {}
    about = str(form.get(f"document_{row}_kind") or "Other")
    return {"name": str(upload.filename)[-140:], "kind": about, "base64": base64.b64encode(raw).decode()}


async def file(request: Request, visitor: Visitor) -> Response:
    """A document of the file, never shown as a page of ours."""
    id_, name = request.path_params["participant"], request.path_params["file"]
    found = await visitor.door.fetch(f"/participants/{id_}/files/{name}")
    suffix = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg", "application/json": "json"}
    kind = found.headers["content-type"].partition(";")[0]
    shown_as = f'attachment; filename="{name}.{suffix.get(kind, "txt")}"'
    return Response(found.content, media_type="application/octet-stream", headers={"content-disposition": shown_as})


async def ownership(request: Request, visitor: Visitor) -> Response:
    """What a wallet signs to prove whose it is, for the script that has it signed."""
    id_, address = request.path_params["participant"], request.path_params["address"]
    return JSONResponse(await visitor.door.get(f"/wallets/ownership/{id_}/{address}"))


async def wallet(request: Request, visitor: Visitor, form: FormData) -> str:
    """A first wallet is admitted at once; another one is proposed to a second operator."""
    id_ = request.path_params["participant"]
    signed = {
        "participant": id_,
        "account": str(form.get("account", "")),
        "signature": str(form.get("signature", "")).strip(),
    }
    view = await visitor.door.get(f"/participants/{id_}")
    once = str(form.get("once", ""))
    if view["wallets"]:
        reason = str(form.get("reason", "")).strip() or "Another wallet, proven by its key."
        await visitor.door.post("/changes", {"subject": "wallet", "body": signed, "reason": reason}, once=once)
        return "/changes"
    await visitor.door.post("/wallets", signed, once=once)
    return f"/participants/{id_}?done=wallet"


async def person(request: Request, visitor: Visitor, form: FormData) -> str:
    """A person with a role is proposed; the invitation shown in the form opens once a second operator confirms."""
    secret = str(form.get("secret", "")).rpartition("/")[2]
    body = {
        "participant": request.path_params["participant"],
        "person_name": str(form.get("person_name", "")).strip(),
        "role": str(form.get("role", "")),
        "invitation_sha256": hashlib.sha256(secret.encode()).hexdigest(),
    }
    asked = {"subject": "membership", "body": body, "reason": str(form.get("reason", "")).strip()}
    await visitor.door.post("/changes", asked, once=str(form.get("once", "")))
    return "/changes"


ID = "{participant:str}"
ROUTES = [
    Route("/participants", shown(participants)),
    Route("/admit", shown(admit)),
    Route("/admit", apply, methods=["POST"]),
    Route(f"/participants/{ID}", shown(participant)),
    Route(f"/participants/{ID}/files/{{file:str}}", shown(file)),
    Route(f"/participants/{ID}/ownership/{{address:str}}", shown(ownership)),
    Route(f"/participants/{ID}/wallet", acted(wallet), methods=["POST"]),
    Route(f"/participants/{ID}/person", acted(person), methods=["POST"]),
]
