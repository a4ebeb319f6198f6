"""Supervise: roles, wallets, stops and lawful orders, most by two persons; lists, and the sandbox clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.store.records import STAFF_ROLES, Change, Credential, InboxItem, Membership, Person

from ..checks.payee import change_payee, check_payee, require_owned
from ..people.sessions import keep_new
from ..people.sign_ins import invite
from ..step.answers import answered, require_role, signature_in, text_in, whole_in
from ..step.batch import Batch
from ..step.change_kind import Effect, Kind
from ..trade import unwind

ROLES = ("treasurer", "engineer", "operator", "officer", "examiner", "arbiter", "supervisor", "authority")
STAFF_KINDS = ("operator", "authority")  # whose people see and judge all settlements
CREDENTIAL_S = 90 * 86_400
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_ID = re.compile(r"[0-9a-f]{32}\Z")

declare(
    "Refused",
    not_of_the_house="The role judges settlements, and the participant trades: its people may not have it.",
    wallet_change_by_two="The participant has a wallet; another one is a change by two persons.",
)


def add_wallet(batch: Batch, item: InboxItem) -> Json:
    """A participant's first wallet, whose key signed for it. Any other is a change by two persons, with a cooling-off.

    A stolen credential may not move where a company is paid.
    """
    require_role(item, "operator", "treasurer")
    participant = text_in(item.body, "participant", chars_max=32)
    if item.role == "treasurer" and participant != item.participant:
        raise Unknown("not_found", "There is no such participant.")
    batch.tx.people.lock(participant)
    known = batch.tx.people.wallets(participant)
    if known and item.body.get("account") not in {wallet.account for wallet in known}:
        raise Refused("wallet_change_by_two", "Another wallet is a change that two persons decide.")
    return _admit_wallet(batch, item.body)


def _admit_wallet(batch: Batch, body: Json) -> Json:
    wallet = require_owned(batch, body)
    if batch.tx.people.participant(wallet.participant) is None:
        raise Unknown("not_found", "There is no such participant.")
    batch.tx.people.put_wallet(wallet)
    return answered(201, {"account": wallet.account, "participant": wallet.participant})


def _check_membership(_: Batch, body: Json) -> None:
    if body.get("role") not in ROLES:
        raise Invalid("malformed", f"role is one of {', '.join(ROLES)}.", path="body.role")
    _require_id(body, "participant")
    if body.get("person"):
        _require_id(body, "person")
    text_in(body, "person_name", chars_max=140)
    name = "invitation_sha256" if "invitation_sha256" in body else "secret_sha256"
    _require_digest(body, name)
    if {"invitation_sha256", "secret_sha256"} <= set(body):
        raise Invalid("malformed", "A membership comes with a credential or with an invitation.", path="body")


def _check_invitation(_: Batch, body: Json) -> None:
    for name in ("person", "participant"):
        _require_id(body, name)
    if body.get("role") not in ROLES:
        raise Invalid("malformed", f"role is one of {', '.join(ROLES)}.", path="body.role")
    _require_digest(body, "invitation_sha256")


def _require_digest(body: Json, name: str) -> None:
    if not _SHA256.match(str(body.get(name, ""))):
        raise Invalid("malformed", f"{name} is the SHA-256 of a secret, in hex.", path=f"body.{name}")


def _check_wallet(_: Batch, body: Json) -> None:
    _require_id(body, "participant")
    text_in(body, "account", chars_max=100)
    signature_in(body)


def _require_id(body: Json, name: str) -> None:
    if not _ID.match(text_in(body, name, chars_max=32)):
        raise Invalid("malformed", f"{name} is an id of 32 hex digits.", path=f"body.{name}")


def _check_order(_: Batch, body: Json) -> None:
    _require_id(body, "settlement")
    whole_in(body, "until", default=0)


def _check_return(batch: Batch, body: Json) -> None:
    _check_order(batch, body)
    text_in(body, "transaction", chars_max=66)


def _joined(batch: Batch, _: InboxItem, change: Change) -> Json:
    """A person (new, or known by id) gets a membership, and a credential or an invitation to come in by."""
    body = change.body
    participant = batch.tx.people.participant(body["participant"])
    if participant is None:
        raise Unknown("not_found", "There is no such participant.")
    if body["role"] in STAFF_ROLES and participant.kind not in STAFF_KINDS:
        raise Refused("not_of_the_house", f"A {participant.kind} has no {body['role']}: it would judge its own trades.")
    person = str(body.get("person") or batch.ctx.new_id())
    batch.tx.people.put_person(Person(id=person, profile={"name": body["person_name"]}))
    membership = Membership(person=person, participant=body["participant"], role=body["role"])
    batch.tx.people.put_membership(membership)
    answer = answered(200, {"change": change.id, "person": person, "role": body["role"]})
    if "invitation_sha256" in body:
        invite(batch, membership, body["invitation_sha256"])
        return answer
    keep_new(
        batch,
        Credential(body["secret_sha256"], person, body["participant"], body["role"], batch.machine_now + CREDENTIAL_S),
    )
    return answer


def _invited(batch: Batch, _: InboxItem, change: Change) -> Json:
    """A person who lost every way in is invited again, to a membership that they have."""
    body = change.body
    membership = Membership(body["person"], body["participant"], body["role"])
    if membership not in batch.tx.people.memberships(person=body["person"]):
        raise Unknown("not_found", "There is no such membership.")
    invite(batch, membership, body["invitation_sha256"])
    return answered(200, {"change": change.id, "person": body["person"], "role": body["role"]})


def _paid_elsewhere(batch: Batch, _: InboxItem, change: Change) -> Json:
    """Two operators decided where a participant is paid: its first wallet at once, another one after a cooling-off."""
    if change.subject == "wallet" and not batch.tx.people.wallets(change.body["participant"]):
        return _admit_wallet(batch, change.body)
    return change_payee(batch, change.body, (change.proposed_by, change.confirmed_by))


def _ordered(act: Callable[[Batch, InboxItem], Json]) -> Effect:
    def effect(batch: Batch, item: InboxItem, change: Change) -> Json:
        body = {**change.body, "reason": change.reason}
        return act(batch, replace(item, settlement=change.body["settlement"], body=body))

    return effect


CHANGES: dict[str, Kind] = {
    "membership": Kind(("operator",), _check_membership, _joined),
    "invitation": Kind(("operator",), _check_invitation, _invited),
    "wallet": Kind(("operator",), _check_wallet, _paid_elsewhere),
    "bank": Kind(("operator",), check_payee, _paid_elsewhere),
    "freeze": Kind(("authority", "supervisor"), _check_order, _ordered(unwind.freeze)),
    "unfreeze": Kind(("authority", "supervisor"), _check_order, _ordered(unwind.unfreeze)),
    "return_payment": Kind(("officer",), _check_return, _ordered(unwind.return_mispaid)),
    "unblock": Kind(("officer",), _check_order, _ordered(unwind.unblock)),
}


def reload_lists(batch: Batch, item: InboxItem) -> Json:
    """Asks for the followed lists to be read and verified again."""
    require_role(item, "operator", "officer")
    batch.send(f"lists:{item.id}", "lists", "", {})
    return answered(202, {"lists": "being read again", "state": "reading"})


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {
    "add_wallet": add_wallet,
    "reload_lists": reload_lists,
}
