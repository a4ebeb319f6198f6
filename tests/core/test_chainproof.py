"""Receipt proofs and header hashes against the blocks of a real node."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from eth_account import Account
from receipt_reading import Json, said, trie_root

from entrepot.core import chainproof
from entrepot.core.crypto import rlp_decode, secp256k1_address
from entrepot.core.errors import Invalid

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S, POLL_S, CALL_TIMEOUT_S, STOP_TIMEOUT_S = 20, 0.02, 20, 10
START_BYTES_MAX = 100_000

# Anvil's first development account, public by design; it only ever signs for the node that a test starts.
DEV_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
GAS, GAS_PRICE = hex(100_000), hex(3_000_000_000)
REVERT = "0x60006000fd"


def log_code(topics: int) -> str:
    """Creation code that stores 0x2a and logs that word under `topics` topics, the first of them 0x01."""
    pushes = "".join(f"60{number:02x}" for number in range(topics, 0, -1))
    return f"0x602a600052{pushes}60206000{0xA0 + topics:02x}00"


class Node:
    """A running anvil that mines when told to."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def call(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=CALL_TIMEOUT_S) as reply:
            answer = json.load(reply)
        assert "error" not in answer, answer
        return answer["result"]

    def mine(self) -> tuple[Json, list[Json]]:
        """(the new block, its receipts)."""
        self.call("evm_mine")
        block = self.call("eth_getBlockByNumber", "latest", False)
        return block, self.call("eth_getBlockReceipts", block["number"])


@contextmanager
def anvil(*options: str) -> Iterator[Node]:
    found = sorted(ROOT.glob("node_modules/@foundry-rs/anvil-*/bin/anvil"))
    assert found, "npm ci brings anvil"
    command = [str(found[0]), "--host", "127.0.0.1", "--port", "0", "--no-mining", *options]
    with TemporaryFile() as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            yield Node(port_said(process, said.fileno()))
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def port_said(process: subprocess.Popen[bytes], output: int) -> int:
    """The free port that the node chose, read from what it prints once it listens."""
    printed = b""
    for _ in range(int(START_TIMEOUT_S / POLL_S)):
        printed = os.pread(output, START_BYTES_MAX, 0)
        listening = re.search(rb"Listening on 127\.0\.0\.1:(\d+)\n", printed)
        if listening:
            return int(listening[1])
        assert process.poll() is None, printed
        time.sleep(POLL_S)
    raise AssertionError(f"anvil did not start: {printed!r}")


def send_mixed(node: Node, count: int) -> None:
    """Sends `count` transactions of types 0, 1, 2 and one of type 4: with 0 to 4 topics, without a log, reverted."""
    accounts = node.call("eth_accounts")[1:]
    codes = [log_code(topics) for topics in range(5)] + [REVERT, "0x00"]
    fees: list[Json] = [
        {"gasPrice": GAS_PRICE},
        {"gasPrice": GAS_PRICE, "accessList": []},
        {"maxFeePerGas": GAS_PRICE, "maxPriorityFeePerGas": "0x1"},
    ]
    for place in range(count - 1):
        sender, code, fee = accounts[place % len(accounts)], codes[place % len(codes)], fees[place % len(fees)]
        node.call("eth_sendTransaction", {"from": sender, "data": code, "gas": GAS, **fee})
    signer = Account.from_key(DEV_KEY)
    delegation = signer.sign_authorization({"chainId": 31337, "address": "0x" + "11" * 20, "nonce": 1})
    transaction = {"type": 4, "chainId": 31337, "nonce": 0, "to": signer.address, "value": 0, "gas": 100_000,
                   "maxFeePerGas": 3_000_000_000, "maxPriorityFeePerGas": 1, "data": "0x",
                   "authorizationList": [delegation]}  # fmt: skip
    node.call("eth_sendRawTransaction", "0x" + bytes(signer.sign_transaction(transaction).raw_transaction).hex())


@pytest.fixture(scope="module")
def mined() -> tuple[Json, list[Json]]:
    """A block of 140 receipts: enough for keys of one and of two bytes, and for every kind of trie node."""
    with anvil("--hardfork", "prague") as node:
        send_mixed(node, 140)
        return node.mine()


def test_every_receipt_of_a_real_block_is_proven(mined: tuple[Json, list[Json]]) -> None:
    block, receipts = mined
    header = chainproof.encode_header(block)
    assert "0x" + chainproof.header_hash(header).hex() == block["hash"]
    assert len(receipts) == 140
    assert {receipt["type"] for receipt in receipts} == {"0x0", "0x1", "0x2", "0x4"}
    assert {(receipt["status"], len(receipt["logs"])) for receipt in receipts} == {("0x1", 1), ("0x1", 0), ("0x0", 0)}
    assert {len(log["topics"]) for receipt in receipts for log in receipt["logs"]} == {0, 1, 2, 3, 4}
    encoded = [chainproof.encode_receipt(receipt) for receipt in receipts]
    for index, receipt in enumerate(receipts):
        assert int(receipt["transactionIndex"], 16) == index
        proven = chainproof.verify_receipt(header, index, chainproof.receipt_proof(encoded, index))
        assert (proven.status, proven.logs) == said(receipt)


def test_no_receipt_of_a_real_block_is_proven_at_another_index(mined: tuple[Json, list[Json]]) -> None:
    block, receipts = mined
    header = chainproof.encode_header(block)
    encoded = [chainproof.encode_receipt(receipt) for receipt in receipts]
    for index in (0, 1, 127, 128, 139):
        proof = chainproof.receipt_proof(encoded, index)
        for other in (-1, *range(142)):
            if other != index:
                with pytest.raises(Invalid):
                    chainproof.verify_receipt(header, other, proof)


def test_a_receipt_that_the_node_did_not_give_is_not_proven(mined: tuple[Json, list[Json]]) -> None:
    block, receipts = mined
    header = chainproof.encode_header(block)
    reverted = next(place for place, receipt in enumerate(receipts) if receipt["status"] == "0x0")
    forged = [chainproof.encode_receipt(receipt) for receipt in receipts]
    forged[reverted] = chainproof.encode_receipt({**receipts[reverted], "status": "0x1"})
    with pytest.raises(Invalid):
        chainproof.verify_receipt(header, reverted, chainproof.receipt_proof(forged, reverted))
    other = chainproof.encode_header({**block, "receiptsRoot": "0x" + trie_root(forged).hex()})
    assert chainproof.verify_receipt(other, reverted, chainproof.receipt_proof(forged, reverted)).status == 1
    assert "0x" + chainproof.header_hash(other).hex() != block["hash"]


@pytest.mark.parametrize(
    ("fork", "fields"),
    [("berlin", 15), ("london", 16), ("shanghai", 17), ("cancun", 20), ("prague", 21), ("osaka", 21)],
)
def test_header_hashes_of_every_fork_are_the_node_s(fork: str, fields: int) -> None:
    with anvil("--hardfork", fork) as node:
        for place in range(3):
            sender = node.call("eth_accounts")[place]
            node.call("eth_sendTransaction", {"from": sender, "data": log_code(2), "gas": GAS, "gasPrice": GAS_PRICE})
        block, receipts = node.mine()
    header = chainproof.encode_header(block)
    read = chainproof.read_header(header)
    assert len(rlp_decode(header)) == fields
    assert "0x" + read.hash.hex() == block["hash"]
    assert (read.number, read.timestamp) == (int(block["number"], 16), int(block["timestamp"], 16))
    assert "0x" + read.receipts_root.hex() == block["receiptsRoot"]
    encoded = [chainproof.encode_receipt(receipt) for receipt in receipts]
    assert trie_root(encoded) == read.receipts_root
    for index in range(3):
        chainproof.verify_receipt(header, index, chainproof.receipt_proof(encoded, index))


def test_the_development_key_is_anvil_s_first_account() -> None:
    assert secp256k1_address(DEV_KEY) == "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
