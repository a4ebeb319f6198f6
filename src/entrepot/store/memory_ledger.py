"""The ledger in memory: what `ledger_post` does in PostgreSQL, word for word.

The order of the refusals, on every engine:
 1. exists, exists_different     the id is known. What counts is everything but `at`: the first posting's time stands.
 2. amount_out_of_range          not between 1 and 2^127 - 1 minor units
 3. same_account                 debit and credit are one account
 4. account_unknown              either is not open
 5. assets_differ                the two accounts are in different assets
 6. pending_unknown              POST or VOID names no hold that was placed
 7. pending_different            … or one between other accounts or of another amount; or another phase names one
 8. pending_ended                … or one that was posted or voided already
 9. exceeds_limit                POSTED or PENDING takes more from a limited account than is available
A refused transfer leaves no trace: its id may be used again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from entrepot.core.ids import parse_id
from entrepot.core.ledger import LIMITED, Account, Answer, Balance, Entry, Phase, Transfer

from .intents import Intent
from .memory_tables import Access, Journal, Lists, Table

HISTORY_PAGE_MAX = 1000
_ENDS = (Phase.POST, Phase.VOID)


class LedgerTables:
    """The rows of one ledger."""

    def __init__(self, journal: Journal) -> None:
        self.accounts: Table[str, Account] = Table(journal)
        self.balances: Table[str, Balance] = Table(journal)
        self.transfers: Table[str, Transfer] = Table(journal)
        self.ends: Table[str, str] = Table(journal)
        self.of_account: Lists[str, Transfer] = Lists(journal)
        self.of_settlement: Lists[str, Transfer] = Lists(journal)
        self.intents: Table[str, int] = Table(journal)
        self.confirmed: Table[int, tuple[Answer, int]] = Table(journal)
        self.keeps_intents = False


class MemoryLedger:
    """Double entry in memory."""

    def __init__(self, tables: LedgerTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def open_accounts(self, accounts: Sequence[Account]) -> None:
        """Opens what is not open yet; the same account twice is fine, the same id for another one a defect."""
        self._access.require_worker()
        for entry in accounts:
            parse_id(entry.id)
            known = self._tables.accounts.get(entry.id)
            assert known is None or known == entry, f"{entry.id} is open with another class, owner or asset"
            if known is None:
                self._tables.accounts.put(entry.id, entry)
                self._tables.balances.put(entry.id, Balance())

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        """Posts a batch, one answer each, in order; later transfers see earlier ones."""
        if transfers:
            self._access.require_worker()
        for move in transfers:
            for name in (move.id, move.debit, move.credit, *filter(None, (move.pending_id, move.settlement))):
                parse_id(name)
        return [self._post_one(move) for move in transfers]

    def balances(self, accounts: Sequence[str], *, at: int | None = None) -> dict[str, Balance]:
        """Balances of the accounts that are open, now or after all transfers whose `at` is not later than `at`."""
        found = {}
        for account_id in accounts:
            known = self._tables.accounts.get(account_id)
            if known is not None and (self._access.sees_own(known.owner) or self._access.sees_settlement(known.owner)):
                found[account_id] = self._balance(account_id, at)
        return found

    def history(self, account: str, *, after: Entry | None = None, limit: int = HISTORY_PAGE_MAX) -> list[Entry]:
        """The account's running balances by time, an entry a transfer; `after` is the last of the page before."""
        if not self.balances([account]):
            return []
        entries, balance = [], Balance()
        for seq, move in enumerate(self._tables.of_account.of(account), start=1):
            balance = _moved(balance, move, is_debit=account == move.debit)
            entries.append(Entry(seq, move.at, balance))
        entries.sort(key=lambda entry: (entry.at, entry.seq))
        later = [entry for entry in entries if after is None or (entry.at, entry.seq) > (after.at, after.seq)]
        return later[: min(limit, HISTORY_PAGE_MAX)]

    def transfers_of(self, settlement: str) -> list[Transfer]:
        """All transfers of one settlement, by id."""
        if not settlement or not self._access.sees_settlement(settlement):
            return []
        return sorted(self._tables.of_settlement.of(settlement), key=lambda move: move.id)

    def _post_one(self, move: Transfer) -> Answer:
        refusal = self._refusal(move)
        if refusal is not None:
            return refusal
        tables = self._tables
        tables.transfers.put(move.id, move)
        if move.pending_id:
            tables.ends.put(move.pending_id, move.id)
        if move.settlement:
            tables.of_settlement.append(move.settlement, move)
        if tables.keeps_intents:
            tables.intents.put(move.id, len(tables.intents) + 1)
        for account_id in (move.debit, move.credit):
            tables.of_account.append(account_id, move)
            kept = tables.balances.get(account_id)
            assert kept is not None
            tables.balances.put(account_id, _moved(kept, move, is_debit=account_id == move.debit))
        return Answer.POSTED

    def _refusal(self, move: Transfer) -> Answer | None:
        """The first reason not to post, in the order of the module's table."""
        known = self._tables.transfers.get(move.id)
        if known is not None:
            return Answer.EXISTS if replace(known, at=move.at) == move else Answer.EXISTS_DIFFERENT
        if not move.has_valid_amount():
            return Answer.AMOUNT_OUT_OF_RANGE
        if move.debit == move.credit:
            return Answer.SAME_ACCOUNT
        debit, credit = self._tables.accounts.get(move.debit), self._tables.accounts.get(move.credit)
        if debit is None or credit is None:
            return Answer.ACCOUNT_UNKNOWN
        if debit.asset != credit.asset:
            return Answer.ASSETS_DIFFER
        if move.phase in _ENDS:
            return self._refusal_to_end(move)
        if move.pending_id:
            return Answer.PENDING_DIFFERENT
        kept = self._tables.balances.get(move.debit)
        if debit.account_class in LIMITED and kept is not None and kept.available_minor < move.amount_minor:
            return Answer.EXCEEDS_LIMIT
        return None

    def _refusal_to_end(self, move: Transfer) -> Answer | None:
        hold = self._tables.transfers.get(move.pending_id)
        if hold is None or hold.phase is not Phase.PENDING:
            return Answer.PENDING_UNKNOWN
        if (hold.debit, hold.credit, hold.amount_minor) != (move.debit, move.credit, move.amount_minor):
            return Answer.PENDING_DIFFERENT
        return Answer.PENDING_ENDED if move.pending_id in self._tables.ends else None

    def _balance(self, account_id: str, at: int | None) -> Balance:
        if at is None:
            return self._tables.balances.get(account_id) or Balance()
        balance = Balance()
        for move in self._tables.of_account.of(account_id):
            if move.at <= at:
                balance = _moved(balance, move, is_debit=account_id == move.debit)
        return balance


class MemoryIntents:
    """See store.Intents."""

    def __init__(self, tables: LedgerTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def open(self, *, limit: int) -> list[Intent]:
        """Unanswered ones, in order."""
        self._access.require_worker()
        tables = self._tables
        found: list[Intent] = []
        for transfer, no in tables.intents.items():
            move = tables.transfers.get(transfer)
            if no not in tables.confirmed and move is not None and len(found) < limit:
                debit, credit = tables.accounts.get(move.debit), tables.accounts.get(move.credit)
                assert debit is not None and credit is not None
                found.append(Intent(no, move, debit, credit))
        return found

    def confirm(self, answers: Sequence[tuple[int, Answer]], *, at: int) -> None:
        """Keeps the first answer to each."""
        self._access.require_worker()
        for no, answer in answers:
            if no not in self._tables.confirmed:
                self._tables.confirmed.put(no, (answer, at))

    def catch_up(self) -> int:
        """How many were made."""
        self._access.require_worker()
        missing = [move for move in self._tables.transfers if move.id not in self._tables.intents]
        for move in sorted(missing, key=lambda move: (move.at, move.id)):
            self._tables.intents.put(move.id, len(self._tables.intents) + 1)
        return len(missing)


def _moved(balance: Balance, move: Transfer, *, is_debit: bool) -> Balance:
    """The totals of one side after `move`."""
    moved = move.amount_minor if move.phase in (Phase.POSTED, Phase.POST) else 0
    held = {Phase.POSTED: 0, Phase.PENDING: move.amount_minor}.get(move.phase, -move.amount_minor)
    b = balance
    if is_debit:
        return replace(b, debits_posted=b.debits_posted + moved, debits_pending=b.debits_pending + held)
    return replace(b, credits_posted=b.credits_posted + moved, credits_pending=b.credits_pending + held)
