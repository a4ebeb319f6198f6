"""Lists, dispositions, reservations, the duplicate registry and settings under four eyes in PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from psycopg.types.json import Json as AsJson
from psycopg.types.json import Jsonb

from entrepot.core.errors import Refused, Unknown

from .many import Conflict, Many, Registration, Reservation
from .named_sql import load_sql
from .postgres_rows import Connection, Row, Rows, disposition_from_row, find_uuid, from_uuid, to_uuid
from .records import Change, Disposition, ListRow

_SQL = load_sql("checks")
_TRIES_MAX = 3


class PostgresChecks:
    """Lists, dispositions, the caps' reservations, the duplicate registry, settings under four eyes."""

    def __init__(self, connection: Connection, many: Many) -> None:
        self._rows = Rows(connection, _SQL)
        self._many = many

    def put_list(self, row: ListRow, *, after: str) -> None:
        """Makes it the current version if `after` is, serialised per source; the same again moves `verified_at`."""
        self._rows.all("lock_list", source=row.source)
        current = self._rows.one("current_version", source=row.source)
        if (current["version"] if current else "") != after:
            raise Conflict(f"another version of list {row.source} was loaded meanwhile")
        put = self._rows.run(
            "put_list",
            source=row.source,
            version=row.version,
            sha256=row.sha256,
            published_at=row.published_at,
            loaded_at=row.loaded_at,
            verified_at=row.verified_at,
            entity_count=row.entity_count,
            orphan_count=row.orphan_count,
            entities=AsJson(list(row.entities)),
        )
        assert put, f"version {row.version} of list {row.source} is kept with other content"

    def lists(self, *, with_entities: bool) -> list[ListRow]:
        """The current version of each source, by source."""
        rows = self._rows.all("lists_with_entities" if with_entities else "lists")
        return [_list(row) for row in rows]

    def put_disposition(self, disposition: Disposition) -> None:
        """Raises: Refused(same_person) if this person disposed of a hit of this settlement already."""
        settlement, person, hits = to_uuid(disposition.settlement), to_uuid(disposition.person), list(disposition.hits)
        self._rows.all("lock_settlement_disposition", settlement=settlement)
        if self._rows.one("disposed", settlement=settlement, person=person, hits=hits):
            raise Refused("same_person", "A second person is needed: this one has disposed of a hit of it.")
        self._rows.run(
            "put_disposition",
            settlement=settlement,
            hits=hits,
            person=person,
            verdict=disposition.verdict,
            reason=disposition.reason,
            at=disposition.at,
        )

    def dispositions(self, settlement_id: str) -> list[Disposition]:
        """In the order in which they were given."""
        return [
            disposition_from_row(row) for row in self._rows.all("dispositions", settlement=find_uuid(settlement_id))
        ]

    def dispositions_of(self, hits: Sequence[str]) -> list[Disposition]:
        """Those of any settlement that name one of these hits, in the order in which they were given."""
        return [disposition_from_row(row) for row in self._rows.all("dispositions_of", hits=list(hits))]

    def reserve(
        self, *, settlement: str, participant: str, amount_minor: int, cap_minor: int, since: int, at: int
    ) -> bool:
        """Takes headroom within the cap, serialised per participant; what this settlement holds is taken again."""
        try:
            self._many.reserve([Reservation(settlement, participant, amount_minor, cap_minor, since, at)])
        except Conflict:
            return False
        return True

    def free(self, settlement: str, *, at: int) -> None:
        """Gives a settlement's reservations back."""
        self._rows.run("free", settlement=find_uuid(settlement), at=at)

    def reserved(self, participant: str, *, since: int, but_not: str = "") -> int:
        """Unfreed reservations in minor units, without those of the settlement `but_not`."""
        row = self._rows.one("reserved", participant=find_uuid(participant), since=since, but_not=find_uuid(but_not))
        return int(row["reserved"]) if row else 0

    def register_invoice(self, *, key: str, fingerprint: str, settlement: str) -> tuple[str, str] | None:
        """Registers, or returns (settlement, fingerprint) of the live one that holds the key."""
        for _ in range(_TRIES_MAX):
            with contextlib.suppress(Conflict):
                self._many.register([Registration(key, fingerprint, settlement)])
                return None
            held = self._rows.one("invoice", key=key)
            if held is not None:  # else it was freed in between
                return held["settlement"].hex, held["fingerprint"]
        raise AssertionError(f"the invoice key {key} is neither free nor held")

    def free_invoice(self, settlement: str) -> None:
        """The keys that a settlement holds may be registered again."""
        self._rows.run("free_invoice", settlement=find_uuid(settlement))

    def put_change(self, change: Change) -> None:
        """Keeps a proposal."""
        self._rows.run(
            "put_change",
            id=to_uuid(change.id),
            subject=change.subject,
            body=Jsonb(change.body),
            reason=change.reason,
            proposed_by=to_uuid(change.proposed_by),
            proposed_at=change.proposed_at,
            confirmed_by=to_uuid(change.confirmed_by),
            confirmed_at=change.confirmed_at,
            expires_at=change.expires_at,
            before=Jsonb(change.before),
        )

    def confirm_change(self, change_id: str, *, person: str, at: int) -> Change:
        """Raises: Refused(same_person) for the proposer, Unknown(not_found) if none waits under this id."""
        if self._waiting(change_id).proposed_by == person:
            raise Refused("same_person", "A second person confirms: this one has proposed the change.")
        confirmed = self._rows.one("confirm_change", id=find_uuid(change_id), person=to_uuid(person), at=at)
        assert confirmed is not None
        return _change(confirmed)

    def decline_change(self, change_id: str, *, person: str, at: int, why: str) -> Change:
        """Ends a proposal without effect. Raises: Unknown(not_found) if none waits under this id."""
        self._waiting(change_id)
        declined = self._rows.one("decline_change", id=find_uuid(change_id), person=to_uuid(person), at=at, why=why)
        assert declined is not None
        return _change(declined)

    def _waiting(self, change_id: str) -> Change:
        """The open proposal, locked."""
        known = self._rows.one("lock_change", id=find_uuid(change_id))
        change = _change(known) if known else None
        if change is None or not change.is_open:
            raise Unknown("not_found", "There is no such change that waits for confirmation.")
        return change

    def changes(self, *, subject: str = "", confirmed: bool | None = None) -> list[Change]:
        """In the order in which they were proposed."""
        return [_change(row) for row in self._rows.all("changes", subject=subject, confirmed=confirmed)]

    def clock_offset_s(self) -> int:
        """Seconds by which the sandbox clock is ahead of the machine's."""
        row = self._rows.one("setting", name="clock_offset_s")
        return int(row["value"]) if row else 0

    def set_clock_offset_s(self, offset_s: int) -> None:
        """Moves the sandbox clock."""
        self._rows.run("set_setting", name="clock_offset_s", value=offset_s)


def _list(row: Row) -> ListRow:
    return ListRow(
        source=row["source"],
        version=row["version"],
        sha256=row["sha256"],
        published_at=row["published_at"],
        loaded_at=row["loaded_at"],
        verified_at=row["verified_at"],
        entity_count=row["entity_count"],
        orphan_count=row["orphan_count"],
        entities=tuple(row.get("entities", ())),
    )


def _change(row: Row) -> Change:
    return Change(
        id=row["id"].hex,
        subject=row["subject"],
        body=row["body"],
        reason=row["reason"],
        proposed_by=row["proposed_by"].hex,
        proposed_at=row["proposed_at"],
        confirmed_by=from_uuid(row["confirmed_by"]),
        confirmed_at=row["confirmed_at"],
        expires_at=row["expires_at"],
        before=row["before"],
        declined_by=from_uuid(row["declined_by"]),
        declined_at=row["declined_at"],
        declined_why=row["declined_why"],
    )
