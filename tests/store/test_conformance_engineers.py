"""Webhook endpoints, deliveries, requests and sandbox acts on every store: sealed, leased, each one's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import NOW, admit, api_request, delivery, endpoint, happen, new_id, settlement

from entrepot.store.engineer_records import Asked, Endpoint, SandboxAct, WebhookSecret
from entrepot.store.records import Reader
from entrepot.store.store import Store


@pytest.fixture
def company(store: Store) -> str:
    """An admitted company."""
    made = new_id()
    admit(store, made, name="Kestrel Tea")
    return made


def put(store: Store, *endpoints: Endpoint) -> None:
    """Keeps endpoints, each with a secret."""
    with store.work() as tx:
        for one in endpoints:
            tx.webhooks.put_endpoint(one)
            tx.webhooks.put_secret(WebhookSecret(new_id(), one.id, "whsec_" + "A" * 32, NOW))


def claim(store: Store, now: int = NOW) -> list[str]:
    """Ids of the endpoints that are due, claimed for a minute."""
    with store.work() as tx:
        return [one.id for one in tx.webhooks.claim(now=now, limit=5, lease_s=60)]


def test_an_endpoint_is_its_participants_and_its_secrets_are_the_workers(store: Store, company: str) -> None:
    one = endpoint(company)
    put(store, one)
    with store.read(Reader(company, "engineer")) as tx:
        assert tx.webhooks.endpoints(company) == [one] and tx.webhooks.endpoint(one.id) == one
        try:
            assert tx.webhooks.secrets(one.id, now=NOW) == []
        except AssertionError as refused:
            assert "permission denied" in str(refused)
    with store.read(Reader(new_id(), "engineer")) as tx:
        assert tx.webhooks.endpoint(one.id) is None and tx.webhooks.endpoints(company) == []
    with store.work() as tx:
        tx.webhooks.put_endpoint(replace(one, state="deleted"))
        assert tx.webhooks.endpoints(company) == [] and tx.webhooks.endpoint(one.id) is not None


def test_two_secrets_are_in_force_until_the_older_ends(store: Store, company: str) -> None:
    one = endpoint(company)
    put(store, one)
    with store.work() as tx:
        (old,) = tx.webhooks.secrets(one.id, now=NOW)
        tx.webhooks.put_secret(replace(old, ends_at=NOW + 10))
        tx.webhooks.put_secret(WebhookSecret(new_id(), one.id, "whsec_" + "B" * 32, NOW + 1))
        both = [secret.secret[-1] for secret in tx.webhooks.secrets(one.id, now=NOW + 9)]
        assert both == ["B", "A"]
        assert [secret.secret[-1] for secret in tx.webhooks.secrets(one.id, now=NOW + 10)] == ["B"]
    with pytest.raises(AssertionError), store.work() as tx:  # a second newest
        tx.webhooks.put_secret(WebhookSecret(new_id(), one.id, "whsec_" + "C" * 32, NOW + 2))


def test_an_endpoint_is_claimed_once_while_it_is_behind_the_log(store: Store, company: str) -> None:
    one, paused = endpoint(company), endpoint(company, state="paused")
    put(store, one, paused)
    assert claim(store) == []  # the log is empty: nobody is behind
    trade = settlement(seller=company)
    with store.work() as tx:
        tx.settlements.insert(trade)
        happen(tx, trade, "quote_given")
    assert claim(store) == [one.id]
    assert claim(store, NOW + 59) == []
    assert claim(store, NOW + 60) == [one.id]  # whoever held it is gone
    with store.work() as tx:
        tx.webhooks.put_endpoint(replace(one, cursor=0))
        tx.webhooks.release(one.id)
    assert claim(store) == []
    asked = Asked(new_id(), paused.id, "test", -1, NOW)
    with store.work() as tx:
        tx.webhooks.ask(asked)
        tx.webhooks.ask(asked)
        assert tx.webhooks.asked(paused.id) == [asked]
    assert claim(store) == [paused.id]  # what was asked for is tried where the rest is paused
    with store.work() as tx:
        tx.webhooks.asked_done(asked.id, at=NOW)
        tx.webhooks.release(paused.id)
    assert claim(store) == []


def test_an_endpoint_waits_for_its_next_try(store: Store, company: str) -> None:
    one = endpoint(company, next_try_at=NOW + 5)
    put(store, one)
    trade = settlement(seller=company)
    with store.work() as tx:
        tx.settlements.insert(trade)
        happen(tx, trade, "quote_given")
    assert claim(store, NOW + 4) == [] and claim(store, NOW + 5) == [one.id]


def test_a_worker_finds_what_the_participant_itself_may_read_and_no_more(store: Store, company: str) -> None:
    own, others = settlement(seller=company), settlement()
    with store.work() as tx:
        for trade in (own, others):
            tx.settlements.insert(trade)
        after = happen(tx, own, "quote_given")
        happen(tx, others, "quote_given")
        happen(tx, after, "referred", "quote_given")  # the first is confidential
    with store.read(Reader(company, "engineer")) as tx:
        theirs = tx.log.leaves(after=-1, limit=100)
    with store.work() as tx:
        assert tx.webhooks.visible(company, after=-1, limit=100) == (theirs, 3)
        assert [one.index for one in theirs] == [0, 3]
        assert tx.webhooks.visible(company, after=0, limit=2) == ([], 2)
        assert tx.webhooks.visible(company, after=3, limit=2) == ([], 3)


def test_deliveries_come_newest_first_are_sealed_and_forgotten(store: Store, company: str) -> None:
    one = endpoint(company)
    put(store, one)
    sent = [delivery(one, attempt=number) for number in (1, 2, 3)]
    with store.work() as tx:
        for each in sent:
            tx.webhooks.put_delivery(each)
    with store.read(Reader(company, "treasurer")) as tx:
        assert tx.webhooks.deliveries(one.id) == sent[::-1]
        assert tx.webhooks.deliveries(one.id, before=sent[2].id, limit=1) == [sent[1]]
        assert tx.webhooks.delivery(sent[0].id) == sent[0]
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.webhooks.deliveries(one.id) == [] and tx.webhooks.delivery(sent[0].id) is None
    with store.work() as tx:
        tx.webhooks.forget_deliveries(one.id, keep=2)
        assert tx.webhooks.deliveries(one.id) == [sent[2], sent[1]]
        tx.papers.erase_owner(company)
        assert tx.webhooks.delivery(sent[2].id).exchange == {}  # type: ignore[union-attr]
        assert tx.webhooks.endpoint(one.id).url == "" and tx.webhooks.secrets(one.id, now=NOW) == []  # type: ignore[union-attr]


def test_requests_are_a_doors_to_write_and_their_participants_to_read(store: Store, company: str) -> None:
    rows = [
        api_request(company),
        api_request(company, method="GET", path="/v1/me", status=404, code="not_found"),
        api_request(new_id()),
    ]
    with store.door() as tx:
        tx.requests.add(rows)
    with store.read(Reader(company, "engineer")) as tx:
        assert tx.requests.of(company) == [rows[1], rows[0]]
        assert tx.requests.of(company, before=rows[1].id) == [rows[0]]
        for search in ("get", "404", "not_found", "/ME", rows[1].id):
            assert tx.requests.of(company, search=search) == [rows[1]], search
        assert tx.requests.of(company, search="%") == [] and tx.requests.get(rows[2].id) is None
        assert tx.requests.of(rows[2].participant) == []
    with pytest.raises(AssertionError), store.read(Reader(company, "engineer")) as tx:
        tx.requests.add([api_request(company)])
    with store.work() as tx:
        assert tx.requests.forget(before_ms=NOW * 1000) == 0 and tx.requests.forget(before_ms=NOW * 1000 + 1) == 3


def test_a_sandbox_act_lasts_until_its_end_and_everybody_sees_it(store: Store, company: str) -> None:
    act = SandboxAct(new_id(), "node_down", {"n": 1}, company, new_id(), "Kestrel Tea", NOW, NOW + 10)
    with store.work() as tx:
        tx.sandbox.start(act)
        assert tx.sandbox.active(now=NOW + 9) == [act] and tx.sandbox.active(now=NOW + 10) == []
        assert tx.sandbox.overdue(now=NOW + 9) == [] and tx.sandbox.overdue(now=NOW + 10) == [act]
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.sandbox.newest() == [act] and tx.sandbox.newest(kind="clock") == []
    with store.work() as tx:
        tx.sandbox.end(act.id, at=NOW + 3, told="by hand")
        tx.sandbox.end(act.id, at=NOW + 4, told="again")
        assert tx.sandbox.newest() == [replace(act, ended_at=NOW + 3, told="by hand")]
        assert tx.sandbox.active(now=NOW) == [] and tx.sandbox.overdue(now=NOW + 99) == []


def test_the_day_of_a_keys_last_use_is_kept(store: Store, company: str) -> None:
    with store.work() as tx:
        (person,) = {one.person for one in tx.people.memberships(participant=company)}
        (key,) = tx.people.credentials(person)
        tx.people.put_credential(replace(key, last_used_at=NOW))
        assert [one.last_used_at for one in tx.people.credentials(person)] == [NOW]
