"""The ground that the doors are tried on: one real house, its people, and how far a trade is brought."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from entrepot.core.canonical import hex0x, unhex
from entrepot.core.terms import Terms
from entrepot.demo.cast import Casting, Credentials
from entrepot.demo.client import Client, Problem
from entrepot.demo.house import House
from entrepot.documents import samples
from entrepot.documents.samples import TradeFacts
from entrepot.documents.stated import InvoiceLine, StatedParty
from entrepot.rails import development
from entrepot.rails.evm import read_deployment
from entrepot.rails.node import Node
from entrepot.signers.keystore import Keystore, Purpose

FILLERS = 18  # a list may lose a tenth of its entries alone: two of twenty
LATE_LIST = "LATECOMERS"
PRESENT_S = 3600
POLICY = {"payee_cooling_s": 0, "pause_s": 1, "examination_s": 3600, "dispute_s": 3600}

SHARE = 8  # of a sale: all tests trade within one participant's caps
QUINOA = (InvoiceLine("1", "White quinoa, washed", "100850", Decimal(21000), "KGM", Decimal("50320.00")),)
COMPANIES = {
    "late": StatedParty(name="Wijaya Rempah Abadi PT", country="ID", registration="ID-990001"),
    "carol": StatedParty(name="Quinoa del Altiplano SA", country="PE", registration="PE-990002"),
    "dave": StatedParty(name="Fjordimport Halvorsen AS", country="NO", registration="NO-990003"),
}


class Ground:
    """A house with its cast. Money is counted where it is: on the chain."""

    def __init__(self, house: House) -> None:
        self.house = house
        settings = house.settings
        self.casting = Casting(
            Credentials(settings.credentials_path),
            house.base_url,
            house.chain_id,
            house.person_key,
            house.fill_wallet,
        )
        self.casting.examiner(house.examiner_participant())
        self.casting.cast()
        operator = self.casting.first.participant
        for who, name, role in (("arbiter", "Ada Brito", "arbiter"), ("authority", "Noor Haddad", "authority")):
            self.casting._join(who, name, operator, role)
        for short, party in COMPANIES.items():
            self.casting.company(short, party)
        from entrepot.demo.cast import COMPANIES as CAST

        self.stated = {short: company["party"] for short, company in CAST.items()} | COMPANIES
        self.cast = self.casting.assemble(self.stated)
        people = self.casting.credentials.people
        self.people = {who: self.casting.credentials.client(who, house.base_url) for who in people}
        self.operator = self.people["operator-1"]
        self.officer, self.officer2 = self.people["officer-1"], self.people["officer-2"]
        self.supervisor, self.supervisor2 = self.people["supervisor-1"], self.people["supervisor-2"]
        self.examiner, self.arbiter = self.people["examiner"], self.people["arbiter"]
        self.parties = self.cast.parties
        self.node = Node(house.chain.url)
        self.deployment = read_deployment(settings.deployment_path)
        self.keys = Keystore(settings.keys_dir)
        self.facts: dict[str, TradeFacts] = {}
        self.sides: dict[str, tuple[str, str]] = {}
        self.new_keys: dict[str, bytes] = {}  # of wallets that were admitted later

    # ---- a trade, step by step

    def trade_facts(self, number: str, seller: str, buyer: str) -> TradeFacts:
        """A sale that was invoiced eight days ago and shipped five days ago."""
        today = datetime.fromtimestamp(self.now(), UTC).date()
        facts = samples.coffee_trade(number=number, issue_date=today - timedelta(days=8))
        named = dataclasses.replace(
            facts,
            seller=self.stated[seller],
            buyer=self.stated[buyer],
            on_board_date=today - timedelta(days=5),
            lines=facts.lines if seller in ("seller", "buyer") else QUINOA,  # nobody else trades what these do
        )
        return samples.part_of(named, SHARE)

    def propose(self, number: str, seller: str, buyer: str, **options: Any) -> str:
        """An invoice becomes a settlement with a firm quote."""
        facts = self.trade_facts(number, seller, buyer)
        made = self.parties[seller].propose(samples.ubl_invoice(facts), self.parties[buyer].participant, **options)
        self.facts[made], self.sides[made] = facts, (seller, buyer)
        return made

    def agree(
        self, number: str, seller: str, buyer: str, *, keys: dict[str, bytes] | None = None, **options: Any
    ) -> str:
        """Both sign; `keys` are those of newer wallets."""
        made = self.propose(number, seller, buyer, **options)
        for side in (seller, buyer):
            client = self.parties[side]
            key = (keys or {}).get(side, client.wallet_key)
            Client(client.base_url, client.secret, key, client.name, client.participant).sign_terms(made)
        return made

    def fund(self, settlement: str) -> None:
        """The buyer pays, and it is final."""
        self.until(settlement, "cleared")
        self.buyer(settlement).fund(settlement)
        self.until(settlement, "funded")

    def present(self, settlement: str) -> None:
        """The documents are recorded on the chain."""
        self.seller(settlement).present(settlement, self.documents(settlement))
        self.until(settlement, "presented")

    def documents(self, settlement: str) -> list[bytes]:
        """Invoice, packing list, transport document."""
        facts = self.facts[settlement]
        return [samples.ubl_invoice(facts), samples.packing_list(facts), samples.transport_document(facts)]

    def brought_to(self, step: str, number: str, seller: str, buyer: str, **options: Any) -> str:
        """A trade brought to agreed, funded, presented, discrepant, disputed or released."""
        made = self.agree(number, seller, buyer, **options)
        if step == "agreed":
            return made
        self.fund(made)
        if step == "disputed":
            self.dispute(made)
            return made
        if step in ("presented", "discrepant", "released"):
            self.present(made)
        if step in ("discrepant", "released"):
            self.examiner.examine(made, complies=step == "released")
            self.until(made, step)
        return made

    def dispute(self, settlement: str, who: str = "buyer") -> None:
        """A party asks the arbiters."""
        client = self.buyer(settlement) if who == "buyer" else self.seller(settlement)
        signature = client.signature(settlement, {"act": "dispute", "reason": "goods are short"})
        client.post(f"/settlements/{settlement}/disputes", {"reason": "goods are short", "signature": signature})

    def award(self, settlement: str, to_seller_minor: int) -> Any:
        """Two arbiters of three award."""
        about = {"act": "award", "to_seller_minor": to_seller_minor}
        digest = self.operator.http.post(f"/v1/settlements/{settlement}/statements", json=about).json()["digest"]
        keys = [self.keys.account(Purpose.ARBITER, number) for number in (1, 2)]
        signatures = [hex0x(key.sign_digest(unhex(digest, size=32))) for key in keys]
        body = {"to_seller_minor": to_seller_minor, "signatures": signatures}
        return self.arbiter.post(f"/settlements/{settlement}/awards", body)

    def by_two(self, first: Client, second: Client, subject: str, **body: Any) -> Any:
        """A change that one person proposes and another confirms."""
        change = first.post("/changes", {"subject": subject, "body": body, "reason": "tried in a test"})["change"]
        return second.post(f"/changes/{change}/confirmations")

    def side_by_side(self, *acts: Callable[[], Any]) -> list[Any]:
        """Runs acts at the same time."""
        with ThreadPoolExecutor(len(acts)) as pool:
            return [future.result() for future in [pool.submit(act) for act in acts]]

    # ---- what is true

    def seller(self, settlement: str) -> Client:
        """The seller's treasurer."""
        return self.parties[self.sides[settlement][0]]

    def buyer(self, settlement: str) -> Client:
        """The buyer's treasurer."""
        return self.parties[self.sides[settlement][1]]

    def now(self) -> int:
        """Unix seconds by the one clock."""
        return int(self.operator.get("/clock")["now"])

    def view(self, settlement: str) -> dict[str, Any]:
        """What staff see."""
        return dict(self.operator.get(f"/settlements/{settlement}"))

    def until(self, settlement: str, *states: str) -> dict[str, Any]:
        """Waits for a state as staff see it."""
        return self.operator.wait(settlement, *states, timeout_s=40)

    def events(self, settlement: str) -> list[str]:
        """Kinds of all events, as staff see them."""
        return [entry["event"] for entry in self.operator.get(f"/settlements/{settlement}/events")["events"]]

    def until_happened(self, settlement: str, kind: str, times: int) -> None:
        """Waits until an event happened so many times."""
        self.operator.until(lambda: self.events(settlement).count(kind), lambda count: count == times, 20)

    def until_paused(self, settlement: str, code: str) -> None:
        """Waits until a check was put off for this reason."""
        self.operator.until(lambda: str(self.view(settlement)["pause"]), lambda said: code in said, 20)

    def terms(self, settlement: str) -> Terms:
        """The signed terms."""
        from entrepot.wire import House as Wired

        body = self.operator.get(f"/trades/{settlement}")["terms"]
        return Terms.from_json(body, Wired(self.house.settings).assets)

    def holds(self, address: str) -> int:
        """Minor units of the token that an address has, read from the node."""
        data = "0x70a08231" + address[2:].rjust(64, "0")
        return int(self.node.call("eth_call", {"to": self.deployment.token.address, "data": data}, "latest"), 16)

    def money(self, *settlements: str) -> dict[str, int]:
        """What the seller's wallet, the fee's recipient and the escrow of each settlement hold."""
        found: dict[str, int] = {}
        for settlement in settlements:
            view = self.view(settlement)
            for address in (self.seller(settlement).address, self.terms(settlement).venue.fee_recipient):
                found[address] = self.holds(address)
            if view["escrow"]:
                found[view["escrow"]] = self.holds(view["escrow"])
        return found

    def pay_bare(self, payer: Client, to: str, amount_minor: int) -> str:
        """A transfer past every door; returns its hash."""
        development.give_gas(self.node, payer.address)
        self.node.call("anvil_impersonateAccount", payer.address)
        data = "0xa9059cbb" + to[2:].rjust(64, "0") + f"{amount_minor:064x}"
        sent = {"from": payer.address, "to": self.deployment.token.address, "data": data}
        return str(self.node.call("eth_sendTransaction", sent))

    # ---- lists, stops, time

    def list_wallets(self, *wallets: str) -> None:
        """A list of our own names these wallets from now on (besides fillers); it is read and waited for."""
        entries = [_wallet(f"F-{number}", f"0x{0xFFFF00000000 + number:040x}") for number in range(FILLERS)]
        entries += [_wallet(f"L-{number}", wallet) for number, wallet in enumerate(wallets)]
        body = {"schema": "entrepot/list/1", "source": LATE_LIST, "published": "2026-01-02T00:00:00Z"}
        folder = self.house.settings.lists_dir
        folder.mkdir(exist_ok=True)
        (folder / "late.json").write_text(json.dumps(body | {"entities": entries}))
        self.reload_lists(lambda rows: len(entries) == rows.get(LATE_LIST, {}).get("entities"))

    def reload_lists(self, is_there: Callable[[dict[str, Any]], bool] | None = None) -> None:
        """Has the lists read again and waits until they were."""
        before = self.now()
        self.operator.post("/lists")

        def there(rows: dict[str, Any]) -> bool:
            fresh = bool(rows) and all(row["verified_at"] >= before for row in rows.values())
            return fresh and (is_there is None or is_there(rows))

        self.operator.until(self._lists, there, 20)

    def _lists(self) -> dict[str, Any]:
        return {row["source"]: row for row in self.operator.get("/lists")["lists"]}

    def pass_time(self, seconds: int) -> None:
        """Moves the sandbox clock, and reads the lists again at once."""
        self.operator.post("/clock", {"advance_s": seconds})
        self.reload_lists()

    def stop_all(self, grade: str, for_s: int) -> int:
        """Two supervisors stop; returns until when."""
        until = self.now() + for_s
        self.by_two(self.supervisor, self.supervisor2, "stop", grade=grade, until=until)
        return until

    def rest(self, seconds: float = 3.0) -> None:
        """Leaves the worker time to do what it should not do."""
        time.sleep(seconds)


def _wallet(id_: str, address: str) -> dict[str, Any]:
    return {"id": id_, "schema": "wallet", "wallets": [{"asset": "USDC", "address": address}]}


def code_of(act: Callable[[], Any]) -> str:
    """The code of the refusal that an act meets, "" if it was taken."""
    try:
        act()
    except Problem as refused:
        return refused.code
    return ""
