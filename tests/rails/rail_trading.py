"""The people of a trade, who sign with real keys, and the operations their acts become. For the tests of rails."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from entrepot.core.acts import AWARD, DISPUTE, EXAMINATION, HOLD, PRESENTATION, WAIVER
from entrepot.core.asset import Asset
from entrepot.core.canonical import Json, hex0x, unhex
from entrepot.core.crypto import secp256k1_address, secp256k1_sign, sha256
from entrepot.core.eip712 import Domain, Struct
from entrepot.core.money import Money
from entrepot.core.party import Party, caip10
from entrepot.core.passport import Act, Passport
from entrepot.core.terms import Line, Schedule, Terms, Venue
from entrepot.rails.authorization import authorization_of
from entrepot.rails.evm import Deployment
from entrepot.rails.rail import Operation

PRICE, FEE = 1_000_000_007, 2_500_001  # minor units; odd, so that rounding shows
DAY_S = 86_400
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """A key and its address: has the shape of a Signer."""

    name: str

    @property
    def key(self) -> bytes:
        """32 bytes that follow from the name."""
        return sha256(f"entrepot rail tests: {self.name}".encode())

    @property
    def address(self) -> str:
        """0x address."""
        return secp256k1_address(self.key)

    def sign_digest(self, digest: bytes) -> bytes:
        """r || s || v."""
        return secp256k1_sign(self.key, digest)


SELLER, BUYER, EXAMINER, SENDER, STRANGER = map(Person, ("seller", "buyer", "examiner", "sender", "stranger"))
PASSPORTS = (Person("passport 1"), Person("passport 2"))
AUTHORITIES = (Person("authority 1"), Person("authority 2"))
ARBITERS = (Person("arbiter 1"), Person("arbiter 2"), Person("arbiter 3"))
TRUSTEES = (Person("trustee 1"), Person("trustee 2"))
OWNERS = (Person("owner 1"), Person("owner 2"))
FEES = Person("fee recipient")


def ids() -> str:
    """A fresh settlement id: 128 bits that end in 24 zero bits."""
    return f"{next(_numbers):026x}" + "000000"


@dataclass
class Trade:
    """One trade's terms on a deployment; each method gives the operation of an act, right unless a test spoils it."""

    deployment: Deployment
    now: int
    changes: dict[str, Any] = field(default_factory=dict)
    sequence: int = 0
    id: str = field(default_factory=ids)
    step: int = 0

    def __post_init__(self) -> None:
        token = self.deployment.token
        asset = Asset(self.deployment.asset, token.symbol, token.decimals, "stablecoin", peg="USD", issuer="Circle")
        chain = self.deployment.chain_id
        made = Terms(
            settlement=self.id,
            salt="00" * 16,
            seller=Party("seller", "Seller Ltd", "BR", caip10(chain, SELLER.address)),
            buyer=Party("buyer", "Buyer GmbH", "DE", caip10(chain, BUYER.address)),
            invoice_number="INV-1",
            invoice_date="2026-11-01",
            invoice_sha256="00" * 32,
            lines=(Line("coffee", "090111", "1", "KGM", "10.00"),),
            incoterm="FOB",
            incoterm_place="Santos",
            documents_required=("invoice",),
            price=Money(PRICE, asset),
            fee=Money(FEE, asset),
            quote={},
            schedule=Schedule(
                self.now + DAY_S, self.now + 20 * DAY_S, 5, "demo", 5 * DAY_S, 4 * DAY_S, 30 * DAY_S, "", 21
            ),
            venue=Venue(
                rail="evm", chain_id=chain, factory=self.deployment.factory, fee_recipient=FEES.address,
                attesters=(EXAMINER.address,), attesters_required=1,
                arbiters=tuple(person.address for person in ARBITERS), arbiters_required=2,
            ),  # fmt: skip
            regime="harbour/1",
        )  # fmt: skip
        self.terms = replace(made, **self.changes)

    @property
    def escrow(self) -> str:
        """Where the money waits."""
        return self.deployment.contracts.escrow_of(unhex(self.terms.hash()))

    @property
    def total(self) -> int:
        """Price and fee."""
        return self.terms.total.amount_minor

    @property
    def token(self) -> str:
        """The settlement token's address."""
        return self.deployment.token.address

    def operation(self, kind: str, once: str = "", **arguments: Any) -> Operation:
        """An operation under a fresh `once`."""
        self.step += 1
        return Operation(once or f"{self.id}:{self.step}:{kind}", kind, self.id, self.terms, arguments)

    def sign(self, struct: Struct, *people: Person, **values: Any) -> list[str]:
        """Signatures of a statement about this escrow, in the order of `people`."""
        about = {"escrow": self.escrow, "terms_hash": unhex(self.terms.hash())}
        digest = struct.digest(self.terms.domain, about | values)
        return [hex0x(person.sign_digest(digest)) for person in people]

    def passport(self, act: Act, payee: str, amount: int, token: str = "", **changes: Any) -> Passport:
        """The passport for the next payment; counts the sequence on."""
        passport = Passport(self.escrow, self.terms.hash(), act, payee, token or self.token, amount, self.sequence,
                            self.now - 3600, self.now + 7200, hex0x(sha256(b"decision")))  # fmt: skip
        self.sequence += 1
        return replace(passport, **changes)

    def signed(self, passport: Passport, by: Person = PASSPORTS[0]) -> Json:
        """A passport with its signature."""
        return passport.to_json() | {"signature": hex0x(by.sign_digest(passport.digest(self.terms.domain)))}

    def open(self) -> Operation:
        """Both parties signed the terms."""
        seller, buyer = (hex0x(person.sign_digest(self.terms.digest())) for person in (SELLER, BUYER))
        return self.operation("open", seller_signature=seller, buyer_signature=buyer)

    def fund(self, *, attempt: int = 0, by: Person = BUYER, once: str = "") -> Operation:
        """The buyer signed an authorisation."""
        passport = self.signed(self.passport(Act.FUND, self.escrow, self.total))
        until = self.now + 3600
        leave = authorization_of(self.terms, self.escrow, attempt=attempt, valid_before=until)
        token: Domain = self.deployment.token_domain
        signature = hex0x(by.sign_digest(leave.digest(token)))
        times = {"attempt": attempt, "valid_after": 0, "valid_before": until}
        return self.operation("fund_with_authorization", once, passport=passport, buyer_signature=signature, **times)

    def documents(self, text: str = "documents") -> str:
        """A hash that stands for documents."""
        return hex0x(sha256(text.encode()))

    def present(self, round_: int = 1, text: str = "documents") -> Operation:
        """The seller signed a presentation."""
        sha = self.documents(text)
        (signature,) = self.sign(PRESENTATION, SELLER, documents_sha256=unhex(sha), round=round_)
        return self.operation("present", documents_sha256=sha, seller_signature=signature)

    def examination(self, *, complies: bool, round_: int = 1, text: str = "documents") -> list[str]:
        """The examiner's signature."""
        return self.sign(
            EXAMINATION, EXAMINER, documents_sha256=unhex(self.documents(text)), round=round_, complies=complies
        )

    def reject_presentation(self, round_: int = 1) -> Operation:
        """The examiner found discrepancies."""
        return self.operation("reject_presentation", signatures=self.examination(complies=False, round_=round_))

    def waive(self, round_: int = 1) -> Operation:
        """The buyer takes the documents as they are."""
        sha = self.documents()
        (signature,) = self.sign(WAIVER, BUYER, documents_sha256=unhex(sha), round=round_)
        return self.operation("waive", documents_sha256=sha, buyer_signature=signature)

    def release(self, amount: int = PRICE, *, examined: list[str] | None = None, once: str = "") -> Operation:
        """Pays the seller."""
        signatures = self.examination(complies=True) if examined is None else examined
        passport = self.signed(self.passport(Act.RELEASE, SELLER.address, amount))
        return self.operation(
            "release", once, amount_minor=str(amount), passport=passport, examination_signatures=signatures
        )

    def refund(self, amount: int, act: Act = Act.REFUND) -> Operation:
        """Pays the buyer back."""
        return self.operation(act.name.lower(), passport=self.signed(self.passport(act, BUYER.address, amount)))

    def claim_fee(self, amount: int) -> Operation:
        """Pays the fee recipient."""
        return self.operation("claim_fee", passport=self.signed(self.passport(Act.FEE, FEES.address, amount)))

    def return_payment(self, token: str, to: str, amount: int) -> Operation:
        """Sends a mispayment back; the two signatures in the order that the escrow would refuse."""
        passport = self.passport(Act.RETURN, to, amount, token)
        people = sorted(PASSPORTS, key=lambda person: person.address, reverse=True)
        signatures = [hex0x(person.sign_digest(passport.digest(self.terms.domain))) for person in people]
        asked = {"token": token, "to": to, "amount_minor": str(amount), "passport": passport.to_json()}
        return self.operation("return_payment", signatures=signatures, **asked)

    def raise_dispute(self, by: Person = BUYER) -> Operation:
        """A party asks the arbiters."""
        reason = hex0x(sha256(b"reason"))
        (signature,) = self.sign(DISPUTE, by, reason_sha256=unhex(reason))
        return self.operation("raise_dispute", reason_sha256=reason, signature=signature)

    def award(self, to_seller: int) -> Operation:
        """Two arbiters agree; their signatures in the order that the escrow would refuse."""
        people = sorted(ARBITERS[:2], key=lambda person: person.address, reverse=True)
        signatures = self.sign(AWARD, *people, to_seller=to_seller)
        return self.operation("award", to_seller_minor=str(to_seller), signatures=signatures)

    def hold(self, kind: int, *, until: int, number: int, count: int = 1) -> Operation:
        """Authorities' order; signatures in the order that the escrow would refuse."""
        order = hex0x(sha256(b"order"))
        people = sorted(AUTHORITIES, key=lambda person: person.address, reverse=True)[:count]
        signatures = self.sign(HOLD, *people, kind=kind, until=until, order_sha256=unhex(order), number=number)
        return self.operation("hold", hold=kind, until=until, order_sha256=order, signatures=signatures)
