"""Who may act for us, and where we are paid: a company's mandates, wallet and bank, and asking for other ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...assets import asset_of
from ...door import Problem
from ...language import Language, marked
from ...page import acted, page, shown
from ...typed import minor_of, plain
from ...visitor import Visitor
from ..shared.powers import ACT_NAMES, power
from ..shared.sentences import Chip
from .approvals import named

MODES = {
    "alone": marked("Each alone"),
    "joint": marked("Several jointly"),
    "maker_checker": marked("One asks, another confirms"),
}
BLANK: dict[str, Any] = {
    "name": "",
    "acts": [],
    "persons": [],
    "mode": "joint",
    "required": 2,
    "checkers": [],
    "limits": {},
    "valid_from": 0,
    "valid_until": 0,
}
MANDATES_MAX = 12  # on the page's form; the API takes more
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}\Z")


async def company(request: Request, visitor: Visitor) -> Response:
    """The page: mandates in a table, wallet and bank with their cooling-off, and what may be asked for."""
    told = await visitor.door.get("/mandates")
    payees = await visitor.door.get("/payees")
    language = visitor.language
    names = _names(told, language)
    changes = [
        {**one, "deciders": named(one["decided_by"], language), "is_cooling": one["paid_from"] > language.now}
        for one in reversed(payees["changes"])
    ]
    return page(
        request,
        visitor,
        "company/company.html",
        at="/company",
        told=told,
        rows=[await _row(request, visitor, one, names) for one in told["mandates"]],
        persons=told["persons"],
        nobody=[str(language.say(ACT_NAMES[act])) for act in told["nobody_may"]],
        deciders=named(told["decided_by"], language),
        payees=payees,
        changes=changes,
        cooling=[one for one in changes if one["is_cooling"]],
        asked=request.query_params.get("asked", ""),
        live="*",
    )


async def _row(request: Request, visitor: Visitor, one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """One mandate as a treasurer reads it."""
    language = visitor.language
    chip = Chip("final", str(language.say("In force")))
    if one["has_ended"]:
        chip = Chip("stopped", str(language.say("Ended")))
    elif not one["is_in_force"]:
        chip = Chip("waits", str(language.say("Not yet")))
    return {**one, **await power(request, visitor, one, names), "chip": chip}


def _names(told: Mapping[str, Any], language: Language) -> dict[str, str]:
    return {one["person"]: str(one["name"] or language.say("a colleague")) for one in told["persons"]}


async def mandates(request: Request, visitor: Visitor) -> Response:
    """The form that asks for other mandates: those in force, and room for two more."""
    told = await visitor.door.get("/mandates")
    asset = await _asset(request, visitor)
    given = [*told["mandates"], BLANK][:MANDATES_MAX] if told["mandates"] else [BLANK, BLANK]
    entries = [
        {
            **one,
            "limit": plain(one["limits"][asset["id"]], asset) if one["limits"].get(asset["id"]) else "",
            "from_day": _day(one["valid_from"]),
            "until_day": _day(one["valid_until"] - 1 if one["valid_until"] else 0),
        }
        for one in given
    ]
    return page(
        request, visitor, "company/mandates.html", at="/company", told=told, entries=entries, act_names=ACT_NAMES,
        modes=MODES, asset=asset,
    )  # fmt: skip


async def ask_mandates(request: Request, visitor: Visitor, form: FormData) -> str:
    """Asks for the mandates of the form; a second person confirms."""
    asset = await _asset(request, visitor)
    asked = []
    for place in range(MANDATES_MAX + 1):
        if str(form.get(f"{place}-name", "")).strip() and not form.get(f"{place}-remove"):
            asked.append(_mandate(form, place, asset))
    await visitor.door.post("/mandates", {"mandates": asked}, once=str(form.get("once", "")))
    return "/company?asked=mandates"


def _mandate(form: FormData, place: int, asset: Mapping[str, Any]) -> dict[str, Any]:
    def several(name: str) -> list[str]:
        return [str(value) for value in form.getlist(f"{place}-{name}")]

    def one(name: str) -> str:
        return str(form.get(f"{place}-{name}", "")).strip()

    mode = one("mode")
    limit = str(minor_of(one("limit"), asset, path="limits")) if one("limit") else ""
    until = _unix(one("until"))
    return {
        "name": one("name"),
        "acts": several("acts"),
        "persons": several("persons"),
        "mode": mode,
        "required": int(one("required") or 2) if mode == "joint" else 1,
        "checkers": several("checkers") if mode == "maker_checker" else [],
        "limits": {asset["id"]: limit} if limit else {},
        "valid_from": _unix(one("from")),
        "valid_until": until + 86_400 if until else 0,
    }


async def wallet(request: Request, visitor: Visitor) -> Response:
    """Another wallet: first its address, then what its key signs, then the signature."""
    address = request.query_params.get("address", "").strip()
    digest = ""
    if _ADDRESS.match(address):
        ours = visitor.me["participant"]
        digest = (await visitor.door.get(f"/wallets/ownership/{ours}/{address.lower()}"))["digest"]
    payees = await visitor.door.get("/payees")
    told = await visitor.door.get("/mandates")
    return page(
        request, visitor, "company/wallet.html", at="/company", address=address, digest=digest, payees=payees, told=told
    )


async def ask_payee(request: Request, visitor: Visitor, form: FormData) -> str:
    """Asks that the company be paid elsewhere; a second person confirms, and a cooling-off begins."""
    body = {name: str(form.get(name, "")).strip() for name in ("bank_name", "bank_bic", "signature")}
    address = str(form.get("address", "")).strip().lower()
    if address:
        chain = str((await visitor.door.get("/payees"))["account"]).rpartition(":")[0]
        body["account"] = f"{chain}:{address}"
    await visitor.door.post("/payees", {name: text for name, text in body.items() if text}, once=str(form.get("once")))
    return "/company?asked=payee"


async def _asset(request: Request, visitor: Visitor) -> Mapping[str, Any]:
    """The asset in which this deployment settles: limits are in it."""
    assets = (await visitor.door.get("/assets"))["assets"]
    token = next(one for one in assets if "/" in one["id"])
    return await asset_of(request, visitor, token["id"])


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat() if at else ""


def _unix(day: str) -> int:
    """Midnight (UTC) at which a day begins; 0 for none. Raises: Problem."""
    if not day:
        return 0
    try:
        return int((datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(0)).timestamp())
    except ValueError:
        raise Problem(
            422,
            {
                "title": marked("This is no day."),
                "detail": f"{day:.40} is no day.",
                "code": "malformed",
                "path": "valid_from",
            },
        ) from None


ROUTES = [
    Route("/company", shown(company)),
    Route("/company/mandates", shown(mandates)),
    Route("/company/mandates", acted(ask_mandates), methods=["POST"]),
    Route("/company/wallet", shown(wallet)),
    Route("/company/payee", acted(ask_payee), methods=["POST"]),
]
