"""What reconciling and closing keep: runs, cases, banks' statements, closed periods; and the Protocol over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from entrepot.core.canonical import Json
from entrepot.core.ledger import AccountClass, Balance

from .records import Paper

BANK_MESSAGES = ("pacs.008", "camt.054.credit", "camt.054.debit")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison of books, chain, messages and bank; `asked_by` is "" for the `night` (YYYY-MM-DD) that was due.

    `differences` show all sides. `open_count` of them were not explained by two persons when it was kept. `facts` are
    what a period is closed on: checkpoint, log size, sums by account class, hashes of the sides' inputs.
    """

    id: str
    asked_by: str
    asked_at: int
    done_at: int
    settlements: int
    totals: tuple[Json, ...]
    differences: tuple[Json, ...]
    night: str = ""
    open_count: int = 0
    facts: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReconciliationCase:
    """A difference that somebody must explain; `closed_by` is the change with which two persons closed it.

    `settlement` is "" for a bank's entry that belongs to none; `reference` tells differences about the same apart, and
    `sides` is what each side said: once explained, the same again opens no other case.
    """

    id: str
    run: str
    settlement: str
    about: str
    opened_at: int
    closed_by: str = ""
    closed_at: int | None = None
    reference: str = ""
    sides: Json = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What one open case is unique by."""
        return (self.settlement, self.about, self.reference)


@dataclass(frozen=True, slots=True)
class BankStatement:
    """A statement as it was taken; its bytes are the paper `paper`. `number` is its place in order of arrival.

    Days are YYYY-MM-DD, amounts minor units of `currency`.
    """

    id: str
    paper: str
    sha256: str
    message_id: str
    statement_id: str
    account: str
    currency: str
    first_day: str
    last_day: str
    opening_minor: int
    closing_minor: int
    entry_count: int
    taken_by: str
    taken_at: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class BankEntry:
    """One booked movement of a statement; see messages.statement."""

    statement: str
    number: int
    is_credit: bool
    amount_minor: int
    currency: str
    value_date: str
    booked_on: str
    end_to_end_id: str
    uetr: str
    reference: str
    is_reversal: bool

    @property
    def name(self) -> str:
        """The bank's reference, or its place in the statement."""
        return self.reference or f"{self.statement[:8]}/{self.number}"


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A day (YYYY-MM-DD) or month (YYYY-MM) that two persons closed; `packet` are the signed packet's bytes."""

    period: str
    run: str
    change: str
    closed_at: int
    log_size: int
    packet: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message to a bank, and whether it has gone out."""

    paper: Paper
    is_delivered: bool


class Reconciliations(Protocol):
    """Kept comparisons, the cases that differences open, banks' statements, and closed periods; for staff."""

    def put(self, run: Reconciliation) -> None: ...

    def get(self, run_id: str) -> Reconciliation | None: ...

    def newest(self, *, limit: int) -> list[Reconciliation]:
        """The newest runs first."""

    def agreed(self) -> Reconciliation | None:
        """The newest run that left nothing unexplained."""

    def nights(self, *, limit: int) -> list[str]:
        """The nights that were run, the latest first."""

    def open_case(self, case: ReconciliationCase) -> bool:
        """Opens it; False where the settlement has an open one about the same."""

    def close_case(self, case_id: str, *, change: str, at: int) -> None: ...

    def cases(self, *, is_open: bool) -> list[ReconciliationCase]:
        """All cases, or the open ones, oldest first."""

    def put_statement(self, statement: BankStatement, entries: Sequence[BankEntry]) -> bool:
        """Keeps a statement with its entries; False where this account's statement of this id is kept already."""

    def statements(self, *, after: int = 0) -> list[BankStatement]:
        """Those taken after the `number`, in order of arrival."""

    def entries_to(self, settlements: Sequence[str]) -> list[BankEntry]:
        """Entries whose end-to-end id is one of these settlements, by statement and place."""

    def strange_entries(self, *, after: int) -> list[BankEntry]:
        """Entries of statements after the `number` whose end-to-end id is no settlement of ours."""

    def class_sums(self) -> dict[tuple[AccountClass, str], Balance]:
        """The books' totals of all accounts of a class in an asset."""

    def put_closed(self, closed: ClosedPeriod) -> None: ...

    def closed_periods(self) -> list[ClosedPeriod]:
        """In the order in which they were closed."""
