"""The EVM rail: escrow contracts on a chain, told and driven through one node."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from entrepot.core.canonical import hex0x, unhex
from entrepot.core.chainproof import encode_header, encode_receipt, header_hash, receipt_proof, verify_receipt
from entrepot.core.eip712 import Domain
from entrepot.core.errors import Invalid, Unavailable, Unknown, declare
from entrepot.core.terms import Terms

from .abi import Undecodable
from .evm_calls import FACTORY, Contracts
from .evm_chain import EvmChain, Finality
from .evm_sender import EvmSender, SendingPolicy
from .evm_watcher import BLOCKS_MAX, EvmWatcher
from .node import Node, answered
from .rail import (
    Cursor,
    EscrowState,
    FinalBlock,
    Journal,
    Observed,
    Operation,
    OperationState,
    ProvenReceipt,
    Sent,
    Signer,
)

DEPLOYMENT_SCHEMA = "entrepot/deployment/1"
BLOCKS_KEPT = 16  # blocks whose receipts are kept in memory, for several transactions of one block

declare("Invalid", deployment_differs="The chain or its contracts are not those that the deployment file names.")


@dataclass(frozen=True, slots=True)
class Token:
    """A settlement token: its address, its own EIP-712 name and version, its symbol and decimals."""

    address: str
    name: str
    version: str
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where our contracts are: 0x addresses, lower case; `block` is the factory's, `registry_block` the registry's.

    0 where a deployment file does not say it: the registry's events are then read from the chain's beginning.
    """

    chain_id: int
    registry: str
    factory: str
    implementation: str
    block: int
    token: Token
    registry_block: int = 0

    @property
    def contracts(self) -> Contracts:
        """What calls are built from."""
        return Contracts(self.chain_id, self.factory, self.implementation)

    @property
    def token_domain(self) -> Domain:
        """Where the token's own signatures count (EIP-3009)."""
        return Domain(self.chain_id, self.token.address, self.token.name, self.token.version)

    @property
    def asset(self) -> str:
        """The token's CAIP-19 id."""
        return f"eip155:{self.chain_id}/erc20:{self.token.address}"

    def write(self, path: Path) -> None:
        """Writes the deployment file whole."""
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps({"schema": DEPLOYMENT_SCHEMA, **asdict(self)}, indent=1, sort_keys=True) + "\n")
        temporary.replace(path)


def read_deployment(path: Path) -> Deployment:
    """Reads what `write` wrote. Raises: Invalid(deployment_differs), FileNotFoundError."""
    body = json.loads(path.read_text())
    if body.pop("schema", "") != DEPLOYMENT_SCHEMA:
        raise Invalid("deployment_differs", f"{path.name} is not {DEPLOYMENT_SCHEMA}.")
    return Deployment(**body | {"token": Token(**body["token"])})


class EvmRail:
    """See Rail. `now` is Unix seconds, for the Journal only: deadlines on the rail follow block time."""

    name = "evm"

    def __init__(
        self,
        node: Node,
        deployment: Deployment,
        signer: Signer,
        journal: Journal,
        *,
        finality: Finality | None = None,
        sending: SendingPolicy | None = None,
        sees_unfinal: bool = False,
        blocks_max: int = BLOCKS_MAX,
        now: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self.deployment, self.contracts = deployment, deployment.contracts
        self.evm = EvmChain(node, finality or Finality())
        self.sender = EvmSender(self.evm, self.contracts, signer, journal, sending or SendingPolicy(), now)
        self.watcher = EvmWatcher(
            self.evm, self.contracts, deployed_at=deployment.block, sees_unfinal=sees_unfinal, blocks_max=blocks_max
        )
        self._blocks: dict[str, tuple[bytes, list[bytes], int]] = {}

    @property
    def chain(self) -> str:
        """See Rail.chain."""
        return f"eip155:{self.contracts.chain_id}"

    @property
    def finality(self) -> str:
        """See Rail.finality."""
        return str(self.evm.finality)

    @property
    def domain(self) -> Domain:
        """See Rail.domain."""
        return self.contracts.domain

    def check(self) -> None:
        """Compares chain and contracts with the deployment file. Raises: Invalid(deployment_differs), Unavailable."""
        found = self.evm.chain_id()
        if found != self.contracts.chain_id:
            raise Invalid("deployment_differs", f"The node's chain is {found}, not {self.contracts.chain_id}.")
        factory, sample = self.contracts.factory, bytes(range(32))
        try:
            address = self.evm.call(factory, FACTORY.function("address_of", 1), sample)
            places = self.evm.decimals(self.deployment.token.address)
        except (Undecodable, Unknown):
            raise Invalid("deployment_differs", "The factory or the token is not on the chain.") from None
        if address != self.contracts.escrow_of(sample):
            raise Invalid("deployment_differs", f"The factory at {factory} is another one.")
        if places != self.deployment.token.decimals:
            raise Invalid("deployment_differs", f"The token has {places} decimals, not those stated.")

    def escrow_address(self, terms: Terms) -> str:
        """See Rail.escrow_address."""
        return self.contracts.escrow_of(unhex(terms.hash(), size=32))

    def submit(self, operation: Operation) -> Sent:
        """See Rail.submit."""
        if self.watcher.alarm:
            raise Unavailable("rail_stopped", f"Nothing is sent: {self.watcher.alarm}.")
        return self.sender.submit(operation)

    def state_of(self, once: str) -> OperationState:
        """See Rail.state_of."""
        return self.sender.state_of(once)

    def tend(self) -> int:
        """See Rail.tend. Sends nothing while an alarm stands."""
        return 0 if self.watcher.alarm else self.sender.tend()

    def observe(self, cursor: Cursor | None, *, watch: Collection[str] = ()) -> Observed:
        """See Rail.observe."""
        return self.watcher.observe(cursor, watch)

    def receipt(self, transaction: str) -> ProvenReceipt:
        """See Rail.receipt."""
        found = answered(self.evm.node.batch([("eth_getTransactionReceipt", [transaction])])[0])
        if found is None:
            raise Unknown("not_found", f"{transaction} is not in a block.")
        index, block_hash = int(found["transactionIndex"], 16), str(found["blockHash"])
        header, receipts, block_time = self._block(block_hash)
        proof = tuple(receipt_proof(receipts, index))
        try:
            verify_receipt(header, index, proof)
        except Invalid as error:
            raise Unavailable("outside_unavailable", f"The node's receipts and block differ: {error.message}") from None
        number = int(found["blockNumber"], 16)
        return ProvenReceipt(transaction, number, block_hash, block_time, header, index, proof)

    def held(self, escrow: str, token: str) -> int:
        """See Rail.held."""
        return self.held_all([(escrow, token)])[0]

    def held_all(self, pairs: Sequence[tuple[str, str]]) -> list[int]:
        """See Rail.held_all."""
        return self.evm.balances(pairs, hex(self.evm.final().number))

    def decimals(self, token: str) -> int:
        """See Rail.decimals."""
        return self.evm.decimals(token)

    def final(self) -> FinalBlock:
        """See Rail.final."""
        return self.evm.final()

    def escrow_states(self, escrows: Sequence[str]) -> list[EscrowState | None]:
        """See Rail.escrow_states."""
        return self.evm.escrow_states(escrows, hex(self.evm.final().number))

    def escrow_state(self, escrow: str) -> EscrowState:
        """See Rail.escrow_state."""
        return self.evm.escrow_state(escrow, hex(self.evm.final().number))

    def _block(self, block_hash: str) -> tuple[bytes, list[bytes], int]:
        """(header, receipts, Unix seconds) of a block, the header checked to hash to it."""
        kept = self._blocks.get(block_hash)
        if kept is not None:
            return kept
        block, receipts = self.evm.node.batch([
            ("eth_getBlockByHash", [block_hash, False]),
            ("eth_getBlockReceipts", [block_hash]),
        ])  # fmt: skip
        if not isinstance(block, dict) or not isinstance(receipts, list):
            raise Unavailable("outside_unavailable", f"The node lacks block {block_hash} or its receipts.")
        header = encode_header(block)
        if hex0x(header_hash(header)) != block_hash:
            raise Unavailable("outside_unavailable", f"The node's header does not hash to block {block_hash}.")
        made = header, [encode_receipt(entry) for entry in receipts], int(block["timestamp"], 16)
        while len(self._blocks) >= BLOCKS_KEPT:
            self._blocks.pop(next(iter(self._blocks)), None)
        self._blocks[block_hash] = made
        return made


def connect(
    url: str, deployment: Deployment, signer: Signer, journal: Journal, *, node: Node | None = None, **options: Any
) -> EvmRail:
    """The rail of a deployment, checked against its node. Raises: Invalid(deployment_differs), Unavailable."""
    rail = EvmRail(node or Node(url), deployment, signer, journal, **options)
    rail.check()
    return rail
