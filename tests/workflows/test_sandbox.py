"""Faults on purpose: each does what it says, ends by itself, and neither skips a check nor pays anybody."""

from __future__ import annotations

import dataclasses
import time

import pytest
from trading_house import House
from trading_sale import sale

from entrepot.core.errors import Unavailable
from entrepot.core.lifecycle import State
from entrepot.workflows.chain import observe
from entrepot.workflows.engineers import sandbox
from entrepot.workflows.engineers.sandbox import FAULTS, PAYMENTS
from entrepot.workflows.step.answers import ENGINEER_MAY
from entrepot.workflows.work import HANDLERS, step

pytestmark = pytest.mark.slow


def start(house: House, kind: str, by: str = "seller", **body: object) -> str:
    """A fault that the worker knows of."""
    made = house.ask("start_fault", by, {"kind": kind, **body})["fault"]
    sandbox.refresh(house.ctx)
    return str(made)


def end(house: House, fault: str) -> None:
    """Ends it by hand."""
    house.ask("end_fault", "seller", {"fault": fault})
    sandbox.refresh(house.ctx)


def test_a_node_that_is_down_gives_no_answer_and_comes_back_by_itself(house: House) -> None:
    start(house, "node_down", lasts_s=1)
    with pytest.raises(Unavailable, match="simulated"):
        observe.watch(house.ctx)
    time.sleep(1.2)
    sandbox.refresh(house.ctx)
    observe.watch(house.ctx)
    with house.store.work() as tx:
        (act,) = tx.sandbox.newest(kind="node_down")
    assert act.ended_at == act.ends_at and act.told == "over"


def test_a_lost_reply_after_broadcast_pays_once_all_the_same(house: House) -> None:
    trade = sale(house).propose().agree()
    before = house.tokens(house.people["buyer"].address)
    start(house, "reply_lost", lasts_s=60)
    trade.fund()
    assert before - house.tokens(house.people["buyer"].address) == trade.one.total_minor
    trade.is_sound("funded")
    sandbox.refresh(house.ctx)
    with house.store.work() as tx:
        (act,) = tx.sandbox.newest(kind="reply_lost")
    assert "lost" in act.told and act.ended_at is not None


def test_lists_that_seem_old_stop_decisions_and_never_make_one(house: House) -> None:
    trade = sale(house).propose()
    fault = start(house, "stale_lists", lasts_s=60)
    trade.agree()
    assert trade.one.state is State.AGREED and "referred" not in house.kinds(trade.id)
    end(house, fault)
    house.pass_time(60)
    assert trade.one.state is State.CLEARED


def test_a_paused_worker_takes_nothing_until_the_pause_is_over(house: House) -> None:
    start(house, "worker_paused", lasts_s=1)
    item = house.put("quote", house.people["seller"], {"currency": "USD", "amount": "5"})
    assert step(house.ctx) == 0
    time.sleep(1.2)
    sandbox.refresh(house.ctx)
    assert house.answer(item)["status"] == 200


@pytest.mark.parametrize("kind", PAYMENTS)
def test_a_payment_on_purpose_is_recorded_beside_the_trade_and_nobody_is_paid(house: House, kind: str) -> None:
    trade = sale(house).propose().agree()
    wallets = [house.people[name].address for name in ("seller", "buyer")]
    held, before = [house.tokens(one) for one in wallets], trade.one
    start(house, kind, settlement=trade.id)
    house.run()
    assert [house.tokens(one) for one in wallets] == held
    assert (trade.one.state, trade.one.funded_minor) == (before.state, 0)
    assert house.kinds(trade.id).count("mispaid") == 1
    trade.is_sound("cleared")


def test_a_payment_into_anothers_trade_or_before_there_is_an_escrow_is_refused(new_house: object) -> None:
    house: House = new_house("seller", "buyer", "namesake")  # type: ignore[operator]
    trade = sale(house).propose()
    body = {"kind": "overpayment", "settlement": trade.id}
    assert house.refusal("start_fault", "namesake", body) == "not_found"
    assert house.refusal("start_fault", "seller", {"kind": "all_pass"}) == "malformed"
    assert house.refusal("start_fault", "seller", {"kind": "node_down", "lasts_s": 9999}) == "malformed"
    assert house.refusal("start_fault", "seller", {"kind": "reorganisation", "depth": 3}) == "malformed"
    assert house.refusal("start_fault", "officer-1", {"kind": "node_down"}) == "not_allowed"


def test_another_chain_refuses_the_sandbox_by_its_id(house: House) -> None:
    here = house.ctx.venue
    house.ctx.venue = dataclasses.replace(here, chain_id=1)
    for kind in FAULTS:
        assert house.refusal("start_fault", "seller", {"kind": kind}) == "sandbox_only"
    assert house.refusal("advance_clock", "seller", {"advance_s": 1}) == "sandbox_only"
    house.ctx.venue = here


def test_who_moved_the_clock_is_known(house: House) -> None:
    house.ask("advance_clock", "seller", {"advance_s": 7})
    with house.store.work() as tx:
        newest = tx.sandbox.newest(kind="clock")[0]
    assert newest.body["advance_s"] == 7 and newest.person == house.people["seller"].id and newest.by_name


def test_a_reorganisation_undoes_nothing_that_is_final(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    start(house, "reorganisation", depth=1)
    house.run()
    trade.present().examine(complies=True)
    trade.is_sound("released")


def test_an_engineer_proposes_and_reads_and_does_no_other_act(house: House) -> None:
    house.join("engineer", house.people["seller"].participant, "engineer")
    trade = dataclasses.replace(sale(house), seller="seller")
    trade.propose()
    for kind in sorted(set(HANDLERS) - ENGINEER_MAY):
        assert house.refusal(kind, "engineer", {}, trade.id) == "not_allowed", kind
    acts = {"sign", "withdraw", "fund", "present", "waive", "dispute", "add_wallet", "confirm_change", "admit"}
    assert not acts & ENGINEER_MAY
