"""Double entry: accounts and transfers. A transfer names both its accounts, so no money can appear or vanish.

A pending transfer holds an amount until it is posted or voided by a second transfer that names it. Expiry is our
own explicit void, never an engine's timer. Amounts are minor units of the accounts' asset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .money import AMOUNT_MINOR_MAX


class AccountClass(StrEnum):
    """The chart of accounts. Only `outside` may go below zero: it is everything beyond our books."""

    OUTSIDE = "outside"
    ESCROW = "escrow"
    FEE_DUE = "fee_due"
    MISPAID = "mispaid"


LIMITED = (AccountClass.ESCROW, AccountClass.FEE_DUE, AccountClass.MISPAID)


class Phase(StrEnum):
    """What a transfer does: moves at once, holds, or ends a hold."""

    POSTED = "posted"
    PENDING = "pending"
    POST = "post"
    VOID = "void"


class Answer(StrEnum):
    """What a ledger engine answers for one transfer: the same words on every engine."""

    POSTED = "posted"
    EXISTS = "exists"
    EXISTS_DIFFERENT = "exists_different"
    EXCEEDS_LIMIT = "exceeds_limit"
    ACCOUNT_UNKNOWN = "account_unknown"
    ASSETS_DIFFER = "assets_differ"
    SAME_ACCOUNT = "same_account"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    PENDING_UNKNOWN = "pending_unknown"
    PENDING_ENDED = "pending_ended"
    PENDING_DIFFERENT = "pending_different"


ACCEPTED = (Answer.POSTED, Answer.EXISTS)


@dataclass(frozen=True, slots=True)
class Account:
    """An account of one `owner` (a settlement or participant id) in one asset. `id` is 32 hex digits."""

    id: str
    account_class: AccountClass
    owner: str
    asset: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """`amount_minor` from `debit` to `credit`. POST and VOID name `pending_id` and repeat its accounts and amount."""

    id: str
    debit: str
    credit: str
    amount_minor: int
    phase: Phase
    event: str
    at: int
    settlement: str = ""
    pending_id: str = ""

    def has_valid_amount(self) -> bool:
        """True between 1 and 2^127 - 1 minor units."""
        return 0 < self.amount_minor <= AMOUNT_MINOR_MAX


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's four running totals in minor units."""

    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    def plus(self, other: Balance) -> Balance:
        """The totals of two accounts of one asset together."""
        return Balance(
            self.debits_posted + other.debits_posted,
            self.credits_posted + other.credits_posted,
            self.debits_pending + other.debits_pending,
            self.credits_pending + other.credits_pending,
        )

    @property
    def posted_minor(self) -> int:
        """Credits less debits that are final."""
        return self.credits_posted - self.debits_posted

    @property
    def available_minor(self) -> int:
        """What may still be taken out: a hold that exceeds it is refused."""
        return self.posted_minor - self.debits_pending


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of an account's history: its balance after what one batch posted to it at one time `at` (Unix s).

    `seq` counts an account's entries in the order of posting. The balance is the running one in that order: what is
    posted late stands at its own time, with all that was posted before it.
    """

    seq: int
    at: int
    balance: Balance


class Ledger(Protocol):
    """A ledger engine. `post` answers one Answer per transfer, in order; each transfer stands or falls alone."""

    def open_accounts(self, accounts: Sequence[Account]) -> None:
        """Opens what is not open yet; the same account twice is fine."""

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        """Posts a batch: idempotent by id, the same id with other content is EXISTS_DIFFERENT."""

    def balances(self, accounts: Sequence[str], *, at: int | None = None) -> dict[str, Balance]:
        """Balances now, or after all transfers whose `at` (Unix s) is not later than `at`."""

    def history(self, account: str, *, after: Entry | None = None, limit: int = 1000) -> list[Entry]:
        """Running balances by (at, seq), append-only; `after` is the last entry of the page before."""

    def transfers_of(self, settlement: str) -> list[Transfer]:
        """All transfers of one settlement, by id."""


def account(account_class: AccountClass, owner: str, asset: str) -> Account:
    """The account with its id: the first 128 bits of a SHA-256 over class, owner and asset."""
    digest = hashlib.sha256(f"entrepot/account/1\n{account_class}\n{owner}\n{asset}".encode()).hexdigest()
    return Account(id=digest[:32], account_class=account_class, owner=owner, asset=asset)
