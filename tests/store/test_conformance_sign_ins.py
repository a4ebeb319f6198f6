"""Passkeys, identities, invitations and attempts on every store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import NOW, new_id

from entrepot.store.records import Credential, Membership, Participant, Reader
from entrepot.store.sign_in_records import Attempt, Identity, Invitation, Passkey
from entrepot.store.store import Store


def passkey(person: str, name: str = "key-1") -> Passkey:
    return Passkey(name, person, b"\x00cose", 3, "My laptop", NOW, 0, ("hybrid", "internal"), True)


def invitation() -> Invitation:
    return Invitation("ab" * 32, new_id(), new_id(), "officer", NOW, NOW + 60)


def attempt(**facts: object) -> Attempt:
    return Attempt(new_id(), "openid", "asked", NOW + 60, facts={"challenge": "00"} | facts)


def test_a_passkey_comes_back_and_only_what_moves_is_changed(store: Store) -> None:
    one = passkey(new_id())
    with store.work() as tx:
        tx.sign_ins.put_passkey(one)
        assert tx.sign_ins.passkey(one.id) == one
        assert tx.sign_ins.use_passkey(one.id, sign_count=4, at=NOW + 5)
        assert tx.sign_ins.name_passkey(one.id, "Desk")
        assert tx.sign_ins.use_passkey(one.id, sign_count=3, at=NOW + 4), "another worker was slower with this one"
        used = replace(one, sign_count=4, label="Desk", last_used_at=NOW + 5)
        assert tx.sign_ins.passkeys(one.person) == [used]
        assert tx.sign_ins.passkey("nobody's") is None and tx.sign_ins.passkeys(new_id()) == []


def test_what_was_removed_is_not_there_again_by_its_use(store: Store) -> None:
    """A worker that had read it goes on with what it has read: the way in stays closed."""
    one, identity = passkey(new_id()), Identity("cd" * 32, new_id(), "https://login.example", NOW)
    with store.work() as tx:
        tx.sign_ins.put_passkey(one)
        tx.sign_ins.put_identity(identity)
        tx.sign_ins.remove_passkey(one.id)
        tx.sign_ins.remove_identity(identity.id)
    with store.work() as tx:
        assert not tx.sign_ins.use_passkey(one.id, sign_count=9, at=NOW + 1)
        assert not tx.sign_ins.name_passkey(one.id, "Desk")
        assert not tx.sign_ins.use_identity(identity.id, at=NOW + 1)
        assert tx.sign_ins.passkey(one.id) is None and tx.sign_ins.identity(identity.id) is None


def test_a_passkey_or_identity_does_not_change_hands(store: Store) -> None:
    one, identity = passkey(new_id()), Identity("cd" * 32, new_id(), "https://login.example", NOW)
    with store.work() as tx:
        tx.sign_ins.put_passkey(one)
        tx.sign_ins.put_identity(identity)
        assert tx.sign_ins.use_identity(identity.id, at=NOW + 1)
    for taken in (one, replace(one, person=new_id())):
        with pytest.raises(AssertionError), store.work() as tx:
            tx.sign_ins.put_passkey(taken)
    for bound in (identity, replace(identity, person=new_id())):
        with pytest.raises(AssertionError), store.work() as tx:
            tx.sign_ins.put_identity(bound)
    with store.work() as tx:
        assert tx.sign_ins.passkey(one.id) == one
        assert tx.sign_ins.identity(identity.id) == replace(identity, last_used_at=NOW + 1)
        assert tx.sign_ins.identities(identity.person) == [replace(identity, last_used_at=NOW + 1)]
        tx.sign_ins.remove_identity(identity.id)
        assert tx.sign_ins.identity(identity.id) is None


def test_an_invitation_is_used_once(store: Store) -> None:
    one = invitation()
    with store.work() as tx:
        tx.sign_ins.put_invitation(one)
    with store.work() as tx:
        assert tx.sign_ins.use_invitation(one.secret_sha256, at=NOW + 1)
        assert not tx.sign_ins.use_invitation(one.secret_sha256, at=NOW + 2)
        assert not tx.sign_ins.use_invitation("00" * 32, at=NOW)
    with store.door() as tx:
        assert tx.sign_ins.invitation(one.secret_sha256) == replace(one, used_at=NOW + 1)
        assert tx.sign_ins.invitation("00" * 32) is None


def test_an_attempt_moves_once_and_is_forgotten_when_it_is_over(store: Store) -> None:
    one, later = attempt(nonce="n"), replace(attempt(), expires_at=NOW + 600)
    with store.work() as tx:
        for row in (one, later):
            tx.sign_ins.put_attempt(row)
        assert tx.sign_ins.attempt(one.id) == one
        tx.sign_ins.put_attempt(replace(one, state="open", facts={"at": "https://login.example"}))
        assert tx.sign_ins.move_attempt(one.id, before="open", after="proving")
        assert not tx.sign_ins.move_attempt(one.id, before="open", after="proving")
    with store.door() as tx:
        found = tx.sign_ins.attempt(one.id)
        assert found is not None and (found.state, found.facts) == ("proving", {"at": "https://login.example"})
    with store.work() as tx:
        tx.sign_ins.forget_attempts(expired_before=NOW + 61)
        assert tx.sign_ins.attempt(one.id) is None and tx.sign_ins.attempt(later.id) == later


def test_what_was_undone_is_not_there(store: Store) -> None:
    one, asked = passkey(new_id()), invitation()
    with store.work() as tx:
        tx.sign_ins.put_invitation(asked)
    with pytest.raises(ZeroDivisionError), store.work() as tx:
        tx.sign_ins.put_passkey(one)
        tx.sign_ins.use_invitation(asked.secret_sha256, at=NOW)
        raise ZeroDivisionError
    with store.work() as tx:
        assert tx.sign_ins.passkey(one.id) is None
        assert tx.sign_ins.use_invitation(asked.secret_sha256, at=NOW)


def test_a_person_sees_their_own_ways_in_and_nobody_elses(store: Store) -> None:
    person, other, company = new_id(), new_id(), new_id()
    with store.work() as tx:
        tx.sign_ins.put_passkey(passkey(person))
        tx.sign_ins.put_identity(Identity("cd" * 32, person, "https://login.example", NOW))
        tx.sign_ins.put_invitation(replace(invitation(), person=person, participant=company))
        tx.sign_ins.put_attempt(started := attempt())
    with store.read(Reader(company, "treasurer", person)) as tx:
        assert len(tx.sign_ins.passkeys(person)) == len(tx.sign_ins.identities(person)) == 1
        assert tx.sign_ins.invitation("ab" * 32) is None and tx.sign_ins.attempt(started.id) is None
    with store.read(Reader(company, "treasurer", other)) as tx:
        assert tx.sign_ins.passkeys(person) == [] and tx.sign_ins.passkey("key-1") is None
        assert tx.sign_ins.identities(person) == [] and tx.sign_ins.identity("cd" * 32) is None


def test_a_person_sees_their_memberships_elsewhere_and_a_colleague_does_not(store: Store) -> None:
    person, colleague, here, there = (new_id() for _ in range(4))
    with store.work() as tx:
        for company in (here, there):
            tx.people.put_participant(Participant(company, "company", "DE", "admitted", NOW, {"name": company}))
            tx.people.put_membership(Membership(person, company, "treasurer"))
        tx.people.put_credential(Credential("ef" * 32, person, there, "treasurer", NOW + 9, session="ef" * 32))
    with store.read(Reader(here, "treasurer", person)) as tx:
        assert [one.participant for one in tx.people.memberships(person=person)] == [here, there]
        seen = tx.people.participant(there)
        assert seen is not None and seen.profile == {"name": there}
        assert [one.session for one in tx.people.credentials(person)] == ["ef" * 32]
    with store.read(Reader(here, "treasurer", colleague)) as tx:
        assert [one.participant for one in tx.people.memberships(person=person)] == [here]
        assert tx.people.participant(there) is None and tx.people.credentials(person) == []
