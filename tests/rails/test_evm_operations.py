"""Every operation of the EVM rail on the real contracts, and how it is told afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rail_trading import BUYER, DAY_S, FEE, FEES, PRICE, SELLER, STRANGER, Trade
from rail_world import BALANCE_MINOR, World

from entrepot.core.acts import BLOCK, FREEZE, LIFT
from entrepot.core.canonical import hex0x
from entrepot.core.chainproof import header_hash, verify_receipt
from entrepot.core.errors import Invalid, Refused, Unavailable, Unknown
from entrepot.core.passport import Act
from entrepot.rails.rail import OPERATIONS, Operation, RailEvent


def kinds(events: list[RailEvent]) -> list[str]:
    return [event.kind for event in events]


def test_a_trade_is_opened_funded_presented_and_released_with_real_coins(world: World) -> None:
    trade = world.trade()
    assert world.rail.escrow_address(trade.terms) == trade.escrow
    for operation in (trade.open(), trade.fund(), trade.present(), trade.release()):
        world.do(operation)
    told = world.told(trade)
    assert kinds(told) == ["opened", "funded", "presented", "accepted", "released", "closed"]
    funded, released = told[1], told[4]
    assert (funded.facts["amount_minor"], funded.facts["payer"]) == (str(trade.total), BUYER.address)
    assert (released.facts["amount_minor"], released.facts["fee_minor"]) == (str(PRICE), str(FEE))
    assert (released.facts["payee"], released.facts["sequence"]) == (SELLER.address, 1)
    assert all(event.is_final and event.key == f"{event.transaction}:{event.log_index}" for event in told)
    pairs = [(SELLER.address, trade.token), (trade.escrow, trade.token), (BUYER.address, trade.token)]
    assert world.rail.held_all(pairs) == [PRICE, FEE, BALANCE_MINOR - trade.total]


def test_every_kind_of_operation_is_covered_here() -> None:
    source = __import__("pathlib").Path(__file__).with_name("rail_trading.py").read_text()
    covered = {kind for kind in OPERATIONS if f'"{kind}"' in source} | {"refund", "reject"}
    assert covered == set(OPERATIONS)


def test_the_earned_fee_is_claimed_apart(world: World, funded: Trade) -> None:
    for operation in (funded.present(), funded.release(), funded.claim_fee(FEE)):
        world.do(operation)
    claimed = world.told(funded)[-1]
    assert (claimed.kind, claimed.facts["amount_minor"], claimed.facts["payee"]) == (
        "fee_claimed",
        str(FEE),
        FEES.address,
    )
    assert world.rail.held(funded.escrow, funded.token) == 0


def test_a_discrepant_presentation_is_rejected_cured_and_waived(world: World, funded: Trade) -> None:
    world.do(funded.present(text="wrong documents"))
    wrong = funded.examination(complies=False, text="wrong documents")
    world.do(funded.operation("reject_presentation", signatures=wrong))
    world.do(funded.present(round_=2))
    world.do(funded.waive(round_=2))
    world.do(funded.release(examined=[]))
    told = world.told(funded)
    assert kinds(told)[2:] == ["presented", "presentation_rejected", "presented", "waived", "released", "closed"]
    assert told[5].facts == {"documents_sha256": funded.documents(), "round": 2}


def test_a_part_is_released_and_the_rest_after(world: World, funded: Trade) -> None:
    world.do(funded.present())
    world.do(funded.release(400_000_000))
    world.do(funded.release(PRICE - 400_000_000, examined=[]))
    parts = [event.facts for event in world.told(funded) if event.kind == "released"]
    assert [part["amount_minor"] for part in parts] == ["400000000", "600000007"]
    assert sum(int(part["fee_minor"]) for part in parts) == FEE


def test_nobody_presents_and_the_buyer_is_refunded_after_the_date(world: World, funded: Trade) -> None:
    with pytest.raises(Refused, match="time to present has not passed"):
        world.rail.submit(funded.refund(funded.total))
    funded.sequence = 1  # what was refused spent no passport
    world.move_to(funded.terms.schedule.present_by + 1)
    funded.now = world.now()
    world.do(funded.refund(funded.total))
    told = world.told(funded)
    assert kinds(told)[-2:] == ["refunded", "closed"]
    assert (told[-2].facts["amount_minor"], told[-2].facts["payee"]) == (str(funded.total), BUYER.address)


def test_a_prohibited_payment_goes_back_at_once(world: World, funded: Trade) -> None:
    world.do(funded.refund(funded.total, Act.REJECT))
    assert kinds(world.told(funded))[-2:] == ["rejected", "closed"]


def test_arbiters_split_the_money_whatever_the_order_of_their_signatures(world: World, funded: Trade) -> None:
    world.do(funded.raise_dispute())
    with pytest.raises(Refused, match="escrow is disputed"):
        world.rail.submit(funded.refund(funded.total))
    funded.sequence = 1
    world.do(funded.award(500_000_000))
    world.do(funded.release(500_000_000, examined=[]))
    fee = FEE * 500_000_000 // PRICE
    world.do(funded.refund(funded.total - 500_000_000 - fee))
    told = world.told(funded)
    assert kinds(told)[2:] == ["disputed", "awarded", "released", "refunded", "closed"]
    assert told[3].facts["to_buyer_minor"] == str(funded.total - 500_000_000 - fee)


def test_a_freeze_stops_a_release_and_two_authorities_lift_it(world: World, funded: Trade) -> None:
    world.do(funded.present())
    world.do(funded.hold(FREEZE, until=world.now() + DAY_S, number=0))
    with pytest.raises(Refused, match="frozen"):
        world.rail.submit(funded.release())
    with pytest.raises(Refused, match="not ordered by those entitled"):
        world.rail.submit(funded.hold(LIFT, until=0, number=1, count=1))
    world.do(funded.hold(LIFT, until=0, number=1, count=2))
    funded.sequence = 1
    world.do(funded.release())
    held = [event.facts["hold"] for event in world.told(funded) if event.kind == "held"]
    assert held == [FREEZE, LIFT]


def test_what_is_blocked_stays_until_it_is_lifted(world: World, funded: Trade) -> None:
    world.do(funded.hold(BLOCK, until=0, number=0))
    with pytest.raises(Refused, match="blocked"):
        world.rail.submit(funded.refund(funded.total, Act.REJECT))
    world.settle()
    assert world.rail.escrow_state(funded.escrow).blocked


def test_a_refused_operation_leaves_no_transaction(world: World, opened: Trade) -> None:
    operation = opened.fund(by=STRANGER)
    with pytest.raises(Refused, match="invalid signature"):
        world.rail.submit(operation)
    assert world.rail.state_of(operation.once).name == "unknown"
    assert [entry.kind for entry in world.journal.kept.values()] == ["open"]


def test_funding_before_the_escrow_is_open_may_be_tried_again(world: World) -> None:
    trade = world.trade()
    operation = trade.fund()
    with pytest.raises(Unavailable, match="Nothing is open") as refused:
        world.rail.submit(operation)
    assert refused.value.code == "rail_not_ready"
    world.do(trade.open())
    assert world.rail.submit(operation).state == "sent"


@pytest.mark.parametrize("kind, arguments", [
    ("open", {}),
    ("open", {"seller_signature": 5, "buyer_signature": "0x"}),
    ("present", {"documents_sha256": "0x12", "seller_signature": "0x"}),
    ("award", {"to_seller_minor": True, "signatures": []}),
    ("refund", {"passport": {}}),
    ("pay_me", {}),
])  # fmt: skip
def test_a_malformed_operation_is_invalid(world: World, kind: str, arguments: dict[str, object]) -> None:
    trade = world.trade()
    with pytest.raises(Invalid) as refused:
        world.rail.submit(Operation("once", kind, trade.id, trade.terms, arguments))
    assert refused.value.code == "operation_malformed"


@pytest.mark.parametrize("size", [0, 64, 66])
def test_a_signature_of_another_length_is_refused(world: World, funded: Trade, size: int) -> None:
    with pytest.raises(Refused):
        world.rail.submit(
            funded.operation("present", documents_sha256=funded.documents(), seller_signature="0x" + "11" * size)
        )


def test_terms_of_another_factory_are_invalid(world: World) -> None:
    trade = world.trade()
    venue = replace(trade.terms.venue, factory="0x" + "11" * 20)
    elsewhere = replace(trade.open(), terms=replace(trade.terms, venue=venue))
    with pytest.raises(Invalid):
        world.rail.submit(elsewhere)


def test_a_receipt_is_proven_by_its_header(world: World, funded: Trade) -> None:
    told = world.told(funded)[-1]
    kept = world.rail.receipt(told.transaction)
    assert (kept.block_number, kept.block_hash, kept.block_time) == (
        told.block_number,
        told.block_hash,
        told.block_time,
    )
    assert hex0x(header_hash(kept.header)) == kept.block_hash
    logs = verify_receipt(kept.header, kept.index, kept.proof).logs
    assert trade_emits(funded, logs)
    with pytest.raises(Unknown):
        world.rail.receipt("0x" + "00" * 32)


def trade_emits(trade: Trade, logs: tuple[tuple[str, tuple[bytes, ...], bytes], ...]) -> bool:
    return any(address == trade.escrow for address, _, _ in logs)


def test_the_rail_reads_balances_decimals_and_state_from_final_blocks_only(world: World, opened: Trade) -> None:
    world.settle()
    world.do(opened.fund())
    assert world.rail.held(opened.escrow, opened.token) == 0
    assert world.rail.escrow_state(opened.escrow).status == 0
    world.settle()
    assert world.rail.held(opened.escrow, opened.token) == opened.total
    state = world.rail.escrow_state(opened.escrow)
    assert (state.status, state.held, state.sequence) == (1, opened.total, 1)
    assert world.rail.decimals(opened.token) == 6
    with pytest.raises(Unknown):
        world.rail.decimals(STRANGER.address)
    with pytest.raises(Unknown):
        world.rail.escrow_state(STRANGER.address)
