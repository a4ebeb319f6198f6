"""camt.054: the notification of a credit or a debit, told to the holder of the account that it touched."""

from __future__ import annotations

from typing import Literal

from entrepot.core.money import Money
from entrepot.core.party import Party

from . import pacs008
from .blocks import (
    add,
    add_agent,
    add_amount,
    add_debtor,
    add_escrow,
    add_exchange_rate,
    add_party,
    add_purpose,
    add_references,
    add_remittance,
    add_supplement,
    add_wallet,
    document,
    iso_date,
    iso_time,
    sealed,
    token_code,
)
from .payment import SettledPayment, in_currency_down
from .writing import Element

TYPE = "camt.054.001.08"
PLACE = "/Document/BkToCstmrDbtCdtNtfctn/Ntfctn/Ntry/NtryDtls/TxDtls"
Side = Literal["credit", "debit"]
SIDES: tuple[Side, ...] = ("credit", "debit")
INDICATORS = {"credit": "CRDT", "debit": "DBIT"}


def camt_054(payment: SettledPayment, side: Side) -> bytes:
    """The bytes of camt.054.001.08 about `payment`; the same facts give the same bytes.

    `credit` tells the receiver of the credit to its wallet. `debit` tells the buyer of the debit to the escrow's
    account, with the fee: the buyer's wallet was debited earlier, when the escrow was funded.
    Raises: Invalid(message_currency_unknown, message_amount_too_large, message_text_unsayable,
    message_invalid). Source: ISO 20022 BankToCustomerDebitCreditNotificationV08.
    """
    assert side in SIDES, side
    root, message = document(TYPE, "BkToCstmrDbtCdtNtfctn")
    owner = payment.creditor if side == "credit" else payment.terms.buyer
    message_id = payment.message_id(f"{TYPE}|{side}")
    header = add(message, "GrpHdr")
    add(header, "MsgId", message_id)
    add(header, "CreDtTm", iso_time(payment.settled_at))
    add_party(header, "MsgRcpt", owner)
    notice = add(message, "Ntfctn")
    add(notice, "Id", message_id)
    add(notice, "CreDtTm", iso_time(payment.settled_at))
    _account(notice, payment, side, owner)
    _entry(add(notice, "Ntry"), payment, side)
    return sealed(root)


def _account(notice: Element, payment: SettledPayment, side: Side, owner: Party) -> None:
    if side == "credit":
        account = add_wallet(notice, "Acct", owner.wallet)
        add_party(account, "Ownr", owner)
    else:
        account = add_escrow(notice, "Acct", payment)
        add(account, "Ownr/Nm", payment.holder_name)
    add_agent(account, "Svcr", payment.operator)


def _entry(entry: Element, payment: SettledPayment, side: Side) -> None:
    paid = in_currency_down(payment.amount, payment.currency)
    moved = in_currency_down(payment.amount + payment.fee, payment.currency) if side == "debit" else paid
    add_amount(entry, "Amt", moved)
    add(entry, "CdtDbtInd", INDICATORS[side])
    add(entry, "Sts/Cd", "BOOK")
    add(entry, "BookgDt/DtTm", iso_time(payment.settled_at))
    add(entry, "ValDt/DtTm", iso_time(payment.settled_at))
    add(entry, "AcctSvcrRef", payment.uetr.replace("-", ""))
    _transaction_code(entry, payment, side)
    if moved != paid:
        _charge(entry, moved - paid)
    _transaction(add(entry, "NtryDtls/TxDtls"), payment, side, paid)


def _charge(entry: Element, charge: Money) -> None:
    """The fee as what the entry has over the payment, so that the three add up after rounding."""
    record = add(entry, "Chrgs/Rcrd")
    add_amount(record, "Amt", charge)
    add(record, "CdtDbtInd", "DBIT")
    add(record, "ChrgInclInd", "true")
    add(record, "Br", "DEBT")


def _transaction_code(parent: Element, payment: SettledPayment, side: Side) -> None:
    """PMNT, issued or received credit transfer, across a border or not; a refund is OTHR. Source: ISO 20022 BTC."""
    domain = add(parent, "BkTxCd/Domn")
    add(domain, "Cd", "PMNT")
    family = add(domain, "Fmly")
    add(family, "Cd", "RCDT" if side == "credit" else "ICDT")
    across = "DMCT" if payment.terms.seller.country == payment.terms.buyer.country else "XBCT"
    add(family, "SubFmlyCd", across if payment.direction == "release" else "OTHR")


def _transaction(details: Element, payment: SettledPayment, side: Side, paid: Money) -> None:
    refs = add(details, "Refs")
    add(refs, "MsgId", payment.message_id(pacs008.TYPE))
    add_references(refs, payment)
    add_amount(details, "Amt", paid)
    add(details, "CdtDbtInd", INDICATORS[side])
    _exchange(details, payment)
    parties = add(details, "RltdPties")
    add_debtor(parties, "Dbtr/Pty", payment)
    add_party(parties, "Cdtr/Pty", payment.creditor)
    add_wallet(parties, "CdtrAcct", payment.creditor.wallet)
    agents = add(details, "RltdAgts")
    add_agent(agents, "DbtrAgt", payment.operator)
    add_agent(agents, "CdtrAgt", payment.operator)
    add(details, "LclInstrm/Prtry", token_code(payment))
    add_purpose(details, payment)
    add_remittance(details, payment)
    dates = add(details, "RltdDts")
    add(dates, "IntrBkSttlmDt", iso_date(payment.settled_at))
    add(dates, "TxDtTm", iso_time(payment.settled_at))
    add_supplement(details, payment, place=PLACE)


def _exchange(details: Element, payment: SettledPayment) -> None:
    instructed = payment.instructed
    if instructed is None:
        return
    place = add(details, "AmtDtls/InstdAmt")
    add_amount(place, "Amt", instructed)
    exchange = add(place, "CcyXchg")
    add(exchange, "SrcCcy", instructed.asset.id)
    add(exchange, "TrgtCcy", payment.currency.id)
    add(exchange, "UnitCcy", instructed.asset.id)
    add_exchange_rate(exchange, payment)
