"""The world around the settlement bench: companies that trade with each other and sign on machines of their own.

Everything of ours is the real part (workflows, PostgreSQL, screening, messages); the rail is the simulated one.
"""

from __future__ import annotations

import base64
import itertools
import os
import random
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import rfc8785

from entrepot.core import note
from entrepot.core.acts import EXAMINATION, PRESENTATION
from entrepot.core.asset import Asset, AssetRegistry
from entrepot.core.canonical import hex0x, sha256_of, unhex
from entrepot.core.charter import ROLES, ContractSettings, Executed, Quorum, SettingChange
from entrepot.core.crypto import secp256k1_address, secp256k1_sign, sha256
from entrepot.core.ids import ENTROPY_BYTES, new_id
from entrepot.core.party import caip10
from entrepot.core.terms import Terms, Venue
from entrepot.demo.cast import kyb_of
from entrepot.documents import samples
from entrepot.documents.samples import TradeFacts
from entrepot.documents.stated import InvoiceLine, StatedParty
from entrepot.documents.trade_documents import read_document
from entrepot.messages.webhooks import Poster
from entrepot.rails.authorization import authorization_of
from entrepot.rails.simulated import SimulatedRail
from entrepot.rates.simulated import SimulatedRates
from entrepot.screening.entity import Subject
from entrepot.screening.lists import invented
from entrepot.screening.matching import Index, screen
from entrepot.signers.keystore import Keystore, Purpose
from entrepot.store.records import Cursor, InboxItem, Membership, Participant, Person, Wallet
from entrepot.store.store import Store
from entrepot.wire import ORIGIN, regime_at
from entrepot.workflows.checks.screen import ListScreener, load_lists
from entrepot.workflows.step.context import Context, Policy

GRANT_MINOR = 10**15
_SYLLABLES = (
    "ba",
    "den",
    "kor",
    "lim",
    "mar",
    "nu",
    "pel",
    "qua",
    "ros",
    "sto",
    "tav",
    "ul",
    "ven",
    "wis",
    "yor",
    "zan",
)
_TRADES = ("Coffee", "Timber", "Textiles", "Machinery", "Fruit", "Ceramics", "Cocoa", "Tools")
_FORMS = ("GmbH", "Ltd", "SA", "BV", "JSC", "AS")
_COUNTRIES = ("DE", "NL", "VN", "PE", "NO", "SG", "ID", "BR", "KE", "CI")


@dataclass(frozen=True)
class Company:
    """A participant with one treasurer and one wallet."""

    id: str
    person: str
    key: bytes
    party: StatedParty

    @property
    def address(self) -> str:
        """The wallet's 0x address."""
        return secp256k1_address(self.key)


@dataclass
class Trade:
    """One sale; `id` is known once the worker has answered the proposal."""

    seller: Company
    buyer: Company
    facts: TradeFacts
    id: str = ""
    terms: Terms | None = None
    documents: tuple[bytes, ...] = ()
    presented: str = ""
    asked: tuple[str, str] = ("", "")


class FixedRegistry:
    """A charter registry whose settings never change."""

    def __init__(self, address: str, roles: dict[str, Quorum]) -> None:
        self._address, self._roles = address, roles

    def read(self, kept: ContractSettings | None = None) -> ContractSettings:
        """See workflows.step.context.Registry."""
        return ContractSettings(self._address, self._roles, kept.block + 1 if kept else 0, int(time.time()))

    def perform(self, once: str, change: SettingChange, settings: ContractSettings) -> Executed | None:
        """See workflows.step.context.Registry."""
        raise AssertionError(f"{once}: nothing changes here")


def open_rail(keys: Keystore, seed: int) -> SimulatedRail:
    """The simulated rail that knows our passports' keys, at the machine's time."""
    rail = SimulatedRail(
        seed,
        passport_signers=[key.address for key in keys.accounts(Purpose.PASSPORT, 2)],
        authorities=[key.address for key in keys.accounts(Purpose.AUTHORITY, 2)],
    )
    rail.mine(3, after_s=max(1, (int(time.time()) - rail.now()) // 3))
    return rail


def open_context(home: Path, store: Store, rail: Any, examiner: str) -> Context:
    """A worker's parts, as wire.py plugs them together, with the simulated rail."""
    keys, deployment = Keystore(home / "keys"), rail.deployment
    token = deployment.token
    assets = AssetRegistry(
        [Asset(deployment.asset, token.symbol, token.decimals, "stablecoin", peg="USD", issuer="sim")]
    )
    arbiters = tuple(key.address for key in keys.accounts(Purpose.ARBITER, 3))
    checkpoint = keys.messages(Purpose.CHECKPOINT)
    first, second = keys.accounts(Purpose.PASSPORT, 2)

    def sign_checkpoint(size: int, root: bytes) -> str:
        return note.sign_note(note.checkpoint_text(ORIGIN, size, root), ORIGIN, checkpoint.public, checkpoint.sign)

    return Context(
        store=store,
        rail=rail,
        registry=FixedRegistry(deployment.registry, {role: Quorum((first.address,), 1) for role in ROLES}),
        assets=assets,
        settlement_asset=deployment.asset,
        venue=Venue(
            rail="simulated", chain_id=deployment.chain_id, factory=deployment.factory,
            fee_recipient=keys.account(Purpose.OWNER).address,
            attesters=(keys.account(Purpose.EXAMINER).address,), attesters_required=1,
            arbiters=arbiters, arbiters_required=2,
        ),
        token_domain=deployment.token_domain,
        examiner=examiner,
        regime=regime_at,
        rates=SimulatedRates(assets),
        screener=ListScreener(store),
        passport_signer=first,
        second_passport_signer=second,
        authority_signers=keys.accounts(Purpose.AUTHORITY, 2),
        checkpoint_signer=sign_checkpoint,
        closing_signer=keys.messages(Purpose.CLOSING).sign,
        advance_chain=lambda _: None,
        load_lists=lambda: None,
        poster=Poster(allows_loopback=True),
        policy=Policy(message_dir=str(home / "messages"), ask_rail_s=120),
    )  # fmt: skip


class Floor:
    """Admitted companies, and what they ask for: signed requests as doors write them into the inbox."""

    def __init__(self, store: Store, rail: SimulatedRail, keys: Keystore, *, companies: int, seed: int) -> None:
        self.store, self.rail, self.random = store, rail, random.Random(seed)
        self.examiner_key = keys.account(Purpose.EXAMINER)
        self.examiner, self._examiner_person = fresh_id(), fresh_id()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:  # what screening needs is not ours here
            parties = apart.submit(_parties, seed, companies).result()
        self.companies = [self._company(party) for party in parties]
        self._numbers = itertools.count(1)
        self._admit()

    def trades(self, count: int) -> list[Trade]:
        """So many sales between companies drawn at random; a quarter with a second line of goods."""
        today = datetime.now(UTC).date()
        return [self._trade(today) for _ in range(count)]

    def propose(self, trade: Trade) -> list[InboxItem]:
        """The seller's invoice."""
        trade.documents = (
            samples.ubl_invoice(trade.facts),
            samples.packing_list(trade.facts),
            samples.transport_document(trade.facts),
        )
        item = _item(trade.seller, "propose", {"invoice_base64": _base64(trade.documents[0]), "buyer": trade.buyer.id})
        trade.asked = item.source, item.key
        return [item]

    def sign(self, trade: Trade) -> list[InboxItem]:
        """Both sides sign the terms."""
        assert trade.terms is not None
        digest = trade.terms.digest()
        return [
            _item(side, "sign", {"signature": hex0x(secp256k1_sign(side.key, digest))}, trade.id)
            for side in (trade.seller, trade.buyer)
        ]

    def fund(self, trade: Trade) -> list[InboxItem]:
        """The buyer signs a token authorisation."""
        assert trade.terms is not None
        until = int(time.time()) + 6 * 3600
        allowed = authorization_of(trade.terms, self._escrow(trade), attempt=0, valid_before=until)
        signature = hex0x(secp256k1_sign(trade.buyer.key, allowed.digest(self.rail.deployment.token_domain)))
        body = {"signature": signature, "attempt": 0, "valid_after": 0, "valid_before": until}
        return [_item(trade.buyer, "fund", body, trade.id)]

    def present(self, trade: Trade) -> list[InboxItem]:
        """The seller signs and sends three documents."""
        hashes = sorted("0x" + read_document(raw).sha256 for raw in trade.documents)
        presentation = {"schema": "entrepot/presentation/1", "settlement": trade.id, "documents": hashes}
        trade.presented = hex0x(sha256_of(presentation))
        signature = self._signed(trade, PRESENTATION, trade.seller.key)
        body = {"documents_base64": [_base64(raw) for raw in trade.documents], "signature": hex0x(signature)}
        return [_item(trade.seller, "present", body, trade.id)]

    def examine(self, trade: Trade) -> list[InboxItem]:
        """The examiner of record signs that the documents comply."""
        body = {"complies": True, "signature": hex0x(self._signed(trade, EXAMINATION, None, complies=True))}
        examiner = Company(self.examiner, self._examiner_person, b"", trade.seller.party)
        return [_item(examiner, "examine", body, trade.id, role="examiner")]

    def _signed(self, trade: Trade, struct: Any, key: bytes | None, **values: Any) -> bytes:
        assert trade.terms is not None
        about = {"escrow": self._escrow(trade), "terms_hash": unhex(trade.terms.hash(), size=32),
                 "documents_sha256": unhex(trade.presented, size=32), "round": 1}  # fmt: skip
        digest = struct.digest(trade.terms.domain, about | values)
        return secp256k1_sign(key, digest) if key else self.examiner_key.sign_digest(digest)

    def _escrow(self, trade: Trade) -> str:
        assert trade.terms is not None
        return self.rail.escrow_address(trade.terms)

    def _trade(self, today: date) -> Trade:
        seller = buyer = self.random.choice(self.companies)
        while buyer.party.country == seller.party.country:  # what is not cross-border is refused
            buyer = self.random.choice(self.companies)
        kilos, price = 60 * self.random.randrange(5, 40), self.random.randrange(80, 520)
        lines = [
            InvoiceLine("1", "Robusta green coffee, grade 1", "090111", _dec(kilos), "KGM", _dec(kilos * price) / 100)
        ]
        if self.random.random() < 0.25:
            lines.append(InvoiceLine("2", "Arabica green coffee, washed", "090111", _dec(120), "KGM", _dec("744.00")))
        facts = samples.coffee_trade(number=f"B-{next(self._numbers)}", issue_date=today - timedelta(days=8))
        facts = replace(facts, seller=seller.party, buyer=buyer.party, lines=tuple(lines))
        return Trade(seller, buyer, replace(facts, on_board_date=today - timedelta(days=5)))

    def _company(self, party: StatedParty) -> Company:
        key = sha256(f"bench wallet {party.registration}".encode())
        return Company(fresh_id(), fresh_id(), key, party)

    def _admit(self) -> None:
        """As an admission by two operators leaves it: profile with KYB, one person, one wallet, and coins."""
        now, chain = int(time.time()), self.rail.deployment.chain_id
        with self.store.work() as tx:
            tx.people.put_participant(
                Participant(self.examiner, "examiner", "LU", "admitted", now, {"name": "Quayside"})
            )
            for one in self.companies:
                party = one.party
                profile = {"name": party.name, "lei": party.lei, "registration": party.registration, **kyb_of(party)}
                profile |= {"bank_name": f"Bank of {party.address[-1]}", "bank_bic": "EXMPLU22"}
                tx.people.put_participant(Participant(one.id, "company", party.country, "admitted", now, profile))
                tx.people.put_person(Person(one.person, {"name": "Treasurer"}))
                tx.people.put_membership(Membership(one.person, one.id, "treasurer"))
                tx.people.put_wallet(Wallet(caip10(chain, one.address), one.id, now))
                self.rail.mint(self.rail.deployment.token.address, one.address, GRANT_MINOR)
        final = self.rail.final()
        with self.store.work() as tx:
            at = final.number, final.hash, final.number, final.hash, final.time
            tx.rails.put_cursor(Cursor(self.rail.name, *at, seen_at=now))
        load_lists(self.store, Path("no lists of a deployment's own"), now=now)


def fresh_id() -> str:
    """A fresh id."""
    return new_id(int(time.time() * 1000), os.urandom(ENTROPY_BYTES))


def _parties(seed: int, count: int) -> list[StatedParty]:
    """Invented companies, none of which is like anybody on the invented list."""
    chance, found = random.Random(seed), list[StatedParty]()
    index = Index([invented(now=int(time.time()))])
    for number in itertools.count(1):
        if len(found) == count:
            break
        words = ("".join(chance.choices(_SYLLABLES, k=chance.randrange(2, 5))).capitalize() for _ in range(2))
        name = f"{' '.join(words)} {chance.choice(_TRADES)} {chance.choice(_FORMS)}"
        country = chance.choice(_COUNTRIES)
        if screen(Subject("organization", name, country, role="seller"), index):
            continue
        stem = f"00BENCH{number:011d}"
        found.append(StatedParty(name=name, country=country, registration=f"R {number:07d}", lei=samples.lei_of(stem),
                                 address=(f"{number} Example Street", "Sampleton")))  # fmt: skip
    return found


def _item(by: Company, kind: str, body: dict[str, Any], settlement: str = "", role: str = "treasurer") -> InboxItem:
    """What a door writes of a request (api/ask.py)."""
    said = rfc8785.dumps({"kind": kind, "settlement": settlement, "body": body})
    return InboxItem(
        id=fresh_id(), source=f"api:{by.person}", key=fresh_id(), kind=kind, body=body, body_sha256=sha256(said).hex(),
        received_at=int(time.time()), participant=by.id, person=by.person, role=role, settlement=settlement,
    )  # fmt: skip


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _dec(value: int | str) -> Any:
    from decimal import Decimal

    return Decimal(value)
