"""The engineer's pages: a key's secret shown once, an endpoint with its deliveries, the clock and a fault."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from doors_ground import Ground
from standardwebhooks import Webhook

pytestmark = pytest.mark.slow


class _Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append(({name.lower(): text for name, text in self.headers.items()}, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Any]:
    """Listens on loopback and takes everything."""
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def asked(ground: Ground, secret: str, path: str, **options: Any) -> httpx.Response:
    """A program's request with a key."""
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{ground.house.base_url}/v1{path}", headers=headers, trust_env=False, **options)


def test_a_keys_secret_is_shown_once_opens_the_api_and_ends(ground: Ground, enter: Any) -> None:
    page = enter("engineer-seller")
    page.goto(f"{ground.house.base_url}/developer/keys")
    page.click("#act-key summary")
    page.fill("#label", "the ERP")
    page.click("button:has-text('Make the key')")
    secret = page.inner_text("#secret")
    me = asked(ground, secret, "/me")
    assert me.status_code == 200 and me.json()["role"] == "engineer" and len(me.headers["x-request-id"]) == 32
    page.click("text=I have kept it")
    assert "the ERP" in page.inner_text("table") and secret not in page.content()
    page.click("button[aria-label='End the key the ERP']")
    page.wait_for_selector("tr:has-text('the ERP') .chip.stopped")
    assert asked(ground, secret, "/me").status_code == 401


def test_an_endpoint_is_tested_delivered_to_looked_into_and_replayed(
    ground: Ground,
    enter: Any,
    receiver: Any,
) -> None:
    page = enter("engineer-seller")
    page.goto(f"{ground.house.base_url}/developer/webhooks")
    page.click("#act-webhook summary")
    page.fill("#url", f"http://127.0.0.1:{receiver.server_port}/hooks")
    page.click("button:has-text('Add the endpoint')")
    secret = page.inner_text("#secret")
    page.click("text=I have kept it")
    page.click(f"a:has-text('{receiver.server_port}')")
    page.click("button:has-text('Send a test event')")
    page.wait_for_url(re.compile(r"/developer/webhooks/[0-9a-f]{32}$"))
    ground.operator.until(lambda: len(receiver.seen), lambda count: count >= 1, 20)
    headers, body = receiver.seen[0]
    assert Webhook(secret).verify(body, headers)["type"] == "entrepot.test"
    page.reload()
    page.click("a:has-text('entrepot.test')")
    assert "took" in page.inner_text("h1") and "webhook-signature" in page.inner_text("main")
    page.click("button:has-text('Send it again')")
    ground.operator.until(lambda: len(receiver.seen), lambda count: count >= 2, 20)
    ground.propose("DEV-HOOK", "seller", "buyer")
    ground.operator.until(lambda: [*receiver.seen], lambda seen: b"quote_given" in seen[-1][1], 20)


def test_a_refused_request_is_found_by_its_id_with_its_answer(ground: Ground, enter: Any) -> None:
    seller = ground.parties["seller"]
    sent = {"currency": "QQQ", "amount": "5"}
    answer = seller.http.post("/v1/quotes", json=sent, headers={"Idempotency-Key": "a/b c"})
    assert answer.status_code >= 400
    name = answer.headers["x-request-id"]
    seller.until(lambda: seller.http.get(f"/v1/requests/by-id/{name}").status_code, lambda status: status == 200, 20)
    again = seller.http.get("/v1/requests/a%2Fb%20c")
    assert (again.status_code, again.json()) == (answer.status_code, answer.json())
    page = enter("engineer-seller")
    page.goto(f"{ground.house.base_url}/developer/requests?q={name}")
    page.click("tr:has-text('/v1/quotes') a.row-link")
    assert answer.json()["code"] in page.inner_text("main") and "a/b c" in page.inner_text("main")


def test_the_clock_is_moved_and_a_fault_started_for_all_to_see(ground: Ground, enter: Any) -> None:
    page = enter("engineer-seller")
    before = ground.now()
    page.goto(f"{ground.house.base_url}/developer/sandbox")
    page.fill("#amount", "1")
    page.click("button:has-text('Move the clock')")
    page.wait_for_selector("text=moved it last")
    assert ground.now() >= before + 3600
    ground.reload_lists()
    page.select_option("#kind", "node_slow")
    page.fill("#lasts_s", "120")  # it is ended below; a page under load takes its time
    page.click("button:has-text('Start the fault')")
    row = "tr:has(th:has-text('The node is slow')):has-text('simulated')"  # others' faults may last beside it
    page.wait_for_selector(row)
    other = enter("treasurer-carol")
    assert "Simulated fault" in other.inner_text("body")
    page.click(f"{row} button:has-text('End now')")
    page.wait_for_selector(".events:has-text('The node is slow')")


def test_an_engineers_credential_reads_and_proposes_and_neither_signs_nor_pays(ground: Ground) -> None:
    engineer = ground.people["engineer-seller"]
    made = ground.propose("DEV-ROLE", "seller", "buyer")
    assert engineer.get(f"/settlements/{made}")["id"] == made
    sign = engineer.http.post(
        f"/v1/trades/{made}/signatures", json={"signature": "0x" + "11" * 65}, headers={"Idempotency-Key": "dev-sign"}
    )
    assert (sign.status_code, sign.json()["code"]) == (409, "not_allowed")
