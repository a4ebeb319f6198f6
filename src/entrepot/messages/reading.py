"""Reads our own messages back, for reconciliation: what was told, from the bytes that were sent."""

from __future__ import annotations

from typing import Any

from lxml import etree

from entrepot.core.asset import CURRENCIES, DECIMALS_MAX, Asset
from entrepot.core.errors import Invalid, declare
from entrepot.core.money import Money

from . import camt054, pacs008
from .blocks import ID_CHARS_MAX, OURS, ROOT, fact_tag, iso_date, iso_time, wallet_short_id
from .payment import DIRECTIONS, YEAR_10000, in_currency_down, iso_text, uetr
from .schemas import parse_message, path_of, require_valid

NEEDED = (
    "settlement",
    "direction",
    "terms_hash",
    "token",
    "token_decimals",
    "currency",
    "amount_minor",
    "fee_minor",
    "transaction",
    "block",
    "settled_at",
    "creditor_wallet",
    "invoice_number",
    "invoice_sha256",
    "invoiced_asset",
    "invoiced_minor",
    "rate",
)
OPTIONAL = ("dti", "escrow", "debtor_wallet", "rate_source")
WHOLE = ("token_decimals", "amount_minor", "fee_minor", "block", "settled_at", "invoiced_minor")
WHOLE_DIGITS_MAX = 39  # of 2^127
_TOLD_APART_BY = ("settlement", "direction", "transaction", "token", "amount_minor")
_BODIES = {pacs008.TYPE: "FIToFICstmrCdtTrf/CdtTrfTxInf", camt054.TYPE: "BkToCstmrDbtCdtNtfctn/Ntfctn/Ntry"}

declare(
    "Invalid",
    message_not_ours="The message is not one of those that this system sends.",
    message_inconsistent="Two places of the message say different things.",
)


def read_payment(raw: bytes) -> dict[str, Any]:
    """What a message of ours says: `SettledPayment.facts` with `type`, `side`, `message_id`, `uetr`, `amount`.

    `side` is credit or debit for camt.054, else empty; `amount` is the ISO amount as written. Ids, amounts, date,
    chain, accounts and invoice number stand in ISO fields too, and must be the same there.
    Raises: Invalid(message_malformed, message_type_unknown, message_invalid, message_not_ours, message_inconsistent).
    """
    root = parse_message(raw)
    kind = require_valid(root)
    if kind not in _BODIES:
        raise Invalid("message_not_ours", f"{kind} is not sent by this system.")
    body = _only(root, _BODIES[kind])
    details = body if kind == pacs008.TYPE else _only(body, "NtryDtls/TxDtls")
    facts = _facts(details)
    said = _transfer(root, body, facts) if kind == pacs008.TYPE else _notice(root, body, facts)
    _same_invoice(details, facts)
    return facts | said | {"type": kind}


def _facts(details: etree._Element) -> dict[str, Any]:
    ours = details.findall(f"{{*}}SplmtryData/{{*}}Envlp/{{{OURS}}}{ROOT}")
    if len(ours) != 1:
        raise Invalid("message_not_ours", f"{len(ours)} supplements of {OURS}, not 1.", path=path_of(details))
    tags = {f"{{{OURS}}}{fact_tag(name)}": name for name in (*NEEDED, *OPTIONAL)}
    facts: dict[str, Any] = dict.fromkeys(OPTIONAL, "")
    for element in ours[0]:
        name = tags.pop(str(element.tag), None)
        if name is None or len(element):
            raise Invalid("message_not_ours", "The supplement has another shape.", path=path_of(element))
        facts[name] = _whole(element) if name in WHOLE else element.text or ""
    missing = sorted(set(NEEDED) - set(facts))
    if missing:
        raise Invalid("message_not_ours", f"The supplement lacks {', '.join(missing)}.", path=path_of(ours[0]))
    if facts["direction"] not in DIRECTIONS:
        raise Invalid("message_not_ours", f"{facts['direction']!r:.40} is no direction.", path=path_of(ours[0]))
    if facts["settled_at"] >= YEAR_10000:
        raise Invalid("message_not_ours", f"{facts['settled_at']} (Unix s) is no time.", path=path_of(ours[0]))
    if facts["direction"] == "refund" and facts["debtor_wallet"] != facts["escrow"]:
        raise Invalid("message_inconsistent", "A refund is paid from the escrow.", path=path_of(ours[0]))
    return facts


def _whole(element: etree._Element) -> int:
    text = element.text or ""
    if not text.isascii() or not text.isdigit() or len(text) > WHOLE_DIGITS_MAX or str(int(text)) != text:
        raise Invalid("message_not_ours", f"{text!r:.60} is not a whole number.", path=path_of(element))
    return int(text)


def _transfer(root: etree._Element, body: etree._Element, facts: dict[str, Any]) -> dict[str, Any]:
    amount = _only(body, "IntrBkSttlmAmt")
    _same_amount(amount, facts["amount_minor"], facts)
    _same(_only(root, "FIToFICstmrCdtTrf/GrpHdr/SttlmInf/ClrSys/Prtry"), facts["token"].partition("/")[0])
    _same(_only(body, "IntrBkSttlmDt"), iso_date(facts["settled_at"]))
    _same(_only(body, "SttlmTmIndctn/CdtDtTm"), iso_time(facts["settled_at"]))
    _same_accounts(body, facts)
    message_id = _only(root, "FIToFICstmrCdtTrf/GrpHdr/MsgId").text
    return _references(_only(body, "PmtId"), facts) | {"amount": amount.text, "side": "", "message_id": message_id}


def _notice(root: etree._Element, body: etree._Element, facts: dict[str, Any]) -> dict[str, Any]:
    indicator = _only(body, "CdtDbtInd")
    side = next(side for side, code in camt054.INDICATORS.items() if code == indicator.text)
    details = _only(body, "NtryDtls/TxDtls")
    moved = facts["amount_minor"] + (facts["fee_minor"] if side == "debit" else 0)
    _same_amount(_only(body, "Amt"), moved, facts)
    amount = _only(details, "Amt")
    _same_amount(amount, facts["amount_minor"], facts)
    _same(_only(details, "CdtDbtInd"), indicator.text or "")
    _same(_only(details, "RltdDts/IntrBkSttlmDt"), iso_date(facts["settled_at"]))
    _same(_only(details, "RltdDts/TxDtTm"), iso_time(facts["settled_at"]))
    _same_accounts(_only(details, "RltdPties"), facts)
    _same_own_account(_only(root, "BkToCstmrDbtCdtNtfctn/Ntfctn/Acct"), side, facts)
    message_id = _only(root, "BkToCstmrDbtCdtNtfctn/GrpHdr/MsgId").text
    return _references(_only(details, "Refs"), facts) | {"amount": amount.text, "side": side, "message_id": message_id}


def _references(place: etree._Element, facts: dict[str, Any]) -> dict[str, Any]:
    _same(_only(place, "EndToEndId"), facts["settlement"])
    given = _only(place, "UETR")
    _same(given, uetr(**{name: facts[name] for name in _TOLD_APART_BY}))
    return {"uetr": given.text}


def _same_amount(place: etree._Element, minor: int, facts: dict[str, Any]) -> None:
    """The ISO amount is the exact one, rounded by the rule by which it was written."""
    currency = CURRENCIES.get(place.get("Ccy", ""))
    if currency is None or currency.id != facts["currency"] or facts["token_decimals"] > DECIMALS_MAX:
        raise Invalid("message_inconsistent", f"{place.get('Ccy')!r:.10} is another currency.", path=path_of(place))
    token = Asset(id=facts["token"], symbol="token", decimals=facts["token_decimals"], kind="stablecoin")
    _same(place, iso_text(in_currency_down(Money(minor, token), currency)))


def _same_accounts(place: etree._Element, facts: dict[str, Any]) -> None:
    """Debtor's and creditor's accounts are the wallets, or the escrow where it pays back."""
    _same_wallet(_only(place, "CdtrAcct"), facts["creditor_wallet"])
    debtor = _only(place, "DbtrAcct")
    if facts["direction"] == "release":
        _same_wallet(debtor, facts["debtor_wallet"])
    else:
        _same_escrow(debtor, facts)


def _same_own_account(account: etree._Element, side: str, facts: dict[str, Any]) -> None:
    if side == "credit":
        _same_wallet(account, facts["creditor_wallet"])
    else:
        _same_escrow(account, facts)


def _same_wallet(account: etree._Element, wallet: str) -> None:
    _same(_only(account, "Prxy/Id"), wallet)
    try:
        short = wallet_short_id(wallet)
    except Invalid as error:
        raise Invalid("message_inconsistent", error.message, path=path_of(account)) from None
    _same(_only(account, "Id/Othr/Id"), short)


def _same_escrow(account: etree._Element, facts: dict[str, Any]) -> None:
    _same(_only(account, "Id/Othr/Id"), facts["settlement"])
    if facts["escrow"] or account.find("{*}Prxy") is not None:
        _same(_only(account, "Prxy/Id"), facts["escrow"])


def _same_invoice(details: etree._Element, facts: dict[str, Any]) -> None:
    if len(facts["invoice_number"]) <= ID_CHARS_MAX:
        _same(_only(details, "RmtInf/Strd/RfrdDocInf/Nb"), facts["invoice_number"])


def _same(place: etree._Element, text: str) -> None:
    if place.text != text:
        raise Invalid("message_inconsistent", f"{place.text!r:.80} here, {text!r:.80} elsewhere.", path=path_of(place))


def _only(parent: etree._Element, steps: str) -> etree._Element:
    """The one element at `steps`, in the message's own namespace. Raises: Invalid(message_not_ours)."""
    namespace = etree.QName(parent).namespace
    found = parent.findall("/".join(f"{{{namespace}}}{step}" for step in steps.split("/")))
    if len(found) != 1:
        raise Invalid("message_not_ours", f"{steps} stands {len(found)} times, not once.", path=path_of(parent))
    return found[0]
