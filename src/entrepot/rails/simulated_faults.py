"""Simulated faults of a development chain's node, and what the sandbox does to the chain itself.

Wraps the node client in the worker. It withholds, delays and repeats; it never makes up an answer of the node.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from entrepot.core.canonical import hex0x
from entrepot.core.errors import Unavailable

from . import development
from .abi import Contract
from .anvil import require_development
from .node import Call, Node

SIMULATED = "simulated"
BROADCAST = "eth_sendRawTransaction"
_TRANSFER = Contract(
    [{"type": "function", "name": "transfer", "inputs": [{"type": "address"}, {"type": "uint256"}], "outputs": []}]
)


class Act(Protocol):
    """A fault that lasts: its id, kind and figures."""

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def body(self) -> dict[str, Any]: ...


class FaultyNode(Node):
    """A node client that fails on purpose while a simulated fault lasts."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self.acts: tuple[Act, ...] = ()
        self.done: dict[str, str] = {}
        self._lock = threading.Lock()

    def _send(self, calls: Sequence[Call]) -> list[Any]:
        for act in self.acts:
            if act.kind == "node_slow":
                time.sleep(int(act.body["delay_ms"]) / 1000)
        if any(act.kind == "node_down" for act in self.acts):
            raise Unavailable("outside_unavailable", f"The node gave no final answer: {SIMULATED} fault, it is down.")
        answers = super()._send(calls)
        if any(method == BROADCAST for method, _ in calls):
            self._lose_reply()
        return answers

    def _lose_reply(self) -> None:
        """The reply to one broadcast is lost after the node took it."""
        with self._lock:
            lost = next((one for one in self.acts if one.kind == "reply_lost" and one.id not in self.done), None)
            if lost is None:
                return
            self.done[lost.id] = "the reply to a broadcast was lost"
        raise Unavailable("outside_unavailable", f"No final answer of the node: {SIMULATED} fault, a reply lost.")


class Sandbox:
    """What the sandbox of a development chain may do. Raises: Refused(not_a_development_chain) for any other."""

    def __init__(self, node: FaultyNode, token: str) -> None:
        self._faulty, self._token = node, token
        self._node = Node(node.url)
        require_development(self._node)

    def tell(self, acts: Sequence[Act]) -> dict[str, str]:
        """Takes over what lasts now; returns those that have done what they are for, by id, with what they did."""
        self._faulty.acts = tuple(acts)
        lasting = {act.id for act in acts}
        return {name: told for name, told in self._faulty.done.items() if name in lasting}

    def reorganise(self, depth: int) -> str:
        """Replaces the newest blocks by empty ones; their transactions are dropped."""
        require_development(self._node)
        before = self._newest()
        self._node.call("anvil_reorg", depth, [])
        return f"{depth} block(s) up to {before} were replaced"

    def pay(self, escrow: str, amount_minor: int, payer: str) -> str:
        """Mints demo coins to the payer (a fresh stranger for "") and sends just those to the escrow."""
        sender = payer or hex0x(os.urandom(20))
        development.mint(self._node, self._token, sender, amount_minor)
        development.give_gas(self._node, sender)
        self._node.call("anvil_impersonateAccount", sender)
        try:
            data = hex0x(_TRANSFER.call("transfer", escrow, amount_minor))
            sent = self._node.call("eth_sendTransaction", {"from": sender, "to": self._token, "data": data})
        finally:
            self._node.call("anvil_stopImpersonatingAccount", sender)
        return f"{amount_minor} minor units from {sender} in {sent}"

    def _newest(self) -> int:
        return int(self._node.call("eth_blockNumber"), 16)
