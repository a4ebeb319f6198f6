"""What no request may be, checked before anything parses it: too long, nested too deep, text that is no text.

And how a refusal reaches whoever is still sending: a body that nobody read would cost its sender the connection.

Depth is bounded on the bytes: where a library raised Python's recursion limit, a JSON parser would overrun the stack.
"""

from __future__ import annotations

import json
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrepot.core.errors import EntrepotError, Invalid
from entrepot.workflows.step.answers import problem

from .ask import respond

BODY_BYTES_MAX = 16_000_000
DEPTH_MAX = 32
BODY_HEADERS = (b"content-length", b"transfer-encoding")
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_NO_TEXT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class Guard:
    """Reads a request's body whole, and answers 422 itself to one that it does not let through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        try:
            raw = await _whole(receive)
            require_plain(raw)
        except EntrepotError as error:
            return await respond(problem(error))(scope, receive, send)
        is_read = False

        async def again() -> Message:
            nonlocal is_read
            if is_read:
                return await receive()
            is_read = True
            return {"type": "http.request", "body": raw, "more_body": False}

        return await self.app(scope, again, send)


class Drain:
    """ASGI middleware: an answer leaves after the request's body came in, whoever answered without reading it.

    The server underneath cuts a connection with an unread body, and the caller's next request on it is lost
    (RFC 9112, 9.3: read the entire body or close). Of a body beyond `BODY_BYTES_MAX` the answer says `close`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not any(name in BODY_HEADERS for name, _ in scope["headers"]):
            return await self.app(scope, receive, send)
        left, is_whole = BODY_BYTES_MAX, False

        async def counted() -> Message:
            nonlocal left, is_whole
            message = await receive()
            left -= len(message.get("body", b""))
            is_whole = is_whole or not message.get("more_body", False)
            return message

        async def drained(message: Message) -> None:
            if message["type"] == "http.response.start":
                while not is_whole and left >= 0:
                    await counted()
                if not is_whole:
                    message.setdefault("headers", []).append((b"connection", b"close"))
            await send(message)

        return await self.app(scope, counted, drained)


def require_plain(raw: bytes) -> None:
    """Raises: Invalid(malformed) for JSON nested too deep, or with texts that hold NUL or half a character."""
    depth = 0
    for bracket in _BRACKETS.findall(_TEXTS.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_MAX:
            raise Invalid("malformed", f"A request nests at most {DEPTH_MAX} deep.")
    if b"\0" in raw or _NO_TEXT.search(raw):
        try:
            text = json.dumps(json.loads(raw), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise Invalid("malformed", "A text holds half a character (a lone surrogate).") from None
        except ValueError:
            return  # no JSON: the door says so
        if b"\\u0000" in text:
            raise Invalid("malformed", "A text holds the character NUL.")


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES_MAX:
            raise Invalid("malformed", f"A request has at most {BODY_BYTES_MAX} bytes.")
        if not message.get("more_body"):
            return b"".join(parts)
