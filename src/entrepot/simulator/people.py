"""The people of the simulated world, and the requests that their clicks put into the inbox, signed with real keys."""

from __future__ import annotations

import base64
import dataclasses
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from entrepot.core.acts import AWARD, DISPUTE, EXAMINATION, PRESENTATION, WAIVER
from entrepot.core.canonical import hex0x, unhex
from entrepot.core.crypto import secp256k1_address, secp256k1_sign, sha256
from entrepot.core.eip712 import Struct
from entrepot.core.party import caip10
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms
from entrepot.documents import samples
from entrepot.documents.stated import StatedParty
from entrepot.rails.authorization import authorization_of
from entrepot.signers.keystore import Purpose
from entrepot.store.records import InboxItem, Membership, Participant, Person, Wallet
from entrepot.store.store import Store, Transaction
from entrepot.workflows.trade.settle import documents_in, presentation_sha256
from entrepot.workflows.trade.unwind import dispute_sha256

from .world import HOUSE, World, key_of

GRANT_MINOR = 10**15
COFFEE = samples.coffee_trade(number="0", issue_date=date(2026, 1, 1))


def _party(name: str, country: str, stem: str) -> StatedParty:
    return StatedParty(
        name=name, country=country, registration=f"{country} {stem[-6:]}", lei=samples.lei_of(f"00EXAMPLE{stem}"),
        address=("1 Example Street",),
    )  # fmt: skip


# The second buyer has almost the name of a listed company: a hit that two officers can clear.
SELLERS: dict[str, StatedParty] = {
    "Ban Mai": COFFEE.seller,
    "Halvorsen": _party("Halvorsen Fjordfisk AS", "NO", "SELLER002"),
}
BUYERS: dict[str, StatedParty] = {
    "Nordkontor": COFFEE.buyer,
    "Meridian": _party("Meridian Trading Ltd", "SG", "BUYER0002"),
    "Quispe": _party("Quispe Importaciones SA", "PE", "BUYER0003"),
}
COMPANIES = SELLERS | BUYERS
STAFF = {
    "operator-1": "operator", "operator-2": "operator", "officer-1": "officer", "officer-2": "officer",
    "supervisor-1": "supervisor", "supervisor-2": "supervisor", "arbiter-1": "arbiter", "examiner": "examiner",
}  # fmt: skip
STRANGER = secp256k1_address(key_of("a stranger"))


@dataclass(frozen=True)
class Actor:
    """Somebody who clicks."""

    id: str
    participant: str
    role: str
    name: str

    @property
    def key(self) -> bytes:
        """The wallet's key."""
        return key_of(self.name)

    @property
    def address(self) -> str:
        """The wallet's 0x address."""
        return ADDRESSES[self.name]


ADDRESSES = {name: secp256k1_address(key_of(name)) for name in COMPANIES}


def id_of(seed: int, name: str) -> str:
    """The id of a person or participant of the world of this seed."""
    return sha256(f"{seed} {name}".encode())[:16].hex()


@dataclass
class People:
    """Everybody, and what they see of their trades. Trades are numbered; `numbers` gives a proposal's settlement."""

    world: World
    actors: dict[str, Actor] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)
    proposed: dict[int, tuple[str, str]] = field(default_factory=dict)
    sold: dict[int, samples.TradeFacts] = field(default_factory=dict)
    terms_read: dict[str, Terms] = field(default_factory=dict)
    asked: dict[str, list[InboxItem]] = field(default_factory=dict)  # every request, by its kind
    last: InboxItem | None = None
    clicks: int = 0

    def click(
        self, kind: str, by: str, body: dict[str, Any], settlement: str = "", *, role: str = "", key: str = ""
    ) -> None:
        """What a door writes: a request in the inbox."""
        actor = self.actors[by]
        self.clicks += 1
        said = sha256(json.dumps([kind, settlement, body], sort_keys=True).encode())
        item = InboxItem(
            id=self.world.ctx.new_id(), source=f"api:{actor.id}", key=key or f"click-{self.clicks}", kind=kind,
            body=body, body_sha256=said.hex(), received_at=self.world.clock.now, participant=actor.participant,
            person=actor.id, role=role or actor.role, settlement=settlement,
        )  # fmt: skip
        self.last = item
        self.asked.setdefault(kind, []).append(item)
        with self.world.store.door() as tx:
            tx.inbox.put(item)

    def click_again(self) -> None:
        """The last request once more, under the same key, as a browser that saw no answer sends it."""
        if self.last is not None:
            again = dataclasses.replace(self.last, id=self.world.ctx.new_id())
            with self.world.store.door() as tx:
                tx.inbox.put(again)

    def settlement_of(self, number: int) -> str:
        """The settlement of a proposal, "" while there is none."""
        if number not in self.numbers and number in self.proposed:
            with self.world.store.door() as tx:
                self.find_numbers(tx)
        return self.numbers.get(number, "")

    def find_numbers(self, tx: Transaction) -> None:
        """Reads which settlement each proposal has become, if it was answered."""
        for number in self.proposed.keys() - self.numbers.keys():
            kept = tx.inbox.get(f"api:{self.actors[self.proposed[number][0]].id}", f"propose-{number}")
            if kept is not None and kept.answer is not None:
                self.numbers[number] = str(kept.answer["body"].get("settlement", ""))

    def companies(self) -> list[Actor]:
        """Those who trade."""
        return [actor for actor in self.actors.values() if actor.role == "treasurer"]

    def terms(self, one: Settlement) -> Terms:
        """The terms last quoted."""
        if one.terms_hash not in self.terms_read:
            with self.world.store.real.work() as tx:
                paper = tx.papers.of(one.id, kind="terms")[-1]
            self.terms_read[one.terms_hash] = Terms.from_json(json.loads(paper.body), self.world.ctx.assets)
        return self.terms_read[one.terms_hash]

    # Requests

    def propose(self, number: int, seller: str, buyer: str, share: int) -> None:
        """A seller's invoice."""
        self.proposed[number] = (seller, buyer)
        self.sold[number] = self._facts(number, share)
        self._send_invoice(number)

    def propose_again(self, number: int, first: int) -> None:
        """The seller's invoice of another proposal once more."""
        self.proposed[number], self.sold[number] = self.proposed[first], self.sold[first]
        self._send_invoice(number)

    def _send_invoice(self, number: int) -> None:
        seller, buyer = self.proposed[number]
        body = {
            "invoice_base64": base64.b64encode(samples.json_invoice(self.sold[number])).decode(),
            "buyer": self.actors[buyer].participant,
        }
        self.click("propose", seller, body, key=f"propose-{number}")

    def _facts(self, number: int, share: int) -> samples.TradeFacts:
        """The sale of one proposal: a part of the coffee, invoiced eight days ago and shipped five days ago."""
        seller, buyer = self.proposed[number]
        today = datetime.fromtimestamp(self.world.clock.now, UTC).date()
        return dataclasses.replace(
            samples.part_of(COFFEE, share), invoice_number=f"S-{number}", issue_date=today - timedelta(days=8),
            due_date=today + timedelta(days=52), on_board_date=today - timedelta(days=5),
            seller=COMPANIES[seller], buyer=COMPANIES[buyer],
        )  # fmt: skip

    def sign(self, one: Settlement, by: str) -> None:
        """A side signs the terms."""
        self.click("sign", by, {"signature": _signed(self.actors[by].key, self.terms(one).digest())}, one.id)

    def fund(self, one: Settlement, by: str, attempt: int) -> None:
        """The buyer's signed authorisation."""
        until = self.world.clock.now + 6 * 3600
        allowed = authorization_of(self.terms(one), one.escrow, attempt=attempt, valid_before=until)
        signature = _signed(self.actors[by].key, allowed.digest(self.world.ctx.token_domain))
        body = {"signature": signature, "attempt": attempt, "valid_after": 0, "valid_before": until}
        self.click("fund", by, body, one.id)

    def present(self, one: Settlement, by: str, number: int, *, is_right: bool) -> None:
        """The documents of the sale; where they are not right, others than the terms ask for."""
        sold = self.sold[number]
        told = sold if is_right else dataclasses.replace(sold, lines=sold.lines[:1])
        documents = [samples.json_invoice(sold), samples.packing_list(told), samples.transport_document(told)]
        body: dict[str, Any] = {"documents_base64": [base64.b64encode(raw).decode() for raw in documents]}
        values = {
            "documents_sha256": unhex(presentation_sha256(one, documents_in(body)), size=32),
            "round": one.round + 1,
        }
        body["signature"] = self.statement(one, PRESENTATION, values, self.actors[by].key)
        self.click("present", by, body, one.id)

    def examine(self, one: Settlement, *, complies: bool) -> None:
        """The examiner of record signs what it found."""
        values = self._documents(one) | {"complies": complies}
        signature = self.statement(one, EXAMINATION, values, key_of(f"{Purpose.EXAMINER} 1"))
        self.click("examine", "examiner", {"complies": complies, "signature": signature}, one.id)

    def waive(self, one: Settlement, by: str) -> None:
        """The buyer takes the documents as they are."""
        signature = self.statement(one, WAIVER, self._documents(one), self.actors[by].key)
        self.click("waive", by, {"signature": signature}, one.id)

    def dispute(self, one: Settlement, by: str) -> None:
        """A party asks the arbiters."""
        reason = "The coffee was not as agreed."
        values = {"reason_sha256": unhex(dispute_sha256(one, reason), size=32)}
        body = {"reason": reason, "signature": self.statement(one, DISPUTE, values, self.actors[by].key)}
        self.click("dispute", by, body, one.id)

    def award(self, one: Settlement, percent: int) -> None:
        """Two arbiters award so much of what may still be awarded to the seller."""
        to_seller = one.released_minor + (one.price_minor - one.released_minor) * percent // 100
        signatures = [
            self.statement(one, AWARD, {"to_seller": to_seller}, key_of(f"{Purpose.ARBITER} {number}"))
            for number in (1, 2)
        ]
        self.click("award", "arbiter-1", {"to_seller_minor": to_seller, "signatures": signatures}, one.id)

    def change(self, subject: str, by: str, body: dict[str, Any]) -> None:
        """The first of two persons proposes."""
        self.click("propose_change", by, {"subject": subject, "body": body, "reason": "as told"})

    def statement(self, one: Settlement, struct: Struct, values: dict[str, Any], key: bytes) -> str:
        """A signed statement about this escrow."""
        where = {"escrow": one.escrow, "terms_hash": unhex(one.terms_hash, size=32)}
        return _signed(key, struct.digest(self.terms(one).domain, where | values))

    def _documents(self, one: Settlement) -> dict[str, Any]:
        sha = one.documents_sha256 or hex0x(bytes(32))
        return {"documents_sha256": unhex(sha, size=32), "round": one.round}


def _signed(key: bytes, digest: bytes) -> str:
    return hex0x(secp256k1_sign(key, digest))


def settle_in(world: World) -> People:
    """Everybody is there from the beginning: companies admitted with a filled wallet, and the people of the house."""
    people, seed, now = People(world), world.seed, world.clock.now
    house = {"operator": id_of(seed, "operator"), "examiner": id_of(seed, "examiner of record")}
    with world.store.real.work() as tx:
        for kind, participant in house.items():
            tx.people.put_participant(Participant(participant, kind, "LU", "admitted", now, {"name": kind}))
        for name, party in COMPANIES.items():
            actor = Actor(id_of(seed, f"treasurer of {name}"), id_of(seed, name), "treasurer", name)
            profile = {"name": party.name, "lei": party.lei, "registration": party.registration}
            tx.people.put_participant(
                Participant(actor.participant, "company", party.country, "admitted", now, profile)
            )
            tx.people.put_wallet(Wallet(caip10(world.rail.deployment.chain_id, actor.address), actor.participant, now))
            people.actors[name] = actor
            world.rail.mint(world.token, actor.address, GRANT_MINOR)
        for name, role in STAFF.items():
            of = house["examiner" if role == "examiner" else "operator"]
            people.actors[name] = Actor(id_of(seed, name), of, role, name)
        for actor in people.actors.values():
            tx.people.put_person(Person(actor.id, {"name": actor.name}))
            tx.people.put_membership(Membership(actor.id, actor.participant, actor.role))
    return people


def populated(seed: int, store: Store, folder: Any) -> tuple[World, People]:
    """A world with its people."""
    world = World(seed, store, folder, examiner=id_of(seed, "examiner of record"))
    people = settle_in(world)
    world.rail.mine(world.rail.final_blocks + 1)  # so that nobody's wallet is undone
    return world, people


assert HOUSE[Purpose.EXAMINER][0].address == secp256k1_address(key_of(f"{Purpose.EXAMINER} 1"))
