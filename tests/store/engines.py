"""Ledger engines without a store around them, and TigerBeetle's client as its documentation says it answers.

The fake knows what the documentation says and no more: an engine that passes with it is unverified until it passes on a
cluster. It spends the id of what it refused for lack of room, an account or a hold, as the cluster does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import tigerbeetle as tb

from entrepot.core.ledger import Account, Answer, Balance, Entry, Ledger, Transfer

_IDS = ("id", "debit", "credit", "pending_id", "settlement")
_S, _F = tb.CreateTransferStatus, tb.TransferFlags
SPENT = (_S.DEBIT_ACCOUNT_NOT_FOUND, _S.CREDIT_ACCOUNT_NOT_FOUND, _S.PENDING_TRANSFER_NOT_FOUND, _S.EXCEEDS_CREDITS)


@dataclass
class HasLedger:
    """What a transaction is to the ledger's suite."""

    ledger: Ledger


class Books(Protocol):
    """What a store is to the ledger's suite."""

    def work(self) -> AbstractContextManager[Any]: ...


class EngineBooks:
    """An engine that makes each batch durable by itself."""

    def __init__(self, engine: Ledger) -> None:
        self.engine = engine

    @contextmanager
    def work(self) -> Iterator[HasLedger]:
        """No transaction: what is posted is posted."""
        yield HasLedger(self.engine)


class Salted:
    """An engine on a cluster that outlives the test: every id is another one there."""

    def __init__(self, engine: Ledger) -> None:
        self._engine = engine
        self._salt = os.urandom(8)
        self._ours: dict[str, str] = {}

    def _to(self, id_: str) -> str:
        if len(id_) != 32:
            return id_
        there = hashlib.sha256(self._salt + id_.encode()).hexdigest()[:32]
        self._ours[there] = id_
        return there

    def _move(self, move: Transfer) -> Transfer:
        changed = {
            name: self._to(getattr(move, name)) for name in ("id", "debit", "credit", "pending_id", "settlement")
        }
        return replace(move, **changed)

    def _back(self, move: Transfer) -> Transfer:
        return replace(move, **{name: self._ours.get(getattr(move, name), "") for name in _IDS})

    def open_accounts(self, accounts: Sequence[Account]) -> None:
        self._engine.open_accounts([replace(entry, id=self._to(entry.id)) for entry in accounts])

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        return self._engine.post([self._move(move) for move in transfers])

    def balances(self, accounts: Sequence[str], *, at: int | None = None) -> dict[str, Balance]:
        found = self._engine.balances([self._to(id_) for id_ in accounts], at=at)
        return {self._ours[id_]: balance for id_, balance in found.items()}

    def history(self, account: str, *, after: Entry | None = None, limit: int = 1000) -> list[Entry]:
        return self._engine.history(self._to(account), after=after, limit=limit)

    def transfers_of(self, settlement: str) -> list[Transfer]:
        found = [self._back(move) for move in self._engine.transfers_of(self._to(settlement))]
        return sorted(found, key=lambda move: move.id)


class FakeCluster:
    """The part of tb.ClientSync that the engine uses."""

    def __init__(self) -> None:
        self.accounts: dict[int, tb.Account] = {}
        self.transfers: dict[int, tb.Transfer] = {}
        self.ended: dict[int, tb.TransferFlags] = {}
        self.spent: set[int] = set()
        self.clock = 0

    def create_accounts(self, accounts: list[tb.Account]) -> list[Any]:
        """One result an account."""
        results = []
        for entry in accounts:
            known = self.accounts.get(entry.id)
            status = tb.CreateAccountStatus.CREATED
            if known is not None:
                same = all(
                    getattr(known, name) == getattr(entry, name)
                    for name in ("flags", "user_data_128", "ledger", "code")
                )
                status = tb.CreateAccountStatus.EXISTS if same else tb.CreateAccountStatus.EXISTS_WITH_DIFFERENT_CODE
            else:
                self.clock += 1
                self.accounts[entry.id] = replace(entry, timestamp=self.clock)
            results.append(tb.CreateAccountResult(timestamp=self.clock, status=status))
        return results

    def create_transfers(self, transfers: list[tb.Transfer]) -> list[Any]:
        """One result a transfer, in the documented order of precedence."""
        results = []
        for move in transfers:
            status = self._refusal(move) or _S.CREATED
            if status is _S.CREATED:
                self._apply(move)
            elif status in SPENT:
                self.spent.add(move.id)
            results.append(tb.CreateTransferResult(timestamp=self.clock, status=status))
        return results

    def lookup_accounts(self, ids: list[int]) -> list[tb.Account]:
        """Those that are there."""
        return [self.accounts[id_] for id_ in ids if id_ in self.accounts]

    def lookup_transfers(self, ids: list[int]) -> list[tb.Transfer]:
        """Those that are there."""
        return [self.transfers[id_] for id_ in ids if id_ in self.transfers]

    def get_account_transfers(self, asked: tb.AccountFilter) -> list[tb.Transfer]:
        """By timestamp."""
        found = [
            move for move in self.transfers.values()
            if asked.account_id in (move.debit_account_id, move.credit_account_id)
            and move.timestamp >= asked.timestamp_min
        ]  # fmt: skip
        return found[: asked.limit]

    def query_transfers(self, asked: tb.QueryFilter) -> list[tb.Transfer]:
        """By timestamp."""
        found = [
            move for move in self.transfers.values()
            if move.user_data_128 == asked.user_data_128 and move.timestamp >= asked.timestamp_min
        ]  # fmt: skip
        return found[: asked.limit]

    def _refusal(self, move: tb.Transfer) -> Any:
        known = self.transfers.get(move.id)
        if known is not None:
            for name in ("flags", "pending_id", "debit_account_id", "credit_account_id", "amount", "user_data_128",
                         "user_data_64", "user_data_32"):  # fmt: skip
                if getattr(known, name) != getattr(move, name):
                    return _S[f"EXISTS_WITH_DIFFERENT_{name.upper()}"]
            return _S.EXISTS
        if move.id in self.spent:
            return _S.ID_ALREADY_FAILED
        if move.debit_account_id == move.credit_account_id:
            return _S.ACCOUNTS_MUST_BE_DIFFERENT
        debit, credit = self.accounts.get(move.debit_account_id), self.accounts.get(move.credit_account_id)
        if debit is None or credit is None:
            return _S.DEBIT_ACCOUNT_NOT_FOUND if debit is None else _S.CREDIT_ACCOUNT_NOT_FOUND
        if debit.ledger != credit.ledger:
            return _S.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER
        if move.pending_id:
            return self._refusal_to_end(move)
        limit = debit.credits_posted - debit.debits_posted - debit.debits_pending
        if debit.flags & tb.AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS and move.amount > limit:
            return _S.EXCEEDS_CREDITS
        return None

    def _refusal_to_end(self, move: tb.Transfer) -> Any:
        hold = self.transfers.get(move.pending_id)
        if hold is None:
            return _S.PENDING_TRANSFER_NOT_FOUND
        if not hold.flags & _F.PENDING:
            return _S.PENDING_TRANSFER_NOT_PENDING
        if hold.debit_account_id != move.debit_account_id:
            return _S.PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID
        if hold.credit_account_id != move.credit_account_id:
            return _S.PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID
        if hold.amount != move.amount:
            return _S.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT
        if ended := self.ended.get(hold.id):
            is_posted = ended & _F.POST_PENDING_TRANSFER
            return _S.PENDING_TRANSFER_ALREADY_POSTED if is_posted else _S.PENDING_TRANSFER_ALREADY_VOIDED
        return None

    def _apply(self, move: tb.Transfer) -> None:
        self.clock += 1
        self.transfers[move.id] = replace(move, timestamp=self.clock)
        if move.pending_id:
            self.ended[move.pending_id] = move.flags
        moved = 0 if move.flags & (_F.PENDING | _F.VOID_PENDING_TRANSFER) else move.amount
        held = move.amount if move.flags & _F.PENDING else -move.amount if move.pending_id else 0
        debit, credit = self.accounts[move.debit_account_id], self.accounts[move.credit_account_id]
        self.accounts[debit.id] = replace(
            debit, debits_posted=debit.debits_posted + moved, debits_pending=debit.debits_pending + held
        )
        self.accounts[credit.id] = replace(
            credit, credits_posted=credit.credits_posted + moved, credits_pending=credit.credits_pending + held
        )
