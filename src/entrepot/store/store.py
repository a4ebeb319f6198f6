"""The Store Protocol: one transaction with small groups of acts. PostgreSQL and the in-memory twin both pass its suite.

`Store.work()` is a worker's transaction: all of it becomes durable, or none. `Store.read(reader)` sees only what
the reader may see (row-level security); what is another's is simply not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from entrepot.core.canonical import Json
from entrepot.core.charter import ChangeOutcome, ContractSettings
from entrepot.core.errors import Refused, declare
from entrepot.core.ledger import Ledger
from entrepot.core.settlement import Settlement

from .engineer_records import Requests, Sandbox, Webhooks
from .intents import Intents
from .many import Many
from .reconciliation_records import Reconciliations, SentMessage
from .records import (
    Approval,
    Change,
    Credential,
    Cursor,
    Disposition,
    InboxItem,
    KeptReceipt,
    ListRow,
    LoggedEvent,
    MandateSet,
    Membership,
    OutboxItem,
    Paper,
    Participant,
    PayeeChange,
    Person,
    Reader,
    SentTransaction,
    Wallet,
)
from .reports import Reports
from .sign_in_records import SignIns

PAGE_MAX = 200

declare(
    "Refused",
    wallet_taken="The wallet belongs to another participant.",
    secret_known="A credential with this secret is there already; make another secret.",
)


def require_wallet_free(wallet: Wallet, *, known: Wallet | None) -> None:
    """Raises: Refused(wallet_taken) if what is `known` at the account is another participant's."""
    if known is not None and known.participant != wallet.participant:
        raise Refused("wallet_taken", f"{wallet.account} belongs to another participant.")


def require_secret_free(credential: Credential, *, known: Credential | None) -> None:
    """Raises: Refused(secret_known) if what is `known` under the secret opens another membership."""
    opens = (credential.person, credential.participant, credential.role)
    if known is not None and (known.person, known.participant, known.role) != opens:
        raise Refused("secret_known", "A credential with this secret is there already; make another secret.")


class Inbox(Protocol):
    """What arrived, in order of arrival, each answered once."""

    def put(self, item: InboxItem) -> InboxItem:
        """Stores it, or returns the item already stored under the same source and key."""

    def get(self, source: str, key: str) -> InboxItem | None: ...

    def claim(self, *, limit: int) -> list[InboxItem]:
        """Unanswered items nobody holds, oldest first, held until the transaction ends. An item of a settlement comes
        only if no older item of the same settlement is unanswered."""

    def answer(self, item_id: str, answer: Json, *, at: int) -> None: ...

    def set_aside(self, item_id: str, why: str, *, at: int) -> None:
        """Takes a poisoned item out of the way; it stays visible."""

    def stuck(self) -> list[InboxItem]:
        """The items set aside that nobody has taken again or dismissed, oldest first."""

    def is_waiting(self, settlement: str, kind: str) -> bool:
        """True while an item of this kind about a settlement is neither answered nor dismissed, set aside or not."""

    def take_again(self, item_id: str) -> None:
        """Opens a set-aside item as it was, in its old place in the queue."""

    def dismiss(self, item_id: str, *, at: int) -> None:
        """A set-aside item is never acted on; it stays in the inbox, and is stuck no longer."""

    def open_since(self) -> tuple[int, int | None]:
        """(how many are neither answered nor set aside, when the oldest of them came: Unix s)."""


class Settlements(Protocol):
    """Snapshots, their events and when each is due."""

    def insert(self, settlement: Settlement) -> None: ...

    def get(self, settlement_id: str) -> Settlement | None: ...

    def lock(self, settlement_ids: Sequence[str]) -> dict[str, Settlement]:
        """Snapshots locked until the transaction ends, in id order."""

    def touched(self, *, since: int) -> list[str]:
        """Ids of those that are open, or had something happen at leaf index `since` or later, in order."""

    def save(self, settlement: Settlement, events: Sequence[LoggedEvent]) -> None:
        """Writes the snapshot (its `seq` must be the stored one plus the events) and its events with their leaves."""

    def claim_due(self, *, now: int, limit: int) -> list[Settlement]:
        """Locked snapshots whose next act is due, skipping those another worker holds."""

    def unpaid(self, participant: str) -> list[str]:
        """Ids of the participant's settlements that may still be funded, as buyer or seller."""

    def postpone(self, settlement_id: str, *, until: int) -> None:
        """Nothing is due for it before `until` (a retry later)."""

    def events(self, settlement_id: str) -> list[LoggedEvent]: ...

    def beside(self) -> list[LoggedEvent]:
        """What happened to money beside the trade, of all settlements: mispaid, return_cleared, returned; by time."""

    def page(self, *, after: str = "", limit: int = PAGE_MAX, state: str = "") -> list[Settlement]:
        """By id, newest first; `after` is the last id of the page before."""


class Log(Protocol):
    """The Merkle log of all events, and its signed checkpoints."""

    def size(self) -> int: ...

    def append(self, events: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """Gives gapless leaf indices under one lock, at the end of the batch, and stores the tree's new nodes."""

    def node(self, level: int, index: int) -> bytes: ...

    def end(self) -> tuple[int, list[bytes]]:
        """Its size, and the roots of the complete subtrees, largest first."""

    def leaves(self, *, after: int, limit: int) -> list[LoggedEvent]:
        """Leaves with index > after, in order: the one cursor of webhooks, live pages and reports."""

    def put_checkpoint(self, size: int, note: str, *, at: int) -> None: ...

    def size_before(self, at: int) -> int:
        """The size of the newest checkpoint that was signed before a time (Unix s); 0 if there is none."""

    def checkpoint(self, *, size: int | None = None) -> tuple[int, str] | None:
        """(size, signed note): the newest, or the one at `size`."""


class Papers(Protocol):
    """Documents and messages, sealed."""

    def put(self, paper: Paper) -> None: ...

    def get(self, paper_id: str) -> Paper | None: ...

    def of(self, settlement_id: str, *, kind: str = "") -> list[Paper]:
        """Oldest first; a paper whose owner was erased comes with an empty body."""

    def messages(self, settlements: Sequence[str]) -> list[SentMessage]:
        """Messages to banks (pacs.008, camt.054) of these settlements, by settlement, oldest first; for workers."""

    def by_kind(self, kind: str) -> list[Paper]:
        """All of a kind that the reader may see, the newest PAGE_MAX of them, oldest first."""

    def erase_owner(self, participant: str) -> None:
        """Destroys the participant's key: its papers and profile are unreadable from then on, proofs stay whole."""


class People(Protocol):
    """Participants, persons, what they may do, and their wallets."""

    def lock(self, name: str) -> None:
        """Whoever wants this name too (a person, a company, what there is one of) waits until the transaction ends."""

    def put_participant(self, participant: Participant) -> None: ...

    def participant(self, participant_id: str) -> Participant | None: ...

    def participants(self) -> list[Participant]: ...

    def put_person(self, person: Person) -> None: ...

    def person(self, person_id: str) -> Person | None: ...

    def put_membership(self, membership: Membership) -> None: ...

    def memberships(self, *, person: str = "", participant: str = "") -> list[Membership]: ...

    def put_credential(self, credential: Credential) -> None:
        """Keeps a secret; of one that is there, the end only comes nearer and the last use later, whoever writes last.

        Raises: Refused(secret_known) if it opens another membership.
        """

    def credential(self, secret_sha256: str) -> Credential | None: ...

    def credentials(self, person: str) -> list[Credential]:
        """Those of a person, oldest first."""

    def put_wallet(self, wallet: Wallet) -> None:
        """Raises: Refused(wallet_taken) if another participant has it."""

    def wallet(self, account: str) -> Wallet | None: ...

    def wallets(self, participant: str) -> list[Wallet]: ...

    def put_saved_views(self, person: str, participant: str, views: list[Json]) -> None:
        """The whole list of a person's saved views in one membership's participant replaces the one before."""

    def saved_views(self, person: str, participant: str) -> list[Json]:
        """In the order in which they were saved; sealed with the person's key."""


class Checks(Protocol):
    """Lists, dispositions, the caps' reservations, the duplicate registry, settings under four eyes."""

    def put_list(self, row: ListRow, *, after: str) -> None:
        """A new version is current; the same only moves `verified_at`. Raises: Conflict if `after` is not ("" none)."""

    def lists(self, *, with_entities: bool) -> list[ListRow]:
        """The current version of each source."""

    def put_disposition(self, disposition: Disposition) -> None:
        """Raises: Refused(same_person) if this person disposed of a hit of this settlement already."""

    def dispositions(self, settlement_id: str) -> list[Disposition]: ...

    def dispositions_of(self, hits: Sequence[str]) -> list[Disposition]:
        """Those of any settlement that name one of these hits, in the order in which they were given."""

    def reserve(
        self, *, settlement: str, participant: str, amount_minor: int, cap_minor: int, since: int, at: int
    ) -> bool:
        """Takes headroom if all unfreed reservations of the participant since `since` stay within the cap.

        Serialised per participant. A settlement has one: taken again, it counts from the new `at` on.
        """

    def free(self, settlement: str, *, at: int) -> None:
        """Gives a settlement's reservations back."""

    def reserved(self, participant: str, *, since: int, but_not: str = "") -> int:
        """Unfreed reservations in minor units, without those of the settlement `but_not`."""

    def register_invoice(self, *, key: str, fingerprint: str, settlement: str) -> tuple[str, str] | None:
        """Registers, or returns (settlement, fingerprint) of the live one that holds the key."""

    def free_invoice(self, settlement: str) -> None: ...

    def put_change(self, change: Change) -> None: ...

    def confirm_change(self, change_id: str, *, person: str, at: int) -> Change:
        """Raises: Refused(same_person) for the proposer, Unknown(not_found)."""

    def decline_change(self, change_id: str, *, person: str, at: int, why: str) -> Change:
        """Ends a proposal without effect; its proposer may. Raises: Unknown(not_found) if none waits under this id."""

    def changes(self, *, subject: str = "", confirmed: bool | None = None) -> list[Change]:
        """In the order of proposal. `confirmed` False: those that wait for a second person, declined ones are left."""

    def clock_offset_s(self) -> int: ...

    def set_clock_offset_s(self, offset_s: int) -> None: ...


class Mandates(Protocol):
    """Who may act for a company, what waits for its second person, and where it is paid."""

    def put_set(self, mandates: MandateSet) -> None:
        """The next version of all of a company's mandates."""

    def sets(self, participant: str) -> list[MandateSet]:
        """All versions, the one in force last."""

    def put_approval(self, approval: Approval) -> None: ...

    def save_approval(self, approval: Approval) -> None:
        """Writes confirmations and how it was closed; what is closed stays so."""

    def lock_approval(self, approval_id: str) -> Approval | None:
        """Locked until the transaction ends."""

    def approval(self, approval_id: str) -> Approval | None: ...

    def approvals(self, *, participant: str = "", settlement: str = "", is_open: bool = False) -> list[Approval]:
        """Those of a company, of a settlement, or all; newest first, a page at most."""

    def put_payee_change(self, change: PayeeChange) -> None: ...

    def payee_changes(self, participant: str) -> list[PayeeChange]:
        """A participant's, in order; whoever trades with it sees them too."""


class Rails(Protocol):
    """Signed transactions before they are broadcast, receipts, cursors, the registry's settings and their changes."""

    def sent(self, once: str) -> SentTransaction | None: ...

    def unfinished(self, chain: str, *, limit: int) -> list[SentTransaction]: ...

    def put_sent(self, transaction: SentTransaction) -> None:
        """Inserts, or updates hash, raw, state and attempt under the same `once`.

        (chain, sender, nonce) is unique among those not replaced.
        """

    def next_nonce(self, chain: str, sender: str, *, at_least: int) -> int:
        """The next unused nonce under a lock held until the transaction ends."""

    def put_receipt(self, receipt: KeptReceipt) -> None: ...

    def receipts(self, settlement_id: str) -> list[KeptReceipt]: ...

    def cursor(self, name: str) -> Cursor | None: ...

    def put_cursor(self, cursor: Cursor) -> None:
        """Moves it forward; one of an older final block is not kept: a slower watcher sets nobody back."""

    def cursors(self) -> list[Cursor]: ...

    def put_contract_settings(self, settings: ContractSettings) -> None:
        """Keeps the registry's settings as read at a block, for staff; what is older than what is kept is not."""

    def contract_settings(self) -> ContractSettings | None: ...

    def put_outcome(self, outcome: ChangeOutcome) -> None:
        """What became of a change on the chain, once; a second is left alone."""

    def outcomes(self) -> dict[str, ChangeOutcome]:
        """By change; for staff."""


class Outbox(Protocol):
    """What is to be done outside."""

    def put(self, items: Sequence[OutboxItem]) -> None:
        """An item whose `once` is there already is left alone."""

    def claim(self, *, now: int, limit: int, lease_s: int, kind: str = "", but: Sequence[str] = ()) -> list[OutboxItem]:
        """Due items nobody holds, oldest first, of one kind or of all `but` some.

        Whoever dies with one delays it by the lease at most.
        """

    def done(self, once: str, *, at: int) -> None: ...

    def retry(self, once: str, *, due_at: int, error: str, counts: bool = True) -> None:
        """It failed and is due again; an attempt that got no answer does not count."""

    def open_count(self) -> int: ...

    def newest(self, kind: str) -> OutboxItem | None:
        """The item of a kind that was queued last, done or not; for staff."""

    def waiting(self, *, limit: int) -> list[OutboxItem]:
        """What is not done, the longest due first."""

    def waiting_of(self, settlement: str) -> list[OutboxItem]:
        """What is not done of one settlement, the longest due first."""


class Transaction(Protocol):
    """One transaction over everything; the attributes share it."""

    @property
    def inbox(self) -> Inbox: ...

    @property
    def settlements(self) -> Settlements: ...

    @property
    def log(self) -> Log: ...

    @property
    def papers(self) -> Papers: ...

    @property
    def people(self) -> People: ...

    @property
    def sign_ins(self) -> SignIns: ...

    @property
    def checks(self) -> Checks: ...

    @property
    def mandates(self) -> Mandates: ...

    @property
    def rails(self) -> Rails: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def intents(self) -> Intents: ...

    @property
    def reports(self) -> Reports: ...

    @property
    def reconciliations(self) -> Reconciliations: ...

    @property
    def webhooks(self) -> Webhooks: ...

    @property
    def requests(self) -> Requests: ...

    @property
    def sandbox(self) -> Sandbox: ...

    @property
    def many(self) -> Many: ...

    def savepoint(self) -> AbstractContextManager[None]:
        """What happens inside is undone if it raises; the transaction goes on."""


class Store(Protocol):
    """Where transactions come from."""

    def work(self) -> AbstractContextManager[Transaction]:
        """A worker's transaction: commits at the end, rolls back on any exception."""

    def snapshot(self) -> AbstractContextManager[Transaction]:
        """A worker's read-only look at one moment: whatever commits meanwhile is not seen by any of its reads."""

    def door(self) -> AbstractContextManager[Transaction]:
        """A door's transaction: may look up credentials and write the inbox only."""

    def read(self, reader: Reader) -> AbstractContextManager[Transaction]:
        """Read-only, limited to what the reader may see."""

    def pools(self) -> list[dict[str, Any]]:
        """This process's connections: `role`, how many are `busy` and `free`, and how many callers are `waiting`."""

    def tend(self) -> bool:
        """Does what the store needs from time to time, in a transaction of its own; True if something was due."""

    def wake(self) -> None:
        """Tells waiting workers and doors that something is there (NOTIFY)."""

    def wait(self, *, timeout_s: float, until: Callable[[], bool] | None = None) -> bool:
        """Waits for a wake-up; True if one came."""
