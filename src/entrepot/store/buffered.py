"""A worker's transaction that keeps what a batch writes in memory, and writes it by sets when the batch ends.

To whoever uses it, it is a Transaction like any other: what was written is read back, and what happened inside a
`savepoint` that raises is forgotten. What it has read once it reads from memory again until something is written
through. An act that it does not keep goes to the database: everything before it is written first, within savepoints
of the database where ours are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from entrepot.core.ledger import ACCEPTED, Account, Transfer
from entrepot.core.settlement import Settlement

from .buffered_groups import Checks, Inbox, LedgerGroup, Outbox, Papers, Rails, Settlements, Through
from .many import Answered, Conflict, Registration, Reservation
from .records import KeptReceipt, LoggedEvent, OutboxItem, Paper
from .store import Transaction

Memo = tuple[Any, ...]
Write = tuple[str, Any]


@dataclass
class Frame:
    """An open savepoint: how much was kept when it began, and the database's own, once something went through."""

    writes: int
    undo: int
    standing: tuple[int, ...]
    opened: AbstractContextManager[None] | None = None


@dataclass
class Sets:
    """What is to be written, by table."""

    created: dict[str, Settlement] = field(default_factory=dict)
    saved: dict[str, Settlement] = field(default_factory=dict)
    events: list[LoggedEvent] = field(default_factory=list)
    postponed: dict[str, int] = field(default_factory=dict)
    papers: list[Paper] = field(default_factory=list)
    receipts: list[KeptReceipt] = field(default_factory=list)
    invoices: list[Registration] = field(default_factory=list)
    reservations: list[Reservation] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)
    outgoing: list[OutboxItem] = field(default_factory=list)
    answers: dict[int, list[Answered]] = field(default_factory=dict)

    def add(self, write: Write) -> None:
        """Takes one write in its order."""
        kind, what = write
        if kind == "insert":
            self.created[what.id] = what
        elif kind == "save":
            settlement, events = what
            (self.created if settlement.id in self.created else self.saved)[settlement.id] = settlement
            self.events += events
            self.postponed.pop(settlement.id, None)  # an event ends a postponement
        elif kind == "postpone":
            self.postponed[what[0]] = what[1]
        elif kind == "accounts":
            self.accounts |= {account.id: account for account in what}
        elif kind == "answer":
            self.answers.setdefault(what[1], []).append(what[0])
        elif kind in ("transfers", "outgoing"):
            getattr(self, kind).extend(what)
        else:
            getattr(self, kind).append(what)

    def write(self, tx: Transaction) -> None:
        """Writes all of it; what locks rows that others want comes last. Raises: Conflict, AssertionError."""
        many = tx.many
        many.write_settlements(list(self.created.values()), list(self.saved.values()), self.events)
        many.postpone(self.postponed)
        many.put_papers(self.papers)
        many.put_receipts(self.receipts)
        tx.outbox.put(self.outgoing)
        for at, answers in self.answers.items():
            many.answer(answers, at=at)
        many.register(self.invoices)
        many.reserve(self.reservations)
        if self.transfers:
            tx.ledger.open_accounts(list(self.accounts.values()))
            answers_ = tx.ledger.post(self.transfers)
            refused = [
                f"{move.event} of {move.settlement}: {answer}"
                for move, answer in zip(self.transfers, answers_, strict=True)
                if answer not in ACCEPTED
            ]
            assert not refused, f"the books refuse {refused[:3]}"


class Buffered:
    """See Transaction."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.memo: dict[Memo, Any] = {}
        self.snapshots: dict[str, Settlement] = {}
        self.fresh: set[str] = set()  # settlements that began here: nothing is kept of them elsewhere
        self.added_papers: dict[str, list[Paper]] = {}
        self.taken: dict[str, list[Reservation]] = {}
        self.registered: dict[str, tuple[str, str]] = {}
        self.has_written = False
        self.standing = tx.many.standing()
        self._writes: list[Write] = []
        self._undo: list[Callable[[], object]] = []
        self._frames: list[Frame] = []
        self._failed: BaseException | None = None  # why something that was kept could not be written
        self.many = tx.many
        self.inbox: Any = Inbox(self, tx.inbox)
        self.settlements: Any = Settlements(self, tx.settlements)
        self.log: Any = Through(self, tx.log)
        self.papers: Any = Papers(self, tx.papers)
        self.people: Any = Through(self, tx.people)
        self.sign_ins: Any = Through(self, tx.sign_ins)
        self.checks: Any = Checks(self, tx.checks)
        self.mandates: Any = Through(self, tx.mandates)
        self.rails: Any = Rails(self, tx.rails)
        self.outbox: Any = Outbox(self, tx.outbox)
        self.ledger: Any = LedgerGroup(self, tx.ledger)
        self.intents: Any = Through(self, tx.intents)
        self.reports: Any = Through(self, tx.reports)
        self.reconciliations: Any = Through(self, tx.reconciliations)
        self.webhooks: Any = Through(self, tx.webhooks)
        self.requests: Any = Through(self, tx.requests)
        self.sandbox: Any = Through(self, tx.sandbox)

    def keep(self, kind: str, what: Any) -> None:
        """Remembers a write."""
        self._writes.append((kind, what))

    def change(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Sets a value of one of the tables above, so that it can be taken back."""
        if key in table:
            old = table[key]
            self._undo.append(lambda: table.update({key: old}))
        else:
            self._undo.append(lambda: table.pop(key))
        table[key] = value

    def once(self, memo: Memo, read: Callable[[], Any]) -> Any:
        """What was read under this name, read now if it was not yet."""
        if memo not in self.memo:
            self.memo[memo] = read()
        return self.memo[memo]

    def remember(self, value: Any, name: str, *plain: Any) -> None:
        """Takes what an act `name` of a group would answer to `plain` as read."""
        self.memo[name, plain, ()] = value

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is forgotten if it raises; the transaction goes on."""
        frame = Frame(len(self._writes), len(self._undo), self.standing)
        self._frames.append(frame)
        try:
            yield
        except BaseException as error:
            self._frames.pop()
            self._take_back(frame, error)
            raise
        self._frames.pop()
        if frame.opened is not None:
            frame.opened.__exit__(None, None, None)

    def settle_up(self) -> None:
        """Writes everything kept so far, so that the database can be asked and changed directly.

        What could not be written once is never half of a commit: from then on this raises the same again.
        """
        if self._failed is not None:
            raise self._failed
        if not self._frames and not self._writes:
            return
        for frame in self._frames:
            if frame.opened is None:
                count = frame.writes
                self._write(count)
                for other in self._frames:
                    other.writes = max(0, other.writes - count)
                frame.opened = self.tx.savepoint()
                frame.opened.__enter__()
        self._write(len(self._writes))
        self._forget()

    def require_standing(self) -> None:
        """Raises: Conflict if a list or a confirmed change is another than when it was read here."""
        if self.many.standing() != self.standing:
            raise Conflict("a list or a decision of two persons changed meanwhile")

    def _write(self, count: int) -> None:
        writes, self._writes = self._writes[:count], self._writes[count:]
        if writes:
            self.has_written = True
            sets = Sets()
            for write in writes:
                sets.add(write)
            try:
                sets.write(self.tx)
            except BaseException as failed:
                self._failed = failed
                raise

    def _take_back(self, frame: Frame, error: BaseException) -> None:
        if frame.opened is not None:  # what was kept before it began is written, and stays
            self._writes.clear()
            self._forget()
            self.standing = frame.standing
            frame.opened.__exit__(type(error), error, error.__traceback__)
            return
        del self._writes[frame.writes :]
        while len(self._undo) > frame.undo:
            self._undo.pop()()

    def _forget(self) -> None:
        """What was read or written is asked of the database again."""
        for table in (self.memo, self.snapshots, self.fresh, self.added_papers, self.taken, self.registered):
            table.clear()
        self._undo.clear()
