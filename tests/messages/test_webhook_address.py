"""Where a webhook may go: nothing that only this machine can reach, however it is written, and no second look-up."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from entrepot.core.errors import Invalid
from entrepot.messages.webhook_address import target_of
from entrepot.messages.webhooks import ANSWER_BYTES_MAX, Poster, body_of, headers_for, is_secret, new_secret

REFUSED = """
    http://hooks.example/            | not https
    ftp://hooks.example/             | another scheme
    file:///etc/passwd               | another scheme
    https://user:pass@hooks.example/ | credentials
    https://user@hooks.example/      | a user name
    https://127.0.0.1/               | loopback
    https://127.9.9.9/               | loopback
    https://localhost/               | loopback by name
    https://a.localhost/             | loopback by name
    https://[::1]/                   | loopback
    https://0.0.0.0/                 | this machine
    https://[::]/                    | this machine
    https://10.0.0.1/                | private
    https://172.16.0.1/              | private
    https://192.168.1.1/             | private
    https://100.64.0.1/              | carrier's own
    https://100.100.100.200/         | metadata
    https://169.254.169.254/latest   | metadata
    https://168.63.129.16/           | metadata
    https://192.0.0.192/             | metadata
    https://[fd00:ec2::254]/         | metadata
    https://[fe80::1]/               | link-local
    https://[fc00::1]/               | private
    https://[fec0::1]/               | site-local
    https://224.0.0.1/               | multicast
    https://[ff02::1]/               | multicast
    https://255.255.255.255/         | broadcast
    https://[::ffff:127.0.0.1]/      | IPv4 in IPv6
    https://[::ffff:8.8.8.8]/        | IPv4 in IPv6
    https://[::127.0.0.1]/           | IPv4 in IPv6
    https://[64:ff9b::7f00:1]/       | NAT64
    https://[64:ff9b:1::a00:1]/      | NAT64
    https://[2002:7f00:1::]/         | 6to4
    https://[2001::1]/               | Teredo
    https://hooks.example/#x         | a fragment
    https:///path                    | no host
    https://hooks.example:0/         | no port
    https://hooks.example:99999/     | no port
    https://hooks.exa mple/          | a space
    https://hooks.example/%0d\\x      | a backslash
"""
ROWS = [tuple(cell.strip() for cell in row.rsplit("|", 1)) for row in REFUSED.strip().splitlines()]
RESOLVED = [url.partition("//")[2].partition("/")[0].strip("[]") for url, why in ROWS if why not in (
    "not https", "another scheme", "credentials", "a user name", "loopback by name", "a fragment", "no host", "no port",
    "a space", "a backslash")]  # fmt: skip


@pytest.mark.parametrize(("url", "why"), ROWS)
def test_an_address_that_is_not_public_is_refused_when_it_is_given(url: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        target_of(url, allows_loopback=False)
    assert refused.value.code == "webhook_url_refused", why


@pytest.mark.parametrize("url", ["https://hooks.example/a?b=c", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/"])
def test_a_public_address_is_taken(url: str) -> None:
    assert target_of(url, allows_loopback=False).is_tls


def test_line_breaks_never_reach_a_request() -> None:
    for text in ("https://hooks.example/\r\nX: y", "https://hooks.example/\n", "https://hooks.example/\t"):
        with pytest.raises(Invalid):
            target_of(text, allows_loopback=True)


def test_loopback_is_for_development_chains_and_http_for_loopback() -> None:
    assert not target_of("http://127.0.0.1:9000/x", allows_loopback=True).is_tls
    for url in ("http://8.8.8.8/", "http://10.0.0.1/", "https://10.0.0.1/", "https://[::ffff:127.0.0.1]/"):
        with pytest.raises(Invalid):
            target_of(url, allows_loopback=True)
    reply = Poster(allows_loopback=True, resolve=lambda *_: ["8.8.8.8"]).post("http://hooks.example/", {}, b"")
    assert reply.status == 0 and "https" in reply.error  # a name by http, which is no loopback


@pytest.mark.parametrize("address", RESOLVED)
def test_a_name_that_resolves_to_what_is_not_public_is_not_connected_to(address: str) -> None:
    for found in ([address], ["8.8.8.8", address]):
        reply = Poster(allows_loopback=False, resolve=lambda *_, found=found: found).post("https://a.example/", {}, b"")  # type: ignore[misc]
        assert reply.status == 0 and "webhook" in reply.error.lower()


def test_other_ways_to_write_a_loopback_address_are_caught_where_they_resolve() -> None:
    for host in ("2130706433", "0x7f000001", "0177.0.0.1", "127.1"):
        reply = Poster(allows_loopback=False).post(f"https://{host}/", {}, b"")
        assert reply.status == 0 and reply.error


class _Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.seen.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))  # type: ignore[attr-defined]
        status, headers, body = self.server.says  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Any]:
    """A receiver on loopback: `says` is its answer, `seen` what came."""
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    server.says, server.seen = (200, {}, b"thanks"), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_name_is_asked_for_once_and_the_request_goes_to_that_address_under_the_name(receiver: Any) -> None:
    asked: list[str] = []

    def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    poster = Poster(allows_loopback=True, resolve=resolve)
    reply = poster.post(f"http://hooks.example:{receiver.server_port}/a?b=c", {"x-a": "1"}, b"{}")
    assert (reply.status, reply.body, asked) == (200, "thanks", ["hooks.example"])
    ((path, headers, body),) = receiver.seen
    assert (path, headers["Host"], body) == ("/a?b=c", f"hooks.example:{receiver.server_port}", b"{}")


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Any) -> None:
    receiver.says = (302, {"Location": "/elsewhere"}, b"")
    reply = Poster(allows_loopback=True).post(f"http://127.0.0.1:{receiver.server_port}/", {}, b"")
    assert reply.status == 302 and "not followed" in reply.error and len(receiver.seen) == 1


def test_a_proxy_of_the_environment_is_not_used(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert Poster(allows_loopback=True).post(f"http://127.0.0.1:{receiver.server_port}/", {}, b"").status == 200


def test_of_a_long_answer_only_the_beginning_is_read(receiver: Any) -> None:
    receiver.says = (200, {}, b"x" * 10_000_000)
    reply = Poster(allows_loopback=True).post(f"http://127.0.0.1:{receiver.server_port}/", {}, b"")
    assert len(reply.body) == ANSWER_BYTES_MAX


@pytest.mark.parametrize("drip", [b"", b"H"])
def test_a_receiver_that_says_nothing_or_drips_is_cut_off_in_time(drip: bytes) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                for _ in range(100):
                    time.sleep(0.1)
                    try:
                        connection.send(drip)
                    except OSError:
                        return

        threading.Thread(target=answer, daemon=True).start()
        began = time.monotonic()
        reply = Poster(allows_loopback=True, timeout_s=0.5).post(
            f"http://127.0.0.1:{server.getsockname()[1]}/", {}, b""
        )
        assert reply.status == 0 and "No answer within" in reply.error and time.monotonic() - began < 3


def test_a_name_that_nobody_resolves_in_time_costs_no_more_than_the_time() -> None:
    def slow(*_: Any) -> Sequence[str]:
        time.sleep(5)
        return []

    reply = Poster(allows_loopback=False, timeout_s=0.3, resolve=slow).post("https://a.example/", {}, b"")
    assert reply.status == 0 and reply.duration_ms < 2_000


def test_signatures_are_what_standard_libraries_verify_under_either_secret() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    body = body_of("settlement.released", 1_800_000_000, {"index": 3, "text": "é"})
    headers = headers_for("msg_1", body, [new, old], now=int(time.time()))
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers)["data"] == {"index": 3, "text": "é"}
    for changed in ({**headers, "webhook-id": "msg_2"}, {**headers, "webhook-timestamp": str(int(time.time()) - 1)}):
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(body, changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, headers)
    assert is_secret(new) and not is_secret("whsec_AAAA") and not is_secret("A" * 40) and not is_secret("whsec_é")
