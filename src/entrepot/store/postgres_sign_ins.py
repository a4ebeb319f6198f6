"""Passkeys, identities, invitations and attempts in PostgreSQL; what an attempt must keep to itself is sealed."""

from __future__ import annotations

import json

from .named_sql import load_sql
from .postgres_keys import Keyring
from .postgres_rows import Connection, Row, Rows, find_uuid, from_uuid, to_bytes, to_uuid
from .sign_in_records import Attempt, AttemptState, Identity, Invitation, Passkey

_SQL = load_sql("sign_ins")
_FACTS = "attempts.facts"


class PostgresSignIns:
    """How persons prove who they are."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._rows = Rows(connection, _SQL)
        self._keyring = keyring

    def put_passkey(self, passkey: Passkey) -> None:
        """Keeps a new one."""
        done = self._rows.run(
            "put_passkey",
            id=passkey.id,
            person=to_uuid(passkey.person),
            public_key=passkey.public_key,
            sign_count=passkey.sign_count,
            label=passkey.label,
            transports=list(passkey.transports),
            is_synced=passkey.is_synced,
            created_at=passkey.created_at,
            last_used_at=passkey.last_used_at,
        )
        assert done == 1, "the passkey is there already"

    def passkey(self, passkey_id: str) -> Passkey | None:
        """The passkey under a credential id."""
        row = self._rows.one("passkey", id=passkey_id)
        return _passkey(row) if row else None

    def passkeys(self, person: str) -> list[Passkey]:
        """A person's, oldest first."""
        return [_passkey(row) for row in self._rows.all("passkeys", person=find_uuid(person))]

    def use_passkey(self, passkey_id: str, *, sign_count: int, at: int) -> bool:
        """Keeps its last use and its counter; False if it was removed meanwhile."""
        return self._rows.run("use_passkey", id=passkey_id, sign_count=sign_count, at=at) == 1

    def name_passkey(self, passkey_id: str, label: str) -> bool:
        """Keeps its new label; False if it was removed meanwhile."""
        return self._rows.run("name_passkey", id=passkey_id, label=label) == 1

    def remove_passkey(self, passkey_id: str) -> None:
        """It opens nothing from now on."""
        self._rows.run("remove_passkey", id=passkey_id)

    def put_identity(self, identity: Identity) -> None:
        """Binds it."""
        done = self._rows.run(
            "put_identity",
            id=identity.id,
            person=to_uuid(identity.person),
            issuer=identity.issuer,
            created_at=identity.created_at,
            last_used_at=identity.last_used_at,
        )
        assert done == 1, "the identity is bound already"

    def identity(self, identity_id: str) -> Identity | None:
        """The identity of an issuer and subject."""
        row = self._rows.one("identity", id=identity_id)
        return _identity(row) if row else None

    def identities(self, person: str) -> list[Identity]:
        """A person's, oldest first."""
        return [_identity(row) for row in self._rows.all("identities", person=find_uuid(person))]

    def use_identity(self, identity_id: str, *, at: int) -> bool:
        """Keeps its last use; False if it was removed meanwhile."""
        return self._rows.run("use_identity", id=identity_id, at=at) == 1

    def remove_identity(self, identity_id: str) -> None:
        """It opens nothing from now on."""
        self._rows.run("remove_identity", id=identity_id)

    def put_invitation(self, invitation: Invitation) -> None:
        """Keeps a new one."""
        self._rows.run(
            "put_invitation",
            secret_sha256=invitation.secret_sha256,
            person=to_uuid(invitation.person),
            participant=to_uuid(invitation.participant),
            role=invitation.role,
            invited_at=invitation.invited_at,
            expires_at=invitation.expires_at,
        )

    def invitation(self, secret_sha256: str) -> Invitation | None:
        """The invitation of a secret."""
        row = self._rows.one("invitation", secret_sha256=secret_sha256)
        if row is None:
            return None
        return Invitation(
            secret_sha256=row["secret_sha256"],
            person=row["person"].hex,
            participant=row["participant"].hex,
            role=row["role"],
            invited_at=row["invited_at"],
            expires_at=row["expires_at"],
            used_at=row["used_at"],
        )

    def use_invitation(self, secret_sha256: str, *, at: int) -> bool:
        """True for the one who uses it first."""
        return self._rows.run("use_invitation", secret_sha256=secret_sha256, at=at) == 1

    def put_attempt(self, attempt: Attempt) -> None:
        """Keeps it, or its new state and facts."""
        self._rows.run(
            "put_attempt",
            id=to_uuid(attempt.id),
            kind=attempt.kind,
            state=attempt.state,
            person=to_uuid(attempt.person),
            invitation=attempt.invitation,
            facts=self._keyring.seal("", to_bytes(attempt.facts), table=_FACTS, row=attempt.id),
            expires_at=attempt.expires_at,
        )

    def attempt(self, attempt_id: str) -> Attempt | None:
        """The attempt."""
        row = self._rows.one("attempt", id=find_uuid(attempt_id))
        if row is None:
            return None
        facts = self._keyring.unseal(row["facts"], table=_FACTS, row=row["id"].hex)
        return Attempt(
            id=row["id"].hex,
            kind=row["kind"],
            state=row["state"],
            expires_at=row["expires_at"],
            person=from_uuid(row["person"]),
            invitation=row["invitation"],
            facts=json.loads(facts) if facts else {},
        )

    def move_attempt(self, attempt_id: str, *, before: AttemptState, after: AttemptState) -> bool:
        """True for the one who moves it first: what is used once is used by nobody else."""
        return self._rows.run("move_attempt", id=find_uuid(attempt_id), before=before, after=after) == 1

    def forget_attempts(self, *, expired_before: int) -> None:
        """Drops those that ended before a time."""
        self._rows.run("forget_attempts", expired_before=expired_before)


def _passkey(row: Row) -> Passkey:
    return Passkey(
        id=row["id"],
        person=row["person"].hex,
        public_key=bytes(row["public_key"]),
        sign_count=row["sign_count"],
        label=row["label"],
        transports=tuple(row["transports"]),
        is_synced=row["is_synced"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
    )


def _identity(row: Row) -> Identity:
    return Identity(row["id"], row["person"].hex, row["issuer"], row["created_at"], row["last_used_at"])
