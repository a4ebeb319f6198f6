"""Slows whoever tries many wrong keys: one bucket of attempts an address, in this process, of a bounded number.

A proxy in front shows us one address for everybody; it has to count for itself.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.core.errors import TooMany, declare
from entrepot.workflows.step.answers import problem

from .ask import respond

BURST = 120  # attempts that an address has at once
BACK_PER_S = 1.0  # attempts that it gets back
WRONG_COSTS = 10  # what a wrong answer costs; any other costs one
ADDRESSES_MAX = 10_000
BRAKED = ("/v1/sign-ins", "/v1/single-sign-on", "/v1/invitation", "/sign-in/", "/join")
WRONG = (401, 404)


declare("TooMany", too_many_attempts="Too many attempts to sign in came from this address; wait a minute.")


class Brake:
    """ASGI middleware around API and portal: only ways in are counted, and what is wrong there costs more."""

    def __init__(self, app: ASGIApp, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.app, self._clock = app, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        is_way_in = scope["type"] == "http" and any(scope["path"].startswith(path) for path in BRAKED)
        if not is_way_in:
            return await self.app(scope, receive, send)
        address = (scope.get("client") or ("",))[0]
        if self._spend(address, 1) < 0:
            refusal = problem(TooMany("too_many_attempts", "Too many attempts from this address; wait a minute."))
            return await respond(refusal)(scope, receive, send)

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in WRONG:
                self._spend(address, WRONG_COSTS)
            await send(message)

        return await self.app(scope, receive, counting)

    def _spend(self, address: str, cost: int) -> float:
        """What is left afterwards; nothing is spent where there is not enough."""
        now = self._clock()
        left, at = self._left.pop(address, (float(BURST), now))
        left = min(float(BURST), left + (now - at) * BACK_PER_S)
        after = left - cost if left >= cost or cost > 1 else -1.0
        self._left[address] = (max(after, 0.0) if after >= 0 or cost > 1 else left, now)
        while len(self._left) > ADDRESSES_MAX:
            self._left.popitem(last=False)
        return after
