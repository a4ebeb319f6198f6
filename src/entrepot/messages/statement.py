"""A bank's statement (camt.053) as facts: account, period, balances and booked entries. Untrusted until it is read.

Any version with an official schema is read. What the bank says is taken as it stands: nothing is guessed, and what
does not add up is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lxml import etree

from entrepot.core.asset import CURRENCIES
from entrepot.core.errors import Invalid, declare

from .schemas import parse_message, path_of, require_valid

KIND = "camt.053."
STATEMENT_BYTES_MAX = 8_000_000
STATEMENTS_MAX = 31  # in one message: a month by day
ENTRIES_MAX = 20_000  # in one message
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)  # BalanceType codes: booked balances

declare(
    "Invalid",
    statement_expected="The message is not a bank's statement (camt.053), or has more of something than is read.",
    statement_incomplete="The statement lacks what is compared: a currency, a booked balance, or an entry's date.",
    statement_in_parts="The statement is one page of several; it is taken whole.",
    statement_does_not_add_up="Opening balance and entries do not make the statement's closing balance.",
)


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One booked movement. Dates are YYYY-MM-DD; `reference` is the bank's own; `end_to_end_id` may be empty."""

    number: int
    is_credit: bool
    amount_minor: int
    value_date: str
    booked_on: str
    end_to_end_id: str
    uetr: str
    reference: str
    is_reversal: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """One account's statement; amounts in minor units of its ISO 4217 `currency`, below zero when overdrawn."""

    message_id: str
    id: str
    account: str
    currency: str
    first_day: str
    last_day: str
    opening_minor: int
    closing_minor: int
    entries: tuple[StatementEntry, ...]


def read_statements(raw: bytes) -> tuple[Statement, ...]:
    """The statements of one camt.053 message, each checked to add up.

    Raises: Invalid(message_malformed, message_type_unknown, message_invalid, statement_…). Source: ISO 20022
    BankToCustomerStatement.
    """
    if len(raw) > STATEMENT_BYTES_MAX:
        raise Invalid("statement_expected", f"{len(raw)} bytes; at most {STATEMENT_BYTES_MAX} are read.")
    root = parse_message(raw)
    kind = require_valid(root)
    if not kind.startswith(KIND):
        raise Invalid("statement_expected", f"This is {kind}, and not a statement (camt.053).")
    message_id = _text(root, "BkToCstmrStmt/GrpHdr/MsgId")
    if _text(root, "BkToCstmrStmt/GrpHdr/MsgPgntn/LastPgInd") == "false":
        raise Invalid("statement_in_parts", "The message says that it is not the last page.")
    places = _all(root, "BkToCstmrStmt/Stmt")
    if not 0 < len(places) <= STATEMENTS_MAX:
        raise Invalid("statement_expected", f"{len(places)} statements; from 1 to {STATEMENTS_MAX} are read.")
    if sum(len(_all(place, "Ntry")) for place in places) > ENTRIES_MAX:
        raise Invalid("statement_expected", f"Over {ENTRIES_MAX} entries; send the days one by one.")
    return tuple(_statement(place, message_id) for place in places)


def account_key(account: str) -> str:
    """An account number as it is compared: without spaces, in capitals."""
    return "".join(account.split()).upper()


def _statement(place: etree._Element, message_id: str) -> Statement:
    if _text(place, "StmtPgntn/LastPgInd") == "false" or _text(place, "StmtPgntn/PgNb") not in ("", "1"):
        raise Invalid("statement_in_parts", "The statement is one page of several.", path=path_of(place))
    opening, closing = _balance(place, OPENING), _balance(place, CLOSING)
    currency = _text(place, "Acct/Ccy") or _one(opening, "Amt").get("Ccy", "")
    if currency not in CURRENCIES:
        raise Invalid("statement_incomplete", f"{currency!r:.10} is no currency that is read.", path=path_of(place))
    entries = tuple(_entries(place, currency))
    days = [_day(place, "FrToDt/FrDtTm"), _day(place, "FrToDt/ToDtTm"), _day(closing, "Dt/Dt", "Dt/DtTm")]
    days = [day for day in (*days, *(entry.booked_on for entry in entries)) if day]
    found = Statement(
        message_id=message_id,
        id=_text(place, "Id"),
        account=account_key(_text(place, "Acct/Id/IBAN") or _text(place, "Acct/Id/Othr/Id")),
        currency=currency,
        first_day=min(days),
        last_day=max(days),
        opening_minor=_signed(opening, currency),
        closing_minor=_signed(closing, currency),
        entries=entries,
    )
    moved = sum(entry.amount_minor if entry.is_credit else -entry.amount_minor for entry in entries)
    if found.opening_minor + moved != found.closing_minor:
        said = f"{found.opening_minor} and entries of {moved} are not {found.closing_minor} (minor units)"
        raise Invalid("statement_does_not_add_up", f"Statement {found.id:.40}: {said}.", path=path_of(place))
    return found


def _entries(place: etree._Element, currency: str) -> Iterator[StatementEntry]:
    """Booked entries; one that was booked for several payments is told payment by payment where they add up to it."""
    number = 0
    for entry in _all(place, "Ntry"):
        if (_text(entry, "Sts/Cd") or _text(entry, "Sts")) != "BOOK":
            continue
        amount = _minor(_one(entry, "Amt"), currency)
        details = _all(entry, "NtryDtls/TxDtls")
        parts = [_part(one, currency) for one in details]
        is_split = len(details) > 1 and None not in parts and sum(part or 0 for part in parts) == amount
        for one, part in zip(details, parts, strict=True) if is_split else [(details, amount)]:
            number += 1
            yield _line(entry, one, number, part or 0)


def _line(
    entry: etree._Element, details: etree._Element | list[etree._Element], number: int, amount: int
) -> StatementEntry:
    """`details` are those of one payment; of an entry that could not be split, all of them."""
    one = details if isinstance(details, etree._Element) else details[0] if len(details) == 1 else None
    booked = _day(entry, "BookgDt/Dt", "BookgDt/DtTm") or _day(entry, "ValDt/Dt", "ValDt/DtTm")
    if not booked:
        raise Invalid("statement_incomplete", "An entry has neither booking nor value date.", path=path_of(entry))
    end_to_end = "" if one is None else _text(one, "Refs/EndToEndId")
    return StatementEntry(
        number=number,
        is_credit=_text(entry, "CdtDbtInd") == "CRDT",
        amount_minor=amount,
        value_date=_day(entry, "ValDt/Dt", "ValDt/DtTm") or booked,
        booked_on=booked,
        end_to_end_id="" if end_to_end == "NOTPROVIDED" else end_to_end,
        uetr="" if one is None else _text(one, "Refs/UETR"),
        reference=_text(entry, "AcctSvcrRef") or _text(entry, "NtryRef"),
        is_reversal=_text(entry, "RvslInd") in ("true", "1"),
    )


def _part(details: etree._Element, currency: str) -> int | None:
    """What one payment of an entry moved, in minor units; None where its amount is not said in this currency."""
    found = _all(details, "Amt") or _all(details, "AmtDtls/TxAmt/Amt")
    return _minor(found[0], currency) if len(found) == 1 and found[0].get("Ccy") == currency else None


def _balance(place: etree._Element, codes: tuple[str, ...]) -> etree._Element:
    for code in codes:
        found = [one for one in _all(place, "Bal") if _text(one, "Tp/CdOrPrtry/Cd") == code]
        if len(found) == 1:
            return found[0]
    raise Invalid(
        "statement_incomplete", f"It states no single booked balance ({', '.join(codes)}).", path=path_of(place)
    )


def _signed(balance: etree._Element, currency: str) -> int:
    amount = _minor(_one(balance, "Amt"), currency)
    return amount if _text(balance, "CdtDbtInd") == "CRDT" else -amount


def _minor(place: etree._Element, currency: str) -> int:
    """An amount in minor units, exactly. Raises: Invalid(statement_incomplete) for another currency, or a part."""
    decimals = CURRENCIES[currency].decimals
    whole, _, part = (place.text or "").strip().lstrip("+").partition(".")
    if place.get("Ccy") != currency or part[decimals:].strip("0"):
        said = f"{place.text!r:.40} {place.get('Ccy')!r:.10} is no whole amount of minor units of {currency}"
        raise Invalid("statement_incomplete", f"{said}.", path=path_of(place))
    return int((whole or "0") + part[:decimals].ljust(decimals, "0"))


def _day(place: etree._Element, *paths: str) -> str:
    """The date at the first path that is there, as the bank wrote it; "" where none is."""
    text = next((found for path in paths if (found := _text(place, path))), "")[:10]
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise Invalid("statement_incomplete", f"{text!r} is no date.", path=path_of(place)) from None


def _all(place: etree._Element, path: str) -> list[etree._Element]:
    namespace = etree.QName(place).namespace
    return place.findall("/".join(f"{{{namespace}}}{step}" for step in path.split("/")))


def _one(place: etree._Element, path: str) -> etree._Element:
    return _all(place, path)[0]  # the schema has it


def _text(place: etree._Element, path: str) -> str:
    found = _all(place, path)
    return (found[0].text or "").strip() if found else ""
