"""Check: rules of the regime in force, screening of everybody the payment touches, caps; one Decision, one passport.

Runs before funding and again before every payout. What pauses (stale lists, a stop) decides nothing: the check runs
again later. There is no path to a passport but through `decide`.
"""

from __future__ import annotations

import json
from decimal import ROUND_CEILING, Decimal

from entrepot.core.canonical import Json, hex0x
from entrepot.core.decision import Decision, Verdict
from entrepot.core.lifecycle import Role
from entrepot.core.money import EXACT, Money
from entrepot.core.passport import Act, Passport
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms
from entrepot.documents.invoice import read_invoice
from entrepot.documents.stated import StatedParty
from entrepot.documents.trade_documents import TransportDocument, read_document
from entrepot.regimes.regime import HitFacts, ListFacts, PartyFacts, Pause, PaymentFacts, Stop, evaluate, pauses
from entrepot.regimes.rules import RULES
from entrepot.screening.entity import Subject
from entrepot.store.records import Paper, Participant

from ..step.batch import Batch
from . import stops
from .figures import in_force
from .payee import cooling_until, is_outdated
from .said import left_for, said_of_hits
from .standing import suspended_until

DAY_S = 86_400
CAP_DECIMALS = 2  # the regime's reference amounts are in hundredths


def check_funding(batch: Batch, settlement: Settlement) -> Settlement:
    """The check before funding: cleared with the cap reserved, in review, refused, or paused.

    The passport is given when the buyer pays, so that none is about that a later check would not give.
    """
    terms = read_terms(batch, settlement)
    amount = reference_minor(batch, terms.total)
    decided = decide(batch, settlement, terms, Act.FUND)
    if isinstance(decided, tuple):
        return pause(batch, settlement, decided)
    if decided.verdict < Verdict.REFUSE and not reserve_headroom(batch, settlement, amount):
        decided = decide(batch, settlement, terms, Act.FUND)
        assert isinstance(decided, Decision) and decided.verdict is Verdict.REFUSE, (
            "headroom was gone, yet no rule says so"
        )
    facts = keep_decision(batch, settlement, decided)
    outcome = decided.outcome(holds_money=False)
    if outcome == "clear":
        settlement = batch.happen(settlement, "cleared", Role.RULES, facts)
        batch.send(
            f"{settlement.id}:{settlement.terms_hash[2:18]}:open",
            "rail",
            settlement.id,
            {"kind": "open", "arguments": _signatures(batch, settlement)},
        )
        return settlement
    if outcome == "review":
        return refer(batch, settlement, decided, facts)
    return batch.happen(settlement, "refused", Role.RULES, facts)


def decide(
    batch: Batch, settlement: Settlement, terms: Terms, act: Act, *, also: tuple[Subject, ...] = ()
) -> Decision | tuple[Pause, ...]:
    """The decision for one act now, or why nothing may be decided. `also` are screened besides the trade's parties."""
    regime = in_force(batch.tx, batch.ctx.regime(batch.now), batch.now)
    lists = batch.tx.checks.lists(with_entities=False)
    parties = [batch.tx.people.participant(party.participant) for party in (terms.seller, terms.buyer)]
    subjects = (*_subjects(batch, settlement, terms, parties), *also)
    facts = facts_of(
        batch,
        terms,
        act,
        parties=_party_facts(batch, terms, parties, act),
        used_minor=used_by_others(batch, settlement),
        hits=batch.ctx.screener.screen(subjects, lists),
        invoice_conflict=_invoice_conflict(batch, settlement),
    )
    stopped = (*pauses(regime, facts), *payee_pauses(batch, terms, act))
    if stopped:
        return stopped
    return Decision(
        settlement=settlement.id,
        act=act,
        at=batch.now,
        regime=regime.id,
        lists=tuple((row.source, row.version, row.sha256) for row in lists),
        nexuses=(
            ("operator", regime.operator),
            ("escrow_holder", regime.escrow_holder),
            ("issuer", terms.price.asset.issuer),
            ("seller_country", terms.seller.country),
            ("buyer_country", terms.buyer.country),
        ),
        reasons=evaluate(regime, facts, RULES, _cleared(batch, settlement)),
        salt=batch.ctx.salt(),
    )


def facts_of(
    batch: Batch,
    terms: Terms,
    act: Act,
    *,
    parties: tuple[PartyFacts, ...],
    used_minor: int,
    hits: tuple[HitFacts, ...],
    invoice_conflict: str = "",
) -> PaymentFacts:
    """What the terms, the lists and the stops say of a payment now; what only a check knows is given to it."""
    lists, aged_s = batch.tx.checks.lists(with_entities=False), batch.ctx.faults.lists_aged_s
    return PaymentFacts(
        act=act,
        at=batch.now,
        chain_id=terms.venue.chain_id,
        parties=parties,
        asset_id=terms.price.asset.id,
        asset_symbol=terms.price.asset.symbol,
        asset_kind=terms.price.asset.kind,
        amount_minor=reference_minor(batch, terms.total),
        used_minor=used_minor,
        hits=hits,
        lists=tuple(ListFacts(row.source, row.version, row.sha256, row.verified_at - aged_s) for row in lists),
        stops=stops_in_force(batch),
        invoice_conflict=invoice_conflict,
        hs_codes=tuple(line.hs for line in terms.lines),
        places=(terms.incoterm_place,),
    )


def payee_pauses(batch: Batch, terms: Terms, act: Act) -> tuple[Pause, ...]:
    """A payee that changed a short while ago is not paid yet; escrows that hold money pay the wallet both signed."""
    if act not in (Act.FUND, Act.RELEASE):
        return ()
    if act is Act.FUND and is_outdated(batch, terms):
        return (Pause("payee_changed", "A party is paid elsewhere since these terms were signed."),)
    until = cooling_until(batch, terms, is_funded=act is Act.RELEASE)
    says = f"A party's new wallet or bank is paid from {until} (Unix s) on."
    return (Pause("payee_cooling_off", says),) if until else ()


def keep_decision(batch: Batch, settlement: Settlement, decision: Decision) -> Json:
    """Keeps the decision for staff and returns what the log may say of it."""
    batch.keep_json(settlement, f"decision_{decision.act.name.lower()}", decision.to_json(), visible_to=())
    return {"act": decision.act.name, "decision_sha256": decision.sha256(), "regime": decision.regime}


def refer(batch: Batch, settlement: Settlement, decision: Decision, facts: Json) -> Settlement:
    """Into review: the open hits wait for two persons; who disposed of all of them before is one of them."""
    keep_case(batch, settlement, decision)
    said = said_of_hits(batch.tx.checks.dispositions(settlement.id))
    persons = {person: None for of_hit in said.values() for person in of_hit}
    before = [person for person in persons if not left_for(said, person, decision.open_hits())]
    facts = facts | ({"disposed_by": before} if before else {})
    review_by = batch.now + batch.ctx.regime(batch.now).review_s
    return batch.happen(settlement, "referred", Role.RULES, facts, dates={"review_by": review_by})


def keep_case(batch: Batch, settlement: Settlement, decision: Decision) -> None:
    """Keeps what officers look at: the open hits, and both sides of every hit against the versions screened now."""
    terms = read_terms(batch, settlement)
    parties = [batch.tx.people.participant(party.participant) for party in (terms.seller, terms.buyer)]
    lists = batch.tx.checks.lists(with_entities=False)
    named = {entry.hit for entry in decision.reasons if entry.about == "listed"}
    hits = batch.ctx.screener.screen(_subjects(batch, settlement, terms, parties), lists) if named else ()
    body: Json = {
        "schema": "entrepot/case/1",
        "act": decision.act.name,
        "at": decision.at,
        "hits": list(decision.open_hits()),
        "compared": {hit.hit: dict(hit.compared) for hit in hits if hit.hit in named},
    }
    batch.keep_json(settlement, "case", body, visible_to=())


def pause(batch: Batch, settlement: Settlement, why: tuple[Pause, ...]) -> Settlement:
    """Nothing is decided; the check runs again in a while. The reasons show to staff."""
    body: Json = {
        "schema": "entrepot/pause/1",
        "at": batch.now,
        "reasons": [[entry.code, entry.message] for entry in why],
    }
    known = batch.tx.papers.of(settlement.id, kind="pause")
    if not known or batch.json_of(settlement, "pause")["reasons"] != body["reasons"]:
        batch.keep_json(settlement, "pause", body, visible_to=())
    batch.tx.settlements.postpone(settlement.id, until=batch.now + batch.ctx.policy.pause_s)
    return settlement


def give_passport(
    batch: Batch,
    settlement: Settlement,
    terms: Terms,
    decision: Decision,
    *,
    payee: str,
    amount_minor: int,
    token: str = "",
) -> tuple[Passport, str]:
    """Signs and keeps a passport for exactly this payment. The decision must be CLEAR."""
    assert decision.verdict is Verdict.CLEAR, "a passport follows from a CLEAR decision only"
    passport = Passport(
        escrow=settlement.escrow,
        terms_hash=settlement.terms_hash,
        act=decision.act,
        payee=payee,
        token=token or terms.token_address,
        amount_minor=amount_minor,
        sequence=settlement.spent,
        valid_from=batch.now - 60,  # block time may lag ours
        valid_until=batch.now + batch.ctx.policy.passport_s,
        decision_sha256=decision.sha256(),
    )
    signature = hex0x(batch.ctx.passport_signer.sign_digest(passport.digest(terms.domain)))
    batch.keep_json(
        settlement,
        f"passport_{decision.act.name.lower()}",
        passport.to_json() | {"signature": signature},
        visible_to=(settlement.seller, settlement.buyer),
    )
    return passport, signature


def read_terms(batch: Batch, settlement: Settlement, paper: Paper | None = None) -> Terms:
    """The terms last quoted; they hash to what the settlement says, and are kept by that hash for a while."""
    kept = batch.ctx.terms.get(settlement.terms_hash)
    if kept is not None:
        return kept
    body = json.loads(paper.body) if paper else batch.json_of(settlement, "terms")
    terms = Terms.from_json(body, batch.ctx.assets)
    assert terms.hash() == settlement.terms_hash, "the kept terms are not those that were signed"
    batch.ctx.terms.put(terms.hash(), terms)
    return terms


def reference_minor(batch: Batch, amount: Money) -> int:
    """`amount` in hundredths of the regime's reference currency, rounded up so that a cap is never passed unseen."""
    regime = batch.ctx.regime(batch.now)
    if amount.asset.peg != regime.reference:
        rate = batch.ctx.rates.rate(amount.asset.peg, regime.reference, now=batch.now)
        assert rate is not None, f"no rate from {amount.asset.peg} to the regime's {regime.reference}"
        factor = rate.value
    else:
        factor = Decimal(1)
    return int(EXACT.multiply(amount.decimal(), factor).scaleb(CAP_DECIMALS, EXACT).to_integral_value(ROUND_CEILING))


def stops_in_force(batch: Batch) -> tuple[Stop, ...]:
    """The supervisor's stops that two persons confirmed and that have not ended."""
    return tuple(
        Stop(str(change.body["grade"]), int(change.body["until"]), change.reason)
        for change in stops.in_force(batch.tx, batch.now)
    )


def stopped_until(batch: Batch) -> int:
    """When the last stop that holds fundings up ends (Unix s), 0 if none does. Everybody may know of a stop."""
    return max((one.until for one in stops_in_force(batch) if one.holds_up(Act.FUND, batch.now)), default=0)


def window_since(now: int, days: int) -> int:
    """When the cap's window began (Unix s)."""
    return now - days * DAY_S


def reserve_headroom(batch: Batch, settlement: Settlement, amount_minor: int) -> bool:
    """Takes of the buyer's cap, from now on; once more when it is paid, as the window is one of payments."""
    regime = in_force(batch.tx, batch.ctx.regime(batch.now), batch.now)
    return batch.tx.checks.reserve(
        settlement=settlement.id,
        participant=settlement.buyer,
        amount_minor=amount_minor,
        cap_minor=regime.cap_window_minor,
        since=window_since(batch.now, regime.window_days),
        at=batch.now,
    )


def used_by_others(batch: Batch, settlement: Settlement) -> int:
    """The buyer's reservations in the window, without this settlement's own."""
    regime = batch.ctx.regime(batch.now)
    return batch.tx.checks.reserved(
        settlement.buyer, since=window_since(batch.now, regime.window_days), but_not=settlement.id
    )


def _party_facts(batch: Batch, terms: Terms, parties: list[Participant | None], act: Act) -> tuple[PartyFacts, ...]:
    """A suspension stops new money only: what is in escrow goes on as agreed."""
    facts = []
    for role, party, participant in zip(("seller", "buyer"), (terms.seller, terms.buyer), parties, strict=True):
        wallet = batch.tx.people.wallet(party.wallet)
        is_suspended = act is Act.FUND and suspended_until(batch.tx, party.participant, batch.now) > 0
        facts.append(
            PartyFacts(
                role=role,
                participant=party.participant,
                status="suspended" if is_suspended else participant.status if participant else "unknown",
                country=party.country,
                is_wallet_admitted=wallet is not None and wallet.participant == party.participant,
            )
        )
    return tuple(facts)


def _subjects(
    batch: Batch, settlement: Settlement, terms: Terms, parties: list[Participant | None]
) -> tuple[Subject, ...]:
    """Everybody and everything the payment touches: parties with ids and wallets, their banks, the vessel."""
    subjects: list[Subject] = []
    for role, party, participant in zip(("seller", "buyer"), (terms.seller, terms.buyer), parties, strict=True):
        profile = participant.profile if participant else {}
        identifiers = tuple(
            (kind, str(profile[kind])) for kind in ("lei", "registration", "tax_id") if profile.get(kind)
        )
        address = party.wallet.rpartition(":")[2]
        subjects.append(
            Subject(
                kind="organization",
                name=party.name,
                country=party.country,
                identifiers=identifiers,
                wallet=address,
                role=role,
            )
        )
        others = batch.tx.people.wallets(participant.id) if participant else []
        for wallet in (entry for entry in others if entry.account != party.wallet):
            subjects.append(Subject(kind="wallet", wallet=wallet.account.rpartition(":")[2], role=role))
        if profile.get("bank_name") or profile.get("bank_bic"):
            bic = (("bic", str(profile["bank_bic"])),) if profile.get("bank_bic") else ()
            subjects.append(
                Subject(
                    kind="organization", name=str(profile.get("bank_name", "")), identifiers=bic, role=f"{role}_bank"
                )
            )
        subjects += _persons_of(role, profile)
    subjects += _named_in_documents(batch, settlement, subjects)
    return tuple(subject for subject in subjects if subject.name or subject.identifiers or subject.wallet)


def _persons_of(role: str, profile: Json) -> list[Subject]:
    """Who owns, controls or directs a party, as its KYB file names them."""
    return [
        Subject(
            kind=str(person.get("kind", "person")),
            name=str(person["name"]),
            country=str(person.get("country", "")),
            birth_date=str(person.get("born", "")),
            role=f"{role}_{what}",
        )
        for what, group in (("owner", "owners"), ("director", "directors"))
        for person in profile.get(group, [])
    ]


def _named_in_documents(batch: Batch, settlement: Settlement, known: list[Subject]) -> list[Subject]:
    """Whoever an invoice or a transport document names, and its ship, whichever round it came in.

    A trading party that is named again as it was named before is not screened twice.
    """
    found: dict[Subject, None] = {}
    stated: list[tuple[str, StatedParty | None]] = []
    for paper in batch.tx.papers.of(settlement.id, kind="transport_document"):
        shipment = read_document(paper.body)
        assert isinstance(shipment, TransportDocument)
        imo = (("imo", shipment.vessel_imo),) if shipment.vessel_imo else ()
        found[Subject(kind="vessel", name=shipment.vessel, identifiers=imo, role="vessel")] = None
        for name in (shipment.carrier, shipment.signed_by):
            found[Subject(kind="organization", name=name, role="carrier")] = None
        stated += [("shipper", shipment.shipper), ("consignee", shipment.consignee), ("notify", shipment.notify)]
    for paper in batch.tx.papers.of(settlement.id, kind="invoice"):
        invoice = read_invoice(paper.body)
        stated += [("invoice_seller", invoice.seller), ("invoice_buyer", invoice.buyer)]
    named = {(one.name, one.country): set(one.identifiers) for one in known}
    for role, party in stated:
        if party is None:
            continue
        ids = tuple((kind, getattr(party, kind)) for kind in ("lei", "registration", "tax_id") if getattr(party, kind))
        said_before = named.get((party.name, party.country))
        if said_before is None or not set(ids) <= said_before:
            found[Subject("organization", party.name, party.country, ids, role=role)] = None
    return list(found)


def _cleared(batch: Batch, settlement: Settlement) -> dict[str, tuple[str, ...]]:
    """Which persons cleared which hit of this settlement."""
    said = said_of_hits(batch.tx.checks.dispositions(settlement.id))
    return {hit: tuple(who for who, verdict in of_hit.items() if verdict == "clear") for hit, of_hit in said.items()}


def _invoice_conflict(batch: Batch, settlement: Settlement) -> str:
    papers = batch.tx.papers.of(settlement.id, kind="invoice_conflict")
    return str(batch.json_of(settlement, "invoice_conflict")["with"]) if papers else ""


def _signatures(batch: Batch, settlement: Settlement) -> Json:
    return {
        f"{side}_signature": batch.json_of(settlement, f"signature_{side}")["signature"] for side in ("seller", "buyer")
    }
