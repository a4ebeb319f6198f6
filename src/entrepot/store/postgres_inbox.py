"""Inbox and outbox in PostgreSQL: claimed with SKIP LOCKED; what is done outside is leased by time. All is sealed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from entrepot.core.canonical import Json

from .many import Answered, Many
from .named_sql import load_sql
from .postgres_keys import Keyring
from .postgres_rows import Connection, Row, Rows, columns_of, find_uuid, from_uuid
from .records import InboxItem, OutboxItem

_INBOX, _OUTBOX = load_sql("inbox"), load_sql("outbox")


class PostgresInbox:
    """What arrived, in order of arrival, each answered once."""

    def __init__(self, connection: Connection, keyring: Keyring, many: Many) -> None:
        self._rows = Rows(connection, _INBOX)
        self._keyring = keyring
        self._many = many

    def put(self, item: InboxItem) -> InboxItem:
        """Stores it, or returns the item already stored under the same source and key."""
        added = self._many.put_items([item])
        kept = None if added else self.get(item.source, item.key)
        return kept or item

    def get(self, source: str, key: str) -> InboxItem | None:
        """The item under this source and key."""
        row = self._rows.one("get", source=source, key=key)
        return self._item(row) if row else None

    def claim(self, *, limit: int) -> list[InboxItem]:
        """Open items nobody holds, oldest first, one per settlement, held until the transaction ends."""
        rows = self._rows.all("claim", limit=limit)
        self._keyring.fetch(row["body"] for row in rows)
        return [self._item(row) for row in rows]

    def answer(self, item_id: str, answer: Json, *, at: int) -> None:
        """Answers an open item; the answer is sealed like what was asked."""
        asked = self._rows.one("participant_of", id=find_uuid(item_id))
        assert asked is not None, f"there is no inbox item {item_id}"
        self._many.answer([Answered(item_id, from_uuid(asked["participant"]), answer)], at=at)

    def set_aside(self, item_id: str, why: str, *, at: int) -> None:
        """Takes a poisoned item out of the way; it stays visible."""
        done = self._rows.run("set_aside", id=find_uuid(item_id), why=why, at=at)
        assert done, f"there is no open inbox item {item_id}"

    def stuck(self) -> list[InboxItem]:
        """The items set aside that nobody has taken again or dismissed, oldest first."""
        return [self._item(row) for row in self._rows.all("stuck")]

    def is_waiting(self, settlement: str, kind: str) -> bool:
        """True while an item of this kind about a settlement is neither answered nor dismissed."""
        row = self._rows.one("is_waiting", settlement=find_uuid(settlement), kind=kind)
        return bool(row and row["is_waiting"])

    def take_again(self, item_id: str) -> None:
        """Opens a set-aside item as it was, in its old place in the queue."""
        assert self._rows.run("take_again", id=find_uuid(item_id)), f"{item_id} is not stuck"

    def dismiss(self, item_id: str, *, at: int) -> None:
        """A set-aside item is never acted on; it stays in the inbox, and is stuck no longer."""
        assert self._rows.run("dismiss", id=find_uuid(item_id), at=at), f"{item_id} is not stuck"

    def open_since(self) -> tuple[int, int | None]:
        """(how many are neither answered nor set aside, when the oldest of them came)."""
        row = self._rows.one("open_since")
        return (int(row["open"]), row["since"]) if row else (0, None)

    def _item(self, row: Row) -> InboxItem:
        item_id = row["id"].hex
        body = self._keyring.unseal(row["body"], table="inbox.body", row=item_id)
        answer = row["answer"] and self._keyring.unseal(row["answer"], table="inbox.answer", row=item_id)
        return InboxItem(
            id=item_id,
            source=row["source"],
            key=row["key"],
            kind=row["kind"],
            body=json.loads(body) if body is not None else {},
            body_sha256=row["body_sha256"],
            received_at=row["received_at"],
            participant=from_uuid(row["participant"]),
            person=from_uuid(row["person"]),
            role=row["role"],
            settlement=from_uuid(row["settlement"]),
            attempts=row["attempts"],
            answer=json.loads(answer) if answer else None,
            set_aside=row["set_aside"],
        )


class PostgresOutbox:
    """What is to be done outside."""

    def __init__(self, connection: Connection, many: Many) -> None:
        self._rows = Rows(connection, _OUTBOX)
        self._many = many

    def put(self, items: Sequence[OutboxItem]) -> None:
        """An item whose `once` is there already is left alone."""
        if items:
            self._rows.run("put", **columns_of(map(_outbox_row, items)))

    def claim(self, *, now: int, limit: int, lease_s: int, kind: str = "", but: Sequence[str] = ()) -> list[OutboxItem]:
        """See Outbox.claim."""
        rows = self._rows.all("claim", now=now, limit=limit, leased_until=now + lease_s, kind=kind, but=list(but))
        return [_outbox_item(row) for row in sorted(rows, key=lambda row: (row["due_at"], row["arrival"]))]

    def done(self, once: str, *, at: int) -> None:
        """It was done; a second time changes nothing."""
        self._many.done([once], at=at)

    def retry(self, once: str, *, due_at: int, error: str, counts: bool = True) -> None:
        """It failed and is due again; an attempt that got no answer does not count."""
        self._many.retry([(once, error)], due_at=due_at, counts=counts)

    def open_count(self) -> int:
        """How many are not done."""
        row = self._rows.one("open_count")
        return int(row["open"]) if row else 0

    def newest(self, kind: str) -> OutboxItem | None:
        """The item of a kind that was queued last, done or not; for staff."""
        row = self._rows.one("newest", kind=kind)
        return _outbox_item(row) if row else None

    def waiting(self, *, limit: int) -> list[OutboxItem]:
        """What is not done, the longest due first."""
        return [_outbox_item(row) for row in self._rows.all("waiting", limit=limit)]

    def waiting_of(self, settlement: str) -> list[OutboxItem]:
        """What is not done of one settlement, the longest due first."""
        return [_outbox_item(row) for row in self._rows.all("waiting_of", settlement=settlement)]


def _outbox_row(item: OutboxItem) -> Row:
    return {
        "once": item.once,
        "kind": item.kind,
        "settlement": item.settlement or None,
        "body": json.dumps(item.body),
        "due_at": item.due_at,
        "attempts": item.attempts,
        "done_at": item.done_at,
        "error": item.error,
    }


def _outbox_item(row: Row) -> OutboxItem:
    return OutboxItem(
        once=row["once"],
        kind=row["kind"],
        settlement=from_uuid(row["settlement"]),
        body=row["body"],
        due_at=row["due_at"],
        attempts=row["attempts"],
        done_at=row["done_at"],
        error=row["error"],
    )
