"""Kept comparisons, the cases they open, banks' statements and closed periods, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from entrepot.core.ledger import AccountClass, Balance

from .named_sql import load_sql
from .postgres_ledger import balance_from_row
from .postgres_rows import Connection, Row, Rows, find_uuid, find_uuids, from_uuid, to_uuid
from .reconciliation_records import BankEntry, BankStatement, ClosedPeriod, Reconciliation, ReconciliationCase

_SQL = load_sql("reconciliations")
_STATEMENT_PLAIN = (
    "sha256", "message_id", "statement_id", "account", "currency", "first_day", "last_day", "opening_minor",
    "closing_minor", "entry_count", "taken_at",
)  # fmt: skip
_ENTRY_PLAIN = (
    "number", "is_credit", "currency", "value_date", "booked_on", "end_to_end_id", "uetr", "reference", "is_reversal",
)  # fmt: skip


class PostgresReconciliations:
    """Runs, newest first; cases, statements and periods, oldest first."""

    def __init__(self, connection: Connection) -> None:
        self._rows = Rows(connection, _SQL)

    def put(self, run: Reconciliation) -> None:
        """Keeps a run."""
        self._rows.run(
            "put_run",
            id=to_uuid(run.id),
            asked_by=to_uuid(run.asked_by),
            asked_at=run.asked_at,
            done_at=run.done_at,
            settlements=run.settlements,
            totals=Jsonb(list(run.totals)),
            differences=Jsonb(list(run.differences)),
            night=run.night,
            open_count=run.open_count,
            facts=Jsonb(run.facts),
        )

    def get(self, run_id: str) -> Reconciliation | None:
        """One run."""
        row = self._rows.one("run", id=find_uuid(run_id))
        return _run(row) if row else None

    def newest(self, *, limit: int) -> list[Reconciliation]:
        """The newest runs first."""
        return [_run(row) for row in self._rows.all("runs", limit=limit)]

    def agreed(self) -> Reconciliation | None:
        """The newest run that left nothing unexplained."""
        row = self._rows.one("agreed")
        return _run(row) if row else None

    def nights(self, *, limit: int) -> list[str]:
        """The nights that were run, the latest first."""
        return [row["night"] for row in self._rows.all("nights", limit=limit)]

    def open_case(self, case: ReconciliationCase) -> bool:
        """Opens it; False where the settlement has an open one about the same."""
        return bool(
            self._rows.run(
                "open_case",
                id=to_uuid(case.id),
                run=to_uuid(case.run),
                settlement=to_uuid(case.settlement),
                about=case.about,
                opened_at=case.opened_at,
                reference=case.reference,
                sides=Jsonb(case.sides),
            )
        )

    def close_case(self, case_id: str, *, change: str, at: int) -> None:
        """Closes it by a change that two persons made."""
        closed = self._rows.run("close_case", id=find_uuid(case_id), change=to_uuid(change), at=at)
        assert closed, f"there is no open case {case_id}"

    def cases(self, *, is_open: bool) -> list[ReconciliationCase]:
        """All cases, or the open ones."""
        return [_case(row) for row in self._rows.all("cases", is_open=is_open)]

    def put_statement(self, statement: BankStatement, entries: Sequence[BankEntry]) -> bool:
        """Keeps a statement with its entries; False where this account's statement of this id is kept already."""
        ids = {name: to_uuid(getattr(statement, name)) for name in ("id", "paper", "taken_by")}
        plain = {name: getattr(statement, name) for name in _STATEMENT_PLAIN}
        if not self._rows.run("put_statement", **ids, **plain):
            return False
        if entries:
            self._rows.run(
                "put_entries",
                statement=to_uuid(statement.id),
                numbers=[entry.number for entry in entries],
                credits=[entry.is_credit for entry in entries],
                amounts=[str(entry.amount_minor) for entry in entries],
                currencies=[entry.currency for entry in entries],
                value_dates=[entry.value_date for entry in entries],
                booked=[entry.booked_on for entry in entries],
                ends=[entry.end_to_end_id for entry in entries],
                uetrs=[entry.uetr for entry in entries],
                references=[entry.reference for entry in entries],
                reversals=[entry.is_reversal for entry in entries],
            )
        return True

    def statements(self, *, after: int = 0) -> list[BankStatement]:
        """Those taken after the number, in order of arrival."""
        return [_statement(row) for row in self._rows.all("statements", after=after)]

    def entries_to(self, settlements: Sequence[str]) -> list[BankEntry]:
        """Entries whose end-to-end id is one of these settlements."""
        return [_entry(row) for row in self._rows.all("entries_to", settlements=find_uuids(settlements))]

    def strange_entries(self, *, after: int) -> list[BankEntry]:
        """Entries of later statements whose end-to-end id is no settlement of ours."""
        return [_entry(row) for row in self._rows.all("strange_entries", after=after)]

    def class_sums(self) -> dict[tuple[AccountClass, str], Balance]:
        """The books' totals of all accounts of a class in an asset."""
        rows = self._rows.all("class_sums")
        return {(AccountClass(row["class"]), row["asset"]): balance_from_row(row) for row in rows}

    def put_closed(self, closed: ClosedPeriod) -> None:
        """Keeps a closed period; the database refuses one that does not follow those before."""
        self._rows.run(
            "put_closed",
            period=closed.period,
            run=to_uuid(closed.run),
            change=to_uuid(closed.change),
            closed_at=closed.closed_at,
            log_size=closed.log_size,
            packet=closed.packet,
            sha256=closed.sha256,
        )

    def closed_periods(self) -> list[ClosedPeriod]:
        """In the order in which they were closed."""
        return [_closed(row) for row in self._rows.all("closed_periods")]


def _run(row: Row) -> Reconciliation:
    return Reconciliation(
        id=row["id"].hex,
        asked_by=from_uuid(row["asked_by"]),
        asked_at=row["asked_at"],
        done_at=row["done_at"],
        settlements=row["settlements"],
        totals=tuple(row["totals"]),
        differences=tuple(row["differences"]),
        night=row["night"] or "",
        open_count=row["open_count"],
        facts=row["facts"],
    )


def _case(row: Row) -> ReconciliationCase:
    return ReconciliationCase(
        id=row["id"].hex,
        run=row["run"].hex,
        settlement=from_uuid(row["settlement"]),
        about=row["about"],
        opened_at=row["opened_at"],
        closed_by=from_uuid(row["closed_by"]),
        closed_at=row["closed_at"],
        reference=row["reference"],
        sides=row["sides"],
    )


def _statement(row: Row) -> BankStatement:
    kept = {name: row[name] for name in _STATEMENT_PLAIN}
    kept |= {name: int(row[name]) for name in ("opening_minor", "closing_minor", "number")}
    return BankStatement(**{name: row[name].hex for name in ("id", "paper", "taken_by")}, **kept)


def _entry(row: Row) -> BankEntry:
    kept = {name: row[name] for name in _ENTRY_PLAIN}
    return BankEntry(statement=row["statement"].hex, amount_minor=int(row["amount_minor"]), **kept)


def _closed(row: Row) -> ClosedPeriod:
    return ClosedPeriod(
        period=row["period"],
        run=row["run"].hex,
        change=row["change"].hex,
        closed_at=row["closed_at"],
        log_size=row["log_size"],
        packet=bytes(row["packet"]),
        sha256=row["sha256"],
    )
