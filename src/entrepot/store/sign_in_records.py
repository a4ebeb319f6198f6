"""How persons prove who they are: records, and their part of the Store Protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from entrepot.core.canonical import Json


@dataclass(frozen=True, slots=True)
class Passkey:
    """A person's WebAuthn credential: `id` is base64url, `public_key` COSE. `is_synced`: its maker keeps copies."""

    id: str
    person: str
    public_key: bytes
    sign_count: int
    label: str
    created_at: int
    last_used_at: int = 0
    transports: tuple[str, ...] = ()
    is_synced: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """A person at a single sign-on provider; `id` is the SHA-256 (hex) of issuer and subject."""

    id: str
    person: str
    issuer: str
    created_at: int
    last_used_at: int = 0


@dataclass(frozen=True, slots=True)
class Invitation:
    """Lets a person in the first time: a one-time secret, kept as its SHA-256 (hex), that two persons gave."""

    secret_sha256: str
    person: str
    participant: str
    role: str
    invited_at: int
    expires_at: int
    used_at: int | None = None


AttemptKind = Literal["passkey", "new_passkey", "openid"]
AttemptState = Literal["asked", "open", "proving", "done", "refused"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to prove who somebody is. `person` (or `invitation`, a secret's SHA-256) if it is known before.

    `facts` are sealed: the challenge, and what a provider's answer is checked against.
    """

    id: str
    kind: AttemptKind
    state: AttemptState
    expires_at: int
    person: str = ""
    invitation: str = ""
    facts: Json = field(default_factory=dict)


class SignIns(Protocol):
    """How persons prove who they are: passkeys, identities at a provider, invitations, and attempts under way."""

    def put_passkey(self, passkey: Passkey) -> None:
        """Keeps a new one. Asserts that it is not there yet."""

    def passkey(self, passkey_id: str) -> Passkey | None: ...

    def passkeys(self, person: str) -> list[Passkey]:
        """A person's, oldest first."""

    def use_passkey(self, passkey_id: str, *, sign_count: int, at: int) -> bool:
        """Keeps its last use and its counter, which never falls; False if it was removed meanwhile."""

    def name_passkey(self, passkey_id: str, label: str) -> bool:
        """Keeps its new label; False if it was removed meanwhile."""

    def remove_passkey(self, passkey_id: str) -> None: ...

    def put_identity(self, identity: Identity) -> None:
        """Binds it. Asserts that it is not bound yet."""

    def identity(self, identity_id: str) -> Identity | None: ...

    def identities(self, person: str) -> list[Identity]:
        """A person's, oldest first."""

    def use_identity(self, identity_id: str, *, at: int) -> bool:
        """Keeps its last use; False if it was removed meanwhile."""

    def remove_identity(self, identity_id: str) -> None: ...

    def put_invitation(self, invitation: Invitation) -> None: ...

    def invitation(self, secret_sha256: str) -> Invitation | None: ...

    def use_invitation(self, secret_sha256: str, *, at: int) -> bool:
        """True for the one who uses it first."""

    def put_attempt(self, attempt: Attempt) -> None:
        """Keeps it, or its new state and facts."""

    def attempt(self, attempt_id: str) -> Attempt | None: ...

    def move_attempt(self, attempt_id: str, *, before: AttemptState, after: AttemptState) -> bool:
        """True for the one who moves it first: what is used once is used by nobody else."""

    def forget_attempts(self, *, expired_before: int) -> None:
        """Drops those that ended before a time."""
