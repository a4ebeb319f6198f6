"""JSON-RPC to a node over HTTP, in batches. Knows no chain's rules; every call ends in an answer or Unavailable."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import httpx

from entrepot.core.errors import Unavailable

TIMEOUT_S = 10.0
BATCH_MAX = 100  # calls in one HTTP request
_OVERLOADED = (-32005, -32097, 429)  # "limit exceeded". Source: EIP-1474 and providers' use

Call = tuple[str, list[Any]]


class NodeError(Exception):
    """The node's own answer that a call failed: `code`, `message`, and `data` (0x-hex) of a revert."""

    def __init__(self, code: int, message: str, data: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


class Node:
    """One node. May be shared by threads."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url
        self._http = httpx.Client(timeout=timeout_s, trust_env=False)
        self._ids = itertools.count(1)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def call(self, method: str, *params: Any) -> Any:
        """One call. Raises: NodeError, Unavailable(outside_unavailable)."""
        return require(self.batch([(method, list(params))])[0])

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """The answers in order; a failed call's answer is its NodeError, not raised. Raises: Unavailable."""
        answers: list[Any] = []
        for place in range(0, len(calls), BATCH_MAX):
            answers += self._send(calls[place : place + BATCH_MAX])
        return answers

    def _send(self, calls: Sequence[Call]) -> list[Any]:
        ids = [next(self._ids) for _ in calls]
        asked = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in zip(ids, calls, strict=True)
        ]
        try:
            response = self._http.post(self.url, json=asked if len(asked) > 1 else asked[0])
            response.raise_for_status()
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise _unavailable(f"{type(error).__name__} {error!s:.120}") from None
        answers = {entry.get("id"): entry for entry in (body if isinstance(body, list) else [body])}
        if not set(ids) <= set(answers):
            raise _unavailable("it left a call unanswered")
        return [_answer(answers[number]) for number in ids]


def require(answer: Any) -> Any:
    """The answer itself. Raises: NodeError if it is one."""
    if isinstance(answer, NodeError):
        raise answer
    return answer


def answered(answer: Any) -> Any:
    """The answer itself. Raises: Unavailable(outside_unavailable) if the node could not give it."""
    if isinstance(answer, NodeError):
        raise _unavailable(answer.message[:160])
    return answer


def _answer(entry: dict[str, Any]) -> Any:
    error = entry.get("error")
    if error is None:
        return entry.get("result")
    code = int(error.get("code", 0))
    if code in _OVERLOADED:
        raise _unavailable(f"it is overloaded: {error.get('message', '')!s:.120}")
    data = error.get("data")
    if isinstance(data, dict):  # some nodes wrap it once more
        data = data.get("data")
    return NodeError(code, str(error.get("message", ""))[:500], data if isinstance(data, str) else "")


def _unavailable(why: str) -> Unavailable:
    return Unavailable("outside_unavailable", f"The node gave no final answer: {why}.")
