"""What each act of an ordinary trade costs in gas; printed, and bounded so that a jump is seen."""

from __future__ import annotations

from escrow_trade import FUND, Trade
from escrow_world import World, now, who


def test_gas_of_an_ordinary_trade(world: World) -> None:
    trade = Trade(world, attesters=[who("attester1")], attesters_required=1)
    spent = {"open": world.factory.gas}
    trade.token("mint", who("buyer"), trade.total)
    passport = trade.passport(FUND, trade.escrow.address, trade.total)
    signed = trade.authorisation(trade.total)
    trade.act("fund_with_authorization", *passport, 0, 0, now() + 3600, signed)
    spent["fund"] = trade.escrow.gas
    trade.present()
    spent["present"] = trade.escrow.gas
    trade.release(attesters=("attester1",))
    spent["release"] = trade.escrow.gas
    trade.claim_fee()
    spent["claim_fee"] = trade.escrow.gas
    print("\n" + "\n".join(f"{act:>10} {gas:>8,} gas" for act, gas in spent.items()))
    assert all(
        gas < limit for gas, limit in zip(spent.values(), (190_000, 260_000, 200_000, 240_000, 150_000), strict=True)
    )
