"""Passkeys, identities, invitations and attempts in memory."""

from __future__ import annotations

from dataclasses import replace

from .memory_tables import Access, Journal, Table, known_id, plain
from .sign_in_records import Attempt, AttemptState, Identity, Invitation, Passkey


class SignInTables:
    """How persons prove who they are."""

    def __init__(self, journal: Journal) -> None:
        self.passkeys: Table[str, Passkey] = Table(journal)
        self.identities: Table[str, Identity] = Table(journal)
        self.invitations: Table[str, Invitation] = Table(journal)
        self.attempts: Table[str, Attempt] = Table(journal)


class MemorySignIns:
    """How persons prove who they are; a person sees their own, the door invitations and attempts."""

    def __init__(self, tables: SignInTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def put_passkey(self, passkey: Passkey) -> None:
        """Keeps a new one."""
        self._access.require_worker()
        assert self._tables.passkeys.get(passkey.id) is None, "the passkey is there already"
        assert known_id(passkey.person) and passkey.sign_count >= 0, "a passkey is somebody's and counts upwards"
        self._tables.passkeys.put(passkey.id, passkey)

    def passkey(self, passkey_id: str) -> Passkey | None:
        """The passkey under a credential id."""
        row = self._tables.passkeys.get(passkey_id)
        return row if row and self._access.sees_person(row.person) else None

    def passkeys(self, person: str) -> list[Passkey]:
        """A person's, oldest first."""
        rows = [row for row in self._tables.passkeys if row.person == person and self._access.sees_person(person)]
        return sorted(rows, key=lambda row: (row.created_at, row.id))

    def use_passkey(self, passkey_id: str, *, sign_count: int, at: int) -> bool:
        """Keeps its last use and its counter; False if it was removed meanwhile."""
        self._access.require_worker()
        known = self._tables.passkeys.get(passkey_id)
        if known is not None:
            sign_count, at = max(known.sign_count, sign_count), max(known.last_used_at, at)
            self._tables.passkeys.put(passkey_id, replace(known, sign_count=sign_count, last_used_at=at))
        return known is not None

    def name_passkey(self, passkey_id: str, label: str) -> bool:
        """Keeps its new label; False if it was removed meanwhile."""
        self._access.require_worker()
        known = self._tables.passkeys.get(passkey_id)
        if known is not None:
            self._tables.passkeys.put(passkey_id, replace(known, label=label))
        return known is not None

    def remove_passkey(self, passkey_id: str) -> None:
        """It opens nothing from now on."""
        self._access.require_worker()
        self._tables.passkeys.drop(passkey_id)

    def put_identity(self, identity: Identity) -> None:
        """Binds it."""
        self._access.require_worker()
        assert self._tables.identities.get(identity.id) is None, "the identity is bound already"
        assert known_id(identity.person), "an identity is somebody's"
        self._tables.identities.put(identity.id, identity)

    def identity(self, identity_id: str) -> Identity | None:
        """The identity of an issuer and subject."""
        row = self._tables.identities.get(identity_id)
        return row if row and self._access.sees_person(row.person) else None

    def identities(self, person: str) -> list[Identity]:
        """A person's, oldest first."""
        rows = [row for row in self._tables.identities if row.person == person and self._access.sees_person(person)]
        return sorted(rows, key=lambda row: (row.created_at, row.id))

    def use_identity(self, identity_id: str, *, at: int) -> bool:
        """Keeps its last use; False if it was removed meanwhile."""
        self._access.require_worker()
        known = self._tables.identities.get(identity_id)
        if known is not None:
            self._tables.identities.put(identity_id, replace(known, last_used_at=max(known.last_used_at, at)))
        return known is not None

    def remove_identity(self, identity_id: str) -> None:
        """It opens nothing from now on."""
        self._access.require_worker()
        self._tables.identities.drop(identity_id)

    def put_invitation(self, invitation: Invitation) -> None:
        """Keeps a new one."""
        self._access.require_worker()
        assert invitation.secret_sha256 not in self._tables.invitations, "the invitation is there already"
        assert known_id(invitation.person) and known_id(invitation.participant), "an invitation names both"
        self._tables.invitations.put(invitation.secret_sha256, replace(invitation, used_at=None))

    def invitation(self, secret_sha256: str) -> Invitation | None:
        """The invitation of a secret."""
        row = self._tables.invitations.get(secret_sha256)
        return row if row and (self._access.is_door or self._access.sees_all) else None

    def use_invitation(self, secret_sha256: str, *, at: int) -> bool:
        """True for the one who uses it first."""
        self._access.require_worker()
        row = self._tables.invitations.get(secret_sha256)
        if row is None or row.used_at is not None:
            return False
        self._tables.invitations.put(secret_sha256, replace(row, used_at=at))
        return True

    def put_attempt(self, attempt: Attempt) -> None:
        """Keeps it, or its new state and facts."""
        self._access.require_worker()
        assert known_id(attempt.id), "an attempt has an id"
        known = self._tables.attempts.get(attempt.id)
        kept = replace(known, state=attempt.state) if known else attempt
        self._tables.attempts.put(attempt.id, replace(kept, facts=plain(attempt.facts)))

    def attempt(self, attempt_id: str) -> Attempt | None:
        """The attempt."""
        row = self._tables.attempts.get(attempt_id)
        if row is None or not (self._access.is_door or self._access.sees_all):
            return None
        return replace(row, facts=plain(row.facts))

    def move_attempt(self, attempt_id: str, *, before: AttemptState, after: AttemptState) -> bool:
        """True for the one who moves it first: what is used once is used by nobody else."""
        self._access.require_worker()
        row = self._tables.attempts.get(attempt_id)
        if row is None or row.state != before:
            return False
        self._tables.attempts.put(attempt_id, replace(row, state=after))
        return True

    def forget_attempts(self, *, expired_before: int) -> None:
        """Drops those that ended before a time."""
        self._access.require_worker()
        for attempt_id, row in self._tables.attempts.items():
            if row.expires_at < expired_before:
                self._tables.attempts.drop(attempt_id)
