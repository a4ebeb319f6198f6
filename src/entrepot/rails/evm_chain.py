"""Reading an EVM chain: blocks, finality by policy, contract calls and balances. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from entrepot.core.canonical import hex0x
from entrepot.core.chainproof import encode_header, header_hash
from entrepot.core.errors import Unavailable, Unknown

from .abi import Contract, Function, Undecodable
from .evm_calls import ESCROW
from .node import Call, Node, NodeError, answered
from .rail import EscrowState, FinalBlock

ERC20 = Contract(
    [
        {"type": "function", "name": "balanceOf", "inputs": [{"type": "address"}], "outputs": [{"type": "uint256"}]},
        {"type": "function", "name": "decimals", "inputs": [], "outputs": [{"type": "uint8"}]},
        {
            "type": "event",
            "name": "Transfer",
            "inputs": [
                {"type": "address", "name": "from", "indexed": True},
                {"type": "address", "name": "to", "indexed": True},
                {"type": "uint256", "name": "amount", "indexed": False},
            ],
        },
    ]
)  # Source: EIP-20
BALANCE_OF, DECIMALS = ERC20.function("balanceOf", 1), ERC20.function("decimals", 0)
STATE = ESCROW.function("state", 0)


@dataclass(frozen=True, slots=True)
class Finality:
    """When a block counts: under the node's `tag`, and then `depth` blocks deeper."""

    tag: Literal["finalized", "safe", "latest"] = "finalized"
    depth: int = 0

    def __str__(self) -> str:
        deeper = f", less {self.depth} blocks" if self.depth else ""
        return f"a fact counts once its block is at or below the node's {self.tag!r} block{deeper}"


class EvmChain:
    """One chain through one node."""

    def __init__(self, node: Node, finality: Finality) -> None:
        self.node, self.finality = node, finality

    def chain_id(self) -> int:
        """EIP-155 chain id, as the node says."""
        return int(answered(self.node.batch([("eth_chainId", [])])[0]), 16)

    def final(self) -> FinalBlock:
        """The last block that counts. Raises: Unavailable."""
        return self.final_and_head()[0]

    def final_and_head(self) -> tuple[FinalBlock, FinalBlock]:
        """(the last block that counts, the newest block)."""
        tagged, newest = self.blocks([self.finality.tag, "latest"])
        if self.finality.depth:
            (tagged,) = self.blocks([hex(max(0, tagged.number - self.finality.depth))])
        return tagged, newest

    def blocks(self, numbers: Sequence[str]) -> list[FinalBlock]:
        """Blocks by number in hex or tag. Raises: Unavailable if the node lacks one."""
        found = self.node.batch([("eth_getBlockByNumber", [number, False]) for number in numbers])
        return [_block(answer) for answer in found]

    def block_times(self, hashes: Sequence[str]) -> dict[str, int]:
        """Unix seconds of blocks by hash; the header must hash to it. Raises: Unavailable."""
        found = self.node.batch([("eth_getBlockByHash", [block_hash, False]) for block_hash in hashes])
        times = {}
        for block_hash, answer in zip(hashes, found, strict=True):
            block = _present(answer, block_hash)
            if hex0x(header_hash(encode_header(block))) != block_hash:
                raise Unavailable("outside_unavailable", f"The node's header does not hash to block {block_hash}.")
            times[block_hash] = int(block["timestamp"], 16)
        return times

    def call(self, to: str, function: Function, *args: Any, block: str = "latest") -> Any:
        """The answer of a view. Raises: Undecodable if there is none, as where no contract is; Unavailable."""
        answer = self.node.batch([call_to(to, function.encode(*args), block)])[0]
        if isinstance(answer, NodeError) and is_revert(answer):
            raise Undecodable(f"{function.name} reverts: {answer.message:.160}")
        return function.decode(_bytes(answered(answer)))

    def balances(self, pairs: Sequence[tuple[str, str]], block: str) -> list[int]:
        """Balances of (owner, token) pairs in minor units at one block. Raises: Unavailable if a token is silent."""
        answers = self.node.batch([call_to(token, BALANCE_OF.encode(owner), block) for owner, token in pairs])
        return [_balance(answer, token) for answer, (_, token) in zip(answers, pairs, strict=True)]

    def decimals(self, token: str) -> int:
        """Places of the token's minor unit. Raises: Unknown(not_found) if it does not say."""
        try:
            return int(self.call(token, DECIMALS))
        except Undecodable:
            raise Unknown("not_found", f"{token} does not say its decimals.") from None

    def escrow_state(self, escrow: str, block: str) -> EscrowState:
        """What the escrow says at a block (number in hex, or tag). Raises: Unknown(not_found)."""
        (found,) = self.escrow_states([escrow], block)
        if found is None:
            raise Unknown("not_found", f"No escrow is open at {escrow}.")
        return found

    def escrow_states(self, escrows: Sequence[str], block: str) -> list[EscrowState | None]:
        """What escrows say at a block (number in hex, or tag); None where none is open. Raises: Unavailable."""
        answers = self.node.batch([call_to(escrow, STATE.encode(), block) for escrow in escrows])
        return [_state(answer) for answer in answers]


def call_to(to: str, data: bytes, block: str = "latest", *, sender: str = "") -> Call:
    """An eth_call."""
    transaction = {"to": to, "data": hex0x(data)} | ({"from": sender} if sender else {})
    return "eth_call", [transaction, block]


def is_revert(error: NodeError) -> bool:
    """True if the contract said no, rather than the node. Source: code 3 of geth and anvil; -32000 in words."""
    return error.code == 3 or "revert" in error.message.lower()


def _block(answer: Any) -> FinalBlock:
    block = _present(answer, "asked for")
    return FinalBlock(int(block["number"], 16), block["hash"], int(block["timestamp"], 16))


def _present(answer: Any, what: str) -> dict[str, Any]:
    if answer is None or isinstance(answer, NodeError):
        raise Unavailable("outside_unavailable", f"The node lacks the block {what}: {answer!s:.120}")
    found: dict[str, Any] = answer
    return found


def _state(answer: Any) -> EscrowState | None:
    if isinstance(answer, NodeError) and is_revert(answer):
        return None
    try:
        values = STATE.decode(_bytes(answered(answer)))
    except Undecodable:
        return None
    plain: dict[str, Any] = {
        name: hex0x(value) if isinstance(value, bytes) else value for name, value in values.items()
    }
    assert set(plain) == {entry.name for entry in fields(EscrowState)}, "EscrowState is not the contract's State"
    return EscrowState(**plain)


def _balance(answer: Any, token: str) -> int:
    try:
        return int(BALANCE_OF.decode(_bytes(answered(answer))))
    except Undecodable as error:
        raise Unavailable("outside_unavailable", f"{token} does not say a balance: {error!s:.120}") from None


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
