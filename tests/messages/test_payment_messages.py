"""pacs.008 and camt.054: valid against the official schemas, mapped as agreed, the same bytes for the same facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from made_up_payments import BUYER, CHAIN, LEI, OPERATOR, SELLER, USDC, payment, payments, refund, terms

from entrepot.core.asset import CURRENCIES, Asset
from entrepot.core.errors import Invalid
from entrepot.core.money import Money
from entrepot.messages.camt054 import camt_054
from entrepot.messages.pacs008 import pacs_008
from entrepot.messages.payment import Agent, SettledPayment, in_currency_down, iso_rate_half_even, iso_text
from entrepot.messages.sayable import require_sayable
from entrepot.messages.schemas import check

Make = Callable[[SettledPayment], bytes]
MESSAGES: dict[str, Make] = {
    "pacs.008": pacs_008,
    "credit": lambda made: camt_054(made, "credit"),
    "debit": lambda made: camt_054(made, "debit"),
}
EVERY = pytest.mark.parametrize("make", MESSAGES.values(), ids=MESSAGES)
MANY = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def texts(raw: bytes, steps: str) -> list[str]:
    """The texts of all elements whose path ends with `steps`, by local names."""
    wanted = steps.split("/")
    found = []
    for element in etree.fromstring(raw).iter():
        path = [etree.QName(above).localname for above in element.iterancestors()][::-1]
        if [*path, etree.QName(element).localname][-len(wanted) :] == wanted:
            found.append(element.text or "")
    return found


def text(raw: bytes, steps: str) -> str:
    """The one text there."""
    (found,) = texts(raw, steps)
    return found


@EVERY
@MANY
@given(made=payments())
def test_every_message_is_valid_and_said_twice_in_the_same_bytes(make: Make, made: SettledPayment) -> None:
    raw = make(made)
    assert check(raw).errors == ()
    assert make(replace(made)) == raw


def test_the_bytes_are_those_of_every_other_machine() -> None:
    """A change here changes what a payment told twice looks like: it needs a decision, not a new hash."""
    assert payment().uetr == "9c642915-9028-4b86-af13-e9b0c880bc6e"
    assert {name: sha256(make(payment())).hexdigest()[:16] for name, make in MESSAGES.items()} == {
        "pacs.008": "93f2852bb15bab9f",
        "credit": "45586600b83fca02",
        "debit": "eb5ee07097028aaa",
    }


def test_the_token_is_said_as_the_mapping_says() -> None:
    raw = pacs_008(payment())
    assert text(raw, "GrpHdr/SttlmInf/SttlmMtd") == "CLRG"
    assert text(raw, "SttlmInf/ClrSys/Prtry") == CHAIN
    assert text(raw, "LclInstrm/Prtry") == "TOKEN/USDC"
    assert text(raw, "CdtTrfTxInf/IntrBkSttlmAmt") == "1081.23"
    assert (text(raw, "InstdAmt"), text(raw, "XchgRate")) == ("1000.00", "1.081234567")
    assert text(raw, "SettledPayment/AmountMinor") == "1081234567"
    assert text(raw, "SettledPayment/Token") == USDC.id
    assert text(raw, "RfrdDocInf/Nb") == "INV-2026/001"
    assert text(raw, "CdtrAcct/Prxy/Id") == SELLER.wallet
    assert text(raw, "DbtrAgt/FinInstnId/LEI") == LEI
    assert text(raw, "GrpHdr/CreDtTm") == "2026-09-21T14:13:20+00:00"
    assert b"PLACEH" not in raw


def test_a_registered_token_is_said_by_its_dti() -> None:
    token = replace(USDC, dti="X9J9K872S")
    made = terms(price=Money(5, token), fee=Money(0, token))
    assert text(pacs_008(payment(made)), "LclInstrm/Prtry") == "DTID/X9J9K872S"


def test_an_invoice_in_the_pegs_currency_needs_no_exchange() -> None:
    made = terms()
    made = replace(made, quote=made.quote | {"invoiced": Money(108_123, CURRENCIES["USD"]).to_json()})
    raw = pacs_008(payment(made))
    assert texts(raw, "InstdAmt") == texts(raw, "XchgRate") == []


def test_part_of_the_price_is_the_same_part_of_the_invoice_rounded_down() -> None:
    third = Money(1_081_234_567 // 3, USDC)
    assert text(pacs_008(payment(amount=third)), "InstdAmt") == "333.33"


def test_a_rate_that_does_not_fit_takes_the_instructed_amount_with_it() -> None:
    made = terms()
    made = replace(made, quote=made.quote | {"rate": made.quote["rate"] | {"value": "0.00000000001"}})
    raw = pacs_008(payment(made))
    assert texts(raw, "InstdAmt") == texts(raw, "XchgRate") == []
    assert text(raw, "SettledPayment/Rate") == "1E-11"


def test_a_refund_is_paid_by_the_escrow_and_never_by_the_seller() -> None:
    raw = pacs_008(refund())
    assert text(raw, "Dbtr/Nm") == "Made-up Trustees"
    assert text(raw, "DbtrAcct/Id/Othr/Id") == terms().settlement
    assert (text(raw, "Cdtr/Nm"), text(raw, "CdtrAcct/Prxy/Id")) == (BUYER.name, BUYER.wallet)
    assert text(raw, "CdtTrfTxInf/IntrBkSttlmAmt") == "1082.85"
    assert SELLER.name.encode() not in raw and texts(raw, "InstdAmt") == []


def test_what_is_not_known_is_said_as_not_provided() -> None:
    raw = pacs_008(refund(operator=Agent(), holder="", escrow=""))
    assert set(texts(raw, "FinInstnId/Othr/Id")) == {"NOTPROVIDED"}
    assert text(raw, "Dbtr/Nm") == f"Escrow of settlement {terms().settlement}"
    assert texts(raw, "DbtrAcct/Prxy/Id") == []


def test_the_buyers_debit_is_price_and_fee_and_the_three_amounts_add_up() -> None:
    raw = camt_054(payment(amount=Money(9_999, USDC), fee=Money(9_999, USDC)), "debit")
    entry, charge, paid = (Decimal(text(raw, path)) for path in ("Ntry/Amt", "Rcrd/Amt", "TxDtls/Amt"))
    assert (entry, charge, paid) == (Decimal("0.01"), Decimal("0.01"), Decimal("0.00"))
    assert texts(camt_054(payment(), "credit"), "Rcrd/Amt") == []


def test_the_credit_is_on_the_sellers_wallet_and_the_debit_on_the_escrow() -> None:
    credit, debit = camt_054(payment(), "credit"), camt_054(payment(), "debit")
    assert (text(credit, "Acct/Prxy/Id"), text(credit, "Acct/Ownr/Nm")) == (SELLER.wallet, SELLER.name)
    assert text(debit, "Ntfctn/Acct/Id/Othr/Id") == terms().settlement
    assert (texts(credit, "Ntry/CdtDbtInd"), texts(debit, "Ntry/CdtDbtInd")) == (["CRDT"], ["DBIT"])


def test_a_transfer_inside_one_country_is_domestic() -> None:
    at_home = replace(BUYER, country=SELLER.country)
    assert text(camt_054(payment(), "credit"), "Fmly/SubFmlyCd") == "XBCT"
    assert text(camt_054(payment(terms(buyer=at_home)), "credit"), "Fmly/SubFmlyCd") == "DMCT"


def test_ids_differ_between_messages_and_payments_and_hold_for_one_trade() -> None:
    several = [payment(), payment(amount=Money(7, USDC)), payment(transaction="0x" + "01" * 32), refund()]
    raws = [make(made) for made in several for make in MESSAGES.values()]
    assert len({text(raw, "GrpHdr/MsgId") for raw in raws}) == len(raws)
    assert len({text(raw, "UETR") for raw in raws}) == len(several)
    assert {text(raw, "EndToEndId") for raw in raws} == {terms().settlement}


@pytest.mark.parametrize(
    ("length", "numbers", "further"), [(35, 1, []), (36, 0, [36]), (140, 0, [140]), (200, 0, [140, 60])]
)
def test_a_long_invoice_number_is_given_whole_elsewhere(length: int, numbers: int, further: list[int]) -> None:
    raw = pacs_008(payment(terms(invoice_number="9" * length)))
    assert len(texts(raw, "RfrdDocInf/Nb")) == numbers
    assert [len(part) for part in texts(raw, "AddtlRmtInf")] == further
    assert text(raw, "SettledPayment/InvoiceNumber") == "9" * length


@pytest.mark.parametrize(
    ("minor", "decimals", "currency", "said"),
    [
        (1_009_999, 6, "USD", "1.00"),
        (1_010_000, 6, "USD", "1.01"),
        (1_999_999, 6, "JPY", "1"),
        (1_999_999, 6, "KWD", "1.999"),
        (5, 0, "USD", "5.00"),
        (9, 6, "USD", "0.00"),
        (10**34 - 1, 18, "USD", "9999999999999999.99"),
    ],
)
def test_iso_amounts_are_rounded_down_to_the_currency(minor: int, decimals: int, currency: str, said: str) -> None:
    token = Asset(id="t", symbol="T", decimals=decimals, kind="stablecoin", peg=currency)
    assert iso_text(in_currency_down(Money(minor, token), CURRENCIES[currency])) == said


def test_nineteen_digits_are_refused_before_anybody_signs() -> None:
    require_sayable(terms(price=Money(10**22 - 1, USDC), fee=Money(0, USDC)))
    with pytest.raises(Invalid) as refused:
        require_sayable(terms(price=Money(10**22 - 1, USDC), fee=Money(1, USDC)))
    assert refused.value.code == "message_amount_too_large"


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        ("1", "1"),
        ("1.08123456785", "1.0812345678"),
        ("1.08123456795", "1.081234568"),
        ("0.00006312345678", "0.0000631235"),
        ("12345.67890123", "12345.678901"),
        ("99999999999.4", "99999999999"),
        ("99999999999.5", None),
        ("100000000000", None),
        ("0.00000000005", None),
        ("0.000000000051", "0.0000000001"),
        ("0", None),
        ("-1", None),
    ],
)
def test_rates_are_rounded_half_to_even_into_eleven_digits(rate: str, said: str | None) -> None:
    rounded = iso_rate_half_even(Decimal(rate))
    assert rounded == (None if said is None else Decimal(said))


@given(st.decimals(min_value="1e-20", max_value="1e20", allow_nan=False))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_rounded_rate_is_within_half_a_last_place_and_fits(rate: Decimal) -> None:
    rounded = iso_rate_half_even(rate)
    if rounded is None:
        assert rate <= Decimal("0.00000000005") or rate >= Decimal("99999999999.5")
    else:
        sign, digits, exponent = rounded.as_tuple()
        assert sign == 0 and len(digits) <= 11 and isinstance(exponent, int) and exponent >= -10
        assert abs(rounded - rate) * 2 <= Decimal(1).scaleb(exponent)


TOO_MUCH: dict[str, tuple[dict[str, Any], str]] = {
    "more than the price": ({"amount": Money(1_081_234_568, USDC)}, "amount_out_of_range"),
    "nothing": ({"amount": Money(0, USDC)}, "amount_out_of_range"),
    "more fee than agreed": ({"fee": Money(1_620_002, USDC)}, "amount_out_of_range"),
    "another token": ({"amount": Money(1, replace(USDC, symbol="X"))}, "asset_mismatch"),
    "a short hash": ({"transaction": "0x5f"}, "malformed"),
    "a negative block": ({"block": -1}, "malformed"),
    "the year 10000": ({"settled_at": 253_402_300_800}, "malformed"),
    "an escrow that is no address": ({"escrow": "0xe5"}, "malformed"),
    "a holder of 141 characters": ({"holder": "x" * 141}, "malformed"),
}


@pytest.mark.parametrize(("changes", "code"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_payment_that_the_terms_do_not_know_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        payment(**changes)
    assert refused.value.code == code


def test_a_refund_charges_no_fee() -> None:
    with pytest.raises(Invalid, match="more than"):
        refund(fee=Money(1, USDC))


def test_an_agent_has_a_true_lei_and_a_name_that_fits() -> None:
    with pytest.raises(Invalid, match="LEI"):
        Agent(lei=LEI[:-1] + "3")
    with pytest.raises(Invalid, match="140"):
        Agent(name="x" * 141)
    assert Agent(name="x" * 140, lei=LEI).lei == LEI


UNSAYABLE: dict[str, tuple[dict[str, Any], str]] = {
    "a control character": ({"buyer": replace(BUYER, name="Bell \x07 AB")}, "message_text_unsayable"),
    "half a surrogate": ({"buyer": replace(BUYER, name="\ud800")}, "message_text_unsayable"),
    "no invoice number": ({"invoice_number": ""}, "message_invalid"),
    "a date that is none": ({"invoice_date": "2026-02-30"}, "message_invalid"),
    "bitcoin": (
        {"price": Money(1, replace(USDC, peg="")), "fee": Money(0, replace(USDC, peg=""))}, "message_currency_unknown",
    ),
    "no rate": ({"quote": terms().quote | {"rate": {"of": "EUR", "into": USDC.id, "value": "much"}}}, "malformed"),
    "a rate that is no number": (
        {"quote": terms().quote | {"rate": {"of": "EUR", "into": USDC.id, "value": "NaN"}}}, "malformed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "code"), UNSAYABLE.values(), ids=UNSAYABLE)
def test_what_no_message_can_say_is_refused_before_anybody_signs(changes: dict[str, Any], code: str) -> None:
    require_sayable(terms(), operator=OPERATOR)
    with pytest.raises(Invalid) as refused:
        require_sayable(terms(**changes), operator=OPERATOR)
    assert refused.value.code == code


@MANY
@given(made=payments(), data=st.data())
def test_what_is_sayable_at_signing_can_be_told_at_every_payout(made: SettledPayment, data: st.DataObject) -> None:
    require_sayable(made.terms, operator=made.operator, holder=made.holder)
    make = data.draw(st.sampled_from(sorted(MESSAGES)))
    assert check(MESSAGES[make](made)).ok


@given(name=st.text(min_size=1, max_size=140))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_any_name_is_either_refused_or_valid(name: str) -> None:
    made = terms(buyer=replace(BUYER, name=name))
    try:
        require_sayable(made)
    except Invalid as refused:
        assert refused.code == "message_text_unsayable"
    else:
        assert text(pacs_008(payment(made)), "Dbtr/Nm") == name
