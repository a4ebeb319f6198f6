"""A client as an integrator should write one: whatever gets no answer is asked again with the same key."""

from __future__ import annotations

import dataclasses
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from entrepot.demo.cast import Casting, Credentials
from entrepot.demo.client import Client, Problem
from entrepot.demo.house import House
from entrepot.demo.stories import Cast

PATIENCE_S = 240.0
RETRY_S = 0.2
GIVE_UP = threading.Event()  # the conductor failed: nobody waits on
Answer = TypeVar("Answer")


class PatientClient(Client):
    """Asks with patience."""

    def get(self, path: str, **query: Any) -> Any:
        """Reads, however often it takes."""
        return again(lambda: Client.get(self, path, **query))

    def post(self, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> Any:
        """Asks with one key, however often it takes."""
        key = key or uuid.uuid4().hex
        return again(lambda: Client.post(self, path, body, key=key))

    def signature(self, settlement: str, about: dict[str, Any]) -> str:
        """Asks what is to be signed, however often it takes."""
        return again(lambda: Client.signature(self, settlement, about))

    def wait(self, settlement: str, *states: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Waits longer than others."""
        return Client.wait(self, settlement, *states, timeout_s=timeout_s)


def again(act: Callable[[], Answer]) -> Answer:
    """Repeats what got no final answer: no connection, a broken one, or 503."""
    until = time.monotonic() + PATIENCE_S
    while not GIVE_UP.is_set():
        try:
            return act()
        except (httpx.TransportError, TimeoutError, ValueError):
            if time.monotonic() > until:
                raise
        except Problem as problem:
            if problem.body.get("status") != 503 or time.monotonic() > until:
                raise
        time.sleep(RETRY_S)
    raise RuntimeError("the play was broken off")


def patient_cast(house: House, client: type[PatientClient] = PatientClient) -> Cast:
    """Everybody in the demo, asking as `client` does."""
    casting = Casting(
        Credentials(house.settings.credentials_path), house.base_url, house.chain_id, house.person_key,
        house.fill_wallet,
    )  # fmt: skip
    casting.examiner(house.examiner_participant())
    cast = casting.cast()

    def patient(one: Client) -> PatientClient:
        return client(one.base_url, one.secret, one.wallet_key, one.name, one.participant, one.sign_digest)

    return dataclasses.replace(
        cast,
        parties={name: patient(one) for name, one in cast.parties.items()},
        examiner=patient(cast.examiner),
        operators=[patient(one) for one in cast.operators],
    )
