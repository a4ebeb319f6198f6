"""Webhooks to a real receiver: in the log's order, at least once, under one id; failures wait, pause and go on."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from trading_house import House
from trading_sale import sale

from entrepot.messages.webhooks import new_secret
from entrepot.store.engineer_records import Delivery, Endpoint
from entrepot.workflows.engineers import courier, sandbox
from entrepot.workflows.engineers.courier import FAILURES_MAX, Courier, deliver, message_id, wait_s
from entrepot.workflows.step.shown import event_view

pytestmark = pytest.mark.slow


class _Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        server: Any = self.server
        time.sleep(server.delay_s)
        server.seen.append(
            (self.headers["webhook-id"], {name.lower(): text for name, text in self.headers.items()}, body)
        )
        self.send_response(server.statuses.pop(0) if server.statuses else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Any]:
    """Listens on loopback; `statuses` are its next answers, 200 after them."""
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    server.seen, server.statuses, server.delay_s = [], [], 0.0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def engineer(house: House) -> None:
    """The seller's engineer joins."""
    house.join("engineer", house.people["seller"].participant, "engineer")


def endpoint(house: House, receiver: Any, **body: Any) -> tuple[str, str]:
    """(id, secret) of a new endpoint at the receiver."""
    engineer(house)
    secret = new_secret()
    asked = {"url": f"http://127.0.0.1:{receiver.server_port}/hooks", "secret": secret, **body}
    return house.ask("add_webhook", "engineer", asked)["endpoint"], secret


def kept(house: House, name: str) -> Endpoint:
    """The endpoint as it stands."""
    with house.store.work() as tx:
        found = tx.webhooks.endpoint(name)
    assert found is not None
    return found


def log_of(house: House, name: str) -> list[Delivery]:
    """Its deliveries, oldest first."""
    with house.store.work() as tx:
        return tx.webhooks.deliveries(name, limit=100)[::-1]


def due(house: House, name: str) -> None:
    """Its next try is due now."""
    with house.store.work() as tx:
        found = tx.webhooks.endpoint(name)
        assert found is not None
        tx.webhooks.put_endpoint(replace(found, next_try_at=0))


def test_a_receiver_is_told_of_every_event_in_order_and_can_verify_it(house: House, receiver: Any) -> None:
    name, secret = endpoint(house, receiver)
    trade = sale(house).propose().agree()
    deliver(house.ctx)
    told = [Webhook(secret).verify(body, headers) for _, headers, body in receiver.seen]
    shown = [view for one in house.events(trade.id) if (view := event_view(one, is_staff=False)) is not None]
    assert [one["data"] for one in told] == json.loads(json.dumps(shown)) and len(told) >= 4
    assert [one["type"] for one in told] == [f"settlement.{view['event']}" for view in shown]
    assert [seen[0] for seen in receiver.seen] == [message_id(name, view["index"]) for view in shown]
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(receiver.seen[0][2], receiver.seen[0][1])
    assert deliver(house.ctx) == 0 and len(receiver.seen) == len(told)


def test_anothers_trades_and_unwanted_kinds_are_passed_over(new_house: Any, receiver: Any) -> None:
    house = new_house("seller", "buyer", "namesake")
    house.join("engineer", house.people["namesake"].participant, "engineer")
    asked = {"url": f"http://127.0.0.1:{receiver.server_port}/", "secret": new_secret()}
    theirs = house.ask("add_webhook", "engineer", asked)["endpoint"]
    own, _ = endpoint(house, receiver, events=["countersigned"])
    trade = sale(house).propose().agree()
    while deliver(house.ctx):
        pass
    assert log_of(house, theirs) == [] and [one.event for one in log_of(house, own)] == ["settlement.countersigned"]
    size = len(house.events(trade.id))
    assert kept(house, theirs).cursor == kept(house, own).cursor >= size - 1


def test_a_failure_holds_the_order_waits_and_is_tried_again_under_the_same_id(house: House, receiver: Any) -> None:
    name, _ = endpoint(house, receiver)
    sale(house).propose().sign("seller")
    receiver.statuses = [200, 500]
    deliver(house.ctx)
    first, second = receiver.seen
    assert kept(house, name).failures == 1 and kept(house, name).next_try_at > time.time()
    assert deliver(house.ctx) == 0  # not due yet
    due(house, name)
    deliver(house.ctx)
    assert receiver.seen[2][0] == second[0] != first[0]
    assert [(one.status, one.attempt) for one in log_of(house, name)][:3] == [(200, 1), (500, 1), (200, 2)]
    assert kept(house, name).failures == 0


def test_after_three_days_of_failures_it_is_paused_with_the_reason_and_resumes_without_a_gap(
    house: House, receiver: Any
) -> None:
    name, _ = endpoint(house, receiver)
    sale(house).propose()
    receiver.statuses = [503] * FAILURES_MAX
    for _ in range(FAILURES_MAX):
        due(house, name)
        deliver(house.ctx)
    assert kept(house, name).state == "failing" and "503" in kept(house, name).state_why
    due(house, name)
    assert deliver(house.ctx) == 0 and len(receiver.seen) == FAILURES_MAX
    house.ask("change_webhook", "engineer", {"endpoint": name, "state": "active"})
    deliver(house.ctx)
    assert receiver.seen[FAILURES_MAX][0] == receiver.seen[0][0] and kept(house, name).state_why == ""
    total_s = sum(wait_s(failures, 0.5) for failures in range(1, FAILURES_MAX))
    assert 2.5 * 86_400 < total_s < 3.5 * 86_400
    assert wait_s(3, 0.0) < wait_s(3, 1.0) and wait_s(100, 1.0) <= 1.2 * 8 * 3600


def test_a_receiver_that_is_gone_for_good_is_paused_at_once(house: House, receiver: Any) -> None:
    name, _ = endpoint(house, receiver)
    sale(house).propose()
    receiver.statuses = [410]
    deliver(house.ctx)
    assert kept(house, name).state == "failing" and len(receiver.seen) == 1


def test_a_worker_that_dies_between_sending_and_noting_sends_the_same_again(
    house: House, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _ = endpoint(house, receiver)
    sale(house).propose()

    def die(*_: Any) -> bool:
        raise SystemExit("killed")

    with monkeypatch.context() as patched:
        patched.setattr(courier, "_note", die)
        with pytest.raises(SystemExit):
            deliver(house.ctx)
    assert len(receiver.seen) == 1
    assert deliver(house.ctx) == 0  # until the lease of whoever died is over
    with house.store.work() as tx:
        tx.webhooks.release(name)
    deliver(house.ctx)
    assert (
        receiver.seen[1][0] == receiver.seen[0][0]
        and len({seen[0] for seen in receiver.seen}) == len(receiver.seen) - 1
    )


def test_both_secrets_sign_during_a_rotation_and_only_the_new_one_after_it(house: House, receiver: Any) -> None:
    name, old = endpoint(house, receiver)
    new = new_secret()
    house.ask("rotate_webhook", "engineer", {"endpoint": name, "secret": new, "overlap_s": 600})
    sale(house).propose()
    deliver(house.ctx)
    for secret in (old, new):
        Webhook(secret).verify(receiver.seen[0][2], receiver.seen[0][1])
    newest = new_secret()
    house.ask("rotate_webhook", "engineer", {"endpoint": name, "secret": newest, "overlap_s": 0})
    house.ask("test_webhook", "engineer", {"endpoint": name})
    deliver(house.ctx)
    Webhook(newest).verify(receiver.seen[-1][2], receiver.seen[-1][1])
    for secret in (old, new):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(receiver.seen[-1][2], receiver.seen[-1][1])


def test_one_delivery_and_all_from_a_cursor_are_replayed_under_their_ids(house: House, receiver: Any) -> None:
    name, _ = endpoint(house, receiver)
    sale(house).propose()
    deliver(house.ctx)
    first = list(receiver.seen)
    one = log_of(house, name)[0]
    house.ask("replay_webhook", "engineer", {"endpoint": name, "delivery": one.id})
    deliver(house.ctx)
    assert [seen[0] for seen in receiver.seen[len(first) :]] == [one.message]
    house.ask("replay_webhook", "engineer", {"endpoint": name, "after": one.index - 1})
    deliver(house.ctx)
    assert [seen[0] for seen in receiver.seen[len(first) + 1 :]] == [seen[0] for seen in first]
    assert house.refusal("replay_webhook", "engineer", {"endpoint": name, "after": 10_000}) == "malformed"


def test_a_slow_receiver_delays_nobody_else(new_house: Any, receiver: Any) -> None:
    house = new_house()
    slow, _ = endpoint(house, receiver)
    receiver.delay_s = 1.5
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    server.seen, server.statuses, server.delay_s = [], [], 0.0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint(house, server)
    sale(house).propose()
    couriers = Courier()
    began = time.monotonic()
    assert couriers.turn(house.ctx) == 2
    while len(server.seen) < 1:
        assert time.monotonic() - began < 1.4, "the quick one waited for the slow one"
        time.sleep(0.02)
    assert receiver.seen == []
    couriers.close()
    server.shutdown()
    server.server_close()
    assert kept(house, slow).failures == 0


def test_another_participants_endpoint_is_not_there(new_house: Any, receiver: Any) -> None:
    house = new_house()
    name, _ = endpoint(house, receiver)
    for kind, body in (
        ("change_webhook", {"state": "paused"}),
        ("delete_webhook", {}),
        ("rotate_webhook", {"secret": new_secret()}),
        ("test_webhook", {}),
        ("replay_webhook", {"after": -1}),
    ):
        assert house.refusal(kind, "buyer", {"endpoint": name, **body}) == "not_found"
        assert house.refusal(kind, "operator-1", {"endpoint": name, **body}) == "not_allowed"
    assert (
        house.refusal("add_webhook", "engineer", {"url": "https://10.0.0.1/", "secret": new_secret()})
        == "webhook_url_refused"
    )
    confidential = {"url": "https://a.example/", "secret": new_secret(), "events": ["referred"]}
    assert house.refusal("add_webhook", "engineer", confidential) == "malformed"


def test_simulated_webhook_faults_fail_and_repeat_for_their_own_participant(house: House, receiver: Any) -> None:
    name, _ = endpoint(house, receiver)
    sale(house).propose()
    fault = house.ask("start_fault", "engineer", {"kind": "webhook_failing", "lasts_s": 60})["fault"]
    sandbox.refresh(house.ctx)
    deliver(house.ctx)
    assert receiver.seen == [] and "simulated" in log_of(house, name)[-1].error
    house.ask("end_fault", "engineer", {"fault": fault})
    house.ask("start_fault", "buyer", {"kind": "webhook_twice"})  # the buyer's, not ours
    sandbox.refresh(house.ctx)
    due(house, name)
    deliver(house.ctx)
    assert len(receiver.seen) == len({seen[0] for seen in receiver.seen}) > 0
