"""Propose, quote, agree: an invoice becomes terms with a firm price, and both sides sign one hash over them."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, Unknown, declare
from entrepot.core.lifecycle import UNPAID, Role, State
from entrepot.core.money import Money
from entrepot.core.party import Party
from entrepot.core.quote import Quote, make_quote
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Line, Schedule, Terms, require_signed
from entrepot.documents.invoice import Invoice, duplicate_keys, fingerprint, media_type_of, read_invoice
from entrepot.documents.stated import StatedParty
from entrepot.messages.payment import Agent
from entrepot.messages.sayable import require_sayable
from entrepot.store.records import InboxItem, Participant

from ..checks.check import check_funding, read_terms, stops_in_force
from ..checks.payee import account_of, is_outdated, may_be_quoted_again, paid_from
from ..checks.standing import suspended_until
from ..step.answers import answered, require_role, signature_in, text_in, whole_in
from ..step.batch import Batch

DOCUMENTS_REQUIRED = ("invoice", "packing_list", "transport_document")
INVOICE_BASE64_MAX = 7_000_000
PARTY_ROLES = {"seller": Role.SELLER, "buyer": Role.BUYER}

declare(
    "Refused",
    duplicate_invoice="This invoice is being settled, or was; the message names the settlement if it is yours.",
    invoice_not_yours="The invoice's seller is not the participant that presents it.",
    buyer_differs="The invoice names another buyer than the participant who is to pay it.",
    buyer_is_seller="Nobody sells to itself: the buyer is another participant.",
    goods_incomplete="Lines without a Harmonized System code, or no Incoterm: they must be supplied.",
    participant_not_admitted="The participant is not admitted, or has no admitted wallet on this rail.",
    own_trades_paused="New trades of your own company are paused for now; what is in escrow goes on as agreed.",
    new_trades_stopped="The supervisor stopped new trades for now.",
)


def propose(batch: Batch, item: InboxItem) -> Json:
    """A seller's invoice becomes a settlement with a firm quote."""
    require_role(item, "treasurer", "engineer")
    if stops_in_force(batch):
        raise Refused("new_trades_stopped", "The supervisor stopped new trades for now.")
    settlement = open_trade(batch, item)
    return answered(201, {"settlement": settlement.id, "state": settlement.state.value})


def open_trade(batch: Batch, item: InboxItem) -> Settlement:
    """Reads the invoice, registers it, quotes it. Raises: Refused(duplicate_invoice, no_rate, …), Invalid."""
    invoice = read_invoice(invoice_bytes(item.body))
    seller = _admitted(batch, item.participant)
    _require_not_suspended(batch, seller)
    buyer = _admitted(batch, text_in(item.body, "buyer", chars_max=32))
    if buyer.id == seller.id:
        raise Refused("buyer_is_seller", "Nobody sells to itself: the buyer is another participant.", path="buyer")
    _require_same(invoice.seller, seller, code="invoice_not_yours", side="seller")
    _require_same(invoice.buyer, buyer, code="buyer_differs", side="buyer")
    ids = batch.ctx.new_settlement_id()
    settlement = Settlement(
        id=ids,
        seller=seller.id,
        buyer=buyer.id,
        state=State.PROPOSED,
        created_at=batch.now,
        case_salt=batch.ctx.salt(),
        dates={"propose_by": batch.now + batch.ctx.policy.propose_s},
    )
    batch.tx.settlements.insert(settlement)
    batch.know(settlement)
    _register(batch, settlement, invoice)
    batch.keep(
        settlement,
        "invoice",
        invoice_bytes(item.body),
        owner=seller.id,
        visible_to=(seller.id, buyer.id),
        media=media_type_of(invoice_bytes(item.body)),
    )
    return _give_quote(batch, settlement, invoice, (seller, buyer), item.body)


def requote(batch: Batch, item: InboxItem) -> Json:
    """A fresh firm quote for a trade that is not agreed yet; signatures over the old one are void."""
    require_role(item, "treasurer")
    settlement = own_settlement(batch, item)
    if settlement.state in (State.AGREED, State.CLEARED):
        _require_outdated(batch, settlement)
    settlement = quote_afresh(batch, settlement)
    return answered(200, {"settlement": settlement.id, "state": settlement.state.value})


def payee_changed(batch: Batch, item: InboxItem) -> Json:
    """A party is paid elsewhere: what both signed is void, and they sign again on a fresh quote."""
    settlement = batch.settlement(item.settlement)
    if settlement.state in UNPAID and settlement.terms_hash and may_be_quoted_again(batch, settlement):
        settlement = quote_afresh(batch, settlement)
    return answered(200, {"settlement": settlement.id, "state": settlement.state.value})


def _require_outdated(batch: Batch, settlement: Settlement) -> None:
    """What both signed is quoted again only for a changed payee. Raises: Refused(not_in_this_state)."""
    if not is_outdated(batch, read_terms(batch, settlement)) or not may_be_quoted_again(batch, settlement):
        raise Refused("not_in_this_state", f"quote_given does not happen while {settlement.state}.")


def quote_afresh(batch: Batch, settlement: Settlement) -> Settlement:
    """New terms for the same invoice: today's rate, and where both parties are paid now."""
    old = batch.json_of(settlement, "terms")
    invoice = read_invoice(batch.tx.papers.of(settlement.id, kind="invoice")[-1].body)
    parties = (_admitted(batch, settlement.seller), _admitted(batch, settlement.buyer))
    schedule = old["schedule"]
    asked = {
        "fund_s": schedule["fund_by"] - settlement.created_at,
        "present_s": schedule["present_by"] - settlement.created_at,
        "latest_shipment": schedule["latest_shipment"],
        "supplied": {"incoterm": old["incoterm"], "incoterm_place": old["incoterm_place"], "hs": old["lines"][0]["hs"]},
    }
    if settlement.state in (State.AGREED, State.IN_REVIEW, State.CLEARED):
        batch.tx.checks.free(settlement.id, at=batch.now)
    return _give_quote(batch, settlement, invoice, parties, asked)


def sign(batch: Batch, item: InboxItem) -> Json:
    """One side signs the terms; when both have, the checks run at once."""
    require_role(item, "treasurer")
    settlement = own_settlement(batch, item)
    side = side_of(settlement, item)
    terms = read_terms(batch, settlement)
    signature = signature_in(item.body)
    if is_outdated(batch, terms):
        raise Refused("payee_changed", "A party is paid elsewhere since this quote; ask for a fresh one and sign it.")
    require_signed(terms, by=terms.seller if side == "seller" else terms.buyer, signature=signature)
    kind = "countersigned" if settlement.signed_by else "signed"
    settlement = batch.happen(
        settlement,
        kind,
        PARTY_ROLES[side],
        {"terms_hash": settlement.terms_hash},
        actor=item.person,
        dates={"check_at": batch.now},
    )
    batch.keep_json(
        settlement,
        f"signature_{side}",
        {"schema": "entrepot/signature/1", "by": side, "signature": signature},
        visible_to=(settlement.seller, settlement.buyer),
    )
    if kind == "countersigned":
        settlement = check_funding(batch, settlement)
    return answered(200, {"settlement": settlement.id, "state": settlement.state.value})


def withdraw(batch: Batch, item: InboxItem) -> Json:
    """Either side withdraws before any money is on its way."""
    require_role(item, "treasurer")
    settlement = own_settlement(batch, item)
    settlement = batch.happen(settlement, "withdrawn", PARTY_ROLES[side_of(settlement, item)], actor=item.person)
    return answered(200, {"settlement": settlement.id, "state": settlement.state.value})


def own_settlement(batch: Batch, item: InboxItem) -> Settlement:
    """The settlement of a click by one of its parties. Raises: Unknown(not_found) for another's: the two look alike."""
    try:
        settlement = batch.settlement(item.settlement)
    except KeyError:
        raise Unknown("not_found", "There is no such settlement.") from None
    if item.role in ("treasurer", "engineer") and item.participant not in (settlement.seller, settlement.buyer):
        raise Unknown("not_found", "There is no such settlement.")
    return settlement


def side_of(settlement: Settlement, item: InboxItem) -> str:
    """`seller` or `buyer`: which side the actor's participant is on."""
    return "seller" if item.participant == settlement.seller else "buyer"


def invoice_bytes(body: Json) -> bytes:
    """The invoice of a request. Raises: Invalid(malformed)."""
    try:
        return base64.b64decode(text_in(body, "invoice_base64", chars_max=INVOICE_BASE64_MAX), validate=True)
    except ValueError:  # binascii's, or characters beyond ASCII
        raise Invalid("malformed", "invoice_base64 is not base64.", path="invoice_base64") from None


def _admitted(batch: Batch, participant_id: str) -> Participant:
    """Who is admitted with a wallet, suspended or not: whoever trades with a suspended company reads nothing of it."""
    participant = batch.tx.people.participant(participant_id)
    is_in = participant is not None and participant.status in ("admitted", "suspended")
    if participant is None or not is_in or not batch.tx.people.wallets(participant_id):
        raise Refused("participant_not_admitted", "The participant is not admitted, or has no admitted wallet here.")
    return participant


def _require_not_suspended(batch: Batch, own: Participant) -> None:
    """A suspended company starts no trade, and knows why. Raises: Refused(own_trades_paused)."""
    if own.status == "suspended" or suspended_until(batch.tx, own.id, batch.now):
        raise Refused("own_trades_paused", "New trades of your company are paused for now.")


def _day_in(asked: Json, name: str) -> str:
    """An ISO date, or "" for none: what the terms say is read again when documents are examined."""
    text = str(asked.get(name, ""))
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise Invalid("malformed", f"{text!r:.40} is no day of the calendar.", path=name) from None


def _require_same(stated: StatedParty, participant: Participant, *, code: str, side: str) -> None:
    """The invoice's party is this participant: by LEI or registration where both have one, else by name."""
    profile = participant.profile
    for name in ("lei", "registration"):
        ours, theirs = str(profile.get(name, "")), str(getattr(stated, name))
        if ours and theirs:
            if ours.replace(" ", "").upper() != theirs.replace(" ", "").upper():
                raise Refused(code, f"The invoice's {side} has another {name}.", path=f"{side}.{name}")
            return
    if stated.name.casefold() != str(profile["name"]).casefold():
        raise Refused(code, f"The invoice's {side} has another name.", path=f"{side}.name")


def _register(batch: Batch, settlement: Settlement, invoice: Invoice) -> None:
    """One invoice, one live settlement: the same one again is refused; another date or amount is looked at later."""
    printed = fingerprint(invoice)
    for key in duplicate_keys(invoice):
        holder = batch.tx.checks.register_invoice(key=key, fingerprint=printed, settlement=settlement.id)
        if holder and _is_other_issuer(batch, settlement, invoice, holder[0]):
            continue
        if holder and holder[1] == printed and holder[0] != settlement.id:
            first = batch.tx.settlements.get(holder[0])
            is_yours = first is not None and settlement.seller in (first.seller, first.buyer)
            raise Refused(
                "duplicate_invoice", f"This invoice is settlement {holder[0] if is_yours else 'of another party'}."
            )
        if holder and holder[0] != settlement.id:
            batch.keep_json(
                settlement,
                "invoice_conflict",
                {"schema": "entrepot/invoice-conflict/1", "with": holder[0]},
                visible_to=(),
            )
            return


def _is_other_issuer(batch: Batch, settlement: Settlement, invoice: Invoice, holder: str) -> bool:
    """A namesake: another seller, and both invoices state identifiers, none of them the same."""
    first = batch.tx.settlements.get(holder)
    papers = batch.tx.papers.of(holder, kind="invoice")
    if first is None or first.seller == settlement.seller or not papers or not papers[-1].body:
        return False
    ours, theirs = (
        {key for key in duplicate_keys(one) if not key.startswith("name:")}
        for one in (invoice, read_invoice(papers[-1].body))
    )
    return bool(ours and theirs) and not ours & theirs


def _give_quote(
    batch: Batch, settlement: Settlement, invoice: Invoice, parties: tuple[Participant, Participant], asked: Json
) -> Settlement:
    """Quotes, writes the terms and has them in the log by their hash."""
    terms = _terms(batch, settlement, invoice, parties, asked, quote_invoice(batch, invoice.payable))
    regime = batch.ctx.regime(batch.now)
    require_sayable(terms, operator=Agent(regime.operator), holder=regime.escrow_holder)
    settlement = batch.happen(
        settlement,
        "quote_given",
        Role.OPERATOR,
        {
            "asset": terms.price.asset.id,
            "price_minor": str(terms.price.amount_minor),
            "fee_minor": str(terms.fee.amount_minor),
            "terms_hash": terms.hash(),
            "escrow": batch.ctx.rail.escrow_address(terms),
        },
        dates={
            "sign_by": int(terms.quote["expires_at"]),
            "fund_by": terms.schedule.fund_by,
            "present_by": terms.schedule.present_by,
        },
    )
    readers = (settlement.seller, settlement.buyer, batch.ctx.examiner)
    batch.keep_json(settlement, "terms", terms.to_json(), visible_to=readers)
    batch.ctx.terms.put(terms.hash(), terms)
    return settlement


def quote_invoice(batch: Batch, payable: Money) -> Quote:
    """A firm quote for an invoice's payable. Raises: Refused(no_rate, invoice_nothing_payable, …)."""
    ctx = batch.ctx
    asset = ctx.assets.get(ctx.settlement_asset)
    rate = ctx.rates.rate(payable.asset.id, asset.id, now=batch.now)
    if rate is None:
        raise Refused("no_rate", f"No provider quotes {payable.asset.symbol} in {asset.symbol}.")
    return make_quote(
        payable,
        rate=rate,
        fee_bps=ctx.policy.fee_bps,
        fee_min=Money(ctx.policy.fee_min_minor, asset),
        fee_max=Money(ctx.policy.fee_max_minor, asset),
        now=batch.now,
    )


def _terms(
    batch: Batch,
    settlement: Settlement,
    invoice: Invoice,
    parties: tuple[Participant, Participant],
    asked: Json,
    quote: Quote,
) -> Terms:
    ctx, policy = batch.ctx, batch.ctx.policy
    supplied = asked.get("supplied", {})
    lines, incoterm, place, names = _goods(invoice, supplied)
    names += _invented(invoice, parties)
    seller, buyer = _party(batch, parties[0]), _party(batch, parties[1])
    fund_by, present_by = _dates(batch, settlement, (seller, buyer), asked)
    return Terms(
        settlement=settlement.id,
        salt=ctx.salt(),
        seller=seller,
        buyer=buyer,
        invoice_number=invoice.number,
        invoice_date=invoice.issue_date.isoformat(),
        invoice_sha256=invoice.sha256,
        lines=lines,
        incoterm=incoterm,
        incoterm_place=place,
        documents_required=DOCUMENTS_REQUIRED,
        price=quote.price,
        fee=quote.fee,
        quote=quote.to_json(),
        schedule=Schedule(
            fund_by=fund_by,
            present_by=present_by,
            examination_days=policy.examination_days,
            calendar=policy.calendar,
            examination_s=policy.examination_s,
            cure_s=policy.cure_s,
            dispute_s=policy.dispute_s,
            latest_shipment=_day_in(asked, "latest_shipment"),
            shipment_to_presentation_days=21,  # UCP 600 art. 14(c)
        ),
        venue=ctx.venue,
        regime=ctx.regime(batch.now).id,
        supplied=names,
    )


def _dates(batch: Batch, settlement: Settlement, parties: tuple[Party, Party], asked: Json) -> tuple[int, int]:
    """By when to fund and to present, as asked; a new payee's cooling-off leaves both their time after it."""
    policy, begins = batch.ctx.policy, settlement.created_at
    fund_s = whole_in(asked, "fund_s", default=policy.fund_s, low=60, high=90 * 86400)
    present_s = whole_in(asked, "present_s", default=policy.present_s, low=120, high=400 * 86400)
    cooled_at = max(paid_from(batch.tx, one.participant, one.wallet, is_funded=False) for one in parties)
    if cooled_at <= batch.now:
        return begins + fund_s, begins + present_s
    return max(begins + fund_s, cooled_at + policy.fund_s), max(begins + present_s, cooled_at + policy.present_s)


def _goods(invoice: Invoice, supplied: dict[str, Any]) -> tuple[tuple[Line, ...], str, str, tuple[str, ...]]:
    """Lines with HS codes, Incoterm and place; what the invoice lacks must be supplied, and is named as such."""
    hs = str(supplied.get("hs", ""))
    incoterm = invoice.delivery.incoterm if invoice.delivery else str(supplied.get("incoterm", ""))
    place = invoice.delivery.place if invoice.delivery else str(supplied.get("incoterm_place", ""))
    lines = tuple(
        Line(line.description[:500] or "goods", line.hs or hs, str(line.quantity), line.unit, str(line.net_amount))
        for line in invoice.lines
    )
    _require_complete(incoterm, lines)
    names = [
        name
        for name, missing in (("incoterm", not invoice.delivery), ("hs", any(not line.hs for line in invoice.lines)))
        if missing
    ]
    return lines, incoterm, place, tuple(names)


def _require_complete(incoterm: str, lines: tuple[Line, ...]) -> None:
    """Raises: Refused(goods_incomplete), which says which of the two is missing, and in which line."""
    bare = next((number for number, line in enumerate(lines, start=1) if not line.hs), 0)
    if not incoterm and bare:
        says = f"The invoice names no Incoterm, and line {bare} has no HS code: supply both."
        raise Refused("goods_incomplete", says, path="supplied")
    if not incoterm:
        raise Refused("goods_incomplete", "The invoice names no Incoterm: supply it.", path="supplied.incoterm")
    if bare:
        raise Refused("goods_incomplete", f"Line {bare} has no HS code: supply it.", path="supplied.hs")


def _invented(invoice: Invoice, parties: tuple[Participant, Participant]) -> tuple[str, ...]:
    """What a demo operator made up about the parties: their admission, and a country other than the invoice's."""
    names: list[str] = []
    for side, stated, participant in zip(("seller", "buyer"), (invoice.seller, invoice.buyer), parties, strict=True):
        if participant.profile.get("simulated"):
            names += [f"{side}_admission", *([f"{side}_country"] if stated.country != participant.country else [])]
    return tuple(names)


def _party(batch: Batch, participant: Participant) -> Party:
    profile = participant.profile
    return Party(
        participant=participant.id,
        name=str(profile["name"]),
        country=participant.country,
        wallet=account_of(batch.tx, participant.id),
        lei=str(profile.get("lei", "")),
        registration=str(profile.get("registration", "")),
    )
