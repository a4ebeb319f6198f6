"""The integrating engineer's pages: the first steps, keys, webhooks and the log of requests."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...door import Problem
from ...language import Language, marked
from ...page import acted, page, shown
from ...visitor import Visitor, form_of, visitor_of

KEY_BYTES = 32
DAY_S = 86_400
KEY_DAYS = (7, 30, 90)
OVERLAPS_H = (0, 1, 24, 168)
STATES = {
    "active": ("final", marked("Active")),
    "paused": ("waits", marked("Paused")),
    "failing": ("stopped", marked("Paused: it failed")),
}


async def start(request: Request, visitor: Visitor) -> Response:
    """From nothing to a settled trade: what to copy, with the reader's own address and ids."""
    return page(request, visitor, "developer/start.html", at="/developer", base=_base(request))


async def keys(request: Request, visitor: Visitor) -> Response:
    """Keys of programs."""
    found = (await visitor.door.get("/credentials"))["credentials"]
    rows = [one for one in found if one["kind"] == "key"]
    rows = sorted(rows, key=lambda one: (not one["is_valid"], -one["opened_at"]))
    return page(request, visitor, "developer/keys.html", at="/developer/keys", rows=rows, days=KEY_DAYS)


async def make_key(request: Request) -> Response:
    """A new key, on the only page that ever shows its secret."""

    async def act(visitor: Visitor, form: FormData) -> dict[str, Any]:
        secret = f"ek_{secrets.token_urlsafe(KEY_BYTES)}"
        days = str(form.get("days", ""))
        body = {
            "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
            "label": str(form.get("label", "")).strip(),
            "valid_s": (int(days) if days.isdigit() and int(days) in KEY_DAYS else KEY_DAYS[-1]) * DAY_S,
        }
        made = (await visitor.door.post("/credentials", body, once=str(form.get("once", "")))).body
        return {"kind": "key", "secret": secret, "name": body["label"], "until": made.get("expires_at", 0)}

    return await _told_once(request, act, back="/developer/keys")


async def end_key(request: Request, visitor: Visitor, form: FormData) -> str:
    """The key opens nothing from now on."""
    await visitor.door.delete(f"/credentials/{request.path_params['key']}", once=str(form.get("once", "")))
    return "/developer/keys"


async def webhooks(request: Request, visitor: Visitor) -> Response:
    """Where this participant is told of events."""
    rows = (await visitor.door.get("/webhooks"))["webhooks"]
    kinds = (await visitor.door.get("/webhooks/events"))["events"]
    return page(
        request,
        visitor,
        "developer/webhooks.html",
        at="/developer/webhooks",
        rows=rows,
        kinds=kinds,
        chip=_chip,
        live="*",
    )


async def make_webhook(request: Request) -> Response:
    """A new endpoint, on the only page that ever shows its signing secret."""

    async def act(visitor: Visitor, form: FormData) -> dict[str, Any]:
        body = {
            "url": str(form.get("url", "")).strip(),
            "description": str(form.get("description", "")).strip(),
            "events": [str(kind) for kind in form.getlist("events")],
        }
        made = (await visitor.door.post("/webhooks", body, once=str(form.get("once", "")))).body
        return {"kind": "webhook", "secret": made.get("secret", ""), "name": body["url"], "until": 0}

    return await _told_once(request, act, back="/developer/webhooks")


async def webhook(request: Request, visitor: Visitor) -> Response:
    """One endpoint with its deliveries."""
    name = request.path_params["webhook"]
    one = await visitor.door.get(f"/webhooks/{name}")
    listed = await visitor.door.get(f"/webhooks/{name}/deliveries", before=request.query_params.get("before", ""))
    return page(
        request,
        visitor,
        "developer/webhook.html",
        at="/developer/webhooks",
        one=one,
        rows=listed["deliveries"],
        next=listed["next"],
        overlaps=OVERLAPS_H,
        chip=_chip(one["state"], visitor.language),
        live="*",
    )


async def change_webhook(request: Request, visitor: Visitor, form: FormData) -> str:
    """Pauses, resumes, tests, replays or deletes."""
    name, once = request.path_params["webhook"], str(form.get("once", ""))
    path, act = f"/webhooks/{name}", str(form.get("act", ""))
    if act in ("active", "paused"):
        await visitor.door.patch(path, {"state": act}, once=once)
    elif act == "test":
        await visitor.door.post(f"{path}/tests", once=once)
    elif act == "replay":
        await visitor.door.post(f"{path}/replays", {"delivery": str(form.get("delivery", ""))}, once=once)
    elif act == "replay_after":
        after = str(form.get("after", ""))
        body = {"after": int(after) if after.lstrip("-").isdigit() and len(after) < 16 else -2}
        await visitor.door.post(f"{path}/replays", body, once=once)
    elif act == "delete":
        await visitor.door.delete(path, once=once)
        return "/developer/webhooks"
    return f"/developer/webhooks/{name}"


async def rotate(request: Request) -> Response:
    """A new signing secret, shown once; the one before signs too for a while."""
    name = request.path_params["webhook"]

    async def act(visitor: Visitor, form: FormData) -> dict[str, Any]:
        hours = str(form.get("overlap_h", ""))
        body = {"overlap_s": (int(hours) if hours.isdigit() and int(hours) in OVERLAPS_H else 24) * 3600}
        made = (await visitor.door.post(f"/webhooks/{name}/secrets", body, once=str(form.get("once", "")))).body
        until = made.get("old_secret_ends_at", 0)
        return {"kind": "rotated", "secret": made.get("secret", ""), "name": name, "until": until}

    return await _told_once(request, act, back=f"/developer/webhooks/{name}")


async def delivery(request: Request, visitor: Visitor) -> Response:
    """One delivery: what was sent and what came back."""
    name = request.path_params["webhook"]
    one = await visitor.door.get(f"/webhooks/{name}/deliveries/{request.path_params['delivery']}")
    return page(
        request, visitor, "developer/delivery.html", at="/developer/webhooks", one=one, webhook=name, pretty=_pretty
    )


async def requests(request: Request, visitor: Visitor) -> Response:
    """What this participant's programs asked of the API."""
    query = request.query_params
    search = "".join(one for one in query.get("q", "")[:100] if " " <= one <= "~")
    listed = await visitor.door.get("/requests", q=search, before=query.get("before", ""))
    return page(
        request,
        visitor,
        "developer/requests.html",
        at="/developer/requests",
        rows=listed["requests"],
        next=listed["next"],
        q=search,
    )


async def one_request(request: Request, visitor: Visitor) -> Response:
    """One request with the answer to it."""
    one = await visitor.door.get(f"/requests/by-id/{request.path_params['id']}")
    return page(request, visitor, "developer/request.html", at="/developer/requests", one=one, pretty=_pretty)


async def _told_once(request: Request, act: Any, *, back: str) -> Response:
    """Does what a form asks and shows a secret in its answer; the address of the answer shows nothing again."""
    visitor = await visitor_of(request)
    form = await form_of(request, visitor)
    request.state.stops = []
    try:
        told = await act(visitor, form)
    except Problem as problem:
        if problem.status == 401:
            raise
        return page(request, visitor, "not_done.html", status=problem.status, problem=problem, back=back)
    return page(request, visitor, "developer/secret.html", at=back, told=told, back=back, base=_base(request))


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"


def _chip(state: str, language: Language) -> dict[str, Any]:
    shape, says = STATES.get(state, ("stopped", state))
    return {"shape": shape, "says": language.say(says)}


def _pretty(text: Any) -> str:
    if isinstance(text, str):
        try:
            text = json.loads(text)
        except ValueError:
            return str(text)
    return json.dumps(text, indent=2, ensure_ascii=False, sort_keys=False)


ROUTES = [
    Route("/developer", shown(start)),
    Route("/developer/keys", shown(keys)),
    Route("/developer/keys", make_key, methods=["POST"]),
    Route("/developer/keys/{key:str}/end", acted(end_key), methods=["POST"]),
    Route("/developer/webhooks", shown(webhooks)),
    Route("/developer/webhooks", make_webhook, methods=["POST"]),
    Route("/developer/webhooks/{webhook:str}", shown(webhook)),
    Route("/developer/webhooks/{webhook:str}", acted(change_webhook), methods=["POST"]),
    Route("/developer/webhooks/{webhook:str}/secrets", rotate, methods=["POST"]),
    Route("/developer/webhooks/{webhook:str}/deliveries/{delivery:str}", shown(delivery)),
    Route("/developer/requests", shown(requests)),
    Route("/developer/requests/{id:str}", shown(one_request)),
]
