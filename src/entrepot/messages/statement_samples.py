"""Sample statements of a bank that does not exist, valid against the official schema: for tests and for trying out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.core.asset import CURRENCIES
from entrepot.core.money import Money

from .blocks import add, add_amount, document, sealed
from .writing import Element

TYPE = "camt.053.001.08"


@dataclass(frozen=True, slots=True)
class SampleLine:
    """One booked entry: minor units, and the end-to-end id it was paid under."""

    amount_minor: int
    end_to_end_id: str
    day: str
    is_credit: bool = False
    reference: str = ""
    is_reversal: bool = False


def sample_statement(
    lines: Sequence[SampleLine],
    *,
    account: str,
    currency: str,
    day: str,
    id_: str = "STMT-1",
    opening_minor: int = 0,
    closing_minor: int | None = None,
) -> bytes:
    """camt.053.001.08 of one day; it adds up unless another `closing_minor` is given."""
    money = CURRENCIES[currency]
    root, message = document(TYPE, "BkToCstmrStmt")
    header = add(message, "GrpHdr")
    add(header, "MsgId", f"MSG-{id_}")
    add(header, "CreDtTm", f"{day}T23:59:59+00:00")
    statement = add(message, "Stmt")
    add(statement, "Id", id_)
    add(statement, "CreDtTm", f"{day}T23:59:59+00:00")
    period = add(statement, "FrToDt")
    add(period, "FrDtTm", f"{day}T00:00:00+00:00")
    add(period, "ToDtTm", f"{day}T23:59:59+00:00")
    owner = add(statement, "Acct")
    add(owner, "Id/Othr/Id", account)
    add(owner, "Ccy", currency)
    moved = sum(line.amount_minor if line.is_credit else -line.amount_minor for line in lines)
    closing = opening_minor + moved if closing_minor is None else closing_minor
    for code, minor in (("OPBD", opening_minor), ("CLBD", closing)):
        balance = add(statement, "Bal")
        add(balance, "Tp/CdOrPrtry/Cd", code)
        add_amount(balance, "Amt", Money(abs(minor), money))
        add(balance, "CdtDbtInd", "CRDT" if minor >= 0 else "DBIT")
        add(balance, "Dt/Dt", day)
    for number, line in enumerate(lines, 1):
        _entry(statement, line, number, currency)
    return sealed(root)


def _entry(statement: Element, line: SampleLine, number: int, currency: str) -> None:
    entry = add(statement, "Ntry")
    add_amount(entry, "Amt", Money(line.amount_minor, CURRENCIES[currency]))
    add(entry, "CdtDbtInd", "CRDT" if line.is_credit else "DBIT")
    if line.is_reversal:
        add(entry, "RvslInd", "true")
    add(entry, "Sts/Cd", "BOOK")
    add(entry, "BookgDt/Dt", line.day)
    add(entry, "ValDt/Dt", line.day)
    add(entry, "AcctSvcrRef", line.reference or f"REF-{number}")
    add(entry, "BkTxCd/Prtry/Cd", "TRANSFER")
    add(entry, "NtryDtls/TxDtls/Refs/EndToEndId", line.end_to_end_id or "NOTPROVIDED")
