"""Many callers with few transfers each share commits: what waits is posted together, and each gets its own answers.

Whoever comes while nobody posts, posts for all that wait; meanwhile the next ones gather.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from entrepot.core.errors import Unavailable
from entrepot.core.ledger import Answer, Transfer

GROUP_MAX = 1000
"""Transfers that are posted together; a caller's own stay together even if they are more."""


class _Call:
    """One caller's transfers and what became of them. `turn` is free once they are answered or it must lead."""

    __slots__ = ("answers", "error", "leads", "transfers", "turn")

    def __init__(self, transfers: Sequence[Transfer]) -> None:
        self.transfers = transfers
        self.answers: list[Answer] = []
        self.error: Exception | None = None
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class SharedLedger:
    """`post` from any number of threads. `post_batch` posts one batch and makes it durable before it answers."""

    def __init__(self, post_batch: Callable[[Sequence[Transfer]], list[Answer]]) -> None:
        self._post_batch = post_batch
        self._waiting: deque[_Call] = deque()
        self._is_led = False
        self._lock = threading.Lock()

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        """One answer each, durable. What another caller's transfers do has no effect on these.

        Raises: Unavailable (post the same again), Invalid(malformed).
        """
        call = _Call(transfers)
        with self._lock:
            self._waiting.append(call)
            leads, self._is_led = not self._is_led, True
        if not leads:
            call.turn.acquire()
        if leads or call.leads:
            self._lead()
        if call.error is not None:
            raise call.error
        return call.answers

    def _lead(self) -> None:
        """Posts what waits (our own call stands first), and hands the lead on."""
        group = self._gather()
        try:
            self._answer(group)
        finally:
            with self._lock:
                heir = self._waiting[0] if self._waiting else None
                self._is_led = heir is not None
            for call in group[1:]:
                call.turn.release()
            if heir is not None:
                heir.leads = True
                heir.turn.release()

    def _gather(self) -> list[_Call]:
        group: list[_Call] = []
        count = 0
        with self._lock:
            while self._waiting and (not group or count + len(self._waiting[0].transfers) <= GROUP_MAX):
                call = self._waiting.popleft()
                group.append(call)
                count += len(call.transfers)
        return group

    def _answer(self, group: Sequence[_Call]) -> None:
        """Posts the group as one batch; where the batch as such fails, each call by itself."""
        try:
            answers = self._post_batch([move for call in group for move in call.transfers])
        except Exception as error:
            if len(group) == 1 or isinstance(error, Unavailable):
                for call in group:
                    call.error = error
            else:
                for call in group:
                    self._answer([call])
            return
        place = 0
        for call in group:
            call.answers = answers[place : place + len(call.transfers)]
            place += len(call.transfers)
