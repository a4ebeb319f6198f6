"""The facts of one payment that is final on a rail, from which every message about it is made; no XML here.

All else is derived: the same facts give the same ids, amounts and times, and so the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast

from entrepot.core.asset import CURRENCIES, Asset, AssetRegistry
from entrepot.core.canonical import unhex
from entrepot.core.errors import Invalid, declare
from entrepot.core.ids import parse_id
from entrepot.core.money import Money
from entrepot.core.party import Party, caip10, is_lei, wallet_address
from entrepot.core.terms import Terms

T = TypeVar("T")
Direction = Literal["release", "refund"]
DIRECTIONS: tuple[Direction, ...] = ("release", "refund")
CURRENCY_DECIMALS_MAX = 5  # ISO 20022 ActiveCurrencyAndAmount, fractionDigits
AMOUNT_DIGITS_MAX = 18  # the same, totalDigits
RATE_DIGITS_MAX = 11  # ISO 20022 BaseOneRate, totalDigits
RATE_DECIMALS_MAX = 10  # the same, fractionDigits
NAME_CHARS_MAX = 140  # ISO 20022 Max140Text
YEAR_10000 = 253_402_300_800  # Unix s; ISODateTime of the schemas has four digits of year here

declare(
    "Invalid",
    message_amount_too_large="An amount has more than the 18 digits that ISO 20022 takes.",
    message_currency_unknown="The token stands for no ISO 4217 currency, so no ISO 20022 amount can name it.",
)


@dataclass(frozen=True, slots=True)
class Agent:
    """A bank or virtual asset service provider by name and LEI (ISO 17442); what is not known is empty."""

    name: str = ""
    lei: str = ""

    def __post_init__(self) -> None:
        if len(self.name) > NAME_CHARS_MAX:
            raise Invalid(
                "malformed", f"An agent's name has at most {NAME_CHARS_MAX} characters.", path="operator.name"
            )
        if self.lei and not is_lei(self.lei):
            raise Invalid("malformed", f"{self.lei!r:.40} is not an LEI (ISO 17442).", path="operator.lei")


UNKNOWN_AGENT = Agent()


@dataclass(frozen=True, slots=True)
class SettledPayment:
    """One payout of an escrow. `fee` is what the buyer is charged besides, zero for a refund.

    `transaction` is its 0x-hex hash, `settled_at` the time of its block (Unix s), `escrow` the escrow's 0x address and
    `holder` the name of who legally holds it; the last two may be empty.
    """

    terms: Terms
    direction: Direction
    amount: Money
    fee: Money
    transaction: str
    block: int
    settled_at: int
    operator: Agent = UNKNOWN_AGENT
    holder: str = ""
    escrow: str = ""
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)  # what follows from it

    def __post_init__(self) -> None:
        assert self.direction in DIRECTIONS, self.direction
        parse_id(self.terms.settlement, path="settlement")
        unhex(self.transaction, size=32)
        self._check_amounts()
        if self.block < 0 or not 0 <= self.settled_at < YEAR_10000:
            raise Invalid("malformed", f"Block {self.block} at {self.settled_at} (Unix s) is no block.", path="block")
        if len(self.holder) > NAME_CHARS_MAX:
            raise Invalid("malformed", f"A holder's name has at most {NAME_CHARS_MAX} characters.", path="holder")
        if self.escrow:
            wallet_address(self.escrow_account, chain=self.terms.chain)

    def _check_amounts(self) -> None:
        self.amount.positive()
        due = self.terms.price if self.direction == "release" else self.terms.total
        if not self.amount <= due:
            raise Invalid("amount_out_of_range", f"{self.amount} is more than the {due} of the terms.", path="amount")
        owed = self.terms.fee if self.direction == "release" else Money(0, self.amount.asset)
        if not self.fee <= owed:
            raise Invalid("amount_out_of_range", f"A fee of {self.fee} is more than {owed}.", path="fee")

    def kept(self, name: str, make: Callable[[SettledPayment], T]) -> T:
        """What `make` gave for this payment, made once: its messages share it."""
        if name not in self._kept:
            self._kept[name] = make(self)
        return cast(T, self._kept[name])

    @classmethod
    def of(
        cls,
        terms: Terms,
        *,
        direction: str,
        amount: Money,
        transaction: str,
        block: int,
        settled_at: int,
        fee: Money | None = None,
        operator: Agent = UNKNOWN_AGENT,
        holder: str = "",
        escrow: str = "",
    ) -> SettledPayment:
        """The payment of `amount` under `terms`; no `fee` is zero. Raises: Invalid(malformed, amount_out_of_range)."""
        return cls(
            terms=terms,
            direction=cast(Direction, direction),
            amount=amount,
            fee=Money(0, amount.asset) if fee is None else fee,
            transaction=transaction,
            block=block,
            settled_at=settled_at,
            operator=operator,
            holder=holder,
            escrow=escrow,
        )

    @property
    def asset(self) -> Asset:
        """The token that was paid."""
        return self.amount.asset

    @property
    def currency(self) -> Asset:
        """The ISO 4217 currency in which messages state the token. Raises: Invalid(message_currency_unknown)."""
        currency = CURRENCIES.get(self.asset.peg)
        if currency is None:
            raise Invalid("message_currency_unknown", f"{self.asset.symbol} stands for no ISO 4217 currency.")
        return currency

    @property
    def end_to_end_id(self) -> str:
        """The settlement's id, which every payment and message of a trade carries: 32 characters."""
        return self.terms.settlement

    @property
    def uetr(self) -> str:
        """The payment's unique end-to-end transaction reference, shaped as ISO 20022 UUIDv4Identifier."""
        return self.kept("uetr", _uetr_of)

    def message_id(self, kind: str) -> str:
        """The id of the message of this kind about this payment: 32 characters."""
        return sha256(f"entrepot/message/1|{kind}|{self.uetr}".encode()).hexdigest()[:32]

    @property
    def creditor(self) -> Party:
        """Who was paid."""
        return self.terms.seller if self.direction == "release" else self.terms.buyer

    @property
    def escrow_account(self) -> str:
        """The escrow as CAIP-10, "" if its address is not known."""
        return caip10(self.terms.venue.chain_id, self.escrow) if self.escrow else ""

    @property
    def holder_name(self) -> str:
        """Who holds the escrow, or the escrow itself by its settlement where nobody is named."""
        return self.holder or self.operator.name or f"Escrow of settlement {self.terms.settlement}"

    @property
    def invoiced(self) -> Money:
        """What the invoice says. Raises: Invalid(asset_unknown, …) if the quote is in neither currency nor token."""
        return Money.from_json(self.terms.quote["invoiced"], AssetRegistry((self.asset,)), path="quote.invoiced")

    @property
    def rate(self) -> Decimal:
        """Major units of the token for one of the invoice's currency, exact. Raises: Invalid(malformed)."""
        text = self.terms.quote["rate"]["value"]
        try:
            rate = Decimal(text)
        except (InvalidOperation, TypeError, ValueError):
            rate = Decimal("NaN")
        if not rate.is_finite():
            raise Invalid("malformed", f"{text!r:.40} is not a rate.", path="quote.rate.value")
        return rate

    @property
    def instructed(self) -> Money | None:
        """What was paid, in the invoice's currency; None for a refund and where the invoice is in that currency.

        A part of the price is the same part of the invoice, rounded down: a message never says more than was paid.
        """
        invoiced = self.invoiced
        if (
            self.direction == "refund"
            or invoiced.asset.peg == self.currency.id
            or iso_rate_half_even(self.rate) is None
        ):
            return None
        part = invoiced.amount_minor * self.amount.amount_minor // self.terms.price.amount_minor
        return in_currency_down(Money(part, invoiced.asset), CURRENCIES[invoiced.asset.peg])

    def facts(self) -> Mapping[str, str | int]:
        """The exact facts that a message carries besides its ISO fields, as `read_payment` gives them back."""
        release = self.direction == "release"
        facts: dict[str, str | int] = {
            "settlement": self.terms.settlement,
            "direction": self.direction,
            "terms_hash": self.terms.hash(),
            "token": self.asset.id,
            "token_decimals": self.asset.decimals,
            "dti": self.asset.dti,
            "currency": self.currency.id,
            "amount_minor": self.amount.amount_minor,
            "fee_minor": self.fee.amount_minor,
            "transaction": self.transaction,
            "block": self.block,
            "settled_at": self.settled_at,
            "escrow": self.escrow_account,
            "debtor_wallet": self.terms.buyer.wallet if release else self.escrow_account,
            "creditor_wallet": self.creditor.wallet,
            "invoice_number": self.terms.invoice_number,
            "invoice_sha256": self.terms.invoice_sha256,
            "invoiced_asset": self.invoiced.asset.id,
            "invoiced_minor": self.invoiced.amount_minor,
            "rate": str(self.rate),
            "rate_source": str(self.terms.quote["rate_source"]),
        }
        return MappingProxyType(facts)


def _uetr_of(payment: SettledPayment) -> str:
    return uetr(
        settlement=payment.terms.settlement,
        direction=payment.direction,
        transaction=payment.transaction,
        token=payment.asset.id,
        amount_minor=payment.amount.amount_minor,
    )


def uetr(*, settlement: str, direction: str, transaction: str, token: str, amount_minor: int) -> str:
    """A version 4 UUID by its shape, derived and not random, so that a payment told twice is known as one."""
    facts = "|".join(("entrepot/uetr/1", settlement, direction, transaction, token, str(amount_minor)))
    digest = bytearray(sha256(facts.encode()).digest())
    digest[6] = 0x40 | digest[6] & 0x0F
    digest[8] = 0x80 | digest[8] & 0x3F
    text = digest[:16].hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def in_currency_down(money: Money, currency: Asset) -> Money:
    """`money` at par in `currency`'s minor unit, rounded down: a message never says more than was paid.

    The remainder, less than one minor unit of the currency, is said exactly in the supplementary data.
    Raises: Invalid(message_amount_too_large).
    """
    places = min(currency.decimals, CURRENCY_DECIMALS_MAX)
    fewer = money.asset.decimals - places
    minor = money.amount_minor // 10**fewer if fewer >= 0 else money.amount_minor * 10**-fewer
    if minor >= 10**AMOUNT_DIGITS_MAX:
        raise Invalid("message_amount_too_large", f"{money} has more than {AMOUNT_DIGITS_MAX} digits in ISO 20022.")
    return Money(minor, currency)


def iso_text(money: Money) -> str:
    """An amount in a currency as ISO 20022 writes it, with all decimals of the currency."""
    whole, part = divmod(money.amount_minor, 10**money.asset.decimals)
    return f"{whole}.{part:0{money.asset.decimals}d}" if money.asset.decimals else str(whole)


def iso_rate_half_even(rate: Decimal) -> Decimal | None:
    """`rate` to 11 digits and at most 10 decimals, half to even; None if nothing is left, or it does not fit.

    Nobody is paid by it: the exact rate is in the supplementary data. Source: ISO 20022 BaseOneRate.
    """
    context = Context(prec=RATE_DIGITS_MAX, rounding=ROUND_HALF_EVEN)
    exponent = max(rate.adjusted() - RATE_DIGITS_MAX + 1, -RATE_DECIMALS_MAX)
    if exponent > 0 or rate <= 0:
        return None
    rounded = rate.quantize(
        Decimal(1).scaleb(exponent), context=Context(prec=RATE_DIGITS_MAX + 1, rounding=ROUND_HALF_EVEN)
    )
    rounded = context.plus(rounded)
    return rounded if 0 < rounded < 10**RATE_DIGITS_MAX else None
