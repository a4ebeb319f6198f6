"""A bank's statement in: read, bounded, checked to add up; and each way in which it may differ from what was told."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from made_up_payments import SETTLED_AT, payment

from entrepot.core.crypto import sha256
from entrepot.core.errors import Invalid
from entrepot.core.ledger import Balance
from entrepot.core.lifecycle import State
from entrepot.core.settlement import Settlement
from entrepot.messages import statement as statements
from entrepot.messages.blocks import iso_date
from entrepot.messages.camt054 import camt_054
from entrepot.messages.pacs008 import pacs_008
from entrepot.messages.statement import read_statements
from entrepot.messages.statement_samples import SampleLine, sample_statement
from entrepot.store.reconciliation_records import BankEntry, SentMessage
from entrepot.store.records import Paper
from entrepot.workflows.books.sides import Seen, differences_of

_HERE = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ENTREPOT_SHARED_DATA", _HERE.parent / "shared" / "data")) / "iso20022" / "samples"
DAY = iso_date(SETTLED_AT)
PAID = payment()
ID, CENTS = PAID.terms.settlement, PAID.amount.amount_minor // 10_000
FEE = (PAID.amount + PAID.fee).amount_minor // 10_000 - CENTS
LINE = SampleLine(CENTS, ID, DAY, reference="B1")


def sample(*lines: SampleLine, **changes: object) -> bytes:
    """A statement of the day."""
    return sample_statement(lines, account="ENTREPOT ESCROW", currency="USD", day=DAY, **changes)  # type: ignore[arg-type]


def code_of(raw: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        read_statements(raw)
    return caught.value.code


def test_a_statement_is_read_as_the_bank_wrote_it() -> None:
    (found,) = read_statements(sample(LINE, replace(LINE, is_credit=True, reference=""), opening_minor=7))
    assert (found.account, found.currency, found.first_day, found.last_day) == ("ENTREPOTESCROW", "USD", DAY, DAY)
    assert (found.opening_minor, found.closing_minor) == (7, 7)
    first, second = found.entries
    assert (first.amount_minor, first.end_to_end_id, first.value_date, first.reference) == (CENTS, ID, DAY, "B1")
    assert (first.is_credit, second.is_credit) == (False, True)


def test_what_does_not_add_up_or_is_no_whole_statement_is_refused() -> None:
    whole = sample(LINE)
    assert code_of(sample(LINE, closing_minor=5)) == "statement_does_not_add_up"
    assert code_of(pacs_008(PAID)) == "statement_expected"
    assert code_of(whole.replace(b"CLBD", b"CLAV")) == "statement_incomplete"
    assert code_of(whole.replace(b'Ccy="USD">', b'Ccy="EUR">', 1)) == "statement_incomplete"
    assert code_of(whole.replace(b"<BkToCstmrStmt", b"<BkToCstmrStmt x='1'")) == "message_invalid"
    assert code_of(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>") == "message_malformed"
    page = b"<StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn><CreDtTm>"
    at = whole.rindex(b"<CreDtTm>")
    assert code_of(whole[:at] + page + whole[at + len(b"<CreDtTm>") :]) == "statement_in_parts"


def test_a_statement_has_at_most_so_many_bytes_and_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = sample(LINE, LINE, LINE)
    monkeypatch.setattr(statements, "ENTRIES_MAX", 2)
    assert code_of(raw) == "statement_expected"
    monkeypatch.setattr(statements, "ENTRIES_MAX", 3)
    assert len(read_statements(raw)[0].entries) == 3
    monkeypatch.setattr(statements, "STATEMENT_BYTES_MAX", len(raw) - 1)
    assert code_of(raw) == "statement_expected"


def test_an_entry_for_several_payments_is_told_payment_by_payment() -> None:
    parts = "".join(
        f'<TxDtls><Refs><EndToEndId>{name}</EndToEndId></Refs><Amt Ccy="USD">{amount}</Amt></TxDtls>'
        for name, amount in (("one", "1.00"), ("two", "2.50"))
    )
    raw = sample(SampleLine(350, "x", DAY))
    start, end = raw.index(b"<NtryDtls>") + len(b"<NtryDtls>"), raw.index(b"</NtryDtls>")
    (found,) = read_statements(raw[:start] + parts.encode() + raw[end:])
    assert [(one.end_to_end_id, one.amount_minor) for one in found.entries] == [("one", 100), ("two", 250)]
    (found,) = read_statements(raw[:start] + parts.replace("2.50", "2.40").encode() + raw[end:])
    assert [(one.end_to_end_id, one.amount_minor) for one in found.entries] == [("", 350)], "nothing is guessed"


@pytest.mark.skipif(not SHARED.exists(), reason="the shared ISO 20022 samples are not on this machine")
def test_a_sample_of_the_finnish_banks_is_read() -> None:
    raw = next(SHARED.glob("*/*FI_camt_053_sample*")).read_bytes()
    (found,) = read_statements(raw)
    assert (found.account, found.currency, len(found.entries)) == ("FI7433010001222090", "EUR", 13)


# What the bank says against what was told


def seen(*lines: SampleLine, delivered: bool = True) -> Seen:
    """A trade whose whole price was paid, its messages, and the bank's lines."""
    bodies = {
        "pacs.008": pacs_008(PAID),
        "camt.054.credit": camt_054(PAID, "credit"),
        "camt.054.debit": camt_054(PAID, "debit"),
    }
    messages = [
        SentMessage(Paper("0" * 32, ID, kind, "", (), "application/xml", body, sha256(body).hex(), 1), delivered)
        for kind, body in bodies.items()
    ]
    (found,) = read_statements(sample(*lines))
    entries = [BankEntry(statement="1" * 32, currency="USD", **asdict(entry)) for entry in found.entries]
    one = Settlement(id=ID, seller="a" * 32, buyer="b" * 32, state=State.RELEASED, created_at=1, asset=PAID.asset.id)
    moved, fee = PAID.amount.amount_minor, PAID.fee.amount_minor
    return Seen(
        one, Balance(debits_posted=moved + fee, credits_posted=moved + fee), Balance(credits_posted=fee),
        messages=messages, entries=entries,
    )  # fmt: skip


def reasons(*lines: SampleLine, covers: bool = True, delivered: bool = True) -> list[str]:
    found = differences_of(seen(*lines, delivered=delivered), lambda day: covers and day == DAY, lambda *_, **__: None)
    return [one.reason for one in found]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([LINE], []),
        ([replace(LINE, amount_minor=CENTS + FEE)], []),
        ([LINE, SampleLine(FEE, ID, DAY)], []),
        ([], ["bank_missing"]),
        ([LINE, replace(LINE, reference="B2")], ["bank_twice"]),
        ([replace(LINE, amount_minor=CENTS - 1)], ["bank_amount"]),
        ([replace(LINE, day="2026-09-22")], ["bank_date"]),
        ([LINE, SampleLine(4_711, ID, DAY)], ["bank_unexpected"]),
        ([LINE, replace(LINE, is_credit=True, is_reversal=True)], ["bank_reversed"]),
        ([LINE, SampleLine(CENTS + FEE, ID, DAY, is_credit=True)], []),
        ([LINE, SampleLine(CENTS, ID, DAY, is_credit=True)], ["bank_deposit"]),
    ],
)
def test_each_way_in_which_a_bank_differs_has_its_reason(lines: list[SampleLine], expected: list[str]) -> None:
    assert reasons(*lines) == expected


def test_a_day_that_no_statement_covers_is_not_missed() -> None:
    assert reasons(covers=False) == []


def test_a_message_that_has_not_gone_out_says_nothing_yet() -> None:
    assert reasons(covers=False, delivered=False) == ["message_waiting"]
