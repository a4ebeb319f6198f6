"""What supervisors look into: caps with live headroom, why each payment was allowed, and the regime in force."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...inert import inert
from ...language import Language, Shown, marked
from ...page import localised, page, shown
from ...visitor import Visitor
from .measures import REFERENCE, taken

DAY_S = 86_400
PAGE, CSV_PAGES_MAX = 25, 40
VERDICTS = {"CLEAR": marked("allowed"), "REVIEW": marked("to be reviewed"), "REFUSE": marked("refused")}
SHAPES = {"CLEAR": "final", "REVIEW": "waits", "REFUSE": "stopped"}
ACTS = {
    "FUND": marked("payment into escrow"),
    "RELEASE": marked("payment to the seller"),
    "REFUND": marked("payment back to the buyer"),
    "REJECT": marked("return of a rejected payment"),
    "RETURN": marked("return of what came beside the trade"),
    "FEE": marked("fee"),
}
RULES = ("participant_admitted", "wallet_admitted", "asset_banned", "asset_kind", "territory", "corridor",
         "cap_payment", "cap_window", "invoice_number_reused", "listed")  # fmt: skip
MONEY = ("cap_payment_minor", "cap_window_minor")
NAMES = {
    "cap_payment_minor": marked("Each payment, at most"),
    "cap_window_minor": marked("A company's payments in the window, at most"),
    "window_days": marked("The window, in days"),
    "in_force_from": marked("In force from"),
    "in_force_until": marked("In force until"),
    "operator": marked("Operator"),
    "escrow_holder": marked("Escrow holder"),
    "examiner": marked("Examiner of record"),
    "reference": marked("Currency of the caps"),
    "lists_required": marked("Lists that must be loaded"),
    "lists_age_s_max": marked("Age of lists, at most"),
    "review_s": marked("Time for a review"),
    "kinds_admitted": marked("Assets admitted"),
    "assets_banned": marked("Assets banned"),
    "territories_banned": marked("Territories banned"),
    "territories_reviewed": marked("Territories reviewed"),
    "corridors": marked("Corridors"),
    "blocked": marked("Blocked"),
    "rejected": marked("Rejected"),
    "silence": marked("Silence of the examiner"),
    "name": marked("Name"),
    "version": marked("Version"),
}


async def caps(request: Request, visitor: Visitor) -> Response:
    """Every cap, who uses how much, and when it frees up."""
    told, language = await visitor.door.get("/headroom"), visitor.language
    limits = {one["cap"]: one | {"limit": language.amount(one["limit_minor"], REFERENCE)} for one in told["caps"]}
    window = limits["window"]
    return page(
        request,
        visitor,
        "supervisor/caps.html",
        at="/caps",
        regime=told["regime"],
        payment=limits["payment"],
        window=window,
        users=[_user(one, int(window["limit_minor"]), language) for one in told["users"]],
        taken=taken(told, language),
        live="*",
    )


def _user(one: Mapping[str, Any], limit_minor: int, language: Language) -> dict[str, Any]:
    amounts = {name: language.amount(one[f"{name}_minor"], REFERENCE) for name in ("used", "free", "frees")}
    count = language.say("{count} settlements", count=language.number(one["settlements"]))
    return {**one, **amounts, "share": min(1.0, int(one["used_minor"]) / limit_minor), "settlements_say": count}


def words(language: Language) -> dict[str, dict[str, str]]:
    """What a decision's page says of verdicts and acts."""
    return {"verdicts": localised(language, VERDICTS), "acts": localised(language, ACTS), "shapes": SHAPES}


async def decisions(request: Request, visitor: Visitor) -> Response:
    """Decisions, newest first, as filtered."""
    asked, query = _asked(request)
    before = request.query_params.get("before", "")
    more = {"before": before} if before.isdigit() and len(before) < 16 else {}
    told = await visitor.door.get("/decisions", limit=PAGE, **query, **more)
    return page(
        request,
        visitor,
        "supervisor/decisions.html",
        at="/decisions",
        decisions=told["decisions"],
        next=told["next"],
        sentence=_sentence(told["decisions"], visitor.language),
        words=words(visitor.language),
        rules=RULES,
        asked=asked,
        query=urlencode({name: value for name, value in asked.items() if value}),
        live="*" if not before else "",
    )


def _asked(request: Request) -> tuple[dict[str, str], dict[str, Any]]:
    """The filter as the form says it, and as the API takes it."""
    given = {name: request.query_params.get(name, "") for name in ("verdict", "act", "rule", "day")}
    allowed = {"verdict": VERDICTS, "act": ACTS, "rule": RULES}
    asked = {name: value if name == "day" or value in allowed[name] else "" for name, value in given.items()}
    query: dict[str, Any] = {name: asked[name] for name in allowed if asked[name]}
    try:
        since = int(datetime.fromisoformat(asked["day"]).replace(tzinfo=UTC).timestamp())
    except ValueError:
        asked["day"] = ""
    else:
        query |= {"since": max(0, since), "until": max(0, since + DAY_S)}
    return asked, query


def _sentence(found: list[dict[str, Any]], language: Language) -> Shown:
    if not found:
        return language.say("No decision was made yet that fits.")
    newest = found[0]
    return language.tell(
        "The newest decision, {ago}: {act} from {buyer}'s trade with {seller}, {verdict}.",
        ago=language.left(newest["at"]),
        act=language.say(ACTS.get(newest["act"], newest["act"])),
        buyer=newest["buyer_name"],
        seller=newest["seller_name"],
        verdict=language.say(VERDICTS[newest["verdict"]]),
    )


async def decisions_csv(request: Request, visitor: Visitor) -> Response:
    """The same as CSV, one line a decision."""
    _, query = _asked(request)
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(("at_unix_s", "settlement", "invoice", "seller", "buyer", "act", "verdict", "regime", "rules",
                    "sources", "lists", "payee", "valid_until_unix_s", "signer", "decision_sha256"))  # fmt: skip
    before: dict[str, Any] = {}
    for _page in range(CSV_PAGES_MAX):
        told = await visitor.door.get("/decisions", limit=200, **query, **before)
        for one in told["decisions"]:
            passport = one["passport"] or {}
            cells = (one["settlement"], one["invoice_number"], one["seller_name"], one["buyer_name"], one["act"],
                     one["verdict"], one["regime"], "; ".join(reason["rule"] for reason in one["reasons"]),
                     "; ".join(reason["source"] for reason in one["reasons"]),
                     "; ".join(f"{row['source']} {row['version']}" for row in one["lists"]),
                     passport.get("payee", ""), str(passport.get("valid_until", "")), passport.get("signer", ""),
                     one["sha256"])  # fmt: skip
            table.writerow((one["at"], *map(inert, cells)))
        if not told["next"]:
            break
        before = {"before": told["next"]}
    return Response(
        written.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="decisions.csv"'},
    )


async def regime(request: Request, visitor: Visitor) -> Response:
    """The rules in force, from when, and their sources."""
    told, language = await visitor.door.get("/regime"), visitor.language
    rules = [
        {"name": language.say(NAMES.get(row["rule"], row["rule"].replace("_", " "))), "source": row["source"]}
        | {"value": _value(row["rule"], row["value"], language)}
        for row in told["rules"]
        if row["value"] not in ("", "None")
    ]
    return page(request, visitor, "supervisor/regime.html", at="/regime", told=told, rules=rules)


def _value(rule: str, value: str, language: Language) -> str | Shown:
    if rule in MONEY:
        return language.amount(value, REFERENCE)
    if rule in ("in_force_from", "in_force_until"):
        return language.moment(int(value))
    return language.span(int(value)) if rule in ("lists_age_s_max", "review_s") else value


ROUTES = [
    Route("/caps", shown(caps)),
    Route("/decisions", shown(decisions)),
    Route("/decisions.csv", shown(decisions_csv)),
    Route("/regime", shown(regime)),
]
