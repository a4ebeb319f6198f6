"""Any way through the table: money is never made or lost, and what parties see is a whole way of its own.

A walk takes lines of the table at random. Its rail pays only what a passport allowed and nothing withdrew, but
pays it whenever it likes: after a freeze, a block or an order to reject, too.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.core.bookkeeping import accounts_of, book_accounts, transfers_for
from entrepot.core.ids import new_settlement_id
from entrepot.core.ledger import LIMITED, AccountClass, Phase, Transfer, account
from entrepot.core.lifecycle import CONFIDENTIAL, LIFECYCLE, STATES, Role, State
from entrepot.core.settlement import ROUNDS_MAX, Event, Settlement, apply, event_of, leaf, replay

T0 = 1_790_000_000
STEPS_MAX = 60
TOKEN, OTHER = "eip155:31337/erc20:0x" + "11" * 20, "eip155:31337/erc20:0x" + "22" * 20
DATES = sorted({facts.deadline for facts in STATES.values() if facts.deadline})
DOCUMENTS = {"documents_sha256": "0xdd"}
BEGINNING = (("quote_given", Role.OPERATOR), ("signed", Role.BUYER), ("countersigned", Role.SELLER),
             ("cleared", Role.RULES), ("funded", Role.RAIL))  # fmt: skip
RARE = {"withdrawn": 0.1, "refused": 0.1, "reject_ordered": 0.3, "mispaid": 0.1, "return_cleared": 0.05,
        "fee_cleared": 0.05, "blocked": 0.3, "frozen": 0.5, "refund_cleared": 0.5, "quote_given": 0.2}  # fmt: skip
PAYOUTS = {"release": "released", "refund": "refunded", "reject": "rejected"}


class Books:
    """Double entry in thirty lines, written apart from every ledger engine: limits, holds, sums."""

    def __init__(self) -> None:
        self.posted: Counter[str] = Counter()
        self.held: dict[str, Transfer] = {}
        self.kinds: dict[str, tuple[AccountClass, str]] = {}
        self.ids: set[str] = set()

    def post(self, before: Settlement, event: Event) -> None:
        self.kinds |= {one.id: (one.account_class, one.asset) for one in book_accounts(before, event)}
        for move in transfers_for(before, event):
            assert move.id not in self.ids and move.has_valid_amount() and move.debit != move.credit
            assert (move.event, move.at, move.settlement) == (event.kind, event.at, before.id)
            assert self.kinds[move.debit][1] == self.kinds[move.credit][1], "two assets"
            self.ids.add(move.id)
            if move.phase in (Phase.POST, Phase.VOID):
                hold = self.held.pop(move.pending_id)
                assert (hold.debit, hold.credit, hold.amount_minor) == (move.debit, move.credit, move.amount_minor)
            elif self.kinds[move.debit][0] in LIMITED:
                assert self.available(move.debit) >= move.amount_minor, f"{event.kind} takes more than there is"
            if move.phase is Phase.PENDING:
                self.held[move.id] = move
            elif move.phase is not Phase.VOID:
                self.posted[move.debit] -= move.amount_minor
                self.posted[move.credit] += move.amount_minor

    def available(self, account_id: str) -> int:
        return self.posted[account_id] - sum(
            hold.amount_minor for hold in self.held.values() if hold.debit == account_id
        )

    def are_sound(self, after: Settlement) -> None:
        sums: Counter[str] = Counter()
        for account_id, amount in self.posted.items():
            kind, asset = self.kinds[account_id]
            sums[asset] += amount
            assert kind is AccountClass.OUTSIDE or amount >= 0
        assert not any(sums.values()), "money appeared or vanished"
        assert self.posted[accounts_of(after)[0].id] == after.held_minor, "escrow in the books is not what is held"
        if after.is_ended:
            assert not self.held, "a hold outlived its settlement"


class Walk:
    """One settlement, its books, and the rail that pays what was allowed."""

    def __init__(self, random: Random) -> None:
        self.random, self.now = random, T0
        self.opened = self.at = Settlement(
            id=new_settlement_id(T0 * 1000, b"\x01" * 10), seller="s" * 32, buyer="b" * 32, state=State.PROPOSED,
            created_at=T0, case_salt="0x01", dates=self.dates(""),
        )  # fmt: skip
        self.books = Books()
        self.told: list[tuple[Settlement, Event]] = []
        self.leaves: list[bytes] = []
        self.allowed: dict[str, dict[str, str]] = {}
        if random.random() < 0.6:  # many walks begin with money in escrow, where there is more to go wrong
            for kind, by in BEGINNING:
                self.happen(Event(kind, self.now, by, "", self.facts(kind, by) or {}, self.dates(kind)))

    def dates(self, kind: str) -> dict[str, int]:
        """The date of a dispute comes with the dispute, and no other event sets it."""
        return {name: self.now + 100 for name in DATES if name != "dispute_by" or kind == "disputed"}

    def go(self) -> None:
        """One event that may happen now, if there is any."""
        able = [(line.event, role) for line in LIFECYCLE if line.when is self.at.state for role in line.by]
        able = [one for one in able if one[0] not in PAYOUTS.values()]
        able += [(PAYOUTS[act], Role.RAIL) for act in self.allowed for _ in range(3)]
        kind, by = self.random.choice(able)
        if self.random.random() > RARE.get(kind, 1):
            return
        facts = self.facts(kind, by)
        if facts is None:
            return
        self.now += self.random.randrange(50)
        due = self.at.next_act()
        if by is Role.CLOCK:
            chance = 0.1 if self.at.funded_minor else 0.5
            if due is None or due[0] != kind or self.random.random() > chance:
                return
            self.now = max(self.now, due[1])
        actor = f"person-{len(self.told)}" if by in (Role.OFFICER, Role.AUTHORITY) else ""
        self.happen(Event(kind, self.now, by, actor, facts, self.dates(kind)))

    def happen(self, event: Event) -> None:
        after = apply(self.at, event)
        self.books.post(self.at, event)
        self.books.are_sound(after)
        self.told.append((self.at, event))
        self.leaves.append(leaf(self.at, event, after))
        act, _, what = event.kind.partition("_")
        if what == "cleared" and act in PAYOUTS and not (act in self.allowed and self.random.random() < 0.3):
            self.allowed[act] = dict(event.facts)
        elif what == "dropped" and self.random.random() < 0.8:  # else its passport lasts, and somebody may still use it
            self.allowed.pop(act, None)
        elif event.kind in (*PAYOUTS.values(), "released_in_part"):
            self.allowed.clear()  # they all carry the number of the passport that is now spent
        self.at = after

    def facts(self, kind: str, by: Role) -> dict[str, Any] | None:
        """What such an event says, or None if it cannot happen now."""
        make = getattr(self, f"_{kind}", None)
        if make is not None:
            return make(by)
        act, _, what = kind.partition("_")
        if what == "dropped" and act in PAYOUTS:
            return {} if act in self.allowed else None
        return {}

    def _quote_given(self, _: Role) -> dict[str, Any] | None:
        if self.at.funded_minor or (self.at.state is not State.PROPOSED and self.random.random() < 0.8):
            return None
        price, fee = self.random.randrange(1, 1000), self.random.choice([0, self.random.randrange(50)])
        return {
            "asset": TOKEN,
            "price_minor": str(price),
            "fee_minor": str(fee),
            "terms_hash": "0xaa",
            "escrow": "0xee",
        }

    def _signed(self, by: Role) -> dict[str, Any] | None:
        return None if self.at.signed_by else {"terms_hash": "0xaa"}

    def _countersigned(self, by: Role) -> dict[str, Any] | None:
        return {"terms_hash": "0xaa"} if self.at.signed_by and by.value not in self.at.signed_by else None

    def _refused(self, by: Role) -> dict[str, Any] | None:
        return None if self.at.funded_minor or (by is Role.OFFICER and not self.at.disposed_by) else {}

    def _review_cleared(self, _: Role) -> dict[str, Any] | None:
        return {} if self.at.disposed_by else None

    def _review_lapsed(self, _: Role) -> dict[str, Any] | None:
        return None if self.at.funded_minor else {}

    def _review_expired(self, _: Role) -> dict[str, Any] | None:
        return {} if self.at.funded_minor else None

    def _presented(self, _: Role) -> dict[str, Any] | None:
        may_be = self.at.round < ROUNDS_MAX and self.at.funded_minor  # the escrow takes none before its money
        return DOCUMENTS | {"round": self.at.round + 1} if may_be else None

    _presentation_received = _presented

    def _examined(self, _: Role) -> dict[str, Any] | None:
        is_decided = self.at.complies or self.at.awarded_minor is not None
        return None if is_decided else {"documents_sha256": self.at.documents_sha256}

    def _disputed(self, _: Role) -> dict[str, Any] | None:
        return None if "dispute_by" in self.at.dates else {}

    _found_discrepant = _waived = _examined

    def _funded(self, _: Role) -> dict[str, Any] | None:
        """Once, and only where a passport was given: never before the checks cleared it."""
        was_cleared = any(event.kind == "cleared" for _, event in self.told)
        return {"amount_minor": str(self.at.total_minor)} if was_cleared and not self.at.funded_minor else None

    def _release_cleared(self, _: Role) -> dict[str, Any]:
        fee = self.random.randint(0, self.at.fee_minor - self.at.fee_accrued_minor)
        whole = self.at.price_minor - self.at.released_minor
        amount = self.random.choice([whole, self.random.randint(0, whole)])
        return {"amount_minor": str(amount), "fee_minor": str(fee)}

    def _refund_cleared(self, _: Role) -> dict[str, Any] | None:
        return {"amount_minor": str(self.at.held_minor)} if self.at.held_minor else None

    _reject_cleared = _refund_cleared

    def _released(self, _: Role) -> dict[str, Any] | None:
        facts = self.allowed["release"]
        is_whole = int(facts["amount_minor"]) + int(facts["fee_minor"]) == self.at.held_minor
        return facts if is_whole and self.at.held_minor else None

    def _released_in_part(self, _: Role) -> dict[str, Any] | None:
        facts = self.allowed.get("release", {"amount_minor": "0", "fee_minor": "0"})
        is_part = 0 < int(facts["amount_minor"]) + int(facts["fee_minor"]) < self.at.held_minor
        return facts if is_part else None

    def _refunded(self, _: Role) -> dict[str, Any]:
        return self.allowed["refund"]

    def _rejected(self, _: Role) -> dict[str, Any]:
        return self.allowed["reject"]

    def _awarded(self, _: Role) -> dict[str, Any] | None:
        if not self.at.held_minor or self.at.released_minor > self.at.price_minor:
            return None
        return {"to_seller_minor": str(self.random.randint(self.at.released_minor, self.at.price_minor))}

    def _award_received(self, role: Role) -> dict[str, Any] | None:
        return None if self.at.in_flight.get("kind") == "award_received" else self._awarded(role)

    def _finding_dropped(self, _: Role) -> dict[str, Any] | None:
        return {} if self.at.has_notice else None

    def _mispaid(self, _: Role) -> dict[str, Any]:
        asset = self.random.choice([TOKEN, OTHER])
        return {"asset": asset, "amount_minor": str(self.random.randrange(1, 100))}

    def _returned(self, _: Role) -> dict[str, Any] | None:
        asset = self.random.choice([TOKEN, OTHER])
        there = self.books.posted[account(AccountClass.MISPAID, self.at.id, asset).id]
        return {"asset": asset, "amount_minor": str(self.random.randint(1, there))} if there else None

    def _fee_claimed(self, _: Role) -> dict[str, Any] | None:
        there = self.books.posted[accounts_of(self.at)[1].id]
        return {"amount_minor": str(self.random.randint(1, there))} if there else None


def walked(seed: int) -> Walk:
    walk = Walk(Random(seed))
    for _ in range(STEPS_MAX):
        walk.go()
    return walk


SEEDS = st.integers(0, 2**32)


@given(SEEDS)
@settings(max_examples=400)
def test_money_is_never_made_or_lost_and_the_log_replays(seed: int) -> None:
    walk = walked(seed)
    assert replay(walk.opened, [event_of(json.loads(raw)) for raw in walk.leaves]) == walk.at


@given(SEEDS)
@settings(max_examples=400)
def test_without_confidential_events_it_is_still_a_way_through_the_table_with_the_same_transfers(seed: int) -> None:
    walk = walked(seed)
    shown = walk.opened
    for before, event in walk.told:
        if event.kind in CONFIDENTIAL:
            assert transfers_for(before, event) == [], "a hidden event may not show in the books"
            continue
        assert transfers_for(shown, event) == transfers_for(before, event), event.kind
        shown = apply(shown, event)
    assert (shown.step, shown.held_minor, shown.spent) == (walk.at.step, walk.at.held_minor, walk.at.spent)
    assert shown.seq == shown.step


@given(SEEDS)
def test_leaves_of_hidden_events_do_not_name_the_settlement_and_the_others_are_numbered_without_a_gap(
    seed: int,
) -> None:
    walk = walked(seed)
    bodies = [json.loads(raw) for raw in walk.leaves]
    open_ones = [body for body in bodies if body["schema"] == "entrepot/event/1"]
    assert [body["seq"] for body in open_ones] == list(range(1, len(open_ones) + 1))
    for body, raw in zip(bodies, walk.leaves, strict=True):
        is_hidden = body["event"] in CONFIDENTIAL
        assert (body["schema"] == "entrepot/case-event/1") is is_hidden is (walk.at.id.encode() not in raw)


def test_the_walks_go_everywhere() -> None:
    lines, ends = set(), set()
    for seed in range(1300):
        walk = walked(seed)
        lines |= {(before.state, event.kind) for before, event in walk.told}
        ends.add(walk.at.state)
    assert {state for state, facts in STATES.items() if not facts.deadline} <= ends
    assert {line.event for line in LIFECYCLE} == {kind for _, kind in lines}
    assert {state for state, _ in lines} == set(State)
