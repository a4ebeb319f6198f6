"""Settlements, their events and the Merkle log in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from entrepot.core import log
from entrepot.core.lifecycle import UNPAID, Role
from entrepot.core.settlement import Event, Settlement

from .many import Many
from .named_sql import load_sql
from .postgres_arrays import bigints, byteas, smallints, uuids
from .postgres_rows import Connection, Row, Rows, find_uuid, find_uuids, settlement_from_row
from .records import LoggedEvent
from .store import PAGE_MAX

_SETTLEMENTS, _LOG = load_sql("settlements"), load_sql("log")
_LOG_LOCK = 0x6C6F67  # "log": one appender at a time, until its transaction ends


class PostgresSettlements:
    """Snapshots, their events and when each is due."""

    def __init__(self, connection: Connection, many: Many) -> None:
        self._rows = Rows(connection, _SETTLEMENTS)
        self._many = many

    def insert(self, settlement: Settlement) -> None:
        """A new settlement; its parties are seller and buyer until a paper is addressed to somebody else too."""
        self._many.write_settlements([settlement], [], [])

    def get(self, settlement_id: str) -> Settlement | None:
        """The snapshot."""
        row = self._rows.one("get", id=find_uuid(settlement_id))
        return settlement_from_row(row) if row else None

    def lock(self, settlement_ids: Sequence[str]) -> dict[str, Settlement]:
        """Snapshots locked until the transaction ends, in id order."""
        rows = self._rows.all("lock", ids=find_uuids(settlement_ids))
        return {row["id"].hex: settlement_from_row(row) for row in rows}

    def touched(self, *, since: int) -> list[str]:
        """Ids of those that are open, or had something happen at leaf index `since` or later, in order."""
        return [row["id"].hex for row in self._rows.all("touched", since=since)]

    def save(self, settlement: Settlement, events: Sequence[LoggedEvent]) -> None:
        """Writes the snapshot (its `seq` must be the stored one plus the events) and its events with their leaves."""
        assert all(logged.settlement == settlement.id for logged in events), "events of another settlement"
        numbers = [logged.seq for logged in events]
        seq_before = settlement.seq - len(events)
        assert numbers == list(range(seq_before + 1, settlement.seq + 1)), f"{numbers} lead not to {settlement.seq}"
        self._many.write_settlements([], [settlement], events)

    def claim_due(self, *, now: int, limit: int) -> list[Settlement]:
        """Locked snapshots whose next act is due, longest due first, skipping those another worker holds."""
        return [settlement_from_row(row) for row in self._rows.all("claim_due", now=now, limit=limit)]

    def unpaid(self, participant: str) -> list[str]:
        """Ids of the participant's settlements that may still be funded, as buyer or seller."""
        rows = self._rows.all("unpaid", participant=find_uuid(participant), states=[state.value for state in UNPAID])
        return [row["id"].hex for row in rows]

    def postpone(self, settlement_id: str, *, until: int) -> None:
        """Nothing is due for it before `until` (a retry later); its next event ends that."""
        self._many.postpone({settlement_id: until})

    def events(self, settlement_id: str) -> list[LoggedEvent]:
        """Its events in order; to a party those that it may know of."""
        return [event_from_row(row) for row in self._rows.all("events", settlement=find_uuid(settlement_id))]

    def beside(self) -> list[LoggedEvent]:
        """What happened to money beside the trade, of all settlements, by time."""
        return [event_from_row(row) for row in self._rows.all("beside")]

    def page(self, *, after: str = "", limit: int = PAGE_MAX, state: str = "") -> list[Settlement]:
        """By id, newest first; `after` is the last id of the page before."""
        asked = {"after": find_uuid(after), "limit": min(limit, PAGE_MAX)}
        rows = self._rows.all("page_in_state", **asked, state=state) if state else self._rows.all("page", **asked)
        return [settlement_from_row(row) for row in rows]


class PostgresLog:
    """The Merkle log of all events, and its signed checkpoints."""

    def __init__(self, connection: Connection) -> None:
        self._rows = Rows(connection, _LOG)

    def size(self) -> int:
        """How many leaves there are."""
        row = self._rows.one("size")
        return int(row["size"]) if row else 0

    def append(self, events: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """Gives gapless leaf indices under one lock that lasts until the transaction ends, and stores the new nodes."""
        if not events:
            return []
        self._rows.all("lock", key=_LOG_LOCK)
        size, frontier = self.end()
        nodes, _ = log.append(size, frontier, [log.leaf_hash(logged.leaf) for logged in events])
        levels, indexes, hashes = zip(*nodes, strict=True)
        self._rows.run("add_nodes", levels=smallints(levels), indexes=bigints(indexes), hashes=byteas(hashes))
        placed = [replace(logged, index=index) for index, logged in enumerate(events, size)]
        self._rows.run(
            "add_leaves",
            indexes=bigints([logged.index for logged in placed]),
            settlements=uuids([logged.settlement for logged in placed]),
            seqs=bigints([logged.seq for logged in placed]),
        )
        return placed

    def node(self, level: int, index: int) -> bytes:
        """The hash of one full subtree. Raises: KeyError if it is not full yet."""
        row = self._rows.one("node", level=level, index=index)
        if row is None:
            raise KeyError((level, index))
        return bytes(row["hash"])

    def end(self) -> tuple[int, list[bytes]]:
        """Its size, and the roots of the complete subtrees, largest first."""
        rows = self._rows.all("end")
        size = int(rows[0]["size"])
        hashes = [bytes(row["hash"]) for row in rows if row["hash"] is not None]
        assert len(hashes) == size.bit_count(), f"the log of {size} leaves lacks a node"
        return size, hashes

    def leaves(self, *, after: int, limit: int) -> list[LoggedEvent]:
        """Leaves with index > after, in order; to a party those of its settlements that it may know of."""
        return [event_from_row(row) for row in self._rows.all("leaves", after=after, limit=limit)]

    def put_checkpoint(self, size: int, note: str, *, at: int) -> None:
        """Keeps a signed checkpoint; for one size there is one note for good."""
        if not self._rows.run("put_checkpoint", size=size, note=note, at=at):
            assert self.checkpoint(size=size) == (size, note), f"another checkpoint of size {size} is kept"

    def size_before(self, at: int) -> int:
        """The size of the newest checkpoint that was signed before a time; 0 if there is none."""
        row = self._rows.one("size_before", at=at)
        return int(row["size"]) if row else 0

    def checkpoint(self, *, size: int | None = None) -> tuple[int, str] | None:
        """(size, signed note): the newest, or the one at `size`."""
        row = self._rows.one("newest_checkpoint") if size is None else self._rows.one("checkpoint_at", size=size)
        return (int(row["size"]), str(row["note"])) if row else None


def event_from_row(row: Row) -> LoggedEvent:
    """Reads one event with its leaf."""
    event = Event(
        kind=row["kind"], at=row["at"], by=Role(row["by"]), actor=row["actor"], facts=row["facts"], dates=row["dates"]
    )  # fmt: skip
    return LoggedEvent(row["settlement"].hex, row["seq"], event, bytes(row["leaf"]), row["index"])
