"""Day's end: a reconciliation that somebody asked for is run outside, kept with both sides, and opens cases.

A case is closed by two persons, who explain it. Nothing here corrects anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from entrepot.core.bookkeeping import accounts_of
from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Unknown
from entrepot.messages.reading import read_payment
from entrepot.store.reconciliation_records import Reconciliation, ReconciliationCase, SentMessage
from entrepot.store.records import Change, InboxItem, OutboxItem
from entrepot.store.store import Transaction

from ..step.answers import answered, require_role, text_in
from ..step.batch import Batch
from ..step.change_kind import Kind
from ..step.context import Context
from .reconcile import compare
from .sides import Difference

RECONCILE = "reconcile"
LEASE_S = 900  # a worker that is killed while it compares holds the run back for so long
NIGHTS_MAX = 7
DIFFERENCES_MAX = 1_000  # of one run that are shown, each with a case
CLOSE_CASE = "close_case"


def ask_for_run(batch: Batch, item: InboxItem) -> Json:
    """An operator asks for a reconciliation; the worker runs it outside of any transaction."""
    require_role(item, "operator", "supervisor")
    queue_run(batch, item)
    return answered(202, {"reconciliation": item.id, "state": "comparing"})


def queue_run(batch: Batch, item: InboxItem) -> None:
    """The comparison under the item's id, with the same commit."""
    batch.send(f"reconcile:{item.id}", RECONCILE, "", {"run": item.id, "asked_by": item.person, "asked_at": batch.now})


def nightly(ctx: Context) -> int:
    """Queues the comparison of each night that is due and was not run: once, however many workers look.

    A night is named by the day that ended. After a standstill the last NIGHTS_MAX missed ones are caught up.
    """
    with ctx.store.work() as tx:
        ctx.offset_s = tx.checks.clock_offset_s()
        first, now = tx.log.leaves(after=-1, limit=1), ctx.now()
        if not first:
            return 0
        known = tx.reconciliations.nights(limit=1)
        due = nights_due(now, hour=ctx.policy.reconcile_hour, after=known[0] if known else "", opened=first[0].event.at)
        for night in due:
            body = {"run": ctx.new_id(), "asked_by": "", "asked_at": now, "night": night}
            tx.outbox.put([OutboxItem(f"reconcile:night:{night}", RECONCILE, "", body, now)])
    return 0


def nights_due(now: int, *, hour: int, after: str, opened: int) -> list[str]:
    """Days that ended, whose night's hour (UTC) has come, after the last night that was run, oldest first."""
    last = datetime.fromtimestamp(now - hour * 3600, UTC).date() - timedelta(days=1)
    start = date.fromisoformat(after) + timedelta(days=1) if after else date.fromisoformat(day_of(opened))
    start = max(start, last - timedelta(days=NIGHTS_MAX - 1))
    return [(start + timedelta(days=days)).isoformat() for days in range((last - start).days + 1)]


def run(ctx: Context, item: OutboxItem, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Compares, keeps the result, and opens a case for every difference that has none. Raises: Unavailable."""
    with ctx.store.work() as tx:
        if tx.reconciliations.get(item.body["run"]) is not None:
            return
        tx.outbox.retry(item.once, due_at=ctx.now() + LEASE_S, error="")  # nor is it late while it is under way
    found = compare(ctx.store, ctx.rail, is_stopping=is_stopping)
    with ctx.store.work() as tx:
        if tx.reconciliations.get(item.body["run"]) is not None:
            return
        now, explained = ctx.now(), explanations(tx)
        unexplained = [entry for entry in found.differences if (entry.key, _said(entry.sides)) not in explained]
        shown = (unexplained + [entry for entry in found.differences if entry not in unexplained])[:DIFFERENCES_MAX]
        tx.reconciliations.put(
            Reconciliation(
                id=item.body["run"],
                asked_by=item.body["asked_by"],
                asked_at=item.body["asked_at"],
                done_at=max(now, item.body["asked_at"]),
                settlements=found.settlements,
                totals=tuple(found.total_rows()),
                differences=tuple(_shown(tx, entry) for entry in shown),
                night=item.body.get("night", ""),
                open_count=len(unexplained),
                facts=found.facts | {"difference_count": len(found.differences)},
            )
        )
        for entry in unexplained[:DIFFERENCES_MAX]:
            tx.reconciliations.open_case(
                ReconciliationCase(
                    id=ctx.new_id(),
                    run=item.body["run"],
                    settlement=entry.settlement,
                    about=entry.about,
                    opened_at=now,
                    reference=entry.reference,
                    sides=dict(entry.sides),
                )
            )
    ctx.store.wake()


def _said(sides: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(sides.items()))


def explanations(tx: Transaction) -> dict[tuple[tuple[str, str, str], tuple[tuple[str, str], ...]], str]:
    """What two persons explained: a difference's key and sides, and the change that closed its case."""
    return {
        (one.key, _said(one.sides)): one.closed_by for one in tx.reconciliations.cases(is_open=False) if one.closed_by
    }


def explained_by(row: Mapping[str, Any], known: Mapping[Any, str]) -> str:
    """The change with which two persons explained a kept difference, "" if none did."""
    key = (row["settlement"], row["about"], row["reference"])
    return known.get((key, _said(row["sides"])), "")


def _shown(tx: Transaction, difference: Difference) -> Json:
    """A difference with the entries behind each side: transfers, receipts, messages, and the bank's lines."""
    settlement = tx.settlements.get(difference.settlement) if difference.settlement else None
    entries: dict[str, list[Json]] = {"books": [], "chain": [], "messages": [], "bank": []}
    if settlement is not None:
        names = {entry.id: entry.account_class.value for entry in accounts_of(settlement)} if settlement.asset else {}
        entries["books"] = [
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
        entries["chain"] = [
            {"at": one.at, "event": one.kind, "transaction": one.transaction, "block": one.block_number}
            for one in tx.rails.receipts(settlement.id)
        ]
        entries["messages"] = [_message(one) for one in tx.papers.messages([settlement.id])]
        entries["bank"] = [
            {
                "event": "credit" if one.is_credit else "debit",
                "value_date": one.value_date,
                "amount_minor": str(one.amount_minor),
                "currency": one.currency,
                "reference": one.name,
            }
            for one in tx.reconciliations.entries_to([settlement.id])
        ]
    return asdict(difference) | {"entries": entries, "token": settlement.asset if settlement else ""}


def _message(one: SentMessage) -> Json:
    """A message as the bytes say it, and whether they went out."""
    row: Json = {"at": one.paper.at, "event": one.paper.kind, "is_delivered": one.is_delivered}
    try:
        said = read_payment(one.paper.body)
    except Invalid:
        return row | {"message": "", "amount_minor": ""}
    return row | {"message": said["message_id"], "amount_minor": str(said["amount_minor"])}


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
    return {"settlement": case.settlement, "about": case.about, "opened_at": case.opened_at, "sides": case.sides}


def _case_closed(batch: Batch, _: InboxItem, change: Change) -> Json:
    case = _case(batch, change.body)
    batch.tx.reconciliations.close_case(case.id, change=change.id, at=batch.now)
    return answered(200, {"change": change.id, "case": case.id})


def day_of(at: int) -> str:
    """The day of a time, by UTC: YYYY-MM-DD."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


CHANGES: dict[str, Kind] = {
    CLOSE_CASE: Kind(("operator",), _check_case, _case_closed, _case_before),
}
HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {RECONCILE: ask_for_run}
