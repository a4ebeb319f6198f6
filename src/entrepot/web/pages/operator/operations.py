"""An operator's day: exceptions, health, and the reconciliation that closes it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...assets import asset_of
from ...language import Language, Shown, marked
from ...page import acted, page, shown
from ...visitor import Visitor

KINDS = {
    "watcher": marked("Watcher"),
    "list": marked("List"),
    "set_aside": marked("Set aside"),
    "difference": marked("Difference"),
    "mispaid": marked("Beside the trade"),
    "stuck": marked("Stuck"),
    "outbox": marked("Not sent"),
    "paused": marked("Put off"),
}
# Kind → the sentence. Values are those of `_values`.
SAYS = {
    "watcher": marked("The {name} watcher is {seconds} s behind: what happens on the chain is not seen."),
    "alarm": marked("The {name} watcher raised an alarm: {alarm}"),
    "list": marked("The list {source} is too old or not loaded: no payment is decided."),
    "set_aside": marked("A request of kind {what} from {origin} met a defect of ours and was set aside."),
    "difference": marked("Books and the other side differ about {about}."),
    "stuck": marked("The operation {what} is on its way for too long: ask what became of it."),
    "outbox": marked("{what} was tried {attempts} times outside, and is tried again by itself."),
    "paused": marked("A check is put off, and runs again by itself."),
}
OUTCOMES = {
    "too_little": marked("{amount} came, less than was due: it does not count, and goes back to its origin."),
    "too_much": marked("{amount} came, more than was due: it does not count, and goes back to its origin."),
    "late": marked("{amount} came after the payment was made or the trade had ended: it goes back to its origin."),
    "bare": marked("{amount} came by a bare transfer, which never pays a trade: it goes back to its origin."),
    "wrong_token": marked("{amount} came in another token than was agreed: it goes back to its origin."),
    "third_party": marked("{amount} came from a wallet that is not the buyer's: it goes back only to its origin."),
}
ABOUT = {
    "escrow held for the trade": marked("what the escrow holds for the trade"),
    "tokens at the escrow's address": marked("the tokens at the escrow's address"),
    "released": marked("what was paid to the seller"),
    "refunded": marked("what was paid back to the buyer"),
    "paid out by pacs.008": marked("what messages say was paid out"),
    "paid out": marked("what was paid out"),
    "bank statement": marked("what the bank's statement says"),
    "paid out, on days that a statement covers": marked("what was paid out on days that a statement covers"),
}
SIDES = {
    "books": marked("Books"),
    "chain": marked("Chain"),
    "messages": marked("Messages"),
    "bank": marked("Bank"),
}
# Reason → the sentence; `reason` is a code of workflows/books/sides.py.
REASONS = {
    "chain_differs": marked("The escrow on the chain says another amount than the books."),
    "escrow_missing": marked("The books hold money for this trade, and no escrow is open on the chain."),
    "tokens_missing": marked("The escrow says that it holds more tokens than lie at its address."),
    "record_differs": marked("The ledger's transfers and the settlement's own record differ."),
    "messages_differ": marked("The payment messages that went out add up to another amount than was paid."),
    "notices_differ": marked("Notices (camt.054) and payment messages (pacs.008) say different amounts."),
    "message_waiting": marked("A message about a payment was made and has not gone out."),
    "message_unreadable": marked("A message that went out cannot be read back."),
    "bank_unknown": marked("The bank booked an amount under a reference that no trade here has."),
    "bank_missing": marked("A payment that was told to the bank is not in its statement of that day."),
    "bank_twice": marked("The bank booked the same payment a second time."),
    "bank_unexpected": marked("The bank booked a debit for this trade, and no payment was told to it."),
    "bank_amount": marked("The bank booked another amount than it was told."),
    "bank_date": marked("The bank booked the payment with another value date than it was told."),
    "bank_currency": marked("The bank booked the payment in another currency than it was told."),
    "bank_reversed": marked("The bank took an entry back."),
    "bank_deposit": marked("The bank credited another amount for this trade than it was funded with."),
    "bank_gap": marked("The statement does not open with the balance with which the one before it closed."),
}
WHERE_CHARS = 22
BY_HAND = ("watcher", "set_aside", "difference", "mispaid", "stuck")


async def exceptions(request: Request, visitor: Visitor) -> Response:
    """One queue of what needs a human, the most urgent first."""
    found = (await visitor.door.get("/exceptions"))["exceptions"]
    rows = [await _row(request, visitor, one) for one in found]
    wanted = request.query_params.get("kind", "")
    kinds = [(kind, name) for kind, name in KINDS.items() if any(row["kind"] == kind for row in rows)]
    return page(
        request,
        visitor,
        "operator/exceptions.html",
        at="/exceptions",
        rows=[row for row in rows if wanted in ("", row["kind"])],
        count=len(rows),
        oldest=min((row["since"] for row in rows if row["since"]), default=0),
        kinds=kinds,
        wanted=wanted,
        live="*",
    )


async def _row(request: Request, visitor: Visitor, one: Mapping[str, Any]) -> dict[str, Any]:
    language, kind = visitor.language, one["kind"]
    return {
        **one,
        "name": language.say(KINDS.get(kind, kind)),
        "shape": "stopped" if kind in ("watcher", "list", "set_aside", "difference") else "waits",
        "sentence": await _said(request, visitor, one),
        "age": language.left(one["since"]) if one["since"] else "",
        "detail": one.get("why") or one.get("error") or "",
    }


async def _said(request: Request, visitor: Visitor, one: Mapping[str, Any]) -> Shown:
    language, kind = visitor.language, one["kind"]
    if kind == "mispaid":
        asset = await asset_of(request, visitor, one["asset"])
        amount = language.amount(one["amount_minor"], asset) if asset["symbol"] else language.say("Money")
        return language.tell(OUTCOMES[one["outcome"]], amount=amount)
    if kind == "watcher" and one["alarm"]:
        return language.tell(SAYS["alarm"], name=one["name"], alarm=one["alarm"])
    values = {
        "name": one.get("name", ""),
        "seconds": language.number(int(one.get("behind_s", 0))),
        "source": one.get("source", ""),
        "what": one.get("what", ""),
        "origin": language.say(one.get("from", "")),
        "about": language.say(ABOUT.get(one.get("about", ""), one.get("about", ""))),
        "attempts": language.number(int(one.get("attempts", 0))),
    }
    return language.tell(SAYS[kind], **values)


async def reconciliation(request: Request, visitor: Visitor) -> Response:
    """The newest run, or the one in the address: sums, differences with all sides, statements, closed periods."""
    door, language = visitor.door, visitor.language
    asked = request.query_params.get("asked", "")
    listed = await door.get("/reconciliations")
    wanted = request.path_params.get("run") or (listed["runs"][0]["id"] if listed["runs"] else "")
    run = await door.get(f"/reconciliations/{wanted}") if wanted else None
    is_running = bool(asked) and all(one["id"] != asked for one in listed["runs"])
    is_newest = run is not None and run["id"] == listed["runs"][0]["id"]
    differences = (
        [await _difference(request, visitor, one, listed["cases"]) for one in run["differences"]] if run else []
    )
    is_clean = is_newest and all(one["explained_by"] for one in differences) and not any(listed["open"].values())
    waiting = [one for one in (await door.get("/changes"))["changes"] if one["state"] == "waiting"]
    closing = next((one for one in waiting if one["subject"] == "close_period"), None)
    closable = periods_to_close(listed["today"], [one["period"] for one in listed["closed_periods"]])
    open_cases = [one for one in listed["cases"] if not one["closed_at"]]
    return page(
        request,
        visitor,
        "operator/reconciliation.html",
        at="/reconciliation",
        run=run,
        totals=[await _total(request, visitor, row) for row in run["totals"]] if run else [],
        differences=differences,
        unexplained=[one for one in differences if not one["explained_by"]],
        sides=SIDES,
        runs=listed["runs"],
        closed_periods=listed["closed_periods"],
        statements=[await _statement(request, visitor, one) for one in listed["statements"]],
        today=listed["today"],
        open=listed["open"],
        open_cases=[one | {"about": language.say(ABOUT.get(one["about"], one["about"]))} for one in open_cases],
        closing=closing,
        closing_cases={one["after"]["case"] for one in waiting if one["subject"] == "close_case"},
        may_close=is_clean and bool(closable) and closing is None,
        closable=closable,
        is_closed=any(one["period"] == listed["today"] for one in listed["closed_periods"]),
        is_running=is_running,
        asked=asked,
        is_newest=is_newest,
    )


def periods_to_close(today: str, closed: Sequence[str]) -> list[str]:
    """Today and yesterday, and the month that ended, as far as they are not closed already; the earliest first."""
    day = date.fromisoformat(today)
    days = [(day - timedelta(days=1)).isoformat(), today]
    month = (day.replace(day=1) - timedelta(days=1)).isoformat()[:7]
    last_day = max((one for one in closed if len(one) == len(today)), default="")
    last_month = max((one for one in closed if len(one) == len(month)), default="")
    open_days = [one for one in days if one > last_day and one[: len(month)] > last_month]
    return ([month] if month > last_month else []) + open_days


async def _total(request: Request, visitor: Visitor, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the sums: each side's amount, and whether those that speak agree."""
    asset = await asset_of(request, visitor, row["asset"])
    sides = {name: row.get(f"{name}_minor") for name in SIDES}
    said = {value for value in sides.values() if value is not None}
    return {
        "account": visitor.language.say(ABOUT.get(row["account"], row["account"])),
        **{name: None if value is None else visitor.language.amount(value, asset) for name, value in sides.items()},
        "agrees": len(said) <= 1,
    }


async def _statement(request: Request, visitor: Visitor, one: Mapping[str, Any]) -> dict[str, Any]:
    asset = await asset_of(request, visitor, one["currency"])
    return {**one, "closing": visitor.language.amount(one["closing_minor"], asset)}


async def _difference(
    request: Request, visitor: Visitor, one: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """One difference: a sentence, and for each side what it says and the entries behind it."""
    language, asset = visitor.language, await asset_of(request, visitor, one["asset"])
    token = await asset_of(request, visitor, one["token"]) if one["token"] else asset
    key = (one["settlement"], one["about"], one["reference"])
    shown, said = {}, [int(minor) for minor in one["sides"].values()]
    for side, name in SIDES.items():
        rows = [await _entry(request, visitor, row, token) for row in one["entries"][side]]
        if side in one["sides"] or rows:
            figure = language.amount(int(one["sides"][side]), asset) if side in one["sides"] else ""
            shown[side] = {"name": language.say(name), "said": figure, "rows": rows}
    return {
        **one,
        "about": language.say(ABOUT.get(one["about"], one["about"])),
        "why": language.say(REASONS.get(one["reason"], one["reason"])),
        "shown": shown,
        "gap": language.amount(max(said) - min(said), asset) if len(said) > 1 else "",
        "case": next((case for case in reversed(cases) if _key(case) == key), None),
    }


def _key(case: Mapping[str, Any]) -> tuple[str, str, str]:
    return (case["settlement"], case["about"], case["reference"])


async def _entry(
    request: Request, visitor: Visitor, row: Mapping[str, Any], token: Mapping[str, Any]
) -> dict[str, str]:
    """One line behind a side: what it is, where it stands, how much, in that order."""
    asset = await asset_of(request, visitor, row["currency"]) if row.get("currency") else token
    where = row.get("transaction") or row.get("message") or row.get("reference") or ""
    ways = visitor.language.tell("{first} → {second}", first=row["from"], second=row["to"]) if "from" in row else ""
    return {
        "event": str(row["event"]),
        "way": str(ways),
        "where": where if len(where) < WHERE_CHARS else f"{where[:WHERE_CHARS]}…",
        "when": row.get("value_date") or visitor.language.clock(row["at"]),
        "amount": visitor.language.amount(row["amount_minor"], asset) if row.get("amount_minor") else "",
    }


async def statement(request: Request, visitor: Visitor, form: FormData) -> str:
    """Hands in a bank's statement, and shows the comparison with it."""
    file = form.get("statement")
    raw = await file.read() if isinstance(file, UploadFile) else b""
    body = {"statement_base64": base64.b64encode(raw).decode()}
    answer = await visitor.door.post("/statements", body, once=str(form.get("once", "")))
    return f"/reconciliation?asked={answer.body.get('reconciliation', '')}"


async def closed_period(request: Request, visitor: Visitor) -> Response:
    """The signed packet of a closed period, byte for byte."""
    found = await visitor.door.fetch(f"/closed-periods/{request.path_params['period']}")
    headers = {"Content-Disposition": found.headers["content-disposition"]}
    return Response(found.content, media_type="application/json", headers=headers)


async def reconcile(request: Request, visitor: Visitor, form: FormData) -> str:
    """Has the worker compare everything."""
    answer = await visitor.door.post("/reconciliations", once=str(form.get("once", "")))
    return f"/reconciliation?asked={answer.body.get('reconciliation', '')}"


async def health(request: Request, visitor: Visitor) -> Response:
    """One sentence that is true, and each part with its figures and what stops because of it."""
    found = await visitor.door.get("/health")
    return page(
        request,
        visitor,
        "operator/health.html",
        at="/health",
        found=found,
        sentence=health_sentence(found, visitor.language),
        is_in_time=all(
            part["is_in_time"]
            for part in (*found["watchers"], *found["lists"], found["worker"], found["outbox"], found["set_aside"])
        )
        and bool(found["watchers"]),
        live="*",
    )


HEALTH = {
    "unwatched": marked("No watcher has read the chain yet: no payment is seen."),
    "alarm": marked("The {name} watcher raised an alarm, and nothing of its rail goes on: {alarm}"),
    "behind": marked("The {name} watcher is {seconds} s behind: payments are not seen, nothing there goes on."),
    "lists": marked("No payment is decided until these lists are fresh: {lists}."),
    "worker": marked("The worker is behind: a request has waited for {seconds} s."),
    "one_aside": marked("Everything is in time, but 1 item was set aside and waits for two persons."),
    "aside": marked("Everything is in time, but {count} items were set aside and wait for two persons."),
    "outbox": marked("{count} things cannot be done outside now and are tried again."),
    "well": marked("Everything is in time."),
}


def health_sentence(found: Mapping[str, Any], language: Language) -> Shown:
    """The first part that is late, in the order of what it stops; else that everything is in time."""
    kind, values = _late(found)
    shown = {name: language.number(value) if isinstance(value, int) else value for name, value in values.items()}
    return language.tell(HEALTH[kind], **shown)


def _late(found: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(key of the sentence, what it names)."""
    for one in found["watchers"]:
        if not one["is_in_time"]:
            named = {"name": one["name"], "alarm": one["alarm"], "seconds": one["behind_s"]}
            return ("alarm" if one["alarm"] else "behind"), named
    if not found["watchers"]:
        return "unwatched", {}
    late = [one["source"] for one in found["lists"] if not one["is_in_time"]]
    if late:
        return "lists", {"lists": ", ".join(late)}
    if not found["worker"]["is_in_time"]:
        return "worker", {"seconds": found["worker"]["waited_s"]}
    if not found["set_aside"]["is_in_time"]:
        count = found["set_aside"]["count"]
        return ("one_aside" if count == 1 else "aside"), {"count": count}
    if not found["outbox"]["is_in_time"]:
        return "outbox", {"count": found["outbox"]["failing"]}
    return "well", {}


ROUTES = [
    Route("/exceptions", shown(exceptions)),
    Route("/reconciliation", shown(reconciliation)),
    Route("/reconciliation", acted(reconcile), methods=["POST"]),
    Route("/reconciliation/statements", acted(statement), methods=["POST"]),
    Route("/reconciliation/closed/{period:str}", shown(closed_period)),
    Route("/reconciliation/{run:str}", shown(reconciliation)),
    Route("/health", shown(health)),
]
