"""Fund, present, examine, release: the way of the money when everybody keeps the terms."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from decimal import Decimal

from entrepot.core.acts import EXAMINATION, PRESENTATION, WAIVER
from entrepot.core.asset import AssetRegistry
from entrepot.core.canonical import Json, hex0x, sha256_of, unhex
from entrepot.core.crypto import secp256k1_recover
from entrepot.core.decision import Decision
from entrepot.core.eip712 import Struct
from entrepot.core.errors import EntrepotError, Invalid, Refused, declare
from entrepot.core.lifecycle import Role, State
from entrepot.core.money import Money
from entrepot.core.party import Party
from entrepot.core.passport import Act
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms
from entrepot.documents.banking_days import examine_by
from entrepot.documents.examination import Discrepancy, Examination, examine
from entrepot.documents.invoice import media_type_of
from entrepot.documents.presented import ExaminedTerms, GoodsAgreed
from entrepot.documents.stated import KINDS, DeliveryTerms, StatedParty
from entrepot.documents.trade_documents import Document, read_document
from entrepot.rails.authorization import authorization_of
from entrepot.store.records import InboxItem, Paper
from entrepot.store.store import Transaction

from ..checks.check import (
    check_funding,
    decide,
    give_passport,
    keep_decision,
    pause,
    read_terms,
    reference_minor,
    reserve_headroom,
    stopped_until,
)
from ..checks.payee import require_payable
from ..step.answers import answered, require_role, signature_in, whole_in
from ..step.batch import Batch
from ..step.follow import arrival_s
from .propose import own_settlement, side_of
from .unwind import otherwise

DOCUMENTS_MAX = 10
NOTE_CHARS_MAX = 500
AUTHORIZED_S_MIN = 60  # that a payment's authorisation must still hold: it takes a few blocks
DOCUMENT_BASE64_MAX = 7_000_000

declare(
    "Refused",
    payments_stopped="A stop is in force: nobody pays into escrow until it ends. Then pay again, and it is checked.",
    examination_late="The examination's time is over; silence has counted as acceptance.",
    documents_missing="The presentation lacks a document that the terms require.",
)
declare("Invalid", document_empty="The file is empty: there is nothing in it to read.")


def fund(batch: Batch, item: InboxItem) -> Json:
    """The buyer's signed authorisation (EIP-3009) is sent for it; it needs no gas coin."""
    require_role(item, "treasurer")
    settlement = own_settlement(batch, item)
    if side_of(settlement, item) != "buyer":
        raise Refused("not_your_act", "The buyer funds the escrow.")
    if settlement.state is not State.CLEARED:
        raise Refused("not_in_this_state", f"Funding does not happen while {settlement.state}.")
    terms = read_terms(batch, settlement)
    require_payable(batch, terms)
    _require_no_stop(batch)
    decided = decide(batch, settlement, terms, Act.FUND)
    if not isinstance(decided, Decision):  # stale lists: having been cleared before does not help
        raise Refused("not_cleared", "The checks do not clear this payment now; try again later.")
    amount = reference_minor(batch, terms.total)
    if decided.outcome(holds_money=False) != "clear" or not reserve_headroom(batch, settlement, amount):
        return _answer(check_funding(batch, settlement))
    attempt = whole_in(item.body, "attempt", high=2**32)
    authorised: Json = {
        "attempt": attempt,
        "valid_after": whole_in(item.body, "valid_after", default=0),
        "valid_before": whole_in(item.body, "valid_before"),
        "buyer_signature": signature_in(item.body),
    }
    _require_authorised(batch, settlement, terms, authorised)
    facts = keep_decision(batch, settlement, decided)
    passport, signature = give_passport(
        batch, settlement, terms, decided, payee=settlement.escrow, amount_minor=settlement.total_minor
    )
    settlement = batch.happen(
        settlement,
        "funding_sent",
        Role.BUYER,
        facts | {"amount_minor": str(settlement.total_minor), "attempt": attempt},
        actor=item.person,
        dates=batch.ask_rail_at(),
    )
    signed = passport.to_json() | {"signature": signature}
    batch.operate(settlement, "fund_with_authorization", authorised | {"passport": signed}, decided=decided)
    return answered(202, {"settlement": settlement.id, "state": settlement.state.value})


def _require_no_stop(batch: Batch) -> None:
    """Before the payment is looked at, so that this answer tells nothing of it. Raises: Refused(payments_stopped)."""
    if until := stopped_until(batch):
        ends = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
        raise Refused("payments_stopped", f"The supervisor's stop ends at {ends}, unless two persons lift it earlier.")


def _read(body: bytes, place: int) -> Document:
    """A presented document. Raises: as `read_document`, naming which of the set is meant; document_empty."""
    path = f"documents_base64[{place}]"
    if not body.strip():
        raise Invalid("document_empty", f"Document {place + 1} is an empty file.", path=path)
    try:
        return read_document(body)
    except EntrepotError as error:
        within = f" ({error.path})" if error.path and error.path not in error.message else ""
        says = f"Document {place + 1}: {error.message}{within}"
        raise type(error)(error.code, says, path=path, cites=error.cites) from None


def _require_authorised(batch: Batch, settlement: Settlement, terms: Terms, given: Json) -> None:
    """The buyer's wallet signed this payment, and the token will take it now. Source: EIP-3009."""
    after, before = given["valid_after"], given["valid_before"]
    if not after < batch.now < before - AUTHORIZED_S_MIN:
        says = f"The authorisation holds from {after} to {before} (Unix s), and it is {batch.now}."
        raise Invalid("malformed", says, path="valid_before" if after < batch.now else "valid_after")
    allowed = authorization_of(
        terms, settlement.escrow, attempt=given["attempt"], valid_before=before, valid_after=after
    )
    signer = secp256k1_recover(unhex(given["buyer_signature"]), allowed.digest(batch.ctx.token_domain))
    if signer != terms.buyer_address:
        raise Refused("signature_invalid", "The payment is not signed by the buyer's wallet.")


def present(batch: Batch, item: InboxItem) -> Json:
    """The seller presents documents, signed as one set; they count when the escrow has recorded them."""
    require_role(item, "treasurer")
    settlement = own_settlement(batch, item)
    if side_of(settlement, item) != "seller":
        raise Refused("not_your_act", "The seller presents documents.")
    terms = read_terms(batch, settlement)
    raw = documents_in(item.body)
    kinds = [_read(body, place).kind for place, body in enumerate(raw)]
    missing = sorted(set(terms.documents_required) - set(kinds))
    if missing:
        named = ", ".join(kind.replace("_", " ") for kind in missing)
        read = ", ".join(kind.replace("_", " ") for kind in kinds)
        says = f"The terms require {named} too; in this order were presented: {read}."
        raise Refused("documents_missing", says, path="documents_base64")
    presented = presentation_sha256(settlement, raw)
    require_statement(
        PRESENTATION,
        terms,
        settlement,
        presented,
        round_=settlement.round + 1,
        signature=signature_in(item.body),
        by=terms.seller_address,
    )
    settlement = batch.happen(
        settlement,
        "presentation_received",
        Role.SELLER,
        {"documents_sha256": presented, "round": settlement.round + 1},
        actor=item.person,
    )
    parties = (settlement.seller, settlement.buyer, batch.ctx.examiner)
    for kind, body in zip(kinds, raw, strict=True):
        media = media_type_of(body)
        batch.keep(settlement, str(kind), body, owner=settlement.seller, visible_to=parties, media=media)
    arguments: Json = {"documents_sha256": presented, "seller_signature": item.body["signature"]}
    batch.operate(settlement, "present", arguments)
    return answered(202, {"settlement": settlement.id, "state": settlement.state.value})


def examination_of(batch: Batch, settlement: Settlement) -> tuple[Discrepancy, ...]:
    """What the rules find in the documents last presented, against the terms."""
    return examined_in(batch.tx, settlement, read_terms(batch, settlement)).discrepancies


def examined_in(tx: Transaction, settlement: Settlement, terms: Terms) -> Examination:
    """The rules' whole answer about the documents last presented; they were, so there is a time at which."""
    documents = [read_document(paper.body) for paper in latest_papers(tx, settlement)]
    return examine(_examined_terms(terms), documents, presented_at=settlement.dates["presented_at"])


def examined(batch: Batch, item: InboxItem) -> Json:
    """The examiner signs that the documents comply, or do not: then the notice lists every discrepancy at once."""
    require_role(item, "examiner")
    settlement = own_settlement(batch, item)
    complies = item.body.get("complies")
    if not isinstance(complies, bool):
        raise Invalid("malformed", "complies is true or false.", path="complies")
    terms = read_terms(batch, settlement)
    said_at = min(batch.now, item.received_at + batch.ctx.offset_s)  # that we were late is not the examiner's fault
    if said_at > settlement.dates.get("examine_by", said_at):
        raise Refused("examination_late", "The fifth banking day is over.", cites=("UCP 600 art. 16(d), 16(f)",))
    signature = signature_in(item.body)
    _require_attester(terms, settlement, complies, signature)
    documents = {"documents_sha256": settlement.documents_sha256, "round": settlement.round, "complies": complies}
    statement: Json = {"schema": "entrepot/examination/1", **documents, "signature": signature}
    if complies:
        settlement = batch.happen(
            settlement, "examined", Role.EXAMINER, documents, actor=item.person, dates={"release_at": batch.now}
        )
        batch.keep_json(settlement, "examination", statement, visible_to=(settlement.seller, settlement.buyer))
        return _answer(check_release(batch, settlement))
    found: list[Json] = [entry.to_json() for entry in examination_of(batch, settlement)]
    note = str(item.body.get("note") or "").strip()[:NOTE_CHARS_MAX]
    if note or not found:
        found.append({"code": "examiner", "rule": "examiner", "says": note})
    settlement = batch.happen(
        settlement,
        "found_discrepant",
        Role.EXAMINER,
        documents | {"discrepancies": [entry["code"] for entry in found]},
        actor=item.person,
        dates={"cure_by": _cure_by(batch, settlement, terms)},
    )
    batch.keep_json(
        settlement,
        "examination",
        statement | {"discrepancies": found},
        visible_to=(settlement.seller, settlement.buyer),
    )
    batch.operate(settlement, "reject_presentation", {**documents, "signatures": [signature]})
    return _answer(settlement)


def waive(batch: Batch, item: InboxItem) -> Json:
    """The buyer takes the documents as they are."""
    require_role(item, "treasurer")
    settlement = own_settlement(batch, item)
    if side_of(settlement, item) != "buyer":
        raise Refused("not_your_act", "The buyer waives discrepancies.")
    terms, signature = read_terms(batch, settlement), signature_in(item.body)
    require_statement(
        WAIVER,
        terms,
        settlement,
        settlement.documents_sha256,
        round_=settlement.round,
        signature=signature,
        by=terms.buyer_address,
    )
    documents = {"documents_sha256": settlement.documents_sha256, "round": settlement.round}
    settlement = batch.happen(
        settlement, "waived", Role.BUYER, documents, actor=item.person, dates={"release_at": batch.now}
    )
    batch.operate(settlement, "waive", {"documents_sha256": settlement.documents_sha256, "buyer_signature": signature})
    return _answer(settlement)


def check_release(batch: Batch, settlement: Settlement) -> Settlement:
    """Screens afresh and releases: the examiner said yes, the buyer waived, silence lasted, or arbiters awarded."""
    due_at = settlement.dates.get("release_at", 0)
    by_silence = not settlement.complies and settlement.awarded_minor is None
    if by_silence and batch.final_time() < due_at:
        batch.tx.settlements.postpone(settlement.id, until=max(due_at, batch.now + 1))
        return settlement
    if by_silence and batch.tx.inbox.is_waiting(settlement.id, "examine"):
        # the examiner spoke, and a defect of ours or another worker keeps the finding: silence was none
        batch.tx.settlements.postpone(settlement.id, until=batch.now + batch.ctx.policy.pause_s)
        return settlement
    terms = read_terms(batch, settlement)
    amount = settlement.price_minor - settlement.released_minor
    if settlement.awarded_minor is not None:
        amount = settlement.awarded_minor - settlement.released_minor
    decided = decide(batch, settlement, terms, Act.RELEASE)
    if not isinstance(decided, Decision):
        return pause(batch, settlement, decided)
    facts = keep_decision(batch, settlement, decided)
    outcome = decided.outcome(holds_money=True)
    if outcome != "clear":
        return otherwise(batch, settlement, decided, facts)
    passport, signature = give_passport(
        batch, settlement, terms, decided, payee=terms.seller_address, amount_minor=amount
    )
    fee = fee_share(settlement, amount)
    settlement = batch.happen(
        settlement,
        "release_cleared",
        Role.RULES,
        facts | {"amount_minor": str(amount), "fee_minor": str(fee)},
        dates=batch.ask_rail_at(),
    )
    arguments: Json = {"amount_minor": str(amount), "passport": passport.to_json() | {"signature": signature}}
    arguments |= {"examination_signatures": _attestations(batch, settlement)}
    batch.operate(settlement, "release", arguments, decided=decided)
    return settlement


def fee_share(settlement: Settlement, amount_minor: int) -> int:
    """The fee that falls due with `amount_minor`: cumulative, rounded down, as the contract computes it."""
    released = settlement.released_minor + amount_minor
    return settlement.fee_minor * released // settlement.price_minor - settlement.fee_accrued_minor


def presentation_sha256(settlement: Settlement, documents: list[bytes]) -> str:
    """One hash over a set of documents, whatever their order."""
    return hex0x(
        sha256_of(
            {
                "schema": "entrepot/presentation/1",
                "settlement": settlement.id,
                "documents": sorted("0x" + _read(body, place).sha256 for place, body in enumerate(documents)),
            }
        )
    )


def documents_in(body: Json) -> list[bytes]:
    """The documents of a request. Raises: Invalid(malformed)."""
    listed = body.get("documents_base64")
    if not isinstance(listed, list) or not 0 < len(listed) <= DOCUMENTS_MAX:
        raise Invalid(
            "malformed", f"documents_base64 is a list of 1 to {DOCUMENTS_MAX} documents.", path="documents_base64"
        )
    found = []
    for place, text in enumerate(listed):
        if not isinstance(text, str) or len(text) > DOCUMENT_BASE64_MAX:
            raise Invalid("malformed", "A document is base64 text.", path=f"documents_base64[{place}]")
        try:
            found.append(base64.b64decode(text, validate=True))
        except ValueError:  # binascii's, or characters beyond ASCII
            raise Invalid("malformed", "A document is base64 text.", path=f"documents_base64[{place}]") from None
    return found


def require_statement(
    struct: Struct, terms: Terms, settlement: Settlement, documents: str, *, round_: int, signature: str, by: str
) -> None:
    """Raises: Refused(signature_invalid) unless `by` signed this statement about these documents."""
    values = {
        "escrow": settlement.escrow,
        "terms_hash": unhex(settlement.terms_hash, size=32),
        "documents_sha256": unhex(documents, size=32),
        "round": round_,
    }
    if struct.signer(terms.domain, values, unhex(signature)) != by:
        raise Refused("signature_invalid", f"The {struct.name.lower()} is not signed by {by}.")


def latest_papers(tx: Transaction, settlement: Settlement) -> list[Paper]:
    """The documents of the presentation that the escrow recorded last, in the order of their kinds.

    Those received last where none is recorded: a set that came while another was on its way is not examined for it.
    """
    papers = [paper for kind in KINDS for paper in tx.papers.of(settlement.id, kind=kind) if paper.seq]
    received = sorted({paper.seq for paper in papers}, reverse=True)
    sets = [[paper for paper in papers if paper.seq == seq] for seq in received]
    recorded = (one for one in sets if _hash_of(settlement, one) == settlement.documents_sha256)
    return next(recorded, sets[0] if sets else [])


def _hash_of(settlement: Settlement, papers: list[Paper]) -> str:
    """The hash of a set as it was presented, "" where one of its papers was erased."""
    bodies = [paper.body for paper in papers]
    return presentation_sha256(settlement, bodies) if all(bodies) else ""


def on_presented(batch: Batch, settlement: Settlement, block_time: int) -> dict[str, int]:
    """The dates that a recorded presentation sets: the examiner's, and when silence counts as yes."""
    terms = read_terms(batch, settlement)
    day = datetime.fromtimestamp(block_time, UTC).date()
    last_day = examine_by(day, terms.schedule.calendar, banking_days=terms.schedule.examination_days)
    end_of_day = int(datetime(last_day.year, last_day.month, last_day.day, 23, 59, 59, tzinfo=UTC).timestamp())
    examination_s = terms.schedule.examination_s
    last_moment = min(end_of_day, block_time + examination_s - arrival_s(examination_s))
    return {"presented_at": block_time, "examine_by": last_moment, "release_at": block_time + examination_s + 1}


def _examined_terms(terms: Terms) -> ExaminedTerms:
    """The signed terms as the examiner reads them; what they do not say is not examined."""
    assets = AssetRegistry()
    shipment = terms.schedule.latest_shipment
    return ExaminedTerms(
        seller=_stated(terms.seller),
        buyer=_stated(terms.buyer),
        amount=Money.from_json(terms.quote["invoiced"], assets),
        goods=tuple(
            GoodsAgreed(line.description, line.hs or None, Decimal(line.quantity), line.unit) for line in terms.lines
        ),
        present_by=terms.schedule.present_by,
        required=tuple(kind for kind in KINDS if kind in terms.documents_required),
        invoice_number=terms.invoice_number,
        latest_shipment=date.fromisoformat(shipment) if shipment else None,
        shipment_to_presentation_days=terms.schedule.shipment_to_presentation_days,
        delivery=DeliveryTerms(terms.incoterm, terms.incoterm_place),
    )


def _stated(party: Party) -> StatedParty:
    return StatedParty(name=party.name, country=party.country, registration=party.registration, lei=party.lei)


def _require_attester(terms: Terms, settlement: Settlement, complies: bool, signature: str) -> None:
    values = {
        "escrow": settlement.escrow,
        "terms_hash": unhex(settlement.terms_hash, size=32),
        "documents_sha256": unhex(settlement.documents_sha256, size=32),
        "round": settlement.round,
        "complies": complies,
    }
    if EXAMINATION.signer(terms.domain, values, unhex(signature)) not in terms.venue.attesters:
        raise Refused("signature_invalid", "The examination is not signed by an examiner that the terms name.")


def _attestations(batch: Batch, settlement: Settlement) -> list[str]:
    if not settlement.complies or not batch.tx.papers.of(settlement.id, kind="examination"):
        return []
    statement = batch.json_of(settlement, "examination")
    return [statement["signature"]] if statement["complies"] else []


def _cure_by(batch: Batch, settlement: Settlement, terms: Terms) -> int:
    """As the contract counts it: until the presentation date, or the cure time from now if that is later."""
    return max(settlement.dates["present_by"], batch.now + terms.schedule.cure_s)


def _answer(settlement: Settlement) -> Json:
    return answered(200, {"settlement": settlement.id, "state": settlement.state.value})
