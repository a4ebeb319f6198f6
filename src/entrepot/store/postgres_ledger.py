"""The ledger in PostgreSQL: a batch is one call of `ledger_post` (migrations/0002_ledger.sql), which decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.core.ledger import Account, AccountClass, Answer, Balance, Phase, Transfer

from .named_sql import load_sql
from .postgres_rows import Connection, Row, Rows, find_uuid, find_uuids, from_uuid

ACCOUNTS_PAGE_MAX = 1000
DIFFERENCES_MAX = 1000
_SQL = load_sql("ledger")


@dataclass(frozen=True, slots=True)
class LedgerDifference:
    """Where the books disagree with the transfers: what is `kept`, and what follows from the transfers alone."""

    about: str
    subject: str
    kept: str
    computed: str


class PostgresLedger:
    """Double entry on one connection: what it posts is durable when the connection's transaction commits."""

    def __init__(self, connection: Connection) -> None:
        self._rows = Rows(connection, _SQL)

    def open_accounts(self, accounts: Sequence[Account]) -> None:
        """Opens what is not open yet; the same account twice is fine, the same id for another one a defect."""
        if accounts:
            self._rows.all(
                "open",
                ids=[entry.id for entry in accounts],
                classes=[entry.account_class.value for entry in accounts],
                owners=[entry.owner for entry in accounts],
                assets=[entry.asset for entry in accounts],
            )

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        """Posts a batch, one answer each, in order; see memory_ledger.py for the order of the refusals."""
        if not transfers:
            return []
        row = self._rows.one(
            "post",
            ids=[move.id for move in transfers],
            debits=[move.debit for move in transfers],
            credits=[move.credit for move in transfers],
            amounts=[str(move.amount_minor) for move in transfers],
            phases=[move.phase.value for move in transfers],
            pendings=[move.pending_id or None for move in transfers],
            events=[move.event for move in transfers],
            ats=[move.at for move in transfers],
            settlements=[move.settlement or None for move in transfers],
        )
        assert row is not None and len(row["answers"]) == len(transfers), "the ledger answers each transfer"
        return [Answer(word) for word in row["answers"]]

    def balances(self, accounts: Sequence[str], *, at: int | None = None) -> dict[str, Balance]:
        """Balances of the accounts that are open, now or after all transfers whose `at` is not later than `at`."""
        ids = find_uuids(accounts)
        rows = self._rows.all("balances", ids=ids) if at is None else self._rows.all("balances_at", ids=ids, at=at)
        return {row["id"].hex: _balance(row) for row in rows}

    def transfers_of(self, settlement: str) -> list[Transfer]:
        """All transfers of one settlement, by id."""
        return [_transfer(row) for row in self._rows.all("transfers_of", settlement=find_uuid(settlement))]

    def accounts(self, *, owner: str = "", after: str = "", limit: int = ACCOUNTS_PAGE_MAX) -> list[Account]:
        """Open accounts by id, of one owner or all; `after` is the last id of the page before."""
        rows = self._rows.all("accounts", owner=owner, after=find_uuid(after), limit=min(limit, ACCOUNTS_PAGE_MAX))
        return [Account(row["id"].hex, AccountClass(row["class"]), row["owner"], row["asset"]) for row in rows]

    def check(self) -> list[LedgerDifference]:
        """Recomputes every balance from the transfers: none for sound books, else the first differences."""
        rows = self._rows.all("check", limit=DIFFERENCES_MAX)
        return [LedgerDifference(row["about"], row["subject"], row["kept"], row["computed"]) for row in rows]


def _balance(row: Row) -> Balance:
    return Balance(
        debits_posted=int(row["debits_posted"]),
        credits_posted=int(row["credits_posted"]),
        debits_pending=int(row["debits_pending"]),
        credits_pending=int(row["credits_pending"]),
    )


def _transfer(row: Row) -> Transfer:
    return Transfer(
        id=row["id"].hex,
        debit=row["debit"].hex,
        credit=row["credit"].hex,
        amount_minor=int(row["amount_minor"]),
        phase=Phase(row["phase"]),
        event=row["event"],
        at=row["at"],
        settlement=from_uuid(row["settlement"]),
        pending_id=from_uuid(row["pending_id"]),
    )
