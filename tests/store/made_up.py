"""Small made-up rows for the tests of the store."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

from entrepot.core.canonical import canonical
from entrepot.core.lifecycle import STATES, Role, State
from entrepot.core.settlement import Event, Settlement
from entrepot.store.engineer_records import ApiRequest, Delivery, Endpoint
from entrepot.store.postgres import PostgresStore
from entrepot.store.records import (
    Credential,
    InboxItem,
    LoggedEvent,
    Membership,
    OutboxItem,
    Paper,
    Participant,
    Person,
    SentTransaction,
    Wallet,
)
from entrepot.store.sign_in_records import Attempt, Identity, Invitation, Passkey
from entrepot.store.store import Store, Transaction

NOW = 1_800_000_000
ASSET = "eip155:31337/erc20:0x" + "11" * 20
MASTER_KEY = bytes(range(32))
_ids = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """One migrated database of its own: how its owner, its doors and its workers sign in."""

    owner_dsn: str
    serve_dsn: str
    work_dsn: str

    def open(self) -> PostgresStore:
        """A store for both roles."""
        return PostgresStore(
            master_key=MASTER_KEY, work_dsn=self.work_dsn, serve_dsn=self.serve_dsn, pool_size=4
        )  # fmt: skip


def new_id() -> str:
    """A fresh id, in time order; like a settlement's it ends in zeros."""
    return f"{next(_ids):012x}".ljust(26, "5") + "0" * 6


def settlement(**fields: Any) -> Settlement:
    """A proposed settlement between two new parties."""
    values: dict[str, Any] = {
        "id": new_id(), "seller": new_id(), "buyer": new_id(), "state": State.PROPOSED, "created_at": NOW,
        "case_salt": "ab" * 16, "dates": {"propose_by": NOW + 100},
    }  # fmt: skip
    return Settlement(**values | fields)


def funded(**fields: Any) -> Settlement:
    """A settlement that holds 1,000 minor units."""
    held = {"state": State.FUNDED, "asset": ASSET, "price_minor": 990, "fee_minor": 10, "funded_minor": 1000}
    return settlement(**held | {"dates": {"present_by": NOW + 50}} | fields)


def held_up(state: State, *left: State) -> Settlement:
    """A settlement under review, freeze or block, and the states it left for these, the oldest first."""
    return funded(state=state, suspended=tuple((one, NOW) for one in left), dates={STATES[state].deadline: NOW + 50})


def logged(of: Settlement, seq: int, *, kind: str = "quote_given", **facts: Any) -> LoggedEvent:
    """An event of a settlement with its leaf."""
    event = Event(kind, NOW + seq, Role.OPERATOR, facts=facts, dates={"sign_by": NOW + 10})
    leaf = canonical({"schema": "entrepot/event/1", "settlement": of.id, "seq": seq, "facts": facts})
    return LoggedEvent(of.id, seq, event, leaf)


def happen(tx: Transaction, of: Settlement, *kinds: str) -> Settlement:
    """Saves and logs events of these kinds."""
    events = [logged(of, of.seq + place, kind=kind) for place, kind in enumerate(kinds, 1)]
    after = replace(of, seq=of.seq + len(events))
    tx.settlements.save(after, events)
    tx.log.append(events)
    return after


def inbox_item(**fields: Any) -> InboxItem:
    """A click."""
    item_id = new_id()
    values = {"id": item_id, "source": "api:x", "key": item_id, "kind": "sign", "body": {"n": 1}, "body_sha256": "aa",
              "received_at": NOW}  # fmt: skip
    return InboxItem(**values | fields)  # type: ignore[arg-type]


def paper(of: Settlement, *, visible_to: tuple[str, ...] = (), owner: str = "", body: bytes = b"text") -> Paper:
    """A document."""
    return Paper(new_id(), of.id, "invoice", owner, visible_to, "application/xml", body, "cc" * 32, NOW)


def outbox_item(once: str, **fields: Any) -> OutboxItem:
    """Something to do outside."""
    return OutboxItem(once=once, kind="message", settlement="", body={"x": 1}, due_at=NOW, **fields)


def sent(once: str, nonce: int, **fields: Any) -> SentTransaction:
    """A signed transaction."""
    values: dict[str, Any] = {
        "once": once, "chain": "eip155:31337", "sender": "0xaa", "nonce": nonce, "hash": f"0x{nonce:064x}",
        "raw": b"\x02\x00", "state": "prepared", "at": NOW,
    }  # fmt: skip
    return SentTransaction(**values | fields)


def admit(store: Store, participant: str, *, name: str) -> Person:
    """A participant with a person, a membership, ways to sign in, and a wallet."""
    person = Person(new_id(), {"name": f"{name}'s treasurer"})
    with store.work() as tx:
        tx.people.put_participant(Participant(participant, "company", "DE", "admitted", NOW, {"name": name}))
        tx.people.put_person(person)
        tx.people.put_membership(Membership(person.id, participant, "treasurer"))
        tx.people.put_credential(Credential(f"{participant}{person.id}", person.id, participant, "treasurer", NOW + 9))
        tx.people.put_wallet(Wallet(f"eip155:31337:0x{participant}", participant, NOW))
        tx.sign_ins.put_passkey(Passkey(f"key-{person.id}", person.id, b"cose", 0, f"{name}'s key", NOW))
        tx.sign_ins.put_identity(Identity(f"identity-{person.id}", person.id, "https://login.example", NOW))
        tx.sign_ins.put_invitation(Invitation(f"invited-{person.id}", person.id, participant, "treasurer", NOW, NOW))
        tx.sign_ins.put_attempt(Attempt(new_id(), "passkey", "open", NOW, person=person.id))
    return person


def endpoint(participant: str, **fields: Any) -> Endpoint:
    """An active endpoint that was told of nothing."""
    values = {"id": new_id(), "participant": participant, "url": "https://hooks.example/a?b=c", "events": ("released",),
              "description": "the ERP", "state": "active", "cursor": -1, "created_at": NOW}  # fmt: skip
    return Endpoint(**values | fields)  # type: ignore[arg-type]


def delivery(of: Endpoint, **fields: Any) -> Delivery:
    """One attempt that was taken."""
    values = {"id": new_id(), "endpoint": of.id, "participant": of.participant, "message": "msg_1", "kind": "event",
              "index": 0, "event": "settlement.released", "attempt": 1, "at_ms": NOW * 1000, "duration_ms": 12,
              "status": 200, "error": "", "next_try_at": 0, "exchange": {"request_body": "{}"}}  # fmt: skip
    return Delivery(**values | fields)  # type: ignore[arg-type]


def api_request(participant: str, **fields: Any) -> ApiRequest:
    """A request that was answered."""
    values = {"id": new_id(), "participant": participant, "person": new_id(), "method": "POST", "route": "/v1/trades",
              "path": "/v1/trades", "status": 201, "code": "", "idempotency_key": "k-1", "duration_ms": 9,
              "at_ms": NOW * 1000}  # fmt: skip
    return ApiRequest(**values | fields)  # type: ignore[arg-type]
