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

from .answers import answered, text_in, whole_in
from .batch import Batch

SESSION_S = 3_600
SESSION_S_MAX = 12 * 3_600  # after which the person proves who they are again
RENEWED_S = 60  # how long the secret before the last one still opens: requests are under way with it
KEY_S_MAX = 90 * 86_400
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")

declare(
    "Refused",
    session_over="The session is over; sign in again.",
    secret_known="A credential with this secret is there already; make another secret.",
)


def open_session(batch: Batch, item: InboxItem) -> Json:
    """A session for one of the caller's memberships; opened from a session it renews or switches that one.

    `secret_sha256` is of the new secret; `with` that of the credential that the caller holds.
    """
    held, now = _held(batch, item), batch.machine_now
    opened_at = held.opened_at if held.kind == "session" else now
    until = min(now + SESSION_S, opened_at + SESSION_S_MAX)
    if held.expires_at <= now or until <= now:
        raise Refused("session_over", "The session is over; sign in again.")
    membership = Membership(
        item.person, str(item.body.get("participant") or item.participant), str(item.body.get("role") or item.role)
    )
    if membership not in batch.tx.people.memberships(person=item.person):
        raise Unknown("not_found", "You have no such membership.")
    session = Credential(
        _new_secret(item),
        membership.person,
        membership.participant,
        membership.role,
        until,
        kind="session",
        opened_at=opened_at,
    )
    keep_new(batch, session)
    if held.kind == "session":
        batch.tx.people.put_credential(replace(held, expires_at=min(held.expires_at, now + RENEWED_S)))
    return answered(201, {"expires_at": until, "opened_at": opened_at, "role": membership.role})


def add_key(batch: Batch, item: InboxItem) -> Json:
    """An API key for a program of the caller's, in the caller's membership, for at most 90 days."""
    key = Credential(
        _new_secret(item),
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
    """A key or session of the caller's ends now; `credential` is the first 16 digits of its secret's SHA-256."""
    wanted = text_in(item.body, "credential", chars_max=64)
    for one in batch.tx.people.credentials(item.person):
        if len(wanted) >= 16 and one.secret_sha256.startswith(wanted):
            ended = replace(one, expires_at=min(one.expires_at, batch.machine_now - 1))
            batch.tx.people.put_credential(ended)
            return answered(200, {"credential": wanted[:16], "expires_at": ended.expires_at})
    raise Unknown("not_found", "There is no such credential of yours.")


def keep_new(batch: Batch, credential: Credential) -> None:
    """Keeps a credential under a secret that opens nothing yet. Raises: Refused(secret_known)."""
    if batch.tx.people.credential(credential.secret_sha256) is not None:
        raise Refused("secret_known", "A credential with this secret is there already; make another secret.")
    batch.tx.people.put_credential(credential)


def _held(batch: Batch, item: InboxItem) -> Credential:
    held = batch.tx.people.credential(text_in(item.body, "with", chars_max=64))
    if held is None or held.person != item.person:
        raise Unknown("not_found", "There is no such credential of yours.")
    return held


def _new_secret(item: InboxItem) -> str:
    digest = text_in(item.body, "secret_sha256", chars_max=64)
    if not _SHA256.match(digest):
        raise Invalid("malformed", "secret_sha256 is the SHA-256 of the new secret, in hex.", path="secret_sha256")
    return digest


HANDLERS: dict[str, Callable[[Batch, InboxItem], Json]] = {
    "open_session": open_session,
    "add_key": add_key,
    "end_credential": end_credential,
}
