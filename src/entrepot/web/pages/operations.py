"""An operator's day: exceptions, health, and the reconciliation that closes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..assets import asset_of
from ..language import Language, Shown, marked
from ..page import acted, page, shown
from ..visitor import Visitor

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
}
SIDES = {"chain": marked("Chain"), "messages": marked("Messages")}
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
    """The newest run, or the one in the address: sums, differences with both sides, history, closed days."""
    door, language = visitor.door, visitor.language
    asked = request.query_params.get("asked", "")
    listed = await door.get("/reconciliations")
    wanted = request.path_params.get("run") or (listed["runs"][0]["id"] if listed["runs"] else "")
    run = await door.get(f"/reconciliations/{wanted}") if wanted else None
    is_running = bool(asked) and all(one["id"] != asked for one in listed["runs"])
    is_newest = run is not None and run["id"] == listed["runs"][0]["id"]
    is_clean = run is not None and is_newest and not run["differences"] and not any(listed["open"].values())
    waiting = [one for one in (await door.get("/changes"))["changes"] if one["state"] == "waiting"]
    closing = next((one for one in waiting if one["subject"] == "close_day"), None)
    closed = {one["day"] for one in listed["closed_days"]}
    cases = {(one["settlement"], one["about"]): one for one in listed["cases"]}
    open_cases = [one for one in listed["cases"] if not one["closed_at"]]
    return page(
        request,
        visitor,
        "operator/reconciliation.html",
        at="/reconciliation",
        run=run,
        totals=[await _total(request, visitor, row) for row in run["totals"]] if run else [],
        differences=[await _difference(request, visitor, one, cases) for one in run["differences"]] if run else [],
        runs=listed["runs"],
        closed_days=listed["closed_days"],
        today=listed["today"],
        open=listed["open"],
        open_cases=[one | {"about": language.say(ABOUT.get(one["about"], one["about"]))} for one in open_cases],
        closing=closing,
        closing_cases={one["after"]["case"] for one in waiting if one["subject"] == "close_case"},
        may_close=is_clean and listed["today"] not in closed and closing is None,
        is_closed=listed["today"] in closed,
        is_running=is_running,
        asked=asked,
        is_newest=is_newest,
    )


async def _total(request: Request, visitor: Visitor, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the sums: each side's amount, and whether those that speak agree."""
    asset = await asset_of(request, visitor, row["asset"])
    sides = {name: row[f"{name}_minor"] for name in ("books", "chain", "messages")}
    said = {value for value in sides.values() if value is not None}
    return {
        "account": visitor.language.say(ABOUT.get(row["account"], row["account"])),
        **{name: None if value is None else visitor.language.amount(value, asset) for name, value in sides.items()},
        "agrees": len(said) <= 1,
    }


async def _difference(
    request: Request, visitor: Visitor, one: Mapping[str, Any], cases: Mapping[Any, Mapping[str, Any]]
) -> dict[str, Any]:
    language, asset = visitor.language, await asset_of(request, visitor, one["asset"])
    books, other = int(one["books"]), int(one["other"])

    def entries(rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [
            {**row, "amount": language.amount(row["amount_minor"], asset) if row.get("amount_minor") else ""}
            for row in rows
        ]

    return {
        **one,
        "about": language.say(ABOUT.get(one["about"], one["about"])),
        "side": language.say(SIDES[one["side"]]),
        "books": language.amount(books, asset),
        "other": language.amount(other, asset),
        "gap": language.amount(abs(books - other), asset),
        "is_more": books > other,
        "books_entries": entries(one["books_entries"]),
        "other_entries": entries(one["other_entries"]),
        "case": cases.get((one["settlement"], one["about"])),
    }


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
    Route("/reconciliation/{run:str}", shown(reconciliation)),
    Route("/health", shown(health)),
]
