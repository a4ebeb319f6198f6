"""kill -9 of `serve`, `work` and both while settlements run: each ends paid once or refunded once, and all sides agree.

Four kills stand exactly between broadcast and commit: the node has the transaction, and the worker has not been told.
Three more (of `serve`, of `work`, of both) come in an order and at times taken from the printed seed.
"""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from house_run import Standing, environment, fresh_home, require_books_agree, require_consistent_log, standing
from node_proxy import Held, NodeProxy
from patience import GIVE_UP, PATIENCE_S, patient_cast

from entrepot.core.crypto import keccak256
from entrepot.demo.house import House
from entrepot.demo.stories import GONE_FUND_S, GONE_PRESENT_S, Teller, Told, documents_of
from entrepot.messages.reading import read_payment
from entrepot.rails.evm import read_deployment
from entrepot.rails.node import Node
from entrepot.settings import Settings, read_settings

pytestmark = pytest.mark.slow

PAID, GONE = 3, 1  # settlements of each kind, all at once
HIT_S = 90.0
BETWEEN = ("fund_with_authorization", "present", "release", "refund")
AT_RANDOM = (("serve",), ("work",), ("serve", "work"))
ORPHAN_S = 10.0
PAUSE_S = (0.1, 1.5)  # before a kill at a random time
TRANSFER = "0x" + keccak256(b"Transfer(address,address,uint256)").hex()


class KillHouse(House):
    """A house whose processes are killed, and whose worker speaks to the node through a proxy."""

    proxy: NodeProxy
    node_url: str

    def _start_chain(self) -> None:
        super()._start_chain()
        self.node_url, node = self.chain.url, self.chain
        self.proxy = NodeProxy(self.node_url)
        self.chain = Proxied(self.proxy.url, node, self.proxy)

    def kill(self, name: str) -> None:
        """kill -9 of one of our children alone; what it started (its process group) must end by itself."""
        place = next(place for place, (found, _) in enumerate(self.children) if found == name)
        _, child = self.children.pop(place)
        child.kill()
        child.wait(10)
        if not is_gone(child.pid):
            os.killpg(child.pid, signal.SIGKILL)
            raise AssertionError(f"{name} was killed, and a process that it had started lived on for {ORPHAN_S} s")


def is_gone(group: int) -> bool:
    """True once no process of the group is left."""
    until = time.monotonic() + ORPHAN_S
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@dataclass
class Proxied:
    """The node and the proxy before it, stopped together."""

    url: str
    node: Any
    proxy: NodeProxy

    @property
    def process(self) -> Any:
        """The node's."""
        return self.node.process

    def stop(self) -> None:
        """Ends both."""
        self.proxy.stop()
        self.node.stop()


@dataclass(frozen=True)
class Killed:
    """What was killed, and what the killing left."""

    settings: Settings
    told: list[Told]
    ends: dict[str, str]
    between: list[str]  # kinds of operations whose sender died between broadcast and commit
    at_random: list[str]
    standing: Standing
    views: dict[str, dict[str, Any]]
    transfers: dict[str, list[tuple[str, str, int, str]]]  # of the token, from or to each escrow: node's words
    sent: list[tuple[str, str, int, str]]  # (once, kind, nonce, state) of the journal
    nonces_used: int
    health: dict[str, Any]


@pytest.fixture(scope="module")
def killed(seed: int) -> Iterator[Killed]:
    """The whole play, once."""
    print(f"seed {seed}")
    with fresh_home() as home, environment(home):
        house = KillHouse(read_settings(), print)
        try:
            house.start()
            yield Play(house, random.Random(seed)).play()
        finally:
            house.stop()


class Play:
    """Settlements in threads, and one conductor who kills."""

    def __init__(self, house: KillHouse, chance: random.Random) -> None:
        self.house, self.chance = house, chance
        self.owner_dsn = house.database.owner_dsn
        self.teller = Teller(patient_cast(house), f"{chance.randrange(16**6):06x}", lambda _: None)
        self.may_expire = threading.Event()
        self.between: list[str] = []
        self.at_random: list[str] = []
        self.planned = chance.sample(AT_RANDOM, len(AT_RANDOM))

    def play(self) -> Killed:
        """Runs all settlements under kills and looks at what stands."""
        with ThreadPoolExecutor(PAID + GONE) as pool:
            paid = [pool.submit(self._paid, number) for number in range(PAID)]
            gone = [pool.submit(self._gone, number) for number in range(GONE)]
            try:
                for kind in BETWEEN[:-1]:
                    self._kill_around(kind, [*paid, *gone])
                told = [future.result(PATIENCE_S) for future in paid]
                held = self._hold(BETWEEN[-1])
                self._expire()
                self._kill_at_hit(held, BETWEEN[-1], gone)
                told += [future.result(PATIENCE_S) for future in gone]
            except BaseException:
                GIVE_UP.set()
                self.may_expire.set()
                raise
        return self._found(told)

    def _paid(self, number: int) -> Told:
        facts = self.teller.trade_facts(f"paid{number}", "seller", "buyer")
        told = self.teller._agree("paid", facts, "seller", "buyer")
        self.teller._settle(told, self.teller.cast.parties["buyer"], documents_of(facts))
        return told

    def _gone(self, number: int) -> Told:
        facts = self.teller.trade_facts(f"gone{number}", "seller", "buyer")
        told = self.teller._agree("gone", facts, "seller", "buyer", fund_s=GONE_FUND_S * 10, present_s=GONE_PRESENT_S)
        buyer = self.teller.cast.parties["buyer"]
        self.teller._fund(told, buyer)
        self.may_expire.wait(PATIENCE_S)
        buyer.wait(told.settlement, "refunded")
        return told

    def _expire(self) -> None:
        """The sandbox clock passes the date by which documents had to come."""
        operator = self.teller.cast.operators[0]
        operator.post("/clock", {"advance_s": GONE_PRESENT_S + 60})
        operator.post("/lists")
        self.may_expire.set()

    def _kill_around(self, kind: str, running: list[Future[Told]]) -> None:
        """One kill between broadcast and commit of this kind of operation, and one at a random time around it."""
        held = self._hold(kind)
        if held.arrived.wait(self.chance.uniform(*PAUSE_S)):
            self._kill_at_hit(held, kind, running)
            time.sleep(self.chance.uniform(*PAUSE_S))
            self._kill_at_random()
        elif "work" in self._kill_at_random(held) and held.arrived.is_set():
            self._note_between(held, kind)  # the random kill of work came while the answer was held
        else:
            self._kill_at_hit(held, kind, running)

    def _hold(self, kind: str) -> Held:
        def is_wanted(hash_: str) -> bool:
            with psycopg.connect(self.owner_dsn) as connection:
                found = connection.execute("SELECT kind FROM sent_transactions WHERE hash = %s", (hash_,)).fetchone()
            return found is not None and found[0] == kind

        return self.house.proxy.hold(is_wanted)

    def _kill_at_random(self, held: Held | None = None) -> tuple[str, ...]:
        """Returns what was killed, in the planned order; a held answer is let go once its asker is dead."""
        names = self.planned.pop()
        print(f"kill -9 at a random time: {' and '.join(names)}")
        for name in names:
            self.house.kill(name)
        if held is not None and held.arrived.is_set() and "work" in names:
            held.may_answer.set()
        time.sleep(self.chance.uniform(0.0, 0.3))
        was_between = held is not None and held.arrived.is_set()
        if was_between and "work" in names:
            self._require_between(held.hash if held else "")
        for name in names:
            self.house.spawn(name)
        self.at_random.append("+".join(names))
        return names

    def _kill_at_hit(self, held: Held, kind: str, running: list[Future[Told]]) -> None:
        until = time.monotonic() + HIT_S
        while not held.arrived.wait(0.2):
            for future in running:
                if future.done():
                    future.result()  # says what went wrong, if something did
            assert time.monotonic() < until, f"no {kind} was broadcast in {HIT_S} s"
        self.house.kill("work")
        held.may_answer.set()
        self._require_between(held.hash)
        self._note_between(held, kind)
        self.house.spawn("work")

    def _note_between(self, held: Held, kind: str) -> None:
        print(f"kill -9 of work between broadcast and commit of {kind} {held.hash}")
        self.between.append(kind)

    def _require_between(self, hash_: str) -> None:
        """The node has it, and its outbox item is not done: whoever comes next must find out that it was sent."""
        assert Node(self.house.node_url).call("eth_getTransactionByHash", hash_) is not None
        with psycopg.connect(self.owner_dsn) as connection:
            found = connection.execute(
                "SELECT o.done_at FROM sent_transactions s JOIN outbox o USING (once) WHERE s.hash = %s", (hash_,)
            ).fetchone()
        assert found == (None,)

    def _found(self, told: list[Told]) -> Killed:
        """What stands; the chain is asked directly, not through the proxy."""
        house, operator = self.house, self.teller.cast.operators[0]
        house.wait_delivered(operator)
        settings = dataclasses.replace(house.settings, rpc_url=house.node_url)
        node = Node(house.node_url)
        views = {one.settlement: operator.get(f"/settlements/{one.settlement}") for one in told}
        with psycopg.connect(self.owner_dsn) as connection:
            sent = connection.execute(
                "SELECT once, kind, nonce, state FROM sent_transactions ORDER BY nonce"
            ).fetchall()
            (sender,) = connection.execute("SELECT DISTINCT sender FROM sent_transactions").fetchone() or ("",)
        token = read_deployment(settings.deployment_path).token.address
        return Killed(
            settings=settings,
            told=told,
            ends={one.settlement: {"paid": "released", "gone": "refunded"}[one.story] for one in told},
            between=self.between,
            at_random=self.at_random,
            standing=standing(settings, self.owner_dsn),
            views=views,
            transfers={id_: token_transfers(node, token, view["escrow"]) for id_, view in views.items()},
            sent=[(once, kind, int(nonce), state) for once, kind, nonce, state in sent],
            nonces_used=int(node.call("eth_getTransactionCount", sender, "latest"), 16),
            health=operator.http.get("/healthz").json(),
        )


def token_transfers(node: Node, token: str, escrow: str) -> list[tuple[str, str, int, str]]:
    """(from, to, minor units, transaction) of every transfer of the token from or to an escrow, by the node alone."""
    found: dict[tuple[str, str], tuple[str, str, int, str]] = {}
    word = "0x" + escrow[2:].rjust(64, "0")
    for topics in ([TRANSFER, word], [TRANSFER, None, word]):
        asked = {"fromBlock": "0x0", "toBlock": "latest", "address": token, "topics": topics}
        for log in node.call("eth_getLogs", asked):
            ends = ["0x" + topic[-40:] for topic in log["topics"][1:3]]
            row = (ends[0], ends[1], int(log["data"], 16), log["transactionHash"])
            found[log["transactionHash"], log["logIndex"]] = row
    return list(found.values())


def test_it_was_killed_where_it_hurts(killed: Killed) -> None:
    assert killed.between == list(BETWEEN)
    assert sorted(killed.at_random) == sorted("+".join(names) for names in AT_RANDOM)


def test_every_settlement_ends_as_its_story_does(killed: Killed) -> None:
    assert {id_: view["state"] for id_, view in killed.views.items()} == killed.ends
    assert sorted(killed.ends.values()) == ["refunded"] * GONE + ["released"] * PAID
    assert killed.health["ok"] and not killed.health["set_aside"] and not killed.health["outbox_open"]


def test_the_node_says_that_each_was_paid_once_or_refunded_once(killed: Killed) -> None:
    for id_, end in killed.ends.items():
        view, moved = killed.views[id_], killed.transfers[id_]
        price, fee = int(view["price_minor"]), int(view["fee_minor"])
        into = [row for row in moved if row[1] == view["escrow"]]
        out = [row for row in moved if row[0] == view["escrow"]]
        assert [row[2] for row in into] == [price + fee], id_
        assert [row[2] for row in out] == [price if end == "released" else price + fee], id_
        if end == "refunded":
            assert out[0][1] == into[0][0], "it went back to where it came from"
        else:
            assert out[0][1] not in (into[0][0], view["escrow"])


def test_nothing_was_sent_that_is_not_in_the_journal(killed: Killed) -> None:
    live = [(once, nonce) for once, _, nonce, state in killed.sent if state != "replaced"]
    assert [nonce for _, nonce in live] == list(range(killed.nonces_used))
    assert len({once for once, _ in live}) == len(live)


def test_books_and_chain_and_messages_agree(killed: Killed) -> None:
    require_books_agree(killed.standing)
    for id_, end in killed.ends.items():
        written = sorted(killed.settings.messages_dir.glob(f"{id_}-*-pacs.008.xml"))
        said = [read_payment(Path(path).read_bytes()) for path in written]
        out = [row for row in killed.transfers[id_] if row[0] == killed.views[id_]["escrow"]]
        assert [(entry["direction"], int(entry["amount_minor"]), entry["transaction"]) for entry in said] == [
            ({"released": "release", "refunded": "refund"}[end], out[0][2], out[0][3])
        ]


def test_the_log_is_consistent_across_every_kill(killed: Killed) -> None:
    require_consistent_log(killed.standing)
    assert set(killed.ends) <= set(killed.standing.seqs)
