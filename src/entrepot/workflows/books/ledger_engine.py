"""Tells another ledger engine what the books posted: intents committed, the engine asked, its answers committed.

A crash at any point is finished by the next turn: an engine posts an id once, so what it is told again exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from entrepot.core.ledger import ACCEPTED, Balance, Ledger
from entrepot.store.store import Store

from ..step.context import Context

INTENTS_MAX = 8_000

log = structlog.get_logger(__name__)


def post_intents(ctx: Context) -> int:
    """One batch of intents, in order; returns how many. Raises: Unavailable, and the same ones are told again."""
    if ctx.ledger_engine is None:
        return 0
    with ctx.store.work() as tx:
        intents = tx.intents.open(limit=INTENTS_MAX)
    if not intents:
        return 0
    ctx.ledger_engine.open_accounts(
        list(dict.fromkeys(entry for intent in intents for entry in (intent.debit, intent.credit)))
    )
    answers = ctx.ledger_engine.post([intent.transfer for intent in intents])
    told = list(zip(intents, answers, strict=True))
    for intent, answer in told:
        if answer not in ACCEPTED:  # the books decided already: a defect, which `ledger check` tells from now on
            log.error("the ledger engine refuses what the books posted", transfer=intent.transfer.id, answer=answer)
    with ctx.store.work() as tx:
        tx.intents.confirm([(intent.no, answer) for intent, answer in told], at=ctx.now())
    return len(intents)


@dataclass
class Compared:
    """How an engine stands to the books. `moving`: accounts of which nothing can be said while it is told of them."""

    accounts: int = 0
    moving: int = 0
    differences: dict[str, tuple[Balance, Balance]] = field(default_factory=dict)  # account → the books, the engine


def compare(store: Store, engine: Ledger, accounts: Sequence[str], compared: Compared) -> None:
    """Adds what the engine says of these accounts' balances. Raises: Unavailable.

    The books are read before and after the engine: what did not change meanwhile, and of which no intent was open, is
    all that the engine can know of it.
    """
    with store.work() as tx:
        before, open_ = tx.ledger.balances(accounts), tx.intents.open(limit=INTENTS_MAX)
    there = engine.balances(accounts)
    with store.work() as tx:
        after = tx.ledger.balances(accounts)
    untold = {entry.id for intent in open_ for entry in (intent.debit, intent.credit)}
    for account in accounts:
        ours, theirs = before.get(account, Balance()), there.get(account, Balance())
        if len(open_) == INTENTS_MAX or account in untold or ours != after.get(account, Balance()):
            compared.moving += 1
        elif ours != theirs:
            compared.differences[account] = ours, theirs
    compared.accounts += len(accounts)
