"""What waits for a second person: who asked for what, and confirming or declining it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...assets import asset_of
from ...language import Language, Shown, marked
from ...page import acted, page, shown
from ...visitor import Visitor
from ..shared.powers import ACT_NAMES, changed
from ..shared.sentences import Chip

ASKED = {
    "propose": marked("{who} asked to propose an invoice: {amount}."),
    "sign": marked("{who} asked to sign the terms: {amount}."),
    "fund": marked("{who} asked to pay {amount} into escrow."),
    "present": marked("{who} asked to present {documents} documents."),
    "waive": marked("{who} asked to take the documents as they are."),
    "dispute": marked("{who} asked to raise a dispute."),
    "withdraw": marked("{who} asked to withdraw."),
    "change_mandates": marked("{who} asked to change who may act for {company}."),
    "change_payee": marked("{who} asked that {company} be paid elsewhere."),
}
STATUS = {
    "open": Chip("waits", marked("Waits")),
    "done": Chip("final", marked("Done")),
    "declined": Chip("stopped", marked("Declined")),
    "refused": Chip("stopped", marked("Refused")),
    "replaced": Chip("stopped", marked("Asked anew")),
    "outdated": Chip("stopped", marked("Terms changed")),
    "expired": Chip("stopped", marked("Time is over")),
}


async def approvals(request: Request, visitor: Visitor) -> Response:
    """The page: what waits for me first, then what waits for others, then what became of the rest."""
    found = (await visitor.door.get("/approvals", status="all"))["approvals"]
    rows = [await row(request, visitor, one) for one in found]
    waiting = [one for one in rows if one["status"] == "open"]
    return page(
        request,
        visitor,
        "company/approvals.html",
        at="/approvals",
        mine=[one for one in waiting if not one["is_yours"]],
        asked=[one for one in waiting if one["is_yours"]],
        past=[one for one in rows if one["status"] != "open"],
        live="*",
    )


async def row(request: Request, visitor: Visitor, one: Mapping[str, Any]) -> dict[str, Any]:
    """An approval as it is told: who asked for what in one sentence, with its chip."""
    language = visitor.language
    amount: Shown | str = ""
    if one["asset"]:
        amount = language.amount(one["amount_minor"], await asset_of(request, visitor, one["asset"]))
    who = one["asked_by"]["name"] or language.say("A colleague")
    values = {"who": who, "amount": amount, "documents": one["documents"], "company": one["company"]}
    chip = STATUS[one["status"]]
    return {
        **one,
        "sentence": language.tell(ASKED[one["act"]], **values),
        "amount": amount,
        "name": language.say(ACT_NAMES[one["act"]]),
        "chip": Chip(chip.shape, str(language.say(chip.says))),
        "deciders": named(one["confirmed_by"], language),
        "changed": await changed(request, visitor, one),
    }


def named(persons: list[dict[str, Any]], language: Language) -> str:
    """The names of some persons; one of the operator's house is not named to a company."""
    return language.listed([str(one["name"] or language.say("an operator")) for one in persons])


async def waiting(request: Request, visitor: Visitor, settlement: str) -> list[dict[str, Any]]:
    """What waits for a second person on one settlement; nothing for whoever is not a party."""
    if visitor.role != "treasurer":
        return []
    found = (await visitor.door.get("/approvals", settlement=settlement))["approvals"]
    return [await row(request, visitor, one) for one in found]


async def confirm(request: Request, visitor: Visitor, form: FormData) -> str:
    """Another person confirms: the act is done."""
    id_ = request.path_params["approval"]
    await visitor.door.post(f"/approvals/{id_}/confirmations", once=str(form.get("once", "")))
    return _back(form)


async def decline(request: Request, visitor: Visitor, form: FormData) -> str:
    """Another person declines, or the one who asked takes it back."""
    id_ = request.path_params["approval"]
    body = {"reason": str(form.get("reason", ""))}
    await visitor.door.post(f"/approvals/{id_}/refusals", body, once=str(form.get("once", "")))
    return _back(form)


def _back(form: FormData) -> str:
    return str(form.get("back", "/approvals")) or "/approvals"


ROUTES = [
    Route("/approvals", shown(approvals)),
    Route("/approvals/{approval:str}/confirm", acted(confirm), methods=["POST"]),
    Route("/approvals/{approval:str}/decline", acted(decline), methods=["POST"]),
]
