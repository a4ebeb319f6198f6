"""A batch of steps in one transaction: events become state, books, log and outgoing work, or none of it.

A workflow only says what happened (`happen`) and what must be done outside (`send`); everything else follows from
the life-cycle and the chart of accounts. The batch's leaves get their log indices together, at its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from entrepot.core.bookkeeping import book_accounts, transfers_for
from entrepot.core.canonical import canonical
from entrepot.core.crypto import sha256
from entrepot.core.decision import Decision
from entrepot.core.ledger import ACCEPTED
from entrepot.core.lifecycle import Role
from entrepot.core.log import tree_root
from entrepot.core.settlement import Event, Settlement, apply, leaf
from entrepot.store.records import LoggedEvent, OutboxItem, Paper
from entrepot.store.store import Transaction

from .context import Context
from .traces import SPAN


class _Undone(Exception):
    """Ends a trial."""


@dataclass
class Batch:
    """One transaction's work. Holds the settlements it locked, so that later steps see earlier ones."""

    ctx: Context
    tx: Transaction
    now: int
    settlements: dict[str, Settlement] = field(default_factory=dict)
    logged: list[LoggedEvent] = field(default_factory=list)
    outgoing: list[OutboxItem] = field(default_factory=list)
    span: str = ""  # of the decision that is being made, where traces are told
    _before: list[tuple[str, Settlement | None]] = field(default_factory=list)

    def settlement(self, settlement_id: str) -> Settlement:
        """The settlement, locked until the batch ends. Raises: KeyError if there is none."""
        if settlement_id not in self.settlements:
            self.know(self.tx.settlements.lock([settlement_id])[settlement_id])
        return self.settlements[settlement_id]

    def know(self, settlement: Settlement) -> None:
        """This is how the settlement stands now in this batch."""
        self._before.append((settlement.id, self.settlements.get(settlement.id)))
        self.settlements[settlement.id] = settlement

    def happen(
        self,
        settlement: Settlement,
        kind: str,
        by: Role,
        facts: Mapping[str, Any] | None = None,
        *,
        actor: str = "",
        dates: Mapping[str, int] | None = None,
    ) -> Settlement:
        """Applies one event: snapshot, transfers, leaf. Raises: Refused, and nothing has changed."""
        event = Event(kind=kind, at=self.now, by=by, actor=actor, facts=dict(facts or {}), dates=dict(dates or {}))
        after = apply(settlement, event)
        transfers = transfers_for(settlement, event)
        if transfers:
            self.tx.ledger.open_accounts(book_accounts(settlement, event))
            answers = self.tx.ledger.post(transfers)
            assert all(answer in ACCEPTED for answer in answers), f"books refuse {kind} of {after.id}: {answers}"
        logged = LoggedEvent(after.id, after.seq, event, leaf(settlement, event, after))
        self.tx.settlements.save(after, [logged])
        self.logged.append(logged)
        self.know(after)
        if after.is_ended and not settlement.is_ended and not after.released_minor:  # nothing of it was paid
            self.tx.checks.free(after.id, at=self.now)
            self.tx.checks.free_invoice(after.id)
        return after

    def send(self, once: str, kind: str, settlement: str, body: dict[str, Any]) -> None:
        """Queues something to do outside, once, with the same commit as its cause."""
        carried = body | {SPAN: self.span} if self.span else body
        self.outgoing.append(OutboxItem(once, kind, settlement, carried, self.now))

    def operate(
        self, settlement: Settlement, kind: str, arguments: dict[str, Any], *, decided: Decision | None = None
    ) -> None:
        """Queues one operation on the rail, once for the last event of this settlement; a payment with its decision."""
        once = f"{settlement.id}:{settlement.seq}:{kind}"
        screened = {"lists": [[source, sha256] for source, _, sha256 in decided.lists]} if decided else {}
        self.send(once, "rail", settlement.id, {"kind": kind, "arguments": arguments} | screened)

    def ask_rail_at(self) -> dict[str, int]:
        """When the rail is asked what became of an operation, if it has not said so itself."""
        return {"ask_rail_at": self.now + self.ctx.policy.ask_rail_s}

    @property
    def machine_now(self) -> int:
        """The machine's own clock (Unix s), which no sandbox moves: sign-ins last by it."""
        return self.now - self.ctx.offset_s

    def final_time(self) -> int:
        """Unix seconds of the rail's last final block: deadlines on the rail follow it, not our clock."""
        cursor = self.tx.rails.cursor(self.ctx.rail.name)
        return cursor.final_time if cursor else 0

    def keep(
        self, settlement: Settlement, kind: str, body: bytes, *, owner: str, visible_to: tuple[str, ...], media: str
    ) -> Paper:
        """Keeps a document or message, sealed."""
        paper = Paper(
            id=self.ctx.new_id(),
            settlement=settlement.id,
            kind=kind,
            owner=owner,
            visible_to=visible_to,
            media_type=media,
            body=body,
            sha256=sha256(body).hex(),
            at=self.now,
            seq=settlement.seq,
        )
        self.tx.papers.put(paper)
        return paper

    def keep_json(
        self, settlement: Settlement, kind: str, body: dict[str, Any], *, visible_to: tuple[str, ...]
    ) -> Paper:
        """Keeps canonical JSON of the settlement; the seller's key seals what both may see, the operator's the rest."""
        owner = settlement.seller if visible_to else ""
        return self.keep(
            settlement, kind, canonical(body), owner=owner, visible_to=visible_to, media="application/json"
        )

    def json_of(self, settlement: Settlement, kind: str) -> dict[str, Any]:
        """The newest paper of a kind, as JSON. Raises: KeyError if there is none."""
        papers = self.tx.papers.of(settlement.id, kind=kind)
        if not papers:
            raise KeyError(f"{settlement.id} has no {kind}")
        return dict(json.loads(papers[-1].body))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One item of the batch: if it raises, the database and this batch forget it and the rest goes on."""
        known, logged, outgoing = len(self._before), len(self.logged), len(self.outgoing)
        try:
            with self.tx.savepoint():
                yield
        except BaseException:
            while len(self._before) > known:
                settlement_id, before = self._before.pop()
                if before is None:
                    del self.settlements[settlement_id]
                else:
                    self.settlements[settlement_id] = before
            del self.logged[logged:], self.outgoing[outgoing:]
            raise

    @contextmanager
    def trial(self) -> Iterator[None]:
        """As `attempt`, and forgotten also where nothing raises: whether something can be done, and what it says."""
        try:
            with self.attempt():
                yield
                raise _Undone
        except _Undone:
            pass

    def finish(self) -> None:
        """Writes what is shared by the batch: outgoing work, then the log's leaves under their one lock."""
        if self.outgoing:
            self.tx.outbox.put(self.outgoing)
        if self.logged:
            self.tx.log.append(self.logged)
            size, frontier = self.tx.log.end()
            self.tx.log.put_checkpoint(size, self.ctx.checkpoint_signer(size, tree_root(frontier)), at=self.now)
