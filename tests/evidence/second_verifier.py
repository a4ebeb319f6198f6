"""A second verifier, written from the documents alone: it shares no line and no module with Entrepot.

Standard library, cryptography, eth-account, eth-utils, rlp and trie. Raises AssertionError naming the part.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import rlp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from trie import HexaryTrie

DOMAIN = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
TERMS = """bytes32 settlement address seller address buyer address token uint256 price uint256 fee address fee_recipient
uint64 fund_by uint64 present_by uint32 examination_s uint32 cure_s uint32 dispute_s address[] attesters
uint8 attesters_required address[] arbiters uint8 arbiters_required address title_registry uint256 title_id
bytes32 terms_sha256"""
PASSPORT = """address escrow bytes32 terms_hash uint8 act address payee address token uint256 amount uint256 sequence
uint64 valid_from uint64 valid_until bytes32 decision_sha256"""
ACTS = {"FUND": 1, "RELEASE": 2, "REFUND": 3, "REJECT": 4, "RETURN": 5, "FEE": 6}


def dumps(body: Any) -> bytes:
    """RFC 8785 for what bundles hold: text, whole numbers, booleans, null, lists, objects with ASCII names."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha(body: Any) -> str:
    return "0x" + hashlib.sha256(dumps(body)).hexdigest()


def signer(kind: str, fields: str, values: dict[str, Any], key: dict[str, Any], signature: str) -> str:
    words = fields.split()
    types = [{"type": words[place], "name": words[place + 1]} for place in range(0, len(words), 2)]
    domain = {"name": "Entrepot", "version": "1", "chainId": key["chain_id"], "verifyingContract": key["factory"]}
    message = encode_typed_data(full_message={"types": {"EIP712Domain": DOMAIN, kind: types}, "primaryType": kind,
                                              "domain": domain, "message": values})  # fmt: skip
    return str(Account.recover_message(message, signature=signature)).lower()


def onchain(terms: dict[str, Any]) -> dict[str, Any]:
    venue, schedule = terms["venue"], terms["schedule"]
    same = {name: schedule[name] for name in ("fund_by", "present_by", "examination_s", "cure_s", "dispute_s")}
    same |= {name: venue[name] for name in ("fee_recipient", "attesters", "attesters_required", "arbiters",
                                            "arbiters_required", "title_registry")}  # fmt: skip
    return same | {
        "settlement": "0x" + "00" * 16 + terms["settlement"],
        "seller": terms["seller"]["wallet"].rpartition(":")[2],
        "buyer": terms["buyer"]["wallet"].rpartition(":")[2],
        "token": terms["price"]["asset"].rpartition(":")[2],
        "price": int(terms["price"]["amount_minor"]),
        "fee": int(terms["fee"]["amount_minor"]),
        "title_id": int(venue["title_id"]),
        "terms_sha256": sha(terms),
    }


def manifest(bundle: dict[str, Any], key: dict[str, Any]) -> None:
    public = base64.b64decode(key["checkpoint_key"].split("+", 2)[2])[1:]
    message = dumps({"schema": "entrepot/manifest/1", "parts": bundle["manifest"]})
    Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(bundle["manifest_signature"][2:]), message)
    assert set(bundle["manifest"]) == set(bundle["parts"]), "manifest"
    for name, part in bundle["parts"].items():
        assert bundle["manifest"][name] == sha(part), name


def checkpoint(parts: dict[str, Any], key: dict[str, Any]) -> tuple[int, bytes]:
    text, _, lines = parts["checkpoint"].rpartition("\n\n")
    public = base64.b64decode(key["checkpoint_key"].split("+", 2)[2])[1:]
    signature = base64.b64decode(lines.split(" ")[2])[4:]
    Ed25519PublicKey.from_public_bytes(public).verify(signature, (text + "\n").encode())
    _, size, root = text.split("\n")
    return int(size), base64.b64decode(root)


def fold(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root, by the recursive definition of RFC 9162: the largest power of two below the size splits it."""
    if size == 1:
        assert not proof, "events"
        return leaf
    half = 1 << ((size - 1).bit_length() - 1)
    *rest, last = proof
    if index < half:
        return hashlib.sha256(b"\x01" + fold(leaf, index, half, rest) + last).digest()
    return hashlib.sha256(b"\x01" + last + fold(leaf, index - half, size - half, rest)).digest()


def events(parts: dict[str, Any], key: dict[str, Any]) -> list[dict[str, Any]]:
    size, root = checkpoint(parts, key)
    for entry in parts["events"]:
        leaf = hashlib.sha256(b"\x00" + entry["leaf"].encode()).digest()
        assert fold(leaf, entry["index"], size, [bytes.fromhex(node[2:]) for node in entry["proof"]]) == root, "events"
    told = [json.loads(entry["leaf"]) for entry in parts["events"]]
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1)), "events"
    return told


def receipt_logs(entry: dict[str, Any]) -> list[Any]:
    header = rlp.decode(bytes.fromhex(entry["header"][2:]))
    assert "0x" + keccak(bytes.fromhex(entry["header"][2:])).hex() == entry["block_hash"], "receipts"
    proof = [rlp.decode(bytes.fromhex(node[2:])) for node in entry["proof"]]
    raw = HexaryTrie.get_from_proof(header[5], rlp.encode(entry["index"]), proof)
    status, _, _, logs = rlp.decode(raw[1:] if raw[0] < 0x80 else raw)
    assert status == b"\x01", "receipts"
    return list(logs)


def receipts(parts: dict[str, Any], told: list[dict[str, Any]]) -> None:
    """The token itself says in the proven receipts what the log says was moved (ERC-20 Transfer)."""
    transfer = keccak(b"Transfer(address,address,uint256)")
    kept = {entry["transaction"]: entry for entry in parts["receipts"]}
    token, escrow = parts["terms"]["price"]["asset"].rpartition(":")[2], parts["settlement"]["escrow"]
    wallets = {side: parts["terms"][side]["wallet"].rpartition(":")[2] for side in ("seller", "buyer")}
    ends = {"funded": (wallets["buyer"], escrow), "released": (escrow, wallets["seller"]),
            "refunded": (escrow, wallets["buyer"]), "rejected": (escrow, wallets["buyer"])}  # fmt: skip
    for event in told:
        if event["event"] not in ends:
            continue
        wanted = (*ends[event["event"]], int(event["facts"]["amount_minor"]))
        moved = [("0x" + topics[1][-20:].hex(), "0x" + topics[2][-20:].hex(), int.from_bytes(data, "big"))
                 for address, topics, data in receipt_logs(kept[event["facts"]["transaction"]])
                 if "0x" + address.hex() == token and topics[0] == transfer]  # fmt: skip
        assert wanted in moved, "receipts"


def verify(raw: bytes, key: dict[str, Any]) -> str:
    """The state that the evidence proves. Raises: AssertionError naming the part, or a library's own error."""
    bundle = json.loads(raw)
    assert dumps(bundle) == raw, "bundle"
    manifest(bundle, key)
    parts = bundle["parts"]
    terms = parts["terms"]
    for side, signature in parts["signatures"].items():
        assert signer("Terms", TERMS, onchain(terms), key, signature) == terms[side]["wallet"].rpartition(":")[2], (
            "signatures"
        )
    decisions = {sha(decision): decision for decision in parts["decisions"]}
    for passport in parts["passports"]:
        values = {name: passport[name] for name in PASSPORT.split()[1::2]}
        values |= {"act": ACTS[passport["act"]], "amount": int(passport["amount"])}
        assert signer("Passport", PASSPORT, values, key, passport["signature"]) in key["passport_signers"], "passports"
        assert decisions.get(passport["decision_sha256"], {"verdict": "CLEAR"})["verdict"] == "CLEAR", "decisions"
    told = events(parts, key)
    receipts(parts, told)
    logged = {hash_ for event in told for hash_ in event["facts"].get("messages", {}).values()}
    for message in parts["messages"]:
        assert "0x" + hashlib.sha256(base64.b64decode(message["body_base64"])).hexdigest() in logged, "messages"
    return str(parts["settlement"]["state"])
