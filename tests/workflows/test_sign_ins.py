"""Passkeys and invitations: what proves a person, what does not, and that everything is good once."""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from authenticator import PRESENT, Authenticator, base64url
from trading_house import Actor, House, fresh_id

from entrepot.identity import passkey as proofs
from entrepot.store.memory_locks import Waits
from entrepot.store.records import Credential, Membership
from entrepot.store.sign_in_records import Identity
from entrepot.workflows.house.changes import CONFIRMING
from entrepot.workflows.people.sessions import SESSION_S
from entrepot.workflows.people.sign_ins import ATTEMPT_S, FRESH_S, INVITATION_S
from entrepot.workflows.work import step

OPERATORS = ("operator-1", "operator-2")
NOBODY = Actor("", "", "")


def digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def invited(house: House, name: str = "Ada", role: str = "officer", secret: str = "") -> tuple[Actor, str]:
    """A person whom two operators invited, and their link's secret."""
    secret = secret or secrets.token_urlsafe(24)
    body = {
        "participant": house.people["operator-1"].participant,
        "person_name": name,
        "role": role,
        "invitation_sha256": digest(secret),
    }
    house.four_eyes("membership", body, by=OPERATORS)
    with house.store.work() as tx:
        found = tx.sign_ins.invitation(digest(secret))
    assert found is not None
    return Actor(found.person, found.participant, found.role), secret


def said(house: House, kind: str, by: Actor, **body: Any) -> dict[str, Any]:
    return house.answer(house.put(kind, by, body))


def granted(house: House, kind: str, by: Actor, **body: Any) -> dict[str, Any]:
    answer = said(house, kind, by, **body)
    assert answer["status"] < 400, answer
    return dict(answer["body"])


def register(house: House, person: Actor, secret: str, **options: Any) -> Authenticator:
    """The invited person's first passkey."""
    device = Authenticator(house.ctx.sign_in.origin, **options)
    begun = granted(house, "begin_passkey", person, invitation=digest(secret))
    given = {"invitation": digest(secret), "attempt": begun["attempt"], "secret_sha256": digest("s" + secret)}
    granted(house, "add_passkey", person, **given, passkey=device.create(begun["options"]))
    return device


def member(house: House) -> tuple[Actor, Authenticator]:
    person, secret = invited(house)
    return person, register(house, person, secret)


def answer_with(house: House, by: Authenticator, *, secret: str = "", **changed: Any) -> dict[str, Any]:
    """A sign-in with this device."""
    begun = granted(house, "begin_sign_in", NOBODY)
    given = {"attempt": begun["attempt"], "secret_sha256": digest(secret or secrets.token_hex(8))}
    return said(house, "sign_in", NOBODY, **given | {"passkey": by.get(begun["options"])} | changed)


def machine_now(house: House) -> int:
    """The machine's own clock, by which sign-ins last: other tests move the sandbox's."""
    return house.ctx.now() - house.ctx.offset_s


def later(house: House, monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """The machine's own clock moves on."""
    now = machine_now(house)
    monkeypatch.setattr("entrepot.workflows.step.context.time.time", lambda: now + seconds)


def test_by_invitation_a_person_registers_and_is_signed_in_as_what_two_persons_said(house: House) -> None:
    person, secret = invited(house)
    register(house, person, secret)
    with house.store.work() as tx:
        session = tx.people.credential(digest("s" + secret))
        assert tx.people.memberships(person=person.id) == [Membership(person.id, person.participant, "officer")]
    assert session is not None and (session.person, session.role, session.kind) == (person.id, "officer", "session")


def test_an_invitation_takes_two_persons_and_is_not_given_for_a_role_that_is_not_held(house: House) -> None:
    person, _ = invited(house)
    body = {"participant": person.participant, "person": person.id, "role": "officer"}
    again = body | {"invitation_sha256": digest("again")}
    change = house.ask("propose_change", "operator-1", {"subject": "invitation", "body": again, "reason": "lost it"})
    with house.store.work() as tx:
        assert tx.sign_ins.invitation(digest("again")) is None, "one person invites nobody"
    assert house.refusal("confirm_change", "operator-1", {"change": change["change"]}) == "same_person"
    house.ask("confirm_change", "operator-2", {"change": change["change"]})
    register(house, person, "again")
    more = again | {"role": "supervisor", "invitation_sha256": digest("more")}
    change = house.ask("propose_change", "operator-1", {"subject": "invitation", "body": more, "reason": "climbs"})
    assert house.refusal("confirm_change", "operator-2", {"change": change["change"]}) == "not_found"


def test_a_membership_comes_with_a_credential_or_an_invitation_not_both(house: House) -> None:
    body = {"participant": house.people["operator-1"].participant, "person_name": "Ada", "role": "officer"}
    both = body | {"invitation_sha256": "ab" * 32, "secret_sha256": "cd" * 32}
    for wrong in (both, body, body | {"invitation_sha256": "my secret"}):
        ask = {"subject": "membership", "body": wrong, "reason": "why"}
        assert house.refusal("propose_change", "operator-1", ask) == "malformed"


def test_an_invitation_is_good_once_for_its_person_and_for_three_days(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, secret = invited(house)
    other, _ = invited(house, "Noor")
    assert said(house, "begin_passkey", other, invitation=digest(secret))["status"] == 401
    assert said(house, "begin_passkey", person, invitation=digest("another"))["status"] == 401
    begun = granted(house, "begin_passkey", person, invitation=digest(secret))
    register(house, person, secret)
    device = Authenticator(house.ctx.sign_in.origin)
    given = {"invitation": digest(secret), "attempt": begun["attempt"], "secret_sha256": digest("x")}
    late = said(house, "add_passkey", person, **given, passkey=device.create(begun["options"]))
    assert late["status"] == 401, "begun before the invitation was used, and late all the same"
    third, unused = invited(house, "Late")
    later(house, monkeypatch, INVITATION_S + 1)
    assert said(house, "begin_passkey", third, invitation=digest(unused))["status"] == 401


def test_a_passkey_opens_a_session_that_ends_in_an_hour_and_its_counter_is_kept(house: House) -> None:
    person, device = member(house)
    opened = answer_with(house, device, secret="mine", device="Firefox on Linux")
    assert opened["status"] == 201 and opened["body"]["role"] == "officer"
    with house.store.work() as tx:
        session = tx.people.credential(digest("mine"))
        kept = tx.sign_ins.passkeys(person.id)[0]
    assert session is not None and session.expires_at - session.opened_at == SESSION_S
    assert (session.label, kept.sign_count) == ("Firefox on Linux", 1) and kept.last_used_at


WRONG: dict[str, dict[str, Any]] = {
    "another site's page": {"origin": "https://evil.example"},
    "another port of this machine": {"origin": "http://localhost:1"},
    "another relying party": {"rp_id": "evil.example"},
    "its owner was not verified": {"flags": PRESENT},
    "another person's handle": {"handle": base64url(b"\x01" * 16)},
    "an unknown passkey": {"id": b"\x05" * 16},
}


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_answer_is_told_alike(house: House, name: str) -> None:
    _, device = member(house)
    unknown = said(house, "sign_in", NOBODY, attempt=fresh_id(), secret_sha256=digest("x"), passkey={})
    wrong = answer_with(house, replace(device, **WRONG[name]))
    assert wrong == unknown and wrong["status"] == 401 and wrong["body"]["code"] == "not_signed_in"
    assert answer_with(house, device)["status"] == 201, "the nearest yes"


def test_another_key_under_a_known_id_proves_nothing(house: House) -> None:
    _, device = member(house)
    forged = Authenticator(device.origin, id=device.id, handle=device.handle)
    assert answer_with(house, forged)["status"] == 401


def test_a_counter_that_does_not_grow_gives_a_copy_away(house: House) -> None:
    _, device = member(house)
    copy = replace(device, counter=0)
    for _ in range(2):
        assert answer_with(house, device)["status"] == 201
    assert answer_with(house, copy)["status"] == 401, "behind"
    assert answer_with(house, copy)["status"] == 401, "level"
    assert answer_with(house, device)["status"] == 201, "the owner's goes on"


def test_a_challenge_is_answered_once_right_or_wrong_and_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, device = member(house)
    begun = granted(house, "begin_sign_in", NOBODY)
    given = {"attempt": begun["attempt"], "passkey": device.get(begun["options"])}
    assert said(house, "sign_in", NOBODY, **given, secret_sha256=digest("a"))["status"] == 201
    assert said(house, "sign_in", NOBODY, **given, secret_sha256=digest("b"))["status"] == 401
    begun = granted(house, "begin_sign_in", NOBODY)
    wrong = replace(device, origin="https://evil.example").get(begun["options"])
    right = {"attempt": begun["attempt"], "passkey": device.get(begun["options"]), "secret_sha256": digest("c")}
    assert said(house, "sign_in", NOBODY, **right | {"passkey": wrong})["status"] == 401
    assert said(house, "sign_in", NOBODY, **right)["status"] == 401, "the challenge was spent on a wrong answer"
    begun = granted(house, "begin_sign_in", NOBODY)
    late = {"attempt": begun["attempt"], "passkey": device.get(begun["options"]), "secret_sha256": digest("d")}
    later(house, monkeypatch, ATTEMPT_S + 1)
    assert said(house, "sign_in", NOBODY, **late)["status"] == 401


def test_a_challenge_of_another_attempt_proves_nothing(house: House) -> None:
    _, device = member(house)
    one, other = (granted(house, "begin_sign_in", NOBODY) for _ in range(2))
    given = {"attempt": one["attempt"], "passkey": device.get(other["options"]), "secret_sha256": digest("a")}
    assert said(house, "sign_in", NOBODY, **given)["status"] == 401
    person, device = member(house)
    begun = granted(house, "begin_passkey", person, **fresh(house, person))
    crossed = {"attempt": begun["attempt"], "secret_sha256": digest("b"), "passkey": device.get(begun["options"])}
    assert said(house, "sign_in", NOBODY, **crossed)["status"] == 401, "an attempt to register signs nobody in"


def fresh(house: House, person: Actor, *, age_s: int = 0, kind: Any = "session") -> dict[str, str]:
    """A credential of the person's, so old."""
    secret, now = secrets.token_hex(8), machine_now(house)
    with house.store.work() as tx:
        session = Credential(
            digest(secret), person.id, person.participant, person.role, now + 99, kind, "", now - age_s
        )
        tx.people.put_credential(session)
    return {"with": digest(secret)}


def test_a_second_passkey_is_added_named_and_removed_by_whoever_just_signed_in(house: House) -> None:
    person, first = member(house)
    held = fresh(house, person)
    begun = granted(house, "begin_passkey", person, **held)
    assert [one["id"] for one in begun["options"]["excludeCredentials"]] == [base64url(first.id)]
    second = Authenticator(first.origin)
    given = held | {"attempt": begun["attempt"], "label": " Phone "}
    made = granted(house, "add_passkey", person, **given, passkey=second.create(begun["options"]))
    assert made == {"passkey": base64url(second.id), "label": "Phone"}
    granted(house, "name_passkey", person, id=made["passkey"], label="Old phone")
    granted(house, "remove_passkey", person, id=made["passkey"], **held)
    assert answer_with(house, second)["status"] == 401
    assert answer_with(house, first)["status"] == 201


@pytest.mark.parametrize("stolen", [{"age_s": FRESH_S + 60}, {"kind": "key"}])
def test_an_old_session_or_a_key_changes_no_way_in(house: House, stolen: dict[str, Any]) -> None:
    person, device = member(house)
    held = fresh(house, person, **stolen)
    assert said(house, "begin_passkey", person, **held)["body"]["code"] == "prove_again"
    gone = said(house, "remove_passkey", person, id=base64url(device.id), even_if_last=True, **held)
    assert gone["body"]["code"] == "prove_again"


def test_the_last_way_in_goes_only_if_its_owner_says_so(house: House) -> None:
    person, device = member(house)
    given = fresh(house, person) | {"id": base64url(device.id)}
    assert said(house, "remove_passkey", person, **given)["body"]["code"] == "last_way_in"
    assert said(house, "remove_passkey", person, **given, even_if_last=True)["status"] == 200
    assert answer_with(house, device)["status"] == 401


def test_a_passkey_that_is_removed_while_it_signs_in_opens_nothing_and_stays_removed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, device = member(house)
    proved = proofs.proved

    def slow(*plain: Any, **named: Any) -> int:
        house.store._tables.sign_ins.passkeys.drop(base64url(device.id))  # type: ignore[attr-defined]  # another worker
        return proved(*plain, **named)

    with monkeypatch.context() as patch:
        patch.setattr(proofs, "proved", slow)
        assert answer_with(house, device)["status"] == 401
    with house.store.work() as tx:
        assert tx.sign_ins.passkey(base64url(device.id)) is None


def waits_for(house: House, name: str, act: str, by: Actor, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to an act that waits while another worker has locked this name."""
    item = house.put(act, by, body)
    with house.store.work() as tx:
        tx.people.lock(name)
        with house.store.beside(), pytest.raises(Waits):  # type: ignore[attr-defined]
            step(house.ctx)
    return house.answer(item)


@pytest.mark.parametrize("act", ["open_session", "end_credential", "end_others", "remove_passkey", "remove_identity"])
def test_what_two_workers_would_do_past_each_other_they_do_one_after_the_other(house: House, act: str) -> None:
    """A session that is renewed while it is ended, and two last ways in that go at once."""
    person, device = member(house)
    held, identity = fresh(house, person), Identity(digest(person.id), person.id, "https://login.example", 1)
    with house.store.work() as tx:
        tx.sign_ins.put_identity(identity)
    asked: dict[str, dict[str, Any]] = {
        "open_session": {"secret_sha256": digest(secrets.token_hex(8))},
        "end_credential": {"credential": held["with"][:16]},
        "remove_passkey": {"id": base64url(device.id)},
        "remove_identity": {"id": identity.id},
    }
    assert waits_for(house, person.id, act, person, held | asked.get(act, {}))["status"] < 400


def test_confirmations_and_first_wallets_come_one_after_the_other(house: House) -> None:
    stop = {"subject": "stop", "body": {"grade": "new", "until": house.now() + 3600}, "reason": "A drill."}
    change = house.ask("propose_change", "operator-1", stop)
    confirmed = waits_for(house, CONFIRMING, "confirm_change", house.people["operator-2"], {"change": change["change"]})
    assert confirmed["status"] < 400
    house.four_eyes("lift_stop", {"stop": change["change"]}, by=("operator-1", "operator-2"))
    company = house.people["seller"].participant
    refused = waits_for(house, company, "add_wallet", house.people["operator-1"], {"participant": company})
    assert refused["body"]["code"] == "wallet_change_by_two"


def test_anothers_passkey_is_not_there(house: House) -> None:
    _, device = member(house)
    other, _ = member(house)
    for kind in ("remove_passkey", "name_passkey"):
        given = {"id": base64url(device.id), "label": "mine now", "even_if_last": True}
        assert said(house, kind, other, **given, **fresh(house, other))["body"]["code"] == "not_found"


def test_a_passkey_that_is_registered_already_is_refused(house: House) -> None:
    _, device = member(house)
    other, secret = invited(house, "Noor")
    begun = granted(house, "begin_passkey", other, invitation=digest(secret))
    given = {"invitation": digest(secret), "attempt": begun["attempt"], "secret_sha256": digest("x")}
    thief = Authenticator(device.origin, id=device.id)
    taken = said(house, "add_passkey", other, **given, passkey=thief.create(begun["options"]))
    assert taken["body"]["code"] == "passkey_known"


def test_hostile_answers_are_wrong_answers_and_no_defect(house: House) -> None:
    person, _ = member(house)
    deep = base64.urlsafe_b64encode(b"\x81" * 100_000).decode().rstrip("=")
    for junk in ("", "AA", base64url(b"\xbf" * 50), base64url(b"\x9b" + b"\xff" * 8), deep):
        begun = granted(house, "begin_passkey", person, **fresh(house, person))
        answer = {"id": "AA", "rawId": "AA", "type": "public-key",
                  "response": {"clientDataJSON": junk, "attestationObject": junk}}  # fmt: skip
        given = {"attempt": begun["attempt"], "passkey": answer} | fresh(house, person)
        assert said(house, "add_passkey", person, **given)["status"] == 401
    step(house.ctx)
    with house.store.work() as tx:
        assert tx.inbox.stuck() == []


def test_a_session_ends_with_every_secret_it_had_and_others_go_on(house: House) -> None:
    person, device = member(house)
    for name in ("desk", "phone"):
        assert answer_with(house, device, secret=name)["status"] == 201
    granted(house, "open_session", person, **{"with": digest("desk"), "secret_sha256": digest("desk-2")})
    granted(house, "end_credential", person, credential=digest("desk-2"))
    assert in_force(house, "desk", "desk-2", "phone") == ["phone"], "the secret before the last one ended too"
    assert answer_with(house, device, secret="desk-3")["status"] == 201
    granted(house, "end_others", person, **{"with": digest("phone")})
    assert in_force(house, "desk-3", "phone") == ["phone"]


def in_force(house: House, *names: str) -> list[str]:
    """Those of the secrets that still open something."""
    with house.store.work() as tx:
        found = {name: tx.people.credential(digest(name)) for name in names}
    return [name for name, one in found.items() if one is not None and one.expires_at >= machine_now(house)]


def test_a_programs_key_opens_no_session(house: House) -> None:
    person, device = member(house)
    assert answer_with(house, device, secret="mine")["status"] == 201
    granted(house, "add_key", person, secret_sha256=digest("erp"), label="Our ERP", valid_s=600)
    given = {"with": digest("erp"), "secret_sha256": digest("more")}
    assert said(house, "open_session", person, **given)["body"]["code"] == "key_is_for_a_program"
