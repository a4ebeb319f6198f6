"""What must be true of the simulated world: said again here, apart from the code that is to keep it so.

`check` runs after everything a worker does and looks at the settlements that it touched; `check_all` looks at every
settlement, account, message and leaf. Each says what is wrong as a Violation.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from entrepot.core import log, note
from entrepot.core.bookkeeping import accounts_of
from entrepot.core.canonical import hex0x, unhex
from entrepot.core.errors import EntrepotError
from entrepot.core.ledger import AccountClass, Balance, account
from entrepot.core.lifecycle import STATES, State
from entrepot.core.passport import STRUCT as PASSPORT
from entrepot.core.passport import VALIDITY_S_MAX, Passport
from entrepot.core.settlement import Event, Settlement, apply, event_of, leaf
from entrepot.core.terms import Terms
from entrepot.messages.reading import read_payment
from entrepot.rails.rail import Operation
from entrepot.regimes.harbour import HARBOUR_1
from entrepot.store.records import Change, LoggedEvent, OutboxItem
from entrepot.store.store import Transaction
from entrepot.workflows.trade.tell import message_name

from .edges import Edges
from .people import COMPANIES, People, id_of
from .violation import Violation, unless
from .world import CHECKPOINT_PUBLIC, ORIGIN, World

FULL_EVERY = 500
LEAVES_MAX = 10_000
NEAR_STEPS = 12
AHEAD_S_MAX = 400 * 86_400
PAYOUTS = {"released": "release", "released_in_part": "release", "refunded": "refund", "rejected": "reject"}
MOVED = {**PAYOUTS, "returned": "return_payment", "fee_claimed": "claim_fee", "funded": "fund_with_authorization"}
PASSPORTS = {
    "funding_sent": "fund", "release_cleared": "release", "refund_cleared": "refund", "reject_cleared": "reject",
    "return_cleared": "return", "fee_cleared": "fee",
}  # fmt: skip
ALLOWED = ("cleared", *PASSPORTS)
STOPPED_BY = {**dict.fromkeys(("cleared", "funding_sent"), ("new", "fund", "all")), **dict.fromkeys(
    ("release_cleared", "refund_cleared", "reject_cleared", "return_cleared", "fee_cleared"), ("all",))}  # fmt: skip
HELD_FOR = {"funding_sent": "credits_pending", "release_cleared": "debits_pending", "refund_cleared": "debits_pending"}


def is_refused(item: OutboxItem) -> bool:
    """True for what the rail was asked and keeps refusing: it is asked again for a while, and is no loss."""
    return item.kind == "rail" and item.error.startswith(("rail_refused", "rail_blocked", "rail_not_ready"))


@dataclass
class Invariants:
    """Checks one world. `shadows` are the settlements as the log's leaves alone say them."""

    world: World
    people: People
    shadows: dict[str, Settlement] = field(default_factory=dict)
    lines: set[tuple[str, str]] = field(default_factory=set)
    struck: dict[str, int] = field(default_factory=dict)  # fault → the step at which it last struck
    met: Counter[tuple[str, str]] = field(default_factory=Counter)  # (line's event, fault near it)
    poisoned: set[str] = field(default_factory=set)
    seen: int = 0
    frontier: list[bytes] = field(default_factory=list)
    transactions: set[tuple[str, str, str]] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)
    unmatched: set[str] = field(default_factory=set)  # to be compared with the rail once nothing is undecided
    beside: dict[str, list[str]] = field(default_factory=dict)  # what was paid beside each trade and not returned yet
    returns: dict[str, str] = field(default_factory=dict)  # the return's operation → the payment that it answers
    moved: set[str] = field(default_factory=set)  # paid beside the trade at an address that is not theirs any more
    full_at: int = 0
    terms: dict[str, Terms] = field(default_factory=dict)
    message_bodies: dict[str, bytes] = field(default_factory=dict)
    listed: tuple[int, frozenset[str], bool] = (-1, frozenset(), False)

    def __post_init__(self) -> None:
        self.world.rail.asked = self._check_asked
        self.edges = Edges(self.world, self.people, self.shadows)

    def strike(self, fault: str) -> None:
        """A fault was lit."""
        self.struck[fault] = self.world.steps
        self.faults[fault] += 1

    def unreturned(self, settlement: str) -> str:
        """The transaction of a payment beside the trade, "" if there is none."""
        return next(iter(self.beside.get(settlement, ())), "")

    def stops(self) -> list[Change]:
        """The stops in force."""
        with self.world.store.real.work() as tx:
            return self.edges.stops(tx)

    def check(self) -> None:
        """Looks at what was touched since the last time. Raises: Violation."""
        self._check_heard()
        with self.world.store.real.work() as tx:
            touched = self._read_log(tx)
            for settlement in touched:
                self._check_settlement(tx, settlement)
            self.unmatched |= touched
            if self.unmatched and tx.inbox.open_since()[0] == 0:
                self._match(tx, self.unmatched)
                self.unmatched.clear()
            self.edges.check_changes(tx)
        if self.world.steps - self.full_at >= FULL_EVERY:
            self.check_all()

    def check_all(self) -> None:
        """Looks at everything. Raises: Violation."""
        self.full_at = self.world.steps
        with self.world.store.real.work() as tx:
            for settlement in self.shadows:
                self._check_settlement(tx, settlement)
                self._check_reserve(tx, self.shadows[settlement])
            if tx.inbox.open_since()[0] == 0:
                self._match(tx, set(self.shadows))
            self._check_sums(tx)
            self._check_root(tx)
            stuck = [item.id for item in tx.inbox.stuck() if item.id not in self.poisoned]
            unless(not stuck, "nothing is set aside but poison", stuck)

    def _check_asked(self, operation: Operation) -> None:
        if not self.world.rail.has(operation.once):
            with self.world.store.real.work() as tx:
                self.edges.check_asked(tx, operation)

    # The log

    def _check_heard(self) -> None:
        for told in self.world.heard.take():
            is_poison = told.get("item") in self.poisoned
            about = {name: value for name, value in told.items() if name not in ("exc_info", "event")}
            unless(is_poison, f"no {told['event']}", about)

    def _read_log(self, tx: Transaction) -> set[str]:
        """Applies the new leaves to the shadows; the settlements they are about."""
        size = tx.log.size()
        fresh = tx.log.leaves(after=self.seen - 1, limit=LEAVES_MAX) if size != self.seen else []
        hashes = []
        for entry in fresh:
            unless(entry.index == self.seen, "the log is gapless", f"leaf {entry.index} comes after {self.seen - 1}")
            self._replay(tx, entry)
            hashes.append(log.leaf_hash(entry.leaf))
            self.seen += 1
        unless(size == self.seen, "the log is gapless", f"size {size}, {self.seen} leaves")
        if fresh:
            self.frontier = log.append(self.seen - len(fresh), self.frontier, hashes)[1]
            kept = tx.log.checkpoint()
            root = log.tree_root(self.frontier)
            unless(kept is not None and kept[0] == self.seen, "each batch is sealed by a checkpoint", self.seen)
            text = note.checkpoint_text(ORIGIN, self.seen, root)
            unless(kept is not None and kept[1].startswith(text), "the root recomputes", hex0x(root))
        return {entry.settlement for entry in fresh}

    def _replay(self, tx: Transaction, entry: LoggedEvent) -> None:
        before = self.shadows.get(entry.settlement) or self._opened(tx, entry.settlement)
        event = event_of(json.loads(entry.leaf))
        try:
            after = apply(before, event)
        except (EntrepotError, AssertionError) as error:
            raise Violation("the log replays", f"{event.kind} of {before.id} in {before.state}: {error}") from None
        unless(entry.seq == after.seq, "events are gapless", f"{event.kind} is {entry.seq}, not {after.seq}")
        unless(entry.leaf == leaf(before, event, after), "a leaf says its event", event.kind)
        self.shadows[after.id] = after
        line = (before.state.value, event.kind)
        self.lines.add(line)
        for fault, at in self.struck.items():
            if self.world.steps - at <= NEAR_STEPS:
                self.met[event.kind, fault] += 1
        self._check_event(tx, before, event, after)

    def _opened(self, tx: Transaction, settlement: str) -> Settlement:
        kept = tx.settlements.get(settlement)
        assert kept is not None, settlement
        return Settlement(
            id=kept.id, seller=kept.seller, buyer=kept.buyer, state=State.PROPOSED, created_at=kept.created_at,
            case_salt=kept.case_salt, dates={"propose_by": kept.created_at + self.world.ctx.policy.propose_s},
        )  # fmt: skip

    # What happened

    def _check_event(self, tx: Transaction, before: Settlement, event: Event, after: Settlement) -> None:
        facts = event.facts
        self.edges.saw(tx, before, event, after)
        if "transaction" in facts and event.kind in (*MOVED, "mispaid"):
            key = (after.id, str(facts["transaction"]), event.kind)
            unless(key not in self.transactions, "nothing counts twice", key)
            self.transactions.add(key)
        if event.kind in MOVED:
            self._check_moved(event, after)
        if event.kind in PAYOUTS:
            self._check_told(tx, event, after)
        if event.kind == "mispaid":
            self.beside.setdefault(after.id, []).append(str(facts["transaction"]))
            self.moved.update([after.id] if "escrow" in facts else [])
        if event.kind == "quote_given" and before.escrow and after.id in self.beside:
            self.moved.add(after.id)
        if event.kind == "return_cleared":
            answers = str(facts["answers"])
            unless(answers in self.beside.get(after.id, ()), "a payment beside a trade is returned once", answers)
            self.returns[f"{after.id}:{after.seq}:return_payment"] = answers
        if event.kind == "returned":
            operation, _ = self.world.rail.operation_of(str(facts["transaction"]))
            assert operation is not None
            self.beside[after.id].remove(self.returns[operation.once])
        if event.kind in ALLOWED:
            self._check_allowed(tx, event, after)
        if event.kind in PASSPORTS:
            self._check_passport(tx, before, event)
        if event.kind == "quote_given" and before.state is State.PROPOSED:
            unless(not self.edges.stops(tx), "a stop stops", f"{after.id} was proposed while one is in force")

    def _check_moved(self, event: Event, after: Settlement) -> None:
        """Money moved on the rail by an operation of ours, with a passport that was valid when it did."""
        operation, at = self.world.rail.operation_of(str(event.facts["transaction"]))
        unless(operation is not None and operation.kind == MOVED[event.kind], "money moves by its operation", event)
        assert operation is not None
        body = operation.arguments["passport"]
        unless(body["valid_from"] <= at <= body["valid_until"], "no payout without a valid passport", "it was over")
        unless(body["terms_hash"] == after.terms_hash, "no payout without a valid passport", "of other terms")
        named = body["amount"] == event.facts["amount_minor"]
        unless(named, "no payout without a valid passport", "of another amount")

    def _check_passport(self, tx: Transaction, before: Settlement, event: Event) -> None:
        """A passport that says exactly this payment, and the clear decision that it follows from."""
        act = PASSPORTS[event.kind]
        papers = tx.papers.of(before.id, kind=f"passport_{act}")
        unless(bool(papers), "no payout without a valid passport", f"{event.kind} of {before.id} has none")
        body, terms = json.loads(papers[-1].body), self._terms(tx, before)
        payee = {"fund": before.escrow, "release": terms.seller_address, "fee": terms.venue.fee_recipient}
        wanted = payee.get(act, terms.buyer_address)
        if act != "return":
            unless(body["payee"] == wanted, "money goes to the wallet that was signed", f"{act} to {body['payee']}")
        if "amount_minor" in event.facts:
            unless(body["amount"] == event.facts["amount_minor"], "a passport names the amount", body["amount"])
        unless(body["sequence"] == before.spent, "a passport has its turn", f"{body['sequence']}, not {before.spent}")
        unless(body["valid_until"] - body["valid_from"] <= VALIDITY_S_MAX, "a passport expires within a day", body)
        unless(body["valid_until"] > event.at, "no payout without a valid passport", "it is over already")
        decisions = {paper.sha256: paper.body for paper in tx.papers.of(before.id, kind=f"decision_{act}")}
        found = decisions.get(body["decision_sha256"].removeprefix("0x"))
        unless(found is not None, "a passport follows from a decision", f"{act} of {before.id}")
        decided = json.loads(found or b"{}")
        unless(decided["verdict"] == "CLEAR", "a passport follows from a clear decision", decided["verdict"])
        unless(decided["at"] == event.at, "a decision is made for its payment", f"at {decided['at']}, now {event.at}")
        versions = [[row["source"], row["sha256"]] for row in decided["lists"]]
        current = [[row.source, row.sha256] for row in tx.checks.lists(with_entities=False)]
        unless(versions == current, "a decision screens against the lists in force", f"{act} of {before.id}")
        signer = PASSPORT.signer(terms.domain, Passport.from_json(body).values(), unhex(body["signature"]))
        unless(signer == self.world.ctx.passport_signer.address, "a passport is signed", signer)

    def _check_allowed(self, tx: Transaction, event: Event, after: Settlement) -> None:
        """Nobody listed is paid or pays, nothing is decided under a stop or under stale lists."""
        names, is_stale = self._listed(tx)
        touched = {name for name in names if id_of(self.world.seed, name) in (after.seller, after.buyer)}
        unless(not touched, "a listed party is paid by nobody", f"{event.kind} of {after.id} while {touched} is listed")
        unless(not is_stale, "nothing is decided under stale lists", f"{event.kind} of {after.id}")
        grades = {str(change.body["grade"]) for change in self.edges.stops(tx)} & set(STOPPED_BY[event.kind])
        unless(not grades, "a stop stops", f"{event.kind} of {after.id} under a stop of {grades}")
        unless(after.state not in (State.BLOCKED, State.FROZEN), "while an order stands nothing leaves", event.kind)

    def _check_told(self, tx: Transaction, event: Event, after: Settlement) -> None:
        """The bank is told of each payout by one pacs.008 over the same amount."""
        papers = [paper for paper in tx.papers.of(after.id, kind="pacs.008") if paper.seq == after.seq]
        unless(len(papers) == 1, "messages agree with payouts", f"{len(papers)} messages of {event.kind}")
        said = event.facts["messages"]["pacs.008"]
        unless(said == f"0x{papers[0].sha256}", "messages agree with payouts", "the log holds another hash")
        amount = read_payment(papers[0].body)["amount_minor"]
        unless(str(amount) == event.facts["amount_minor"], "messages agree with payouts", f"the message says {amount}")
        for paper in tx.papers.of(after.id):
            if paper.seq == after.seq and paper.media_type == "application/xml" and paper.kind != "invoice":
                self.message_bodies[message_name(paper)] = paper.body

    # How it stands

    def _check_settlement(self, tx: Transaction, settlement: str) -> None:
        shadow, kept = self.shadows[settlement], tx.settlements.get(settlement)
        unless(kept == shadow, "replaying the log gives the state", f"{settlement}: {kept} is {shadow} in the log")
        unless(shadow.held_minor >= 0, "no more leaves than came in", shadow)
        facts, act = STATES[shadow.state], shadow.next_act()
        unless(facts.holds_money or not shadow.held_minor, "money lies where it may", f"{shadow.state}")
        if not shadow.is_ended:
            ahead = act[1] - self.world.clock.now if act else AHEAD_S_MAX + 1
            unless(ahead <= AHEAD_S_MAX, "a dated next act in every state", f"{shadow.state} of {settlement}: {act}")
        if shadow.asset:
            self._check_books(tx, shadow)

    def _check_books(self, tx: Transaction, shadow: Settlement) -> None:
        escrow, fee = accounts_of(shadow)[:2]
        found = tx.ledger.balances([escrow.id, fee.id])
        at_escrow, at_fee = found.get(escrow.id, Balance()), found.get(fee.id, Balance())
        held = at_escrow.posted_minor
        unless(held == shadow.held_minor, "the escrow in the books is what is held", f"{held}, not {shadow.held_minor}")
        waits = shadow.in_flight.get("held", shadow.in_flight)
        pending = {"credits_pending": 0, "debits_pending": 0}
        if waits.get("kind") in HELD_FOR:
            pending[HELD_FOR[waits["kind"]]] = int(waits["amount_minor"]) + int(waits.get("fee_minor", 0))
        says = {name: getattr(at_escrow, name) for name in pending}
        unless(says == pending, "a hold is what is in flight", f"{shadow.id} in {shadow.state}: {says}, not {pending}")
        unless(at_escrow.available_minor >= 0 and at_fee.posted_minor >= 0, "nothing is held above its balance", says)

    def _match(self, tx: Transaction, settlements: set[str]) -> None:
        """Books and rail say the same, as of the last final block that the watcher told of."""
        cursor = tx.rails.cursor(self.world.rail.name)
        if cursor is None:
            return
        place = self.world.rail.after(cursor.final_block)
        for shadow in (self.shadows[name] for name in sorted(settlements)):
            book = place.escrows.get(shadow.escrow)
            if book is None:
                unless(not shadow.funded_minor, "books and rail agree", f"{shadow.id} is funded and not open")
                continue
            found = self._balances(tx, shadow)
            held, paid = found["escrow"] + found["fee"], (shadow.released_minor, shadow.refunded_minor)
            ours = (held, *paid, shadow.spent, shadow.awarded_minor)
            theirs = (book.held, book.released, book.refunded, book.sequence, book.awarded)
            unless(ours == theirs, "books and rail agree", f"{shadow.id} in {shadow.state}: {ours}, the rail {theirs}")
            if shadow.id in self.moved or not shadow.funded_minor:
                continue
            aside = place.balance(self.world.token, shadow.escrow) - book.held
            unless(found["mispaid"] == aside, "what lies beside the trade is known", f"{found['mispaid']}, not {aside}")

    def _balances(self, tx: Transaction, shadow: Settlement) -> dict[str, int]:
        escrow, fee = accounts_of(shadow)[:2]
        mispaid = account(AccountClass.MISPAID, shadow.id, shadow.asset)
        found = tx.ledger.balances([escrow.id, fee.id, mispaid.id])
        ids = {"escrow": escrow.id, "fee": fee.id, "mispaid": mispaid.id}
        return {name: found.get(id_, Balance()).posted_minor for name, id_ in ids.items()}

    def _check_reserve(self, tx: Transaction, shadow: Settlement) -> None:
        """What ended without a payment to the seller reserves nothing; what holds money does."""
        everything = tx.checks.reserved(shadow.buyer, since=0)
        own = everything - tx.checks.reserved(shadow.buyer, since=0, but_not=shadow.id)
        if shadow.is_ended and not shadow.released_minor:
            unless(own == 0, "a reserve is given back", f"{shadow.id} is {shadow.state} and reserves {own}")
        elif shadow.held_minor:
            unless(own > 0, "money held is reserved", f"{shadow.id} holds money and reserves nothing")

    def _check_sums(self, tx: Transaction) -> None:
        """Per asset all accounts sum up to zero, and so do the holds."""
        ids: dict[str, str] = {}
        for shadow in self.shadows.values():
            if shadow.asset:
                also = (account(AccountClass.MISPAID, shadow.id, shadow.asset),
                        account(AccountClass.OUTSIDE, "unknown", shadow.asset))  # fmt: skip
                ids |= {one.id: one.asset for one in (*accounts_of(shadow), *also)}
        posted: Counter[str] = Counter()
        for account_id, balance in tx.ledger.balances(list(ids)).items():
            posted[ids[account_id]] += balance.posted_minor
            posted[f"{ids[account_id]} pending"] += balance.credits_pending - balance.debits_pending
        unless(not any(posted.values()), "the sum of all accounts is zero", dict(posted))

    def _check_root(self, tx: Transaction) -> None:
        hashes = [log.leaf_hash(entry.leaf) for entry in tx.log.leaves(after=-1, limit=LEAVES_MAX)]
        root = log.tree_root(log.append(0, [], hashes)[1])
        unless(root == log.tree_root(tx.log.end()[1]), "the root recomputes", hex0x(root))
        kept = tx.log.checkpoint()
        if kept is not None:
            said = note.open_checkpoint(kept[1], [note.verifier_key(ORIGIN, CHECKPOINT_PUBLIC)])
            unless(said == (ORIGIN, len(hashes), root), "a checkpoint is signed", kept[0])

    # What the world says

    def _listed(self, tx: Transaction) -> tuple[frozenset[str], bool]:
        """(companies that the lists in force name, whether a list was last verified too long ago)."""
        rows = tx.checks.lists(with_entities=False)
        is_stale = any(self.world.clock.now - row.verified_at > HARBOUR_1.lists_age_s_max for row in rows)
        key = hash(tuple((row.source, row.sha256) for row in rows))
        if self.listed[0] != key:
            found = tx.checks.lists(with_entities=True)
            ids = {str(entry.get("id")) for row in found for entry in row.entities}
            self.listed = key, frozenset(name for name in COMPANIES if f"L-{name}" in ids), False
        return self.listed[1], is_stale

    def _terms(self, tx: Transaction, shadow: Settlement) -> Terms:
        if shadow.terms_hash not in self.terms:
            body = json.loads(tx.papers.of(shadow.id, kind="terms")[-1].body)
            self.terms[shadow.terms_hash] = Terms.from_json(body, self.world.ctx.assets)
        return self.terms[shadow.terms_hash]

    def check_end(self) -> None:
        """When all is quiet: everything has ended as the table says, was told, and holds nothing. Raises: Violation."""
        self.check_all()
        self.edges.check_wallets()
        for shadow in self.shadows.values():
            unless(shadow.is_ended, "no settlement is stuck", f"{shadow.id} is {shadow.state}, {shadow.next_act()}")
            unless(not shadow.held_minor, "no settlement is stuck", f"{shadow.id} holds {shadow.held_minor}")
        with self.world.store.real.work() as tx:
            waiting = [item.once for item in tx.outbox.waiting(limit=LEAVES_MAX) if not is_refused(item)]
        unless(not waiting, "what must be done outside is done", waiting)
        folder = Path(self.world.ctx.policy.message_dir)
        sent = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
        missing = sorted(set(self.message_bodies) - set(sent))
        unless(not missing, "each message is sent", missing[:3])
        unless(
            sent == self.message_bodies, "no other message is sent", sorted(set(sent) - set(self.message_bodies))[:3]
        )
