"""A rail that is simulated, and says so by its name: a small chain in memory with seeded faults.

It keeps every promise of the Rail Protocol (one conformance suite is passed by it and by the EVM rail), so that what is
built on rails can be tested against lost replies, delays, duplicates, reorganisations and a node that is down.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from entrepot.core.canonical import hex0x, unhex
from entrepot.core.chainproof import encode_header, encode_receipt, header_hash, receipt_proofs
from entrepot.core.crypto import keccak256, sha256
from entrepot.core.eip712 import Domain
from entrepot.core.errors import Invalid, Refused, Unavailable, Unknown
from entrepot.core.terms import Terms

from .abi import Event
from .evm import Deployment, Token
from .evm_calls import ESCROW, FACTORY
from .evm_chain import ERC20
from .evm_events import Log, opened_escrow, rail_events, recipient
from .rail import Cursor, EscrowState, FinalBlock, Observed, Operation, OperationState, ProvenReceipt, Sent
from .simulated_escrow import Place, Refusal, Said, carry_out

CHAIN_ID = 31338  # of no public network
GENESIS_S = 1_790_000_000
_NAMES: dict[str, Event] = {
    event.name: event for contract in (ESCROW, FACTORY, ERC20) for event in contract.events.values()
}


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong, in percent of the calls: drawn from the seed."""

    lost_reply_pct: int = 0  # the operation is taken, and the caller sees Unavailable
    delay_pct: int = 0  # a block passes an operation over
    duplicate_pct: int = 0  # events are told once more under the same keys


@dataclass
class Pending:
    """An operation or a bare payment on its way, or in place `index` of the block `block`."""

    once: str
    hash: str
    nonce: int
    operation: Operation | None
    payment: tuple[str, str, str, int] | None = None
    block: int | None = None
    index: int = 0
    reason: str = ""


@dataclass
class Block:
    """A block and the state after it."""

    number: int
    time: int
    header: bytes
    hash: str
    logs: list[Log]
    transactions: list[str]
    after: Place = field(repr=False)
    proofs: list[tuple[bytes, ...]] = field(repr=False)


class SimulatedRail:
    """See Rail. `mine` makes a block; `final_blocks` behind the newest counts as final."""

    name = "simulated"

    def __init__(
        self,
        seed: int,
        *,
        passport_signers: Iterable[str],
        authorities: Iterable[str],
        faults: Faults | None = None,
        final_blocks: int = 2,
        chain_id: int = CHAIN_ID,
    ) -> None:
        self.random, self.faults, self.final_blocks = random.Random(seed), faults or Faults(), final_blocks
        addresses = [hex0x(sha256(f"simulated {name} {seed}".encode())[:20]) for name in ("factory", "token", "code")]
        factory, token, implementation = addresses
        details = Token(token, "Simulated Dollar", "2", "SIMUSD", 6)
        self.deployment = Deployment(chain_id, factory, factory, implementation, 0, details)
        self.contracts = self.deployment.contracts
        place = Place(
            self.contracts.domain, self.deployment.token_domain, frozenset(passport_signers), frozenset(authorities)
        )
        self.is_down = False
        self._pending: dict[str, Pending] = {}
        self._by_hash: dict[str, Pending] = {}
        self._waiting: dict[str, Pending] = {}  # those that no block has taken, in the order of their nonces
        self._blocks: list[Block] = []
        self._opened: dict[str, int] = {}  # escrow → number of the block that opened it
        self._mined: dict[str, int] = {}  # transaction → number of its block
        self._forks = 0
        self._append(place, [], [], GENESIS_S)

    @property
    def chain(self) -> str:
        """See Rail.chain."""
        return f"eip155:{self.deployment.chain_id}"

    @property
    def finality(self) -> str:
        """See Rail.finality."""
        return f"simulated: a fact counts once {self.final_blocks} blocks stand on its own"

    @property
    def domain(self) -> Domain:
        """See Rail.domain."""
        return self.contracts.domain

    # What a test does to the chain.

    def mint(self, token: str, to: str, amount: int) -> None:
        """New coins, from the newest block on."""
        place = self._blocks[-1].after
        place.balances[token, to] = place.balance(token, to) + amount

    def pay(self, token: str, payer: str, payee: str, amount: int) -> None:
        """A bare transfer that waits for the next block."""
        once = f"payment {len(self._pending)}"
        self._take(once, None, (token, payer, payee, amount))

    def mine(self, blocks: int = 1, *, after_s: int = 1) -> None:
        """Makes blocks, each `after_s` seconds after the one before."""
        for _ in range(blocks):
            self._make_block(self._blocks[-1].time + after_s)

    def reorganise(self, depth: int) -> None:
        """The newest blocks are undone; what was in them waits again."""
        assert 0 < depth < len(self._blocks)
        first = self._blocks[-depth].number
        times = [block.time for block in self._blocks[-depth:]]
        del self._blocks[-depth:]
        self._forks += 1
        self._opened = {escrow: number for escrow, number in self._opened.items() if number < first}
        self._mined = {hash_: number for hash_, number in self._mined.items() if number < first}
        for pending in self._pending.values():
            if pending.block is not None and pending.block >= first:
                pending.block, pending.reason = None, ""
        self._waiting = {once: pending for once, pending in self._pending.items() if pending.block is None}
        for time in times:
            self._append(self._blocks[-1].after.copy(), [], [], time)

    def bar(self, wallet: str) -> None:
        """The token's issuer freezes a wallet: nothing is paid from or to it, escrows' payouts included."""
        self._blocks[-1].after.barred.add(wallet)

    def unbar(self, wallet: str) -> None:
        """The issuer lifts it."""
        self._blocks[-1].after.barred.discard(wallet)

    # What a test asks the chain.

    def after(self, number: int) -> Place:
        """Everything as it was after a block; to be read only."""
        return self._blocks[number].after

    def operation_of(self, transaction: str) -> tuple[Operation | None, int]:
        """(the operation of a mined transaction, None for a bare payment; its block's time). Raises: KeyError."""
        block = self._blocks[self._mined[transaction]]
        return self._by_hash[transaction].operation, block.time

    def forget_operations(self) -> None:
        """Drops what final operations were asked to do; what they did stays. For runs whose memory is measured."""
        final = self.final().number
        for pending in self._pending.values():
            if pending.block is not None and pending.block <= final:
                pending.operation = None

    # The Protocol.

    def escrow_address(self, terms: Terms) -> str:
        """See Rail.escrow_address."""
        return self.contracts.escrow_of(unhex(terms.hash(), size=32))

    def submit(self, operation: Operation) -> Sent:
        """See Rail.submit."""
        self._require_up()
        if operation.once not in self._pending:
            self._simulate(operation)
            self._take(operation.once, operation, None)
            if self._happens(self.faults.lost_reply_pct):
                raise Unavailable("outside_unavailable", "The reply was lost (simulated).")
        found = self._pending[operation.once]
        return Sent(found.once, found.hash, found.nonce, "sent")

    def state_of(self, once: str) -> OperationState:
        """See Rail.state_of."""
        self._require_up()
        found = self._pending.get(once)
        if found is None:
            return OperationState("unknown")
        if found.block is None:
            return OperationState("sent", found.hash)
        if found.block > self.final().number:
            return OperationState("mined", found.hash, found.block)
        return OperationState("failed" if found.reason else "final", found.hash, found.block, found.reason)

    def tend(self) -> int:
        """See Rail.tend."""
        self._require_up()
        newest = (
            self._by_hash[hash_] for block in self._blocks[self.final().number + 1 :] for hash_ in block.transactions
        )
        return sum(1 for entry in (*newest, *self._waiting.values()) if entry.operation)

    def observe(self, cursor: Cursor | None, *, watch: Collection[str] = ()) -> Observed:
        """See Rail.observe."""
        self._require_up()
        final = self.final()
        start = cursor or self._cursor(self._blocks[0])
        if final.number < start.final_block:
            return Observed(start, (), final, alarm=f"chain_behind: {final.number} is below {start.final_block}")
        if self._blocks[start.final_block].hash != start.final_hash:
            return Observed(start, (), final, alarm=f"final_changed: block {start.final_block} is another one")
        first = start.final_block + 1
        if self._happens(self.faults.duplicate_pct):
            first = max(1, first - 3)
        logs = [log for block in self._blocks[first : final.number + 1] for log in block.logs]
        paid = {recipient(log) for log in logs} & self._opened.keys()
        opened = {escrow for escrow in paid if self._opened[escrow] <= final.number}
        times = {block.hash: block.time for block in self._blocks[first : final.number + 1]}
        events = rail_events(logs, self.contracts, {*opened, *watch}, times, final_number=final.number)
        return Observed(self._cursor(self._blocks[final.number]), events, final)

    def receipt(self, transaction: str) -> ProvenReceipt:
        """See Rail.receipt."""
        self._require_up()
        if transaction not in self._mined:
            raise Unknown("not_found", f"{transaction} is not in a block.")
        block = self._blocks[self._mined[transaction]]
        index = self._by_hash[transaction].index
        proof = block.proofs[index]
        return ProvenReceipt(transaction, block.number, block.hash, block.time, block.header, index, proof)

    def held(self, escrow: str, token: str) -> int:
        """See Rail.held."""
        return self.held_all([(escrow, token)])[0]

    def held_all(self, pairs: Sequence[tuple[str, str]]) -> list[int]:
        """See Rail.held_all."""
        self._require_up()
        place = self._blocks[self.final().number].after
        return [place.balance(token, owner) for owner, token in pairs]

    def decimals(self, token: str) -> int:
        """See Rail.decimals."""
        self._require_up()
        if token != self.deployment.token.address:
            raise Unknown("not_found", f"{token} does not say its decimals.")
        return self.deployment.token.decimals

    def final(self) -> FinalBlock:
        """See Rail.final."""
        self._require_up()
        block = self._blocks[max(0, len(self._blocks) - 1 - self.final_blocks)]
        return FinalBlock(block.number, block.hash, block.time)

    def escrow_states(self, escrows: Sequence[str]) -> list[EscrowState | None]:
        """See Rail.escrow_states."""
        self._require_up()
        found = [self._blocks[self.final().number].after.escrows.get(escrow) for escrow in escrows]
        return [None if book is None else book.state() for book in found]

    def escrow_state(self, escrow: str) -> EscrowState:
        """See Rail.escrow_state."""
        book = self._blocks[self.final().number].after.escrows.get(escrow)
        if book is None:
            raise Unknown("not_found", f"No escrow is open at {escrow}.")
        return book.state()

    def now(self) -> int:
        """Newest block time."""
        return self._blocks[-1].time

    def _require_up(self) -> None:
        if self.is_down:
            raise Unavailable("outside_unavailable", "The node is down (simulated).")

    def _happens(self, pct: int) -> bool:
        return self.random.randrange(100) < pct

    def _simulate(self, operation: Operation) -> None:
        """Raises: Invalid(operation_malformed), Unavailable(rail_not_ready), Refused(rail_refused)."""
        newest = self._blocks[-1]
        escrow = self.escrow_address(operation.terms)
        if operation.terms.venue.factory != self.contracts.factory:
            raise Invalid("operation_malformed", "The terms are of another chain or factory.", path="terms.venue")
        try:
            carry_out(newest.after.copy(), operation, escrow, newest.time)
        except Refusal as refusal:
            if operation.kind != "open" and escrow not in newest.after.escrows:
                raise Unavailable("rail_not_ready", f"Nothing is open at {escrow} yet.") from None
            raise Refused("rail_refused", f"The escrow refuses: {refusal}.") from None
        except (KeyError, TypeError, ValueError, AttributeError, Invalid, Refused) as error:
            raise Invalid("operation_malformed", f"{operation.kind}: {error!r:.200}", path="arguments") from None

    def _take(self, once: str, operation: Operation | None, payment: tuple[str, str, str, int] | None) -> None:
        nonce = len(self._pending)
        pending = Pending(once, hex0x(sha256(f"transaction {nonce} {once}".encode())), nonce, operation, payment)
        self._pending[once] = self._waiting[once] = self._by_hash[pending.hash] = pending

    def _make_block(self, time: int) -> None:
        place = self._blocks[-1].after.copy()
        done: list[tuple[Pending, list[Said]]] = []
        for pending in list(self._waiting.values()):
            if self._happens(self.faults.delay_pct):
                break  # an account's transactions are mined in their order
            pending.block, pending.index = len(self._blocks), len(done)
            said = self._execute(place, pending, time)
            done.append((pending, said))
            del self._waiting[pending.once]
        place.flatten()
        self._append(place, [pending for pending, _ in done], [said for _, said in done], time)

    def _execute(self, place: Place, pending: Pending, time: int) -> list[Said]:
        """What was said: a transaction that fails changes nothing."""
        trial = place.copy()
        try:
            if pending.operation is None:
                assert pending.payment is not None
                said = [trial.pay(*pending.payment)]
            else:
                escrow = self.escrow_address(pending.operation.terms)
                said = carry_out(trial, pending.operation, escrow, time)
        except Refusal as refusal:
            pending.reason = str(refusal)
            return []
        place.absorb(trial)
        return said

    def _append(self, place: Place, done: Sequence[Pending], said: Sequence[Sequence[Said]], time: int) -> None:
        """Writes the block with a real header over its receipts, so that proofs of it verify."""
        number = len(self._blocks)
        logs: list[Log] = []
        receipts: list[bytes] = []
        for pending, events in zip(done, said, strict=True):
            entries = [_log(event, len(logs) + place_, pending.hash, number) for place_, event in enumerate(events)]
            logs += entries
            receipts.append(encode_receipt(_receipt_json(entries, is_done=not pending.reason)))
        proofs = receipt_proofs(receipts)
        root = hex0x(keccak256(proofs[0][0] if proofs else b"\x80"))  # the empty trie
        parent = self._blocks[-1].hash if self._blocks else hex0x(bytes(32))
        header = encode_header(_header_json(parent, root, number, time, extra=self._forks))
        block_hash = hex0x(header_hash(header))
        found = [replace(entry, block_hash=block_hash) for entry in logs]
        names = [pending.hash for pending in done]
        self._mined |= dict.fromkeys(names, number)
        self._opened |= dict.fromkeys(filter(None, (opened_escrow(entry, self.contracts) for entry in logs)), number)
        self._blocks.append(Block(number, time, header, block_hash, found, names, place, proofs))

    def _cursor(self, block: Block) -> Cursor:
        return Cursor(block.number, block.hash, block.number, block.hash, block.time)


def _log(said: Said, index: int, transaction: str, number: int) -> Log:
    emitter, name, values = said
    topics, data = _NAMES[name].encode(values)
    return Log(emitter, tuple(topics), data, transaction, number, "", index)


def _receipt_json(logs: Sequence[Log], *, is_done: bool) -> dict[str, Any]:
    entries = [
        {"address": log.emitter, "topics": [hex0x(topic) for topic in log.topics], "data": hex0x(log.data)}
        for log in logs
    ]
    bloom = hex0x(bytes(256))  # nobody searches by it here
    return {
        "type": "0x2",
        "status": hex(int(is_done)),
        "cumulativeGasUsed": "0x5208",
        "logsBloom": bloom,
        "logs": entries,
    }


def _header_json(parent: str, root: str, number: int, time: int, *, extra: int) -> dict[str, Any]:
    word, empty = hex0x(bytes(32)), hex0x(bytes(20))
    return {
        "parentHash": parent, "sha3Uncles": word, "miner": empty, "stateRoot": word, "transactionsRoot": word,
        "receiptsRoot": root, "logsBloom": hex0x(bytes(256)), "difficulty": "0x0", "number": hex(number),
        "gasLimit": "0x0", "gasUsed": "0x0", "timestamp": hex(time), "extraData": hex0x(extra.to_bytes(4, "big")),
        "mixHash": word, "nonce": hex0x(bytes(8)), "baseFeePerGas": "0x1",
    }  # fmt: skip
