"""Acts on many rows in PostgreSQL: one statement a table, its rows as arrays."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from entrepot.core.lifecycle import CONFIDENTIAL
from entrepot.core.settlement import Settlement

from .many import Answered, Companies, Conflict, Registration, Reservation
from .named_sql import load_sql
from .postgres_arrays import bigints, byteas, uuids
from .postgres_keys import Keyring
from .postgres_mandates import mandate_set_from_row, payee_change_from_row
from .postgres_people import paper_from_row, participant_from_row, wallet_from_row
from .postgres_rows import (
    Connection,
    Rows,
    columns_of,
    disposition_from_row,
    find_uuids,
    settlement_from_row,
    settlement_to_row,
    to_bytes,
)
from .records import (
    Disposition,
    InboxItem,
    KeptReceipt,
    LoggedEvent,
    Paper,
)

_SQL = load_sql("many")


class PostgresMany:
    """See Many."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._rows = Rows(connection, _SQL)
        self._keyring = keyring

    def standing(self) -> tuple[int, ...]:
        """See Many.standing."""
        row = self._rows.one("standing")
        assert row is not None
        return tuple(int(value) for value in row.values())

    def papers(self, settlements: Sequence[str], kinds: Sequence[str]) -> list[Paper]:
        """See Many.papers."""
        rows = self._rows.all("papers", settlements=find_uuids(settlements), kinds=list(kinds))
        self._keyring.fetch(row["body"] for row in rows)
        return [paper_from_row(row, self._keyring) for row in rows]

    def papers_by_id(self, ids: Sequence[str]) -> dict[str, Paper]:
        """See Many.papers_by_id."""
        rows = self._rows.all("papers_by_id", ids=find_uuids(ids))
        self._keyring.fetch(row["body"] for row in rows)
        return {row["id"].hex: paper_from_row(row, self._keyring) for row in rows}

    def settlements(self, ids: Sequence[str]) -> dict[str, Settlement]:
        """See Many.settlements."""
        rows = self._rows.all("settlements", ids=find_uuids(ids))
        return {row["id"].hex: settlement_from_row(row) for row in rows}

    def by_escrow(self, escrows: Sequence[str]) -> dict[str, str]:
        """See Many.by_escrow."""
        rows = self._rows.all("by_escrow", escrows=list(escrows))
        return {row["escrow"]: row["id"].hex for row in rows}

    def escrows(self, states: Sequence[str], *, limit: int) -> list[str]:
        """See Many.escrows."""
        return [row["escrow"] for row in self._rows.all("escrows", states=list(states), limit=limit)]

    def companies(self, ids: Sequence[str]) -> Companies:
        """See Many.companies."""
        asked = find_uuids(ids)
        names = ("participants", "wallets", "mandate_sets", "payee_changes")
        rows, wallets, sets, changes = self._rows.each([(name, {"ids": asked}) for name in names])
        self._keyring.fetch(row["profile"] for row in rows)
        return Companies(
            participants={row["id"].hex: participant_from_row(row, self._keyring) for row in rows},
            wallets=[wallet_from_row(row) for row in wallets],
            mandate_sets=[mandate_set_from_row(row) for row in sets],
            payee_changes=[payee_change_from_row(row) for row in changes],
        )

    def dispositions(self, settlements: Sequence[str]) -> list[Disposition]:
        """See Many.dispositions."""
        rows = self._rows.all("dispositions", settlements=find_uuids(settlements))
        return [disposition_from_row(row) for row in rows]

    def invoices(self, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """See Many.invoices."""
        rows = self._rows.all("invoices", keys=list(keys))
        return {row["key"]: (row["settlement"].hex, row["fingerprint"]) for row in rows}

    def reserved(self, participants: Sequence[str], *, since: int, but_not: Sequence[str] = ()) -> dict[str, int]:
        """See Many.reserved."""
        among = {"participants": find_uuids(participants), "but_not": find_uuids(but_not)}
        rows = self._rows.all("reserved", since=since, **among)
        return dict.fromkeys(participants, 0) | {row["participant"].hex: int(row["reserved"]) for row in rows}

    def reservations(self, settlements: Sequence[str]) -> list[tuple[str, str, int, int]]:
        """See Many.reservations."""
        rows = self._rows.all("reservations", settlements=find_uuids(settlements))
        return [(row["settlement"].hex, row["participant"].hex, int(row["amount_minor"]), row["at"]) for row in rows]

    def write_settlements(
        self, created: Sequence[Settlement], saved: Sequence[Settlement], events: Sequence[LoggedEvent]
    ) -> None:
        """See Many.write_settlements."""
        counts = Counter(logged.settlement for logged in events)
        if created:
            assert all(counts[one.id] == one.seq for one in created), "a new settlement's first event is its first"
            self._rows.run("insert_settlements", **columns_of(map(settlement_to_row, created)))
        if saved:
            plain = [settlement_to_row(one) | {"seq_before": one.seq - counts[one.id]} for one in saved]
            done = self._rows.run("save_settlements", **columns_of(plain))
            assert done == len(saved), f"{len(saved) - done} of {len(saved)} settlements are not at the event before"
        assert counts.keys() <= {one.id for one in (*created, *saved)}, "events of settlements that are not written"
        if events:
            self._rows.run("add_events", **columns_of(map(_event, events)))

    def postpone(self, until: Mapping[str, int]) -> None:
        """See Many.postpone."""
        if until:
            done = self._rows.run("postpone", ids=uuids(list(until)), untils=bigints(list(until.values())))
            assert done == len(until), "a settlement to be postponed is not there"

    def put_papers(self, papers: Sequence[Paper]) -> None:
        """See Many.put_papers."""
        if not papers:
            return
        self._keyring.fetch_owners(paper.owner for paper in papers)
        self._rows.run("put_papers", **columns_of(map(self._paper, papers)))
        readers: dict[str, set[str]] = {}
        for paper in papers:
            if paper.settlement and paper.visible_to:
                readers.setdefault(paper.settlement, set()).update(paper.visible_to)
        if readers:
            rows = [{"settlement": one, "reader": _array(named)} for one, named in readers.items()]
            self._rows.run("join_settlements", **columns_of(rows))

    def put_receipts(self, receipts: Sequence[KeptReceipt]) -> None:
        """See Many.put_receipts."""
        if receipts:
            self._rows.run("put_receipts", **columns_of(map(_receipt, receipts)))

    def register(self, invoices: Sequence[Registration]) -> None:
        """See Many.register."""
        rows = [{"key": one.key, "fingerprint": one.fingerprint, "settlement": one.settlement} for one in invoices]
        if rows and self._rows.run("register", **columns_of(rows)) != len(rows):
            raise Conflict("an invoice's key was taken meanwhile")

    def reserve(self, reservations: Sequence[Reservation]) -> None:
        """See Many.reserve."""
        if not reservations:
            return
        self._rows.all("lock_participants", participants=sorted({one.participant for one in reservations}))
        wanted, own = Counter[tuple[str, int, int]](), [one.settlement for one in reservations]
        for one in reservations:
            wanted[one.participant, one.since, one.cap_minor] += one.amount_minor
        for since in {since for _, since, _ in wanted}:
            held = self.reserved([one for one, from_, _ in wanted if from_ == since], since=since, but_not=own)
            for (participant, from_, cap), amount in wanted.items():
                if from_ == since and held[participant] + amount > cap:
                    raise Conflict(f"the headroom of {participant} was taken meanwhile")
        rows = [
            {
                "settlement": one.settlement,
                "participant": one.participant,
                "amount": str(one.amount_minor),
                "at": one.at,
            }
            for one in reservations
        ]
        self._rows.run("reserve", **columns_of(rows))

    def put_items(self, items: Sequence[InboxItem]) -> int:
        """See Many.put_items."""
        if not items:
            return 0
        self._keyring.fetch_owners(item.participant for item in items)
        return self._rows.run("put_items", **columns_of(map(self._item, items)))

    def answer(self, answers: Sequence[Answered], *, at: int) -> None:
        """See Many.answer."""
        if not answers:
            return
        self._keyring.fetch_owners(one.participant for one in answers)
        sealed = [
            self._keyring.seal(one.participant, to_bytes(one.answer), table="inbox.answer", row=one.item)
            for one in answers
        ]
        done = self._rows.run("answer", ids=uuids([one.item for one in answers]), answers=byteas(sealed), at=at)
        assert done == len(answers), f"{len(answers) - done} items were answered before, or are not there"

    def done(self, onces: Sequence[str], *, at: int) -> None:
        """See Many.done."""
        if onces:
            done = self._rows.run("done", onces=list(onces), at=at)
            assert done == len(set(onces)), "an outbox item is not there"

    def retry(self, failed: Sequence[tuple[str, str]], *, due_at: int, counts: bool = True) -> None:
        """See Many.retry."""
        if failed:
            onces, errors = zip(*failed, strict=True)
            self._rows.run("retry", onces=list(onces), errors=list(errors), due_at=due_at, counts=int(counts))

    def _paper(self, paper: Paper) -> dict[str, Any]:
        return {
            "id": paper.id,
            "settlement": paper.settlement or None,
            "kind": paper.kind,
            "owner": paper.owner or None,
            "reader": _array(paper.visible_to),
            "media_type": paper.media_type,
            "body": self._keyring.seal(paper.owner, paper.body, table="papers.body", row=paper.id),
            "sha": paper.sha256,
            "at": paper.at,
            "seq": paper.seq,
        }

    def _item(self, item: InboxItem) -> dict[str, Any]:
        return {
            "id": item.id,
            "source": item.source,
            "key": item.key,
            "kind": item.kind,
            "body": self._keyring.seal(item.participant, to_bytes(item.body), table="inbox.body", row=item.id),
            "sha": item.body_sha256,
            "received_at": item.received_at,
            "participant": item.participant or None,
            "person": item.person or None,
            "role": item.role,
            "settlement": item.settlement or None,
        }


def _event(logged: LoggedEvent) -> dict[str, Any]:
    event = logged.event
    return {
        "settlement": logged.settlement,
        "seq": logged.seq,
        "kind": event.kind,
        "at": event.at,
        "by": event.by.value,
        "actor": event.actor,
        "facts": json.dumps(dict(event.facts)),
        "dates": json.dumps(dict(event.dates)),
        "leaf": logged.leaf,
        "is_confidential": event.kind in CONFIDENTIAL,
    }


def _receipt(receipt: KeptReceipt) -> dict[str, Any]:
    return {
        "settlement": receipt.settlement,
        "chain": receipt.chain,
        "transaction": receipt.transaction,
        "block_number": receipt.block_number,
        "block_hash": receipt.block_hash,
        "header": receipt.header,
        "index": receipt.index,
        "proof": "{" + ",".join(f'"\\\\x{node.hex()}"' for node in receipt.proof) + "}",
        "kind": receipt.kind,
        "at": receipt.at,
    }


def _array(ids: Iterable[str]) -> str:
    """An array of ids as PostgreSQL writes it."""
    return "{" + ",".join(ids) + "}"
