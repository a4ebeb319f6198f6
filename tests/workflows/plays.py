"""Plays a story told as a table: who / does / state / held / paid / back; books, chain and log are checked each row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from decimal import Decimal

from trading_house import House
from trading_sale import Trade, table

OFFICERS, SUPERVISORS = ("officer-1", "officer-2"), ("supervisor-1", "supervisor-2")
Does = Callable[[Trade, str], object]


def play(house: House, trade: Trade, story: str) -> Trade:
    """Plays every row. `held` is what the escrow holds, `paid` what the seller got, `back` what the buyer got."""
    wallets = [house.people[side].address for side in (trade.seller, trade.buyer)]
    seller_had, buyer_had = (house.tokens(address) for address in wallets)
    for who, does, state, held, paid, back in table(story):
        ACTS[f"{who} {does.split(':')[0]}"](trade, does.partition(":")[2].strip())
        house.run()
        row = f"{who} {does}: {house.kinds(trade.id)}"
        assert trade.one.state == state, f"{row} is {trade.one.state}"
        trade.is_sound(state)
        one = trade.one
        words = amounts(trade)
        assert one.held_minor == words[held], row
        seller_has, buyer_has = (house.tokens(address) for address in wallets)
        assert seller_has - seller_had == words[paid], row
        assert buyer_has - buyer_had == words[back] - one.funded_minor, row
    return trade


def amounts(trade: Trade) -> dict[str, int]:
    """What the words in a table mean, in minor units: the fee falls due in proportion, rounded down."""
    one = trade.one
    half = one.price_minor // 2
    fee = one.fee_minor * half // one.price_minor if one.price_minor else 0
    return {
        "-": 0, "all": one.total_minor, "price": one.price_minor, "half": half, "rest": one.total_minor - half - fee,
    }  # fmt: skip


def wrong_papers(trade: Trade) -> None:
    """Half the sacks, on another day, from another shipper."""
    lines = tuple(dataclasses.replace(line, quantity=line.quantity * Decimal("0.5")) for line in trade.facts.lines)
    trade.present(dataclasses.replace(trade.facts, lines=lines))


def suspend(trade: Trade, short: str) -> None:
    """Two persons' act has no door yet: the row itself says suspended."""
    house = trade.house
    with house.store.work() as tx:
        kept = tx.people.participant(house.people[short].participant)
        assert kept is not None
        tx.people.put_participant(dataclasses.replace(kept, status="suspended", version=kept.version + 1))


def officers(subject: str) -> Does:
    return lambda trade, _: trade.house.four_eyes(subject, {"settlement": trade.id}, by=OFFICERS)


def dispose(verdict: str) -> Callable[[str], Does]:
    def by(who: str) -> Does:
        return lambda trade, _: trade.house.ask(
            "dispose", who, {"verdict": verdict, "reason": "Another company."}, trade.id
        )

    return by


def freeze(trade: Trade, minutes: str) -> None:
    until = trade.house.now() + 60 * int(minutes.split()[0])
    trade.house.four_eyes("freeze", {"settlement": trade.id, "until": until}, by=SUPERVISORS)


ACTS: dict[str, Does] = {
    "seller proposes": lambda trade, _: trade.propose(),
    "seller signs": lambda trade, _: trade.sign("seller"),
    "buyer signs": lambda trade, _: trade.sign("buyer"),
    "seller withdraws": lambda trade, _: trade.house.ask("withdraw", trade.seller, {}, trade.id),
    "seller asks a new quote": lambda trade, _: trade.house.ask("requote", trade.seller, {}, trade.id),
    "buyer pays": lambda trade, _: trade.fund(),
    "seller presents": lambda trade, _: trade.present(),
    "seller presents wrong papers": lambda trade, _: wrong_papers(trade),
    "examiner complies": lambda trade, _: trade.examine(complies=True),
    "examiner objects": lambda trade, _: trade.examine(complies=False),
    "buyer waives": lambda trade, _: trade.waive(),
    "seller disputes": lambda trade, _: trade.dispute(trade.seller, "The coffee was as agreed."),
    "buyer disputes": lambda trade, _: trade.dispute(trade.buyer, "The coffee was wet."),
    "arbiters award half": lambda trade, _: trade.award(amounts(trade)["half"]),
    "arbiters award nothing": lambda trade, _: trade.award(0),
    "arbiters award all": lambda trade, _: trade.award(trade.one.price_minor),
    "clock": lambda trade, minutes: trade.house.pass_time(60 * int(minutes.split()[0])),
    "clock moves": lambda trade, minutes: trade.house.pass_time(60 * int(minutes.split()[0])),
    "list adds": lambda trade, short: trade.house.follow_list(trade.house.entry_of(short)),
    "list drops all": lambda trade, _: trade.house.follow_list(),
    "officers unblock": officers("unblock"),
    "officer-1 clears": dispose("clear")("officer-1"),
    "officer-2 clears": dispose("clear")("officer-2"),
    "officer-1 refuses": dispose("refuse")("officer-1"),
    "officer-2 refuses": dispose("refuse")("officer-2"),
    "officer-1 blocks": lambda trade, _: trade.house.ask("block", "officer-1", {"reason": "a tip"}, trade.id),
    "operator suspends": suspend,
    "authority freezes": freeze,
    "authority unfreezes": lambda trade, _: trade.house.four_eyes("unfreeze", {"settlement": trade.id}, by=SUPERVISORS),
    "operator claims the fee": lambda trade, _: trade.house.ask("claim_fee", "operator-1", {}, trade.id),
}
