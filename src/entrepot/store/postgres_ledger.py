"""The ledger in PostgreSQL: `ledger_post` (migrations/0015_ledger_history.sql) decides over a batch in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.core.ledger import Account, AccountClass, Answer, Balance, Entry, Phase, Transfer

from .intents import Intent
from .named_sql import load_sql
from .postgres_arrays import bigints, numerics, smallints, texts, uuids
from .postgres_rows import Connection, Row, Rows, find_uuid, find_uuids, from_uuid

ACCOUNTS_PAGE_MAX = 1000
DIFFERENCES_MAX = 1000
HISTORY_PAGE_MAX = 1000
HISTORY_PART_BYTES = 256 * 2**20  # about 2.8 million entries, whose index takes 0.16 GB
AT_MIN = -(2**63)
_KINDS = {phase: number for number, phase in enumerate((Phase.POSTED, Phase.PENDING, Phase.POST, Phase.VOID))}
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

    def __init__(self, connection: Connection, *, keeps_intents: bool = False) -> None:
        self._rows = Rows(connection, _SQL)
        self._keeps_intents = keeps_intents

    def open_accounts(self, accounts: Sequence[Account]) -> None:
        """Opens what is not open yet; the same account twice is fine, the same id for another one a defect."""
        if accounts:
            self._rows.all(
                "open",
                ids=uuids([entry.id for entry in accounts]),
                classes=texts([entry.account_class.value for entry in accounts]),
                owners=texts([entry.owner for entry in accounts]),
                assets=texts([entry.asset for entry in accounts]),
            )

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        """Posts a batch, one answer each, in order; see memory_ledger.py for the order of the refusals."""
        if not transfers:
            return []
        row = self._rows.one(
            "post",
            ids=uuids([move.id for move in transfers]),
            debits=uuids([move.debit for move in transfers]),
            credits=uuids([move.credit for move in transfers]),
            amounts=numerics([move.amount_minor for move in transfers]),
            kinds=smallints([_KINDS[move.phase] for move in transfers]),
            pendings=uuids([move.pending_id for move in transfers]),
            events=texts([move.event for move in transfers]),
            ats=bigints([move.at for move in transfers]),
            settlements=uuids([move.settlement for move in transfers]),
        )
        assert row is not None
        if row["answers"] is None:
            answers = [Answer.POSTED] * len(transfers)
        else:
            answers = [Answer(word) for word in row["answers"]]
        assert len(answers) == len(transfers), "the ledger answers each transfer"
        if self._keeps_intents:
            posted = zip(transfers, answers, strict=True)
            self._rows.run("intend", ids=uuids([move.id for move, answer in posted if answer is Answer.POSTED]))
        return answers

    def turn_page(self, *, bytes_max: int) -> bool:
        """Begins a new part of the history if the newest is full; True if it did. In a transaction of its own."""
        row = self._rows.one("turn_page", bytes_max=bytes_max)
        return row is not None and bool(row["turned"])

    def balances(self, accounts: Sequence[str], *, at: int | None = None) -> dict[str, Balance]:
        """Balances of the accounts that are open, now or after all transfers whose `at` is not later than `at`."""
        ids = find_uuids(accounts)
        rows = self._rows.all("balances", ids=ids) if at is None else self._rows.all("balances_at", ids=ids, at=at)
        return {row["id"].hex: balance_from_row(row) for row in rows}

    def history(self, account: str, *, after: Entry | None = None, limit: int = HISTORY_PAGE_MAX) -> list[Entry]:
        """The account's running balances by time, oldest first; `after` is the last entry of the page before."""
        at, seq = (after.at, after.seq) if after else (AT_MIN, 0)
        bounds = {"at": at, "seq": seq, "limit": min(limit, HISTORY_PAGE_MAX)}
        rows = self._rows.all("history", account=find_uuid(account), **bounds)
        return [Entry(row["seq"], row["at"], balance_from_row(row)) for row in rows]

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


class PostgresIntents:
    """See store.Intents."""

    def __init__(self, connection: Connection) -> None:
        self._rows = Rows(connection, _SQL)

    def open(self, *, limit: int) -> list[Intent]:
        """Unanswered ones, in order."""
        return [
            Intent(
                row["no"],
                _transfer(row),
                Account(row["debit"].hex, AccountClass(row["debit_class"]), row["debit_owner"], row["asset"]),
                Account(row["credit"].hex, AccountClass(row["credit_class"]), row["credit_owner"], row["asset"]),
            )
            for row in self._rows.all("open_intents", limit=limit)
        ]

    def confirm(self, answers: Sequence[tuple[int, Answer]], *, at: int) -> None:
        """Keeps the first answer to each."""
        numbers, words = bigints([no for no, _ in answers]), texts([answer.value for _, answer in answers])
        self._rows.run("confirm", numbers=numbers, answers=words, at=at)

    def catch_up(self) -> int:
        """How many were made."""
        return self._rows.run("catch_up")


def balance_from_row(row: Row) -> Balance:
    """An account's four totals."""
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
