"""From the logs of factory, escrows and tokens to events in our words. Pure.

Who emitted a log is proven, not looked up: an escrow's event names its terms hash, and the address of that escrow
follows from it, so no stranger's contract can speak for one of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from entrepot.core.canonical import hex0x
from entrepot.core.money import AMOUNT_MINOR_MAX

from .abi import Event, Undecodable
from .evm_calls import ESCROW, FACTORY, Contracts
from .evm_chain import ERC20
from .rail import RailEvent

OPENED = next(iter(FACTORY.events.values()))
(TRANSFER,) = ERC20.events.values()
REJECT_ACT = 4  # Refunded.act: 3 is a refund, 4 a reject. Source: rails/contracts/events.vy

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """A log entry as the node gave it. `emitter` and `transaction` are 0x-hex."""

    emitter: str
    topics: tuple[bytes, ...]
    data: bytes
    transaction: str
    block_number: int
    block_hash: str
    index: int


def log_of(entry: Mapping[str, Any]) -> Log:
    """A node's JSON as a Log."""
    return Log(
        emitter=str(entry["address"]).lower(),
        topics=tuple(bytes.fromhex(topic[2:]) for topic in entry["topics"]),
        data=bytes.fromhex(entry["data"][2:]),
        transaction=entry["transactionHash"],
        block_number=int(entry["blockNumber"], 16),
        block_hash=entry["blockHash"],
        index=int(entry["logIndex"], 16),
    )


def opened_escrow(log: Log, contracts: Contracts) -> str:
    """The escrow that a log of the factory opened; "" if it is none."""
    if log.emitter != contracts.factory or len(log.topics) != 4 or log.topics[0] != OPENED.topic:
        return ""
    return contracts.escrow_of(log.topics[1])


def speaks_for_escrow(log: Log, contracts: Contracts) -> bool:
    """True if an escrow of our factory emitted the log."""
    return len(log.topics) > 1 and contracts.escrow_of(log.topics[1]) == log.emitter


def recipient(log: Log) -> str:
    """Whom an ERC-20 (or ERC-721) Transfer pays; "" if the log is none."""
    is_transfer = len(log.topics) > 2 and log.topics[0] == TRANSFER.topic
    return hex0x(log.topics[2][-20:]) if is_transfer else ""


def rail_events(
    logs: Iterable[Log],
    contracts: Contracts,
    watched: Collection[str],
    times: Mapping[str, int],
    *,
    final_number: int,
) -> tuple[RailEvent, ...]:
    """Events in the order of the chain. `times` maps a block hash to its Unix seconds."""
    ordered = [log for _, log in sorted({(log.block_number, log.index): log for log in logs}.items())]
    fundings = _fundings(ordered, contracts)
    found = []
    for log in ordered:
        told = _told(log, contracts, watched, fundings)
        if told is not None:
            found.append(_event(log, contracts, told, times[log.block_hash], is_final=log.block_number <= final_number))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Told:
    """What one log says: in our words, about one escrow."""

    kind: str
    escrow: str
    facts: Facts


def _told(
    log: Log, contracts: Contracts, watched: Collection[str], fundings: Collection[tuple[str, int]]
) -> Told | None:
    """None for what is not about us, and for the Transfer that is a funding's own."""
    escrow = opened_escrow(log, contracts)
    if escrow:
        return _decoded(log, escrow, OPENED, _opened)
    if speaks_for_escrow(log, contracts):
        event = ESCROW.events.get(log.topics[0])
        if event is None or event.name not in _WORDS:
            return Told("undecodable", log.emitter, {"why": f"no event we know: topic {hex0x(log.topics[0])}"})
        return _decoded(log, log.emitter, event, _WORDS[event.name])
    paid = recipient(log)
    if paid in watched and (log.transaction, log.index) not in fundings:
        told = _decoded(log, paid, TRANSFER, _mispaid(log.emitter))
        return None if told.facts.get("amount_minor") == "0" else told
    return None


def _decoded(log: Log, escrow: str, event: Event, words: Callable[[Facts], tuple[str, Facts]]) -> Told:
    """Nothing that a log holds can stop the watcher: what cannot be read is told as such."""
    try:
        kind, facts = words(event.decode(log.topics, log.data))
    except Undecodable as error:
        return Told("undecodable", escrow, {"why": str(error)[:300], "emitter": log.emitter})
    return Told(kind, escrow, facts)


def _fundings(logs: Iterable[Log], contracts: Contracts) -> set[tuple[str, int]]:
    """(transaction, log index) of each Transfer that is the payment of a funding.

    The escrow announces Funded first and takes the money next: it is the first Transfer after it in the same
    transaction that pays exactly price and fee from the payer to the escrow.
    """
    due: dict[tuple[str, str, str, str, int], int] = {}
    found = set()
    for log in logs:
        if speaks_for_escrow(log, contracts) and log.topics[0] == _FUNDED.topic:
            facts = _try(_FUNDED, log)
            if facts:
                key = (log.transaction, log.emitter, facts["token"], facts["payer"], facts["price"] + facts["fee"])
                due[key] = due.get(key, 0) + 1
        elif recipient(log):
            facts = _try(TRANSFER, log)
            key = (log.transaction, recipient(log), log.emitter, facts.get("from", ""), facts.get("amount", 0))
            if due.get(key, 0):
                due[key] -= 1
                found.add((log.transaction, log.index))
    return found


def _try(event: Event, log: Log) -> Facts:
    try:
        return event.decode(log.topics, log.data)
    except Undecodable:
        return {}


def _event(log: Log, contracts: Contracts, told: Told, time: int, *, is_final: bool) -> RailEvent:
    place = f"{log.transaction}:{log.index}"
    return RailEvent(
        key=place if is_final else f"eip155:{contracts.chain_id}:{log.block_hash}:{place}",
        kind=told.kind,
        escrow=told.escrow,
        transaction=log.transaction,
        block_number=log.block_number,
        block_hash=log.block_hash,
        block_time=time,
        log_index=log.index,
        is_final=is_final,
        facts=told.facts,
    )


def _amount(value: int) -> str:
    if value > AMOUNT_MINOR_MAX:
        raise Undecodable(f"an amount of {value} minor units is beyond 2^127 - 1")
    return str(value)


def _opened(log: Facts) -> tuple[str, Facts]:
    return "opened", {"terms_hash": log["terms_hash"], "settlement": log["settlement"][-32:]}


def _funded(log: Facts) -> tuple[str, Facts]:
    paid = {"amount_minor": _amount(log["price"] + log["fee"]), "payer": log["payer"], "token": log["token"]}
    return "funded", paid | _spent(log) | {"present_until": log["present_until"]}


def _presented(log: Facts) -> tuple[str, Facts]:
    times = {"presented_at": log["presented_at"], "examine_until": log["examine_until"]}
    return "presented", _documents(log) | times


def _discrepant(log: Facts) -> tuple[str, Facts]:
    return "presentation_rejected", _documents(log) | {"present_until": log["present_until"]}


def _accepted(log: Facts) -> tuple[str, Facts]:
    return ("waived" if log["by_waiver"] else "accepted"), _documents(log)


def _released(log: Facts) -> tuple[str, Facts]:
    paid = {"amount_minor": _amount(log["amount"]), "fee_minor": _amount(log["fee_earned"]), "payee": log["seller"]}
    left = {"token": log["token"], "held_minor": _amount(log["held"])}
    return "released", paid | left | _documents(log) | _spent(log)


def _refunded(log: Facts) -> tuple[str, Facts]:
    paid = {"amount_minor": _amount(log["amount"]), "payee": log["buyer"], "token": log["token"]}
    kind = "rejected" if log["act"] == REJECT_ACT else "refunded"
    return kind, paid | {"held_minor": _amount(log["held"])} | _spent(log)


def _fee_paid(log: Facts) -> tuple[str, Facts]:
    paid = {"amount_minor": _amount(log["amount"]), "payee": log["fee_recipient"], "token": log["token"]}
    return "fee_claimed", paid | {"held_minor": _amount(log["held"])} | _spent(log)


def _returned(log: Facts) -> tuple[str, Facts]:
    paid = {"amount_minor": _amount(log["amount"]), "payee": log["payee"], "token": log["token"]}
    return "returned", paid | _spent(log)


def _closed(log: Facts) -> tuple[str, Facts]:
    names = {"released": "released_minor", "refunded": "refunded_minor", "fee_claimable": "fee_minor"}
    return "closed", {ours: _amount(log[theirs]) for theirs, ours in names.items()}


def _disputed(log: Facts) -> tuple[str, Facts]:
    return "disputed", {name: log[name] for name in ("party", "reason_sha256", "disputed_until")}


def _awarded(log: Facts) -> tuple[str, Facts]:
    names = {"to_seller": "to_seller_minor", "to_buyer": "to_buyer_minor", "fee_earned": "fee_minor"}
    return "awarded", {ours: _amount(log[theirs]) for theirs, ours in names.items()}


def _held(log: Facts) -> tuple[str, Facts]:
    names = ("order_sha256", "number", "frozen_until", "blocked_at")
    return "held", {"hold": log["kind"]} | {name: log[name] for name in names}


def _mispaid(token: str) -> Callable[[Facts], tuple[str, Facts]]:
    return lambda log: ("mispaid", {"token": token, "origin": log["from"], "amount_minor": _amount(log["amount"])})


def _spent(log: Facts) -> Facts:
    return {"sequence": log["sequence"], "decision_sha256": log["decision_sha256"]}


def _documents(log: Facts) -> Facts:
    return {"documents_sha256": log["documents_sha256"], "round": log["round"]}


_WORDS: dict[str, Callable[[Facts], tuple[str, Facts]]] = {
    "Funded": _funded,
    "Presented": _presented,
    "Discrepant": _discrepant,
    "Accepted": _accepted,
    "Released": _released,
    "Refunded": _refunded,
    "FeePaid": _fee_paid,
    "Returned": _returned,
    "Closed": _closed,
    "Disputed": _disputed,
    "Awarded": _awarded,
    "Held": _held,
}
_FUNDED = next(event for event in ESCROW.events.values() if event.name == "Funded")
ESCROW_TOPICS = tuple(hex0x(topic) for topic in ESCROW.events)
