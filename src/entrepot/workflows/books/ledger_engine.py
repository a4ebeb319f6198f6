"""Tells another ledger engine what the books posted: intents committed, the engine asked, its answers committed.

A crash at any point is finished by the next turn: an engine posts an id once, so what it is told again exists.
"""

from __future__ import annotations

import structlog

from entrepot.core.ledger import ACCEPTED

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
