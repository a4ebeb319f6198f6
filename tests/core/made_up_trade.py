"""A made-up trade between two made-up companies: terms, passport and decision that tests vary one thing of."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from entrepot.core.asset import CURRENCIES, Asset, AssetRegistry
from entrepot.core.decision import Decision, Reason, Verdict
from entrepot.core.money import Money
from entrepot.core.party import Party, caip10
from entrepot.core.passport import Act, Passport
from entrepot.core.quote import Rate, make_quote
from entrepot.core.terms import Line, Schedule, Terms, Venue

T0 = 1_790_000_000
CHAIN = 31337
SELLER_KEY, BUYER_KEY, STRANGER_KEY = (bytes([number]) * 32 for number in (1, 2, 3))


def address(number: int) -> str:
    return "0x" + bytes([number]).hex() * 20


# What eth_account derives from the three keys; test_eip712 checks it.
SELLER_ADDRESS = "0x1a642f0e3c3af545e7acbd38b07251b3990914f1"
BUYER_ADDRESS = "0x5050a4f4b3f9338c3472dcc01a87c76a144b3c9c"
TOKEN = Asset(f"eip155:{CHAIN}/erc20:{address(0x44)}", "USDM", 6, "stablecoin", peg="USD", issuer="Made Up")
ASSETS = AssetRegistry([TOKEN])
EUR, USD, JPY = CURRENCIES["EUR"], CURRENCIES["USD"], CURRENCIES["JPY"]
SELLER = Party("5" * 32, "Kaffa Highland Coffee", "ET", caip10(CHAIN, SELLER_ADDRESS))
BUYER = Party("b" * 32, "Hafen Roasters", "DE", caip10(CHAIN, BUYER_ADDRESS), lei="529900T8BM49AURSDO55")
RATE = Rate(of="EUR", into=TOKEN.id, value=Decimal("1.0831"), source="made up", at=T0, expires_at=T0 + 900)


def usdm(minor: int) -> Money:
    return Money(minor, TOKEN)


def make_terms(**changes: Any) -> Terms:
    """Terms that hold, with `changes`."""
    quote = make_quote(
        Money(12_500_00, EUR), rate=RATE, fee_bps=15, fee_min=usdm(1_000_000), fee_max=usdm(900_000_000), now=T0
    )
    facts: dict[str, Any] = {
        "settlement": "0199aabbccdd" + "ab" * 7 + "000000",
        "salt": "0x" + "5a" * 16,
        "seller": SELLER,
        "buyer": BUYER,
        "invoice_number": "INV-2026-0042",
        "invoice_date": "2026-09-21",
        "invoice_sha256": "0x" + "1f" * 32,
        "lines": (Line("Green coffee, grade 1", "090111", "250", "bag", "12500.00"),),
        "incoterm": "FOB",
        "incoterm_place": "Djibouti",
        "documents_required": ("bill_of_lading", "certificate_of_origin"),
        "price": quote.price,
        "fee": quote.fee,
        "quote": quote.to_json(),
        "schedule": Schedule(
            fund_by=T0 + 86_400,
            present_by=T0 + 30 * 86_400,
            examination_days=5,
            calendar="TARGET",
            examination_s=9 * 86_400,
            cure_s=5 * 86_400,
            dispute_s=14 * 86_400,
            latest_shipment="2026-10-15",
            shipment_to_presentation_days=21,
        ),
        "venue": Venue(
            rail="evm",
            chain_id=CHAIN,
            factory=address(0x55),
            fee_recipient=address(0x66),
            attesters=(address(0x77),),
            attesters_required=1,
            arbiters=(address(0x88), address(0x99), address(0xAA)),
            arbiters_required=2,
        ),
        "regime": "harbour@1",
    }
    return Terms(**facts | changes)


def make_passport(**changes: Any) -> Passport:
    """A passport that lets the sample terms be funded, with `changes`."""
    terms = make_terms()
    facts: dict[str, Any] = {
        "escrow": address(0xEE),
        "terms_hash": terms.hash(),
        "act": Act.FUND,
        "payee": address(0xEE),
        "token": terms.token_address,
        "amount_minor": terms.total.amount_minor,
        "sequence": 0,
        "valid_from": T0,
        "valid_until": T0 + 3600,
        "decision_sha256": make_decision().sha256(),
    }
    return Passport(**facts | changes)


def make_reason(verdict: Verdict = Verdict.REVIEW, **changes: Any) -> Reason:
    facts: dict[str, Any] = {
        "rule": "listed",
        "verdict": verdict,
        "message": "The name is 91% alike.",
        "source": "INVENTED list, entry Q1",
        "subject": "buyer",
        "about": "listed",
        "hit": "INVENTED:Q1:buyer",
        "score_bps": 9_100,
        "is_confidential": True,
    }
    return Reason(**facts | changes)


def make_decision(*reasons: Reason, **changes: Any) -> Decision:
    facts: dict[str, Any] = {
        "settlement": make_terms().settlement,
        "act": Act.FUND,
        "at": T0,
        "regime": "harbour@1",
        "lists": (("INVENTED", "2026-09-21", "0x" + "2f" * 32),),
        "nexuses": (("seller_country", "ET"), ("buyer_country", "DE")),
        "reasons": reasons,
        "salt": "0x" + "6b" * 16,
    }
    return Decision(**facts | changes)
