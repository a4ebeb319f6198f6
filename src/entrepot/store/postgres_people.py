"""Participants, persons, credentials, wallets and papers in PostgreSQL: profiles and bodies are sealed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from entrepot.core.canonical import Json

from .many import Conflict, Many
from .named_sql import load_sql
from .postgres_keys import Keyring
from .postgres_rows import Connection, Row, Rows, find_uuid, find_uuids, from_uuid, to_bytes, to_uuid
from .reconciliation_records import BANK_MESSAGES, SentMessage
from .records import Credential, Membership, Paper, Participant, Person, Wallet
from .store import PAGE_MAX, require_secret_free, require_wallet_free

_PAPERS, _PEOPLE = load_sql("papers"), load_sql("people")


class PostgresPapers:
    """Documents and messages, sealed with their owner's key."""

    def __init__(self, connection: Connection, keyring: Keyring, many: Many) -> None:
        self._rows = Rows(connection, _PAPERS)
        self._keyring = keyring
        self._many = many

    def put(self, paper: Paper) -> None:
        """Keeps a paper; whoever it is addressed to sees its settlement from then on."""
        self._many.put_papers([paper])

    def get(self, paper_id: str) -> Paper | None:
        """The paper."""
        row = self._rows.one("get", id=find_uuid(paper_id))
        return paper_from_row(row, self._keyring) if row else None

    def of(self, settlement_id: str, *, kind: str = "") -> list[Paper]:
        """Oldest first; a paper whose owner was erased comes with an empty body."""
        rows = self._rows.all("of", settlement=find_uuid(settlement_id), kind=kind)
        self._keyring.fetch(row["body"] for row in rows)
        return [paper_from_row(row, self._keyring) for row in rows]

    def messages(self, settlements: Sequence[str]) -> list[SentMessage]:
        """Messages to banks of these settlements, by settlement, oldest first."""
        rows = self._rows.all("messages", settlements=find_uuids(settlements), kinds=list(BANK_MESSAGES))
        self._keyring.fetch(row["body"] for row in rows)
        return [SentMessage(paper_from_row(row, self._keyring), row["is_delivered"]) for row in rows]

    def by_kind(self, kind: str) -> list[Paper]:
        """All of a kind that the reader may see, the newest PAGE_MAX of them, oldest first."""
        rows = self._rows.all("by_kind", kind=kind, limit=PAGE_MAX)
        self._keyring.fetch(row["body"] for row in rows)
        return [paper_from_row(row, self._keyring) for row in rows]

    def erase_owner(self, participant: str) -> None:
        """Destroys the participant's key: its papers and profile are unreadable from then on, proofs stay whole."""
        self._keyring.erase(participant)


def paper_from_row(row: Row, keyring: Keyring) -> Paper:
    """A kept paper, opened; an erased owner's has an empty body."""
    body = keyring.unseal(row["body"], table="papers.body", row=row["id"].hex)
    return Paper(
        id=row["id"].hex,
        settlement=from_uuid(row["settlement"]),
        kind=row["kind"],
        owner=from_uuid(row["owner"]),
        visible_to=tuple(reader.hex for reader in row["visible_to"]),
        media_type=row["media_type"],
        body=body if body is not None else b"",
        sha256=row["sha256"],
        at=row["at"],
        seq=row["seq"],
    )


class PostgresPeople:
    """Participants, persons, what they may do, and their wallets."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._rows = Rows(connection, _PEOPLE)
        self._keyring = keyring

    def lock(self, name: str) -> None:
        """Whoever wants this name too waits until the transaction ends."""
        self._rows.all("lock", name=name)

    def put_participant(self, participant: Participant) -> None:
        """Admits it, or writes its next version. Raises: Conflict if another worker did so."""
        kept = self._rows.run(
            "put_participant",
            id=to_uuid(participant.id),
            kind=participant.kind,
            country=participant.country,
            status=participant.status,
            admitted_at=participant.admitted_at,
            profile=self._sealed(participant.id, participant.profile, "participants.profile"),
            version=participant.version,
        )
        if not kept:
            raise Conflict(f"participant {participant.id} has another version meanwhile")

    def participant(self, participant_id: str) -> Participant | None:
        """The participant; its profile is empty once it was erased."""
        row = self._rows.one("participant", id=find_uuid(participant_id))
        return participant_from_row(row, self._keyring) if row else None

    def participants(self) -> list[Participant]:
        """All that the reader may see, by id."""
        rows = self._rows.all("participants")
        self._keyring.fetch(row["profile"] for row in rows)
        return [participant_from_row(row, self._keyring) for row in rows]

    def put_person(self, person: Person) -> None:
        """Keeps a person, or its new profile."""
        profile = self._sealed(person.id, person.profile, "persons.profile")
        self._rows.run("put_person", id=to_uuid(person.id), profile=profile)

    def person(self, person_id: str) -> Person | None:
        """The person; the profile is empty once it was erased."""
        row = self._rows.one("person", id=find_uuid(person_id))
        if row is None:
            return None
        profile = self._keyring.unseal(row["profile"], table="persons.profile", row=row["id"].hex)
        return Person(row["id"].hex, json.loads(profile) if profile else {})

    def put_membership(self, membership: Membership) -> None:
        """Keeps it once."""
        self._rows.run(
            "put_membership",
            person=to_uuid(membership.person),
            participant=to_uuid(membership.participant),
            role=membership.role,
        )

    def memberships(self, *, person: str = "", participant: str = "") -> list[Membership]:
        """Those of a person, of a participant, of both, or all."""
        rows = self._rows.all(
            "memberships",
            all_persons=not person,
            person=find_uuid(person),
            all_participants=not participant,
            participant=find_uuid(participant),
        )
        return [Membership(row["person"].hex, row["participant"].hex, row["role"]) for row in rows]

    def put_credential(self, credential: Credential) -> None:
        """Keeps a bearer secret's hash. Raises: Refused(secret_known) if it opens something else."""
        kept = self._rows.run(
            "put_credential",
            secret_sha256=credential.secret_sha256,
            person=to_uuid(credential.person),
            participant=to_uuid(credential.participant),
            role=credential.role,
            expires_at=credential.expires_at,
            kind=credential.kind,
            label=credential.label,
            opened_at=credential.opened_at,
            session=credential.session,
            last_used_at=credential.last_used_at,
        )
        require_secret_free(credential, known=None if kept else self.credential(credential.secret_sha256))

    def credential(self, secret_sha256: str) -> Credential | None:
        """The credential of a secret."""
        row = self._rows.one("credential", secret_sha256=secret_sha256)
        return _credential(row) if row else None

    def credentials(self, person: str) -> list[Credential]:
        """Those of a person, oldest first."""
        return [_credential(row) for row in self._rows.all("credentials", person=find_uuid(person))]

    def put_wallet(self, wallet: Wallet) -> None:
        """Admits a wallet once. Raises: Refused(wallet_taken) if another participant has it."""
        added = self._rows.run(
            "put_wallet",
            account=wallet.account,
            participant=to_uuid(wallet.participant),
            admitted_at=wallet.admitted_at,
        )
        require_wallet_free(wallet, known=None if added else self.wallet(wallet.account))

    def wallet(self, account: str) -> Wallet | None:
        """The wallet at a CAIP-10 account."""
        row = self._rows.one("wallet", account=account)
        return wallet_from_row(row) if row else None

    def wallets(self, participant: str) -> list[Wallet]:
        """A participant's wallets in order of admission."""
        return [wallet_from_row(row) for row in self._rows.all("wallets", participant=find_uuid(participant))]

    def put_saved_views(self, person: str, participant: str, views: list[Json]) -> None:
        """Keeps the whole list of a person's saved views, in the place of the one before."""
        sealed = self._sealed(person, {"views": views}, "saved_views.views")
        self._rows.run("put_saved_views", person=to_uuid(person), participant=to_uuid(participant), views=sealed)

    def saved_views(self, person: str, participant: str) -> list[Json]:
        """A person's saved views, in the order in which they were saved."""
        row = self._rows.one("saved_views", person=find_uuid(person), participant=find_uuid(participant))
        kept = self._keyring.unseal(row["views"], table="saved_views.views", row=person) if row else None
        return list(json.loads(kept)["views"]) if kept else []

    def _sealed(self, owner: str, profile: Json, table: str) -> bytes:
        return self._keyring.seal(owner, to_bytes(profile), table=table, row=owner)


def participant_from_row(row: Row, keyring: Keyring) -> Participant:
    """A participant, its profile opened; an erased one's is empty."""
    profile = keyring.unseal(row["profile"], table="participants.profile", row=row["id"].hex)
    return Participant(
        id=row["id"].hex,
        kind=row["kind"],
        country=row["country"],
        status=row["status"],
        admitted_at=row["admitted_at"],
        profile=json.loads(profile) if profile is not None else {},
        version=row["version"],
    )


def wallet_from_row(row: Row) -> Wallet:
    """Reads one wallet."""
    return Wallet(row["account"], row["participant"].hex, row["admitted_at"])


def _credential(row: Row) -> Credential:
    return Credential(
        row["secret_sha256"],
        row["person"].hex,
        row["participant"].hex,
        row["role"],
        row["expires_at"],
        row["kind"],
        row["label"],
        row["opened_at"],
        row["session"],
        row["last_used_at"],
    )
