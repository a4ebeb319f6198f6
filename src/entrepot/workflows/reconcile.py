"""Reconcile: books, chain and messages say the same, or each difference is shown with both sides.

The chain side is read from the node only, the message side is parsed from what was sent. Nothing corrects itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from entrepot.core.bookkeeping import accounts_of
from entrepot.core.ledger import AccountClass
from entrepot.core.settlement import Settlement
from entrepot.core.terms import token_address
from entrepot.messages.reading import read_payment
from entrepot.rails.rail import Rail
from entrepot.store.store import PAGE_MAX, Store, Transaction


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sides that should be equal, in minor units or words."""

    settlement: str
    about: str
    books: str
    other: str


def reconcile(store: Store, rail: Rail) -> tuple[int, list[Difference]]:
    """(settlements looked at, differences) over all settlements that ever had an escrow."""
    looked, found, after = 0, [], ""
    while True:
        with store.work() as tx:
            page = tx.settlements.page(after=after, limit=PAGE_MAX)
            books = {one.id: _books(tx, one) for one in page if one.funded_minor}
            sent = {one.id: _sent(tx, one) for one in page}
        for one in page:
            looked += 1
            found += [*_with_chain(rail, one, books.get(one.id, {})), *_with_messages(one, sent[one.id])]
        if len(page) < PAGE_MAX:
            return looked, found
        after = page[-1].id


def _books(tx: Transaction, settlement: Settlement) -> dict[AccountClass, int]:
    accounts = accounts_of(settlement)[:2]
    balances = tx.ledger.balances([entry.id for entry in accounts])
    return {entry.account_class: balances[entry.id].posted_minor for entry in accounts if entry.id in balances}


def _with_chain(rail: Rail, settlement: Settlement, books: dict[AccountClass, int]) -> Iterator[Difference]:
    """Escrow and unclaimed fee in the books are what the escrow holds for the trade, and no more than its tokens."""
    if not settlement.funded_minor:
        return
    state = rail.escrow_state(settlement.escrow)
    in_books = books.get(AccountClass.ESCROW, 0) + books.get(AccountClass.FEE_DUE, 0)
    held = state.held
    if in_books != held:
        yield Difference(settlement.id, "escrow held for the trade", str(in_books), str(held))
    tokens = rail.held(settlement.escrow, token_address(settlement.asset, chain=rail.chain))
    if tokens < held:
        yield Difference(settlement.id, "tokens at the escrow's address", str(held), str(tokens))
    for about, ours, theirs in (
        ("released", settlement.released_minor, state.released),
        ("refunded", settlement.refunded_minor, state.refunded),
    ):
        if ours != theirs:
            yield Difference(settlement.id, about, str(ours), str(theirs))


def _sent(tx: Transaction, settlement: Settlement) -> list[bytes]:
    return [paper.body for paper in tx.papers.of(settlement.id, kind="pacs.008") if paper.body]


def _with_messages(settlement: Settlement, sent: list[bytes]) -> Iterator[Difference]:
    """What the pacs.008 messages say was paid is what was paid."""
    said = sum(int(read_payment(raw)["amount_minor"]) for raw in sent)
    paid = settlement.released_minor + settlement.refunded_minor
    if said != paid:
        yield Difference(settlement.id, "paid out by pacs.008", str(paid), str(said))
