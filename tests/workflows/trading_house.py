"""A whole house in one process: real workflows, rail, contracts and token; nothing happens but what a test says."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rfc8785

from entrepot.commands.running import set_up
from entrepot.core.bookkeeping import accounts_of
from entrepot.core.canonical import hex0x
from entrepot.core.crypto import secp256k1_address, secp256k1_sign, sha256
from entrepot.core.ids import new_id
from entrepot.core.ledger import AccountClass, Balance, account
from entrepot.core.lifecycle import State
from entrepot.core.party import caip10
from entrepot.core.settlement import Settlement, event_of, replay
from entrepot.core.terms import Terms
from entrepot.demo.cast import COMPANIES, kyb_of
from entrepot.documents.stated import StatedParty
from entrepot.rails import development
from entrepot.rails.abi import Contract
from entrepot.rails.anvil import Anvil, mine, start_anvil
from entrepot.rails.evm import Deployment, EvmRail, read_deployment
from entrepot.rails.node import Node
from entrepot.settings import Settings, read_settings
from entrepot.signers.keystore import Keystore, Purpose
from entrepot.store.records import Cursor, InboxItem, LoggedEvent, Membership, Person
from entrepot.store.store import Store
from entrepot.wire import context_of, open_rail
from entrepot.workflows.books.reconcile import reconcile
from entrepot.workflows.chain import observe
from entrepot.workflows.checks.check import read_terms
from entrepot.workflows.checks.payee import ownership_digest
from entrepot.workflows.checks.screen import load_lists
from entrepot.workflows.step.context import Context
from entrepot.workflows.work import compare_sides, send_out, step

FINAL_BLOCKS = 2  # final is two blocks behind the newest
ROUNDS_MAX = 60
SECOND_TRIES_MAX, SECOND_TRY_S = 6, 0.3  # an operation that the rail did not take yet is sent again after a second
MINED_TIMEOUT_S = 10
GRANT_MINOR = 10**15
POLICY = {
    "propose_s": 600, "fund_s": 900, "present_s": 3600, "examination_s": 7200, "cure_s": 3600,
    "dispute_s": 3600, "passport_s": 1800, "ask_rail_s": 5, "pause_s": 30, "block_review_s": 86_400,
}  # fmt: skip
STRANGER = bytes(31) + b"\x77"
TOKEN = Contract(
    [{"type": "function", "name": "transfer", "inputs": [{"type": "address"}, {"type": "uint256"}], "outputs": []}]
)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Actor:
    """A person who acts in one role for one participant; `key` is the wallet's."""

    id: str
    participant: str
    role: str
    key: bytes = b""

    @property
    def address(self) -> str:
        """The wallet's 0x address."""
        return secp256k1_address(self.key)


@dataclass(frozen=True)
class Town:
    """One chain with our contracts, and the keys they were deployed for."""

    anvil: Anvil
    home: Path

    @property
    def node(self) -> Node:
        """A connection of its own."""
        return Node(self.anvil.url)


def found_town(home: Path) -> Town:
    """Starts a chain on which each transaction makes a block, and deploys everything with a fresh keystore."""
    anvil = start_anvil(home / "chain", block_time_s=None)
    try:
        keys, node = Keystore(home / "keys"), Node(anvil.url)
        charter = development.Charter(
            owners=tuple(key.address for key in keys.accounts(Purpose.OWNER, 3)),
            passport_signers=tuple(key.address for key in keys.accounts(Purpose.PASSPORT, 2)),
            authorities=tuple(key.address for key in keys.accounts(Purpose.AUTHORITY, 2)),
            trustees=tuple(key.address for key in keys.accounts(Purpose.TRUSTEE, 3)),
            owners_required=2,
            trustees_required=2,
        )
        development.deploy_all(node, charter).write(home / "deployment.json")
        keys.account(Purpose.EXAMINER)
        keys.messages(Purpose.CHECKPOINT)
        for payer in (keys.account(Purpose.RAIL), *keys.accounts(Purpose.OWNER, 3)):
            development.give_gas(node, payer.address)
    except BaseException:
        anvil.stop()
        raise
    return Town(anvil, home)


@dataclass
class House:
    """A deployment with its people. `tick` is what a worker does in one turn; `run` goes on until nothing is left."""

    store: Store
    settings: Settings
    ctx: Context
    rail: EvmRail
    node: Node
    deployment: Deployment
    people: dict[str, Actor] = field(default_factory=dict)
    stated: dict[str, StatedParty] = field(default_factory=dict)

    # Acting

    def put(self, kind: str, by: Actor, body: dict[str, Any], settlement: str = "", key: str = "") -> InboxItem:
        """What a door writes: a request in the inbox."""
        key = key or f"k{next(_numbers)}"
        said = rfc8785.dumps({"kind": kind, "settlement": settlement, "body": body})
        item = InboxItem(
            id=fresh_id(), source=f"api:{by.id}", key=key, kind=kind, body=body, body_sha256=sha256(said).hex(),
            received_at=int(time.time()), participant=by.participant, person=by.id, role=by.role,
            settlement=settlement,
        )  # fmt: skip
        with self.store.door() as tx:
            return tx.inbox.put(item)

    def answer(self, item: InboxItem) -> dict[str, Any]:
        """The worker's answer; a turn of the worker is taken if there is none yet."""
        for _ in range(5):
            with self.store.door() as tx:
                kept = tx.inbox.get(item.source, item.key)
            assert kept is not None
            if kept.answer is not None:
                return dict(kept.answer)
            assert not kept.set_aside, f"{item.kind}: {kept.set_aside}"
            step(self.ctx)
        raise AssertionError(f"no answer to {item.kind}")

    def ask(self, kind: str, by: str, body: dict[str, Any] | None = None, settlement: str = "") -> dict[str, Any]:
        """A request that must be granted; its answer's body."""
        said = self.answer(self.put(kind, self.people[by], body or {}, settlement))
        assert said["status"] < 400, said["body"]
        return dict(said["body"])

    def refusal(self, kind: str, by: str, body: dict[str, Any] | None = None, settlement: str = "") -> str:
        """A request that must be refused; the code."""
        said = self.answer(self.put(kind, self.people[by], body or {}, settlement))
        assert said["status"] >= 400, f"{kind} was granted: {said}"
        return str(said["body"]["code"])

    def tick(self) -> int:
        """One turn: decide, do outside, make it final, watch."""
        taken = step(self.ctx) + send_out(self.ctx) + compare_sides(self.ctx)
        self.settle_chain()
        return taken + observe.watch(self.ctx)

    def run(self) -> None:
        """Turns until nothing arrives, nothing is due, and nothing waits for a second try outside."""
        waited = 0
        for _ in range(ROUNDS_MAX):
            if self.tick():
                continue
            with self.store.work() as tx:
                is_open = tx.outbox.open_count()
            if not is_open or waited == SECOND_TRIES_MAX:
                return
            waited += 1
            time.sleep(SECOND_TRY_S)
        raise AssertionError("it goes on and on")

    def pass_time(self, seconds: int) -> None:
        """The sandbox clock moves on, ours and the chain's, and a little more for what waits for a final block."""
        for part in (seconds, 35, 5):
            self.ask("advance_clock", "operator-1", {"advance_s": part})
            self.run()

    def settle_chain(self) -> None:
        """Makes everything sent so far final."""
        until = time.monotonic() + MINED_TIMEOUT_S
        while int(self.node.call("txpool_status")["pending"], 16):
            assert time.monotonic() < until, "the node does not empty its pool"
        mine(self.node, FINAL_BLOCKS)

    def four_eyes(self, subject: str, body: dict[str, Any], *, by: tuple[str, str], reason: str = "as told") -> None:
        """One person proposes a change, a second confirms it."""
        change = self.ask("propose_change", by[0], {"subject": subject, "body": body, "reason": reason})["change"]
        assert self.refusal("confirm_change", by[0], {"change": change}) == "same_person"
        self.ask("confirm_change", by[1], {"change": change})

    # People

    def join(self, name: str, participant: str, role: str, key: bytes = b"") -> Actor:
        """A person with a role."""
        actor = Actor(fresh_id(), participant, role, key)
        with self.store.work() as tx:
            tx.people.put_person(Person(actor.id, {"name": name}))
            tx.people.put_membership(Membership(actor.id, participant, role))
        self.people[name] = actor
        return actor

    def company(self, short: str, party: StatedParty) -> None:
        """Admits a company with a treasurer and a funded wallet."""
        body = {"kind": "company", "name": party.name, "country": party.country, "lei": party.lei,
                "registration": party.registration}  # fmt: skip
        applied = self.ask("admit", "operator-1", {name: text for name, text in body.items() if text} | kyb_of(party))
        self.ask("confirm_change", "operator-2", {"change": applied["change"]})
        participant = applied["participant"]
        actor = self.join(short, participant, "treasurer", sha256(f"{participant}{short}".encode()))
        digest = ownership_digest(self.deployment.chain_id, self.deployment.factory, participant, actor.address)
        wallet = caip10(self.deployment.chain_id, actor.address)
        signed = {"participant": participant, "account": wallet, "signature": sign(actor.key, digest)}
        self.ask("add_wallet", short, signed)
        development.mint(self.node, self.deployment.token.address, actor.address, GRANT_MINOR)
        self.stated[short] = party

    # Lists

    def follow_list(self, *entries: dict[str, Any]) -> None:
        """Writes the followed list (twenty invented entries and these) and has it read."""
        names = ("Aurum Vexillum", "Borealis Quintessa", "Cinnabar Dulcet", "Drusilla Everglow", "Farrago Gossamer")
        filler = [
            {"id": f"F-{place:02d}", "schema": "organization", "names": [{"text": f"{names[place % 5]} {place} Kft"}]}
            for place in range(20)
        ]
        folder = self.settings.lists_dir
        folder.mkdir(exist_ok=True)
        body = {"schema": "entrepot/list/1", "source": "FOLLOWED", "published": "2026-02-01T00:00:00Z",
                "about": "Invented for tests.", "entities": [*filler, *entries]}  # fmt: skip
        (folder / "followed.json").write_text(json.dumps(body))
        self.ask("reload_lists", "officer-1")
        send_out(self.ctx)

    def entry_of(self, short: str) -> dict[str, Any]:
        """A list entry that is this company: same name, same LEI."""
        party = self.stated[short]
        return {"id": f"L-{short}", "schema": "organization", "names": [{"text": party.name}],
                "identifiers": [{"type": "lei", "value": party.lei}], "countries": [party.country]}  # fmt: skip

    # Looking

    def settlement(self, settlement: str) -> Settlement:
        """As it stands."""
        with self.store.work() as tx:
            found = tx.settlements.get(settlement)
        assert found is not None
        return found

    def events(self, settlement: str) -> list[LoggedEvent]:
        """All its events."""
        with self.store.work() as tx:
            return tx.settlements.events(settlement)

    def kinds(self, settlement: str) -> list[str]:
        """The kinds of its events, in order."""
        return [entry.event.kind for entry in self.events(settlement)]

    def papers(self, settlement: str, kind: str) -> list[Any]:
        """Its papers of a kind, as JSON."""
        with self.store.work() as tx:
            return [json.loads(paper.body) for paper in tx.papers.of(settlement, kind=kind)]

    def terms(self, settlement: str) -> Terms:
        """The terms last quoted."""
        from entrepot.workflows.step.batch import Batch

        with self.store.work() as tx:
            return read_terms(Batch(self.ctx, tx, self.ctx.now()), self.settlement_in(tx, settlement))

    @staticmethod
    def settlement_in(tx: Any, settlement: str) -> Settlement:
        """The same within a transaction."""
        found = tx.settlements.get(settlement)
        assert found is not None
        return found  # type: ignore[no-any-return]

    def books(self, settlement: str) -> dict[str, int]:
        """Posted balances in minor units, and what is held pending, of the trade's own accounts."""
        one = self.settlement(settlement)
        if not one.asset:
            return {"escrow": 0, "fee_due": 0, "pending": 0}
        escrow, fee = accounts_of(one)[:2]
        with self.store.work() as tx:
            found = tx.ledger.balances([escrow.id, fee.id])
        at_escrow, at_fee = found.get(escrow.id, Balance()), found.get(fee.id, Balance())
        pending = at_escrow.debits_pending + at_escrow.credits_pending + at_fee.credits_pending
        return {"escrow": at_escrow.posted_minor, "fee_due": at_fee.posted_minor, "pending": pending}

    def mispaid(self, settlement: str, token: str) -> int:
        """What lies beside the trade, by the books."""
        named = account(AccountClass.MISPAID, settlement, f"{self.rail.chain}/erc20:{token}")
        with self.store.work() as tx:
            return tx.ledger.balances([named.id]).get(named.id, Balance()).posted_minor

    def tokens(self, address: str, token: str = "") -> int:
        """Balance of an address on the chain."""
        return self.rail.held(address, token or self.deployment.token.address)

    def now(self) -> int:
        """The one clock."""
        with self.store.work() as tx:
            self.ctx.offset_s = tx.checks.clock_offset_s()
        return self.ctx.now()

    def require_sound(self, settlement: str, *, state: State | str) -> None:
        """State, books, chain and log say the same. The log's leaves alone replay to the kept state."""
        one = self.settlement(settlement)
        assert one.state == state, (one.state, self.kinds(settlement))
        books = self.books(settlement)
        assert books["escrow"] == one.held_minor, books
        if one.funded_minor:
            on_rail = self.rail.escrow_state(one.escrow)
            assert on_rail.held == books["escrow"] + books["fee_due"], (on_rail, books)
            assert (on_rail.released, on_rail.refunded) == (one.released_minor, one.refunded_minor)
            assert on_rail.sequence == one.spent
        if one.is_ended:
            assert books["pending"] == 0, books
        self.require_replay(one)
        assert reconcile(self.store, self.rail)[1] == []

    def require_replay(self, one: Settlement) -> None:
        """Every event is in the log under its own gapless index, and replaying the leaves gives the state."""
        events = self.events(one.id)
        assert [entry.seq for entry in events] == list(range(1, one.seq + 1))
        with self.store.work() as tx:
            leaves = {entry.index: entry.leaf for entry in tx.log.leaves(after=-1, limit=10_000)}
            assert sorted(leaves) == list(range(tx.log.size()))
            assert (checkpoint := tx.log.checkpoint()) is not None and checkpoint[0] == tx.log.size()
        assert all(leaves[entry.index] == entry.leaf for entry in events)
        opened = Settlement(
            id=one.id, seller=one.seller, buyer=one.buyer, state=State.PROPOSED, created_at=one.created_at,
            case_salt=one.case_salt, dates={"propose_by": one.created_at + POLICY["propose_s"]},
        )  # fmt: skip
        assert replay(opened, [event_of(json.loads(entry.leaf)) for entry in events]) == one


def sign(key: bytes, digest: bytes) -> str:
    """0x-hex signature."""
    return hex0x(secp256k1_sign(key, digest))


def fresh_id() -> str:
    """A fresh id."""
    return new_id(int(time.time() * 1000), os.urandom(16)[:10])


def open_house(town: Town, store: Store, home: Path, *companies: str) -> House:
    """A fresh deployment on the town's chain: keys and contracts are the town's, all else is new."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copytree(town.home / "keys", home / "keys", dirs_exist_ok=True)
    shutil.copy(town.home / "deployment.json", home / "deployment.json")
    settings = read_settings({"ENTREPOT_HOME": str(home), "ENTREPOT_RPC_URL": town.anvil.url})
    set_up(settings, store)
    body = json.loads(settings.house_path.read_text())
    settings.house_path.write_text(json.dumps(body | {"policy": POLICY}))
    node, rail = town.node, open_rail(store, settings)
    mine(node, FINAL_BLOCKS + 1)
    newest = int(node.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    final = rail.final()
    with store.work() as tx:
        tx.checks.set_clock_offset_s(max(0, newest - int(time.time())))
        at = final.number, final.hash, final.number, final.hash, final.time
        tx.rails.put_cursor(Cursor(rail.name, *at, seen_at=int(time.time())))
    ctx = context_of(settings, store, rail)
    house = House(store, settings, ctx, rail, node, read_deployment(settings.deployment_path))
    load_lists(store, settings.lists_dir, now=house.now())
    for name, role in (("operator-1", "operator"), ("operator-2", "operator"), ("officer-1", "officer"),
                       ("officer-2", "officer"), ("supervisor-1", "supervisor"), ("supervisor-2", "supervisor"),
                       ("arbiter-1", "arbiter"), ("arbiter-2", "arbiter")):  # fmt: skip
        house.join(name, body["operator"], role)
    house.join("examiner", body["examiner"], "examiner")
    for short in companies or ("seller", "buyer"):
        house.company(short, COMPANIES[short]["party"])
    house.settle_chain()
    return house
