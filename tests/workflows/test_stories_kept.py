"""Stories in which everybody keeps the terms, and those that the checks stop before any money moves."""

from __future__ import annotations

from trading_house import House
from trading_sale import sale

from entrepot.core.lifecycle import State


def test_clean_sale_pays_the_seller_once(house: House) -> None:
    trade = sale(house).propose()
    assert trade.sign("seller") == "quoted"
    assert trade.sign("buyer") == "cleared"
    house.run()
    before = house.tokens(house.people["seller"].address)
    trade.fund().is_sound(State.FUNDED)
    trade.present().is_sound(State.PRESENTED)
    trade.examine(complies=True).is_sound(State.RELEASED)
    one = trade.one
    assert house.tokens(house.people["seller"].address) - before == one.price_minor
    assert house.books(trade.id) == {"escrow": 0, "fee_due": one.fee_minor, "pending": 0}
