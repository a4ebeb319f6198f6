"""Money that reaches an escrow another way: it never funds, is told with its origin, and goes back only by two keys."""

from __future__ import annotations

import pytest
from rail_trading import BUYER, PASSPORTS, PRICE, STRANGER, Trade
from rail_world import World

from entrepot.core.errors import Refused
from entrepot.core.passport import Act
from entrepot.rails.development import Deployer, deploy_token, mint


def mispaid(world: World, trade: Trade) -> list[tuple[str, str, str]]:
    """(token, origin, amount) of each mispayment told."""
    told = [event.facts for event in world.told(trade) if event.kind == "mispaid"]
    return [(facts["token"], facts["origin"], facts["amount_minor"]) for facts in told]


def test_a_bare_transfer_by_the_buyer_never_funds(world: World, opened: Trade) -> None:
    world.pay(opened.token, opened.escrow, opened.total, by=BUYER.address)
    assert mispaid(world, opened) == [(opened.token, BUYER.address, str(opened.total))]
    state = world.rail.escrow_state(opened.escrow)
    assert (state.status, state.held) == (0, 0)
    assert world.rail.held(opened.escrow, opened.token) == opened.total


@pytest.mark.parametrize("amount", [1, 10**9, 10**10])
def test_a_strangers_money_is_told_with_its_origin_and_is_no_part_of_the_trade(
    world: World, funded: Trade, amount: int
) -> None:
    mint(world.node, funded.token, STRANGER.address, amount)
    world.pay(funded.token, funded.escrow, amount, by=STRANGER.address)
    assert mispaid(world, funded) == [(funded.token, STRANGER.address, str(amount))]
    assert world.rail.escrow_state(funded.escrow).held == funded.total
    assert world.rail.held(funded.escrow, funded.token) == funded.total + amount


def test_another_token_is_told_as_what_it_is(world: World, funded: Trade) -> None:
    other = deploy_token(Deployer(world.node))
    mint(world.node, other, STRANGER.address, 77)
    world.pay(other, funded.escrow, 77, by=STRANGER.address)
    assert mispaid(world, funded) == [(other, STRANGER.address, "77")]


def test_the_fundings_own_transfer_is_no_mispayment_and_a_second_one_of_the_same_amount_is(
    world: World, funded: Trade
) -> None:
    assert mispaid(world, funded) == []
    world.pay(funded.token, funded.escrow, funded.total, by=BUYER.address)
    assert mispaid(world, funded) == [(funded.token, BUYER.address, str(funded.total))]


def test_a_payment_to_an_address_that_is_not_open_yet_is_told_if_it_is_watched(world: World) -> None:
    trade = world.trade()
    world.pay(trade.token, trade.escrow, 9, by=BUYER.address)
    world.settle()
    assert world.rail.observe(None).events == ()
    (event,) = world.rail.observe(None, watch={trade.escrow}).events
    assert (event.kind, event.facts["amount_minor"]) == ("mispaid", "9")


def test_a_mispayment_goes_back_to_its_origin_by_two_keys_and_not_by_one(world: World, funded: Trade) -> None:
    mint(world.node, funded.token, STRANGER.address, 500)
    world.pay(funded.token, funded.escrow, 500, by=STRANGER.address)
    passport = funded.passport(Act.RETURN, STRANGER.address, 500)
    alone = funded.operation("return_payment", token=funded.token, to=STRANGER.address, amount_minor="500",
                             passport=funded.signed(passport, PASSPORTS[0]))  # fmt: skip
    with pytest.raises(Refused, match="not duly signed"):
        world.rail.submit(alone)
    funded.sequence = 1
    world.do(funded.return_payment(funded.token, STRANGER.address, 500))
    returned = world.told(funded)[-1]
    assert (returned.kind, returned.facts["payee"], returned.facts["amount_minor"]) == (
        "returned",
        STRANGER.address,
        "500",
    )
    assert world.rail.held_all([(STRANGER.address, funded.token), (funded.escrow, funded.token)]) == [500, funded.total]


def test_the_trades_own_money_cannot_be_returned(world: World, funded: Trade) -> None:
    with pytest.raises(Refused, match="more than the surplus"):
        world.rail.submit(funded.return_payment(funded.token, BUYER.address, 1))


def test_a_trade_with_a_mispayment_is_still_released(world: World, funded: Trade) -> None:
    world.pay(funded.token, funded.escrow, 3, by=BUYER.address)
    world.do(funded.present())
    world.do(funded.release())
    world.settle()
    assert world.rail.held(funded.escrow, funded.token) == funded.total - PRICE + 3
