"""Sessions: a person who proved who they are acts in one membership for a while; keys for programs; both end early.

Secrets never pass through here: whoever will hold one sends its SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.store.records import Credential, InboxItem, Membership

from ..step.answers import answered, text_in, whole_in
from ..step.batch import Batch

SESSION_S = 3_600
SESSION_S_MAX = 12 * 3_600  # after which the person proves who they are again
RENEWED_S = 60  # how long the secret before the last one still opens: requests are under way with it
KEY_S_MAX = 90 * 86_400
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")

declare(
    "Refused",
    session_over="The session is over; sign in again.",
    key_is_for_a_program="A program's API key opens no session: a person signs in.",
)


def open_session(batch: Batch, item: InboxItem) -> Json:
    """A session for one of the caller's memberships; opened from a session it renews or switches that one.

    `secret_sha256` is of the new secret; `with` that of the credential that the caller holds.
    """
    batch.tx.people.lock(item.person)  # whoever ends this session meanwhile ends what it is renewed by
    held, now = held_in(batch, item), batch.machine_now
    if held.kind == "key" and held.label:
        raise Refused("key_is_for_a_program", "A program's API key opens no session: a person signs in.")
    opened_at = held.opened_at if held.kind == "session" else now
    until = min(now + SESSION_S, opened_at + SESSION_S_MAX)
    if held.expires_at <= now or until <= now:
        raise Refused("session_over", "The session is over; sign in again.")
    membership = Membership(
        item.person, str(item.body.get("participant") or item.participant), str(item.body.get("role") or item.role)
    )
    if membership not in batch.tx.people.memberships(person=item.person):
        raise Unknown("not_found", "You have no such membership.")
    given = item.body.get("device", "")
    label = held.label if held.kind == "session" else text_in(item.body, "device", chars_max=60) if given else ""
    secret_sha256 = new_secret_in(item.body)
    session = Credential(
        secret_sha256,
        membership.person,
        membership.participant,
        membership.role,
        until,
        kind="session",
        label=label,
        opened_at=opened_at,
        session=held.session if held.kind == "session" else secret_sha256,
    )
    answer = _opened(batch, session)
    if held.kind == "session":
        batch.tx.people.put_credential(replace(held, expires_at=min(held.expires_at, now + RENEWED_S)))
    return answer


def open_for(batch: Batch, membership: Membership, secret_sha256: str, *, label: str) -> Json:
    """The first session after a person proved who they are; `label` says on what device."""
    now = batch.machine_now
    return _opened(
        batch,
        Credential(
            secret_sha256,
            membership.person,
            membership.participant,
            membership.role,
            now + SESSION_S,
            kind="session",
            label=label,
            opened_at=now,
            session=secret_sha256,
        ),
    )


def _opened(batch: Batch, session: Credential) -> Json:
    keep_new(batch, session)
    return answered(201, {"expires_at": session.expires_at, "opened_at": session.opened_at, "role": session.role})


def add_key(batch: Batch, item: InboxItem) -> Json:
    """An API key for a program of the caller's, in the caller's membership, for at most 90 days."""
    key = Credential(
        new_secret_in(item.body),
        item.person,
        item.participant,
        item.role,
        batch.machine_now + whole_in(item.body, "valid_s", low=60, high=KEY_S_MAX),
        label=text_in(item.body, "label", chars_max=60),
        opened_at=batch.machine_now,
    )
    keep_new(batch, key)
    return answered(201, {"credential": key.secret_sha256[:16], "label": key.label, "expires_at": key.expires_at})


def end_credential(batch: Batch, item: InboxItem) -> Json:
    """A key or session of the caller's ends now; `credential` is the first 16 digits of its secret's SHA-256.

    A session ends with every secret it had: the one before the last would open for another minute.
    """
    wanted = text_in(item.body, "credential", chars_max=64)
    batch.tx.people.lock(item.person)
    for one in batch.tx.people.credentials(item.person):
        if len(wanted) >= 16 and one.secret_sha256.startswith(wanted):
            ended = [other for other in batch.tx.people.credentials(item.person) if _is_same_session(one, other)]
            _end(batch, ended)
            return answered(200, {"credential": wanted[:16], "expires_at": min(one.expires_at, batch.machine_now - 1)})
    raise Unknown("not_found", "There is no such credential of yours.")


def end_others(batch: Batch, item: InboxItem) -> Json:
    """Every session of the caller's ends but the one that they hold; keys of programs go on."""
    batch.tx.people.lock(item.person)
    held = held_in(batch, item)
    sessions = [one for one in batch.tx.people.credentials(item.person) if one.kind == "session"]
    ended = [one for one in sessions if not _is_same_session(one, held)]
    still_open = [one for one in ended if one.expires_at > batch.machine_now]
    _end(batch, still_open)
    return answered(200, {"ended": len({one.session or one.secret_sha256 for one in still_open})})


def _is_same_session(one: Credential, other: Credential) -> bool:
    return one == other or (one.kind == other.kind == "session" and one.session == other.session != "")


def _end(batch: Batch, credentials: list[Credential]) -> None:
    for one in credentials:
        batch.tx.people.put_credential(replace(one, expires_at=min(one.expires_at, batch.machine_now - 1)))


def credential_used(batch: Batch, item: InboxItem) -> Json:
    """Notes on which day a key was last used; the doors say so once a day."""
    held = batch.tx.people.credential(text_in(item.body, "credential", chars_max=64))
    at = whole_in(item.body, "at")
    if held is not None and held.person == item.person and held.last_used_at < at:
        batch.tx.people.put_credential(replace(held, last_used_at=at))
    return answered(200, {})


def keep_new(batch: Batch, credential: Credential) -> None:
    """Keeps a credential under a secret that opens nothing yet. Raises: Refused(secret_known)."""
    if batch.tx.people.credential(credential.secret_sha256) is not None:
        raise Refused("secret_known", "A credential with this secret is there already; make another secret.")
    batch.tx.people.put_credential(credential)


def held_in(batch: Batch, item: InboxItem) -> Credential:
    """The credential that the caller showed. Raises: Unknown(not_found)."""
    held = batch.tx.people.credential(text_in(item.body, "with", chars_max=64))
    if held is None or held.person != item.person:
        raise Unknown("not_found", "There is no such credential of yours.")
    return held


def new_secret_in(body: Json) -> str:
    """The SHA-256 of the secret to come. Raises: Invalid(malformed)."""
    digest = text_in(body, "secret_sha256", chars_max=64)
    if not _SHA256.match(digest):
        raise Invalid("malformed", "secret_sha256 is the SHA-256 of the new secret, in hex.", path="secret_sha256")
    return digest


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {
    "open_session": open_session,
    "add_key": add_key,
    "end_credential": end_credential,
    "end_others": end_others,
    "credential_used": credential_used,
}
