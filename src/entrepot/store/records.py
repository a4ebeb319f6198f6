"""The rows that the store keeps, as workflows see them. Ids are 32 hex digits, times Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from entrepot.core.canonical import Json
from entrepot.core.sent_transaction import SentTransaction as SentTransaction
from entrepot.core.settlement import Event

Verdict = Literal["clear", "refuse"]


@dataclass(frozen=True, slots=True)
class Reader:
    """On whose behalf rows are read: `role` of `participant`. Staff roles see all, a party only its own."""

    participant: str
    role: str
    person: str = ""


DISPUTE_PAPERS = ("terms", "invoice", "packing_list", "transport_document", "examination", "dispute")  # arbiters' too
STAFF_ROLES = ("operator", "officer", "supervisor")


@dataclass(frozen=True, slots=True)
class Participant:
    """Someone admitted, or who applied: `status` is applied, admitted, suspended or left.

    `profile` (name, lei, registration, bank, owners …) is sealed with the participant's key; `country` stays readable
    because rules need it.
    """

    id: str
    kind: str
    country: str
    status: str
    admitted_at: int
    profile: Json
    version: int = 1


@dataclass(frozen=True, slots=True)
class Person:
    """A natural person; `profile` is sealed."""

    id: str
    profile: Json


@dataclass(frozen=True, slots=True)
class Membership:
    """A person acts in one `role` for one participant."""

    person: str
    participant: str
    role: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A bearer secret, kept as its SHA-256 (hex), for one membership.

    `kind` says who holds it: a program (key) or a person's browser (session). `opened_at` is when the person proved
    who they are; renewing a session does not move it. `session` is the SHA-256 of its first secret, whatever the later.
    """

    secret_sha256: str
    person: str
    participant: str
    role: str
    expires_at: int
    kind: Literal["key", "session"] = "key"
    label: str = ""
    opened_at: int = 0
    session: str = ""
    last_used_at: int = 0  # the start of the day (UTC) on which it was last used; 0: never, or nobody counted


@dataclass(frozen=True, slots=True)
class Wallet:
    """An admitted account (CAIP-10) of one participant."""

    account: str
    participant: str
    admitted_at: int


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A click, message or chain event: stored first, acted on later.

    `key` is unique within `source` (an idempotency key and who sent it, or a chain position). `body_sha256` tells a
    retry from another request under the same key. `answer` is what the worker said: {"status": int, "body": …}.
    """

    id: str
    source: str
    key: str
    kind: str
    body: Json
    body_sha256: str
    received_at: int
    participant: str = ""
    person: str = ""
    role: str = ""
    settlement: str = ""
    attempts: int = 0
    answer: Json | None = None
    set_aside: str = ""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as it stands in the log: `leaf` its canonical bytes, `index` the gapless leaf index."""

    settlement: str
    seq: int
    event: Event
    leaf: bytes
    index: int = -1


@dataclass(frozen=True, slots=True)
class Paper:
    """A document or message kept as its original bytes, sealed with the owner's key, erasable.

    `kind` is invoice, terms, packing_list, transport_document, decision, pacs.008, …; `visible_to` lists the
    participants that may read it besides staff.
    """

    id: str
    settlement: str
    kind: str
    owner: str
    visible_to: tuple[str, ...]
    media_type: str
    body: bytes
    sha256: str
    at: int
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Disposition:
    """One person's answer to the open hits of one case (a settlement in review). Two different persons are needed."""

    settlement: str
    hits: tuple[str, ...]
    person: str
    verdict: Verdict
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class ListRow:
    """One loaded list version; `entities` are its screened entries as JSON."""

    source: str
    version: str
    sha256: str
    published_at: int | None
    loaded_at: int
    verified_at: int
    entity_count: int
    orphan_count: int
    entities: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """Something to do outside, written with its cause: `once` makes it happen once."""

    once: str
    kind: str
    settlement: str
    body: Json
    due_at: int
    attempts: int = 0
    done_at: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A rail receipt with what proves it: block header and receipt-trie proof (RLP bytes)."""

    settlement: str
    chain: str
    transaction: str
    block_number: int
    block_hash: str
    header: bytes
    index: int
    proof: tuple[bytes, ...]
    kind: str
    at: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a watcher has read: the last block whose events are in the inbox, final up to `final_block`."""

    name: str
    block: int
    block_hash: str
    final_block: int
    final_hash: str
    final_time: int
    seen_at: int
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that takes two persons: proposed by one, confirmed by another, then in force.

    `before` is what was in force when it was proposed. After `expires_at` (0: never) it cannot be confirmed. Declined,
    or withdrawn by its proposer, it never takes effect.
    """

    id: str
    subject: str
    body: Json
    reason: str
    proposed_by: str
    proposed_at: int
    confirmed_by: str = ""
    confirmed_at: int | None = None
    expires_at: int = 0
    before: Json = field(default_factory=dict)
    declined_by: str = ""
    declined_at: int | None = None
    declined_why: str = ""

    @property
    def is_open(self) -> bool:
        """True while a second person may still end it."""
        return not self.confirmed_by and not self.declined_by


@dataclass(frozen=True, slots=True)
class MandateSet:
    """One version of all mandates of a company, as JSON; the newest version is in force."""

    participant: str
    version: int
    mandates: tuple[Json, ...]
    decided_by: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Approval:
    """An act that waits for another person of its company, or (`by_operator`) for an operator.

    Its request, signature and all, is the inbox's item under `source` and `key`, and must still hash to `body_sha256`;
    `terms_hash` are the terms it was made for. `status` is open, done, declined, refused or replaced.
    """

    id: str
    participant: str
    settlement: str
    act: str
    source: str
    key: str
    body_sha256: str
    terms_hash: str
    asset: str
    amount_minor: int
    about: str
    by_operator: bool
    asked_by: str
    asked_at: int
    expires_at: int
    confirmed_by: tuple[str, ...] = ()
    status: str = "open"
    closed_by: str = ""
    closed_at: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class PayeeChange:
    """A participant is paid elsewhere: on the wallet `account`, or (`kind` bank) at the bank of its profile.

    Nothing is paid there before `paid_from`.
    """

    id: str
    participant: str
    kind: str
    account: str
    changed_at: int
    paid_from: int
    decided_by: tuple[str, ...]
