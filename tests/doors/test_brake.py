"""Whoever tries many wrong keys is slowed, and nobody else; the memory for it is bounded."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from entrepot.api import brake
from entrepot.api.brake import BACK_PER_S, BURST, WRONG_COSTS, Brake


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def _door(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers 401 to a wrong path, 201 to a right one."""
    status = 401 if scope["path"].endswith("wrong") else 201
    await send({"type": "http.response.start", "status": status, "headers": []})


def knock(at: Brake, path: str, address: str = "192.0.2.1") -> int:
    told: list[int] = []

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            told.append(int(str(message["status"])))

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    scope = {"type": "http", "path": path, "client": (address, 1), "method": "POST", "headers": []}
    asyncio.run(at(scope, receive, send))  # type: ignore[arg-type]
    return told[0]


def test_wrong_keys_are_braked_by_address_and_time_gives_attempts_back() -> None:
    clock = Clock()
    at = Brake(_door, clock=clock)
    tries = BURST // (WRONG_COSTS + 1) + 1
    told = [knock(at, "/v1/sign-ins/wrong") for _ in range(tries + 1)]
    assert told[0] == 401 and told[-1] == 429
    assert knock(at, "/v1/sign-ins/right") == 429, "a right key has to wait as well"
    assert knock(at, "/v1/sign-ins/right", "192.0.2.2") == 201, "another address does not"
    assert knock(at, "/v1/settlements/wrong") == 401, "only ways in are braked"
    clock.now += 2 / BACK_PER_S
    assert knock(at, "/v1/sign-ins/right") == 201


def test_right_keys_are_hardly_braked() -> None:
    at = Brake(_door, clock=Clock())
    assert [knock(at, "/sign-in/demo") for _ in range(BURST)] == [201] * BURST
    assert knock(at, "/sign-in/demo") == 429


def test_the_memory_is_bounded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(brake, "ADDRESSES_MAX", 3)
    at = Brake(_door, clock=Clock())
    for number in range(9):
        knock(at, "/sign-in/x", f"192.0.2.{number}")
    assert len(at._left) == 3
