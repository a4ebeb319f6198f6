"""What each reader is shown: one view per thing, and what is confidential under one neutral word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from entrepot.core.canonical import Json, hex0x
from entrepot.core.eip712 import Signable
from entrepot.core.errors import Unknown
from entrepot.core.lifecycle import STATES, State
from entrepot.core.settlement import ROUNDS_MAX, Settlement
from entrepot.store.records import DISPUTE_PAPERS, STAFF_ROLES, LoggedEvent, Paper, Participant
from entrepot.store.store import Transaction
from entrepot.workflows.step import shown

from .caller import Caller

NEUTRAL = "checking"


def is_staff(caller: Caller) -> bool:
    """True for the roles that see every settlement."""
    return caller.role in STAFF_ROLES


def find(tx: Transaction, settlement_id: str) -> Settlement:
    """The settlement as far as this reader may see it. Raises: Unknown(not_found)."""
    settlement = tx.settlements.get(settlement_id)
    if settlement is None:
        raise Unknown("not_found", "There is no such settlement.")
    return settlement


def settlement_view(settlement: Settlement, caller: Caller) -> Json:
    """One settlement: state, amounts in minor units, and what happens by when if nobody acts."""
    is_told = is_staff(caller)
    seen = settlement if is_told else replace(settlement, state=settlement.shown_state)
    facts = STATES[seen.state]
    view: Json = {
        "id": settlement.id,
        "seller": settlement.seller,
        "buyer": settlement.buyer,
        "state": settlement.state.value if is_told else facts.public,
        "says": facts.says,
        "is_ended": settlement.is_ended,
        "created_at": settlement.created_at,
        "asset": settlement.asset,
        "price_minor": str(settlement.price_minor),
        "fee_minor": str(settlement.fee_minor),
        "held_minor": str(settlement.held_minor),
        "released_minor": str(settlement.released_minor),
        "refunded_minor": str(settlement.refunded_minor),
        "escrow": settlement.escrow,
        "terms_hash": settlement.terms_hash,
        "signed_by": list(settlement.signed_by),
        "round": settlement.round,
        "presentations_left": ROUNDS_MAX - settlement.round,
        "documents_sha256": settlement.documents_sha256,
        "award_sent": settlement.in_flight.get("kind") == "award_received",
        "examine_by": settlement.dates.get("examine_by") if seen.state is State.PRESENTED else None,
    }
    act = seen.next_act()
    if is_told:
        view |= {
            "next_act": act[0] if act else None,
            "next_act_at": act[1] if act else None,
            "suspended": [state.value for state, _ in settlement.suspended],
            "seq": settlement.seq,
        }
    elif act and facts.public != NEUTRAL:
        view |= {"next_act": act[0], "next_act_at": act[1]}
    return view


def payees_view(tx: Transaction, settlement: Settlement, terms: Json | None) -> list[Json]:
    """Where a party of a trade that is not funded yet is paid elsewhere: since when, and from when payments go there.

    `is_outdated`: the terms name another wallet, and both sign again on a fresh quote.
    """
    if terms is None or settlement.is_ended or settlement.funded_minor:
        return []
    shown = []
    for side in ("seller", "buyer"):
        changes = tx.mandates.payee_changes(terms[side]["participant"])
        for kind in ("wallet", "bank"):
            last = next((one for one in reversed(changes) if one.kind == kind), None)
            if last is None:
                continue
            is_outdated = kind == "wallet" and last.account != terms[side]["wallet"]
            if is_outdated or last.paid_from > settlement.created_at:
                dates = {"changed_at": last.changed_at, "paid_from": last.paid_from}
                shown.append({"side": side, "kind": kind, **dates, "is_outdated": is_outdated})
    return shown


def event_view(logged: LoggedEvent, caller: Caller) -> Json | None:
    """One event as the caller is told of it, or None."""
    return shown.event_view(logged, is_staff=is_staff(caller))


def paper_view(paper: Paper) -> Json:
    """A document or message without its bytes."""
    return {
        "id": paper.id,
        "kind": paper.kind,
        "sha256": paper.sha256,
        "media_type": paper.media_type,
        "bytes": len(paper.body),
        "at": paper.at,
    }


def may_see(paper: Paper, caller: Caller) -> bool:
    """Staff see all; a party what is addressed to it; arbiters a dispute's papers. Row-level security says so too."""
    is_dispute_paper = caller.role == "arbiter" and paper.kind in DISPUTE_PAPERS
    return is_staff(caller) or is_dispute_paper or caller.participant in paper.visible_to


def signable_view(signable: Signable) -> Json:
    """What is to be signed: its digest, and the typed data whose hash the digest is (`eth_signTypedData_v4`)."""
    values = {name: hex0x(value) if isinstance(value, bytes) else value for name, value in signable.values.items()}
    return {
        "digest": hex0x(signable.digest()),
        "primary_type": signable.struct.type_string(),
        "values": values,
        "typed_data": signable.typed_data(),
    }


def participant_view(participant: Participant, caller: Caller) -> Json:
    """A participant: names for staff and itself, else only what is needed to trade with it."""
    view: Json = {
        "id": participant.id,
        "kind": participant.kind,
        "country": participant.country,
        "status": participant.status,
    }
    profile: dict[str, Any] = participant.profile
    if is_staff(caller):
        return view | {"profile": profile}
    is_own = caller.participant == participant.id  # how the operator rates it is no company's to read
    shown = {name: fact for name, fact in profile.items() if name != "risk"} if is_own else {}
    return view | {"profile": shown or {"name": profile.get("name", "")}}


def person_name(tx: Transaction, person_id: str) -> str:
    """A person's name, "" for nobody or one whom this reader does not see."""
    person = tx.people.person(person_id) if person_id else None
    return str(person.profile.get("name", "")) if person else ""
