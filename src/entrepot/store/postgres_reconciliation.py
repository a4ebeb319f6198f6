"""Kept comparisons of books, chain and messages, and the cases they open, in PostgreSQL."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from .named_sql import load_sql
from .postgres_rows import Connection, Row, Rows, find_uuid, from_uuid, to_uuid
from .records import Reconciliation, ReconciliationCase

_SQL = load_sql("reconciliations")


class PostgresReconciliations:
    """Runs, newest first, and cases, oldest first."""

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
        )

    def get(self, run_id: str) -> Reconciliation | None:
        """One run."""
        row = self._rows.one("run", id=find_uuid(run_id))
        return _run(row) if row else None

    def newest(self, *, limit: int) -> list[Reconciliation]:
        """The newest runs first."""
        return [_run(row) for row in self._rows.all("runs", limit=limit)]

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
            )
        )

    def close_case(self, case_id: str, *, change: str, at: int) -> None:
        """Closes it by a change that two persons made."""
        closed = self._rows.run("close_case", id=find_uuid(case_id), change=to_uuid(change), at=at)
        assert closed, f"there is no open case {case_id}"

    def cases(self, *, is_open: bool) -> list[ReconciliationCase]:
        """All cases, or the open ones."""
        return [_case(row) for row in self._rows.all("cases", is_open=is_open)]


def _run(row: Row) -> Reconciliation:
    return Reconciliation(
        id=row["id"].hex,
        asked_by=row["asked_by"].hex,
        asked_at=row["asked_at"],
        done_at=row["done_at"],
        settlements=row["settlements"],
        totals=tuple(row["totals"]),
        differences=tuple(row["differences"]),
    )


def _case(row: Row) -> ReconciliationCase:
    return ReconciliationCase(
        id=row["id"].hex,
        run=row["run"].hex,
        settlement=row["settlement"].hex,
        about=row["about"],
        opened_at=row["opened_at"],
        closed_by=from_uuid(row["closed_by"]),
        closed_at=row["closed_at"],
    )
