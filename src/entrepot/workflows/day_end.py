"""Day's end: a reconciliation that somebody asked for is run outside, kept with both sides, and opens cases.

A case is closed, and a day, by two persons. Nothing here corrects anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from entrepot.core.bookkeeping import accounts_of
from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.messages.reading import read_payment
from entrepot.store.records import Change, InboxItem, OutboxItem, Reconciliation, ReconciliationCase
from entrepot.store.store import Transaction

from .answers import answered, require_role, text_in
from .batch import Batch
from .change_kind import Kind
from .context import Context
from .reconcile import Difference, compare

RECONCILE = "reconcile"
CLOSE_DAY, CLOSE_CASE = "close_day", "close_case"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")

declare(
    "Refused",
    day_not_reconciled="The day is closed on a reconciliation that was run on that day or later, and is the newest.",
    day_has_open_cases="Something is open: differences, or items that were set aside. The day stays open.",
    day_closed="The day is closed already.",
)


def ask_for_run(batch: Batch, item: InboxItem) -> Json:
    """An operator asks for a reconciliation; the worker runs it outside of any transaction."""
    require_role(item, "operator", "supervisor")
    batch.send(f"reconcile:{item.id}", RECONCILE, "", {"run": item.id, "asked_by": item.person, "asked_at": batch.now})
    return answered(202, {"reconciliation": item.id, "state": "comparing"})


def run(ctx: Context, item: OutboxItem) -> None:
    """Compares, keeps the result, and opens a case for every difference that has none. Raises: Unavailable."""
    found = compare(ctx.store, ctx.rail)
    with ctx.store.work() as tx:
        if tx.reconciliations.get(item.body["run"]) is not None:
            return
        now = ctx.now()
        tx.reconciliations.put(
            Reconciliation(
                id=item.body["run"],
                asked_by=item.body["asked_by"],
                asked_at=item.body["asked_at"],
                done_at=max(now, item.body["asked_at"]),
                settlements=found.settlements,
                totals=tuple(found.total_rows()),
                differences=tuple(_shown(tx, entry) for entry in found.differences),
            )
        )
        for entry in found.differences:
            case = ReconciliationCase(ctx.new_id(), item.body["run"], entry.settlement, entry.about, now)
            tx.reconciliations.open_case(case)
    ctx.store.wake()


def _shown(tx: Transaction, difference: Difference) -> Json:
    """A difference with the entries behind each side: transfers of the books, and receipts or messages."""
    settlement = tx.settlements.get(difference.settlement)
    assert settlement is not None, difference.settlement
    names = {entry.id: entry.account_class.value for entry in accounts_of(settlement)} if settlement.asset else {}
    books: list[Json] = [
        {
            "at": move.at,
            "event": move.event,
            "from": names.get(move.debit, "outside"),
            "to": names.get(move.credit, "outside"),
            "amount_minor": str(move.amount_minor),
            "phase": move.phase.value,
        }
        for move in tx.ledger.transfers_of(settlement.id)
    ]
    other: list[Json] = [
        {"at": one.at, "event": one.kind, "transaction": one.transaction, "block": one.block_number}
        for one in tx.rails.receipts(settlement.id)
    ]
    if difference.side == "messages":
        papers = [paper for paper in tx.papers.of(settlement.id, kind="pacs.008") if paper.body]
        said = [(paper, read_payment(paper.body)) for paper in papers]
        other = [
            {"at": paper.at, "event": "pacs.008", "message": body["message_id"], "amount_minor": body["amount_minor"]}
            for paper, body in said
        ]
    return asdict(difference) | {"books_entries": books, "other_entries": other}


def _case(batch: Batch, body: Json) -> ReconciliationCase:
    case_id = text_in(body, "case", chars_max=32)
    found = next((one for one in batch.tx.reconciliations.cases(is_open=True) if one.id == case_id), None)
    if found is None:
        raise Unknown("not_found", "There is no such open case.")
    return found


def _check_case(batch: Batch, body: Json) -> None:
    _case(batch, body)


def _case_before(batch: Batch, body: Json) -> Json:
    case = _case(batch, body)
    return {"settlement": case.settlement, "about": case.about, "opened_at": case.opened_at}


def _case_closed(batch: Batch, _: InboxItem, change: Change) -> Json:
    case = _case(batch, change.body)
    batch.tx.reconciliations.close_case(case.id, change=change.id, at=batch.now)
    return answered(200, {"change": change.id, "case": case.id})


def day_of(at: int) -> str:
    """The day of a time, by UTC: YYYY-MM-DD."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def open_points(tx: Transaction) -> dict[str, int]:
    """What keeps a day open: cases of differences, and items that were set aside."""
    return {"differences": len(tx.reconciliations.cases(is_open=True)), "set_aside": len(tx.inbox.stuck())}


def closed_days(tx: Transaction) -> dict[str, Change]:
    """The days that two persons closed, with the change that did."""
    return {str(change.body["day"]): change for change in tx.checks.changes(subject=CLOSE_DAY, confirmed=True)}


def _check_day(batch: Batch, body: Json) -> None:
    day = text_in(body, "day", chars_max=10)
    if not _DAY.match(day):
        raise Invalid("malformed", "day is a date as 2026-12-31.", path="body.day")
    newest = batch.tx.reconciliations.newest(limit=1)
    if not newest or newest[0].id != body.get("run") or not day <= day_of(newest[0].done_at) <= day_of(batch.now):
        raise Refused("day_not_reconciled", f"Run a reconciliation on {day} or later, and close the day on it.")
    if day in closed_days(batch.tx):
        raise Refused("day_closed", f"{day} is closed already.")
    open_ones = open_points(batch.tx)
    if any(open_ones.values()) or newest[0].differences:
        said = f"{open_ones['differences']} cases and {open_ones['set_aside']} set-aside items are open"
        raise Refused("day_has_open_cases", f"{said}, and the newest run has {len(newest[0].differences)} differences.")


def _day_closed(batch: Batch, _: InboxItem, change: Change) -> Json:
    # the change itself is confirmed by now, so it is looked at without itself
    others = [one for one in batch.tx.checks.changes(subject=CLOSE_DAY, confirmed=True) if one.id != change.id]
    if any(one.body["day"] == change.body["day"] for one in others):
        raise Refused("day_closed", f"{change.body['day']} is closed already.")
    open_ones = open_points(batch.tx)
    newest = batch.tx.reconciliations.newest(limit=1)
    if any(open_ones.values()) or not newest or newest[0].differences or newest[0].id != change.body["run"]:
        raise Refused("day_has_open_cases", "Something came up since the proposal; the day stays open.")
    return answered(200, {"change": change.id, "day": change.body["day"]})


CHANGES: dict[str, Kind] = {
    CLOSE_CASE: Kind(("operator",), _check_case, _case_closed, _case_before),
    CLOSE_DAY: Kind(("operator",), _check_day, _day_closed),
}
HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {RECONCILE: ask_for_run}
