"""Reading back what was sent: nothing lost, and no message believed that says two things."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree
from made_up_payments import ESCROW, payment, payments, refund, terms
from test_payment_messages import MESSAGES

from entrepot.core.errors import Invalid
from entrepot.messages.blocks import OURS
from entrepot.messages.camt054 import camt_054
from entrepot.messages.pacs008 import pacs_008
from entrepot.messages.payment import SettledPayment
from entrepot.messages.reading import read_payment

SENT = {
    "pacs.008": pacs_008(payment()),
    "credit": camt_054(payment(), "credit"),
    "debit": camt_054(payment(), "debit"),
    "refund": pacs_008(refund()),
    "refund credit": camt_054(refund(), "credit"),
    "refund debit": camt_054(refund(), "debit"),
}


@pytest.mark.parametrize("kind", MESSAGES)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(made=payments())
def test_what_is_read_is_what_was_sent(kind: str, made: SettledPayment) -> None:
    read = read_payment(MESSAGES[kind](made))
    facts = dict(made.facts())
    assert {name: read[name] for name in facts} == facts
    assert set(read) - set(facts) == {"type", "side", "message_id", "uetr", "amount"}
    assert read["side"] == ("" if kind == "pacs.008" else kind)
    assert read["uetr"] == made.uetr


def leaves(raw: bytes) -> list[str]:
    """The path of each element with text."""
    root = etree.fromstring(raw)
    tree = root.getroottree()
    return [tree.getelementpath(element) for element in root.iter() if not len(element)]


# What stands in one place alone, so that nothing in the message can contradict it; the log has the message's hash.
SAID_ONCE = (
    "MsgId", "CreDtTm", "Ntfctn/Id", "SttlmMtd", "InstrId", "AcctSvcrRef", "CtgyPurp/Cd", "LclInstrm/Prtry",
    "InstdAmt", "InstdAmt/Amt", "XchgRate", "SrcCcy", "TrgtCcy", "UnitCcy", "ChrgBr", "Nm", "LEI", "CtryOfRes",
    "Tp/Prtry", "SchmeNm/Prtry", "SchmeNm/Cd", "Tp/Cd", "OrgId/Othr/Id", "Purp/Cd", "Purp/Prtry", "CdOrPrtry/Cd",
    "RltdDt", "PlcAndNm", "NbOfTxs", "Sts/Cd", "BookgDt/DtTm", "ValDt/DtTm", "Domn/Cd", "Fmly/Cd", "SubFmlyCd",
    "Rcrd/Amt", "Rcrd/CdtDbtInd", "ChrgInclInd", "Br", "TermsHash", "Block", "InvoiceSha256", "InvoicedAsset",
    "InvoicedMinor", "Rate", "RateSource",
)  # fmt: skip
RELEASED = ("pacs.008", "credit")


def other(text: str) -> str:
    """A text of the same shape that says something else."""
    last = text[-1]
    return text[:-1] + ("1" if last == "0" else "0" if last.isdigit() else "b" if last == "a" else "a")


@pytest.mark.parametrize("kind", SENT)
def test_a_change_of_any_fact_that_is_said_twice_is_noticed(kind: str) -> None:
    noticed = 0
    for path in leaves(SENT[kind]):
        plain = "/" + "/".join(step.partition("[")[0] for step in _local(path).split("/"))
        if plain.endswith(tuple(f"/{name}" for name in SAID_ONCE)):
            continue
        root = etree.fromstring(SENT[kind])
        element = root.find(path)
        assert element is not None
        # A fee below the cent is exact in one place only; change a digit that the currency can say.
        is_fee = plain.endswith("FeeMinor")
        element.text = str(int(element.text or "") + 10_000) if is_fee else other(element.text or "")
        if (is_fee and "debit" not in kind) or (plain.endswith("/Escrow") and kind in RELEASED):
            continue  # said once in this message
        with pytest.raises(Invalid):
            read_payment(etree.tostring(root))
        noticed += 1
    assert noticed >= 15


def _local(path: str) -> str:
    return "/".join(step.rpartition("}")[2] for step in path.split("/{"))


@pytest.mark.parametrize("kind", SENT)
def test_another_currency_of_the_amount_is_noticed(kind: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_payment(SENT[kind].replace(b'Amt Ccy="USD"', b'Amt Ccy="AUD"'))
    assert refused.value.code == "message_inconsistent"
    assert refused.value.path.endswith("Amt")


def test_a_message_that_is_not_valid_is_not_read_and_its_path_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        read_payment(SENT["pacs.008"].replace(b"<ChrgBr>DEBT<", b"<ChrgBr>NONE<"))
    assert (refused.value.code, refused.value.path) == (
        "message_invalid",
        "Document/FIToFICstmrCdtTrf/CdtTrfTxInf/ChrgBr",
    )


NOT_OURS = {
    "no supplement": (OURS.encode(), b"urn:someone:else"),
    "an unknown fact": (b"e:Block>", b"e:Cheque>"),
    "a fact twice": (b"<e:Block>42</e:Block>", b"<e:Block>42</e:Block><e:Block>42</e:Block>"),
    "a fact missing": (b"<e:Block>42</e:Block>", b""),
    "a number with a sign": (b"<e:Block>42<", b"<e:Block>+42<"),
    "a number with a zero before": (b"<e:Block>42<", b"<e:Block>042<"),
    "a number in other digits": (b"<e:Block>42<", "<e:Block>٤٢<".encode()),
    "a number of 40 digits": (b"<e:AmountMinor>1081234567<", b"<e:AmountMinor>" + b"1" * 40 + b"<"),
    "a fact with elements inside": (b"<e:Block>42<", b"<e:Block><e:Block/>42<"),
    "a time after the year 9999": (b"<e:SettledAt>1790000000<", b"<e:SettledAt>253402300800<"),
    "another direction": (b"<e:Direction>release<", b"<e:Direction>sideways<"),
}


@pytest.mark.parametrize(("old", "new"), NOT_OURS.values(), ids=NOT_OURS)
def test_what_this_system_would_not_write_is_not_read(old: bytes, new: bytes) -> None:
    assert old in SENT["pacs.008"]
    with pytest.raises(Invalid) as refused:
        read_payment(SENT["pacs.008"].replace(old, new))
    assert refused.value.code == "message_not_ours"


def test_a_message_of_another_type_is_not_ours() -> None:
    with pytest.raises(Invalid) as refused:
        read_payment(
            b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>1</MsgId>'
            b"<CreDtTm>2026-01-01T00:00:00</CreDtTm></GrpHdr><Stmt><Id>1</Id><Acct><Id><Othr><Id>1</Id></Othr></Id>"
            b"</Acct><Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy='USD'>1</Amt>"
            b"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-01</Dt></Dt></Bal></Stmt></BkToCstmrStmt></Document>"
        )
    assert refused.value.code == "message_not_ours"


def test_two_payments_in_one_message_are_not_read_as_one() -> None:
    raw = SENT["pacs.008"]
    start, end = raw.index(b"<CdtTrfTxInf>"), raw.index(b"</CdtTrfTxInf>") + len(b"</CdtTrfTxInf>")
    with pytest.raises(Invalid) as refused:
        read_payment(raw[:end] + raw[start:end] + raw[end:])
    assert refused.value.code == "message_not_ours"


def test_a_comment_inside_a_number_does_not_split_it() -> None:
    said = b"<e:AmountMinor>1081234567<"
    raw = SENT["pacs.008"].replace(said, b"<e:AmountMinor>10812<!-- -->34567<")
    assert read_payment(raw)["amount_minor"] == 1_081_234_567


def test_a_wallet_on_no_chain_we_know_is_noticed_though_it_is_said_the_same_everywhere() -> None:
    wallet = payment().creditor.wallet.encode()
    with pytest.raises(Invalid) as refused:
        read_payment(SENT["pacs.008"].replace(wallet, b"solana:" + wallet))
    assert refused.value.code == "message_inconsistent" and refused.value.path.endswith("CdtrAcct")


@pytest.mark.parametrize("length", [35, 36])
def test_an_invoice_number_is_read_whole_whether_it_fits_or_not(length: int) -> None:
    assert read_payment(pacs_008(payment(terms(invoice_number="9" * length))))["invoice_number"] == "9" * length


def test_an_escrow_whose_address_is_not_known_has_none_in_the_message() -> None:
    raw = pacs_008(refund(escrow=""))
    assert read_payment(raw)["escrow"] == ""
    with pytest.raises(Invalid) as refused:
        read_payment(
            raw.replace(b"<Prtry>DLTE</Prtry>\n        </Tp>", b"<Prtry>DLTE</Prtry></Tp><Prxy><Id>x</Id></Prxy>")
        )
    assert refused.value.code == "message_inconsistent"


def test_the_escrow_of_a_refund_is_the_debtor() -> None:
    assert read_payment(SENT["refund"])["debtor_wallet"] == f"eip155:31337:{ESCROW}"
