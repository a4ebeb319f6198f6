"""A mandate in a treasurer's words, and what a change makes of each one: the second person sees all that it decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from ...assets import asset_of
from ...language import Shown, marked
from ...visitor import Visitor

ACT_NAMES = {
    "propose": marked("Propose invoices"),
    "sign": marked("Sign terms"),
    "fund": marked("Pay into escrow"),
    "present": marked("Present documents"),
    "waive": marked("Take documents that differ"),
    "dispute": marked("Raise a dispute"),
    "withdraw": marked("Withdraw"),
    "change_mandates": marked("Change who may act"),
    "change_payee": marked("Change wallet or bank"),
}


async def power(request: Request, visitor: Visitor, one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Who may do what, how, up to which amounts; `names` are those of persons by id."""
    language = visitor.language
    limits = [language.amount(minor, await asset_of(request, visitor, asset)) for asset, minor in one["limits"].items()]
    people = [names.get(person, str(language.say("somebody who left"))) for person in one["persons"]]
    checkers = [names.get(person, str(language.say("somebody who left"))) for person in one["checkers"]]
    how = {
        "alone": language.say("each alone"),
        "joint": language.say("{number} of {count} jointly", number=one["required"], count=len(people)),
        "maker_checker": language.say("asks; {checkers} confirms", checkers=language.listed(checkers, is_choice=True)),
    }[one["mode"]]
    return {
        "people": language.listed(people),
        "what": language.listed([str(language.say(ACT_NAMES[act])) for act in one["acts"]]),
        "how": how,
        "limits": limits,
    }


async def changed(request: Request, visitor: Visitor, approval: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an approval of mandates or of a payee changes: each thing as it is and as it would be."""
    before, after = approval.get("before") or {}, approval["request"]
    language = visitor.language
    if approval["act"] == "change_payee":
        fields = (
            ("account", language.say("Wallet")),
            ("bank_name", language.say("Bank")),
            ("bank_bic", language.say("BIC of the bank")),
        )
        return [
            {"name": name, "before": before.get(field, ""), "after": after[field], "differs": True}
            for field, name in fields
            if after.get(field)
        ]
    if approval["act"] != "change_mandates":
        return []
    names = {one["person"]: str(one["name"] or language.say("a colleague")) for one in approval.get("persons", [])}
    was, will = ({one["name"]: one for one in side.get("mandates", [])} for side in (before, after))
    return [
        {
            "name": name,
            "before": await _line(request, visitor, was.get(name), names),
            "after": await _line(request, visitor, will.get(name), names),
            "differs": was.get(name) != will.get(name),
        }
        for name in dict.fromkeys([*was, *will])
    ]


async def _line(
    request: Request, visitor: Visitor, one: Mapping[str, Any] | None, names: Mapping[str, str]
) -> Shown | str:
    """One mandate as a line; empty where there is none."""
    if one is None:
        return ""
    language, told = visitor.language, await power(request, visitor, one, names)
    limits = language.listed([str(limit) for limit in map(_plain, told["limits"])]) or language.say("any amount")
    dates = [language.say("from {day}", day=language.day(one["valid_from"]))] if one["valid_from"] else []
    dates += [language.say("until {day}", day=language.day(one["valid_until"]))] if one["valid_until"] else []
    parts = [str(part) for part in (told["people"], told["how"], told["what"], limits, *dates)]
    return " · ".join(parts)


def _plain(limit: Shown) -> str:
    return limit.striptags() if hasattr(limit, "striptags") else str(limit)
