"""Any order of any acts: nothing created, nothing lost, nothing trapped, and the events tell the whole state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boa
import pytest
from escrow_trade import BLOCK, CLOSED, FEE, FREEZE, FUND, FUNDED, OPEN, PRESENTED, PRICE, Trade
from escrow_world import DAY_S, Reverted, World, now, sha, wait, who
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from entrepot.rails.contracts import artifact

PEOPLE = ("seller", "buyer", "fees", "stranger")
ATTESTERS = ("attester1", "attester2")
AMOUNTS = st.one_of(st.sampled_from([1, PRICE // 3, PRICE]), st.integers(1, PRICE // 2))
SPANS_S = st.sampled_from([1, DAY_S, 3 * DAY_S, 6 * DAY_S, 21 * DAY_S, 31 * DAY_S])


class Watcher:
    """What someone who knows the terms and reads the events believes."""

    def __init__(self, trade: Trade) -> None:
        self.seen: dict[str, Any] = dict.fromkeys(trade.state(), 0)
        self.seen |= {"terms_hash": trade.terms_hash, "documents_sha256": bytes(32)}
        self.seen |= {"is_awarded": False, "blocked": False}

    def read(self, logs: list[tuple[str, dict[str, Any]]]) -> None:
        for name, event in logs:
            event = dict(event)
            if "sequence" in event:
                event["sequence"] += 1
            if "blocked_at" in event:
                event["blocked"] = event["blocked_at"] != 0
            getattr(self, f"_{name.lower()}")(event)

    def _take(self, event: dict[str, Any], *fields: str) -> None:
        self.seen |= {name: event[name] for name in fields}

    def _funded(self, event: dict[str, Any]) -> None:
        self._take(event, "present_until", "sequence")
        self.seen |= {"status": FUNDED, "held": event["price"] + event["fee"]}

    def _presented(self, event: dict[str, Any]) -> None:
        self._take(event, "documents_sha256", "round", "presented_at", "examine_until")
        self.seen["status"] = PRESENTED

    def _discrepant(self, event: dict[str, Any]) -> None:
        self._take(event, "present_until")
        self.seen |= {"status": FUNDED, "examine_until": 0}

    def _accepted(self, event: dict[str, Any]) -> None:
        self.seen |= {"status": PRESENTED, "accepted_round": event["round"]}

    def _released(self, event: dict[str, Any]) -> None:
        self._take(event, "held", "sequence")
        self.seen["released"] += event["amount"]
        self.seen["fee_claimable"] += event["fee_earned"]

    def _refunded(self, event: dict[str, Any]) -> None:
        self._take(event, "held", "sequence")
        self.seen["refunded"] += event["amount"]

    def _feepaid(self, event: dict[str, Any]) -> None:
        self._take(event, "held", "sequence")
        self.seen["fee_paid"] += event["amount"]
        self.seen["fee_claimable"] -= event["amount"]

    def _returned(self, event: dict[str, Any]) -> None:
        self._take(event, "sequence")

    def _closed(self, event: dict[str, Any]) -> None:
        self._take(event, "released", "refunded", "fee_claimable")
        self.seen["status"] = CLOSED

    def _disputed(self, event: dict[str, Any]) -> None:
        self._take(event, "disputed_until", "present_until", "examine_until")

    def _awarded(self, event: dict[str, Any]) -> None:
        self.seen |= {"is_awarded": True, "awarded_to_seller": event["to_seller"]}

    def _held(self, event: dict[str, Any]) -> None:
        self._take(event, "frozen_until", "blocked", "present_until", "examine_until", "disputed_until")
        self.seen["hold_number"] = event["number"] + 1


class AnyOrder(RuleBasedStateMachine):
    """Every act is tried at any time; a refusal changes nothing."""

    world: World
    reached: set[str]

    @initialize(pays=st.sampled_from([True, True, True, False]))
    def begin(self, pays: bool) -> None:
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.trade = Trade(self.world)
        self.watcher = Watcher(self.trade)
        self.trade.supply()
        self.minted = self.trade.total
        self.documents = 0
        if pays:
            self.fund()

    def teardown(self) -> None:
        if not hasattr(self, "anchor"):
            return
        try:
            self._nothing_is_trapped()
        finally:
            self.anchor.__exit__(None, None, None)

    @rule()
    def fund(self) -> None:
        passport = self.trade.passport(FUND, self.trade.escrow.address, self.trade.total)
        self._try(lambda: self.trade.act("fund", *passport, by="buyer"))

    @rule(amount=AMOUNTS)
    def pay_by_mistake(self, amount: int) -> None:
        self.trade.token("mint", self.trade.escrow.address, amount)
        self.minted += amount

    @rule(step=st.sampled_from(["present", "present", "present", "find_discrepant", "waive"]))
    def handle_documents(self, step: str) -> None:
        self.documents += 1
        documents = (sha(f"documents {self.documents}"),) if step == "present" else ()
        self._try(lambda: getattr(self.trade, step)(*documents))

    @rule(amount=AMOUNTS, attesters=st.sampled_from([(), ATTESTERS]))
    def release(self, amount: int, attesters: tuple[str, ...]) -> None:
        self._try(lambda: self.trade.release(amount, attesters))

    @rule()
    def refund(self) -> None:
        self._try(self.trade.refund)

    @rule(all_of_it=st.booleans())
    def claim_fee(self, all_of_it: bool) -> None:
        self._try(lambda: self.trade.claim_fee(None if all_of_it else 1))

    @rule(amount=AMOUNTS)
    def return_payment(self, amount: int) -> None:
        self._try(lambda: self.trade.give_back(who("stranger"), amount))

    @rule(by=st.sampled_from(["seller", "buyer", "stranger"]), to_seller=st.integers(0, PRICE))
    def quarrel(self, by: str, to_seller: int) -> None:
        self._try(
            lambda: self.trade.award(to_seller) if self.trade.escrow("disputed_until") else self.trade.dispute(by)
        )

    @rule(kind=st.sampled_from(["freeze", "freeze", "block", "reject"]), span_s=SPANS_S)
    def stop(self, kind: str, span_s: int) -> None:
        acts: dict[str, Callable[[], Any]] = {
            "freeze": lambda: self.trade.freeze(span_s),
            "block": lambda: self.trade.hold(BLOCK),
            "reject": self.trade.reject,
        }
        self._try(acts[kind])

    @rule()
    def lift(self) -> None:
        """What lies on top: of a block over a freeze the freeze stays."""
        state = self.trade.state()
        self._try(lambda: self.trade.lift(state["frozen_until"] if state["blocked"] else 0))

    @rule(span_s=SPANS_S)
    def wait(self, span_s: int) -> None:
        wait(span_s)

    @invariant()
    def nothing_is_created_or_lost(self) -> None:
        state, trade = self.trade.state(), self.trade
        assert sum(trade.balance(name) for name in PEOPLE) + trade.held() == self.minted
        assert trade.held() >= state["held"]
        paid_in = 0 if state["status"] == OPEN else PRICE + FEE
        assert state["held"] == paid_in - state["released"] - state["fee_paid"] - state["refunded"]
        assert state["fee_claimable"] + state["fee_paid"] == FEE * state["released"] // PRICE
        assert (trade.balance("seller"), trade.balance("fees")) == (state["released"], state["fee_paid"])
        assert trade.balance("buyer") == PRICE + FEE - paid_in + state["refunded"]
        assert state["released"] <= PRICE
        closed = state["status"] == CLOSED
        assert closed == (state["status"] != OPEN and state["held"] == state["fee_claimable"])

    @invariant()
    def the_events_tell_the_state(self) -> None:
        assert self.watcher.seen == self.trade.state()

    def _try(self, act: Callable[[], Any]) -> None:
        before = self.trade.state()
        stopped = before["blocked"] or now() <= before["frozen_until"]
        try:
            act()
        except Reverted as refusal:
            assert str(refusal), "a refusal without a reason"
            assert self.trade.state() == before
            return
        self.watcher.read(self.trade.escrow.logs)
        self.reached |= {name for name, _ in self.trade.escrow.logs}
        after = self.trade.state()
        assert not stopped or after["sequence"] == before["sequence"], "money moved under an order"

    def _nothing_is_trapped(self) -> None:
        """Whatever happened, and with all parties silent from now on, passports alone bring every coin out."""
        trade = self.trade
        if trade.state()["blocked"]:
            trade.lift()  # a block ends only by its authorities
        wait(500 * DAY_S)
        state = trade.state()
        if state["is_awarded"]:
            if state["status"] != CLOSED and state["released"] < state["awarded_to_seller"]:
                trade.release(state["awarded_to_seller"] - state["released"])
            if trade.state()["status"] != CLOSED:
                trade.refund()
        elif state["status"] == PRESENTED:
            trade.release(PRICE - state["released"])
        elif state["status"] == FUNDED:
            trade.refund()
        if trade.escrow("fee_claimable"):
            trade.claim_fee()
        if trade.held():
            trade.give_back(who("stranger"), trade.held())
        assert trade.held() == trade.escrow("held") == 0
        assert trade.state()["status"] in (OPEN, CLOSED)


def test_any_order_of_acts_keeps_the_invariants(world: World) -> None:
    machine = type("AnyOrderHere", (AnyOrder,), {"world": world, "reached": set()})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
    events = {item["name"] for item in artifact("TradeEscrow")["abi"] if item["type"] == "event"}
    assert machine.reached == events, "the stories are too dull to prove anything"


@pytest.mark.parametrize("kind", [FREEZE, BLOCK])
def test_the_watcher_follows_an_order_and_its_end(presented: Trade, kind: int) -> None:
    presented.hold(kind, now() + DAY_S if kind == FREEZE else 0)
    assert presented.escrow.logs[0][1]["examine_until"] == presented.escrow("examine_until")
    presented.lift()
    assert presented.escrow.logs[0][1]["kind"] == 3
