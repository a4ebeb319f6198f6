"""pacs.008: the customer credit transfer, told bank to bank about a payment that is final on a rail."""

from __future__ import annotations

from .blocks import (
    add,
    add_agent,
    add_amount,
    add_debtor,
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

TYPE = "pacs.008.001.08"
PLACE = "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf"


def pacs_008(payment: SettledPayment) -> bytes:
    """The bytes of pacs.008.001.08 about `payment`; the same facts give the same bytes.

    The token's value stands in its peg's currency, rounded by `in_currency_down`; exact units, CAIP-19 and the
    transaction's hash stand in the supplementary data. A refund is paid by the escrow's holder, as the seller never
    had the money. Raises: Invalid(message_currency_unknown, message_amount_too_large, message_text_unsayable,
    message_invalid). Source: ISO 20022 FIToFICustomerCreditTransferV08.
    """
    root, message = document(TYPE, "FIToFICstmrCdtTrf")
    _header(add(message, "GrpHdr"), payment)
    transfer = add(message, "CdtTrfTxInf")
    _references(transfer, payment)
    _amounts(transfer, payment)
    add_debtor(transfer, "Dbtr", payment)
    add_agent(transfer, "DbtrAgt", payment.operator)
    add_agent(transfer, "CdtrAgt", payment.operator)
    add_party(transfer, "Cdtr", payment.creditor)
    add_wallet(transfer, "CdtrAcct", payment.creditor.wallet)
    add_purpose(transfer, payment)
    add_remittance(transfer, payment)
    add_supplement(transfer, payment, place=PLACE)
    return sealed(root)


def _header(header: Element, payment: SettledPayment) -> None:
    add(header, "MsgId", payment.message_id(TYPE))
    add(header, "CreDtTm", iso_time(payment.settled_at))
    add(header, "NbOfTxs", "1")
    settlement = add(header, "SttlmInf")
    add(settlement, "SttlmMtd", "CLRG")
    add(settlement, "ClrSys/Prtry", payment.terms.chain)
    add_agent(header, "InstgAgt", payment.operator)
    add_agent(header, "InstdAgt", payment.operator)


def _references(transfer: Element, payment: SettledPayment) -> None:
    add_references(add(transfer, "PmtId"), payment)
    kind = add(transfer, "PmtTpInf")
    add(kind, "LclInstrm/Prtry", token_code(payment))
    add(kind, "CtgyPurp/Cd", "TRAD")


def _amounts(transfer: Element, payment: SettledPayment) -> None:
    add_amount(transfer, "IntrBkSttlmAmt", in_currency_down(payment.amount, payment.currency))
    add(transfer, "IntrBkSttlmDt", iso_date(payment.settled_at))
    add(transfer, "SttlmTmIndctn/CdtDtTm", iso_time(payment.settled_at))
    instructed = payment.instructed
    if instructed is not None:
        add_amount(transfer, "InstdAmt", instructed)
        add_exchange_rate(transfer, payment)
    add(transfer, "ChrgBr", "DEBT")  # the buyer bears the fee; the receiver gets the whole amount
