"""Whether a trade can be told to banks: asked before anybody signs, as telling must not fail after money has moved.

Usual trades are known by their fields. Whatever is odd about one, all its messages are made and validated, to see.
"""

from __future__ import annotations

import re
from datetime import date

from entrepot.core.errors import Invalid
from entrepot.core.party import Party
from entrepot.core.terms import Terms

from .blocks import ID_CHARS_MAX, rate_text, token_code
from .camt054 import SIDES, camt_054
from .pacs008 import pacs_008
from .payment import (
    NAME_CHARS_MAX,
    RATE_DECIMALS_MAX,
    RATE_DIGITS_MAX,
    UNKNOWN_AGENT,
    Agent,
    SettledPayment,
    in_currency_down,
)

CHAIN_ID_MAX = 10**18
_SOME_TRANSACTION = "0x" + "00" * 32
_PLAIN = re.compile("[ -~\u00a0-\ud7ff]+")  # a part of what XML 1.0 can carry; what is beyond it is tried
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RATE = re.compile("([0-9]+)(?:[.]([0-9]+))?")


def require_sayable(terms: Terms, *, operator: Agent = UNKNOWN_AGENT, holder: str = "") -> None:
    """Sees that every message of a full release and of a full refund can be made, and keeps none.

    Raises: Invalid(malformed, message_currency_unknown, message_amount_too_large, message_text_unsayable, …).
    """
    release = _in_full(terms, "release", operator, holder)
    if not is_plain(release):
        _make_all(release)
        _make_all(_in_full(terms, "refund", operator, holder))


def _in_full(terms: Terms, direction: str, operator: Agent, holder: str) -> SettledPayment:
    release = direction == "release"
    return SettledPayment.of(
        terms,
        direction=direction,
        amount=terms.price if release else terms.total,
        fee=terms.fee if release else None,
        transaction=_SOME_TRANSACTION,
        block=0,
        settled_at=terms.schedule.fund_by,
        operator=operator,
        holder=holder,
    )


def _make_all(payment: SettledPayment) -> None:
    pacs_008(payment)
    for side in SIDES:
        camt_054(payment, side)


def is_plain(release: SettledPayment) -> bool:
    """True if the fields alone show that all messages about a trade fit their schemas; False says only: try.

    `release` is of the whole price. What its own type refuses (ids, wallets, LEIs, countries) is not asked again.
    """
    try:
        return _are_plain_texts(release) and _are_plain_amounts(release)
    except Invalid:
        return False


def _are_plain_texts(release: SettledPayment) -> bool:
    """Raises: Invalid(message_currency_unknown, …)."""
    terms = release.terms
    return (
        type(terms.venue.chain_id) is int
        and 0 < terms.venue.chain_id < CHAIN_ID_MAX
        and all(map(_is_plain_party, (terms.seller, terms.buyer)))
        and _is_text(release.holder_name, NAME_CHARS_MAX)
        and (not release.operator.name or _is_text(release.operator.name, NAME_CHARS_MAX))
        and _is_text(token_code(release), ID_CHARS_MAX)
        and _is_text(terms.invoice_number, ID_CHARS_MAX)
        and _is_date(terms.invoice_date)
        and all(type(value) is int or value == "" or _is_text(value) for value in release.facts().values())
    )


def _is_plain_party(party: Party) -> bool:
    registered = party.registration
    return _is_text(party.name, NAME_CHARS_MAX) and (not registered or _is_text(registered, ID_CHARS_MAX))


def _are_plain_amounts(release: SettledPayment) -> bool:
    """No amount that is told is more than the total. Raises: Invalid(message_amount_too_large, …)."""
    in_currency_down(release.terms.total, release.currency)
    if release.instructed is None:
        return True
    rate = _RATE.fullmatch(rate_text(release))
    if rate is None:
        return False
    whole, places = rate[1].lstrip("0"), rate[2] or ""
    return len(whole) + len(places) <= RATE_DIGITS_MAX and len(places) <= RATE_DECIMALS_MAX


def _is_date(text: str) -> bool:
    """True for a day as XML Schema writes it."""
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_text(value: object, chars_max: int | None = None) -> bool:
    """True for a text of 1 to `chars_max` characters that all XML can carry."""
    return type(value) is str and bool(_PLAIN.fullmatch(value)) and (chars_max is None or len(value) <= chars_max)
