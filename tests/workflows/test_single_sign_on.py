"""Single sign-on against a real provider: who gets in, who is bound, and every wrong token told alike."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from test_sign_ins import NOBODY, digest, fresh, in_force, invited, member, said
from trading_house import Actor, House

from entrepot.core.errors import Invalid
from entrepot.identity import openid
from entrepot.store.sign_in_records import Attempt
from entrepot.workflows.people import single_sign_on
from entrepot.workflows.step.context import SignIn
from entrepot.workflows.work import send_out
from openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, open_provider


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with open_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider, house: House) -> Provider:
    running.behave()
    client = openid.Client(openid.Provider(running.issuer, CLIENT_ID, "Acme", CLIENT_SECRET))
    house.ctx.sign_in = SignIn("http://localhost:8080", client)
    return running


def attempt_of(house: House, attempt: str) -> Attempt:
    with house.store.door() as tx:
        found = tx.sign_ins.attempt(attempt)
    assert found is not None
    return found


def begin(house: House, by: Actor = NOBODY, **body: Any) -> str:
    answer = said(house, "begin_single_sign_on", by, **body)
    assert answer["status"] == 201, answer
    send_out(house.ctx)
    return str(answer["body"]["attempt"])


def brought_back(house: House, attempt: str) -> dict[str, str]:
    """What the browser carries from the provider to us."""
    at = attempt_of(house, attempt)
    assert at.state == "open", at.state
    sent = httpx.get(at.facts["authorize_url"], trust_env=False).headers["location"]
    assert sent.startswith("http://localhost:8080/sign-in/back?")
    return {name: values[0] for name, values in parse_qs(urlsplit(sent).query).items()}


def answered(house: House, attempt: str, given: dict[str, str], by: Actor = NOBODY, **body: Any) -> str:
    """How the attempt ends."""
    told = said(house, "answer_single_sign_on", by, attempt=attempt, **given, **body)
    send_out(house.ctx)
    return attempt_of(house, attempt).state if told["status"] == 202 else str(told["body"]["code"])


def bind(house: House, person: Actor) -> None:
    """The person binds whoever the provider says they are."""
    held = fresh(house, person)
    attempt = begin(house, person, **held)
    assert answered(house, attempt, brought_back(house, attempt), person, **held) == "done"


def sign_in(house: House, secret: str = "") -> str:
    attempt = begin(house)
    given = brought_back(house, attempt)
    return answered(house, attempt, given, secret_sha256=digest(secret or secrets.token_hex(8)))


def test_a_bound_identity_signs_in_and_an_unbound_one_is_refused(house: House, provider: Provider) -> None:
    person, _ = member(house)
    assert sign_in(house) == "refused", "nobody bound it"
    bind(house, person)
    assert sign_in(house, "mine") == "done" and in_force(house, "mine") == ["mine"]
    with house.store.work() as tx:
        session = tx.people.credential(digest("mine"))
        kept = tx.sign_ins.identities(person.id)
    assert session is not None and (session.person, session.role) == (person.id, "officer")
    assert len(kept) == 1 and "alice" not in repr(kept), "what the provider calls a person is not kept"
    provider.behave(subject="mallory")
    assert sign_in(house) == "refused"


def test_by_invitation_an_identity_is_bound_and_the_invitation_is_used_up(house: House, provider: Provider) -> None:
    provider.behave(subject="new-colleague")
    person, secret = invited(house)
    by = {"invitation": digest(secret)}
    attempt = begin(house, person, **by)
    given = brought_back(house, attempt)
    assert answered(house, attempt, given, person, secret_sha256=digest("first"), **by) == "done"
    assert in_force(house, "first") == ["first"]
    assert said(house, "begin_single_sign_on", person, **by)["status"] == 401
    assert sign_in(house) == "done"


def test_a_slow_worker_does_not_open_an_attempt_again_that_was_carried_to_its_end(
    house: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, _ = member(house)
    bind(house, person)
    asked: list[Attempt] = []
    ask = single_sign_on._ask
    monkeypatch.setattr(single_sign_on, "_ask", lambda ctx, at, attempt: (asked.append(attempt), ask(ctx, at, attempt)))
    sign_in(house)
    assert attempt_of(house, asked[-1].id).state == "done"
    assert house.ctx.sign_in.provider is not None
    ask(house.ctx, house.ctx.sign_in.provider, asked[-1])
    assert (attempt_of(house, asked[-1].id).state, attempt_of(house, asked[-1].id).facts) == ("done", {})


def test_a_slow_worker_does_not_say_no_to_an_attempt_that_another_said_yes_to(
    house: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, _ = member(house)
    bind(house, person)
    real = single_sign_on.outside

    def late(ctx: Any, item: Any) -> None:
        with ctx.store.work() as tx:
            attempt = tx.sign_ins.attempt(item.body["attempt"])
        real(ctx, item)
        if attempt is not None and attempt.state == "proving":
            single_sign_on._in_batch(ctx, lambda batch: single_sign_on._refuse(batch, attempt))  # its code was used

    monkeypatch.setattr(single_sign_on, "outside", late)
    assert sign_in(house, "mine") == "done" and in_force(house, "mine") == ["mine"]


def test_an_identity_is_one_persons_and_an_attempt_is_its_beginners(house: House, provider: Provider) -> None:
    first, _ = member(house)
    second, _ = member(house)
    bind(house, first)
    held = fresh(house, second)
    attempt = begin(house, second, **held)
    given = brought_back(house, attempt)
    assert answered(house, attempt, given, first, **fresh(house, first)) == "not_signed_in", "begun by another"
    assert answered(house, attempt, given, NOBODY, secret_sha256=digest("x")) == "not_signed_in"
    assert answered(house, attempt, given, second, **held) == "refused", "it is the first one's"
    with house.store.work() as tx:
        assert tx.sign_ins.identities(second.id) == []


OTHER_KEY = rsa.generate_private_key(65537, 2048)
WRONG: dict[str, dict[str, Any]] = {
    "wrong nonce": {"claims": {"nonce": "another"}},
    "no nonce": {"claims": {"nonce": None}},
    "wrong audience": {"claims": {"aud": "another-client"}},
    "made for two, authorised for the other": {"claims": {"aud": [CLIENT_ID, "other"], "azp": "other"}},
    "expired": {"claims": {"exp": int(time.time()) - 3600}},
    "no expiry": {"claims": {"exp": None}},
    "from the future": {"claims": {"iat": int(time.time()) + 86_400, "nbf": int(time.time()) + 86_400}},
    "another issuer's token": {"claims": {"iss": "https://evil.example"}},
    "no subject": {"claims": {"sub": ""}},
    "unsigned": {"algorithm": "none"},
    "signed with another key": {"signs_with": OTHER_KEY},
    "signed with the public key as a secret": {"algorithm": "HS256", "signs_with": "x" * 64},
    "answered by another issuer (mix-up)": {"callback": {"iss": "https://evil.example"}},
    "silent about its issuer though it promised": {
        "discovery": {"authorization_response_iss_parameter_supported": True}
    },
    "another state": {"callback": {"state": "another"}},
    "another code": {"callback": {"code": "guessed"}},
    "no code": {"callback": {"code": ""}},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_an_answer_signs_nobody_in(house: House, provider: Provider, name: str) -> None:
    person, _ = member(house)
    bind(house, person)
    provider.behave(**WRONG[name])
    assert sign_in(house, "thief") in ("refused", "not_signed_in")
    assert in_force(house, "thief") == []
    provider.behave()
    assert sign_in(house) == "done", "the nearest yes"


def test_a_provider_that_names_itself_in_its_answers_is_believed_when_it_does(house: House, provider: Provider) -> None:
    person, _ = member(house)
    bind(house, person)
    promise = {"authorization_response_iss_parameter_supported": True}
    provider.behave(discovery=promise, callback={"iss": provider.issuer})
    assert sign_in(house) == "done"


def test_a_code_is_good_once_and_for_its_own_attempt(house: House, provider: Provider) -> None:
    person, _ = member(house)
    bind(house, person)
    attempt = begin(house)
    given = brought_back(house, attempt)
    assert answered(house, attempt, given, secret_sha256=digest("one")) == "done"
    assert answered(house, attempt, given, secret_sha256=digest("two")) == "not_signed_in", "the attempt is over"
    later = begin(house)
    replayed = given | {"state": brought_back(house, later)["state"]}
    assert answered(house, later, replayed, secret_sha256=digest("three")) == "refused", "the code was used"
    mine, theirs = begin(house), begin(house)
    code = brought_back(house, theirs)["code"]
    crossed = brought_back(house, mine) | {"code": code}
    assert answered(house, mine, crossed, secret_sha256=digest("four")) == "refused", "PKCE binds a code to its attempt"
    assert in_force(house, "one", "two", "three", "four") == ["one"]


@pytest.mark.parametrize(
    "discovery",
    [{"issuer": "https://evil.example"}, {"authorization_endpoint": "http://evil.example/authorize"},
     {"authorization_endpoint": None}, {"authorization_endpoint": "javascript:alert(1)"}],
)  # fmt: skip
def test_a_description_that_is_not_the_providers_sends_nobody_anywhere(
    house: House, provider: Provider, discovery: dict[str, Any]
) -> None:
    provider.behave(discovery=discovery)
    assert attempt_of(house, begin(house)).state == "refused"


def test_a_provider_that_is_down_ends_the_attempt_and_the_next_one_works(house: House, provider: Provider) -> None:
    provider.behave(is_down=True)
    assert attempt_of(house, begin(house)).state == "refused"
    provider.behave()
    assert attempt_of(house, begin(house)).state == "open"


def test_after_an_attempt_nothing_of_it_is_kept_and_no_log_tells_the_secret(
    house: House, provider: Provider, capfd: pytest.CaptureFixture[str]
) -> None:
    person, _ = member(house)
    bind(house, person)
    attempt = begin(house)
    assert answered(house, attempt, brought_back(house, attempt), secret_sha256=digest("x")) == "done"
    assert attempt_of(house, attempt).facts == {}
    provider.behave(claims={"nonce": "another"})
    assert sign_in(house) == "refused"
    out = "".join(capfd.readouterr())
    assert "single sign-on refused" in out
    assert CLIENT_SECRET not in out and CLIENT_SECRET not in repr(house.ctx.sign_in)


def test_an_identity_is_removed_by_its_person_who_just_signed_in(house: House, provider: Provider) -> None:
    person, _ = member(house)
    bind(house, person)
    with house.store.work() as tx:
        identity = tx.sign_ins.identities(person.id)[0].id
    other, _ = member(house)
    assert said(house, "remove_identity", other, id=identity, **fresh(house, other))["status"] == 404
    old = fresh(house, person, age_s=3600)
    assert said(house, "remove_identity", person, id=identity, **old)["body"]["code"] == "prove_again"
    assert said(house, "remove_identity", person, id=identity, **fresh(house, person))["status"] == 200
    assert sign_in(house) == "refused"


def test_without_a_provider_there_is_no_such_way(house: House, provider: Provider) -> None:
    house.ctx.sign_in = replace(house.ctx.sign_in, provider=None)
    assert said(house, "begin_single_sign_on", NOBODY)["body"]["code"] == "no_single_sign_on"


@pytest.mark.parametrize(
    "issuer",
    ["http://login.example", "ftp://login.example", "https://user@login.example", "https://", "login.example"],
)
def test_a_provider_is_reached_by_https_only_but_on_this_machine(issuer: str) -> None:
    with pytest.raises(Invalid):
        openid.Provider(issuer, CLIENT_ID, "Acme")
    openid.Provider("https://login.example", CLIENT_ID, "Acme")
