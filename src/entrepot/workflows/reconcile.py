"""Reconcile: books, chain and messages say the same, or each difference is shown with both sides.

The chain side is read from the node only, the message side is parsed from what was sent. Nothing corrects itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from entrepot.core.bookkeeping import accounts_of
from entrepot.core.canonical import Json
from entrepot.core.ledger import AccountClass
from entrepot.core.settlement import Settlement
from entrepot.core.terms import token_address
from entrepot.messages.reading import read_payment
from entrepot.rails.rail import Rail
from entrepot.store.store import PAGE_MAX, Store, Transaction

HELD, TOKENS, RELEASED, REFUNDED, MESSAGES = (
    "escrow held for the trade",
    "tokens at the escrow's address",
    "released",
    "refunded",
    "paid out by pacs.008",
)
LOOKS_MAX, LOOK_S = 3, 1.0  # what moves between two looks is no difference: it is looked at again


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sides that should be equal, in minor units of `asset`. `side` is what the books are compared with."""

    settlement: str
    about: str
    books: str
    other: str
    side: str = "chain"
    asset: str = ""


@dataclass
class Compared:
    """What a comparison saw: sums per (asset, account) of books, chain and messages (None: not said there)."""

    settlements: int = 0
    differences: list[Difference] = field(default_factory=list)
    totals: dict[tuple[str, str], list[int | None]] = field(default_factory=dict)

    def add(self, asset: str, account: str, books: int, chain: int | None, messages: int | None) -> None:
        """Adds one settlement's figures."""
        row = self.totals.setdefault((asset, account), [None, None, None])
        for place, value in enumerate((books, chain, messages)):
            if value is not None:
                row[place] = (row[place] or 0) + value

    def total_rows(self) -> list[Json]:
        """The sums, minor units as strings."""
        return [
            {"asset": asset, "account": account}
            | {
                f"{name}_minor": None if value is None else str(value)
                for name, value in zip(("books", "chain", "messages"), row, strict=True)
            }
            for (asset, account), row in sorted(self.totals.items())
        ]


def reconcile(store: Store, rail: Rail) -> tuple[int, list[Difference]]:
    """(settlements looked at, differences) over all settlements that ever had an escrow."""
    found = compare(store, rail)
    return found.settlements, found.differences


def compare(store: Store, rail: Rail, *, sleep: Callable[[float], None] = time.sleep) -> Compared:
    """Compares all settlements; where something differs, looks again a few times, for what was only on its way."""
    seen, after = Compared(), ""
    while True:
        with store.work() as tx:
            page = tx.settlements.page(after=after, limit=PAGE_MAX)
            books = {one.id: _books(tx, one) for one in page if one.funded_minor}
            sent = {one.id: _sent(tx, one) for one in page}
        for one in page:
            seen.settlements += 1
            seen.differences += _compared(rail, one, books.get(one.id, {}), sent[one.id], seen)
        if len(page) < PAGE_MAX:
            break
        after = page[-1].id
    for _ in range(LOOKS_MAX if seen.differences else 0):
        sleep(LOOK_S)
        seen.differences = _again(store, rail, seen.differences)
    return seen


def _again(store: Store, rail: Rail, found: list[Difference]) -> list[Difference]:
    """Those differences that still stand."""
    standing: list[Difference] = []
    for settlement_id in sorted({entry.settlement for entry in found}):
        with store.work() as tx:
            one = tx.settlements.get(settlement_id)
            assert one is not None, settlement_id
            books, sent = _books(tx, one) if one.funded_minor else {}, _sent(tx, one)
        known = {entry.about for entry in found if entry.settlement == settlement_id}
        standing += [entry for entry in _compared(rail, one, books, sent, Compared()) if entry.about in known]
    return standing


def _books(tx: Transaction, settlement: Settlement) -> dict[AccountClass, int]:
    accounts = accounts_of(settlement)[:2]
    balances = tx.ledger.balances([entry.id for entry in accounts])
    return {entry.account_class: balances[entry.id].posted_minor for entry in accounts if entry.id in balances}


def _sent(tx: Transaction, settlement: Settlement) -> list[bytes]:
    return [paper.body for paper in tx.papers.of(settlement.id, kind="pacs.008") if paper.body]


def _compared(
    rail: Rail, settlement: Settlement, books: dict[AccountClass, int], sent: list[bytes], seen: Compared
) -> list[Difference]:
    """The differences of one settlement; its figures are added to what was seen."""
    found = [*_with_chain(rail, settlement, books, seen)]
    said = sum(int(read_payment(raw)["amount_minor"]) for raw in sent)
    paid = settlement.released_minor + settlement.refunded_minor
    if settlement.funded_minor:
        seen.add(settlement.asset, "paid out", paid, None, said)
    if said != paid:
        found.append(Difference(settlement.id, MESSAGES, str(paid), str(said), "messages", settlement.asset))
    return found


def _with_chain(
    rail: Rail, settlement: Settlement, books: dict[AccountClass, int], seen: Compared
) -> Iterator[Difference]:
    """Escrow and unclaimed fee in the books are what the escrow holds for the trade, and no more than its tokens."""
    if not settlement.funded_minor:
        return
    state = rail.escrow_state(settlement.escrow)
    in_books = books.get(AccountClass.ESCROW, 0) + books.get(AccountClass.FEE_DUE, 0)
    tokens = rail.held(settlement.escrow, token_address(settlement.asset, chain=rail.chain))
    for account, ours, theirs in (
        (HELD, in_books, state.held),
        (RELEASED, settlement.released_minor, state.released),
        (REFUNDED, settlement.refunded_minor, state.refunded),
    ):
        seen.add(settlement.asset, account, ours, theirs, None)
        if ours != theirs:
            yield Difference(settlement.id, account, str(ours), str(theirs), "chain", settlement.asset)
    if tokens < state.held:
        yield Difference(settlement.id, TOKENS, str(state.held), str(tokens), "chain", settlement.asset)
