"""Made-up trades and payments: one that is written out, and many that hypothesis draws."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from entrepot.core.asset import CURRENCIES, Asset
from entrepot.core.money import Money
from entrepot.core.party import Party
from entrepot.core.quote import Quote, Rate
from entrepot.core.terms import Line, Schedule, Terms, Venue
from entrepot.messages.payment import Agent, SettledPayment

CHAIN = "eip155:31337"
LEI = "5493001KJTIIGC8Y1R12"  # passes ISO 17442's check digits; its use here is made up
USDC = Asset(
    id=f"{CHAIN}/erc20:0x5fbdb2315678afecb367f032d93f642f64180aa3",
    symbol="USDC",
    decimals=6,
    kind="stablecoin",
    peg="USD",
)
OPERATOR = Agent(name="Made-up Harbour Operator", lei=LEI)
ESCROW = "0x" + "e5" * 20
TRANSACTION = "0x" + "5f" * 32
SETTLED_AT = 1_790_000_000  # 2026-09-21T14:13:20Z


def address(number: int) -> str:
    """A made-up 0x address."""
    return f"0x{number:040x}"


SELLER = Party("a" * 32, "Ravenna Ceramics S.p.A.", "IT", f"{CHAIN}:{address(0xA11CE)}", lei=LEI, registration="IT0123")
BUYER = Party("b" * 32, "Näckros & Söner AB", "SE", f"{CHAIN}:{address(0xB0B)}")


def terms(**changes: Any) -> Terms:
    """A sale for 1,000.00 EUR that is settled in 1,081.234567 USDC with a fee of 1.62."""
    price, fee = Money(1_081_234_567, USDC), Money(1_620_001, USDC)
    rate = Rate(of="EUR", into=USDC.id, value=Decimal("1.081234567"), source="made up, simulated", at=1, expires_at=2)
    quote = Quote(Money(100_000, CURRENCIES["EUR"]), price, fee, rate, expires_at=2)
    made = Terms(
        settlement="0190" + "1" * 22 + "000000",
        salt="00" * 16,
        seller=SELLER,
        buyer=BUYER,
        invoice_number="INV-2026/001",
        invoice_date="2026-09-01",
        invoice_sha256="0x" + "77" * 32,
        lines=(Line("tiles", "690721", "10", "MTK", "1000.00"),),
        incoterm="FOB",
        incoterm_place="Ravenna",
        documents_required=("invoice",),
        price=price,
        fee=fee,
        quote=quote.to_json(),
        schedule=Schedule(1_789_000_000, 1_791_000_000, 5, "demo", 86_400, 86_400, 86_400, "", 21),
        venue=Venue("evm", 31337, address(0xFAC), address(0xFEE), (address(1),), 1, (address(2),), 1),
        regime="harbour/1",
    )
    return replace(made, **changes)


def payment(made: Terms | None = None, **changes: Any) -> SettledPayment:
    """The whole price released, unless something else is said."""
    made = terms() if made is None else made
    facts: dict[str, Any] = {
        "direction": "release",
        "amount": made.price,
        "fee": made.fee,
        "transaction": TRANSACTION,
        "block": 42,
        "settled_at": SETTLED_AT,
        "operator": OPERATOR,
        "holder": "Made-up Trustees",
        "escrow": ESCROW,
    }
    return SettledPayment.of(made, **(facts | changes))


def refund(made: Terms | None = None, **changes: Any) -> SettledPayment:
    """Price and fee back to the buyer, unless something else is said."""
    made = terms() if made is None else made
    return payment(made, **({"direction": "refund", "amount": made.total, "fee": None} | changes))


# What XML 1.0 can carry; the rest is refused and has a test of its own.
_TEXT = st.characters(exclude_categories=("Cs", "Cc", "Cn"))
_NAMES = st.text(_TEXT, min_size=1, max_size=140)
_LEIS = st.sampled_from(("", LEI))


@st.composite
def parties(draw: st.DrawFn, letter: str, number: int) -> Party:
    """A party whose wallet differs from that of another number."""
    wallet = f"{CHAIN}:{address(2 * draw(st.integers(0, 2**158)) + number)}"
    country = draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2))
    return Party(letter * 32, draw(_NAMES), country, wallet, draw(_LEIS), draw(st.text(_TEXT, max_size=60)))


@st.composite
def tokens(draw: st.DrawFn) -> Asset:
    """A token with 0 to 18 decimals on some ISO 4217 currency, with or without a DTI."""
    return Asset(
        id=f"{CHAIN}/erc20:{address(draw(st.integers(1, 2**160 - 1)))}",
        symbol=draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ.", min_size=1, max_size=40)),
        decimals=draw(st.integers(0, 18)),
        kind="stablecoin",
        peg=draw(st.sampled_from(sorted(CURRENCIES))),
        dti=draw(st.sampled_from(("", "X9J9K872S"))),
    )


@st.composite
def payments(draw: st.DrawFn) -> SettledPayment:
    """A release of all or a part, or a refund, of a trade of up to 10^14 major units, as odd as terms may be."""
    token = draw(tokens())
    price = Money(draw(st.integers(1, 10 ** (14 + token.decimals))), token)
    fee = Money(draw(st.integers(0, price.amount_minor)), token)
    of = draw(st.sampled_from(("EUR", "USD", "JPY", "KWD", token.peg)))
    value = draw(st.decimals("0.000000000001", "99999999999999", allow_nan=False, allow_infinity=False))
    rate = Rate(of=of, into=token.id, value=value, source=draw(st.text(_TEXT, max_size=30)), at=1, expires_at=2)
    invoiced = Money(draw(st.integers(1, 10**15)), CURRENCIES[of])
    made = terms(
        settlement=f"{draw(st.integers(0, 2**104 - 1)):026x}000000",
        seller=draw(parties("a", 0)),
        buyer=draw(parties("b", 1)),
        invoice_number=draw(st.text(_TEXT, min_size=1, max_size=200)),
        invoice_date=draw(st.dates()).isoformat(),
        price=price,
        fee=fee,
        quote=Quote(invoiced, price, fee, rate, expires_at=2).to_json(),
    )
    facts: dict[str, Any] = {
        "transaction": "0x" + draw(st.binary(min_size=32, max_size=32)).hex(),
        "block": draw(st.integers(0, 2**64)),
        "settled_at": draw(st.integers(0, 253_402_300_799)),
        "operator": draw(st.sampled_from((OPERATOR, Agent(), Agent(lei=LEI), Agent(name="x" * 140)))),
        "holder": draw(st.sampled_from(("", "Made-up Trustees"))),
        "escrow": draw(st.sampled_from(("", ESCROW))),
    }
    if draw(st.booleans()):
        return refund(made, amount=Money(draw(st.integers(1, made.total.amount_minor)), token), **facts)
    amount = Money(draw(st.integers(1, price.amount_minor)), token)
    return payment(made, amount=amount, fee=Money(draw(st.integers(0, fee.amount_minor)), token), **facts)
