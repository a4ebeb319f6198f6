"""Sessions and keys: a new secret for what a person may do anyway, never for more, and gone when it is ended."""

from __future__ import annotations

import secrets
import time
from hashlib import sha256
from typing import Any

import httpx
import psycopg
import pytest
from doors_ground import Ground

from entrepot.workflows.people.sessions import RENEWED_S, SESSION_S, SESSION_S_MAX

pytestmark = pytest.mark.slow


def digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def post(ground: Ground, secret: str, path: str, body: dict[str, Any]) -> httpx.Response:
    return ask(ground, secret, "POST", path, body)


def ask(ground: Ground, secret: str, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    return httpx.request(
        method,
        f"{ground.house.base_url}/v1{path}",
        json=body,
        headers={"Authorization": f"Bearer {secret}", "Idempotency-Key": secrets.token_hex(8)},
        trust_env=False,
        timeout=20,
    )


def opened(ground: Ground, with_: str, **body: Any) -> str:
    """The secret of a new session."""
    secret = secrets.token_urlsafe(24)
    answer = post(ground, with_, "/sessions", {"secret_sha256": digest(secret), **body})
    assert answer.status_code == 201, answer.text
    return secret


def key_of(ground: Ground, who: str) -> str:
    return ground.parties[who].http.headers["authorization"].partition(" ")[2]


def test_a_session_opens_what_its_key_opens_and_says_who_and_until_when(ground: Ground) -> None:
    began = int(time.time())
    session = opened(ground, key_of(ground, "buyer"))
    by_key, by_session = (ask(ground, one, "GET", "/me").json() for one in (key_of(ground, "buyer"), session))
    assert {name: by_key[name] for name in ("person", "participant", "role")} == {
        name: by_session[name] for name in ("person", "participant", "role")
    }
    assert by_session["name"] and by_session["participant_name"] == ground.stated["buyer"].name
    assert by_session["memberships"] == [
        {"participant": by_key["participant"], "role": "treasurer", "name": ground.stated["buyer"].name}
    ]
    assert by_session["credential"]["kind"] == "session"
    assert began + SESSION_S <= by_session["credential"]["expires_at"] <= time.time() + SESSION_S


def test_renewing_gives_a_new_secret_and_the_old_one_ends_within_a_minute(ground: Ground) -> None:
    first = opened(ground, key_of(ground, "buyer"))
    second = opened(ground, first)
    told = [ask(ground, one, "GET", "/me").json()["credential"] for one in (first, second)]
    assert told[0]["expires_at"] <= time.time() + RENEWED_S < told[1]["expires_at"]
    assert told[0]["opened_at"] == told[1]["opened_at"], "renewing is not proving who you are again"


def test_a_session_is_over_twelve_hours_after_the_person_showed_who_they_are(ground: Ground) -> None:
    session = opened(ground, key_of(ground, "buyer"))
    with psycopg.connect(ground.house.database.owner_dsn) as connection:
        connection.execute(
            "UPDATE credentials SET opened_at = opened_at - %s WHERE secret_sha256 = %s",
            (SESSION_S_MAX, digest(session)),
        )
    answer = post(ground, session, "/sessions", {"secret_sha256": digest("another")})
    assert answer.json()["code"] == "session_over"


def test_signing_out_ends_it_at_once_and_ending_it_again_changes_nothing(ground: Ground) -> None:
    session, other = (opened(ground, key_of(ground, "buyer")) for _ in range(2))
    assert ask(ground, session, "DELETE", "/credentials/this").status_code == 200
    assert ask(ground, session, "GET", "/me").status_code == 401
    assert ask(ground, other, "GET", "/me").status_code == 200
    shown = ask(ground, other, "GET", "/credentials").json()["credentials"]
    ended = next(one for one in shown if digest(session).startswith(one["credential"]))
    assert not ended["is_valid"] and [one["is_this"] for one in shown].count(True) == 1
    assert ask(ground, other, "DELETE", f"/credentials/{ended['credential']}").json()["expires_at"] <= time.time()


def test_nobody_becomes_more_than_they_are(ground: Ground) -> None:
    operator = ground.operator.get("/me")
    for wanted in ({"role": "operator"}, {"participant": operator["participant"], "role": "operator"}):
        answer = post(ground, key_of(ground, "buyer"), "/sessions", {"secret_sha256": digest("x"), **wanted})
        assert answer.json()["code"] == "not_found"


def test_another_persons_secret_is_not_taken_over(ground: Ground) -> None:
    """A thief who names the SHA-256 of somebody's secret as that of a new session of theirs gains nothing."""
    victim = key_of(ground, "buyer")
    answer = post(ground, key_of(ground, "carol"), "/sessions", {"secret_sha256": digest(victim)})
    assert answer.status_code >= 400, answer.text
    assert ask(ground, victim, "GET", "/me").json()["participant"] == ground.parties["buyer"].participant


def test_an_api_key_has_a_name_and_an_end(ground: Ground) -> None:
    secret = secrets.token_urlsafe(24)
    body = {"secret_sha256": digest(secret), "label": "Our ERP", "valid_s": 3600}
    made = post(ground, key_of(ground, "buyer"), "/credentials", body).json()
    assert ask(ground, secret, "GET", "/settlements").status_code == 200
    shown = ask(ground, secret, "GET", "/credentials").json()["credentials"]
    assert next(one for one in shown if one["label"] == "Our ERP")["credential"] == made["credential"]
    ask(ground, key_of(ground, "buyer"), "DELETE", f"/credentials/{made['credential']}")
    assert ask(ground, secret, "GET", "/me").status_code == 401


def test_stops_are_told_to_everybody_and_their_reason_to_staff(ground: Ground) -> None:
    until = ground.operator.get("/clock")["now"] + 3600
    body = {"subject": "stop", "body": {"grade": "new", "until": until}, "reason": "A drill, said the supervisor."}
    change = ground.supervisor.post("/changes", body)["change"]
    assert ground.parties["buyer"].get("/stops")["stops"] == [], "one person stops nothing"
    ground.people["supervisor-2"].post(f"/changes/{change}/confirmations")
    try:
        assert [set(one) for one in ground.parties["buyer"].get("/stops")["stops"]] == [{"grade", "until", "since"}]
        assert ground.operator.get("/stops")["stops"][0]["reason"] == body["reason"]
    finally:
        ground.pass_time(3700)
    assert ground.operator.get("/stops")["stops"] == []
