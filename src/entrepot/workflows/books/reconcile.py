"""Reconcile: books, chain, messages and bank say the same, or each difference is shown with all sides.

What is open and what was touched since everything last agreed is looked at, in sets; `everything` looks at all there
ever was. Nothing corrects itself.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from entrepot.core.bookkeeping import accounts_of
from entrepot.core.canonical import Json
from entrepot.core.errors import Unavailable, declare
from entrepot.core.ledger import Balance
from entrepot.core.terms import token_address
from entrepot.rails.rail import Rail
from entrepot.store.reconciliation_records import BankEntry, BankStatement
from entrepot.store.store import Store, Transaction

from .sides import BANK, Difference, Seen, differences_of, stranger

SIDES = ("books", "chain", "messages", "bank")
SET_MAX = 500  # settlements that are read at once
LOOKS_MAX, LOOK_S = 3, 1.0  # what moves between two looks is no difference: it is looked at again
T = TypeVar("T")
Given = tuple[BankStatement, Sequence[BankEntry]]

declare(
    "Unavailable", comparison_stopped="The worker that compared is being stopped; another begins the comparison anew."
)


@dataclass
class Compared:
    """What a comparison saw: sums per (asset, account) and side (None: not said there), and what it was made from."""

    settlements: int = 0
    differences: list[Difference] = field(default_factory=list)
    totals: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    facts: Json = field(default_factory=dict)
    inputs: dict[str, hashlib._Hash] = field(default_factory=lambda: {side: hashlib.sha256() for side in SIDES})

    def add(self, asset: str, account: str, **minor: int | None) -> None:
        """Adds one settlement's figures, by side."""
        row = self.totals.setdefault((asset, account), {})
        for side, value in minor.items():
            if value is not None:
                row[side] = row.get(side, 0) + value

    def total_rows(self) -> list[Json]:
        """The sums, minor units as strings."""
        return [
            {"asset": asset, "account": account}
            | {f"{side}_minor": str(row[side]) if side in row else None for side in SIDES}
            for (asset, account), row in sorted(self.totals.items())
        ]


@dataclass(frozen=True)
class _Scope:
    """What is looked at: settlements, and statements by which days are covered. `fresh` were not yet compared."""

    ids: Sequence[str]
    days: Sequence[tuple[str, str]]
    fresh: Sequence[BankStatement]
    given: Sequence[BankEntry]
    strange: Sequence[BankEntry]
    gaps: Sequence[Difference]
    facts: Json

    def is_covered(self, day: str) -> bool:
        """True if a statement speaks of the day."""
        return any(first <= day <= last for first, last in self.days)


def reconcile(store: Store, rail: Rail) -> tuple[int, list[Difference]]:
    """(settlements looked at, differences) over all settlements there ever were."""
    found = compare(store, rail, everything=True)
    return found.settlements, found.differences


def compare(
    store: Store,
    rail: Rail,
    *,
    everything: bool = False,
    given: Sequence[Given] = (),
    sleep: Callable[[float], None] = time.sleep,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Compared:
    """Compares all four sides; where something differs, looks again a few times, for what was only on its way.

    `given` are statements that are compared and not kept. Raises: Unavailable(comparison_stopped, …).
    """
    with store.snapshot() as tx:
        scope = _scope(tx, everything=everything, given=given)
    seen = Compared(facts=scope.facts)
    for start in range(0, len(scope.ids), SET_MAX):
        if is_stopping():
            raise Unavailable("comparison_stopped", f"Stopped after {seen.settlements} settlements; it begins again.")
        for one in _look(store, rail, scope.ids[start : start + SET_MAX], scope.given, seen.inputs):
            seen.settlements += 1
            seen.differences += differences_of(one, scope.is_covered, seen.add)
    for _ in range(LOOKS_MAX if seen.differences else 0):
        sleep(LOOK_S)
        seen.differences = _again(store, rail, scope, seen.differences)
    seen.differences += [stranger(entry) for entry in scope.strange] + list(scope.gaps)
    for statement in scope.fresh:
        seen.inputs["bank"].update(f"{statement.sha256}\n".encode())
    seen.facts |= {"inputs": {side: total.hexdigest() for side, total in seen.inputs.items()}}
    return seen


def _scope(tx: Transaction, *, everything: bool, given: Sequence[Given]) -> _Scope:
    """What is open or was touched since the last run that agreed, and what fresh statements speak of."""
    agreed = None if everything else tx.reconciliations.agreed()
    since, after = (int(agreed.facts.get(name, 0)) if agreed else 0 for name in ("log_size", "statements"))
    statements = tx.reconciliations.statements()
    known = {(one.account, one.statement_id) for one in statements}
    extra = [(one, entries) for one, entries in given if (one.account, one.statement_id) not in known]
    fresh = [one for one in statements if one.number > after] + [one for one, _ in extra]
    if fresh:
        since = min(since, tx.log.size_before(_midnight(min(one.first_day for one in fresh))))
    newest, size = tx.log.checkpoint(), tx.log.size()
    assert newest is None or newest[0] == size, "every batch signs the log that it leaves"
    named = [entry for _, entries in extra for entry in entries]
    ours = set(tx.many.settlements(sorted({entry.end_to_end_id for entry in named})))
    strange = tx.reconciliations.strange_entries(after=after)
    sums = tx.reconciliations.class_sums()
    return _Scope(
        ids=tx.settlements.touched(since=since),
        days=[(one.first_day, one.last_day) for one in (*statements, *(one for one, _ in extra))],
        fresh=fresh,
        given=named,
        strange=[*strange, *(entry for entry in named if entry.end_to_end_id not in ours)],
        gaps=[*_gaps([*statements, *(one for one, _ in extra)], fresh)],
        facts={
            "log_size": size,
            "checkpoint": newest[1] if newest else "",
            "statements": max((one.number for one in statements), default=0),
            "sums": [
                {"class": name.value, "asset": asset, "posted_minor": str(one.posted_minor),
                 "held_minor": str(one.debits_pending)}
                for (name, asset), one in sorted(sums.items(), key=lambda row: (row[0][1], row[0][0].value))
            ],
        },
    )  # fmt: skip


def _midnight(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def _gaps(statements: Sequence[BankStatement], fresh: Sequence[BankStatement]) -> Iterator[Difference]:
    """A statement opens with what the one before it closed with."""
    in_order = sorted(statements, key=lambda one: (one.account, one.last_day, one.number))
    for before, one in zip(in_order, in_order[1:], strict=False):
        if before.account == one.account and one.opening_minor != before.closing_minor and one in fresh:
            sides = {"books": str(before.closing_minor), "bank": str(one.opening_minor)}
            yield Difference("", BANK, "bank_gap", one.currency, sides, one.statement_id)


def _look(
    store: Store, rail: Rail, ids: Sequence[str], given: Sequence[BankEntry], inputs: Mapping[str, hashlib._Hash]
) -> list[Seen]:
    """What each side says of a set of settlements: one question to each table, one batch to the node."""
    with store.work() as tx:
        found = tx.many.settlements(ids)
        accounts = {one.id: accounts_of(one)[:2] for one in found.values() if one.asset}
        balances = tx.ledger.balances([entry.id for pair in accounts.values() for entry in pair])
        messages, entries = tx.papers.messages(ids), [*tx.reconciliations.entries_to(ids)]
    entries += [entry for entry in given if entry.end_to_end_id in found]
    paid = [one for one in found.values() if one.funded_minor]
    states = dict(zip((one.id for one in paid), rail.escrow_states([one.escrow for one in paid]), strict=True))
    pairs = [(one.escrow, token_address(one.asset, chain=rail.chain)) for one in paid]
    tokens = dict(zip((one.id for one in paid), rail.held_all(pairs), strict=True))
    told, booked = _by(messages, lambda one: one.paper.settlement), _by(entries, lambda one: one.end_to_end_id)
    seen = [
        Seen(
            settlement=one,
            escrow=balances.get(accounts[one.id][0].id, Balance()) if one.asset else Balance(),
            fee_due=balances.get(accounts[one.id][1].id, Balance()) if one.asset else Balance(),
            chain=states.get(one.id),
            tokens=tokens.get(one.id, 0),
            messages=told.get(one.id, ()),
            entries=booked.get(one.id, ()),
        )
        for one in found.values()
    ]
    for one_seen in seen:
        _note(one_seen, inputs)
    return seen


def _by(rows: Iterable[T], name: Callable[[T], str]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for row in rows:
        found.setdefault(name(row), []).append(row)
    return found


def _note(seen: Seen, inputs: Mapping[str, hashlib._Hash]) -> None:
    """Adds what a comparison was made from to the hash of each side."""
    name, state = seen.settlement.id, seen.chain
    inputs["books"].update(f"{name} {seen.escrow} {seen.fee_due}\n".encode())
    if state is not None:
        said = (state.terms_hash, state.held, state.released, state.refunded, state.fee_claimable, seen.tokens)
        inputs["chain"].update(f"{name} {said}\n".encode())
    for message in seen.messages:
        inputs["messages"].update(f"{name} {message.paper.kind} {message.paper.sha256}\n".encode())


def _again(store: Store, rail: Rail, scope: _Scope, found: Sequence[Difference]) -> list[Difference]:
    """Those differences that still stand."""
    known, aside = {entry.key for entry in found}, {side: hashlib.sha256() for side in SIDES}
    ids, standing, ignored = sorted({entry.settlement for entry in found}), list[Difference](), Compared()
    for start in range(0, len(ids), SET_MAX):
        for one in _look(store, rail, ids[start : start + SET_MAX], scope.given, aside):
            standing += [entry for entry in differences_of(one, scope.is_covered, ignored.add) if entry.key in known]
    return standing
