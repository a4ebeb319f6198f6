"""Money that reached an escrow in another way: recorded, never counted, and returned to its origin by two persons."""

from __future__ import annotations

import pytest
from plays import OFFICERS
from trading_house import STRANGER, TOKEN, House
from trading_sale import sale

from entrepot.core.canonical import hex0x
from entrepot.core.crypto import secp256k1_address
from entrepot.rails import development

CASES = """
    buyer    | cleared  | settlement token
    stranger | cleared  | settlement token
    buyer    | funded   | settlement token
    stranger | funded   | another token
    stranger | released | settlement token
"""
ROWS = [tuple(cell.strip() for cell in row.split("|")) for row in CASES.strip().splitlines()]


def bare_transfer(house: House, by: str, to: str, amount_minor: int, token: str) -> None:
    """A transfer from somebody's own wallet, which the node is made to send."""
    development.mint(house.node, token, by, amount_minor)
    house.node.call("anvil_impersonateAccount", by)
    development.give_gas(house.node, by)
    data = hex0x(TOKEN.call("transfer", to, amount_minor))
    house.node.call("eth_sendTransaction", {"from": by, "to": token, "data": data})
    house.node.call("anvil_stopImpersonatingAccount", by)
    house.run()


def another_token(house: House) -> str:
    """A second token contract, which no trade is settled in."""
    return development.deploy_token(development.Deployer(house.node))


@pytest.mark.parametrize(("who", "when", "which"), ROWS)
def test_a_bare_transfer_never_funds_and_goes_back_to_its_origin_by_two(
    house: House, who: str, when: str, which: str
) -> None:
    trade = sale(house).propose().agree()
    if when != "cleared":
        trade.fund()
    if when == "released":
        trade.present().examine(complies=True)
    sender = house.people["buyer"].address if who == "buyer" else secp256k1_address(STRANGER)
    token = house.deployment.token.address if which == "settlement token" else another_token(house)
    amount = trade.one.total_minor  # exactly what is due, and yet it does not fund
    before, had = trade.one, house.tokens(sender, token)
    bare_transfer(house, sender, before.escrow, amount, token)
    trade.is_sound(when)
    assert (trade.one.funded_minor, trade.one.held_minor) == (before.funded_minor, before.held_minor)
    (mispaid,) = [entry.event for entry in house.events(trade.id) if entry.event.kind == "mispaid"]
    assert mispaid.facts["origin"].endswith(sender) and mispaid.facts["amount_minor"] == str(amount)
    assert house.mispaid(trade.id, token) == amount

    body = {"settlement": trade.id, "transaction": mispaid.facts["transaction"]}
    house.four_eyes("return_payment", body, by=OFFICERS)
    house.run()
    trade.is_sound(when)
    assert house.mispaid(trade.id, token) == 0
    assert house.tokens(before.escrow, token) == before.held_minor * (which == "settlement token") + (
        before.fee_accrued_minor if which == "settlement token" else 0
    )
    assert house.tokens(sender, token) == had + amount  # it was minted to the sender just before
    again = house.ask("propose_change", OFFICERS[0], {"subject": "return_payment", "body": body, "reason": "twice"})
    assert house.refusal("confirm_change", OFFICERS[1], {"change": again["change"]}) == "nothing_mispaid"


def test_a_payment_of_a_listed_wallet_is_not_returned(house: House) -> None:
    trade = sale(house).propose().agree()
    sender, token = secp256k1_address(STRANGER), house.deployment.token.address
    bare_transfer(house, sender, trade.one.escrow, 5_000_000, token)
    house.follow_list({"id": "W-1", "schema": "wallet", "wallets": [{"asset": "USDC", "address": sender}]})
    (mispaid,) = [entry.event for entry in house.events(trade.id) if entry.event.kind == "mispaid"]
    body = {"settlement": trade.id, "transaction": mispaid.facts["transaction"]}
    change = house.ask("propose_change", OFFICERS[0], {"subject": "return_payment", "body": body, "reason": "back"})
    assert house.refusal("confirm_change", OFFICERS[1], {"change": change["change"]}) == "not_cleared"
    assert house.mispaid(trade.id, token) == 5_000_000


def test_the_fee_is_claimed_once_and_by_the_operator_only(house: House) -> None:
    trade = sale(house).propose().agree().fund()
    assert house.refusal("claim_fee", "operator-1", {}, trade.id) == "no_fee_due"
    trade.present().examine(complies=True)
    assert house.refusal("claim_fee", "seller", {}, trade.id) == "not_allowed"
    recipient, fee = house.ctx.venue.fee_recipient, trade.one.fee_minor
    had = house.tokens(recipient)
    first = house.put("claim_fee", house.people["operator-1"], {}, trade.id)
    second = house.put("claim_fee", house.people["operator-2"], {}, trade.id)
    house.run()
    house.answer(first)
    house.answer(second)
    house.run()
    trade.is_sound("released")
    assert house.tokens(recipient) - had == fee
    assert house.books(trade.id) == {"escrow": 0, "fee_due": 0, "pending": 0}
    assert house.refusal("claim_fee", "operator-1", {}, trade.id) == "no_fee_due"
