"""Rules about what really left and arrived, and who really asked: from the rail, the folder, and everybody's requests.

They do not ask whether a decision was right, and read no table that a decision was made from: what is sent is judged by
how the log, the stops and the lists stand while it is sent; caps and invoices by the whole history of the settlements;
four eyes by who clicked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from entrepot.core.lifecycle import State
from entrepot.core.settlement import Event, Settlement
from entrepot.rails.rail import Operation
from entrepot.regimes.harbour import HARBOUR_1
from entrepot.signers.keystore import Purpose
from entrepot.store.records import Change, InboxItem
from entrepot.store.store import Transaction

from .people import GRANT_MINOR, STAFF, People
from .violation import unless
from .world import HOUSE, World

PAYING_IN = {
    "fund_with_authorization": State.FUNDING,
    "release": State.RELEASING,
    "refund": State.REFUNDING,
    "reject": State.REJECTING,
}
BESIDE = ("return_payment", "claim_fee")  # paid in any state but these
HELD_UP = (State.FROZEN, State.BLOCKED)
DAY_S, CENT_DECIMALS = 86_400, 4  # the simulated token has six decimals, and caps are in hundredths
# Who may propose and confirm a change, and how an order is named in the log
MAY_CHANGE = {"stop": ("supervisor", "operator"), "lift_stop": ("supervisor", "operator"), "caps": ("operator",),
              "freeze": ("authority", "supervisor"), "unfreeze": ("authority", "supervisor"),
              "unblock": ("officer",), "return_payment": ("officer",)}  # fmt: skip
ORDERED = {"frozen": "freeze", "unfrozen": "unfreeze", "unblocked": "unblock", "return_cleared": "return_payment"}


def _is_next(one: Settlement, operation: Operation) -> bool:
    """True where a payment is the settlement's next step, or beside the trade and no order stands."""
    if operation.kind in BESIDE:
        return one.state not in HELD_UP
    return one.state is PAYING_IN[operation.kind] and operation.once.split(":")[1] == str(one.in_flight.get("seq"))


def _cap(changes: Iterable[Change], now: int) -> int:
    """The window's cap by these changes, given in the order of proposal: of two of one second the later one holds."""
    begun = [(max(int(one.body["from"]), one.confirmed_at or 0), place, int(one.body["cap_window_minor"]))
             for place, one in enumerate(changes) if int(one.body["from"]) <= now]  # fmt: skip
    return min([HARBOUR_1.cap_window_minor, *(cap for _, _, cap in sorted(begun)[-1:])])


@dataclass
class Edges:
    """Judges one world. `before`: the last second in which something happened to a trade, and how it stood in it."""

    world: World
    people: People
    shadows: dict[str, Settlement]
    before: dict[str, tuple[int, list[Settlement]]] = field(default_factory=dict)
    used: dict[str, tuple[int, int]] = field(default_factory=dict)  # settlement → (cleared or paid when, how much)
    confirmed: dict[str, Change] = field(default_factory=dict)  # changes that were in force when a worker last ended
    paid_out: Counter[str] = field(default_factory=Counter)  # to whom, beside the trades
    heard: int = 0  # requests to confirm that are answered and were looked at

    # What leaves

    def check_asked(self, tx: Transaction, operation: Operation) -> None:
        """The rail is asked for a payment only where nothing that came before this second holds it up."""
        if operation.kind not in (*PAYING_IN, *BESIDE) or self.world.rail.has(operation.once):
            return  # what the rail has already was asked for in its time
        now, kept = self.world.clock.now, tx.settlements.get(operation.settlement)
        assert kept is not None, operation.settlement
        at, stood = self.before.get(kept.id, (0, []))
        is_next = any(_is_next(one, operation) for one in [kept, *(stood if at == now else [])])
        unless(is_next, "nothing is paid that is held up", f"{operation.once}: {kept.state}")
        held_by = {"fund", "all", "new"} if operation.kind == "fund_with_authorization" else {"all"}
        grades = {str(change.body["grade"]) for change in self.stops(tx, before=now)} & held_by
        unless(not grades, "a stop stops", f"{operation.once} was sent under a stop of {grades}")
        self._check_screened(tx, operation, now)

    def _check_screened(self, tx: Transaction, operation: Operation, now: int) -> None:
        """The lists that the payment's decision was made with are those in force, unless they came this very second."""
        named = operation.arguments["passport"]["decision_sha256"].removeprefix("0x")
        papers = [one for one in tx.papers.of(operation.settlement) if one.sha256 == named]
        unless(len(papers) == 1, "a payment that is sent follows from a decision", operation.once)
        screened = {(row["source"], row["sha256"]) for row in json.loads(papers[0].body)["lists"]}
        rows = tx.checks.lists(with_entities=False)
        newer = [row.source for row in rows if (row.source, row.sha256) not in screened and row.verified_at < now]
        unless(not newer, "a payment is screened against the lists in force when it is sent", (operation.once, newer))

    def check_wallets(self) -> None:
        """What arrived in each wallet, and what left it, is what the log says of it. To be asked once all is final."""
        rail, wallets = self.world.rail, {one.participant: one.address for one in self.people.companies()}
        net = Counter(dict.fromkeys(wallets.values(), GRANT_MINOR))
        net.update(self.paid_out)
        net.subtract(rail.paid_by_hand())
        for one in self.shadows.values():
            net[wallets[one.seller]] += one.released_minor
            net[wallets[one.buyer]] += one.refunded_minor - one.funded_minor
        for wallet in (*wallets.values(), HOUSE[Purpose.OWNER][0].address):
            held = rail.held(wallet, self.world.token)
            unless(held == net[wallet], "what arrived is what the log says", f"{wallet}: {held}, not {net[wallet]}")

    # What has happened

    def saw(self, tx: Transaction, before: Settlement, event: Event, after: Settlement) -> None:
        """One event of the log, in its turn."""
        at, stood = self.before.get(after.id, (0, []))
        self.before[after.id] = event.at, [*(stood if at == event.at else []), before]
        if event.kind in ("returned", "fee_claimed"):
            operation, _ = self.world.rail.operation_of(str(event.facts["transaction"]))
            assert operation is not None
            self.paid_out[operation.arguments["passport"]["payee"]] += int(event.facts["amount_minor"])
        if event.kind in ("cleared", "referred") and not after.funded_minor:
            self.used.setdefault(after.id, (event.at, -(-after.total_minor // 10**CENT_DECIMALS)))
        if event.kind == "funding_sent":  # the window is one of payments
            self.used[after.id] = event.at, self.used[after.id][1]
        if event.kind in ("cleared", "funding_sent"):
            self._check_caps(tx, event, after)
        if event.kind == "quote_given" and before.state is State.PROPOSED:
            self._check_invoice(tx, after)
        if event.kind in ORDERED:
            self._check_ordered(tx, event, after)
        if event.kind == "review_cleared" or (event.kind in ("refused", "blocked") and before.state is State.IN_REVIEW):
            self._check_disposed(tx, event, after)

    def _is_used(self, one: Settlement) -> bool:
        """True for what takes of the caps and holds its invoice: all but what ended and paid the seller nothing."""
        return not one.is_ended or one.released_minor > 0

    def _check_caps(self, tx: Transaction, event: Event, after: Settlement) -> None:
        since, cap = event.at - HARBOUR_1.window_days * DAY_S, self._cap(tx, event.at)
        others = [(name, amount) for name, (at, amount) in self.used.items() if at >= since and name != after.id]
        used = sum(amount for name, amount in others
                   if self.shadows[name].buyer == after.buyer and self._is_used(self.shadows[name]))  # fmt: skip
        own = self.used[after.id][1]
        says = f"{event.kind} of {after.id}: {used} and {own} of {cap}"
        unless(used + own <= cap, "a buyer's payments stay within the cap", says)

    def _cap(self, tx: Transaction, now: int) -> int:
        """The window's cap in force when this batch began or ended, the larger: which came first in it nobody says."""
        changes = tx.checks.changes(subject="caps", confirmed=True)
        return max(_cap((one for one in changes if one.id in self.confirmed), now), _cap(changes, now))

    def _check_invoice(self, tx: Transaction, after: Settlement) -> None:
        """No two settlements that are open or were paid are about one and the same invoice."""
        self.people.find_numbers(tx)
        numbers = {settlement: number for number, settlement in self.people.numbers.items()}
        sold = self.people.sold[numbers[after.id]]
        for name, other in self.shadows.items():
            is_same = name != after.id and self.people.sold[numbers[name]] == sold and self._is_used(other)
            unless(not is_same, "an invoice is settled once", f"{name} and {after.id}")

    # Who asked

    def _check_ordered(self, tx: Transaction, event: Event, after: Settlement) -> None:
        """Two different persons of the right role clicked for this, neither of a party's company."""
        subject = ORDERED[event.kind]
        proposals = [item for item in self._asked("propose_change") if item.body["subject"] == subject
                     and item.body["body"].get("settlement") == after.id]  # fmt: skip
        pairs = [(first, second) for first in proposals for second in self._asked("confirm_change")
                 if second.body["change"] == self._answer(tx, first).get("change")]  # fmt: skip
        good = [pair for pair in pairs if self._is_four_eyes(subject, *pair) and self._is_done(tx, pair[1])]
        companies = {item.participant for pair in good for item in pair}
        unless(bool(good), "two persons of the right role order it", f"{event.kind} of {after.id} by {event.actor}")
        unless(not companies & {after.seller, after.buyer}, "nobody judges an own trade", event.kind)

    def check_changes(self, tx: Transaction) -> None:
        """Each change in force was proposed by one who may and confirmed by another; remembers what is in force."""
        asked = self._asked("confirm_change")
        if self.heard == len(asked):
            return
        while self.heard < len(asked) and self._answer(tx, asked[self.heard]):
            self.heard += 1
        for change in tx.checks.changes(confirmed=True):
            if change.id in self.confirmed:
                continue
            self.confirmed[change.id] = change
            first = [
                item for item in self._asked("propose_change") if self._answer(tx, item).get("change") == change.id
            ]
            second = [item for item in self._asked("confirm_change") if item.body["change"] == change.id]
            good = any(self._is_four_eyes(change.subject, one, two) for one in first for two in second)
            unless(good, "two persons of the right role order it", f"{change.subject} {change.id}")

    def _check_disposed(self, tx: Transaction, event: Event, after: Settlement) -> None:
        if not event.actor:  # the rules, not an officer
            return
        verdict = "clear" if event.kind == "review_cleared" else "refuse"
        if event.kind == "blocked" and "verdict" not in event.facts:
            return  # by hand, which one officer may
        asked = [one for one in self._asked("dispose") if (one.settlement, one.body["verdict"]) == (after.id, verdict)]
        persons = {one.person for one in asked if self._is_of(one, "officer") and self._is_done(tx, one)}
        are_two = len(persons) >= 2 and event.actor in persons
        unless(are_two, "two officers dispose of a hit", f"{event.kind}: {persons}")

    def _asked(self, kind: str) -> list[InboxItem]:
        return self.people.asked.get(kind, [])

    def _answer(self, tx: Transaction, item: InboxItem) -> dict[str, object]:
        kept = tx.inbox.get(item.source, item.key)
        return dict(kept.answer["body"]) if kept is not None and kept.answer is not None else {}

    def _is_done(self, tx: Transaction, item: InboxItem) -> bool:
        kept = tx.inbox.get(item.source, item.key)
        return kept is not None and kept.answer is not None and int(kept.answer["status"]) < 300

    def _is_four_eyes(self, subject: str, first: InboxItem, second: InboxItem) -> bool:
        return first.person != second.person and all(self._is_of(one, *MAY_CHANGE[subject]) for one in (first, second))

    def _is_of(self, item: InboxItem, *roles: str) -> bool:
        """By who they are in this world, whatever the request says."""
        return any(actor.id == item.person and STAFF.get(name) in roles for name, actor in self.people.actors.items())

    # What holds up

    def stops(self, tx: Transaction, *, before: int = 0) -> list[Change]:
        """In force for certain: confirmed before this second, or (without `before`) before this batch was written."""
        now = self.world.clock.now
        lifted = {one.body["stop"] for one in tx.checks.changes(subject="lift_stop", confirmed=True)}
        known = [one for one in tx.checks.changes(subject="stop", confirmed=True)
                 if one.id in self.confirmed and (not before or (one.confirmed_at or now) < before)]  # fmt: skip
        return [one for one in known if one.id not in lifted and now < int(one.body["until"])]
