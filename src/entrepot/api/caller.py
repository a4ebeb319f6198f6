"""Who calls: a credential becomes a person acting in one role for one participant; nothing else is trusted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from entrepot.core.crypto import sha256
from entrepot.core.errors import Unauthenticated
from entrepot.store.records import Reader
from entrepot.store.store import Store

SECRET_CHARS_MAX = 200


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
    return Caller(credential.person, credential.participant, credential.role)
