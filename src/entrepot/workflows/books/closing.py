"""Closing: a day or month is closed by two persons on the newest reconciliation, into a signed packet.

The period ends where the log stood when that reconciliation looked. What happens later belongs to the next period,
whatever its date; a closed one is never opened again.
"""

from __future__ import annotations

from entrepot.core import closing as packets
from entrepot.core.canonical import Json, hex0x
from entrepot.core.crypto import sha256
from entrepot.core.errors import Refused, declare
from entrepot.core.note import checkpoint_size_and_root
from entrepot.store.reconciliation_records import ClosedPeriod, Reconciliation
from entrepot.store.records import Change, InboxItem
from entrepot.store.store import Transaction

from ..step.answers import answered, text_in
from ..step.batch import Batch
from ..step.change_kind import Kind
from .day_end import day_of, explained_by, explanations

CLOSE_PERIOD = "close_period"

declare(
    "Refused",
    period_not_reconciled="A period is closed on the newest reconciliation, run on its last day or later.",
    period_has_open_points="Something is open: differences, or items that were set aside. The period stays open.",
    period_closed="The period, or a later one, is closed already.",
)


def open_points(tx: Transaction) -> dict[str, int]:
    """What keeps a period open: cases of differences, and items that were set aside."""
    return {"differences": len(tx.reconciliations.cases(is_open=True)), "set_aside": len(tx.inbox.stuck())}


def _check(batch: Batch, body: Json) -> None:
    _run_of(batch, text_in(body, "period", chars_max=10), str(body.get("run", "")))


def _run_of(batch: Batch, period: str, run: str) -> Reconciliation:
    """The run that the period can be closed on. Raises: Invalid(malformed), Refused."""
    last = packets.last_day_of(period)
    newest = batch.tx.reconciliations.newest(limit=1)
    if not newest or newest[0].id != run or not last <= day_of(newest[0].done_at) <= day_of(batch.now):
        raise Refused("period_not_reconciled", f"Run a reconciliation on {last} or later, and close {period} on it.")
    for one in batch.tx.reconciliations.closed_periods():
        if len(one.period) <= len(period) and one.period >= period[: len(one.period)]:  # alike, or the day's month
            raise Refused("period_closed", f"{one.period} is closed already: {period} is not opened again.")
    open_ones, known = open_points(batch.tx), explanations(batch.tx)
    left = sum(not explained_by(row, known) for row in newest[0].differences)
    left += max(0, newest[0].open_count - len(newest[0].differences))  # a run shows the first ones; these come next
    if any(open_ones.values()) or left:
        said = f"{open_ones['differences']} cases and {open_ones['set_aside']} set-aside items are open"
        raise Refused("period_has_open_points", f"{said}, and {left} differences of the newest run are unexplained.")
    return newest[0]


def _closed(batch: Batch, _: InboxItem, change: Change) -> Json:
    """The second person confirmed: the packet is made, signed and kept in the same commit."""
    period = str(change.body["period"])
    run = _run_of(batch, period, str(change.body["run"]))
    packet = _packet(batch, period, run, change)
    raw = packets.sealed(packet, batch.ctx.closing_signer)
    size = int(packet["log"]["to_size"])
    batch.tx.reconciliations.put_closed(
        ClosedPeriod(period, run.id, change.id, batch.now, size, raw, sha256(raw).hex())
    )
    return answered(200, {"change": change.id, "period": period, "packet_sha256": packets.packet_sha256(raw)})


def _packet(batch: Batch, period: str, run: Reconciliation, change: Change) -> Json:
    alike = [one for one in batch.tx.reconciliations.closed_periods() if len(one.period) == len(period)]
    last = packets.opened(alike[-1].packet) if alike else None
    facts, known = run.facts, explanations(batch.tx)
    root = hex0x(checkpoint_size_and_root(facts["checkpoint"])[1]) if facts["checkpoint"] else ""
    reasons = {one.id: one.reason for one in batch.tx.checks.changes(confirmed=True)}
    from_size, after = (last["log"]["to_size"], last["bank"]["to_number"]) if last else (0, 0)
    statements = [one for one in batch.tx.reconciliations.statements(after=after) if one.number <= facts["statements"]]
    explained = [(row, explained_by(row, known)) for row in run.differences]
    return {
        "schema": packets.PACKET,
        "period": period,
        "number": last["number"] + 1 if last else 1,
        "previous": packets.packet_sha256(alike[-1].packet) if alike else "",
        "closed_at": batch.now,
        "proposed_by": change.proposed_by,
        "confirmed_by": change.confirmed_by,
        "run": run.id,
        "log": {
            "from_size": from_size,
            "to_size": facts["log_size"],
            "root": root,
            "checkpoint": facts["checkpoint"],
        },
        "balances": packets.balances_of(last["balances"] if last else [], facts["sums"]),
        "bank": {
            "to_number": facts["statements"],
            "statements": [
                {"account": one.account, "id": one.statement_id, "first_day": one.first_day, "last_day": one.last_day,
                 "entries": one.entry_count, "sha256": f"0x{one.sha256}"}
                for one in statements
            ],
        },
        "counts": {
            "settlements": run.settlements,
            "leaves": facts["log_size"] - from_size,
            "statements": len(statements),
            "differences": facts["difference_count"],
        },
        "totals": list(run.totals),
        "differences": [
            {name: row[name] for name in ("settlement", "about", "reason", "asset", "sides", "reference")}
            | {"explained_by": by, "explanation": reasons.get(by, "")}
            for row, by in explained
        ],
        "inputs": {side: f"0x{digest}" for side, digest in facts["inputs"].items()},
    }  # fmt: skip


CHANGES: dict[str, Kind] = {CLOSE_PERIOD: Kind(("operator",), _check, _closed)}
