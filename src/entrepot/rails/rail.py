"""What a rail promises: operations happen once, what is final is told, and every receipt has its proof.

Workflows know this file only. A rail remembers nothing itself: what it signed stands in a Journal before it leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from entrepot.core.canonical import Json
from entrepot.core.eip712 import Domain
from entrepot.core.errors import declare
from entrepot.core.sent_transaction import SentState as SentState
from entrepot.core.sent_transaction import SentTransaction as SentTransaction
from entrepot.core.terms import Terms

OPERATIONS = (
    "open",
    "fund_with_authorization",
    "present",
    "reject_presentation",
    "waive",
    "release",
    "refund",
    "reject",
    "return_payment",
    "claim_fee",
    "raise_dispute",
    "award",
    "hold",
)

EVENT_KINDS = (
    "opened",
    "funded",
    "presented",
    "presentation_rejected",
    "accepted",
    "waived",
    "released",
    "refunded",
    "rejected",
    "returned",
    "fee_claimed",
    "closed",
    "disputed",
    "awarded",
    "held",
    "mispaid",
    "undecodable",
)

declare("Refused", rail_refused="The rail would refuse the operation; the sentence says why.")
declare("Invalid", operation_malformed="An operation on a rail lacks an argument or has one of another shape.")
declare(
    "Unavailable",
    rail_stopped="The rail is stopped by an alarm: the chain is not the one that was final before.",
    rail_not_ready="The escrow is not on the chain yet; the same operation may be sent again.",
    rail_not_taken="The node does not take the transaction now, for instance because others pay more.",
    rail_unfunded="The account that sponsors transactions cannot pay for them.",
)

OperationStateName = Literal["unknown", "prepared", "sent", "mined", "final", "failed", "dropped"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One act on the escrow of `terms`. `once` makes it happen once; `arguments` are JSON, binary as 0x-hex.

    Amounts in `arguments` are base-10 strings of minor units; `evm_calls` lists what each kind takes.
    """

    once: str
    kind: str
    settlement: str
    terms: Terms
    arguments: Json


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a submission: the transaction's hash (of the last replacement) and nonce."""

    once: str
    hash: str
    nonce: int
    state: SentState


@dataclass(frozen=True, slots=True)
class OperationState:
    """Where an operation stands. `mined` may still be undone, `final`, `failed` and `dropped` not.

    `failed`: in a final block, but without effect (`reason`). `dropped`: another transaction took its place for good.
    """

    name: OperationStateName
    transaction: str = ""
    block_number: int | None = None
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """True if nothing can change it any more."""
        return self.name in ("final", "failed", "dropped")


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """The last block that counts. `time` is Unix seconds."""

    number: int
    hash: str
    time: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a watcher has read: `block` is the last one whose events were told, final up to `final_block`."""

    block: int
    block_hash: str
    final_block: int
    final_hash: str
    final_time: int


@dataclass(frozen=True, slots=True)
class RailEvent:
    """Something that happened on the rail, in our words. Times are Unix seconds, amounts in `facts` decimal strings.

    `key` names it: `transaction:log_index` once final, with chain and block hash in front before that. `mispaid` is
    money that came to an escrow beside its funding (token, origin, amount_minor). `undecodable` carries `why`.
    """

    key: str
    kind: str
    escrow: str
    transaction: str
    block_number: int
    block_hash: str
    block_time: int
    log_index: int
    is_final: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """What `observe` read. With an `alarm` (code: sentence) the cursor has not moved and there are no events.

    `is_behind` says that final blocks are left to read: call again at once, without waiting.
    """

    cursor: Cursor
    events: tuple[RailEvent, ...]
    final: FinalBlock
    is_behind: bool = False
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class ProvenReceipt:
    """A transaction's receipt with what proves it: the block header and the receipt trie's nodes (RLP bytes)."""

    transaction: str
    block_number: int
    block_hash: str
    block_time: int
    header: bytes
    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EscrowState:
    """What the escrow itself says of its trade, at a final block. Amounts in minor units, times in Unix seconds.

    `status` is 0 open, 1 funded, 2 presented, 3 closed; `sequence` is that of the next passport, `hold_number` that
    of the next order.
    """

    terms_hash: str
    status: int
    held: int
    released: int
    refunded: int
    fee_claimable: int
    fee_paid: int
    sequence: int
    round: int
    documents_sha256: str
    presented_at: int
    accepted_round: int
    present_until: int
    examine_until: int
    disputed_until: int
    is_awarded: bool
    awarded_to_seller: int
    frozen_until: int
    blocked: bool
    hold_number: int


class Journal(Protocol):
    """Remembers signed transactions durably. Each method is one transaction of its own, committed when it returns."""

    def sent(self, once: str) -> SentTransaction | None:
        """What is kept under `once`."""

    def prepare(
        self, once: str, *, chain: str, sender: str, nonce_min: int, sign: Callable[[int], SentTransaction]
    ) -> SentTransaction:
        """Keeps `sign(nonce)` with the sender's next unused nonce, at least `nonce_min`, or returns what `once` has.

        Finding, reserving and keeping are one transaction under the sender's lock: no nonce is lost or given twice.
        """

    def replace(self, old: SentTransaction, new: SentTransaction) -> SentTransaction:
        """Keeps `new` under its `once` and `old` under `once#attempt` as replaced, in one transaction.

        Returns what is kept now: another worker's, if the hash was no longer `old.hash`.
        """

    def update(self, kept: SentTransaction, state: SentState) -> None:
        """What became of `kept`; nothing is written if another worker replaced it, which its hash tells."""

    def unfinished(self, chain: str, *, limit: int) -> list[SentTransaction]:
        """Those prepared, sent or mined, by nonce."""


class Signer(Protocol):
    """The account that sponsors transactions. Neighbours do not know each other: signers/ has the same shape."""

    @property
    def address(self) -> str:
        """0x address, lower case."""

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r || s || v, v 27 or 28."""


class Rail(Protocol):
    """A place where money moves. Every method that asks outside may raise Unavailable(outside_unavailable)."""

    @property
    def name(self) -> str:
        """`evm`, or `simulated`."""

    @property
    def chain(self) -> str:
        """The CAIP-2 id, such as `eip155:31337`."""

    @property
    def finality(self) -> str:
        """The finality policy in words, to be printed."""

    @property
    def domain(self) -> Domain:
        """Where signatures about trades count."""

    def escrow_address(self, terms: Terms) -> str:
        """The address where the money of `terms` will wait, known before it is opened: 0x, lower case."""

    def submit(self, operation: Operation) -> Sent:
        """Makes the operation happen, once: the same `once` again sends the same bytes again, never others.

        Raises: Refused(rail_refused), Invalid(operation_malformed), Unavailable(rail_stopped, rail_not_ready, …).
        """

    def state_of(self, once: str) -> OperationState:
        """Where an operation stands now."""

    def tend(self) -> int:
        """Sends again what the rail forgot, raises fees of what waits too long; returns how many are unfinished."""

    def observe(self, cursor: Cursor | None, *, watch: Collection[str] = ()) -> Observed:
        """What happened after `cursor`, from the deployment on if it is None. Reads a bounded stretch at a time.

        `watch` are further addresses (0x, lower case) to which payments are told although no escrow is open there.
        """

    def receipt(self, transaction: str) -> ProvenReceipt:
        """A mined transaction's receipt, checked against its block. Raises: Unknown(not_found)."""

    def held(self, escrow: str, token: str) -> int:
        """Balance in minor units at the last final block, from the rail itself."""

    def held_all(self, pairs: Sequence[tuple[str, str]]) -> list[int]:
        """`held` for many (escrow, token) pairs, all at one final block."""

    def decimals(self, token: str) -> int:
        """Places of the token's minor unit, as the token says."""

    def final(self) -> FinalBlock:
        """The last final block."""

    def escrow_states(self, escrows: Sequence[str]) -> list[EscrowState | None]:
        """What many escrows say, all at one final block; None for one that was not open then."""

    def escrow_state(self, escrow: str) -> EscrowState:
        """What the escrow says at the last final block. Raises: Unknown(not_found) if it was not open then."""
