"""Participants, persons, credentials, wallets and papers in memory; erasing empties what the owner's key would open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from entrepot.core.canonical import Json

from .many import Conflict
from .memory_engineers import EngineerTables
from .memory_inbox import InboxTables
from .memory_locks import Locks
from .memory_settlements import SettlementTables
from .memory_tables import Access, Journal, Lists, Table, known_id, plain
from .reconciliation_records import BANK_MESSAGES, SentMessage
from .records import DISPUTE_PAPERS, Credential, Membership, Paper, Participant, Person, Wallet
from .store import PAGE_MAX, require_secret_free, require_wallet_free

STATUSES = ("applied", "admitted", "suspended", "left")


class PeopleTables:
    """Who is who, and the papers."""

    def __init__(self, journal: Journal, locks: Locks) -> None:
        self.locks = locks
        self.participants: Table[str, Participant] = Table(journal)
        self.persons: Table[str, Person] = Table(journal)
        self.memberships: Table[Membership, Membership] = Table(journal)
        self.credentials: Table[str, Credential] = Table(journal)
        self.wallets: Table[str, Wallet] = Table(journal)
        self.saved_views: Table[tuple[str, str], list[Json]] = Table(journal)
        self.papers: Table[str, Paper] = Table(journal)
        self.papers_of: Lists[str, str] = Lists(journal)


class MemoryPeople:
    """Participants, persons, what they may do, and their wallets."""

    def __init__(self, tables: PeopleTables, settlements: SettlementTables, access: Access) -> None:
        self._tables = tables
        self._settlements = settlements
        self._access = access

    def lock(self, name: str) -> None:
        """Whoever wants this name too waits until the transaction ends."""
        self._access.require_worker()
        self._tables.locks.require("name", name)

    def put_participant(self, participant: Participant) -> None:
        """Admits it, or writes its next version. Raises: Conflict if another worker did so."""
        self._access.require_worker()
        assert participant.status in STATUSES, f"{participant.status} is no status"
        assert known_id(participant.id), "a participant has an id"
        known = self._tables.participants.get(participant.id)
        if known is not None and known.version != participant.version - 1:
            raise Conflict(f"participant {participant.id} has another version meanwhile")
        self._tables.participants.put(participant.id, replace(participant, profile=plain(participant.profile)))

    def participant(self, participant_id: str) -> Participant | None:
        """The participant; its profile is empty once it was erased."""
        row = self._tables.participants.get(participant_id)
        return replace(row, profile=plain(row.profile)) if row and self._sees(participant_id) else None

    def participants(self) -> list[Participant]:
        """All that the reader may see, by id."""
        names = sorted(name for name, _ in self._tables.participants.items())
        return [found for name in names if (found := self.participant(name)) is not None]

    def put_person(self, person: Person) -> None:
        """Keeps a person, or its new profile."""
        self._access.require_worker()
        assert known_id(person.id), "a person has an id"
        self._tables.persons.put(person.id, replace(person, profile=plain(person.profile)))

    def person(self, person_id: str) -> Person | None:
        """The person; the profile is empty once it was erased."""
        row = self._tables.persons.get(person_id)
        is_seen = any(one.person == person_id for one in self.memberships(person=person_id))
        return replace(row, profile=plain(row.profile)) if row and (is_seen or self._access.sees_all) else None

    def put_membership(self, membership: Membership) -> None:
        """Keeps it once."""
        self._access.require_worker()
        assert known_id(membership.person) and known_id(membership.participant), "a membership names both"
        if membership not in self._tables.memberships:
            self._tables.memberships.put(membership, membership)

    def memberships(self, *, person: str = "", participant: str = "") -> list[Membership]:
        """Those of a person, of a participant, of both, or all."""
        return [
            row for row in self._tables.memberships
            if person in ("", row.person) and participant in ("", row.participant)
            and (self._access.sees_own(row.participant) or self._access.sees_person(row.person))
        ]  # fmt: skip

    def put_credential(self, credential: Credential) -> None:
        """Keeps a bearer secret's hash. Raises: Refused(secret_known) if it opens something else."""
        self._access.require_worker()
        assert known_id(credential.person) and known_id(credential.participant), "a credential names both"
        known = self._tables.credentials.get(credential.secret_sha256)
        require_secret_free(credential, known=known)
        if known is not None:
            ends, used = min(known.expires_at, credential.expires_at), max(known.last_used_at, credential.last_used_at)
            credential = replace(known, expires_at=ends, last_used_at=used)
        self._tables.credentials.put(credential.secret_sha256, credential)

    def credential(self, secret_sha256: str) -> Credential | None:
        """The credential of a secret."""
        row = self._tables.credentials.get(secret_sha256)
        return row if row and (self._access.is_door or self._sees_credential(row)) else None

    def credentials(self, person: str) -> list[Credential]:
        """Those of a person, oldest first."""
        rows = [
            row for row in self._tables.credentials
            if row.person == person and (self._access.is_door or self._sees_credential(row))
        ]  # fmt: skip
        return sorted(rows, key=lambda row: (row.opened_at, row.secret_sha256))

    def put_wallet(self, wallet: Wallet) -> None:
        """Admits a wallet once. Raises: Refused(wallet_taken) if another participant has it."""
        self._access.require_worker()
        assert known_id(wallet.participant), "a wallet is somebody's"
        known = self._tables.wallets.get(wallet.account)
        require_wallet_free(wallet, known=known)
        if known is None:
            self._tables.wallets.put(wallet.account, wallet)

    def wallet(self, account: str) -> Wallet | None:
        """The wallet at a CAIP-10 account."""
        row = self._tables.wallets.get(account)
        return row if row and self._access.sees_own(row.participant) else None

    def wallets(self, participant: str) -> list[Wallet]:
        """A participant's wallets in order of admission."""
        return [row for row in self._tables.wallets
                if row.participant == participant and self._access.sees_own(participant)]  # fmt: skip

    def put_saved_views(self, person: str, participant: str, views: list[Json]) -> None:
        """Keeps the whole list of a person's saved views, in the place of the one before."""
        self._access.require_worker()
        assert known_id(person) and known_id(participant), "saved views are somebody's"
        self._tables.saved_views.put((person, participant), [plain(one) for one in views])

    def saved_views(self, person: str, participant: str) -> list[Json]:
        """A person's saved views, in the order in which they were saved."""
        rows = self._tables.saved_views.get((person, participant)) or []
        return [plain(one) for one in rows] if self._access.sees_own(participant) else []

    def _sees_credential(self, row: Credential) -> bool:
        return self._access.sees_own(row.participant) or self._access.sees_person(row.person)

    def _sees(self, participant_id: str) -> bool:
        """A company sees itself and those it trades with."""
        if self._access.sees_own(participant_id):
            return True
        if any(row.participant == participant_id and self._access.sees_person(row.person)
               for row in self._tables.memberships):  # fmt: skip
            return True
        return any(participant_id in row.parties and self._access.sees_settlement(row.settlement.id)
                   for row in self._settlements.snapshots)  # fmt: skip


class MemoryPapers:
    """Documents and messages."""

    def __init__(
        self,
        tables: PeopleTables,
        settlements: SettlementTables,
        inbox: InboxTables,
        engineers: EngineerTables,
        access: Access,
    ) -> None:
        self._tables = tables
        self._settlements = settlements
        self._inbox = inbox
        self._engineers = engineers
        self._access = access

    def put(self, paper: Paper) -> None:
        """Keeps a paper; whoever it is addressed to sees its settlement from then on."""
        self._access.require_worker()
        for name in (paper.settlement, paper.owner, *paper.visible_to):
            known_id(name)
        assert known_id(paper.id) and paper.id not in self._tables.papers, f"paper {paper.id} is there already"
        self._tables.papers.put(paper.id, paper)
        self._tables.papers_of.append(paper.settlement, paper.id)
        row = self._settlements.snapshots.get(paper.settlement)
        if row is not None:
            self._settlements.snapshots.put(paper.settlement, replace(row, parties=row.parties | set(paper.visible_to)))

    def get(self, paper_id: str) -> Paper | None:
        """The paper."""
        row = self._tables.papers.get(paper_id)
        if row is None or self._access.sees_all:
            return row
        if self._access.is_arbiter and row.kind in DISPUTE_PAPERS and self._access.sees_settlement(row.settlement):
            return row
        return row if any(self._access.is_reader(name) for name in row.visible_to) else None

    def of(self, settlement_id: str, *, kind: str = "") -> list[Paper]:
        """Oldest first; a paper whose owner was erased comes with an empty body."""
        if not settlement_id:
            return []
        papers = [found for name in self._tables.papers_of.of(settlement_id) if (found := self.get(name)) is not None]
        return [paper for paper in papers if kind in ("", paper.kind)]

    def messages(self, settlements: Sequence[str]) -> list[SentMessage]:
        """Messages to banks of these settlements, by settlement, oldest first."""
        self._access.require_worker()
        papers = [paper for name in sorted(set(settlements)) for paper in self.of(name) if paper.kind in BANK_MESSAGES]
        done = {name for name, row in self._inbox.leaving.items() if row.item.done_at is not None}
        return [SentMessage(paper, f"{paper.settlement}:{paper.seq}:{paper.kind}" in done) for paper in papers]

    def by_kind(self, kind: str) -> list[Paper]:
        """All of a kind that the reader may see, the newest PAGE_MAX of them, oldest first."""
        seen = [found for row in self._tables.papers if row.kind == kind and (found := self.get(row.id)) is not None]
        return seen[-PAGE_MAX:]

    def erase_owner(self, participant: str) -> None:
        """Empties the participant's papers, profile and requests; hashes and proofs stay whole."""
        self._access.require_worker()
        for name, paper in self._tables.papers.items():
            if paper.owner == participant:
                self._tables.papers.put(name, replace(paper, body=b""))
        known = self._tables.participants.get(participant)
        if known is not None:
            self._tables.participants.put(participant, replace(known, profile={}))
        self._engineers.erase_owner(participant)
        for name, row in self._inbox.arrived.items():
            if row.item.participant == participant:
                self._inbox.arrived.put(name, replace(row, item=replace(row.item, body={}, answer=None)))
