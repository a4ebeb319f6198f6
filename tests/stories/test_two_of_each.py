"""Two doors and two workers over one database; one of each dies under load and nobody starts it again.

Clients go to the door that is there, as behind any load balancer. What was under way ends, once, in time.
"""

from __future__ import annotations

import random
import socket
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx
import psycopg
import pytest
from house_run import Standing, environment, fresh_home, require_books_agree, require_consistent_log, standing
from patience import PATIENCE_S, PatientClient, patient_cast

from entrepot.demo.client import TIMEOUT_S
from entrepot.demo.house import House
from entrepot.demo.stories import Teller, Told, documents_of
from entrepot.settings import read_settings
from entrepot.workflows.send import LEASE_S

pytestmark = pytest.mark.slow

TRADES = 4
PAUSE_S = (0.5, 3.0)  # before one of each dies


class EitherDoor(httpx.HTTPTransport):
    """Goes to a door that answers the telephone."""

    doors: ClassVar[list[int]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """At the first door, or where nobody listens there at the next."""
        for port in self.doors[:-1]:
            try:
                return super().handle_request(self._to(request, port))
            except httpx.ConnectError:
                continue
        return super().handle_request(self._to(request, self.doors[-1]))

    @staticmethod
    def _to(request: httpx.Request, port: int) -> httpx.Request:
        request.url = request.url.copy_with(port=port)
        return request


class RoamingClient(PatientClient):
    """Patient, and at home at either door."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.http = httpx.Client(
            base_url=self.base_url, timeout=TIMEOUT_S, headers=self.http.headers, transport=EitherDoor()
        )


@dataclass(frozen=True)
class Ended:
    """What stands once all is over."""

    views: dict[str, dict[str, Any]]
    standing: Standing
    answers: list[Any]  # of one question asked with one key at both doors
    longest_s: float  # that anything outside waited after the death
    happened: dict[str, list[str]]


@pytest.fixture(scope="module")
def ended(seed: int) -> Iterator[Ended]:
    """The whole play, once."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    with fresh_home() as home, environment(home):
        house = House(read_settings(), print)
        try:
            house.start()
            yield _play(house, chance)
        finally:
            house.stop()


def _play(house: House, chance: random.Random) -> Ended:
    first, second = house.settings.port, _second_of_each(house)
    EitherDoor.doors = [first, second]
    teller = Teller(patient_cast(house, RoamingClient), f"{chance.randrange(16**6):06x}", lambda _: None)
    operator = teller.cast.operators[0]
    key, answers = uuid.uuid4().hex, []
    for door in (first, second):
        EitherDoor.doors = [door]
        answers.append(operator.post("/lists", key=key))
    EitherDoor.doors = [first, second]
    with ThreadPoolExecutor(TRADES) as pool:
        told = [pool.submit(_paid, teller, number) for number in range(TRADES)]
        time.sleep(chance.uniform(*PAUSE_S))
        died = time.time()
        for name in ("serve", "work"):
            place = next(place for place, (found, _) in enumerate(house.children) if found == name)
            house.children.pop(place)[1].kill()
        settled = [future.result(PATIENCE_S) for future in told]
    house.wait_delivered(operator)
    names = [one.settlement for one in settled]
    with psycopg.connect(house.database.owner_dsn) as connection:
        waited = connection.execute(
            "SELECT max(done_at - due_at) FROM outbox WHERE done_at >= %s AND attempts < 2", (int(died),)
        ).fetchone() or (0,)
        happened = {
            name: [row[0] for row in connection.execute(
                "SELECT kind FROM events WHERE settlement = %s::uuid ORDER BY seq", (name,)
            ).fetchall()]
            for name in names
        }  # fmt: skip
    views = {name: operator.get(f"/settlements/{name}") for name in names}
    return Ended(views, standing(house.settings, house.database.owner_dsn), answers, float(waited[0] or 0), happened)


def _second_of_each(house: House) -> int:
    """Starts a second door and a second worker; the door's port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    kept = house.env
    house.env = {**kept, "ENTREPOT_PORT": str(port)}
    house.spawn("serve")
    house.env = kept
    house.spawn("work")
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        house.require_alive()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2.0, trust_env=False).json().get("in_time"):
                return port
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.1)
    raise AssertionError("the second door did not open")


def _paid(teller: Teller, number: int) -> Told:
    facts = teller.trade_facts(f"two{number}", "seller", "buyer")
    told = teller._agree("paid", facts, "seller", "buyer")
    teller._settle(told, teller.cast.parties["buyer"], documents_of(facts))
    return told


def test_every_trade_is_settled_though_a_door_and_a_worker_died(ended: Ended) -> None:
    assert {view["state"] for view in ended.views.values()} == {"released"} and len(ended.views) == TRADES
    for name, kinds in ended.happened.items():
        assert len(kinds) == len(set(kinds)), f"something happened twice in {name}"


def test_one_question_with_one_key_has_one_answer_at_both_doors(ended: Ended) -> None:
    assert ended.answers[0] == ended.answers[1]


def test_nothing_waited_longer_than_a_lease_for_the_worker_that_died(ended: Ended) -> None:
    assert ended.longest_s <= LEASE_S + 5, "seconds; whoever leases anew does it at once"


def test_books_chain_messages_and_log_agree(ended: Ended) -> None:
    require_books_agree(ended.standing)
    require_consistent_log(ended.standing)
