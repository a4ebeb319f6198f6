"""The four sides of one settlement: books, chain, messages and bank, and where they do not say the same. Pure.

The chain side is what the node said, the message side is parsed from the bytes that went out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from entrepot.core.asset import CURRENCIES, Asset
from entrepot.core.errors import Invalid
from entrepot.core.ledger import Balance
from entrepot.core.money import Money
from entrepot.core.settlement import Settlement
from entrepot.messages.blocks import iso_date
from entrepot.messages.payment import in_currency_down
from entrepot.messages.reading import read_payment
from entrepot.rails.rail import EscrowState
from entrepot.store.reconciliation_records import BankEntry, SentMessage

HELD, TOKENS, RELEASED, REFUNDED, PAID, MESSAGES, BANK, BY_STATEMENT = (
    "escrow held for the trade",
    "tokens at the escrow's address",
    "released",
    "refunded",
    "paid out",
    "paid out by pacs.008",
    "bank statement",
    "paid out, on days that a statement covers",
)
Add = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Difference:
    """Sides that should be equal, in minor units of `asset`: what each says, and a code for why they differ.

    `settlement` is "" for a bank's entry that belongs to none; `reference` tells several about the same apart.
    """

    settlement: str
    about: str
    reason: str
    asset: str
    sides: dict[str, str]
    reference: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What its case is unique by."""
        return (self.settlement, self.about, self.reference)


@dataclass(frozen=True, slots=True)
class Payout:
    """A payment as pacs.008 told it: the ISO amount in minor units, and with the fee that camt.054 adds."""

    currency: str
    paid_minor: int
    charged_minor: int
    value_date: str
    reference: str
    token_decimals: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What each side says of one settlement. `chain` is None where no escrow is open; `tokens` lie at its address."""

    settlement: Settlement
    escrow: Balance = Balance()
    fee_due: Balance = Balance()
    chain: EscrowState | None = None
    tokens: int = 0
    messages: Sequence[SentMessage] = ()
    entries: Sequence[BankEntry] = ()

    @property
    def paid_minor(self) -> int:
        """What left the escrow for a party, by the books."""
        return self.escrow.debits_posted - self.fee_due.credits_posted


@dataclass
class _Told:
    """The messages of one settlement, read back: sums per kind, and what is wrong with one of them."""

    sums: dict[str, int] = field(default_factory=dict)
    payouts: list[Payout] = field(default_factory=list)
    is_erased: bool = False
    trouble: str = ""


def differences_of(seen: Seen, is_covered: Callable[[str], bool], add: Add) -> Iterator[Difference]:
    """The differences of one settlement; its figures go to `add`. `is_covered` says if a statement covers a day."""
    told = _told(seen.messages)
    if seen.settlement.funded_minor:
        yield from _with_chain(seen, add)
    yield from _with_messages(seen, told, add)
    yield from _with_bank(seen, told, is_covered, add)


def _with_chain(seen: Seen, add: Add) -> Iterator[Difference]:
    """Escrow and unclaimed fee in the books are what the escrow holds for the trade, and no more than its tokens."""
    one, state = seen.settlement, seen.chain
    rows = (
        (HELD, seen.escrow.posted_minor + seen.fee_due.posted_minor, state.held if state else 0),
        (RELEASED, one.released_minor, state.released if state else 0),
        (REFUNDED, one.refunded_minor, state.refunded if state else 0),
    )
    for about, ours, theirs in rows:
        add(one.asset, about, books=ours, chain=theirs)
        if ours != theirs:
            reason = "chain_differs" if state else "escrow_missing"
            yield Difference(one.id, about, reason, one.asset, {"books": str(ours), "chain": str(theirs)})
    if state is not None and seen.tokens < state.held:
        yield Difference(one.id, TOKENS, "tokens_missing", one.asset, _sides(books=state.held, chain=seen.tokens))
    record = one.released_minor + one.refunded_minor
    if record != seen.paid_minor:
        yield Difference(one.id, PAID, "record_differs", one.asset, _sides(books=seen.paid_minor, chain=record))


def _with_messages(seen: Seen, told: _Told, add: Add) -> Iterator[Difference]:
    one, said = seen.settlement, told.sums.get("pacs.008", 0)
    if told.is_erased:  # an owner's key was destroyed by right: nothing is left to compare
        return
    on_chain = seen.chain.released + seen.chain.refunded if seen.chain else None
    if one.funded_minor:
        add(one.asset, PAID, books=seen.paid_minor, chain=on_chain, messages=said)
    notified = told.sums.get("camt.054.credit", 0)
    reason = told.trouble
    if not reason and said != seen.paid_minor:
        reason = "messages_differ"
    elif not reason and notified != said:
        reason = "notices_differ"
    if reason:
        shown = notified if reason == "notices_differ" else said
        sides = _sides(books=seen.paid_minor, messages=shown) | ({} if on_chain is None else {"chain": str(on_chain)})
        yield Difference(one.id, MESSAGES, reason, one.asset, sides)


def _told(messages: Sequence[SentMessage]) -> _Told:
    told = _Told()
    for one in messages:
        if not one.paper.body:
            told.is_erased = True
        elif not one.is_delivered:
            told.trouble = told.trouble or "message_waiting"
        else:
            try:
                said = read_payment(one.paper.body)
            except Invalid:
                told.trouble = "message_unreadable"
                continue
            told.sums[one.paper.kind] = told.sums.get(one.paper.kind, 0) + int(said["amount_minor"])
            if one.paper.kind == "pacs.008":
                told.payouts.append(_payout(said))
    return told


def _payout(said: dict[str, Any]) -> Payout:
    """As a bank books it: in the currency's minor units, rounded by the rule by which the message was written."""
    token = Asset(id=said["token"], symbol="token", decimals=said["token_decimals"], kind="stablecoin")
    currency = CURRENCIES[said["currency"]]
    paid, charged = (
        in_currency_down(Money(amount, token), currency).amount_minor
        for amount in (said["amount_minor"], said["amount_minor"] + said["fee_minor"])
    )
    return Payout(currency.id, paid, charged, iso_date(said["settled_at"]), said["uetr"], token.decimals)


def _with_bank(seen: Seen, told: _Told, is_covered: Callable[[str], bool], add: Add) -> Iterator[Difference]:
    """Debits are payouts, by end-to-end id, amount, currency and value date; credits are what funded the trade."""
    left, one = list(told.payouts), seen.settlement
    for payout in told.payouts:
        if is_covered(payout.value_date):
            add(payout.currency, BY_STATEMENT, messages=payout.paid_minor, bank=0)
    for entry in seen.entries:
        if entry.is_reversal:
            yield _of_bank(one.id, "bank_reversed", entry, None)
        elif not entry.is_credit:
            match, reason = _match(entry, left, told.payouts)
            if match is not None:
                left.remove(match)
                add(match.currency, BY_STATEMENT, bank=match.paid_minor if not reason else entry.amount_minor)
            if reason:
                yield _of_bank(one.id, reason, entry, match)
    yield from _deposits(seen, told)
    for payout in left:
        if is_covered(payout.value_date):
            sides = _sides(messages=payout.paid_minor, bank=0)
            yield Difference(one.id, BANK, "bank_missing", payout.currency, sides, payout.reference)


def _match(entry: BankEntry, left: Sequence[Payout], known: Sequence[Payout]) -> tuple[Payout | None, str]:
    """(the payout that the entry is, why it is not quite it); no payout and "" for the operator's fee by itself."""
    alike = [one for one in left if entry.amount_minor in (one.paid_minor, one.charged_minor)]
    if entry.currency not in {one.currency for one in known} and known:
        return (left[0] if left else None), "bank_currency"
    exact = [one for one in alike if one.value_date == entry.value_date]
    if exact:
        return exact[0], ""
    if alike:
        return alike[0], "bank_date"
    same_day = [one for one in left if one.value_date == entry.value_date]
    if same_day:
        return same_day[0], "bank_amount"
    if any(entry.amount_minor == one.charged_minor - one.paid_minor for one in known):
        return None, ""
    if any(entry.amount_minor in (one.paid_minor, one.charged_minor) for one in known):
        return None, "bank_twice"
    return None, "bank_unexpected"


def _deposits(seen: Seen, told: _Told) -> Iterator[Difference]:
    """What the bank credited for the trade, if it says so at all, is what the books were funded with."""
    credits = [entry for entry in seen.entries if entry.is_credit and not entry.is_reversal]
    if not credits or not told.payouts:
        return  # how the token is stated in the currency is known from a message
    said, currency = sum(entry.amount_minor for entry in credits), credits[0].currency
    total = seen.escrow.credits_posted
    decimals = told.payouts[0].token_decimals - CURRENCIES[currency].decimals
    funded = total // 10**decimals if decimals >= 0 else total * 10**-decimals
    if said != funded:
        sides = _sides(books=funded, bank=said)
        yield Difference(seen.settlement.id, BANK, "bank_deposit", currency, sides, credits[0].name)


def _of_bank(settlement: str, reason: str, entry: BankEntry, payout: Payout | None) -> Difference:
    sides = {"bank": str(entry.amount_minor)} | ({"messages": str(payout.paid_minor)} if payout else {})
    return Difference(settlement, BANK, reason, entry.currency, sides, entry.name)


def stranger(entry: BankEntry) -> Difference:
    """An entry that belongs to no trade here."""
    return _of_bank("", "bank_unknown", entry, None)


def _sides(**minor: int) -> dict[str, str]:
    return {name: str(value) for name, value in minor.items()}
