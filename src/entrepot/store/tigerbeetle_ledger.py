"""The ledger in TigerBeetle: an asset is a ledger there, a class of account a code. Built on its documented API.

What could be refused is decided before it is sent, by the rules of the twin over what the cluster says: there a
refused id can never be used again, and here it leaves no trace. What is refused all the same (a neighbour was faster)
is told in the same words. Times are ours (`user_data_64`): its own clock orders, and expires nothing.
Source: docs.tigerbeetle.com, reference of accounts, transfers and their requests; client 0.17.9.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import tigerbeetle as tb

from entrepot.core.errors import Invalid, Unavailable
from entrepot.core.ids import is_id, parse_id
from entrepot.core.ledger import LIMITED, Account, AccountClass, Answer, Balance, Entry, Phase, Transfer
from entrepot.core.lifecycle import LIFECYCLE

from .memory_ledger import HISTORY_PAGE_MAX, LedgerTables, MemoryLedger
from .memory_tables import Access, Journal

BATCH_MAX = 8_000  # a message holds 8,189 at most
AT_MAX = 2**63
_CODES = {account_class: number for number, account_class in enumerate(AccountClass, start=1)}
_CLASSES = {number: account_class for account_class, number in _CODES.items()}
_TRANSFER_CODE = 1  # it wants one; what happened stands in user_data_32
_FLAGS = {
    Phase.POSTED: tb.TransferFlags.NONE,
    Phase.PENDING: tb.TransferFlags.PENDING,
    Phase.POST: tb.TransferFlags.POST_PENDING_TRANSFER,
    Phase.VOID: tb.TransferFlags.VOID_PENDING_TRANSFER,
}
_PHASES = {flags: phase for phase, flags in _FLAGS.items()}
_S = tb.CreateTransferStatus
_ANSWERS = {
    _S.CREATED: Answer.POSTED,
    _S.EXISTS: Answer.EXISTS,
    _S.ACCOUNTS_MUST_BE_DIFFERENT: Answer.SAME_ACCOUNT,
    _S.DEBIT_ACCOUNT_NOT_FOUND: Answer.ACCOUNT_UNKNOWN,
    _S.CREDIT_ACCOUNT_NOT_FOUND: Answer.ACCOUNT_UNKNOWN,
    _S.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER: Answer.ASSETS_DIFFER,
    _S.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS: Answer.ASSETS_DIFFER,
    _S.PENDING_TRANSFER_NOT_FOUND: Answer.PENDING_UNKNOWN,
    _S.PENDING_TRANSFER_NOT_PENDING: Answer.PENDING_UNKNOWN,
    _S.PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID: Answer.PENDING_DIFFERENT,
    _S.PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID: Answer.PENDING_DIFFERENT,
    _S.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT: Answer.PENDING_DIFFERENT,
    _S.EXCEEDS_PENDING_TRANSFER_AMOUNT: Answer.PENDING_DIFFERENT,
    _S.PENDING_TRANSFER_ALREADY_POSTED: Answer.PENDING_ENDED,
    _S.PENDING_TRANSFER_ALREADY_VOIDED: Answer.PENDING_ENDED,
    _S.EXCEEDS_CREDITS: Answer.EXCEEDS_LIMIT,
    _S.ID_ALREADY_FAILED: Answer.EXCEEDS_LIMIT,  # a neighbour was faster than our look: this id is spent
    _S.OVERFLOWS_DEBITS_PENDING: Answer.AMOUNT_OUT_OF_RANGE,  # totals end at 2^128 - 1 there
    _S.OVERFLOWS_CREDITS_PENDING: Answer.AMOUNT_OUT_OF_RANGE,
    _S.OVERFLOWS_DEBITS_POSTED: Answer.AMOUNT_OUT_OF_RANGE,
    _S.OVERFLOWS_CREDITS_POSTED: Answer.AMOUNT_OUT_OF_RANGE,
    _S.OVERFLOWS_DEBITS: Answer.AMOUNT_OUT_OF_RANGE,
    _S.OVERFLOWS_CREDITS: Answer.AMOUNT_OUT_OF_RANGE,
}
_OTHER_CONTENT = frozenset(status for status in _S if status.name.startswith("EXISTS_WITH_DIFFERENT_"))
T = TypeVar("T")


def connect(addresses: str, *, cluster: int = 0) -> tb.ClientSync:
    """A client of the cluster whose replicas are at `addresses` ("host:port,…"). It waits until one answers."""
    return tb.ClientSync(cluster_id=cluster, replica_addresses=addresses)


class TigerBeetleLedger:
    """Double entry in a TigerBeetle cluster. Each batch is durable when it is answered."""

    def __init__(self, client: tb.ClientSync) -> None:
        self._client = client
        self._events = {_number(line.event): line.event for line in LIFECYCLE}
        self._assets: dict[int, str] = {}

    def open_accounts(self, accounts: Sequence[Account]) -> None:
        """Opens what is not open yet; the same account twice is fine, the same id for another one a defect."""
        for chunk in _chunks(list(dict.fromkeys(accounts))):
            for entry, result in zip(chunk, self._ask(lambda c, chunk=chunk: c.create_accounts(  # type: ignore[misc]
                [self._account(entry) for entry in chunk])), strict=True):  # fmt: skip
                status = tb.CreateAccountStatus(result.status)
                assert status in (tb.CreateAccountStatus.CREATED, tb.CreateAccountStatus.EXISTS), (
                    f"{entry.id} is open with another class, owner or asset: {status.name}"
                )

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        """Posts a batch, one answer each, in order; see memory_ledger.py for the order of the refusals."""
        answers: list[Answer] = []
        for chunk in _chunks(transfers):
            answers += self._post(chunk)
        return answers

    def balances(self, accounts: Sequence[str], *, at: int | None = None) -> dict[str, Balance]:
        """Balances of the accounts that are open; at a time they are summed from the account's transfers."""
        known = self._accounts_of([id_ for id_ in accounts if is_id(id_)])
        if at is None:
            return {id_: _balance(found) for id_, found in known.items()}
        return {id_: self._scratch_of(id_).balances([id_], at=at)[id_] for id_ in known}

    def history(self, account: str, *, after: Entry | None = None, limit: int = HISTORY_PAGE_MAX) -> list[Entry]:
        """The account's running balances by time, an entry a transfer; `after` is the last of the page before."""
        if not is_id(account) or not self._accounts_of([account]):
            return []
        return self._scratch_of(account).history(account, after=after, limit=limit)

    def transfers_of(self, settlement: str) -> list[Transfer]:
        """All transfers of one settlement, by id."""
        if not is_id(settlement):
            return []
        number = int(settlement, 16)

        def page(client: tb.ClientSync, after: int) -> list[tb.Transfer]:
            return client.query_transfers(
                tb.QueryFilter(number, 0, 0, 0, 0, after + 1, 0, BATCH_MAX, tb.QueryFilterFlags.NONE)
            )

        return sorted((self._transfer(found) for found in self._pages(page)), key=lambda move: move.id)

    def _post(self, chunk: Sequence[Transfer]) -> list[Answer]:
        """Decides over the chunk by what the cluster knows, sends what passes, and tells what became of it."""
        for move in chunk:
            for name in (move.id, move.debit, move.credit, *filter(None, (move.pending_id, move.settlement))):
                parse_id(name)
            if not 0 <= move.at < AT_MAX:
                raise Invalid("malformed", f"{move.at} (Unix s) is before 1970 or out of range.", path="at")
            known = self._events.setdefault(_number(move.event), move.event)
            assert known == move.event, f"{move.event!r} and {known!r} have one number"
        accounts = self._accounts_of([id_ for move in chunk for id_ in (move.debit, move.credit)])
        scratch, tables = _scratch()
        for id_, found in accounts.items():
            tables.accounts.put(id_, Account(id_, _CLASSES[found.code], "", str(found.ledger)))
            tables.balances.put(id_, _balance(found))
        for kept in self._transfers_by([id_ for move in chunk for id_ in (move.id, move.pending_id) if id_]):
            tables.transfers.put(kept.id, kept)
        answers = scratch.post(chunk)
        sent = [place for place, answer in enumerate(answers) if answer is Answer.POSTED]
        made = [self._made(chunk[place], accounts[chunk[place].debit].ledger) for place in sent]
        results = self._ask(lambda client: client.create_transfers(made)) if made else []
        for place, result in zip(sent, results, strict=True):
            answers[place] = self._answer(_S(result.status), chunk[place])
        return answers

    def _answer(self, status: tb.CreateTransferStatus, move: Transfer) -> Answer:
        if status in _OTHER_CONTENT:  # a neighbour posted this id meanwhile; `at` alone makes no difference
            scratch, tables = _scratch()
            tables.transfers.put(move.id, self._transfers_by([move.id])[0])
            return scratch.post([move])[0]
        assert status in _ANSWERS, f"the cluster refuses {move.id}: {status.name}"
        return _ANSWERS[status]

    def _scratch_of(self, account: str) -> MemoryLedger:
        """The twin with all transfers of one account, in the cluster's order."""
        number = int(account, 16)
        flags = tb.AccountFilterFlags.DEBITS | tb.AccountFilterFlags.CREDITS

        def page(client: tb.ClientSync, after: int) -> list[tb.Transfer]:
            return client.get_account_transfers(
                tb.AccountFilter(number, 0, 0, 0, 0, after + 1, 0, BATCH_MAX, flags)
            )  # fmt: skip

        scratch, tables = _scratch()
        tables.accounts.put(account, Account(account, AccountClass.OUTSIDE, "", ""))
        for found in self._pages(page):
            tables.of_account.append(account, self._transfer(found))
        return scratch

    def _accounts_of(self, ids: Sequence[str]) -> dict[str, tb.Account]:
        """The open ones among these, by id."""
        found: dict[str, tb.Account] = {}
        for chunk in _chunks(list(dict.fromkeys(ids))):
            numbers = [int(id_, 16) for id_ in chunk]
            for entry in self._ask(lambda client, numbers=numbers: client.lookup_accounts(numbers)):  # type: ignore[misc]
                found[f"{entry.id:032x}"] = entry
        return found

    def _transfers_by(self, ids: Sequence[str]) -> list[Transfer]:
        """Those that are there, by id."""
        found: list[Transfer] = []
        for chunk in _chunks(list(dict.fromkeys(ids))):
            numbers = [int(id_, 16) for id_ in chunk]
            kept = self._ask(lambda client, numbers=numbers: client.lookup_transfers(numbers))  # type: ignore[misc]
            found += [self._transfer(entry) for entry in kept]
        return found

    def _pages(self, page: Callable[[tb.ClientSync, int], list[tb.Transfer]]) -> Iterator[tb.Transfer]:
        after = 0
        while found := self._ask(lambda client, after=after: page(client, after)):  # type: ignore[misc]
            yield from found
            if len(found) < BATCH_MAX:
                return
            after = found[-1].timestamp

    def _account(self, entry: Account) -> tb.Account:
        ledger = _number(entry.asset)
        known = self._assets.setdefault(ledger, entry.asset)
        assert known == entry.asset, f"{entry.asset} and {known} have one ledger number"
        flags = tb.AccountFlags.HISTORY
        if entry.account_class in LIMITED:
            flags |= tb.AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
        owner = int.from_bytes(hashlib.sha256(entry.owner.encode()).digest()[:16], "big")
        code = _CODES[entry.account_class]
        return tb.Account(
            id=int(parse_id(entry.id), 16), user_data_128=owner, ledger=ledger, code=code, flags=flags
        )  # fmt: skip

    def _made(self, move: Transfer, ledger: int) -> tb.Transfer:
        return tb.Transfer(
            id=int(move.id, 16),
            debit_account_id=int(move.debit, 16),
            credit_account_id=int(move.credit, 16),
            amount=move.amount_minor,
            pending_id=int(move.pending_id or "0", 16),
            user_data_128=int(move.settlement or "0", 16),
            user_data_64=move.at,
            user_data_32=_number(move.event),
            ledger=ledger,
            code=_TRANSFER_CODE,
            flags=_FLAGS[move.phase],
        )

    def _transfer(self, found: tb.Transfer) -> Transfer:
        """Reads `_made`; an event that is none of the life-cycle's, and was posted by another process, as #number."""
        return Transfer(
            id=f"{found.id:032x}",
            debit=f"{found.debit_account_id:032x}",
            credit=f"{found.credit_account_id:032x}",
            amount_minor=found.amount,
            phase=_PHASES[tb.TransferFlags(found.flags)],
            event=self._events.get(found.user_data_32, f"#{found.user_data_32}"),
            at=found.user_data_64,
            settlement=f"{found.user_data_128:032x}" if found.user_data_128 else "",
            pending_id=f"{found.pending_id:032x}" if found.pending_id else "",
        )

    def _ask(self, act: Callable[[tb.ClientSync], list[T]]) -> list[T]:
        """Raises: Unavailable where the client ended before an answer came: post the same again."""
        try:
            return act(self._client)
        except (tb.ClientClosedError, tb.ClientEvictedError, tb.NativeError) as error:
            raise Unavailable("store_unavailable", f"No final answer of the ledger: {type(error).__name__}.") from error


def _scratch() -> tuple[MemoryLedger, LedgerTables]:
    """The twin, empty."""
    tables = LedgerTables(Journal())
    return MemoryLedger(tables, Access(None, lambda _: frozenset())), tables


def _balance(found: tb.Account) -> Balance:
    return Balance(found.debits_posted, found.credits_posted, found.debits_pending, found.credits_pending)


def _number(text: str) -> int:
    """32 bits that stand for a text; never 0, which means nothing there."""
    return zlib.crc32(text.encode()) or 1


def _chunks(entries: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for low in range(0, len(entries), BATCH_MAX):
        yield entries[low : low + BATCH_MAX]
