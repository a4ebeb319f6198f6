"""Signs and posts webhooks after the Standard Webhooks specification; connects only to an address that was checked.

A name is resolved once and the connection goes to that very address (TLS still asks for the name), so that a name
cannot mean another machine a moment later. Redirects are answers like any other; no proxy of the environment is used.
Source: https://www.standardwebhooks.com, version 1.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from entrepot.core.errors import Invalid

from .webhook_address import Target, require_address, target_of

TIMEOUT_S = 10.0  # for all of it: name, connection, request and answer
ANSWER_BYTES_MAX = 4_096
ADDRESSES_MAX = 3
SECRET_BYTES = 24
AGENT = "Entrepot-Webhooks/1"

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `status` 0: nothing did, and `error` says why."""

    status: int
    error: str
    duration_ms: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


def new_secret() -> str:
    """A fresh signing secret as receivers' libraries take it."""
    return "whsec_" + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """True for `whsec_` and 24 to 64 bytes in base64."""
    try:
        raw = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return text.startswith("whsec_") and 24 <= len(raw) <= 64


def body_of(kind: str, at: int, shown: Mapping[str, Any]) -> bytes:
    """The bytes that are signed and sent: type, ISO 8601 time and data."""
    when = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    body = {"type": kind, "timestamp": when, "data": dict(shown)}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def headers_for(message: str, body: bytes, secrets: Sequence[str], *, now: int) -> dict[str, str]:
    """The signed headers; while a secret is being replaced there are two signatures, and either one is enough."""
    at = datetime.fromtimestamp(now, UTC)
    signatures = [Webhook(secret).sign(message, at, body.decode()) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": AGENT,
        "webhook-id": message,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(signatures),
    }


@dataclass(frozen=True)
class Poster:
    """Posts to addresses that others chose. `allows_loopback` on development chains only."""

    allows_loopback: bool
    timeout_s: float = TIMEOUT_S
    resolve: Resolve | None = None
    tls: ssl.SSLContext | None = None

    def require(self, url: str) -> None:
        """Raises: Invalid(webhook_url_refused) for an address that can be told to be wrong without asking anybody."""
        target_of(url, allows_loopback=self.allows_loopback)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """One request and the beginning of its answer; never raises for what the other side does."""
        began = time.monotonic()
        try:
            target = target_of(url, allows_loopback=self.allows_loopback)
            addresses = self._addresses(target, began)
            status, told, text = self._exchange(target, addresses, headers, body, began)
        except Invalid as refused:
            return Reply(0, refused.message, _ms(began))
        except (OSError, http.client.HTTPException, ValueError) as error:
            is_late = time.monotonic() - began >= self.timeout_s - 0.05
            why = f"No answer within {self.timeout_s:g} s." if is_late else f"{type(error).__name__}: {error!s:.200}"
            return Reply(0, why, _ms(began))
        error_text = "" if 200 <= status < 300 else f"The receiver answered {status}."
        if 300 <= status < 400:
            error_text = f"The receiver answered {status}; a redirect is not followed."
        return Reply(status, error_text, _ms(began), told, text)

    def _addresses(self, target: Target, began: float) -> Sequence[str]:
        """The addresses of the name, asked for once, each of them checked. Raises: Invalid, OSError."""
        found: Future[Sequence[str]] = Future()
        resolve = self.resolve or _resolve

        def ask() -> None:
            try:
                found.set_result(resolve(target.host, target.port))
            except Exception as error:  # whatever it is, whoever waits for the name is told
                found.set_exception(error)

        threading.Thread(target=ask, name="webhook name", daemon=True).start()  # resolvers know no deadline
        addresses = found.result(timeout=self._left(began))
        for text in addresses:
            require_address(ipaddress.ip_address(text.partition("%")[0]), target, allows_loopback=self.allows_loopback)
        if not addresses:
            raise OSError("The name has no address.")
        return addresses[:ADDRESSES_MAX]

    def _exchange(
        self, target: Target, addresses: Sequence[str], headers: Mapping[str, str], body: bytes, began: float
    ) -> tuple[int, dict[str, str], str]:
        connection = _Checked(target, addresses, self._left(began), self.tls)
        clock = threading.Timer(self._left(began), connection.cut)  # a receiver that drips is cut off all the same
        clock.daemon = True
        clock.start()
        try:
            connection.request("POST", target.path, body=body, headers={**headers, "connection": "close"})
            answer = connection.getresponse()
            text = answer.read(ANSWER_BYTES_MAX).decode("utf-8", "replace")
            told = {name.lower(): value[:200] for name, value in answer.getheaders()[:20]}
            return answer.status, told, text
        finally:
            clock.cancel()
            connection.close()

    def _left(self, began: float) -> float:
        return max(0.05, self.timeout_s - (time.monotonic() - began))


class _Checked(http.client.HTTPConnection):
    """A connection to one address on behalf of a name: Host and TLS say the name, nothing resolves it again."""

    def __init__(self, target: Target, addresses: Sequence[str], timeout_s: float, tls: ssl.SSLContext | None) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._target, self._addresses, self._tls = target, addresses, tls
        self._raw: socket.socket | None = None

    def connect(self) -> None:
        """Connects to the first of the checked addresses that answers."""
        for place, address in enumerate(self._addresses, 1):
            try:
                self._raw = socket.create_connection((address, self._target.port), timeout=self.timeout)
                break
            except OSError:
                if place == len(self._addresses):
                    raise
        assert self._raw is not None
        self.sock = self._raw
        if self._target.is_tls:
            context = self._tls or ssl.create_default_context()
            self.sock = context.wrap_socket(self._raw, server_hostname=self._target.host.rstrip("."))

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """With the Host of the name, and no compressed answers."""
        super().putrequest(method, url, skip_host=True, skip_accept_encoding=True)
        self.putheader("Host", self._target.authority)

    def cut(self) -> None:
        """Ends whatever waits on this connection."""
        for one in (self.sock, self._raw):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def _resolve(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _ms(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
