"""Sending: nonces, fees, the same bytes again, and replacement by the same call at a higher fee.

A transaction is in the Journal before it is on the wire. From then on its nonce belongs to its `once`: it is mined,
or replaced by itself, or dropped because somebody else used the sender's key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from entrepot.core.canonical import hex0x
from entrepot.core.errors import Refused, Unavailable

from .abi import revert_reason
from .evm_calls import CallData, Contracts, call_of
from .evm_chain import EvmChain, call_to, is_revert
from .evm_transaction import Fees, Unsigned, read, signed, transaction_hash
from .node import Call, NodeError, answered
from .rail import Journal, Operation, OperationState, Sent, SentState, SentTransaction, Signer

GAS_MARGIN_BPS = 13_000  # of the estimate: state may change before the block is made
BUMP_BPS = 12_500  # nodes replace from 10 to 12.5% more
BASE_FEE_BLOCKS = 2  # the fee cap is this many times the base fee: room for six full blocks (1.125^6)
UNFINISHED_MAX = 500
BUMPS_MAX = 20
_ALREADY_THERE = ("already known", "already imported", "known transaction", "nonce too low")
_UNFUNDED = ("insufficient funds",)


@dataclass(frozen=True, slots=True)
class SendingPolicy:
    """`bump_after_blocks`: blocks that a transaction may wait. Fees in wei; `per_gas_wei_max` is never exceeded."""

    bump_after_blocks: int = 5
    per_gas_wei_max: int = 500 * 10**9
    tip_wei_min: int = 10**9


class EvmSender:
    """One account that sends for everybody. `now` is Unix seconds."""

    def __init__(
        self,
        chain: EvmChain,
        contracts: Contracts,
        signer: Signer,
        journal: Journal,
        policy: SendingPolicy,
        now: Callable[[], int],
        *,
        callee: str = "escrow",
    ) -> None:
        self.chain, self.contracts, self.signer, self.journal = chain, contracts, signer, journal
        self.callee = callee  # what it calls, for the sentence of a refusal
        self.policy, self.now = policy, now
        self.chain_name = f"eip155:{contracts.chain_id}"
        self._waiting_since: dict[str, int] = {}  # transaction hash → newest block when it was first seen waiting

    def submit(self, operation: Operation) -> Sent:
        """See Rail.submit."""

        def call() -> CallData:
            return call_of(
                self.contracts, operation, lambda: self.chain.escrow_state(self._escrow(operation), "latest")
            )

        return self.submit_call(operation.once, call, kind=operation.kind, settlement=operation.settlement)

    def submit_call(self, once: str, call: Callable[[], CallData], *, kind: str, settlement: str = "") -> Sent:
        """Makes a call happen, once; `call` is asked only the first time. Raises: as Rail.submit."""
        kept = self.journal.sent(once)
        if kept is None:
            try:
                kept = self._prepare(once, call(), kind, settlement)
            except Refused:
                kept = self.journal.sent(once)  # refused because another worker was quicker with this one?
                if kept is None:
                    raise
        if kept.state in ("prepared", "sent"):
            kept = self._broadcast(kept)
        return Sent(kept.once, kept.hash, kept.nonce, kept.state)

    def state_of(self, once: str) -> OperationState:
        """See Rail.state_of."""
        kept = self.journal.sent(once)
        return OperationState("unknown") if kept is None else self._states([kept])[0]

    def tend(self) -> int:
        """See Rail.tend."""
        sent_by_all = self.journal.unfinished(self.chain_name, limit=UNFINISHED_MAX)
        unfinished = [kept for kept in sent_by_all if kept.sender == self.signer.address]
        if not unfinished:
            self._waiting_since.clear()
            return 0
        waiting = [kept for kept, state in zip(unfinished, self._states(unfinished), strict=True)
                   if state.name in ("prepared", "sent")]  # fmt: skip
        hashes = {kept.hash for kept in waiting}
        self._waiting_since = {name: block for name, block in self._waiting_since.items() if name in hashes}
        if waiting:
            self._send_again(waiting)
        return len(unfinished)

    def _prepare(self, once: str, call: CallData, kind: str, settlement: str) -> SentTransaction:
        """Asks the chain whether it would accept the call, then keeps it signed under the next nonce."""
        sender = self.signer.address
        transaction = {"from": sender, "to": call.to, "data": hex0x(call.data)}
        answers = self.chain.node.batch([
            call_to(call.to, call.data, sender=sender),
            ("eth_estimateGas", [transaction, "latest"]),
            ("eth_getCode", [call.to, "latest"]),
            ("eth_getTransactionCount", [sender, "pending"]),
            *_FEE_CALLS,
        ])  # fmt: skip
        if answered(answers[2]) == "0x":
            raise Unavailable("rail_not_ready", f"Nothing is open at {call.to} yet.")
        for answer in answers[:2]:
            if isinstance(answer, NodeError):
                raise _refusal(answer, self.callee)
        gas = int(answers[1], 16) * GAS_MARGIN_BPS // 10_000
        fees = self._fees(answers[4:])
        unsigned = Unsigned(self.contracts.chain_id, 0, fees, gas, call.to, call.data)
        return self.journal.prepare(
            once, chain=self.chain_name, sender=sender, nonce_min=int(answered(answers[3]), 16),
            sign=lambda nonce: self._signed(once, replace(unsigned, nonce=nonce), kind, settlement),
        )  # fmt: skip

    def _signed(self, once: str, unsigned: Unsigned, kind: str, settlement: str) -> SentTransaction:
        raw = signed(unsigned, self.signer)
        return SentTransaction(
            once=once, chain=self.chain_name, sender=self.signer.address, nonce=unsigned.nonce,
            hash=transaction_hash(raw), raw=raw, state="prepared", at=self.now(), settlement=settlement,
            kind=kind,
        )  # fmt: skip

    def _escrow(self, operation: Operation) -> str:
        return self.contracts.escrow_of(bytes.fromhex(operation.terms.hash()[2:]))

    def _fees(self, answers: Sequence[Any]) -> Fees:
        """What to offer now. Source: EIP-1559."""
        base_fee = int(answered(answers[0])["baseFeePerGas"], 16)
        tip = self.policy.tip_wei_min if isinstance(answers[1], NodeError) else int(answers[1], 16)
        cap = self.policy.per_gas_wei_max
        tip = min(max(tip, self.policy.tip_wei_min), cap)
        return Fees(per_gas_max=min(BASE_FEE_BLOCKS * base_fee + tip, cap), tip_max=tip)

    def _broadcast(self, kept: SentTransaction) -> SentTransaction:
        """Sends the kept bytes; that the node has them already is as good. Raises: Unavailable."""
        try:
            self.chain.node.call("eth_sendRawTransaction", hex0x(kept.raw))
        except NodeError as error:
            said = error.message.lower()
            if any(text in said for text in _UNFUNDED):
                raise Unavailable("rail_unfunded", f"{kept.sender} cannot pay for gas: {error.message:.120}") from None
            if not any(text in said for text in _ALREADY_THERE):
                raise Unavailable("rail_not_taken", f"The node does not take it: {error.message:.160}") from None
        if kept.state == "prepared":
            self.journal.update(kept, "sent")
            kept = replace(kept, state="sent")
        return kept

    def _send_again(self, waiting: Sequence[SentTransaction]) -> None:
        """What the node has forgotten goes out again, in nonce order; the first that waits too long pays more.

        One that the node does not take is left for the next time: it stops neither the others nor the watcher.
        """
        answers = self.chain.node.batch([
            ("eth_blockNumber", []),
            ("eth_getTransactionCount", [self.signer.address, "latest"]),
            *[("eth_getTransactionByHash", [kept.hash]) for kept in waiting],
        ])  # fmt: skip
        newest, next_nonce = int(answered(answers[0]), 16), int(answered(answers[1]), 16)
        for kept, known in zip(waiting, answers[2:], strict=True):
            since = self._waiting_since.setdefault(kept.hash, newest)
            is_late = kept.nonce == next_nonce and newest - since >= self.policy.bump_after_blocks
            try:
                if is_late:
                    self._bump(kept)
                elif answered(known) is None or kept.state == "prepared":
                    self._broadcast(kept)
            except Unavailable as error:
                if error.code == "outside_unavailable":
                    raise

    def _bump(self, kept: SentTransaction) -> None:
        """The same call at the same nonce for a higher fee; both hashes are followed from now on."""
        before = read(kept.raw)
        offered = self._fees(self.chain.node.batch(_FEE_CALLS))
        fees = Fees(
            per_gas_max=max(offered.per_gas_max, before.fees.per_gas_max * BUMP_BPS // 10_000 + 1),
            tip_max=max(offered.tip_max, before.fees.tip_max * BUMP_BPS // 10_000 + 1),
        )
        if fees.per_gas_max > self.policy.per_gas_wei_max or kept.attempt >= BUMPS_MAX:
            self._broadcast(kept)  # as dear as it may get: it waits on
            return
        raw = signed(replace(before, fees=fees), self.signer)
        dearer = replace(
            kept, raw=raw, hash=transaction_hash(raw), attempt=kept.attempt + 1, state="prepared", at=self.now()
        )
        self._broadcast(self.journal.replace(kept, dearer))

    def _states(self, listed: Sequence[SentTransaction]) -> list[OperationState]:
        """Where each stands, by its receipts under all its hashes; keeps what is new in the Journal."""
        hashes = {kept.once: self._hashes(kept) for kept in listed}
        final = self.chain.final()
        flat = [name for names in hashes.values() for name in names]
        answers = self.chain.node.batch([
            ("eth_getTransactionCount", [self.signer.address, hex(final.number)]),
            *[("eth_getTransactionReceipt", [name]) for name in flat],
        ])  # fmt: skip
        used = int(answered(answers[0]), 16)
        receipts = {name: answered(answer) for name, answer in zip(flat, answers[1:], strict=True)}
        states = []
        for kept in listed:
            mined = next((receipts[name] for name in hashes[kept.once] if receipts[name]), None)
            state = self._state(kept, mined, final.number, used)
            if state.name == "dropped" and self.journal.sent(kept.once) != kept:
                state = OperationState("sent", kept.hash)  # another worker replaced it meanwhile; look again later
            self._keep_state(kept, state)
            states.append(state)
        return states

    def _state(
        self, kept: SentTransaction, receipt: dict[str, Any] | None, final_number: int, used: int
    ) -> OperationState:
        if receipt is None:
            if used > kept.nonce:
                return OperationState("dropped", kept.hash, reason=f"another transaction used nonce {kept.nonce}")
            return OperationState("prepared" if kept.state == "prepared" else "sent", kept.hash)
        number, transaction = int(receipt["blockNumber"], 16), str(receipt["transactionHash"])
        if number > final_number:
            return OperationState("mined", transaction, number)
        if int(receipt["status"], 16) == 1:
            return OperationState("final", transaction, number)
        return OperationState("failed", transaction, number, self._why(kept, number))

    def _keep_state(self, kept: SentTransaction, state: OperationState) -> None:
        found = _KEPT_AS[state.name]
        if found != kept.state:
            self.journal.update(kept, found)

    def _hashes(self, kept: SentTransaction) -> list[str]:
        """Its hash and those it replaced."""
        earlier = [self.journal.sent(f"{kept.once}#{attempt}") for attempt in range(kept.attempt)]
        return [kept.hash, *[entry.hash for entry in earlier if entry is not None]]

    def _why(self, kept: SentTransaction, number: int) -> str:
        """Why a mined call failed, by calling it again on the block before: as near as a node can say."""
        call = read(kept.raw)
        asked = call_to(call.to, call.data, hex(max(0, number - 1)), sender=kept.sender)
        answer = self.chain.node.batch([asked])[0]
        return reason_of(answer) if isinstance(answer, NodeError) else "it was out of gas, or the state had changed"


_FEE_CALLS: list[Call] = [("eth_getBlockByNumber", ["latest", False]), ("eth_maxPriorityFeePerGas", [])]
_KEPT_AS: dict[str, SentState] = {
    "prepared": "prepared", "sent": "sent", "mined": "mined",
    "final": "final", "failed": "final", "dropped": "replaced",
}  # fmt: skip


def reason_of(error: NodeError) -> str:
    """The contract's words if there are any, else the node's."""
    said = revert_reason(bytes.fromhex(error.data[2:])) if error.data.startswith("0x") else ""
    return said or error.message


def _refusal(error: NodeError, callee: str) -> Exception:
    if is_revert(error):
        return Refused("rail_refused", f"The {callee} refuses: {reason_of(error)}.")
    if any(text in error.message.lower() for text in _UNFUNDED):
        return Unavailable("rail_unfunded", f"The sponsoring account cannot pay for gas: {error.message:.120}")
    return Unavailable("outside_unavailable", f"The node does not simulate the call: {error.message:.160}")
