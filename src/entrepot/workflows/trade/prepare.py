"""Prepare: reads for a whole batch, table by table, what its items will ask for one by one.

Nothing here decides, and nothing depends on it: what was not read ahead is read when it is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from entrepot.core.errors import EntrepotError
from entrepot.core.settlement import Settlement
from entrepot.documents.invoice import duplicate_keys, read_invoice
from entrepot.store.buffered import Buffered
from entrepot.store.records import InboxItem

from ..checks.check import window_since
from .propose import invoice_bytes

_CHECKED = ("terms", "invoice", "transport_document", "invoice_conflict")
_PAPERS: dict[str, tuple[str, ...]] = {
    "sign": (*_CHECKED, "signature_seller", "signature_buyer"),
    "fund": _CHECKED,
    "present": ("terms",),
    "examine": (*_CHECKED, "examination"),
    "presented": ("terms",),
    "released": ("terms",),
}
_TRADING = ("propose", "sign", "fund", "present", "examine", "rail")


def prepare(tx: Buffered, items: Sequence[InboxItem], *, now: int, window_days: int) -> None:
    """Locks the items' settlements in one order, and reads who and what they are about."""
    locked = tx.settlements.lock(sorted({item.settlement for item in items if item.settlement}))
    items = [item for item in items if item.kind in _TRADING]
    if len(items) < 2:
        return
    settlements = [locked[item.settlement] for item in items if item.settlement in locked]
    _companies(tx, _named(items, settlements))  # first: their keys open the papers too
    _papers(tx, items)
    if settlements:
        _reserved(tx, settlements, since=window_since(now, window_days))
    _invoices(tx, [item for item in items if item.kind == "propose"])


def _papers(tx: Buffered, items: Iterable[InboxItem]) -> None:
    wanted: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for item in items:
        kind = str(item.body.get("kind", "")) if item.kind == "rail" else item.kind
        if item.settlement and kind in _PAPERS:
            wanted[_PAPERS[kind]].add(item.settlement)
    for kinds, settlements in wanted.items():
        found: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
        for paper in tx.many.papers(sorted(settlements), kinds):
            found[paper.settlement, paper.kind].append(paper)
        for settlement in settlements:
            for kind in kinds:
                tx.memo["papers", settlement, kind] = found[settlement, kind]


def _named(items: Iterable[InboxItem], settlements: Iterable[Settlement]) -> list[str]:
    named = {company for one in settlements for company in (one.seller, one.buyer)}
    for item in items:
        buyer = item.body.get("buyer", "")
        named |= {item.participant} | ({buyer} if isinstance(buyer, str) else set())
    return sorted(named - {""})


def _companies(tx: Buffered, named: Sequence[str]) -> None:
    found = tx.many.companies(named)
    by_company: dict[str, defaultdict[str, list[Any]]] = {
        "wallets": defaultdict(list), "sets": defaultdict(list), "payee_changes": defaultdict(list)
    }  # fmt: skip
    for wallet in found.wallets:
        by_company["wallets"][wallet.participant].append(wallet)
        tx.remember(wallet, "wallet", wallet.account)
    for made in found.mandate_sets:
        by_company["sets"][made.participant].append(made)
    for change in found.payee_changes:
        by_company["payee_changes"][change.participant].append(change)
    for company in named:
        tx.remember(found.participants.get(company), "participant", company)
        for name, rows in by_company.items():
            tx.remember(rows[company], name, company)


def _reserved(tx: Buffered, settlements: Sequence[Settlement], *, since: int) -> None:
    ids, buyers = sorted({one.id for one in settlements}), sorted({one.buyer for one in settlements})
    disposed: defaultdict[str, list[Any]] = defaultdict(list)
    for disposition in tx.many.dispositions(ids):
        disposed[disposition.settlement].append(disposition)
    own: defaultdict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for settlement, participant, amount, at in tx.many.reservations(ids):
        own[settlement][participant] = amount, at
    for id_ in ids:
        tx.remember(disposed[id_], "dispositions", id_)
        tx.memo["reservations", id_] = own[id_]
    for buyer, amount in tx.many.reserved(buyers, since=since).items():
        tx.memo["reserved", buyer, since] = amount


def _invoices(tx: Buffered, proposals: Iterable[InboxItem]) -> None:
    keys: list[str] = []
    for item in proposals:
        with suppress(EntrepotError):  # what cannot be read is refused when its turn comes
            keys += duplicate_keys(read_invoice(invoice_bytes(item.body)))
    held = tx.many.invoices(keys) if keys else {}
    for key in keys:
        tx.memo["invoice", key] = held.get(key)
