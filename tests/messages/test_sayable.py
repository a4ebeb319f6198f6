"""Whether a trade can be told, known by its fields: whatever they say yes to, the making of every message agrees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from made_up_payments import BUYER, LEI, OPERATOR, SELLER, USDC, payment, payments, refund, terms

from entrepot.core.asset import CURRENCIES
from entrepot.core.errors import Invalid
from entrepot.core.money import Money
from entrepot.core.party import Party
from entrepot.core.terms import Terms
from entrepot.messages.camt054 import SIDES, camt_054
from entrepot.messages.pacs008 import pacs_008
from entrepot.messages.payment import Agent, SettledPayment
from entrepot.messages.sayable import is_plain, require_sayable

ODD = (
    "x", "", " ", "  two ", "x" * 35, "x" * 36, "x" * 140, "x" * 141, "tab\t", "line\n", "cr\r", "\0", "\x1f", "\x7f",
    "\x85", "A & B <c> \"q\" 'x' ]]>", "&#0;", "&#13;", "\u00e9" * 35, "\u4e2d\u6587", "\u00a0", "\u2028",
    "\ud7ff", "\ud800", "\ue000", "\ufffd", "\ufffe", "\uffff", "\U0001f600", "e\u0301" * 70, "-1", "1e5", "\u0661",
)  # fmt: skip
DAYS = ("2026-02-28", "2026-02-29", "2026-02-30", "0001-01-01", "0000-01-01", "20260901", "2026-W36-2", "+2026-09-01",
        "2026-09-01Z", " 2026-09-01", "2026-09-01\n", "10000-01-01",
        "\u0662\u0660\u0662\u0666-\u0660\u0669-\u0660\u0661")  # fmt: skip
RATES = ("1", "0", "-1", "NaN", "Infinity", "1e30", "1e-30", "0.00000000005", "0.000000000051", "99999999999.4",
         "99999999999.5", "12345678901.2345678901", "1E+5", " 1", "1_0", "much", "")  # fmt: skip


@st.composite
def odd_releases(draw: st.DrawFn) -> SettledPayment:
    """The written-out trade with up to three fields that are odd, released whole."""
    token = USDC
    if draw(st.integers(0, 3)) == 0:
        token = replace(
            USDC,
            symbol=draw(st.sampled_from(("USDC", "x" * 29, "x" * 30, "\u00e9", "\x07", "A&B"))),
            dti=draw(st.sampled_from(("", "X9J9K872S", "\x07", "x" * 31))),
            peg=draw(st.sampled_from(("USD", "EUR", "JPY", "KWD", "", "XYZ"))),
            decimals=draw(st.sampled_from((0, 2, 6, 18))),
        )
    top = 10 ** (18 + max(0, token.decimals - CURRENCIES.get(token.peg, USDC).decimals))
    price = Money(min(draw(st.sampled_from((1, 999, 10**9, top - 2, top - 1, top))), 2**127 - 1), token)
    fee = Money(draw(st.sampled_from((0, 1, 7))), token)
    of = draw(st.sampled_from(("EUR", "EUR", "USD", token.id, "XYZ")))
    quote: dict[str, Any] = dict(terms().quote) | {"invoiced": {"amount_minor": "100000", "asset": of}}
    made: dict[str, Any] = {"price": price, "fee": fee, "quote": quote}
    around: dict[str, Any] = {"operator": OPERATOR, "holder": "Made-up Trustees"}
    fields = (
        "party",
        "registration",
        "invoice_number",
        "invoice_date",
        "rate",
        "source",
        "holder",
        "operator",
        "fund_by",
    )
    for name in draw(st.lists(st.sampled_from(fields), max_size=2)):
        _make_odd(draw, name, made, around)
    whole = terms(**made)
    return payment(whole, amount=price, fee=fee, settled_at=whole.schedule.fund_by, escrow="", block=0, **around)


def _make_odd(draw: st.DrawFn, name: str, made: dict[str, Any], around: dict[str, Any]) -> None:
    text = draw(st.sampled_from(ODD) | st.text(max_size=150))
    if name in ("party", "registration"):
        side: Party = made.get("seller", SELLER)
        made["seller"] = (
            replace(side, registration=text) if name == "registration" else replace(side, name=text[:140] or "x")
        )
    elif name == "invoice_number":
        made[name] = text
    elif name == "invoice_date":
        made[name] = draw(st.sampled_from(DAYS))
    elif name == "rate":
        made["quote"] = made["quote"] | {"rate": made["quote"]["rate"] | {"value": draw(st.sampled_from(RATES))}}
    elif name == "source":
        made["quote"] = made["quote"] | {"rate_source": draw(st.sampled_from((text, 7, None)))}
    elif name == "holder":
        around["holder"] = text[:140]
    elif name == "operator":
        around["operator"] = Agent(text[:140], draw(st.sampled_from(("", LEI))))
    else:
        made["schedule"] = replace(terms().schedule, fund_by=draw(st.sampled_from((0, 1_780_000_000))))


def made_all(release: SettledPayment) -> str:
    """`made`, or the code of what making all messages of a release and of a refund in full raises."""
    about: Any = {
        "operator": release.operator,
        "holder": release.holder,
        "escrow": "",
        "settled_at": release.settled_at,
    }
    try:
        for make in (lambda: release, lambda: refund(release.terms, **about)):
            pacs_008(make())
            for side in SIDES:
                camt_054(make(), side)
    except Invalid as refused:
        return refused.code
    return "made"


def said_of(made: Terms, **about: Any) -> str:
    """`made`, or the code that asking whether it is sayable raises."""
    try:
        require_sayable(made, **about)
    except Invalid as refused:
        return refused.code
    return "made"


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(release=odd_releases())
def test_fields_and_making_say_the_same_of_odd_trades(release: SettledPayment) -> None:
    plain, made = is_plain(release), made_all(release)
    event(f"plain {plain}, {made}")
    assert made == "made" or not plain
    assert said_of(release.terms, operator=release.operator, holder=release.holder) == made


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(paid=payments())
def test_fields_and_making_say_the_same_of_any_trade(paid: SettledPayment) -> None:
    about: Any = {"operator": paid.operator, "holder": paid.holder}
    release = payment(paid.terms, escrow="", **about)
    made = made_all(release)
    assert made == "made" or not is_plain(release)
    assert said_of(paid.terms, **about) == made


USUAL: dict[str, dict[str, Any]] = {
    "as written out": {},
    "a number of 35 characters": {"invoice_number": "x" * 35},
    "signs that XML escapes": {"invoice_number": "<A&B>"},
    "another alphabet": {"buyer": replace(BUYER, name="N\u00e4ckros \u0639\u0631")},
    "a registration that no message has room for, left out": {"seller": replace(SELLER, registration="")},
}
UNUSUAL: dict[str, dict[str, Any]] = {
    "a number of 36 characters, told as further text": {"invoice_number": "x" * 36},
    "no number": {"invoice_number": ""},
    "a bell": {"invoice_number": "\x07"},
    "a day that is none": {"invoice_date": "2026-02-30"},
    "a day in another calendar's digits": {"invoice_date": "\u0662\u0660\u0662\u0666-\u0660\u0669-\u0660\u0661"},
    "a name beyond the first plane": {"buyer": replace(BUYER, name="\U0001f600")},
    "a registration of 36 characters": {"seller": replace(SELLER, registration="x" * 36)},
    "nineteen digits": {"price": Money(10**22, USDC), "fee": Money(0, USDC)},
    "nineteen digits with the fee": {"price": Money(10**22 - 1, USDC), "fee": Money(1, USDC)},
    "no currency": {"price": Money(1, replace(USDC, peg="")), "fee": Money(0, replace(USDC, peg=""))},
    "a source that is no text": {"quote": dict(terms().quote) | {"rate_source": "\x07"}},
}  # fmt: skip


@pytest.mark.parametrize("changes", USUAL.values(), ids=USUAL)
def test_usual_trades_are_known_by_their_fields(changes: dict[str, Any]) -> None:
    release = payment(terms(**changes), escrow="")
    assert is_plain(release)
    assert made_all(release) == "made"


@pytest.mark.parametrize("changes", UNUSUAL.values(), ids=UNUSUAL)
def test_the_fields_do_not_decide_what_is_odd(changes: dict[str, Any]) -> None:
    assert not is_plain(payment(terms(**changes), escrow=""))
