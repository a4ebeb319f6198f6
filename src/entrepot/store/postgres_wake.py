"""Wake-ups between processes: one listening connection a process, by LISTEN and NOTIFY, for all its threads."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import psycopg

from entrepot.core.errors import Unavailable

CHANNEL = "entrepot_wake"
LISTEN_S = 0.5  # how long the listener looks before it looks whether it should end
RECONNECT_S = 1.0


class Wakes:
    """Counts wake-ups. A thread that waits is told of those since it last was, so none is lost between two waits."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._arrived = threading.Condition()
        self._count = 0
        self._told = threading.local()
        self._listening = threading.Event()
        self._closing = threading.Event()
        self._listener = threading.Thread(target=self._run, name="wakes", daemon=True)
        self._listener.start()
        self._listening.wait(RECONNECT_S)

    def wait(self, *, timeout_s: float, until: Callable[[], bool] | None) -> bool:
        """True once a wake-up came (and `until` holds, if given), False after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        with self._arrived:
            self._told.count = getattr(self._told, "count", 0)
            while self._arrived.wait_for(self._is_news, max(0.0, deadline - time.monotonic())):
                self._told.count = self._count
                if until is None or until():
                    return True
            return False

    def close(self, ring: Callable[[], None]) -> None:
        """Ends the listener; `ring` sends a last wake-up, so that it need not wait."""
        self._closing.set()
        with contextlib.suppress(Unavailable):
            ring()
        self._listener.join()

    def _is_news(self) -> bool:
        return bool(self._count != self._told.count)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._listening.set()
                    while not self._closing.is_set():
                        for _ in connection.notifies(timeout=LISTEN_S, stop_after=1):
                            self._tell()
            except psycopg.Error:
                self._tell()  # something may have been missed: let everybody look
                self._closing.wait(RECONNECT_S)

    def _tell(self) -> None:
        with self._arrived:
            self._count += 1
            self._arrived.notify_all()
