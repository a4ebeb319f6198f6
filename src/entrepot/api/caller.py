"""Who calls: a credential becomes a person acting in one role for one participant; nothing else is trusted."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from entrepot.core.crypto import sha256
from entrepot.core.errors import Unauthenticated
from entrepot.core.ids import ENTROPY_BYTES, new_id
from entrepot.store.records import Credential, InboxItem, Reader
from entrepot.store.store import Store

SECRET_CHARS_MAX = 200
DAY_S = 86_400
NOTED_MAX = 10_000
_noted: set[str] = set()  # keys and days that this process has told of; the inbox knows them anyway


@dataclass(frozen=True, slots=True)
class Caller:
    """A person acting in one `role` for one `participant`."""

    person: str
    participant: str
    role: str

    @property
    def reader(self) -> Reader:
        """What row-level security is told."""
        return Reader(self.participant, self.role, self.person)


def caller_of(store: Store, authorization: str | None) -> Caller:
    """The caller of a request by its Authorization header. Raises: Unauthenticated(not_signed_in)."""
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(secret) <= SECRET_CHARS_MAX:
        raise Unauthenticated("not_signed_in", "Send a credential as Authorization: Bearer SECRET.")
    with store.door() as tx:
        credential = tx.people.credential(sha256(secret.encode()).hex())
    if credential is None or credential.expires_at < time.time():
        raise Unauthenticated("not_signed_in", "The credential is unknown or has expired.")
    if credential.kind == "key":
        _note_use(store, credential)
    return Caller(credential.person, credential.participant, credential.role)


def _note_use(store: Store, credential: Credential) -> None:
    """Tells the worker, once a day, that a key is in use: no read waits for a write."""
    today = int(time.time()) // DAY_S * DAY_S
    key = f"{credential.secret_sha256[:32]}:{today}"
    if credential.last_used_at >= today or key in _noted:
        return
    if len(_noted) >= NOTED_MAX:
        _noted.clear()
    _noted.add(key)
    item = InboxItem(
        id=new_id(int(time.time() * 1000), os.urandom(ENTROPY_BYTES)),
        source="door:used",
        key=key,
        kind="credential_used",
        body={"credential": credential.secret_sha256, "at": today},
        body_sha256="",
        received_at=int(time.time()),
        participant=credential.participant,
        person=credential.person,
        role=credential.role,
    )
    with store.door() as tx:
        tx.inbox.put(item)
