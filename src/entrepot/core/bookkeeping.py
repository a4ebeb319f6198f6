"""Which transfers each event posts. The escrow in the books is what the escrow on the rail must hold.

| event | transfer |
| funding_sent | hold outside(buyer) → escrow |
| funded | post that hold, or outside(buyer) → escrow where none was seen coming |
| funding_dropped | void it |
| release_cleared | hold escrow → outside(seller), and escrow → fee_due |
| released, released_in_part | post them |
| refund_cleared | hold escrow → outside(buyer) |
| refunded, rejected | post it; where nothing was held for it (a reject, the trustees), move it |
| presented, finding_dropped, awarded | void a refund that is held: the escrow gives none then, or another |
| …_dropped | void the holds |
| mispaid, returned | outside(origin) → mispaid, and back |
| fee_claimed | fee_due → outside(operator) |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from .ids import SettlementId, transfer_id
from .ledger import Account, AccountClass, Phase, Transfer, account
from .lifecycle import Role
from .settlement import Event, Settlement

OPERATOR = "operator"
MOVES_MAX = 2  # of one event


@dataclass(frozen=True, slots=True)
class Move:
    """One amount from one account to another, before it has an id."""

    debit: Account
    credit: Account
    amount_minor: int


def accounts_of(settlement: Settlement) -> tuple[Account, ...]:
    """The accounts of one settlement: its escrow and fee, and both sides' outside accounts."""
    asset = settlement.asset
    return (
        account(AccountClass.ESCROW, settlement.id, asset),
        account(AccountClass.FEE_DUE, settlement.id, asset),
        account(AccountClass.OUTSIDE, settlement.buyer, asset),
        account(AccountClass.OUTSIDE, settlement.seller, asset),
        account(AccountClass.OUTSIDE, OPERATOR, asset),
    )


def transfers_for(before: Settlement, event: Event) -> list[Transfer]:
    """The transfers that `event` posts on a settlement that was `before`. Their ids follow from its next `step`."""
    make = _POSTS.get(event.kind)
    return make(before, event) if make else []


def book_accounts(before: Settlement, event: Event) -> tuple[Account, ...]:
    """Every account that `transfers_for` may name."""
    if event.kind in ("mispaid", "returned"):
        asset = str(event.facts["asset"])
        return (account(AccountClass.MISPAID, before.id, asset), account(AccountClass.OUTSIDE, "unknown", asset))
    return accounts_of(before) if event.kind in _POSTS else ()


def _funding(settlement: Settlement, _: Event) -> list[Move]:
    escrow, _fee, buyer, *_rest = accounts_of(settlement)
    return [Move(buyer, escrow, settlement.total_minor)]


def _release(settlement: Settlement, event: Event) -> list[Move]:
    escrow, fee_due, _buyer, seller, _operator = accounts_of(settlement)
    moves = [
        Move(escrow, seller, int(event.facts["amount_minor"])),
        Move(escrow, fee_due, int(event.facts["fee_minor"])),
    ]
    return [move for move in moves if move.amount_minor]


def _payback(settlement: Settlement, event: Event) -> list[Move]:
    escrow, _fee, buyer, *_rest = accounts_of(settlement)
    return [Move(escrow, buyer, int(event.facts["amount_minor"]))]


def _mispaid(settlement: Settlement, event: Event) -> list[Move]:
    asset = str(event.facts["asset"])
    origin = account(AccountClass.OUTSIDE, "unknown", asset)
    return [Move(origin, account(AccountClass.MISPAID, settlement.id, asset), int(event.facts["amount_minor"]))]


def _returned(settlement: Settlement, event: Event) -> list[Move]:
    return [Move(move.credit, move.debit, move.amount_minor) for move in _mispaid(settlement, event)]


def _fee_claimed(settlement: Settlement, event: Event) -> list[Move]:
    _escrow, fee_due, _buyer, _seller, operator = accounts_of(settlement)
    return [Move(fee_due, operator, int(event.facts["amount_minor"]))]


Moves = Callable[[Settlement, Event], Sequence[Move]]
Posts = Callable[[Settlement, Event], list[Transfer]]


def _write(
    settlement: Settlement, event: Event, moves: Sequence[Move], phase: Phase, *, hold_step: int = 0
) -> list[Transfer]:
    """Gives moves their ids: this event's step, one leg each; `hold_step` is the step of the hold they end."""
    assert len(moves) <= MOVES_MAX
    first_leg = 0 if phase is not Phase.VOID else MOVES_MAX  # a voided hold and a new one may share an event
    owner = SettlementId(settlement.id)
    return [
        Transfer(
            id=transfer_id(owner, step=settlement.step + 1, leg=first_leg + leg),
            debit=move.debit.id,
            credit=move.credit.id,
            amount_minor=move.amount_minor,
            phase=phase,
            event=event.kind,
            at=event.at,
            settlement=settlement.id,
            pending_id=transfer_id(owner, step=hold_step, leg=leg) if hold_step else "",
        )
        for leg, move in enumerate(moves)
    ]


def _held(settlement: Settlement) -> tuple[int, Event, Moves] | None:
    """The hold in flight: (its step, an event with its facts, its moves)."""
    held = settlement.in_flight.get("held", settlement.in_flight)
    kind = held.get("kind")
    if kind not in _HOLDS:
        return None
    facts = Event(kind=str(kind), at=0, by=Role.RAIL, facts=held)
    return int(held["step"]), facts, _HOLDS[str(kind)]


def _void(settlement: Settlement, event: Event) -> list[Transfer]:
    held = _held(settlement)
    if held is None:
        return []
    step, facts, moves = held
    return _write(settlement, event, moves(settlement, facts), Phase.VOID, hold_step=step)


def _void_refund(settlement: Settlement, event: Event) -> list[Transfer]:
    held = _held(settlement)
    return _void(settlement, event) if held is not None and held[1].kind == "refund_cleared" else []


def _hold(moves: Moves, before: Settlement, event: Event) -> list[Transfer]:
    """Voids what is held already (a renewed attempt) and holds anew."""
    return _void(before, event) + _write(before, event, moves(before, event), Phase.PENDING)


def _finish(moves: Moves, before: Settlement, event: Event) -> list[Transfer]:
    """Posts the hold if it is this payment, else voids it and moves what the rail says was paid."""
    wanted = list(moves(before, event))
    held = _held(before)
    if held is not None and list(held[2](before, held[1])) == wanted:
        return _write(before, event, wanted, Phase.POST, hold_step=held[0])
    return _void(before, event) + _write(before, event, wanted, Phase.POSTED)


def _at_once(moves: Moves, before: Settlement, event: Event) -> list[Transfer]:
    return _write(before, event, moves(before, event), Phase.POSTED)


_HOLDS: dict[str, Moves] = {
    "funding_sent": _funding,
    "release_cleared": _release,
    "refund_cleared": _payback,
}
_POSTS: dict[str, Posts] = {
    **{kind: partial(_hold, moves) for kind, moves in _HOLDS.items()},
    "funded": partial(_finish, _funding),
    "released": partial(_finish, _release),
    "released_in_part": partial(_finish, _release),
    "refunded": partial(_finish, _payback),
    "rejected": partial(_finish, _payback),
    "funding_dropped": _void,
    "release_dropped": _void,
    "refund_dropped": _void,
    **dict.fromkeys(("presented", "finding_dropped", "awarded"), _void_refund),
    "mispaid": partial(_at_once, _mispaid),
    "returned": partial(_at_once, _returned),
    "fee_claimed": partial(_at_once, _fee_claimed),
}
