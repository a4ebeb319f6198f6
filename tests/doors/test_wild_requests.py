"""Idempotency keys, credentials, problems after RFC 9457, and requests that nobody should send: never a 500."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest
import schemathesis
from doors_ground import Ground, code_of
from hypothesis import HealthCheck, Phase, given, settings

from entrepot.core.crypto import sha256
from entrepot.core.ids import ENTROPY_BYTES, new_id

PROBLEM = "application/problem+json"
QUOTE = {"currency": "USD", "amount": "100"}
# They move all others' clock, fail on purpose, answer 503 where that is the truth, or end the caller's own credential.
NOT_FUZZED = ("/v1/clock", "/v1/sandbox/faults", "/healthz", "/v1/credentials/{credential}")
FUZZ_EXAMPLES = 8  # of each endpoint
JSON = {"Content-Type": "application/json"}
SIGNATURE = "0x" + "11" * 65


def _key() -> dict[str, str]:
    return {"Idempotency-Key": os.urandom(8).hex()}


def _require_problem(answer: httpx.Response, status: int, code: str = "") -> dict[str, Any]:
    """The shape of RFC 9457, with our code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith(PROBLEM), answer.headers
    body: dict[str, Any] = answer.json()
    assert body["status"] == status and body["type"] == f"urn:entrepot:error:{body['code']}" and body["title"]
    assert not code or body["code"] == code, body
    return body


@pytest.fixture(scope="module", autouse=True)
def nothing_breaks(ground: Ground) -> Iterator[None]:
    """Whatever was sent: afterwards the house is healthy, and no request was set aside as our defect."""
    yield
    health = ground.operator.http.get("/healthz").json()
    assert health["set_aside"] == 0, _set_aside(ground)
    ground.house.require_alive()


def _set_aside(ground: Ground) -> list[Any]:
    with psycopg.connect(ground.house.database.owner_dsn) as connection:
        return connection.execute("SELECT kind, set_aside FROM inbox WHERE set_aside_at IS NOT NULL").fetchall()


# ---- idempotency keys


def test_a_retry_gives_the_same_answer_and_does_nothing_twice(ground: Ground) -> None:
    client, headers = ground.parties["carol"], _key()
    first = ground.propose("KEY-0", "carol", "dave")
    body = json.dumps({"settlement": first})
    answers = [client.http.post("/v1/quotes", content=body, headers=headers | JSON) for _ in range(3)]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1 and answers[0].status_code == 200
    assert ground.events(first).count("quote_given") == 2
    looked_up = client.http.get(f"/v1/requests/{headers['Idempotency-Key']}")
    assert looked_up.content == answers[0].content


def test_the_same_key_with_another_body_is_refused_and_another_persons_key_is_not_ours(ground: Ground) -> None:
    carol, dave, headers = ground.parties["carol"].http, ground.parties["dave"].http, _key()
    assert carol.post("/v1/quotes", json=QUOTE, headers=headers).status_code == 200
    _require_problem(
        carol.post("/v1/quotes", json=QUOTE | {"amount": "101"}, headers=headers), 409, "idempotency_key_reused"
    )
    other = carol.post(f"/v1/trades/{new_id(1, b'1' * ENTROPY_BYTES)}/withdrawal", headers=headers)
    _require_problem(other, 409, "idempotency_key_reused")
    assert dave.post("/v1/quotes", json=QUOTE | {"amount": "101"}, headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 101}])
def test_without_a_key_of_its_own_nothing_is_taken(ground: Ground, headers: dict[str, str]) -> None:
    paths = ground.operator.http.get("/v1/openapi.json").json()["paths"]
    for path, methods in paths.items():
        if "post" in methods and not path.endswith("/statements") and not path.startswith("/v1/invitation"):
            filled = path.replace("{settlement}", "0" * 32).replace("{change}", "0" * 32).replace("{webhook}", "0" * 32)
            answer = ground.operator.http.post(filled, json={}, headers=headers)
            _require_problem(answer, 422)


# ---- who calls


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer unknown", "Basic dXNlcjpwYXNz", "Bearer " + "x" * 201, "bearer \u00e9"],
)
def test_an_unknown_credential_opens_no_door(ground: Ground, header: str | None) -> None:
    sent = {} if header is None else {b"Authorization": header.encode("latin-1")}
    paths = ground.operator.http.get("/v1/openapi.json").json()["paths"]
    headers = httpx.Headers([*sent.items(), (b"Idempotency-Key", b"k")])
    with httpx.Client(base_url=ground.house.base_url, trust_env=False) as http:
        for path, methods in paths.items():
            if path in ("/healthz", "/v1/sign-ins", "/v1/single-sign-on"):  # they ask nobody who they are
                continue
            filled = path.replace("{address}", "0x" + "00" * 20).replace("{key}", "k")
            filled = "/".join("0" * 32 if part.startswith("{") else part for part in filled.split("/"))
            for method in methods:
                http.cookies.clear()  # nobody is known by what an earlier answer left
                answer = http.request(method, filled, headers=headers)
                assert answer.status_code in (401, 422, 429), (method, path, answer.text)
                assert "json" not in answer.headers["content-type"] or answer.json()["code"] in (
                    "not_signed_in",
                    "malformed",
                    "too_many_attempts",  # the ways in are braked after some wrong answers
                )


def test_an_expired_credential_opens_no_door(ground: Ground) -> None:
    """A key of this test's own: others here go on signing in as whoever holds it."""
    secret = os.urandom(24).hex()
    digest = sha256(secret.encode()).hex()
    ground.people["authority"].post("/credentials", {"secret_sha256": digest, "label": "a program", "valid_s": 3600})
    with httpx.Client(base_url=ground.house.base_url, headers={"authorization": f"Bearer {secret}"}) as program:
        assert program.get("/v1/me").status_code == 200
        with psycopg.connect(ground.house.database.owner_dsn) as connection:
            kept = {"hash": digest, "at": int(time.time()) - 1}
            done = connection.execute("UPDATE credentials SET expires_at = %(at)s WHERE secret_sha256 = %(hash)s", kept)
            assert done.rowcount == 1
        _require_problem(program.get("/v1/me"), 401, "not_signed_in")


def test_a_treasurer_does_no_act_of_an_officer_operator_or_supervisor(ground: Ground) -> None:
    party = ground.parties["dave"]
    own = ground.agree("ROLE-1", "carol", "dave")
    account = f"eip155:31337:{party.address}"
    acts: dict[str, tuple[str, Any]] = {
        "not_allowed": ("/participants", {"name": "Mallory", "country": "PE"}),
        "lists": ("/lists", None),
        "screening": ("/screenings", {"name": "anybody"}),
        "examination": (f"/settlements/{own}/examinations", {"signature": SIGNATURE, "complies": True}),
        "award": (f"/settlements/{own}/awards", {"to_seller_minor": 1, "signatures": [SIGNATURE]}),
        "block": (f"/settlements/{own}/blocks", {"reason": "why"}),
        "block review": (f"/settlements/{own}/block-reviews", {"reason": "why"}),
        "fee": (f"/settlements/{own}/fee-claims", None),
        "case": (f"/cases/{own}/dispositions", {"verdict": "clear", "reason": "why"}),
        **{
            subject: ("/changes", {"subject": subject, "body": {"settlement": own}, "reason": "why"})
            for subject in ("stop", "membership", "freeze", "unfreeze", "unblock", "return_payment")
        },
    }
    for name, (path, body) in acts.items():
        assert code_of(partial(party.post, path, body)) == "not_allowed", name
    wallet = {"participant": ground.parties["carol"].participant, "account": account, "signature": SIGNATURE}
    assert code_of(lambda: party.post("/wallets", wallet)) == "not_found"
    for path in ("/cases", f"/cases/{own}", "/changes"):
        assert code_of(partial(party.get, path)) == "not_found"


# ---- requests nobody should send


def _nested(depth: int) -> bytes:
    return b'{"subject":"stop","reason":"x","body":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


HOSTILE: dict[str, bytes] = {
    "nested deep": _nested(200_000),
    "nested deep in arrays": b"[" * 1_000_000,
    "nested a little too deep": _nested(40),
    "not a number": b'{"subject":"stop","reason":"x","body":{"grade":"all","until":NaN}}',
    "infinite": b'{"subject":"stop","reason":"x","body":{"grade":"all","until":-Infinity}}',
    "too big a number": b'{"subject":"stop","reason":"x","body":{"grade":"all","until":1e400}}',
    "more digits than a parser takes": b'{"subject":"stop","reason":"x","body":{"until":' + b"9" * 5000 + b"}}",
    "beyond 64 bits": b'{"subject":"stop","reason":"x","body":{"grade":"all","until":99999999999999999999999}}',
    "negative": b'{"subject":"stop","reason":"x","body":{"grade":"all","until":-5}}',
    "a text for a number": b'{"subject":"stop","reason":"x","body":{"grade":"all","until":"1"}}',
    "true for a number": b'{"subject":"stop","reason":"x","body":{"grade":"all","until":true}}',
    "NUL in a text": b'{"subject":"stop","reason":"a\\u0000b","body":{"grade":"all","until":5}}',
    "half a character": b'{"subject":"stop","reason":"a\\ud800b","body":{"grade":"all","until":5}}',
    "not UTF-8": b'{"subject":"stop","reason":"\xff\xfe","body":{"grade":"all","until":5}}',
    "no JSON": b"<invoice/>",
    "cut off": b'{"subject":"stop"',
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "an unknown member": b'{"subject":"stop","reason":"x","body":{},"force":true}',
    "no settlement's id": b'{"subject":"freeze","reason":"x","body":{"settlement":"../../etc/passwd","until":5}}',
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_a_problem_and_no_defect(ground: Ground, name: str) -> None:
    for client in (ground.supervisor, ground.operator):
        answer = client.http.post("/v1/changes", content=HOSTILE[name], headers=_key() | JSON)
        assert answer.status_code in (409, 422), (name, answer.status_code, answer.text)
        _require_problem(answer, answer.status_code)
    assert ground.operator.http.get("/v1/me").status_code == 200, "serve ended"


def test_a_body_that_is_too_long_is_refused_with_and_without_its_length(ground: Ground) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"reason":"'
        for _ in range(20):
            yield b"x" * 1_000_000

    known = ground.operator.http
    for content in (b'{"reason":"' + b"x" * 17_000_000, pieces()):
        with httpx.Client(base_url=known.base_url, headers=known.headers, trust_env=False) as http:
            try:
                answer = http.post("/v1/changes", content=content, headers=_key() | JSON)
            except (httpx.WriteError, httpx.RemoteProtocolError):
                continue  # the connection was closed on us while we sent
            assert answer.status_code in (413, 422), answer.text
    assert known.get("/v1/me").status_code == 200


@pytest.mark.parametrize("path", ["/sign-in/demo", "/v1/changes", "/nowhere"])
def test_who_is_refused_while_sending_hears_why_and_keeps_the_connection(ground: Ground, path: str) -> None:
    """A refusal that came before the body was read would cut the connection under the caller's next request."""
    url = httpx.URL(ground.house.base_url)
    head = f"POST {path} HTTP/1.1\r\nhost: {url.netloc.decode()}\r\norigin: https://evil.example\r\n"
    with socket.create_connection((url.host, url.port), timeout=20) as sent:
        for _ in range(2):
            sent.sendall(f"{head}content-type: application/json\r\ncontent-length: 3\r\n\r\n".encode())
            time.sleep(0.3)
            sent.sendall(b"{ }")
            heard = b""
            while b"\r\n\r\n" not in heard:
                heard += sent.recv(65_536) or pytest.fail(f"cut off after {heard!r}")
            text, body = heard.split(b"\r\n\r\n", 1)
            assert int(text.split()[1]) in (401, 403, 404, 405), text
            told = re.search(rb"content-length: (\d+)", text, re.IGNORECASE)
            length = int(told[1]) if told else 0
            while len(body) < length:
                body += sent.recv(65_536) or pytest.fail("cut off in the body")


@pytest.mark.parametrize("depth", [100, 200_000])
def test_a_document_that_is_nested_deep_ends_neither_door_nor_worker(ground: Ground, depth: int) -> None:
    import base64

    raw = base64.b64encode(b'{"schema":' + b"[" * depth + b"]" * depth + b"}").decode()
    xml = base64.b64encode(b"<a>" * depth + b"</a>" * depth).decode()
    carol, dave = ground.parties["carol"], ground.parties["dave"]
    for text in (raw, xml):
        sent = {"invoice_base64": text, "buyer": dave.participant}
        for path in ("/v1/trades", "/v1/dry-runs"):
            _require_problem(carol.http.post(path, json=sent, headers=_key()), 422)
    settlement = ground.propose(f"DEEP-{depth}", "carol", "dave")
    for path in ("statements", "presentations"):
        body: dict[str, Any] = {"act": "presentation", "documents_base64": [raw]}
        if path == "presentations":
            body = {"documents_base64": [raw], "signature": SIGNATURE}
        answer = carol.http.post(f"/v1/settlements/{settlement}/{path}", json=body, headers=_key())
        assert answer.status_code in (409, 422), answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/v1/settlements?after=zz", "/v1/settlements?after=%00", "/v1/settlements?limit=-5",
        "/v1/settlements?limit=1e9",
        "/v1/settlements?state=%27%3B--", "/v1/settlements/%00", "/v1/settlements/" + "f" * 32, "/v1/requests/%00",
        "/v1/requests/" + "k" * 5000, "/v1/ledger/balances?settlement=" + "0" * 32 + "&at=99999999999999999999",
        "/v1/log/checkpoint?size=-1", "/v1/log/checkpoint?size=99999999999999999999", "/v1/log/consistency?old=0&new=0",
        "/v1/log/consistency?old=1&new=9999999999999999999999", "/v1/wallets/ownership/" + "0" * 32 + "/0xzz",
        "/v1/nothing", "/v1/participants/%F0%9F%92%A9", "/v1/settlements/" + "0" * 32 + "/events?after=1e9",
    ],
)  # fmt: skip
def test_a_wild_address_is_a_problem_or_an_ordinary_answer(ground: Ground, path: str) -> None:
    for client in (ground.operator, ground.parties["carol"]):
        answer = client.http.get(path)
        assert answer.status_code in (200, 404, 422), (path, answer.status_code, answer.text)
        if answer.status_code != 200:
            _require_problem(answer, answer.status_code)


def test_a_wrong_method_is_a_problem_too(ground: Ground) -> None:
    _require_problem(ground.operator.http.delete("/v1/settlements"), 405)


def test_unavailable_is_a_problem_of_its_own_kind() -> None:
    from entrepot.core.errors import CODES, Invalid, Refused, TooMany, Unauthenticated, Unavailable, Unknown
    from entrepot.workflows.step.answers import problem

    kinds = {kind.kind: kind for kind in (Unknown, Unauthenticated, Invalid, Refused, Unavailable, TooMany)}
    for code in CODES.values():
        answer = problem(kinds[code.kind](code.code, "A sentence.", path="a.b", cites=("UCP 600 art. 14",)))
        assert answer["status"] == kinds[code.kind].http_status == answer["body"]["status"]
        assert answer["body"]["type"] == f"urn:entrepot:error:{code.code}" and answer["body"]["cites"]


def test_no_request_after_the_schema_is_a_defect(ground: Ground) -> None:
    schema = schemathesis.openapi.from_dict(ground.operator.http.get("/v1/openapi.json").json())
    schema.config.update(base_url=ground.house.base_url)
    clients = (ground.parties["carol"], ground.officer)
    found: list[str] = []
    until = time.monotonic() + 35

    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        if operation.path in NOT_FUZZED:
            continue

        @settings(
            max_examples=FUZZ_EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def knock(case: Any) -> None:
            if time.monotonic() > until:
                return
            for client in clients:
                if (case.query or {}).get("live"):
                    case.query["live"] = False
                headers = {"Authorization": f"Bearer {client.secret}"} | (_key() if case.method == "POST" else {})
                answer = case.call(headers=headers, timeout=10)
                if answer.status_code >= 500:
                    found.append(
                        f"{case.method} {case.formatted_path} {case.query} {case.body!r:.300} {answer.text:.200}"
                    )

        knock()
    assert not found, found[:5]
