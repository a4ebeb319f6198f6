"""/v1/ledger/export: the journal of one period as double entry, for the books of whoever asks.

Each final transfer is one entry of two lines: the account that receives is debited, the one that gives is credited,
both by the same amount, so that every entry, and with it every currency, balances. Reservations are no entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from entrepot.core.asset import Asset, AssetRegistry
from entrepot.core.bookkeeping import OPERATOR
from entrepot.core.errors import Invalid, Refused, declare
from entrepot.core.ledger import Account, AccountClass, Phase, Transfer, account
from entrepot.core.lifecycle import CONFIDENTIAL
from entrepot.core.money import Money
from entrepot.core.settlement import Settlement
from entrepot.store.store import PAGE_MAX, Transaction

from .caller import Caller
from .reading import named
from .trades import Signed

router = APIRouter(prefix="/v1", tags=["proof"])

PERIOD_S_MAX = 366 * 86_400
SETTLEMENTS_MAX = 5_000
FINAL = (Phase.POSTED, Phase.POST)
COLUMNS = {
    "date": "day of the entry, ISO 8601, UTC",
    "entry": "the transfer's id: both lines of one entry share it",
    "account": "wallet (your own), counterparty, escrow, fee, operator, beside_trade; for staff seller and buyer",
    "debit": "amount received, in major units, empty on the other line",
    "credit": "amount given, in major units, empty on the other line",
    "currency": "the asset's symbol",
    "amount": "debit less credit, in major units",
    "reference": "the invoice's number",
    "counterparty": "the other side's name; for staff both names",
    "settlement": "the settlement's id",
    "event": "what moved the money",
}

declare(
    "Refused",
    export_too_large="More settlements than one export takes; ask for a shorter period.",
)

Whole = Annotated[int, Query(ge=0, le=2**53)]


@dataclass(frozen=True, slots=True)
class _Book:
    """One settlement's names for accounts, as this reader's books call them."""

    names: dict[str, str]
    reference: str
    counterparty: str
    asset: Asset


@router.get("/ledger/export")
def export(request: Request, caller: Signed, since: Whole, until: Whole) -> dict[str, Any]:
    """The journal of [since, until) (Unix seconds, at most 366 days): lines, totals that balance, and columns."""
    if not since < until <= since + PERIOD_S_MAX:
        raise Invalid("malformed", "The period begins before it ends and is at most 366 days long.", path="until")
    lines: list[dict[str, str]] = []
    with request.app.state.store.read(caller.reader) as tx:
        assets: AssetRegistry = request.app.state.facts.assets
        for settlement in _settlements(tx, until):
            book = _book(tx, settlement, caller, assets)
            for move in tx.ledger.transfers_of(settlement.id):
                if since <= move.at < until and move.phase in FINAL and move.event not in CONFIDENTIAL:
                    lines += _entry(move, book, settlement)
    lines.sort(key=lambda line: (line["date"], line["entry"], line["credit"] != ""))
    return {"since": since, "until": until, "columns": COLUMNS, "lines": lines, "totals": _totals(lines)}


def _settlements(tx: Transaction, until: int) -> Iterator[Settlement]:
    after, seen = "", 0
    while page := tx.settlements.page(after=after, limit=PAGE_MAX):
        for settlement in page:
            if settlement.asset and settlement.created_at < until:
                seen += 1
                if seen > SETTLEMENTS_MAX:
                    raise Refused(
                        "export_too_large", f"More than {SETTLEMENTS_MAX} settlements; take a shorter period."
                    )
                yield settlement
        after = page[-1].id


def _book(tx: Transaction, settlement: Settlement, caller: Caller, assets: AssetRegistry) -> _Book:
    asset = assets.get(settlement.asset)
    said = named(tx, settlement)
    seller, buyer = str(said.get("seller_name", "")), str(said.get("buyer_name", ""))
    sides = {settlement.seller: "seller", settlement.buyer: "buyer"}
    if caller.participant in sides:
        sides = {one: "wallet" if one == caller.participant else "counterparty" for one in sides}
    outside = {_id(AccountClass.OUTSIDE, one, asset): name for one, name in sides.items()}
    names = {
        _id(AccountClass.ESCROW, settlement.id, asset): "escrow",
        _id(AccountClass.FEE_DUE, settlement.id, asset): "fee",
        _id(AccountClass.MISPAID, settlement.id, asset): "beside_trade",
        _id(AccountClass.OUTSIDE, OPERATOR, asset): "operator",
    } | outside
    others = {settlement.seller: buyer, settlement.buyer: seller}
    counterparty = others.get(caller.participant, f"{seller} / {buyer}")
    return _Book(names, str(said.get("invoice_number", "")), counterparty, asset)


def _id(of: AccountClass, owner: str, asset: Asset) -> str:
    made: Account = account(of, owner, asset.id)
    return made.id


def _entry(move: Transfer, book: _Book, settlement: Settlement) -> list[dict[str, str]]:
    """Both lines of one transfer: what receives is debited. In the bank's books the escrow's credits are its money."""
    amount = f"{Money(move.amount_minor, book.asset).decimal():f}"
    shared = {
        "date": datetime.fromtimestamp(move.at, UTC).date().isoformat(),
        "entry": move.id,
        "currency": book.asset.symbol,
        "reference": book.reference,
        "counterparty": book.counterparty,
        "settlement": settlement.id,
        "event": move.event,
    }
    received, gave = (book.names.get(one, "elsewhere") for one in (move.credit, move.debit))
    return [
        shared | {"account": received, "debit": amount, "credit": "", "amount": amount},
        shared | {"account": gave, "debit": "", "credit": amount, "amount": f"-{amount}"},
    ]


def _totals(lines: list[dict[str, str]]) -> list[dict[str, str]]:
    """Debits and credits by currency; they are equal, or we are wrong."""
    sums: dict[str, list[Decimal]] = {}
    for line in lines:
        both = sums.setdefault(line["currency"], [Decimal(0), Decimal(0)])
        both[0] += Decimal(line["debit"] or 0)
        both[1] += Decimal(line["credit"] or 0)
    for currency, (debit, credit) in sums.items():
        assert debit == credit, f"the journal in {currency} does not balance"
    return [
        {"currency": currency, "debit": f"{debit:f}", "credit": f"{credit:f}"}
        for currency, (debit, credit) in sorted(sums.items())
    ]
