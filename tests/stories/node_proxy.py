"""Stands between the worker and its node, and can keep back the node's answer to one transaction."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

FORWARD_TIMEOUT_S = 30.0
HELD_S_MAX = 30.0


class Held:
    """One transaction that the node has taken, while its sender has not been told."""

    def __init__(self, is_wanted: Callable[[str], bool]) -> None:
        self.is_wanted = is_wanted
        self.hash = ""
        self.arrived = threading.Event()
        self.may_answer = threading.Event()


class Quiet(ThreadingHTTPServer):
    """A server whose callers are killed: a broken connection is nothing to speak of."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing is printed."""


class NodeProxy:
    """Passes JSON-RPC on. `hold` keeps back the answer to the next transaction that is wanted (asked by its hash)."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._held: Held | None = None
        self._lock = threading.Lock()
        self._http = httpx.Client(timeout=FORWARD_TIMEOUT_S, trust_env=False)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = proxy._forward(body)
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True  # whoever asked is dead

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def hold(self, is_wanted: Callable[[str], bool]) -> Held:
        """From now on waits for one wanted transaction."""
        with self._lock:
            self._held = Held(is_wanted)
            return self._held

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._http.close()

    def _forward(self, body: bytes) -> tuple[int, bytes]:
        asked = json.loads(body)
        try:
            answered = self._http.post(self.target, content=body, headers={"Content-Type": "application/json"})
        except httpx.HTTPError:
            return 502, b"{}"
        if isinstance(asked, dict) and asked["method"] == "eth_sendRawTransaction":
            self._keep_back(answered.json().get("result"))
        return answered.status_code, answered.content

    def _keep_back(self, hash_: str | None) -> None:
        with self._lock:
            held = self._held
            if held is None or hash_ is None or not held.is_wanted(hash_):
                return
            self._held = None
        held.hash = hash_
        held.arrived.set()
        held.may_answer.wait(HELD_S_MAX)
