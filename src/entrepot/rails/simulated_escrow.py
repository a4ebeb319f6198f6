"""The rules of the escrow contract in Python, for the simulated rail: same refusals, same announcements.

It checks signatures and passports as the contract does, and moves the clocks as `clocks.vy` does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from entrepot.core.acts import AWARD, BLOCK, DISPUTE, EXAMINATION, FREEZE, HOLD, LIFT, PRESENTATION, WAIVER
from entrepot.core.canonical import hex0x, unhex
from entrepot.core.crypto import secp256k1_recover
from entrepot.core.eip712 import Domain, Struct
from entrepot.core.passport import STRUCT as PASSPORT
from entrepot.core.passport import Act as PassportAct
from entrepot.core.passport import Passport
from entrepot.core.terms import STRUCT as TERMS
from entrepot.core.terms import ZERO_ADDRESS, Terms

from .authorization import authorization_of
from .layered import Layered
from .rail import EscrowState, Operation

OPEN, FUNDED, PRESENTED, CLOSED = range(4)
ROUNDS_MAX = 3
NO_HASH = hex0x(bytes(32))

Said = tuple[str, str, dict[str, Any]]  # (emitter, event, its fields)


class Refusal(Exception):
    """The contract would revert with these words."""


@dataclass
class Place:
    """Everything on the simulated chain: coins, escrows, and whose signatures count.

    `barred` are the wallets that the token's issuer froze: one set, whichever block is newest.
    """

    domain: Domain
    token_domain: Domain
    passport_signers: frozenset[str]
    authorities: frozenset[str]
    balances: Layered[tuple[str, str], int] = field(default_factory=Layered)
    escrows: Layered[str, EscrowBook] = field(default_factory=Layered)
    used_nonces: Layered[bytes, bool] = field(default_factory=Layered)
    barred: set[str] = field(default_factory=set)

    def copy(self) -> Place:
        """A place of its own: what happens to the one does not happen to the other."""
        return Place(
            self.domain, self.token_domain, self.passport_signers, self.authorities, self.balances.copy(),
            self.escrows.copy(), self.used_nonces.copy(), self.barred,
        )  # fmt: skip

    def absorb(self, trial: Place) -> None:
        """What happened in a copy of this place happens here."""
        self.balances.absorb(trial.balances)
        self.escrows.absorb(trial.escrows)
        self.used_nonces.absorb(trial.used_nonces)

    def flatten(self) -> None:
        """See Layered.flatten."""
        self.balances.flatten()
        self.escrows.flatten()
        self.used_nonces.flatten()

    def book(self, escrow: str) -> EscrowBook:
        """An escrow's storage, to be changed here only."""
        if escrow not in self.escrows.own:
            self.escrows[escrow] = copy.copy(self.escrows[escrow])
        return self.escrows.own[escrow]

    def balance(self, token: str, owner: str) -> int:
        """Coins that an address has."""
        return self.balances.get((token, owner)) or 0

    def pay(self, token: str, payer: str, payee: str, amount: int) -> Said:
        """Moves coins. Raises: Refusal."""
        _unless(not self.barred & {payer, payee}, "Blacklistable: account is blacklisted")
        _unless(self.balance(token, payer) >= amount, "transfer amount exceeds balance")
        self.balances[token, payer] = self.balance(token, payer) - amount
        self.balances[token, payee] = self.balance(token, payee) + amount
        return token, "Transfer", {"from": payer, "to": payee, "amount": amount}


@dataclass
class EscrowBook:
    """One escrow's storage."""

    escrow: str
    terms: Terms
    status: int = OPEN
    held: int = 0
    released: int = 0
    refunded: int = 0
    fee_claimable: int = 0
    fee_paid: int = 0
    sequence: int = 0
    round: int = 0
    documents_sha256: str = NO_HASH
    presented_at: int = 0
    accepted_round: int = 0
    present_until: int = 0
    examine_until: int = 0
    disputed_until: int = 0
    awarded: int | None = None
    frozen_until: int = 0
    blocked_at: int = 0
    hold_number: int = 0

    def state(self) -> EscrowState:
        """As the contract's view says it."""
        return EscrowState(
            self.terms.hash(), self.status, self.held, self.released, self.refunded, self.fee_claimable, self.fee_paid,
            self.sequence, self.round, self.documents_sha256, self.presented_at, self.accepted_round,
            self.present_until, self.examine_until, self.disputed_until, self.awarded is not None,
            self.awarded or 0, self.frozen_until, self.blocked_at != 0, self.hold_number,
        )  # fmt: skip

    def fee_of(self, released: int) -> int:
        """The fee earned when so much is released; rounded down, the buyer keeps the remainder."""
        return self.terms.fee.amount_minor * released // self.terms.price.amount_minor


@dataclass
class Run:
    """One operation being carried out; `said` collects what is announced."""

    place: Place
    operation: Operation
    escrow: str
    now: int
    said: list[Said] = field(default_factory=list)

    @property
    def book(self) -> EscrowBook:
        """The escrow. Raises: Refusal."""
        _unless(self.escrow in self.place.escrows, "nothing is open here")
        return self.place.book(self.escrow)

    def say(self, event: str, **fields: Any) -> None:
        """Announces an event of the escrow."""
        self.said.append((self.escrow, event, {"terms_hash": self.operation.terms.hash(), **fields}))

    def pay(self, token: str, payer: str, payee: str, amount: int) -> None:
        """Moves coins and announces it."""
        self.said.append(self.place.pay(token, payer, payee, amount))

    def signers(self, signatures: Sequence[str], struct: Struct, **values: Any) -> set[str]:
        """Who signed a statement about this escrow."""
        about = {"escrow": self.escrow, "terms_hash": unhex(self.operation.terms.hash())}
        return {struct.signer(self.place.domain, about | values, unhex(text)) or "" for text in signatures}

    def spend(self, act: PassportAct, payee: str, token: str, amount: int) -> dict[str, Any]:
        """Takes the passport for exactly this payment. Raises: Refusal."""
        book, body = self.book, self.operation.arguments["passport"]
        passport = Passport.from_json(body)
        _unless(not book.blocked_at, "escrow is blocked")
        _unless(self.now > book.frozen_until, "escrow is frozen")
        _unless(amount > 0, "nothing to pay")
        _unless(passport.escrow == self.escrow, "passport is for another escrow")
        _unless(passport.terms_hash == book.terms.hash(), "passport is for other terms")
        _unless(passport.act == act, "passport is for another act")
        _unless(passport.payee == payee, "passport is for another payee")
        _unless(passport.token == token, "passport is for another token")
        _unless(passport.amount_minor == amount, "passport is for another amount")
        _unless(passport.sequence == book.sequence, "passport is out of turn")
        _unless(passport.valid_from <= self.now, "passport is not valid yet")
        _unless(self.now <= passport.valid_until, "passport expired")
        signatures = self.operation.arguments.get("signatures") or [body["signature"]]
        signed_by = {PASSPORT.signer(self.place.domain, passport.values(), unhex(text)) for text in signatures}
        at_least = 2 if act is PassportAct.RETURN else 1
        _unless(len(signed_by & self.place.passport_signers) >= at_least, "passport not duly signed")
        book.sequence += 1
        return {"sequence": passport.sequence, "decision_sha256": passport.decision_sha256}

    def close_if_done(self) -> None:
        """Closed: no money is left but fee that was earned."""
        book = self.book
        if book.held == book.fee_claimable:
            book.status = CLOSED
            self.say("Closed", released=book.released, refunded=book.refunded, fee_claimable=book.fee_claimable)


def carry_out(place: Place, operation: Operation, escrow: str, now: int) -> list[Said]:
    """Does an operation, or changes nothing that counts. Raises: Refusal, and KeyError or ValueError if malformed."""
    run = Run(place, operation, escrow, now)
    _ACTS[operation.kind](run)
    return run.said


def _unless(is_so: bool, why: str) -> None:
    if not is_so:
        raise Refusal(why)


def _open(run: Run) -> None:
    terms, arguments = run.operation.terms, run.operation.arguments
    for side, wallet in (("seller", terms.seller_address), ("buyer", terms.buyer_address)):
        signer = TERMS.signer(run.place.domain, terms.onchain(), unhex(arguments[f"{side}_signature"]))
        _unless(signer == wallet, f"not signed by the {side}")
    _unless(run.now <= terms.schedule.fund_by, "time for funding has passed")
    _unless(run.escrow not in run.place.escrows, "already open")
    run.place.escrows[run.escrow] = EscrowBook(run.escrow, terms)
    opened = {"escrow": run.escrow, "settlement": "0x" + terms.settlement.rjust(64, "0")}
    run.said.append((run.place.domain.contract, "Opened", {"terms_hash": terms.hash(), **opened}))


def _fund(run: Run) -> None:
    book, arguments, terms = run.book, run.operation.arguments, run.operation.terms
    _unless(book.status == OPEN, "already funded")
    _unless(run.now <= terms.schedule.fund_by, "time for funding has passed")
    token, amount = terms.token_address, terms.total.amount_minor
    spent = run.spend(PassportAct.FUND, run.escrow, token, amount)
    after, before = int(arguments["valid_after"]), int(arguments["valid_before"])
    leave = authorization_of(
        terms, run.escrow, attempt=int(arguments["attempt"]), valid_after=after, valid_before=before
    )
    _unless(after < run.now < before, "authorization is not valid now")
    _unless(leave.nonce not in run.place.used_nonces, "authorization is used or canceled")
    signed_by = secp256k1_recover(unhex(arguments["buyer_signature"]), leave.digest(run.place.token_domain))
    _unless(signed_by == terms.buyer_address, "invalid signature")
    run.place.used_nonces[leave.nonce] = True
    book.status, book.held, book.present_until = FUNDED, amount, terms.schedule.present_by
    run.say("Funded", payer=terms.buyer_address, token=token, price=terms.price.amount_minor,
            fee=terms.fee.amount_minor, present_until=book.present_until, **spent)  # fmt: skip
    run.pay(token, terms.buyer_address, run.escrow, amount)


def _require_no_block(run: Run) -> None:
    _unless(not run.book.blocked_at, "escrow is blocked")


def _starts_at(run: Run) -> int:
    """When a period that is granted now begins to run: after the stops that run now."""
    start = max(run.now, run.book.frozen_until)
    return max(start, run.book.disputed_until) if _is_disputed(run) else start


def _require_money(run: Run) -> EscrowBook:
    book = run.book
    _unless(book.status != OPEN, "not funded")
    _unless(book.status != CLOSED, "already closed")
    return book


def _is_disputed(run: Run) -> bool:
    return run.book.awarded is None and run.now <= run.book.disputed_until


def _present(run: Run) -> None:
    book, sha = run.book, run.operation.arguments["documents_sha256"]
    _require_no_block(run)
    _unless(book.awarded is None, "already awarded")
    _unless(book.status == FUNDED, "not waiting for documents")
    _unless(book.round < ROUNDS_MAX, "no presentation left")
    _unless(run.now <= book.present_until, "time for presentation has passed")
    signed_by = run.signers([run.operation.arguments["seller_signature"]], PRESENTATION,
                            documents_sha256=unhex(sha, size=32), round=book.round + 1)  # fmt: skip
    _unless(signed_by == {book.terms.seller_address}, "not signed by the seller")
    book.status, book.round, book.documents_sha256, book.presented_at = PRESENTED, book.round + 1, sha, run.now
    book.examine_until = _starts_at(run) + book.terms.schedule.examination_s
    run.say("Presented", documents_sha256=sha, round=book.round, presented_at=run.now, examine_until=book.examine_until)


def _are_attested(run: Run, signatures: Sequence[str], *, complies: bool) -> bool:
    book = run.book
    documents = {"documents_sha256": unhex(book.documents_sha256), "round": book.round, "complies": complies}
    signed_by = run.signers(signatures, EXAMINATION, **documents)
    return len(signed_by & set(book.terms.venue.attesters)) >= book.terms.venue.attesters_required


def _reject_presentation(run: Run) -> None:
    _require_no_block(run)
    book = _require_money(run)
    _unless(book.status == PRESENTED, "no presentation to examine")
    _unless(book.accepted_round != book.round, "documents were already accepted")
    _unless(run.now <= book.examine_until, "time for examination has passed")
    _unless(_are_attested(run, run.operation.arguments["signatures"], complies=False), "not enough attesters")
    book.status, book.examine_until = FUNDED, 0
    book.present_until = max(book.present_until, _starts_at(run) + book.terms.schedule.cure_s)
    run.say("Discrepant", documents_sha256=book.documents_sha256, round=book.round, present_until=book.present_until)


def _accept(run: Run, *, by_waiver: bool) -> None:
    book = run.book
    book.accepted_round = book.round
    run.say("Accepted", documents_sha256=book.documents_sha256, round=book.round, by_waiver=by_waiver)


def _waive(run: Run) -> None:
    _require_no_block(run)
    book, sha = _require_money(run), run.operation.arguments["documents_sha256"]
    _unless(book.round > 0 and sha == book.documents_sha256, "not the documents presented")
    _unless(book.accepted_round != book.round, "documents were already accepted")
    signed_by = run.signers(
        [run.operation.arguments["buyer_signature"]], WAIVER, documents_sha256=unhex(sha), round=book.round
    )
    _unless(signed_by == {book.terms.buyer_address}, "not signed by the buyer")
    book.status = PRESENTED
    _accept(run, by_waiver=True)


def _release(run: Run) -> None:
    book, terms = _require_money(run), run.operation.terms
    amount = int(run.operation.arguments["amount_minor"])
    spent = run.spend(PassportAct.RELEASE, terms.seller_address, terms.token_address, amount)
    if book.awarded is not None:
        _unless(book.released + amount <= book.awarded, "more than the award")
    else:
        _unless(not _is_disputed(run), "escrow is disputed")
        _unless(book.status == PRESENTED, "no documents presented")
        if book.accepted_round != book.round and run.now <= book.examine_until:
            listed = run.operation.arguments.get("examination_signatures", [])
            _unless(_are_attested(run, listed, complies=True), "not enough attesters")
            _accept(run, by_waiver=False)
        _unless(book.released + amount <= terms.price.amount_minor, "more than the price")
    fee = book.fee_of(book.released + amount) - book.fee_of(book.released)
    book.held, book.released, book.fee_claimable = book.held - amount, book.released + amount, book.fee_claimable + fee
    run.say("Released", seller=terms.seller_address, token=terms.token_address, amount=amount, fee_earned=fee,
            documents_sha256=book.documents_sha256, round=book.round, held=book.held, **spent)  # fmt: skip
    run.close_if_done()
    run.pay(terms.token_address, run.escrow, terms.seller_address, amount)


def _refund(run: Run) -> None:
    book = _require_money(run)
    amount = book.held - book.fee_claimable
    if book.awarded is not None:
        amount = book.terms.total.amount_minor - book.awarded - book.fee_of(book.awarded)
    else:
        _unless(not _is_disputed(run), "escrow is disputed")
        _unless(book.status == FUNDED, "documents are presented")
        is_late = book.round == ROUNDS_MAX or run.now > book.present_until
        _unless(is_late, "time to present has not passed")
    _pay_back(run, PassportAct.REFUND, amount)


def _reject(run: Run) -> None:
    book = _require_money(run)
    _pay_back(run, PassportAct.REJECT, book.held - book.fee_claimable)


def _pay_back(run: Run, act: PassportAct, amount: int) -> None:
    book, buyer, token = run.book, run.operation.terms.buyer_address, run.operation.terms.token_address
    spent = run.spend(act, buyer, token, amount)
    book.held, book.refunded = book.held - amount, book.refunded + amount
    run.say("Refunded", buyer=buyer, token=token, amount=amount, act=int(act), held=book.held, **spent)
    run.close_if_done()
    run.pay(token, run.escrow, buyer, amount)


def _claim_fee(run: Run) -> None:
    book, terms = run.book, run.operation.terms
    amount, token, payee = (
        int(run.operation.arguments["passport"]["amount"]),
        terms.token_address,
        terms.venue.fee_recipient,
    )
    spent = run.spend(PassportAct.FEE, payee, token, amount)
    _unless(amount <= book.fee_claimable, "more than the fee earned")
    book.held, book.fee_claimable, book.fee_paid = (
        book.held - amount,
        book.fee_claimable - amount,
        book.fee_paid + amount,
    )
    run.say("FeePaid", fee_recipient=payee, token=token, amount=amount, held=book.held, **spent)
    run.pay(token, run.escrow, payee, amount)


def _return_payment(run: Run) -> None:
    arguments = run.operation.arguments
    token, to, amount = arguments["token"], arguments["to"], int(arguments["amount_minor"])
    _unless(to not in (ZERO_ADDRESS, run.escrow), "nowhere to return to")
    spent = run.spend(PassportAct.RETURN, to, token, amount)
    kept = run.book.held if token == run.operation.terms.token_address else 0
    _unless(run.place.balance(token, run.escrow) >= kept + amount, "more than the surplus")
    run.say("Returned", payee=to, token=token, amount=amount, **spent)
    run.pay(token, run.escrow, to, amount)


def _raise_dispute(run: Run) -> None:
    _require_no_block(run)
    book, reason = _require_money(run), run.operation.arguments["reason_sha256"]
    _unless(not book.disputed_until, "already disputed once")
    (party,) = run.signers([run.operation.arguments["signature"]], DISPUTE, reason_sha256=unhex(reason, size=32))
    _unless(party in (book.terms.seller_address, book.terms.buyer_address), "not signed by a party")
    period = book.terms.schedule.dispute_s
    book.disputed_until = max(run.now, book.frozen_until) + period
    book.present_until = _moved(book.present_until, since=run.now, by=period)
    book.examine_until = _moved(book.examine_until, since=run.now, by=period)
    run.say("Disputed", party=party, reason_sha256=reason, disputed_until=book.disputed_until,
            present_until=book.present_until, examine_until=book.examine_until)  # fmt: skip


def _award(run: Run) -> None:
    _require_no_block(run)
    book, to_seller = _require_money(run), int(run.operation.arguments["to_seller_minor"])
    _unless(book.awarded is None, "already awarded")
    _unless(_is_disputed(run), "not disputed")
    _unless(book.released <= to_seller <= book.terms.price.amount_minor, "more than the price")
    signed_by = run.signers(run.operation.arguments["signatures"], AWARD, to_seller=to_seller)
    venue = book.terms.venue
    _unless(len(signed_by & set(venue.arbiters)) >= venue.arbiters_required, "not enough arbiters")
    book.awarded, fee = to_seller, book.fee_of(to_seller)
    to_buyer = book.terms.total.amount_minor - to_seller - fee
    run.say("Awarded", to_seller=to_seller, to_buyer=to_buyer, fee_earned=fee)


def _hold(run: Run) -> None:
    book, arguments = run.book, run.operation.arguments
    kind, until, order = int(arguments["hold"]), int(arguments["until"]), arguments["order_sha256"]
    number = book.hold_number
    signed_by = run.signers(
        arguments["signatures"], HOLD, kind=kind, until=until, order_sha256=unhex(order), number=number
    )
    is_ordered = len(signed_by & run.place.authorities) >= (2 if kind == LIFT else 1)
    _unless(is_ordered, "not ordered by those entitled")
    _unless(kind in (FREEZE, BLOCK, LIFT), "no such kind of hold")
    if kind != LIFT:
        _require_no_block(run)
    if kind == FREEZE:
        _unless(until > max(run.now, book.frozen_until), "freeze ends too early")
        _move_all(book, since=run.now, by=until - max(run.now, book.frozen_until))
        book.frozen_until = until
    elif kind == BLOCK:
        book.blocked_at = run.now
    else:
        _unless(bool(book.blocked_at) or run.now <= book.frozen_until, "nothing to lift")
        _unless(until <= book.frozen_until, "a lift lengthens no freeze")
        if book.frozen_until > run.now:
            _give_back(book, unused=book.frozen_until - max(until, run.now))
        elif book.blocked_at:
            _move_all(book, since=book.blocked_at, by=run.now - max(book.blocked_at, book.frozen_until))
        book.blocked_at, book.frozen_until = 0, max(until, min(book.frozen_until, run.now - 1))
    book.hold_number += 1
    run.say("Held", kind=kind, order_sha256=order, number=number, frozen_until=book.frozen_until,
            blocked_at=book.blocked_at, present_until=book.present_until, examine_until=book.examine_until,
            disputed_until=book.disputed_until)  # fmt: skip


def _move_all(book: EscrowBook, *, since: int, by: int) -> None:
    book.present_until = _moved(book.present_until, since=since, by=by)
    book.examine_until = _moved(book.examine_until, since=since, by=by)
    book.disputed_until = _moved(book.disputed_until, since=since, by=by)


def _give_back(book: EscrowBook, *, unused: int) -> None:
    _move_all(book, since=book.frozen_until, by=-unused)


def _moved(deadline: int, *, since: int, by: int) -> int:
    """`deadline` + `by`, unless it had passed before `since` (or was never set)."""
    return deadline + by if deadline >= since else deadline


_ACTS: dict[str, Callable[[Run], None]] = {
    "open": _open,
    "fund_with_authorization": _fund,
    "present": _present,
    "reject_presentation": _reject_presentation,
    "waive": _waive,
    "release": _release,
    "refund": _refund,
    "reject": _reject,
    "return_payment": _return_payment,
    "claim_fee": _claim_fee,
    "raise_dispute": _raise_dispute,
    "award": _award,
    "hold": _hold,
}
