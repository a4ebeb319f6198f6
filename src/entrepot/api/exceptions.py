"""What needs a human, gathered from where it stands: nothing is copied, so nothing is shown that is settled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from entrepot.core.lifecycle import ENDED, State
from entrepot.core.settlement import Settlement
from entrepot.store.records import Change, LoggedEvent
from entrepot.store.store import PAGE_MAX, Transaction

from .health import Facts, is_behind, lists_stale
from .reading import newest_json, terms_in

STUCK_S = 600  # an operation on the rail is final in well under a minute; ten are somebody's business
ORDER = ("watcher", "list", "set_aside", "difference", "mispaid", "stuck", "outbox", "paused")
CHECKS = ("check", "release_check", "refund_check", "ask_rail")
ATTEMPTS_QUIET = 3  # tries outside that need nobody
OUTBOX_MAX = 100


def exceptions_in(tx: Transaction, facts: Facts) -> list[dict[str, Any]]:
    """Every exception: `kind`, `since` (Unix s), its `settlement` or "", its facts, and the change that is about it."""
    machine_now = int(time.time())
    now = machine_now + tx.checks.clock_offset_s()
    waiting = tx.checks.changes(confirmed=False)
    found = [
        *_watchers(tx, machine_now, now),
        *({"kind": "list", "since": at, "settlement": "", "source": name} for name, at in lists_stale(tx, facts, now)),
        *_set_aside(tx, waiting, offset_s=now - machine_now),
        *_differences(tx, waiting),
        *_mispaid(tx, waiting),
        *_outbox(tx),
        *_in_work(tx, now),
    ]
    found = [one | _named(tx, one["settlement"]) for one in found]
    return sorted(found, key=lambda one: (ORDER.index(one["kind"]), one["since"]))


def _named(tx: Transaction, settlement_id: str) -> dict[str, str]:
    """What a list names a settlement by: both parties and the invoice, once there are terms."""
    settlement = tx.settlements.get(settlement_id) if settlement_id else None
    terms = newest_json(tx, settlement, "terms") if settlement else None
    if terms is None:
        return {}
    sides = {f"{side}_name": str(terms[side]["name"]) for side in ("seller", "buyer")}
    return {"invoice_number": str(terms["invoice_number"]), **sides}


def _pending(waiting: list[Change], subjects: tuple[str, ...], **about: str) -> str:
    """The id of the open change of one of these subjects that is about this, "" if there is none."""
    for change in waiting:
        if change.subject in subjects and all(change.body.get(name) == value for name, value in about.items()):
            return change.id
    return ""


def _watchers(tx: Transaction, machine_now: int, now: int) -> Iterator[dict[str, Any]]:
    for cursor in tx.rails.cursors():
        behind_s = machine_now - cursor.seen_at
        if cursor.alarm or is_behind(behind_s):
            yield {
                "kind": "watcher",
                "since": now - behind_s,
                "settlement": "",
                "name": cursor.name,
                "behind_s": behind_s,
                "alarm": cursor.alarm,
            }


def _set_aside(tx: Transaction, waiting: list[Change], *, offset_s: int) -> Iterator[dict[str, Any]]:
    for item in tx.inbox.stuck():
        yield {
            "kind": "set_aside",
            "since": item.received_at + (0 if item.source == "rail" else offset_s),  # doors go by the machine's clock
            "settlement": item.settlement,
            "item": item.id,
            "what": item.kind,
            "from": "the rail" if item.source == "rail" else item.role,
            "why": item.set_aside,
            "attempts": item.attempts,
            "change": _pending(waiting, ("take_again", "dismiss"), item=item.id),
        }


def _differences(tx: Transaction, waiting: list[Change]) -> Iterator[dict[str, Any]]:
    for case in tx.reconciliations.cases(is_open=True):
        yield {
            "kind": "difference",
            "since": case.opened_at,
            "settlement": case.settlement,
            "case": case.id,
            "about": case.about,
            "run": case.run,
            "change": _pending(waiting, ("close_case",), case=case.id),
        }


def _mispaid(tx: Transaction, waiting: list[Change]) -> Iterator[dict[str, Any]]:
    """Money beside a trade that has not gone back, with what became of it and why it does not count."""
    events = tx.settlements.beside()
    answered = {event.event.facts["answers"]: event for event in events if event.event.kind == "return_cleared"}
    sent_back: dict[str, int] = {}
    for one in events:
        if one.event.kind == "returned":
            sent_back[one.settlement] = sent_back.get(one.settlement, 0) + 1
    for one in events:
        if one.event.kind != "mispaid":
            continue
        facts, settlement = one.event.facts, tx.settlements.get(one.settlement)
        is_cleared = facts["transaction"] in answered
        if is_cleared and sent_back.get(one.settlement, 0) > 0:
            sent_back[one.settlement] -= 1
            continue
        assert settlement is not None, one.settlement
        yield {
            "kind": "mispaid",
            "since": one.event.at,
            "settlement": one.settlement,
            "outcome": _outcome(tx, settlement, one),
            "amount_minor": facts["amount_minor"],
            "asset": facts["asset"],
            "origin": facts["origin"],
            "transaction": facts["transaction"],
            "is_returning": is_cleared,
            "change": _pending(waiting, ("return_payment",), transaction=facts["transaction"]),
        }


def _outcome(tx: Transaction, settlement: Settlement, one: LoggedEvent) -> str:
    """Why a payment beside the trade does not count: the first reason that holds."""
    facts, terms = one.event.facts, terms_in(tx, settlement)
    if facts["asset"] != settlement.asset:
        return "wrong_token"
    if terms is not None and facts["origin"].lower() != terms.buyer.wallet.lower():
        return "third_party"
    if settlement.funded_minor or settlement.is_ended:
        return "late"
    amount = int(facts["amount_minor"])
    if amount == settlement.total_minor:
        return "bare"
    return "too_little" if amount < settlement.total_minor else "too_much"


def _outbox(tx: Transaction) -> Iterator[dict[str, Any]]:
    for item in tx.outbox.waiting(limit=OUTBOX_MAX):
        if item.error and item.attempts > ATTEMPTS_QUIET:
            yield {
                "kind": "outbox",
                "since": item.due_at,
                "settlement": item.settlement,
                "what": str(item.body.get("kind", item.kind)),
                "attempts": item.attempts,
                "error": item.error,
            }


def _in_work(tx: Transaction, now: int) -> Iterator[dict[str, Any]]:
    """Settlements whose operation is out too long, and whose check is put off."""
    for state in State:
        for one in tx.settlements.page(state=state, limit=PAGE_MAX) if state not in ENDED else ():
            yield from _stuck(tx, one, now)
            act = one.next_act()
            pause = newest_json(tx, one, "pause") if act and act[0] in CHECKS else None
            papers = tx.papers.of(one.id, kind="pause") if pause else []
            if pause and papers[-1].seq == one.seq:
                said = [{"code": code, "message": message} for code, message in pause["reasons"]]
                yield {"kind": "paused", "since": pause["at"], "settlement": one.id, "reasons": said}


def _stuck(tx: Transaction, settlement: Settlement, now: int) -> Iterator[dict[str, Any]]:
    seq = settlement.in_flight.get("seq")
    if not seq:
        return
    began = next((entry.event.at for entry in tx.settlements.events(settlement.id) if entry.seq == seq), now)
    if now - began > STUCK_S:
        what = str(settlement.in_flight["kind"])
        yield {"kind": "stuck", "since": began, "settlement": settlement.id, "what": what}
