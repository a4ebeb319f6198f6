"""Figures over time, decisions and checkpoints in order, and the disclosure log in PostgreSQL."""

from __future__ import annotations

from entrepot.core.lifecycle import HIDDEN

from .named_sql import load_sql
from .postgres_keys import Keyring
from .postgres_people import paper_from_row
from .postgres_rows import Connection, Row, Rows, find_uuids, from_uuid, to_uuid
from .records import Paper
from .reports import PLACE_MAX, ROWS_MAX, Archive, Cost, Disclosure, Headroom, Held, ReservedDay, Spread, Volume

_SQL = load_sql("reports")


class PostgresReports:
    """Figures of a period: of all settlements for staff, of its own for a party (row-level security)."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._rows = Rows(connection, _SQL)
        self._keyring = keyring

    def volumes(self, *, since: int, until: int) -> list[Volume]:
        """Paid out, by day and asset."""
        rows = self._rows.all("volumes", since=since, until=until)
        return [Volume(row["day"], row["asset"], row["count"], int(row["amount_minor"])) for row in rows]

    def steps(self, *, since: int, until: int, bounds: tuple[int, ...]) -> list[Spread]:
        """How long the steps took of what was paid in the period, over all and by bucket."""
        rows = self._rows.all("steps", since=since, until=until, bounds=list(bounds))
        return [
            Spread(row["step"], row["bucket"], row["count"], int(row["median_s"]), int(row["p90_s"])) for row in rows
        ]

    def costs(self, *, since: int, until: int, percent: int) -> list[Cost]:
        """Cost all in at agreement; `percent` a year for tied-up money."""
        rows = self._rows.all("costs", since=since, until=until, percent=percent)
        return [Cost(row["day"], row["count"], int(row["median"]), int(row["p90"])) for row in rows if row["count"]]

    def outcomes(self, *, since: int, until: int) -> dict[str, int]:
        """How many settlements that began in the period stand in which state."""
        return {row["state"]: row["count"] for row in self._rows.all("outcomes", since=since, until=until)}

    def open_states(self) -> dict[str, int]:
        """How many settlements that are not ended are shown in which state."""
        hidden = [state.value for state in HIDDEN]
        return {row["state"]: row["count"] for row in self._rows.all("open_states", hidden=hidden)}

    def archive(self) -> Archive | None:
        """How the database's log is archived; None where it is not."""
        row = self._rows.one("archive")
        return Archive(row["age_s"], row["waiting_bytes"], row["is_failing"]) if row else None

    def held(self) -> list[Held]:
        """What lies in escrow now, by asset."""
        return [Held(row["asset"], row["count"], int(row["held_minor"])) for row in self._rows.all("held")]

    def headroom(self, *, since: int, limit: int = ROWS_MAX) -> list[Headroom]:
        """Who uses how much of the window's cap, the most used first."""
        rows = self._rows.all("headroom", since=since, limit=limit)
        return [
            Headroom(
                row["participant"].hex, row["count"], int(row["used_minor"]), row["oldest_at"], int(row["oldest_minor"])
            )
            for row in rows
        ]

    def reserved_by_day(self, *, since: int, until: int) -> list[ReservedDay]:
        """Headroom taken, by day."""
        rows = self._rows.all("reserved_by_day", since=since, until=until)
        return [ReservedDay(row["day"], int(row["kept_minor"]), int(row["freed_minor"])) for row in rows]

    def checkpoints(self, *, before: int = PLACE_MAX, limit: int = ROWS_MAX) -> list[tuple[int, str, int]]:
        """(size, note, Unix seconds), largest first, smaller than `before`."""
        rows = self._rows.all("checkpoints", before=before, limit=limit)
        return [(row["size"], row["note"], row["at"]) for row in rows]

    def decisions(self, *, before: int = PLACE_MAX, limit: int = ROWS_MAX) -> list[tuple[int, Paper]]:
        """Papers of decisions with their places, newest first, before a place."""
        rows = self._rows.all("decisions", before=before, limit=limit)
        return [(row["arrival"], paper_from_row(row, self._keyring)) for row in rows]

    def put_disclosure(self, disclosure: Disclosure) -> None:
        """Keeps it; one with an id that is there already is the same one."""
        self._rows.run(
            "put_disclosure",
            id=to_uuid(disclosure.id),
            at=disclosure.at,
            person=to_uuid(disclosure.person),
            role=disclosure.role,
            participant=to_uuid(disclosure.participant),
            what=disclosure.what,
            about=disclosure.about,
            settlement=to_uuid(disclosure.settlement),
            whose=find_uuids(disclosure.whose),
            purpose=disclosure.purpose,
            is_confidential=disclosure.is_confidential,
        )

    def disclosures(self, *, before: int = PLACE_MAX, limit: int = ROWS_MAX) -> list[Disclosure]:
        """Newest first, before a place."""
        return [_disclosure(row) for row in self._rows.all("disclosures", before=before, limit=limit)]


def _disclosure(row: Row) -> Disclosure:
    return Disclosure(
        id=row["id"].hex,
        at=row["at"],
        person=row["person"].hex,
        role=row["role"],
        participant=row["participant"].hex,
        what=row["what"],
        about=row["about"],
        whose=tuple(one.hex for one in row["whose"]),
        purpose=row["purpose"],
        is_confidential=row["is_confidential"],
        settlement=from_uuid(row["settlement"]),
        place=row["arrival"],
    )
