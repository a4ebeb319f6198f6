"""A blocked escrow pays by no function: each call that is right but for the block, the reason it meets, and its yes.

Every function of the ABI that changes something stands in one of the tables here. What is tried while blocked is byte
for byte the call that moves the money before the block, and again once the block is lifted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boa
import pytest
from escrow_trade import BLOCK, FEE_ACT, FREEZE, FUND, LIFT, PRICE, REFUND, REJECT, RELEASE, RETURN, Trade, refused
from escrow_world import DAY_S, Deployed, Reverted, fiat_token, now, reason_of, sha, wait, who, words

from entrepot.rails.contracts import artifact

BLOCKED = "escrow is blocked"
ATTESTERS = ("attester1", "attester2")
PEOPLE = ("buyer", "seller", "fees", "stranger")
PASSPORT = "passport"  # the argument that every function takes that moves money


@dataclass(frozen=True)
class Call:
    """Arguments after the terms, and what the call moves: who pays whom, and how many minor units of which token."""

    args: tuple[Any, ...]
    payer: str
    payee: str
    amount: int
    token: Deployed
    by: str = "stranger"


# ---- right but for the block: each brings an open trade to where the call is due, and returns it


def _fund(trade: Trade) -> Call:
    trade.supply()
    return _paid_in(trade, by="buyer")


def _fund_with_permit(trade: Trade) -> Call:
    trade.token("mint", who("buyer"), trade.total)
    deadline = now() + 3600
    return _paid_in(trade, deadline, *trade.permit(trade.total, deadline))


def _fund_with_authorization(trade: Trade) -> Call:
    trade.token("mint", who("buyer"), trade.total)
    return _paid_in(trade, 0, 0, now() + 3600, trade.authorisation(trade.total))


def _release_accepted(trade: Trade) -> Call:
    trade.fund()
    trade.present()
    return _released(trade, PRICE, trade.examinations(True, *ATTESTERS))


def _release_by_waiver(trade: Trade) -> Call:
    trade.fund()
    trade.present()
    trade.waive()
    return _released(trade, PRICE, [])


def _release_by_silence(trade: Trade) -> Call:
    trade.fund()
    trade.present()
    wait(5 * DAY_S + 1)
    return _released(trade, PRICE, [])


def _release_awarded(trade: Trade) -> Call:
    trade.fund()
    trade.dispute()
    trade.award(PRICE // 3)
    return _released(trade, PRICE // 3, [])


def _refund_expired(trade: Trade) -> Call:
    trade.fund()
    wait(20 * DAY_S + 1)
    return _paid_back(trade, REFUND, trade.total)


def _refund_awarded(trade: Trade) -> Call:
    trade.fund()
    trade.dispute()
    trade.award(0)
    return _paid_back(trade, REFUND, trade.total)


def _reject(trade: Trade) -> Call:
    trade.fund()
    return _paid_back(trade, REJECT, trade.total)


def _reject_by_trustees(trade: Trade) -> Call:
    trade.fund()
    return _paid_back(trade, REJECT, trade.total, signers=("trustee1", "trustee3"))


def _claim_fee(trade: Trade) -> Call:
    trade.fund()
    trade.present()
    trade.release(attesters=ATTESTERS)
    amount = trade.escrow("fee_claimable")
    args = trade.passport(FEE_ACT, trade.terms["fee_recipient"], amount)
    return Call(args, trade.escrow.address, who("fees"), amount, trade.token)


def _return_surplus(trade: Trade) -> Call:
    trade.fund()
    return _returned(trade, trade.token)


def _return_other_token(trade: Trade) -> Call:
    return _returned(trade, fiat_token())


def _paid_in(trade: Trade, *more: Any, by: str = "stranger") -> Call:
    args = (*trade.passport(FUND, trade.escrow.address, trade.total), *more)
    return Call(args, who("buyer"), trade.escrow.address, trade.total, trade.token, by)


def _released(trade: Trade, amount: int, examined: list[bytes]) -> Call:
    args = (amount, *trade.passport(RELEASE, who("seller"), amount), examined)
    return Call(args, trade.escrow.address, who("seller"), amount, trade.token)


def _paid_back(trade: Trade, act: int, amount: int, signers: tuple[str, ...] = ("operator",)) -> Call:
    args = trade.passport(act, who("buyer"), amount, signers)
    return Call(args, trade.escrow.address, who("buyer"), amount, trade.token)


def _returned(trade: Trade, token: Deployed) -> Call:
    token("mint", trade.escrow.address, 10)
    passport = trade.passport(RETURN, who("stranger"), 7, ("operator", "operator2"), token=token.address)
    args = (token.address, who("stranger"), 7, *passport)
    return Call(args, trade.escrow.address, who("stranger"), 7, token)


PAYMENTS: list[tuple[str, Callable[[Trade], Call]]] = [
    ("fund", _fund),
    ("fund_with_permit", _fund_with_permit),
    ("fund_with_authorization", _fund_with_authorization),
    ("release", _release_accepted),
    ("release", _release_by_waiver),
    ("release", _release_by_silence),
    ("release", _release_awarded),
    ("refund", _refund_expired),
    ("refund", _refund_awarded),
    ("reject", _reject),
    ("reject", _reject_by_trustees),
    ("claim_fee", _claim_fee),
    ("return_payment", _return_surplus),
    ("return_payment", _return_other_token),
]


# ---- what moves no money, yet decides where it goes: arguments, for a trade brought to where the act is due


def _present(trade: Trade) -> tuple[Any, ...]:
    trade.fund()
    signed = trade.statement("Presentation", "seller", documents_sha256=sha("documents"), round=1)
    return sha("documents"), signed[0]


def _reject_presentation(trade: Trade) -> tuple[Any, ...]:
    trade.fund()
    trade.present()
    return (trade.examinations(False, *ATTESTERS),)


def _waive(trade: Trade) -> tuple[Any, ...]:
    trade.fund()
    trade.present()
    return sha("documents"), trade.statement("Waiver", "buyer", documents_sha256=sha("documents"), round=1)[0]


def _raise_dispute(trade: Trade) -> tuple[Any, ...]:
    trade.fund()
    return sha("reason"), trade.statement("Dispute", "seller", reason_sha256=sha("reason"))[0]


def _award(trade: Trade) -> tuple[Any, ...]:
    trade.fund()
    trade.dispute()
    return PRICE, trade.statement("Award", "arbiter1", "arbiter2", to_seller=PRICE)


DECIDING: dict[str, Callable[[Trade], tuple[Any, ...]]] = {
    "present": _present,
    "reject_presentation": _reject_presentation,
    "waive": _waive,
    "raise_dispute": _raise_dispute,
    "award": _award,
}

# Tried in a test of their own: an order of the authorities is what lifts a block; binding is the factory's alone.
ALONE = {"hold": "test_a_blocked_escrow_takes_no_order_but_the_lift", "initialise": "test_a_blocked_escrow_stays_bound"}


def test_every_function_that_changes_something_is_tried_on_a_blocked_escrow() -> None:
    functions = [entry for entry in artifact("TradeEscrow")["abi"] if entry["type"] == "function"]
    changing = {entry["name"] for entry in functions if entry["stateMutability"] not in ("view", "pure")}
    paying = {entry["name"] for entry in functions if PASSPORT in [part["name"] for part in entry["inputs"]]}
    assert len(functions) == len({entry["name"] for entry in functions}), "one name, two functions: try both"
    assert {name for name, _ in PAYMENTS} == paying, "a function came that takes a passport: say here what it pays"
    assert paying | set(DECIDING) | set(ALONE) == changing, "a function came or went: try it here while blocked"
    assert not paying & {*DECIDING, *ALONE} and all(test in globals() for test in ALONE.values())


@pytest.mark.parametrize(("name", "due"), PAYMENTS, ids=[due.__name__.lstrip("_") for _, due in PAYMENTS])
def test_the_block_alone_stops_a_payment(trade: Trade, name: str, due: Callable[[Trade], Call]) -> None:
    call = due(trade)
    with boa.env.anchor():  # the nearest yes: this very call, before there is a block
        _require_moved(trade, name, call)
    trade.hold(BLOCK)
    before, state = _money(trade, call.token), trade.state()
    with refused(BLOCKED):
        trade.act(name, *call.args, by=call.by)
    assert (_money(trade, call.token), trade.state()) == (before, state)
    trade.lift()
    _require_moved(trade, name, call)


@pytest.mark.parametrize("name", DECIDING)
def test_the_block_alone_stops_what_decides_where_money_goes(trade: Trade, name: str) -> None:
    args = DECIDING[name](trade)
    with boa.env.anchor():
        _require_decided(trade, name, args)
    trade.hold(BLOCK)
    before, state = _money(trade, trade.token), trade.state()
    with refused(BLOCKED):
        trade.act(name, *args)
    assert (_money(trade, trade.token), trade.state()) == (before, state)
    trade.lift()
    _require_decided(trade, name, args)


def test_a_blocked_escrow_takes_no_order_but_the_lift(presented: Trade) -> None:
    with boa.env.anchor():
        presented.hold(FREEZE, now() + DAY_S)  # the nearest yes of both orders that are refused below
    presented.hold(BLOCK)
    before = _money(presented, presented.token)
    for kind, until in ((FREEZE, now() + DAY_S), (BLOCK, 0)):
        with refused(BLOCKED):
            presented.hold(kind, until)
    for signers in (("authority",), ("operator", "operator2"), ("authority", "operator"), ("trustee1", "trustee2")):
        with refused("not ordered by those entitled"):
            presented.hold(LIFT, 0, signers)
    assert presented.state()["blocked"]
    presented.lift()
    assert not presented.state()["blocked"] and _money(presented, presented.token) == before
    presented.release(attesters=ATTESTERS)


def test_a_blocked_escrow_stays_bound(trade: Trade) -> None:
    other = Trade(trade.world, settlement=sha("another settlement"))
    assert other.state()["terms_hash"] == other.terms_hash  # the nearest yes: the factory binds a proxy it just made
    trade.fund()
    trade.hold(BLOCK)
    before, state = _money(trade, trade.token), trade.state()
    with refused("not the factory"):
        trade.escrow("initialise", other.terms_hash)
    done = boa.env.execute_code(
        trade.escrow.address,
        sender=trade.world.factory.address,
        data=trade.escrow.encoded("initialise", other.terms_hash),
    )
    assert done.is_error and reason_of(done.output) == "already bound to terms"
    with pytest.raises(Reverted, match="^not the terms of this escrow$"):
        trade.escrow("reject", words(other.terms), *trade.passport(REJECT, who("buyer"), trade.total))
    assert (_money(trade, trade.token), trade.state()) == (before, state)


def _money(trade: Trade, token: Deployed) -> dict[str, int]:
    """What everybody and the escrow hold of a token, in minor units."""
    return {address: int(token("balanceOf", address)) for address in (trade.escrow.address, *map(who, PEOPLE))}


def _require_moved(trade: Trade, name: str, call: Call) -> None:
    """The call moves exactly its amount from its payer to its payee."""
    before = _money(trade, call.token)
    trade.act(name, *call.args, by=call.by)
    after = _money(trade, call.token)
    moved = {address: after[address] - held for address, held in before.items() if after[address] != held}
    assert call.amount > 0 and moved == {call.payer: -call.amount, call.payee: call.amount}


def _require_decided(trade: Trade, name: str, args: tuple[Any, ...]) -> None:
    """The call changes the escrow's state and moves nothing."""
    before, state = _money(trade, trade.token), trade.state()
    deadlines = trade.escrow("disputed_until")
    trade.act(name, *args)
    assert _money(trade, trade.token) == before
    assert (trade.state(), trade.escrow("disputed_until")) != (state, deadlines)
