"""A line between a browser and the doors that can be cut and mended: every connection on it breaks at once."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit

CHUNK = 65_536


class Line:
    """Listens on a loopback port and passes bytes to `target` while it is whole."""

    def __init__(self, target: str) -> None:
        where = urlsplit(target)
        assert where.hostname and where.port
        self._target = (where.hostname, where.port)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_whole = True
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Breaks what is open, and takes nothing new."""
        with self._lock:
            self._is_whole = False
            for one in self._open:
                _end(one)
            self._open.clear()

    def mend(self) -> None:
        """Takes connections again."""
        self._is_whole = True

    def stop(self) -> None:
        """Ends it."""
        self.cut()
        _end(self._server)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            with self._lock:
                if not self._is_whole:
                    _end(near)
                    continue
                far = socket.create_connection(self._target)
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    _end(source)
    _end(sink)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
