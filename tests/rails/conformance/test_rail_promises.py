"""What every rail promises, on each rail. Beside each yes, the nearest no."""

from __future__ import annotations

import pytest
from rail_grounds import EvmGround, Ground, SimulatedGround, told
from rail_trading import BUYER, DAY_S, FEE, PRICE, SELLER, STRANGER, Trade

from entrepot.core.acts import BLOCK, FREEZE, LIFT
from entrepot.core.canonical import hex0x
from entrepot.core.chainproof import header_hash, verify_receipt
from entrepot.core.errors import Invalid, Refused, Unavailable, Unknown
from entrepot.core.passport import Act
from entrepot.rails.rail import EVENT_KINDS, Operation, RailEvent
from entrepot.rails.simulated import Faults

CODES = {"rail_refused", "rail_not_ready", "operation_malformed"}


def kinds(events: list[RailEvent]) -> list[str]:
    return [event.kind for event in events]


@pytest.fixture
def funded(ground: Ground) -> Trade:
    trade = ground.trade()
    ground.do(trade.open())
    ground.do(trade.fund())
    return trade


def test_the_escrows_address_is_known_before_it_is_opened(ground: Ground) -> None:
    trade = ground.trade()
    address = ground.rail.escrow_address(trade.terms)
    ground.do(trade.open())
    (opened,) = told(ground)
    assert (opened.kind, opened.escrow, opened.facts["settlement"]) == ("opened", address, trade.id)
    assert ground.rail.escrow_address(ground.trade().terms) != address


def test_a_trade_is_paid(ground: Ground, funded: Trade) -> None:
    for operation in (funded.present(), funded.release(), funded.claim_fee(FEE)):
        ground.do(operation)
    events = told(ground)
    assert kinds(events) == ["opened", "funded", "presented", "accepted", "released", "closed", "fee_claimed"]
    assert set(kinds(events)) <= set(EVENT_KINDS)
    assert ground.rail.held_all([(SELLER.address, funded.token), (funded.escrow, funded.token)]) == [PRICE, 0]
    state = ground.rail.escrow_state(funded.escrow)
    assert (state.status, state.released, state.fee_paid, state.held, state.sequence) == (3, PRICE, FEE, 0, 3)


def test_both_rails_tell_the_same_facts(ground: Ground, funded: Trade) -> None:
    """Names and figures of the facts of a release, which workflows read."""
    ground.do(funded.present())
    ground.do(funded.release(PRICE - 1))
    released = next(event for event in told(ground) if event.kind == "released")
    assert set(released.facts) == {"amount_minor", "fee_minor", "payee", "token", "held_minor", "documents_sha256",
                                   "round", "sequence", "decision_sha256"}  # fmt: skip
    fee = FEE * (PRICE - 1) // PRICE
    assert (released.facts["amount_minor"], released.facts["fee_minor"]) == (str(PRICE - 1), str(fee))
    assert released.facts["held_minor"] == str(FEE + 1)


def test_once_is_once(ground: Ground, funded: Trade) -> None:
    ground.do(funded.present())
    release = funded.release()
    first = ground.rail.submit(release)
    assert ground.rail.submit(release).hash == first.hash
    assert kinds(told(ground)).count("released") == 1
    assert ground.rail.submit(release).hash == first.hash
    assert kinds(told(ground)).count("released") == 1
    assert ground.rail.held(SELLER.address, funded.token) == PRICE


def test_a_passport_is_spent_once_whatever_the_once(ground: Ground, funded: Trade) -> None:
    ground.do(funded.present())
    part = funded.release(100)
    ground.do(part)
    again = Operation("another once", part.kind, part.settlement, part.terms, part.arguments)
    with pytest.raises(Refused, match="out of turn") as refused:
        ground.rail.submit(again)
    assert refused.value.code == "rail_refused"


def test_an_operation_goes_from_unknown_to_final(ground: Ground) -> None:
    operation = ground.trade().open()
    assert ground.rail.state_of(operation.once).name == "unknown"
    ground.do(operation)
    mined = ground.rail.state_of(operation.once)
    assert (mined.name, mined.has_ended) == ("mined", False)
    ground.settle()
    final = ground.rail.state_of(operation.once)
    assert (final.name, final.transaction, final.has_ended) == ("final", mined.transaction, True)
    assert ground.rail.tend() == 0


def test_what_is_not_final_is_not_told_and_not_counted(ground: Ground) -> None:
    trade = ground.trade()
    ground.do(trade.open())
    ground.settle()
    cursor = ground.rail.observe(None).cursor
    ground.do(trade.fund())
    assert [event for event in ground.rail.observe(cursor).events if event.is_final] == []
    assert ground.rail.held(trade.escrow, trade.token) == 0
    assert kinds(told(ground, cursor)) == ["funded"]
    assert ground.rail.held(trade.escrow, trade.token) == trade.total


def test_the_cursor_goes_on_where_it_stands(ground: Ground, funded: Trade) -> None:
    ground.settle()
    observed = ground.rail.observe(None)
    assert kinds(list(observed.events)) == ["opened", "funded"]
    assert ground.rail.observe(observed.cursor).events == ()
    ground.do(funded.present())
    assert kinds(told(ground, observed.cursor)) == ["presented"]
    assert observed.cursor.final_time <= ground.rail.final().time


def test_a_reorganisation_changes_no_fact(ground: Ground) -> None:
    trade = ground.trade()
    ground.do(trade.open())
    ground.settle()
    cursor = ground.rail.observe(None).cursor
    funding = trade.fund()
    ground.do(funding)
    ground.reorganise()
    assert ground.rail.state_of(funding.once).name == "sent"
    ground.rail.tend()
    if isinstance(ground, EvmGround):
        ground.resume()
    assert kinds(told(ground, cursor)) == ["funded"]
    assert ground.rail.held(trade.escrow, trade.token) == trade.total


def test_every_receipt_is_proven(ground: Ground, funded: Trade) -> None:
    ground.do(funded.present())
    for event in told(ground):
        kept = ground.rail.receipt(event.transaction)
        assert hex0x(header_hash(kept.header)) == kept.block_hash == event.block_hash
        assert kept.block_time == event.block_time
        logs = verify_receipt(kept.header, kept.index, kept.proof).logs
        assert any(address in (event.escrow, ground.rail.domain.contract) for address, _, _ in logs)
    with pytest.raises(Invalid):
        verify_receipt(kept.header, kept.index + 1, kept.proof)
    with pytest.raises(Unknown):
        ground.rail.receipt("0x" + "11" * 32)


def test_a_bare_transfer_never_funds(ground: Ground) -> None:
    trade = ground.trade()
    ground.do(trade.open())
    ground.pay(trade, trade.total)
    mispaid = told(ground)[-1]
    assert mispaid.kind == "mispaid"
    assert mispaid.facts == {"token": trade.token, "origin": BUYER.address, "amount_minor": str(trade.total)}
    assert ground.rail.escrow_state(trade.escrow).status == 0
    ground.do(trade.fund())
    assert kinds(told(ground)).count("mispaid") == 1


def test_a_payment_ahead_of_the_opening_is_told_to_who_watches(ground: Ground) -> None:
    trade = ground.trade()
    ground.pay(trade, 7)
    assert told(ground) == []
    assert kinds(told(ground, watch={trade.escrow})) == ["mispaid"]


def test_a_mispayment_goes_back(ground: Ground, funded: Trade) -> None:
    ground.pay(funded, 500)
    ground.do(funded.return_payment(funded.token, BUYER.address, 500))
    assert kinds(told(ground))[-2:] == ["mispaid", "returned"]
    assert ground.rail.held(funded.escrow, funded.token) == funded.total
    with pytest.raises(Refused, match="more than the surplus"):
        ground.rail.submit(funded.return_payment(funded.token, BUYER.address, 1))


def test_expiry_refunds_the_buyer_and_not_a_second_before(ground: Ground, funded: Trade) -> None:
    with pytest.raises(Refused, match="time to present has not passed"):
        ground.rail.submit(funded.refund(funded.total))
    funded.sequence = 1
    ground.move_to(funded.terms.schedule.present_by + 1)
    funded.now = funded.terms.schedule.present_by + 1
    ground.do(funded.refund(funded.total))
    assert kinds(told(ground))[-2:] == ["refunded", "closed"]


def test_a_dispute_is_awarded(ground: Ground, funded: Trade) -> None:
    ground.do(funded.raise_dispute(SELLER))
    ground.do(funded.award(0))
    ground.do(funded.refund(funded.total))
    assert kinds(told(ground))[2:] == ["disputed", "awarded", "refunded", "closed"]


def test_holds_stop_and_lift(ground: Ground, funded: Trade) -> None:
    ground.do(funded.hold(FREEZE, until=funded.now + DAY_S, number=0))
    with pytest.raises(Refused, match="frozen"):
        ground.rail.submit(funded.refund(funded.total, Act.REJECT))
    ground.do(funded.hold(LIFT, until=0, number=1, count=2))
    ground.do(funded.hold(BLOCK, until=0, number=2))
    funded.sequence = 1
    with pytest.raises(Refused, match="blocked"):
        ground.rail.submit(funded.refund(funded.total, Act.REJECT))
    ground.do(funded.hold(LIFT, until=0, number=3, count=2))
    funded.sequence = 1
    ground.do(funded.refund(funded.total, Act.REJECT))
    assert kinds(told(ground))[2:] == ["held", "held", "held", "held", "rejected", "closed"]


def test_a_block_lifted_from_a_freeze_leaves_it(ground: Ground, funded: Trade) -> None:
    until = funded.now + DAY_S
    ground.do(funded.hold(FREEZE, until=until, number=0))
    ground.do(funded.hold(BLOCK, until=0, number=1))
    with pytest.raises(Refused, match="lengthens no freeze"):
        ground.rail.submit(funded.hold(LIFT, until=until + 1, number=2, count=2))
    ground.do(funded.hold(LIFT, until=until, number=2, count=2))
    state = ground.rail.escrow_state(funded.escrow)
    assert (state.blocked, state.frozen_until) == (False, until)
    with pytest.raises(Refused, match="frozen"):
        ground.rail.submit(funded.refund(funded.total, Act.REJECT))


def test_discrepant_documents_are_cured_and_waived(ground: Ground, funded: Trade) -> None:
    for operation in (funded.present(), funded.reject_presentation(), funded.present(2), funded.waive(2)):
        ground.do(operation)
    ground.do(funded.release(examined=[]))
    assert kinds(told(ground))[2:] == [
        "presented",
        "presentation_rejected",
        "presented",
        "waived",
        "released",
        "closed",
    ]


def test_nobody_else_signs(ground: Ground, funded: Trade) -> None:
    ground.do(funded.present())
    amount = funded.signed(funded.passport(Act.RELEASE, SELLER.address, PRICE), STRANGER)
    forged = funded.operation("release", amount_minor=str(PRICE), passport=amount,
                              examination_signatures=funded.examination(complies=True))  # fmt: skip
    with pytest.raises(Refused, match="not duly signed"):
        ground.rail.submit(forged)


def test_errors_are_typed_and_leave_nothing(ground: Ground) -> None:
    trade = ground.trade()
    with pytest.raises(Unavailable) as early:
        ground.rail.submit(trade.fund())
    with pytest.raises(Invalid) as malformed:
        ground.rail.submit(trade.operation("open"))
    with pytest.raises(Invalid) as unheard_of:
        ground.rail.submit(trade.operation("pay_me"))
    assert {early.value.code, malformed.value.code, unheard_of.value.code} <= CODES
    assert ground.rail.tend() == 0 and told(ground) == []


def test_a_node_that_is_down_is_unavailable_and_nothing_is_lost(ground: Ground) -> None:
    trade = ground.trade()
    operation = trade.open()
    with ground.down():
        for attempt in (lambda: ground.rail.submit(operation), lambda: ground.rail.observe(None), ground.rail.final):
            with pytest.raises(Unavailable):
                attempt()
    ground.do(operation)
    assert kinds(told(ground)) == ["opened"]


def test_the_rail_says_what_it_is(ground: Ground) -> None:
    rail = ground.rail
    assert rail.name in ("evm", "simulated")
    assert ("simulated" in rail.finality) == (rail.name == "simulated")
    assert rail.chain == f"eip155:{rail.domain.chain_id}"
    assert rail.decimals(ground.trade().token) == 6
    with pytest.raises(Unknown):
        rail.decimals(STRANGER.address)
    with pytest.raises(Unknown):
        rail.escrow_state(STRANGER.address)


def test_under_every_fault_at_once_each_trade_is_paid_once(seed: int) -> None:
    """Lost replies, delays, duplicates and reorganisations by the seed, on the simulated rail."""
    ground = SimulatedGround(seed, Faults(lost_reply_pct=40, delay_pct=30, duplicate_pct=50))
    trades = [ground.trade() for _ in range(5)]
    for round_ in range(4):
        for trade in trades:
            operation = (trade.open, trade.fund, trade.present, trade.release)[round_]()
            insist(ground, operation)
            if ground.rail.random.randrange(3) == 0:
                ground.rail.reorganise(1)
        until_final(ground)
    events = told(ground)
    assert kinds(events).count("released") == kinds(events).count("funded") == len(trades)
    assert ground.rail.held(SELLER.address, trades[0].token) == PRICE * len(trades)


def insist(ground: SimulatedGround, operation: Operation) -> None:
    """The same `once` again and again until there is an answer."""
    for _ in range(50):
        try:
            ground.rail.submit(operation)
            ground.rail.mine()
            return
        except Unavailable:
            ground.rail.mine()
    raise AssertionError("never answered")


def until_final(ground: SimulatedGround) -> None:
    for _ in range(200):
        if ground.rail.tend() == 0:
            return
        ground.rail.mine()
    raise AssertionError("never final")
