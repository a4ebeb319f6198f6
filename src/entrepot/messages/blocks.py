"""The parts that our messages share: parties, agents, accounts, remittance and supplementary data as ISO 20022 XML."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import cache, lru_cache

from lxml import etree

from entrepot.core.canonical import unhex
from entrepot.core.money import Money
from entrepot.core.party import Party, wallet_address

from .payment import Agent, SettledPayment, iso_rate_half_even, iso_text
from .schemas import ISO, require_valid
from .writing import Element, Fragment, escaped

OURS = "urn:entrepot:iso20022:settled-payment:1"
ROOT = "SettledPayment"
ID_CHARS_MAX = 35  # ISO 20022 Max35Text
TEXT_CHARS_MAX = 140  # ISO 20022 Max140Text
ADDITIONAL_MAX = 3  # occurrences of AddtlRmtInf
WALLET, ESCROW = "DLTW", "DLTE"  # our account types: a wallet, an escrow contract
WALLET_SCHEME, ESCROW_SCHEME = "EVM-ADDRESS-BASE32", "ENTREPOT-SETTLEMENT"
PARTS_KEPT = 1_024  # parties, agents, wallets: they trade again, and stand in several places of a message
TIMES_KEPT = 64
NOT_PROVIDED = "NOTPROVIDED"  # what banks write where a mandatory party is not known. Source: EPC rulebooks


def document(kind: str, name: str) -> tuple[Element, Element]:
    """A new `Document` of the type, and its one child."""
    root = Element("Document", attribute=f'xmlns="{ISO}{kind}"')
    return root, add(root, name)


def add(parent: Element, path: str, text: str | None = None, *, ccy: str = "") -> Element:
    """Appends one new element for each step of `path` and returns the last. Raises: Invalid(message_text_unsayable)."""
    for step in path.split("/"):
        one = Element(step)
        parent.children.append(one)
        parent = one
    if ccy:
        parent.attribute = f'Ccy="{escaped(ccy, path=path)}"'
    if text is not None:
        parent.text = escaped(text, path=path)
    return parent


def add_amount(parent: Element, path: str, money: Money) -> Element:
    """An amount in an ISO 4217 currency."""
    return add(parent, path, iso_text(money), ccy=money.asset.id)


def add_party(parent: Element, path: str, party: Party) -> None:
    """Name, LEI, registration and country of residence; a registration that ISO 20022 has no room for is left out."""
    add(parent, path).children.append(_party(party))


@lru_cache(maxsize=PARTS_KEPT)
def _party(party: Party) -> Fragment:
    place = Element("")
    add(place, "Nm", party.name)
    registration = party.registration if len(party.registration) <= ID_CHARS_MAX else ""
    if party.lei or registration:
        identified = add(place, "Id/OrgId")
        if party.lei:
            add(identified, "LEI", party.lei)
        if registration:
            other = add(identified, "Othr")
            add(other, "Id", registration)
            add(other, "SchmeNm/Cd", "COID")
    add(place, "CtryOfRes", party.country)
    return Fragment(place.children)


def add_agent(parent: Element, path: str, agent: Agent) -> None:
    """A bank or VASP by LEI and name; NOTPROVIDED if neither is known."""
    add(parent, f"{path}/FinInstnId").children.append(_agent(agent))


@lru_cache(maxsize=PARTS_KEPT)
def _agent(agent: Agent) -> Fragment:
    place = Element("")
    if agent.lei:
        add(place, "LEI", agent.lei)
    if agent.name:
        add(place, "Nm", agent.name)
    if not (agent.lei or agent.name):
        add(place, "Othr/Id", NOT_PROVIDED)
    return Fragment(place.children)


def add_wallet(parent: Element, path: str, account: str) -> Element:
    """A wallet: `account` is CAIP-10; its address in base32 is the 32 characters that fit into `Othr/Id`."""
    place = add(parent, path)
    place.children.append(_wallet(account))
    return place


def add_escrow(parent: Element, path: str, payment: SettledPayment) -> Element:
    """The escrow's account: known by its settlement, and by CAIP-10 where its address is known."""
    place = add(parent, path)
    place.children.append(_account(payment.terms.settlement, ESCROW_SCHEME, ESCROW, payment.escrow_account))
    return place


@lru_cache(maxsize=PARTS_KEPT)
def _wallet(account: str) -> Fragment:
    return _account(wallet_short_id(account), WALLET_SCHEME, WALLET, account)


def wallet_short_id(account: str) -> str:
    """The address of a CAIP-10 account in base32 without padding: 32 characters, nothing lost. Source: RFC 4648."""
    return base64.b32encode(unhex(wallet_address(account), size=20)).decode()


def add_debtor(parent: Element, path: str, payment: SettledPayment) -> None:
    """Who paid, at `path`, and `DbtrAcct`: the buyer, or the escrow's holder for a refund (the seller never had it)."""
    if payment.direction == "release":
        add_party(parent, path, payment.terms.buyer)
        add_wallet(parent, "DbtrAcct", payment.terms.buyer.wallet)
    else:
        add(parent, f"{path}/Nm", payment.holder_name)
        add_escrow(parent, "DbtrAcct", payment)


def add_references(parent: Element, payment: SettledPayment) -> None:
    """The three ids by which every bank of the chain knows the payment."""
    parent.children.append(payment.kept("references", _references))


def _references(payment: SettledPayment) -> Fragment:
    parent = Element("")
    add(parent, "InstrId", payment.uetr.replace("-", ""))
    add(parent, "EndToEndId", payment.end_to_end_id)
    add(parent, "UETR", payment.uetr)
    return Fragment(parent.children)


def add_purpose(parent: Element, payment: SettledPayment) -> None:
    """Why it was paid."""
    if payment.direction == "release":
        add(parent, "Purp/Cd", "GDDS")  # ExternalPurpose1Code: purchase and sale of goods
    else:
        add(parent, "Purp/Prtry", "ESCROW REFUND")


def _account(short: str, scheme: str, kind: str, proxy: str) -> Fragment:
    place = Element("")
    other = add(place, "Id/Othr")
    add(other, "Id", short)
    add(other, "SchmeNm/Prtry", scheme)
    add(place, "Tp/Prtry", kind)
    if proxy:
        known = add(place, "Prxy")
        add(known, "Tp/Cd", "EWAL")
        add(known, "Id", proxy)
    return Fragment(place.children)


def token_code(payment: SettledPayment) -> str:
    """`DTID/…` of a registered token (ISO 24165), else `TOKEN/SYMBOL`; what exactly it is says the CAIP-19 id."""
    asset = payment.asset
    return f"DTID/{asset.dti}"[:ID_CHARS_MAX] if asset.dti else f"TOKEN/{asset.symbol}"[:ID_CHARS_MAX]


def add_exchange_rate(parent: Element, payment: SettledPayment) -> None:
    """`XchgRate`, rounded by `iso_rate_half_even`; only where `payment.instructed` is."""
    add(parent, "XchgRate", rate_text(payment))


def rate_text(payment: SettledPayment) -> str:
    """The rate as it is told."""
    rate = iso_rate_half_even(payment.rate)
    assert rate is not None, "an instructed amount has a rate that fits"
    return f"{rate.normalize():f}"


def add_remittance(parent: Element, payment: SettledPayment) -> None:
    """The invoice: structured number and date; a number of over 35 characters is given whole as further text."""
    add(parent, "RmtInf/Strd").children.append(payment.kept("remittance", _remittance))


def _remittance(payment: SettledPayment) -> Fragment:
    terms, place = payment.terms, Element("")
    invoice = add(place, "RfrdDocInf")
    add(invoice, "Tp/CdOrPrtry/Cd", "CINV")
    if len(terms.invoice_number) <= ID_CHARS_MAX:
        add(invoice, "Nb", terms.invoice_number)
    add(invoice, "RltdDt", terms.invoice_date)
    if len(terms.invoice_number) > ID_CHARS_MAX:
        for start in range(0, min(len(terms.invoice_number), ADDITIONAL_MAX * TEXT_CHARS_MAX), TEXT_CHARS_MAX):
            add(place, "AddtlRmtInf", terms.invoice_number[start : start + TEXT_CHARS_MAX])
    return Fragment(place.children)


def add_supplement(parent: Element, payment: SettledPayment, *, place: str) -> None:
    """The exact facts in our own namespace: units, CAIP-19, transaction, wallets; `place` is what they are about."""
    supplement = add(parent, "SplmtryData")
    add(supplement, "PlcAndNm", place)
    envelope = add(supplement, "Envlp")
    ours = add(envelope, f"e:{ROOT}")
    ours.attribute = f'xmlns:e="{OURS}"'
    ours.children.append(payment.kept("supplement", _facts))


def _facts(payment: SettledPayment) -> Fragment:
    ours = Element("")
    for name, value in payment.facts().items():
        if value != "":
            add(ours, f"e:{fact_tag(name)}", str(value))
    return Fragment(ours.children)


@cache
def fact_tag(name: str) -> str:
    """`amount_minor` as the element `AmountMinor`."""
    return "".join(word.capitalize() for word in name.split("_"))


@lru_cache(maxsize=TIMES_KEPT)
def iso_time(at: int) -> str:
    """Unix seconds as ISODateTime in UTC."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def iso_date(at: int) -> str:
    """Unix seconds as ISODate in UTC."""
    return iso_time(at)[:10]


def sealed(root: Element) -> bytes:
    """The bytes that go out, valid against the official schema as they are read. Raises: Invalid(message_invalid)."""
    raw = b"<?xml version='1.0' encoding='UTF-8'?>\n" + root.written().encode()
    require_valid(etree.fromstring(raw))
    return raw
