"""The pure parts: hashing and signing, reading invoices, writing messages, screening names.

What the program keeps of what it did lately is passed by, or each time is about something else.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from inspect import unwrap

from entrepot.core import log
from entrepot.core.asset import CURRENCIES, Asset
from entrepot.core.canonical import canonical, parse_canonical
from entrepot.core.crypto import (
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
    keccak256,
    secp256k1_address,
    secp256k1_recover,
    secp256k1_sign,
)
from entrepot.core.money import Money
from entrepot.core.party import Party
from entrepot.core.quote import Quote, Rate
from entrepot.core.terms import Line, Schedule, Terms, Venue
from entrepot.documents.invoice import read_invoice
from entrepot.documents.samples import cii_invoice, coffee_trade, json_invoice, ubl_invoice
from entrepot.messages.camt054 import camt_054
from entrepot.messages.pacs008 import pacs_008
from entrepot.messages.payment import Agent, SettledPayment
from entrepot.screening.entity import Subject
from entrepot.screening.lists import invented
from entrepot.screening.matching import Index, screen

from .frame import Figure, Run, per_second


def core(_: Run) -> Iterator[Figure]:
    """Hashing, signing and the log."""
    key, digest = b"\x11" * 32, keccak256(b"bench")
    signature, public = secp256k1_sign(key, digest), ed25519_public(key)
    note = ed25519_sign(key, digest)
    body = {"schema": "entrepot/bench/1", "facts": {f"k{place}": str(place) for place in range(20)}}
    raw = canonical(body)
    leaves = [keccak256(str(place).encode()) for place in range(1_000)]
    assert secp256k1_recover(signature, digest) and secp256k1_address(key)
    yield Figure("core.canonical_per_s", "canonical JSON written (20 members)", per_second(lambda: canonical(body)))
    yield Figure("core.parsed_per_s", "canonical JSON read back", per_second(lambda: parse_canonical(raw)))
    signed = per_second(lambda: secp256k1_sign(key, digest))
    yield Figure("core.secp256k1_signed_per_s", "secp256k1 signatures", signed)
    recover = unwrap(secp256k1_recover)
    recovered = per_second(lambda: recover(signature, digest))
    yield Figure("core.secp256k1_recovered_per_s", "secp256k1 signers recovered", recovered)
    yield Figure("core.ed25519_signed_per_s", "Ed25519 signatures", per_second(lambda: ed25519_sign(key, digest)))
    verified = per_second(lambda: ed25519_verify(public, note, digest))
    yield Figure("core.ed25519_verified_per_s", "Ed25519 verifications", verified)
    appended = per_second(lambda: log.append(0, [], leaves), 1_000)
    yield Figure("core.leaves_per_s", "log leaves appended (batches of 1,000)", appended, limit="limits.hash_per_s")


def documents(_: Run) -> Iterator[Figure]:
    """Reading the same invoice in each syntax."""
    facts, read = coffee_trade(number="BENCH-1", issue_date=date(2026, 11, 23)), unwrap(read_invoice)
    for name, raw in (("UBL 2.1", ubl_invoice(facts)), ("CII", cii_invoice(facts)), ("JSON", json_invoice(facts))):
        rate = per_second(lambda raw=raw: read(raw))  # type: ignore[misc]
        yield Figure(f"documents.{name.split()[0].lower()}_per_s", f"{name} invoices read", rate)


def messages(_: Run) -> Iterator[Figure]:
    """Each message written and validated against its official schema."""
    payment, blocks = _payment(), itertools.count()
    credit = per_second(lambda: pacs_008(replace(payment, block=next(blocks))))
    yield Figure("messages.pacs008_per_s", "pacs.008 written and validated", credit)
    notice = per_second(lambda: camt_054(replace(payment, block=next(blocks)), side="credit"))
    yield Figure("messages.camt054_per_s", "camt.054 written and validated", notice)


def screening(_: Run) -> Iterator[Figure]:
    """Names against the invented list; the first look loads the tables of names, and is not counted."""
    index = Index([invented(now=int(time.time()))])
    names = (Subject("organization", f"Example {hex(place)} Trading Ltd", "SG") for place in itertools.count())
    rate = per_second(lambda: screen(next(names), index))
    yield Figure("screening.names_per_s", "names screened (invented list)", rate)


def _payment() -> SettledPayment:
    """A made-up release of 1,081.23 USDC."""
    token = Asset(f"eip155:31337/erc20:0x{1:040x}", "USDC", 6, "stablecoin", peg="USD")
    price, fee = Money(1_081_234_567, token), Money(1_620_001, token)
    rate = Rate(of="EUR", into=token.id, value=Decimal("1.081234567"), source="made up", at=1, expires_at=2)
    seller = Party("a" * 32, "Bench Ceramics S.p.A.", "IT", f"eip155:31337:0x{10:040x}", registration="IT0123")
    terms = Terms(
        settlement="0190" + "1" * 22 + "000000",
        salt="00" * 16,
        seller=seller,
        buyer=replace(seller, participant="b" * 32, name="Bench AB", country="SE", wallet=f"eip155:31337:0x{11:040x}"),
        invoice_number="BENCH-1",
        invoice_date="2026-09-01",
        invoice_sha256="0x" + "77" * 32,
        lines=(Line("tiles", "690721", "10", "MTK", "1000.00"),),
        incoterm="FOB",
        incoterm_place="Ravenna",
        documents_required=("invoice",),
        price=price,
        fee=fee,
        quote=Quote(Money(100_000, CURRENCIES["EUR"]), price, fee, rate, expires_at=2).to_json(),
        schedule=Schedule(1_789_000_000, 1_791_000_000, 5, "demo", 86_400, 86_400, 86_400, "", 21),
        venue=Venue("evm", 31337, f"0x{4:040x}", f"0x{5:040x}", (f"0x{1:040x}",), 1, (f"0x{2:040x}",), 1),
        regime="harbour/1",
    )
    return SettledPayment.of(
        terms, direction="release", amount=price, fee=fee, transaction="0x" + "5f" * 32, block=42,
        settled_at=1_790_000_000, operator=Agent(name="Bench Operator", lei="5493001KJTIIGC8Y1R12"),
        holder="Bench Trustees", escrow="0x" + "e5" * 20,
    )  # fmt: skip
