"""Verifies an evidence bundle offline. Imports core only, and trusts no key that it finds in the bundle.

The key file pins what is trusted: checkpoint key, passport signers, chain id, factory and escrow implementation.
Each check says ok, failed or not checked; one that could not be made is never passed over in silence.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from entrepot.core import log, note
from entrepot.core.acts import EXAMINATION
from entrepot.core.asset import Asset, AssetRegistry
from entrepot.core.bookkeeping import transfers_for
from entrepot.core.canonical import Json, hex0x, parse_canonical, sha256_of, unhex
from entrepot.core.chainproof import Receipt, header_hash, read_header, verify_receipt
from entrepot.core.crypto import ed25519_verify, sha256
from entrepot.core.decision import DISPOSERS_REQUIRED
from entrepot.core.errors import EntrepotError, Invalid, Unavailable, declare
from entrepot.core.escrow import EVENTS, decode, escrow_address
from entrepot.core.evidence import KEY_SCHEMA, PARTS, SCHEMA, manifest_message, part_sha256
from entrepot.core.lifecycle import State
from entrepot.core.passport import STRUCT as PASSPORT
from entrepot.core.passport import VALIDITY_S_MAX, Passport
from entrepot.core.settlement import Settlement, apply, event_of
from entrepot.core.terms import Terms, require_signed, token_address

Status = Literal["ok", "failed", "not checked"]
HeaderHash = Callable[[int], str | None]

declare("Invalid", bundle_unreadable="The bundle is not a canonical evidence bundle of a version this program knows.")

_PAYS = {
    "funded": "FUND",
    "released": "RELEASE",
    "released_in_part": "RELEASE",
    "refunded": "REFUND",
    "rejected": "REJECT",
}
_ANNOUNCED = {
    "funded": "Funded",
    "presented": "Presented",
    "awarded": "Awarded",
    "released": "Released",
    "released_in_part": "Released",
    "refunded": "Refunded",
    "rejected": "Refunded",
    "returned": "Returned",
    "fee_claimed": "FeePaid",
}
assert set(_ANNOUNCED.values()) <= {name for name, _ in EVENTS.values()}, "an announcement that nobody can read"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one part of the bundle."""

    part: str
    name: str
    status: Status
    detail: str = ""

    def to_json(self) -> Json:
        """As printed with --json."""
        return {"part": self.part, "name": self.name, "status": self.status, "detail": self.detail}


@dataclass(frozen=True)
class Bundle:
    """A bundle's parts with what was pinned, while it is being checked."""

    parts: Json
    key: Json
    terms: Terms

    @property
    def events(self) -> list[Json]:
        """The leaves as JSON, in the order of the settlement."""
        return [json.loads(entry["leaf"]) for entry in self.parts["events"]]


def read_key(raw: bytes) -> Json:
    """The pinned keys. Raises: Invalid(bundle_unreadable)."""
    try:
        key = json.loads(raw)
        known = key["schema"] == KEY_SCHEMA and {"checkpoint_key", "passport_signers", "chain_id", "factory"} <= set(
            key
        )
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise Invalid("bundle_unreadable", f"The key file is not {KEY_SCHEMA}.")
    return dict(key)


def verify(raw: bytes, key: Json, *, header_hash_at: HeaderHash | None = None) -> list[Check]:
    """All checks of a bundle. `header_hash_at(block)` asks a node of the reader's own choice, or is None.

    Raises: Invalid(bundle_unreadable, not_canonical) if there is nothing to check.
    """
    body = parse_canonical(raw)
    if body.get("schema") != SCHEMA or set(body) != {"schema", "parts", "manifest", "manifest_signature"}:
        raise Invalid("bundle_unreadable", f"The file is not {SCHEMA}.")
    checks = list(_manifest(body, key))
    if any(check.status == "failed" for check in checks):
        return checks
    return checks + check_parts(body["parts"], key, header_hash_at=header_hash_at)


def check_parts(parts: Json, key: Json, *, header_hash_at: HeaderHash | None = None) -> list[Check]:
    """What the parts say, each against the others and the pinned keys; nothing here rests on the manifest."""
    try:
        bundle = Bundle(parts, key, Terms.from_json(parts["terms"], _assets(parts["terms"])))
    except (EntrepotError, KeyError, TypeError) as error:
        return [Check("terms", "are well formed", "failed", str(error)[:200])]
    checks: list[Check] = []
    for check in _CHECKS:
        checks += _guarded(check, bundle)
    return checks + _guarded(lambda known: _blocks(known, header_hash_at), bundle)


def _guarded(check: Callable[[Bundle], Iterator[Check]], bundle: Bundle) -> list[Check]:
    """A part too malformed to be checked has failed, by name."""
    found: list[Check] = []
    try:
        found.extend(check(bundle))
    except Unavailable:  # the reader's node gives no answer: that says nothing about the bundle
        raise
    except (EntrepotError, AssertionError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        found.append(
            Check(getattr(check, "__name__", "receipts").lstrip("_"), "well formed", "failed", repr(error)[:200])
        )
    return found


def _said(part: str, name: str, holds: bool, detail: str = "") -> Check:
    return Check(part, name, "ok" if holds else "failed", detail)


def _assets(terms: Json) -> AssetRegistry:
    """The registry as far as these terms need it: their token with the decimals of no importance here."""
    token = terms["price"]["asset"]
    return AssetRegistry([Asset(id=token, symbol="token", decimals=0, kind="stablecoin")])


def _manifest(body: Json, key: Json) -> Iterator[Check]:
    """Every part has the hash that the operator signed for it."""
    parts, manifest = body["parts"], body["manifest"]
    if not isinstance(parts, dict) or not isinstance(manifest, dict):
        yield Check("manifest", "has every part once", "failed")
        return
    for name in sorted(set(PARTS) ^ set(parts) | set(PARTS) ^ set(manifest)):
        yield Check(name if name in PARTS else "manifest", "is there, once", "failed", f"{name!r:.40} differs")
    try:
        _, public = note.parse_key(key["checkpoint_key"])
        signature = unhex(body["manifest_signature"], size=64)
        yield _said(
            "manifest",
            "signed by the pinned checkpoint key",
            ed25519_verify(public, signature, manifest_message(manifest)),
        )
    except (EntrepotError, TypeError, ValueError) as error:
        yield Check("manifest", "signed by the pinned checkpoint key", "failed", str(error)[:200])
    for name in PARTS:
        if part_sha256(parts.get(name)) != manifest.get(name):
            yield Check(name, "is what was sealed", "failed", "its SHA-256 differs from the manifest's")


def _terms(bundle: Bundle) -> Iterator[Check]:
    """The terms are signed by both wallets, and name the pinned chain and factory."""
    terms, key = bundle.terms, bundle.key
    yield _said("terms", "are of this settlement", terms.settlement == bundle.parts["settlement"]["id"])
    yield _said(
        "terms",
        "name the pinned chain and factory",
        (terms.venue.chain_id, terms.venue.factory) == (key["chain_id"], str(key["factory"]).lower()),
    )
    signatures = bundle.parts["signatures"]
    for side, party in (("seller", terms.seller), ("buyer", terms.buyer)):
        if side not in signatures:
            yield Check("signatures", f"{side} signed the terms", "not checked", "not signed yet")
            continue
        try:
            require_signed(terms, by=party, signature=signatures[side])
            yield Check("signatures", f"{side} signed the terms", "ok")
        except EntrepotError as error:
            yield Check("signatures", f"{side} signed the terms", "failed", error.message)
    implementation = key.get("implementation")
    if implementation is None:
        yield Check("settlement", "escrow address follows from the terms", "not checked", "no implementation pinned")
        return
    expected = escrow_address(
        factory=terms.venue.factory, implementation=implementation, terms_hash=unhex(terms.hash(), size=32)
    )
    yield _said(
        "settlement",
        "escrow address follows from the terms",
        expected == bundle.parts["settlement"]["escrow"],
        expected,
    )


def _events(bundle: Bundle) -> Iterator[Check]:
    """Every event is in the log under the pinned key's checkpoint, none is missing; replayed they give the state."""
    origin, size, root = note.open_checkpoint(bundle.parts["checkpoint"], [bundle.key["checkpoint_key"]])
    yield Check("checkpoint", "signed by the pinned key", "ok", f"{origin}, {size} leaves")
    for entry in bundle.parts["events"]:
        proof = [unhex(node, size=32) for node in entry["proof"]]
        leaf = log.leaf_hash(entry["leaf"].encode())
        if not log.verify_inclusion(leaf, entry["index"], size, proof, root):
            yield Check("events", "are in the log", "failed", f"leaf {entry['index']} has no proof")
            return
        parse_canonical(entry["leaf"].encode())
    yield Check("events", "are in the log", "ok", f"{len(bundle.parts['events'])} leaves")
    seqs = [event["seq"] for event in bundle.events]
    yield _said(
        "events",
        "are complete and in order",
        seqs == list(range(1, len(seqs) + 1))
        and all(event["settlement"] == bundle.terms.settlement for event in bundle.events),
    )
    last = _states(bundle)[-1]
    settlement = bundle.parts["settlement"]
    said = (settlement["state"], settlement["escrow"], settlement["terms_hash"])
    yield _said(
        "events", "replayed give the state", said == (last.state.value, last.escrow, last.terms_hash), last.state.value
    )
    yield _said("terms", "are those that were quoted and signed", bundle.terms.hash() == last.terms_hash)
    amounts = (bundle.terms.price.amount_minor, bundle.terms.fee.amount_minor)
    yield _said("terms", "carry the logged amounts", amounts == (last.price_minor, last.fee_minor))


def _states(bundle: Bundle) -> list[Settlement]:
    """The snapshots before each event, and the last one."""
    settlement = bundle.parts["settlement"]
    states = [
        Settlement(
            id=settlement["id"],
            seller=bundle.terms.seller.participant,
            buyer=bundle.terms.buyer.participant,
            state=State.PROPOSED,
            created_at=settlement["created_at"],
            dates=settlement["opening_dates"],
        )
    ]
    for body in bundle.events:
        states.append(apply(states[-1], event_of(body)))
    return states


def _transfers(bundle: Bundle) -> Iterator[Check]:
    """The books say what the chart of accounts makes of these events, and nothing else."""
    expected = [
        {
            "id": entry.id,
            "debit": entry.debit,
            "credit": entry.credit,
            "amount_minor": str(entry.amount_minor),
            "phase": entry.phase.value,
            "pending_id": entry.pending_id,
        }
        for before, body in zip(_states(bundle), bundle.events, strict=False)
        for entry in transfers_for(before, event_of(body))
    ]
    yield _said(
        "transfers", "follow from the events", bundle.parts["transfers"] == expected, f"{len(expected)} transfers"
    )


def _passports(bundle: Bundle) -> Iterator[Check]:
    """Each payment had a passport by a pinned signer for exactly it, over a decision that was clear."""
    decisions = {hex0x(sha256_of(body)): body for body in bundle.parts["decisions"]}
    logged = {
        event["facts"]["decision_sha256"]: event["facts"].get("act")
        for event in bundle.events
        if "decision_sha256" in event["facts"]
    }
    trusted = {str(signer).lower() for signer in bundle.key["passport_signers"]}
    spent: set[str] = set()
    for body in bundle.parts["passports"]:
        passport = Passport.from_json(body)
        name, label = passport.act.name, f"{passport.act.name} passport {passport.sequence}"
        signer = PASSPORT.signer(bundle.terms.domain, passport.values(), unhex(body["signature"]))
        yield _said("passports", f"{label} is signed by a pinned signer", signer in trusted)
        fits = (
            passport.terms_hash == bundle.terms.hash()
            and passport.escrow == bundle.parts["settlement"]["escrow"]
            and passport.valid_until - passport.valid_from <= VALIDITY_S_MAX
            and logged.get(passport.decision_sha256) == name
            and {"schema": "entrepot/passport/1", **passport.to_json()}
            == {k: v for k, v in body.items() if k != "signature"}
        )
        yield _said("passports", f"{label} is for this escrow, these terms and a logged decision", fits)
        decision = decisions.pop(passport.decision_sha256, None)
        if decision is None:
            yield Check(
                "decisions", f"{label}'s decision is clear", "not checked", "the decision is withheld from this reader"
            )
        else:
            yield _said("decisions", f"{label}'s decision is clear", _is_clear(decision, name, bundle.terms.settlement))
        spent.add(name)
    for hash_, body in decisions.items():
        name = f"{body['act']} decision {hash_[:10]} is logged"
        if hash_ in logged or body["verdict"] == "CLEAR":
            yield _said("decisions", name, logged.get(hash_) == body["act"])
        else:
            yield Check("decisions", name, "not checked", "its event is confidential and logged apart")
    paid = {_PAYS[event["event"]] for event in bundle.events if event["event"] in _PAYS}
    yield _said("passports", "no payment without one", paid <= spent, ", ".join(sorted(paid - spent)))


def _is_clear(decision: Json, act: str, settlement: str) -> bool:
    """The verdict follows from the reasons: each is CLEAR, or a REVIEW that two persons cleared."""
    stands = [
        reason
        for reason in decision["reasons"]
        if reason["verdict"] == "REFUSE"
        or (reason["verdict"] == "REVIEW" and len(set(reason["cleared_by"])) < DISPOSERS_REQUIRED)
    ]
    return (
        not stands and decision["verdict"] == "CLEAR" and (decision["act"], decision["settlement"]) == (act, settlement)
    )


def _examination(bundle: Bundle) -> Iterator[Check]:
    """The documents hash to what was presented, and an examiner whom the terms name signed about them."""
    documents = bundle.parts["documents"]
    presented = [event["facts"] for event in bundle.events if event["event"] == "presented"]
    if not presented:
        yield Check("documents", "are those presented", "not checked", "nothing was presented")
        return
    listed = {
        "schema": "entrepot/presentation/1",
        "settlement": bundle.terms.settlement,
        "documents": sorted(entry["sha256"] for entry in documents["presented"]),
    }
    yield _said("documents", "are those presented", hex0x(sha256_of(listed)) == presented[-1]["documents_sha256"])
    for entry in documents["presented"]:
        if "body_base64" in entry:
            body = base64.b64decode(entry["body_base64"], validate=True)
            yield _said("documents", f"{entry['kind']} is the one hashed", hex0x(sha256(body)) == entry["sha256"])
    statement = bundle.parts["examination"]
    if not statement:
        yield Check("examination", "signed by the examiner", "not checked", "no examination; silence or waiver")
        return
    values = {
        "escrow": bundle.parts["settlement"]["escrow"],
        "terms_hash": unhex(bundle.terms.hash(), size=32),
        "documents_sha256": unhex(statement["documents_sha256"], size=32),
        "round": statement["round"],
        "complies": statement["complies"],
    }
    signer = EXAMINATION.signer(bundle.terms.domain, values, unhex(statement["signature"]))
    yield _said("examination", "signed by an examiner the terms name", signer in bundle.terms.venue.attesters)


def _receipts(bundle: Bundle) -> Iterator[Check]:
    """Each receipt follows from its block header, and each act on the rail is announced in one as the log says."""
    proven: dict[str, Receipt] = {}
    for entry in bundle.parts["receipts"]:
        header = unhex(entry["header"])
        receipt = verify_receipt(header, entry["index"], [unhex(node) for node in entry["proof"]])
        stated = (hex0x(header_hash(header)), read_header(header).number, 1)
        if stated != (entry["block_hash"], entry["block_number"], receipt.status):
            yield Check("receipts", "follow from their block headers", "failed", entry["transaction"])
        proven[entry["transaction"]] = receipt
    for body in bundle.events:
        announced = _ANNOUNCED.get(body["event"])
        if announced is not None:
            transaction = body["facts"]["transaction"]
            told = _told(proven.get(transaction), bundle.parts["settlement"]["escrow"])
            fits = any(name == announced and _says(body, values, bundle.terms) for name, values in told)
            yield _said("receipts", f"{body['event']} is proven by its receipt", fits, transaction)


def _told(receipt: Receipt | None, escrow: str) -> list[tuple[str, Json]]:
    """What the escrow announced in a receipt."""
    if receipt is None:
        return []
    decoded = (decode(list(topics), data) for address, topics, data in receipt.logs if address == escrow)
    return [found for found in decoded if found is not None]


def _says(body: Json, values: Json, terms: Terms) -> bool:
    """The contract's announcement and the logged facts agree, and money went to whom the terms name."""
    facts = body["facts"]
    if values["terms_hash"] != terms.hash():
        return False
    if body["event"] == "presented":
        return bool(values["documents_sha256"] == facts["documents_sha256"] and values["round"] == facts["round"])
    if body["event"] == "awarded":
        return bool(str(values["to_seller"]) == facts["to_seller_minor"])
    amount = values["price"] + values["fee"] if body["event"] == "funded" else values["amount"]
    payee = {"released": "seller", "released_in_part": "seller", "refunded": "buyer", "rejected": "buyer"}.get(
        body["event"]
    )
    token = facts.get("asset", terms.price.asset.id)
    return bool(
        str(amount) == facts["amount_minor"]
        and values["token"] == token_address(token, chain=terms.chain)
        and (payee is None or values[payee] == getattr(terms, f"{payee}_address"))
        and (body["event"] != "funded" or values["payer"] == terms.buyer_address)
    )


def _blocks(bundle: Bundle, header_hash_at: HeaderHash | None) -> Iterator[Check]:
    """The receipts' blocks are on the chain, as a node that the reader chose says."""
    if header_hash_at is None:
        yield Check("receipts", "blocks are on the chain", "not checked", "no --rpc given")
        return
    for entry in bundle.parts["receipts"]:
        found = header_hash_at(entry["block_number"])
        yield _said("receipts", f"block {entry['block_number']} is on the chain", found == entry["block_hash"])


def _messages(bundle: Bundle) -> Iterator[Check]:
    """Each message is the one whose hash the log holds; those withheld from this reader are named."""
    logged = {hash_: kind for event in bundle.events for kind, hash_ in event["facts"].get("messages", {}).items()}
    for entry in bundle.parts["messages"]:
        body = base64.b64decode(entry["body_base64"], validate=True)
        hash_ = hex0x(sha256(body))
        yield _said("messages", f"{entry['kind']} is the one sent", logged.pop(hash_, "") == entry["kind"])
    for kind in logged.values():
        yield Check("messages", f"{kind} is the one sent", "not checked", "withheld from this reader")


_CHECKS: tuple[Callable[[Bundle], Iterator[Check]], ...] = (
    _terms,
    _events,
    _transfers,
    _passports,
    _examination,
    _receipts,
    _messages,
)
