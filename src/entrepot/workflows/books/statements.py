"""Statements: a bank's camt.053 is read, held against the account that is expected, and kept as it came."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import asdict

from entrepot.core.canonical import Json
from entrepot.core.crypto import sha256
from entrepot.core.errors import Invalid, Refused, declare
from entrepot.messages.statement import STATEMENT_BYTES_MAX, Statement, account_key, read_statements
from entrepot.store.reconciliation_records import BankEntry, BankStatement
from entrepot.store.records import InboxItem, Paper

from ..step.answers import answered, require_role, text_in
from ..step.batch import Batch
from .day_end import queue_run

PAPER = "camt.053"
CHARS_MAX = STATEMENT_BYTES_MAX * 4 // 3 + 4

declare(
    "Refused",
    statement_wrong_account="The statement is of another account than the one that is reconciled.",
    statement_wrong_currency="The statement is in another currency than the account that is reconciled.",
    statement_known="This statement was taken before: the account has one of this id.",
)


def take(batch: Batch, item: InboxItem) -> Json:
    """An operator hands in a bank's statement; it is kept whole, and everything is compared with it."""
    require_role(item, "operator")
    try:
        raw = base64.b64decode(text_in(item.body, "statement_base64", chars_max=CHARS_MAX), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("malformed", "statement_base64 is base64.", path="statement_base64") from None
    paper, taken = batch.ctx.new_id(), []
    currency = batch.ctx.assets.get(batch.ctx.settlement_asset).peg
    batch.tx.papers.put(
        Paper(paper, "", PAPER, "", (), "application/xml", raw, sha256(raw).hex(), batch.now)
    )  # the deployment's own key seals it
    for found in read_statements(raw):
        require_expected(found, account=batch.ctx.policy.bank_account, currency=currency)
        kept, entries = as_kept(found, raw, id_=batch.ctx.new_id(), paper=paper, by=item.person, at=batch.now)
        if not batch.tx.reconciliations.put_statement(kept, entries):
            raise Refused("statement_known", f"Statement {found.id} of {found.account} was taken before.")
        taken.append({"statement": kept.id, "statement_id": kept.statement_id, "entries": kept.entry_count})
    queue_run(batch, item)
    return answered(202, {"statements": taken, "reconciliation": item.id, "state": "comparing"})


def require_expected(found: Statement, *, account: str, currency: str) -> None:
    """Raises: Refused(statement_wrong_account, statement_wrong_currency)."""
    wanted = account_key(account)
    if found.account != wanted:
        said = f"Statement {found.id} is of account {found.account}; reconciled is {wanted}."
        raise Refused("statement_wrong_account", said)
    if found.currency != currency:
        said = f"Statement {found.id} is in {found.currency}; account {wanted} is kept in {currency}."
        raise Refused("statement_wrong_currency", said)


def as_kept(
    found: Statement, raw: bytes, *, id_: str, paper: str, by: str, at: int
) -> tuple[BankStatement, list[BankEntry]]:
    """A statement and its entries as rows."""
    kept = BankStatement(
        id=id_,
        paper=paper,
        sha256=sha256(raw).hex(),
        message_id=found.message_id,
        statement_id=found.id,
        account=found.account,
        currency=found.currency,
        first_day=found.first_day,
        last_day=found.last_day,
        opening_minor=found.opening_minor,
        closing_minor=found.closing_minor,
        entry_count=len(found.entries),
        taken_by=by,
        taken_at=at,
    )
    rows = [BankEntry(statement=kept.id, currency=found.currency, **asdict(entry)) for entry in found.entries]
    return kept, rows


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {"take_statement": take}
