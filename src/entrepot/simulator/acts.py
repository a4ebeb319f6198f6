"""What may happen in the simulated world: one table of acts, what each does, and the sentence that tells of it.

An action is an act's name and its figures, and nothing else: a list of actions is a run, and any part of the list is
one too. An act for which the world is not ready (no such trade yet) does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from entrepot.core.settlement import Settlement
from entrepot.store.records import InboxItem
from entrepot.store.store import Store
from entrepot.workflows.chain import observe

from .faults import listening
from .invariants import Invariants
from .people import COMPANIES, STRANGER, People, populated
from .world import World

Action = tuple[Any, ...]
LONG_S, TURNS_BEFORE, TRIES_MAX, LEAVING_MAX = 1801, 4, 20, 200
NAMESAKE = "a namesake of {0}"
WHO_MAY_MAX = 3  # of a choice who confirms: others have a role that may not
REORGANISED_MAX = 2  # blocks: what is final stays


@dataclass
class Stage:
    """A world, its people, and who checks it."""

    world: World
    people: People
    invariants: Invariants

    def perform(self, action: Action) -> None:
        """Does one action. Raises: Violation."""
        act = ACTS[action[0]]
        if act.fault:
            self.world.steps += 1
            self.invariants.strike(act.fault)
        act.does(self, *action[1:])

    def one(self, number: int) -> Settlement | None:
        """The settlement of a trade as the log tells it, None while there is none."""
        return self.invariants.shadows.get(self.people.settlement_of(number))


@contextmanager
def staged(seed: int, store: Store, folder: Any) -> Iterator[Stage]:
    """A fresh world, its people and its checks; what its workers log is heard."""
    world, people = populated(seed, store, folder)
    invariants = Invariants(world, people)
    world.checked = invariants.check
    with listening(world.heard):
        yield Stage(world, people, invariants)


def tell(action: Action) -> str:
    """The sentence of an action."""
    says = ACTS[action[0]].says
    return says(*action[1:]) if callable(says) else says.format(*action[1:])


@dataclass(frozen=True, slots=True)
class Act:
    """One act: what it does with its figures, its sentence, and (for a fault) the name of the fault."""

    does: Callable[..., object]
    says: str | Callable[..., str]
    fault: str = ""


def _of_trade(does: Callable[..., object]) -> Callable[..., None]:
    """An act about a settlement that is there and was quoted."""

    def act(stage: Stage, number: int, *figures: Any) -> None:
        one = stage.one(number)
        if one is not None and one.terms_hash:
            does(stage, number, one, *figures)

    return act


def _side(stage: Stage, number: int, side: str) -> str:
    seller, buyer = stage.people.proposed[number]
    return seller if side == "seller" else buyer


def _propose(stage: Stage, number: int, seller: str, buyer: str, share: int) -> None:
    if number not in stage.people.proposed:
        stage.people.propose(number, seller, buyer, share)


def _propose_again(stage: Stage, number: int, first: int) -> None:
    if number not in stage.people.proposed and first in stage.people.proposed:
        stage.people.propose_again(number, first)


@_of_trade
def _sign(stage: Stage, number: int, one: Settlement, side: str) -> None:
    stage.people.sign(one, _side(stage, number, side))


@_of_trade
def _plain(stage: Stage, number: int, one: Settlement, kind: str, side: str) -> None:
    stage.people.click(kind, _side(stage, number, side), {}, one.id)


@_of_trade
def _fund(stage: Stage, number: int, one: Settlement, attempt: int) -> None:
    stage.people.fund(one, _side(stage, number, "buyer"), attempt)


@_of_trade
def _present(stage: Stage, number: int, one: Settlement, which: str) -> None:
    stage.people.present(one, _side(stage, number, "seller"), number, is_right=which == "right")


@_of_trade
def _examine(stage: Stage, _: int, one: Settlement, finding: str) -> None:
    stage.people.examine(one, complies=finding == "comply")


@_of_trade
def _waive(stage: Stage, number: int, one: Settlement) -> None:
    stage.people.waive(one, _side(stage, number, "buyer"))


@_of_trade
def _dispute(stage: Stage, number: int, one: Settlement, side: str) -> None:
    stage.people.dispute(one, _side(stage, number, side))


@_of_trade
def _award(stage: Stage, _: int, one: Settlement, percent: int) -> None:
    stage.people.award(one, percent)


@_of_trade
def _dispose(stage: Stage, _: int, one: Settlement, officer: int, verdict: str) -> None:
    body = {"verdict": verdict, "reason": "Looked at."}
    stage.people.click("dispose", f"officer-{officer}", body, one.id)


@_of_trade
def _block_trade(stage: Stage, _: int, one: Settlement) -> None:
    stage.people.click("block", "officer-1", {"reason": "a tip"}, one.id)


@_of_trade
def _review_block(stage: Stage, _: int, one: Settlement) -> None:
    stage.people.click("review_block", "officer-2", {"reason": "looked again"}, one.id)


@_of_trade
def _claim_fee(stage: Stage, _: int, one: Settlement) -> None:
    stage.people.click("claim_fee", "operator-1", {}, one.id)


@_of_trade
def _order(stage: Stage, _: int, one: Settlement, subject: str, seconds: int) -> None:
    by = "officer-1" if subject == "unblock" else "supervisor-1"
    until = {"until": stage.world.clock.now + seconds} if subject == "freeze" else {}
    stage.people.change(subject, by, {"settlement": one.id, **until})


@_of_trade
def _pay_by_hand(stage: Stage, number: int, one: Settlement, who: str, percent: int) -> None:
    payer = STRANGER if who == "a stranger" else stage.people.actors[_side(stage, number, "buyer")].address
    amount = max(1, one.total_minor * percent // 100)
    if payer == STRANGER:
        stage.world.rail.mint(stage.world.token, payer, amount)
    stage.world.rail.pay(stage.world.token, payer, one.escrow, amount)


@_of_trade
def _return(stage: Stage, _: int, one: Settlement) -> None:
    transaction = stage.invariants.unreturned(one.id)
    if transaction:
        body = {"settlement": one.id, "transaction": transaction}
        stage.people.change("return_payment", "officer-1", body)


@_of_trade
def _poison(stage: Stage, number: int, one: Settlement, kind: str) -> None:
    """What the watcher might store if the rail told nonsense: it must be set aside, and change nothing."""
    world = stage.world
    key = f"poison-{number}-{kind}-{stage.people.clicks}-{world.clock.given}"
    receipt = {"header": "00", "index": 0, "proof": []}
    facts = {"amount_minor": "1", "fee_minor": "nonsense", "round": "x", "documents_sha256": ""}
    body = {"kind": kind, "escrow": one.escrow, "transaction": f"0x{world.clock.entropy(32).hex()}", "block_number": 1,
            "block_hash": "0x00", "block_time": "nonsense", "facts": facts, "receipt": receipt}  # fmt: skip
    item = InboxItem(
        id=world.ctx.new_id(), source=observe.SOURCE, key=key, kind="rail", body=body, body_sha256="",
        received_at=world.clock.now, settlement=one.id,
    )  # fmt: skip
    stage.invariants.poisoned.add(item.id)
    with world.store.real.work() as tx:
        tx.inbox.put(item)


def _confirm(stage: Stage, which: int) -> None:
    """A second person confirms what waits longest or shortest; sometimes the first again, or one of another role."""
    with stage.world.store.real.work() as tx:
        waiting = tx.checks.changes(confirmed=False)
    if waiting:
        change = waiting[0 if which < 2 else -1]
        roles = {"unblock": "officer", "return_payment": "officer", "caps": "operator"}
        role = roles.get(change.subject, "supervisor")
        if which > WHO_MAY_MAX:
            role = "supervisor" if role == "officer" else "officer"
        stage.people.click("confirm_change", f"{role}-{1 + which % 2}", {"change": change.id})


def _stop(stage: Stage, grade: str, seconds: int) -> None:
    body = {"grade": grade, "until": stage.world.clock.now + seconds}
    stage.people.change("stop", "supervisor-1", body)


def _caps(stage: Stage, cap_minor: int) -> None:
    body = {"cap_payment_minor": cap_minor, "cap_window_minor": cap_minor, "from": stage.world.clock.now}
    stage.people.change("caps", "operator-1", body)


def _lift_stops(stage: Stage) -> None:
    for change in stage.invariants.stops():
        stage.people.change("lift_stop", "supervisor-1", {"stop": change.id})


def _list(stage: Stage, name: str) -> None:
    party = COMPANIES[name]
    stage.world.listed[name] = {
        "id": f"L-{name}", "schema": "organization", "names": [{"text": party.name}],
        "identifiers": [{"type": "lei", "value": party.lei}], "countries": [party.country],
    }  # fmt: skip
    _published(stage)


def _list_namesake(stage: Stage, name: str) -> None:
    """Somebody else of the same name: a hit that two officers may clear."""
    party = COMPANIES[name]
    stage.world.listed[NAMESAKE.format(name)] = {
        "id": f"N-{name}", "schema": "organization", "names": [{"text": party.name}],
    }  # fmt: skip
    _published(stage)


def _delist(stage: Stage, name: str) -> None:
    stage.world.listed.pop(name, None)
    _published(stage)


def _published(stage: Stage) -> None:
    stage.world.publish()
    if not stage.world.is_feed_down:
        stage.world.read_lists()


def _feed(stage: Stage, is_down: bool) -> None:
    stage.world.is_feed_down = is_down
    if not is_down:
        stage.world.read_lists()


def _suspend(stage: Stage, name: str, status: str) -> None:
    """The participant's own row: what an older state of the law would have done to it."""
    participant = stage.people.actors[name].participant
    with stage.world.store.real.work() as tx:
        kept = tx.people.participant(participant)
        assert kept is not None
        tx.people.put_participant(replace(kept, status=status, version=kept.version + 1))


def _issuer(stage: Stage, name: str, is_frozen: bool) -> None:
    rail, address = stage.world.rail, stage.people.actors[name].address
    (rail.bar if is_frozen else rail.unbar)(address)


def _reorganise(stage: Stage, depth: int) -> None:
    stage.world.rail.reorganise(min(depth, REORGANISED_MAX))


def _node(stage: Stage, is_down: bool) -> None:
    stage.world.rail.is_down = is_down


def _set(name: str) -> Callable[[Stage], None]:
    return lambda stage: setattr(stage.world.rail, name, True)


def _crash(stage: Stage, effects: int) -> None:
    stage.world.fuse.crash_after = effects


def _cut(stage: Stage, commits: int) -> None:
    stage.world.fuse.cut_at = commits


def _meet(stage: Stage, act: str, at: int, actions: Sequence[Action]) -> None:
    def others() -> None:
        for action in actions:
            stage.perform(action)

    stage.world.meet(act, at, others)


def _says_meet(act: str, at: int, actions: Sequence[Action]) -> str:
    told = " ".join(tell(action) for action in actions)
    return f"In the midst of the next time that a worker is to {act} (place {at}), others act: ({told})"


def _blocks(stage: Stage, count: int) -> None:
    for _ in range(count):
        stage.world.block()


def _wait(stage: Stage, seconds: int) -> None:
    """Time passes; in a long while the workers try again what waits, whether or not the node answers."""
    world, until = stage.world, stage.world.clock.now + seconds
    for _ in range(TURNS_BEFORE if seconds > LONG_S else 0):
        world.turn()
        world.block()
    for _ in range(TRIES_MAX if seconds > LONG_S else 0):
        with world.store.real.work() as tx:
            due = [item.due_at for item in tx.outbox.waiting(limit=LEAVING_MAX) if item.kind == "rail"]
        ahead = [at for at in due if world.clock.now < at < until]
        if not ahead:
            break
        world.pass_time(min(ahead) - world.clock.now)
        world.turn()
        world.block()
    world.pass_time(max(until - world.clock.now, 1))


ACTS: dict[str, Act] = {
    "decide": Act(lambda stage: stage.world.decide(), "The worker decides what arrived and what is due."),
    "send": Act(lambda stage: stage.world.send(), "The worker sends out."),
    "watch": Act(lambda stage: stage.world.watch(), "The worker reads the rail."),
    "blocks": Act(_blocks, "The rail makes {0} block(s)."),
    "wait": Act(_wait, "{0} seconds pass."),
    "propose": Act(_propose, "Trade {0}: {1} proposes to {2} (a part in {3} of the coffee)."),
    "propose_again": Act(_propose_again, "Trade {0}: the invoice of trade {1} is proposed once more."),
    "sign": Act(_sign, "Trade {0}: the {1} signs."),
    "plain": Act(_plain, "Trade {0}: the {2} asks: {1}."),
    "fund": Act(_fund, "Trade {0}: the buyer pays (authorisation {1})."),
    "present": Act(_present, "Trade {0}: the seller presents the {1} documents."),
    "examine": Act(_examine, "Trade {0}: the examiner signs that the documents {1}."),
    "waive": Act(_waive, "Trade {0}: the buyer waives."),
    "dispute": Act(_dispute, "Trade {0}: the {1} disputes."),
    "award": Act(_award, "Trade {0}: the arbiters award {1}% of what is open."),
    "dispose": Act(_dispose, "Trade {0}: officer {1} says {2}."),
    "block": Act(_block_trade, "Trade {0}: an officer blocks it by hand."),
    "review_block": Act(_review_block, "Trade {0}: an officer looks at the block again."),
    "claim_fee": Act(_claim_fee, "Trade {0}: the operator claims the fee."),
    "order": Act(_order, "Trade {0}: one person orders: {1} ({2} s)."),
    "confirm": Act(_confirm, "A person confirms a change that waits (choice {0})."),
    "return": Act(_return, "Trade {0}: an officer proposes to return what was paid beside it."),
    "again": Act(lambda stage: stage.people.click_again(), "The last request comes once more.", "request twice"),
    "by_hand": Act(_pay_by_hand, "Trade {0}: {1} pays {2}% of the total by hand.", "mispayment"),
    "poison": Act(_poison, "Trade {0}: a poisoned event ({1}) arrives.", "poisoned event"),
    "stop": Act(_stop, "A supervisor proposes a stop of grade {0} for {1} s.", "stop"),
    "caps": Act(_caps, "An operator proposes caps of {0} hundredths of a dollar."),
    "lift_stops": Act(_lift_stops, "A supervisor proposes to lift the stops."),
    "list": Act(_list, "{0} is listed.", "list update"),
    "namesake": Act(_list_namesake, "A namesake of {0} is listed.", "list update"),
    "delist": Act(_delist, "{0} is delisted.", "delisting"),
    "feed": Act(_feed, "The feed of lists is down: {0}.", "stale lists"),
    "standing": Act(_suspend, "{0} is {1} now.", "suspension"),
    "issuer": Act(_issuer, "The token's issuer has frozen the wallet of {0}: {1}.", "issuer freeze"),
    "reorganise": Act(_reorganise, "The rail undoes its newest {0} block(s).", "reorganisation"),
    "node": Act(_node, "The node is down: {0}.", "node down"),
    "lose_reply": Act(_set("loses_reply"), "The rail's next reply is lost.", "lost reply"),
    "pass_over": Act(_set("passes_over"), "The next block passes over what waits.", "delay"),
    "tell_twice": Act(_set("tells_twice"), "The rail tells its newest events twice.", "duplicate"),
    "crash": Act(_crash, "The worker dies after {0} more effect(s).", "crash"),
    "cut": Act(_cut, "The reply to the worker's commit number {0} from now is lost.", "cut commit"),
    "meet": Act(_meet, _says_meet, "two workers"),
}
FAULTS = tuple(dict.fromkeys(act.fault for act in ACTS.values() if act.fault))
