"""Two pairs of companies at every endpoint: what is another's is not there, and no party learns what officers know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx
import psycopg
import pytest
from doors_ground import Ground
from tenants_listed import ABSENT, CLOSED, DELETES, GETS, PATCHES, POSTS, SIGNATURE, STAFF

from entrepot.core.ids import ENTROPY_BYTES, new_id, new_settlement_id
from entrepot.demo.client import Client

SAME_WORDS = ("state", "says", "next_act", "event", "kind", "is_ended", "phase", "act")
# What only officers know. `decision_sha256` is salted and stands in every passport, so it is not among them.
OFFICERS_ONLY = (
    "in_review", "review", "referred", "disposed", "disposition", "blocked", "block_review", "on_hold", "frozen",
    "refused",
    "suspended", "listed", "INVENTED", "INV-0", "LATECOMERS", "\"hit", "\"case", "score", "reject", "pause",
)  # fmt: skip


@dataclass
class Theirs:
    """What belongs to the first pair, and must not reach the second."""

    ids: dict[str, str]
    secrets: list[bytes]


@pytest.fixture(scope="module")
def theirs(ground: Ground) -> Iterator[Theirs]:
    """A released trade of the first pair, with every kind of thing it leaves; the second pair has its own trade."""
    made, _ = ground.side_by_side(
        lambda: ground.brought_to("released", "TEN-1", "seller", "buyer"),
        lambda: ground.brought_to("agreed", "TEN-2", "carol", "dave"),
    )
    seller, buyer, view = ground.seller(made), ground.buyer(made), ground.view(made)
    key = "a-key-of-the-buyer"
    buyer.http.post("/v1/quotes", json={"currency": "USD", "amount": "5"}, headers={"Idempotency-Key": key})
    body = {"subject": "stop", "body": {"grade": "new", "until": ground.now() + 600}, "reason": "a change of staff"}
    asked = ground.operator.post(f"/settlements/{made}/information-requests", {"to": "buyer", "items": ["contract"]})
    file = {"name": "contract.txt", "content_base64": "Q09OVFJBQ1Q="}
    buyer.post(f"/information-requests/{asked['request']}/answers", {"text": "It is attached.", "files": [file]})
    answer = buyer.get(f"/information-requests/{asked['request']}")["answers"][0]
    ids = {
        "settlement": made,
        "kind": "packing_list",
        "request_id": asked["request"],
        "file": answer["files"][0]["id"],
        "paper": seller.get(f"/settlements/{made}/documents")["documents"][0]["id"],
        "participant": buyer.participant,
        "kyb": ground.operator.get(f"/participants/{buyer.participant}")["profile"]["documents"][0]["paper"],
        "reconciliation": ground.operator.post("/reconciliations")["reconciliation"],
        "address": buyer.address,
        "view": buyer.post("/views", {"name": "Late", "query": "show=open"})["id"],
        "change": ground.supervisor.post("/changes", body)["change"],
        "approval": _waiting(buyer),
        "key": key,
        **_integrated(buyer),
        "credential": sha256(buyer.http.headers["authorization"].partition(" ")[2].encode()).hexdigest()[:16],
    }
    ids |= {
        "passkey": "cGFzc2tleQ",
        "attempt": buyer.http.post("/v1/sign-ins", headers={"Idempotency-Key": key + "2"}).json()["attempt"],
    }
    ids |= {"identity": "8" * 64, "period": "2026-01-01"}
    with psycopg.connect(ground.house.database.owner_dsn) as connection:
        connection.execute(
            "INSERT INTO identities VALUES (%s, %s, %s, 1, 0)",
            (ids["identity"], buyer.get("/me")["person"], "https://their-own.example"),
        )
        connection.execute(
            "INSERT INTO passkeys VALUES (%s, %s, %s, 0, %s, %s, false, 1, 0)",
            (ids["passkey"], buyer.get("/me")["person"], b"cose", "The buyer's own laptop", []),
        )
    stated = [ground.stated["seller"], ground.stated["buyer"]]
    texts = ["It is attached.", "contract.txt", ids["request_id"]]
    texts += [made, ids["paper"], seller.participant, buyer.participant, seller.address[2:], buyer.address[2:]]
    texts += [
        view["escrow"][2:],
        view["terms_hash"][2:],
        view["fee_minor"],
        "TEN-1",
        "coffee",
        "MV Example Star",
        "own laptop",
        "their-own",
    ]
    texts += [text for party in stated for text in (party.name, party.lei, party.registration, party.tax_id) if text]
    yield Theirs(ids, [text.encode() for text in texts])


def _waiting(buyer: Client) -> str:
    """An act of the buyer that waits for another person."""
    return str(buyer.post("/payees", {"bank_name": "Bank of the first pair"})["approval"])


def _integrated(client: Any) -> dict[str, str]:
    """What an engineer of the buyer leaves."""
    webhook = _webhook(client)
    fault = client.post("/sandbox/faults", {"kind": "webhook_twice", "lasts_s": 300})["fault"]
    return {
        "webhook": webhook,
        "delivery": _delivered(client, webhook),
        "fault": fault,
        "api_request": _logged(client),
    }


def _webhook(client: Any) -> str:
    return str(client.post("/webhooks", {"url": "http://127.0.0.1:9/"})["endpoint"])


def _delivered(client: Any, webhook: str) -> str:
    """A test event that was tried; nobody listens there."""
    client.post(f"/webhooks/{webhook}/tests", None)
    path = f"/webhooks/{webhook}/deliveries"
    return str(client.until(lambda: client.get(path)["deliveries"], bool, 20)[0]["id"])


def _logged(client: Any) -> str:
    """A request that the log has."""
    made = client.http.get("/v1/me").headers["x-request-id"]
    client.until(lambda: client.http.get(f"/v1/requests/by-id/{made}").status_code, lambda status: status == 200, 20)
    return str(made)


def _nobodys(ids: dict[str, str]) -> dict[str, str]:
    """Ids of the same shape that nobody has."""
    return {
        **{name: new_id(1, bytes([7]) * ENTROPY_BYTES) for name in ids},
        "settlement": new_settlement_id(1, bytes([7]) * ENTROPY_BYTES),
        "address": "0x" + "77" * 20,
        "key": "a-key-of-nobody",
        "kind": "packing_list",
        "credential": "7" * 16,
        "passkey": "bm9ib2R5cw",
        "identity": "9" * 64,
        "period": "2026-01-02",
    }


def _filled(template: Any, ids: dict[str, str]) -> Any:
    text = json.dumps(template)
    for name, value in ids.items():
        text = text.replace("{" + name + "}", value)
    return json.loads(text)


def _knock(ground: Ground, who: str, method: str, path: str, given: Any, ids: dict[str, str]) -> httpx.Response:
    client = ground.parties[who]
    if method == "GET":
        return client.http.get(_filled(path, ids), params=_filled(given, ids))
    return client.http.request(
        method, _filled(path, ids), json=_filled(given, ids), headers={"Idempotency-Key": new_id(2, _noise())}
    )


def _noise() -> bytes:
    import os

    return os.urandom(ENTROPY_BYTES)


def test_every_endpoint_stands_in_the_tables(ground: Ground) -> None:
    paths = ground.operator.http.get("/v1/openapi.json").json()["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    told = {("GET", path) for path in GETS} | {("POST", path) for path in POSTS}
    told |= {("DELETE", path) for path in DELETES} | {("PATCH", path) for path in PATCHES}
    assert found == told, "an endpoint came or went: say here what another tenant gets from it"


@pytest.mark.parametrize("path", GETS)
def test_reading_with_anothers_ids(ground: Ground, theirs: Theirs, path: str) -> None:
    _try(ground, theirs, "GET", path, *GETS[path])


@pytest.mark.parametrize("path", [path for path, (_, body) in POSTS.items() if body or "{" in path])
def test_acting_with_anothers_ids(ground: Ground, theirs: Theirs, path: str) -> None:
    _try(ground, theirs, "POST", path, *POSTS[path])


@pytest.mark.parametrize("path", DELETES)
def test_ending_what_is_anothers(ground: Ground, theirs: Theirs, path: str) -> None:
    _try(ground, theirs, "DELETE", path, *DELETES[path])
    assert ground.parties["buyer"].http.get("/v1/me").status_code == 200


@pytest.mark.parametrize("path", PATCHES)
def test_changing_what_is_anothers(ground: Ground, theirs: Theirs, path: str) -> None:
    _try(ground, theirs, "PATCH", path, *PATCHES[path])


def _try(ground: Ground, theirs: Theirs, method: str, path: str, kind: str, given: Any) -> None:
    answer = _knock(ground, "carol", method, path, given, theirs.ids)
    sent = json.dumps([path, given])
    for secret in theirs.secrets:
        is_echo = "{participant}" in sent and secret.decode() in (theirs.ids["participant"], theirs.ids["address"][2:])
        assert is_echo or secret.lower() not in answer.content.lower(), f"{path} gives away {secret!r}"
    if kind in (ABSENT, STAFF):
        other = _knock(ground, "carol", method, path, given, _nobodys(theirs.ids))
        assert (answer.status_code, answer.content) == (other.status_code, other.content), "an oracle for another's id"
        assert answer.status_code == 404 or (kind == STAFF and answer.json()["code"] == "not_allowed"), answer.text
    elif kind == CLOSED:
        assert answer.status_code == 401 and answer.json()["code"] == "not_signed_in", answer.text
    else:
        assert answer.status_code in (200, 201, 202), answer.text


def test_the_parties_themselves_read_it_all(ground: Ground, theirs: Theirs) -> None:
    for path, (kind, given) in GETS.items():
        who = "buyer"
        if kind == ABSENT:
            answer = _knock(ground, who, "GET", path, given, theirs.ids)
            assert answer.status_code == 200, (path, answer.text)


def test_anothers_invoice_is_not_ones_own(ground: Ground, theirs: Theirs) -> None:
    import base64

    raw = base64.b64encode(ground.documents(theirs.ids["settlement"])[0]).decode()
    for path in ("/v1/trades", "/v1/dry-runs"):
        body = {"invoice_base64": raw, "buyer": theirs.ids["participant"]}
        answer = _knock(ground, "carol", "POST", path, body, theirs.ids)
        assert answer.status_code == 409 and answer.json()["code"] == "invoice_not_yours"
        assert not [secret for secret in theirs.secrets if secret in answer.content]


# ---- no party learns what officers know


def _told(ground: Ground, who: str, settlement: str) -> dict[str, bytes]:
    """Every byte that a party can read of a settlement."""
    others = ("{paper}", "{key}", "{request_id}", "{approval}", "{delivery}", "/samples/")
    paths = [path for path, (kind, _) in GETS.items() if kind == ABSENT and not any(one in path for one in others)]
    ids = {"settlement": settlement, "participant": ground.parties[who].participant}
    got = {path: _knock(ground, who, "GET", path, GETS[path][1], ids).content for path in paths}
    got["list"] = ground.parties[who].http.get("/v1/settlements").content
    return got


def _shape(value: Any) -> Any:
    """The keys and kinds of an answer, without what differs between any two settlements."""
    if isinstance(value, dict):
        return {
            name: inner if name in SAME_WORDS else _shape(inner)
            for name, inner in value.items()
        }  # fmt: skip
    if isinstance(value, list):
        return [_shape(entry) for entry in value]
    return type(value).__name__


def _steps(told: dict[str, bytes]) -> Any:
    """The same of everything a party reads; proofs have as many nodes as the log is long."""

    def without_proofs(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without_proofs(inner) for name, inner in value.items() if name not in ("proof", "next")}
        return [without_proofs(entry) for entry in value] if isinstance(value, list) else value

    return {path: _shape(without_proofs(json.loads(raw))) for path, raw in told.items() if path != "list"}


def _slow(ground: Ground, act: Any) -> Any:
    """What `act` reads while an ordinary cause, lists that are a day old, keeps every check waiting."""
    with psycopg.connect(ground.house.database.owner_dsn) as connection:
        connection.execute("UPDATE list_versions SET verified_at = verified_at - 90000")
    try:
        return act()
    finally:
        ground.reload_lists()


def test_a_review_looks_like_an_ordinary_slow_check(ground: Ground) -> None:
    made = ground.agree("TIP-REVIEW", "seller", "namesake")
    ground.until(made, "in_review")
    ground.officer.post(f"/cases/{made}/dispositions", {"verdict": "clear", "reason": "another company"})

    def ordinary() -> tuple[str, dict[str, bytes]]:
        other = ground.agree("TIP-SLOW", "seller", "namesake")
        ground.operator.until(lambda: ground.view(other)["pause"], bool)
        return other, _told(ground, "namesake", other)

    _, slow = _slow(ground, ordinary)
    for who in ("seller", "namesake"):
        told = _told(ground, who, made)
        _assert_silent(told, made)
    assert _steps(_told(ground, "namesake", made)) == _steps(slow)


def test_after_a_review_a_partys_events_are_numbered_without_a_gap(ground: Ground) -> None:
    made = ground.agree("TIP-NUMBERS", "seller", "namesake")
    ground.until(made, "in_review")
    for officer in (ground.officer, ground.officer2):
        officer.post(f"/cases/{made}/dispositions", {"verdict": "clear", "reason": "another company"})
    ground.until(made, "cleared")
    for who in ("seller", "namesake"):
        events = ground.parties[who].get(f"/settlements/{made}/events")["events"]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    seen = ground.officer.get(f"/settlements/{made}/events")["events"]
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1)) and len(seen) > len(events)


def test_a_block_looks_like_an_ordinary_slow_release(ground: Ground) -> None:
    blocked, ordinary = ground.side_by_side(
        lambda: ground.brought_to("presented", "TIP-BLOCK", "carol", "dave"),
        lambda: ground.brought_to("presented", "TIP-WAIT", "carol", "dave"),
    )

    def paused() -> dict[str, bytes]:
        for one in (blocked, ordinary):
            ground.examiner.examine(one, complies=True)
        ground.operator.until(lambda: ground.view(ordinary)["pause"], bool)
        ground.officer.post(f"/settlements/{blocked}/blocks", {"reason": "an officer's own finding"})
        ground.until(blocked, "blocked")
        return _told(ground, "carol", ordinary)

    slow = _slow(ground, paused)
    for who in ("carol", "dave"):
        _assert_silent(_told(ground, who, blocked), blocked)
    assert _steps(_told(ground, "carol", blocked)) == _steps(slow)
    ground.until(ordinary, "released")  # the nearest yes: what was only slow goes on
    late = {"reason": "late"}
    answer = ground.parties["dave"].http.post(
        f"/v1/settlements/{blocked}/disputes",
        json=late | {"signature": ground.parties["dave"].signature(blocked, {"act": "dispute"} | late)},
        headers={"Idempotency-Key": "tip-dispute"},
    )  # fmt: skip
    _assert_silent({"dispute": answer.content}, blocked)


def test_signing_does_not_tell_what_the_checks_found(ground: Ground) -> None:
    made = ground.propose("TIP-SIGN", "seller", "namesake")
    ground.parties["seller"].sign_terms(made)
    answer = ground.parties["namesake"].sign_terms(made)
    assert ground.view(made)["state"] == "in_review" and answer["state"] == "checking"
    late = ground.parties["namesake"].http.post(
        f"/v1/trades/{made}/signatures", json={"signature": SIGNATURE}, headers={"Idempotency-Key": "tip-sign"}
    )
    _assert_silent({"again": late.content}, made)


def test_what_is_refused_for_a_listing_ends_in_the_words_of_what_merely_lapsed(ground: Ground) -> None:
    made = ground.agree("TIP-REFUSED", "seller", "listed", keys=ground.new_keys)
    ground.until(made, "refused")
    lapsed = ground.propose("TIP-LAPSED", "seller", "listed")
    ground.parties["listed"].post(f"/trades/{lapsed}/withdrawal")
    views = [ground.parties["listed"].get(f"/settlements/{one}") for one in (made, lapsed)]
    assert views[0]["state"] == views[1]["state"] == "ended" and views[0]["says"] == views[1]["says"]
    assert views[0].keys() == views[1].keys()
    _assert_silent(_told(ground, "listed", made), made)


def _assert_silent(told: dict[str, bytes], settlement: str) -> None:
    for path, raw in told.items():
        if path == "list":
            rows = json.loads(raw)["settlements"]
            raw = json.dumps([row for row in rows if row["id"] == settlement]).encode()
        said = (
            raw.decode().replace("reject_presentation", "").replace("MV Example", "").replace('"paused_until":null', "")
        )
        found = [word for word in OFFICERS_ONLY if word in said]
        assert not found, f"{path} tells a party of {found}: {said[:600]}"
