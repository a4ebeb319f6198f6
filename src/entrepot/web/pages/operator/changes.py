"""Changes by two: what waits for a second person, from what to what, and what became of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...door import Problem
from ...language import Language, Shown, marked
from ...navigation import ROLES
from ...page import acted, page, shown
from ...visitor import Visitor
from ..shared.sentences import Chip
from . import contract

DAY_S = 86_400
HISTORY_MAX = 100
# Subject → what it is called, and what somebody proposes by it.
SUBJECTS: dict[str, tuple[str, str]] = {
    "admission": (marked("Admission"), marked("{person} proposes to admit {about} by its KYB file.")),
    "membership": (marked("Role"), marked("{person} proposes that {who} acts for {about}.")),
    "invitation": (marked("Invitation"), marked("{person} proposes to invite somebody of {about} again.")),
    "wallet": (marked("Wallet"), marked("{person} proposes another wallet for {about}.")),
    "stop": (marked("Stop"), marked("{person} proposes to stop payments.")),
    "lift_stop": (marked("End of a stop"), marked("{person} proposes to end a stop before its time.")),
    "freeze_notice": (marked("Freeze notice"), marked("{person} proposes to tell an owner of a freeze.")),
    "suspension": (marked("Suspension"), marked("{person} proposes to suspend {about}.")),
    "suspension_lift": (marked("End of a suspension"), marked("{person} proposes to end the suspension of {about}.")),
    "bank": (marked("Bank"), marked("{person} proposes another bank for {about}.")),
    "freeze": (marked("Freeze"), marked("{person} proposes to freeze a settlement.")),
    "unfreeze": (marked("End of a freeze"), marked("{person} proposes to end a freeze.")),
    "unblock": (marked("End of a block"), marked("{person} proposes to end a block.")),
    "return_payment": (marked("Return"), marked("{person} proposes to return money that came beside a trade.")),
    "caps": (marked("Caps"), marked("{person} proposes other caps.")),
    "list_source": (marked("Lists"), marked("{person} proposes to change which lists are followed.")),
    "take_again": (marked("Set aside"), marked("{person} proposes to take a set-aside item again.")),
    "dismiss": (marked("Set aside"), marked("{person} proposes to dismiss a set-aside item for good.")),
    "close_case": (marked("Difference"), marked("{person} proposes to close the case of a difference.")),
    "close_period": (marked("Period's end"), marked("{person} proposes to close a period.")),
    "contract_setting": (marked("Contract"), marked("{person} proposes to change whose keys the contract obeys.")),
}
OTHER = (marked("Change"), marked("{person} proposes a change."))
FIELDS = {
    "status": marked("Status"),
    "grade": marked("Grade"),
    "until": marked("Until"),
    "from": marked("From"),
    "cap_payment_minor": marked("Cap of one payment, USD"),
    "cap_window_minor": marked("Cap of the window, USD"),
    "followed": marked("Lists followed"),
    "act": marked("Act"),
    "change": marked("Act"),
    "source": marked("List"),
    "role": marked("Role"),
    "who": marked("Key"),
    "signers": marked("Signing keys"),
    "required": marked("Must sign"),
    "person_name": marked("Person"),
    "account": marked("Account"),
    "transaction": marked("Transaction"),
    "day": marked("Day"),
    "why": marked("Set aside because"),
    "what": marked("What it asked"),
    "about": marked("About"),
    "opened_at": marked("Opened"),
    "received_at": marked("Arrived"),
}
TIMES = ("until", "from", "opened_at", "received_at")
AMOUNTS = ("cap_payment_minor", "cap_window_minor")
VALUES = {
    "new": marked("New settlements"),
    "fund": marked("New payments"),
    "all": marked("All payments"),
    "follow": marked("Follow it"),
    "unfollow": marked("No longer follow it"),
    "applied": marked("Applied"),
    "admitted": marked("Admitted"),
    "suspended": marked("Suspended"),
    **ROLES,
    "owner": marked("Owners"),
    "passport": marked("Passport signers"),
    "trustee": marked("Trustees"),
    "grant": marked("Grant a key"),
    "revoke": marked("Revoke a key"),
    "require": marked("Change how many sign"),
}
STATES = {
    "waiting": ("waits", marked("Waits for a second person")),
    "confirmed": ("final", marked("Confirmed")),
    "declined": ("stopped", marked("Declined")),
    "expired": ("stopped", marked("Not confirmed in time")),
}


@dataclass(frozen=True)
class Names:
    """Names of participants by their id."""

    by_id: Mapping[str, str]

    def of(self, body: Mapping[str, Any]) -> str:
        """The participant that a change is about, by name."""
        return self.by_id.get(str(body.get("participant", "")), "")


async def changes(request: Request, visitor: Visitor) -> Response:
    """What waits for a second person first, then what became of the others."""
    found = (await visitor.door.get("/changes"))["changes"]
    participants = (await visitor.door.get("/participants"))["participants"]
    names = Names({one["id"]: str(one["profile"].get("name", "")) for one in participants})
    told = [_told(one, names, visitor.language) for one in reversed(found)]
    waiting = [one for one in told if one["state"] == "waiting"]
    return page(
        request,
        visitor,
        "operator/changes.html",
        at="/changes",
        waiting=waiting,
        mine=[one for one in waiting if one["may_end"] and not one["is_own"]],
        history=[one for one in told if one["state"] != "waiting"][:HISTORY_MAX],
        regime=await visitor.door.get("/regime"),
        contract=contract.told((await visitor.door.get("/contract-settings"))["settings"], visitor.language),
        explorer=request.app.state.explorer,
        live="*",
    )


def _told(change: Mapping[str, Any], names: Names, language: Language) -> dict[str, Any]:
    """A change in words: its sentence, and what is before and after, side by side."""
    name, says = SUBJECTS.get(change["subject"], OTHER)
    after, before = change["after"], change["before"]
    values = {
        "person": change["proposed_by_name"] or language.say("Somebody"),
        "about": names.of(after) or language.say("a participant"),
        "who": after.get("person_name", ""),
    }
    shape, state = contract.OUTCOMES[change["outcome"]["state"]] if change["outcome"] else STATES[change["state"]]
    fields = [field for field in FIELDS if field in after or field in before]
    becomes = {**after, **_becomes(change)}
    return {
        **change,
        "name": language.say(name),
        "sentence": language.tell(says, **values),
        "about": names.of(after),
        "chip": Chip(shape, str(language.say(state))),
        "rows": [
            (language.say(FIELDS[field]), _value(field, before, language), _value(field, becomes, language))
            for field in fields
        ],
        "settlement": after.get("settlement") or before.get("settlement") or "",
        "participant": after.get("participant", ""),
        "run": after.get("run", ""),
    }


def _becomes(change: Mapping[str, Any]) -> dict[str, Any]:
    """What a change makes of what was before, where its body does not say it."""
    before, after = change["before"], change["after"]
    if change["subject"] == "admission" and before.get("status") == "applied":
        return {"status": "admitted"}
    if change["subject"] == "list_source":
        kept = [one for one in before.get("followed", []) if one != after["source"]]
        return {"followed": [*kept, after["source"]] if after["act"] == "follow" else kept}
    if change["subject"] == "contract_setting":
        return contract.becomes(before, after)
    return {}


def _value(field: str, body: Mapping[str, Any], language: Language) -> str | Shown:
    """A value as people read it; "" for one that is not there."""
    if field not in body:
        return ""
    value = body[field]
    if field in TIMES:
        return language.moment(int(value)) if value else language.say("no end")
    if field in AMOUNTS:
        return language.number(Decimal(int(value)).scaleb(-2), 2)
    if field in contract.FIELDS:
        return contract.value(value, language)
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return str(language.say(VALUES.get(str(value), str(value))))


async def propose(request: Request, visitor: Visitor, form: FormData) -> str:
    """The first person proposes what the form says."""
    subject, language = str(form.get("subject", "")), visitor.language
    make = BODIES.get(subject)
    if make is None:
        raise Problem(404, {"title": marked("There is no such change.")})
    asked = {"subject": subject, "body": make(form, language.now), "reason": str(form.get("reason", "")).strip()}
    await visitor.door.post("/changes", asked, once=str(form.get("once", "")))
    return str(form.get("next") or "/changes?done=proposed")


def _caps(form: FormData, now: int) -> dict[str, Any]:
    body = {name: _hundredths(str(form.get(name, ""))) for name in AMOUNTS}
    return body | {"from": now + _whole(str(form.get("in_days", "0"))) * DAY_S}


def _hundredths(text: str) -> int:
    try:
        return int((Decimal(text.replace(",", "").replace(" ", "")) * 100).to_integral_value())
    except ArithmeticError:
        raise Problem(
            422, {"title": marked("An amount is a number, such as 250000.00."), "code": "malformed"}
        ) from None


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 5 else 0


def _named(*names: str) -> Any:
    return lambda form, _: {name: str(form.get(name, "")).strip() for name in names}


BODIES: dict[str, Any] = {
    "caps": _caps,
    "list_source": _named("act", "source"),
    "take_again": _named("item"),
    "dismiss": _named("item"),
    "return_payment": _named("settlement", "transaction"),
    "close_case": _named("case"),
    "close_period": _named("period", "run"),
    "contract_setting": contract.body,
}


async def confirm(request: Request, visitor: Visitor, form: FormData) -> str:
    """The second person confirms."""
    await visitor.door.post(f"/changes/{request.path_params['change']}/confirmations", once=str(form.get("once", "")))
    return str(form.get("next") or "/changes?done=confirmed")


async def decline(request: Request, visitor: Visitor, form: FormData) -> str:
    """Somebody declines, or the proposer withdraws."""
    body = {"reason": str(form.get("reason", "")).strip()}
    path = f"/changes/{request.path_params['change']}/refusals"
    await visitor.door.post(path, body, once=str(form.get("once", "")))
    return str(form.get("next") or "/changes?done=declined")


ROUTES = [
    Route("/changes", shown(changes)),
    Route("/changes", acted(propose), methods=["POST"]),
    Route("/changes/{change:str}/confirm", acted(confirm), methods=["POST"]),
    Route("/changes/{change:str}/decline", acted(decline), methods=["POST"]),
]
