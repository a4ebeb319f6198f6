"""Whether a trade can be told to banks: asked before anybody signs, as telling must not fail after money has moved."""

from __future__ import annotations

from entrepot.core.terms import Terms

from .camt054 import SIDES, camt_054
from .pacs008 import pacs_008
from .payment import UNKNOWN_AGENT, Agent, SettledPayment

_SOME_TRANSACTION = "0x" + "00" * 32


def require_sayable(terms: Terms, *, operator: Agent = UNKNOWN_AGENT, holder: str = "") -> None:
    """Makes every message of a full release and of a full refund, and keeps none.

    Raises: Invalid(malformed, message_currency_unknown, message_amount_too_large, message_text_unsayable, …).
    """
    for direction, amount in (("release", terms.price), ("refund", terms.total)):
        payment = SettledPayment.of(
            terms,
            direction=direction,
            amount=amount,
            fee=terms.fee if direction == "release" else None,
            transaction=_SOME_TRANSACTION,
            block=0,
            settled_at=terms.schedule.fund_by,
            operator=operator,
            holder=holder,
        )
        pacs_008(payment)
        for side in SIDES:
            camt_054(payment, side)
