"""What would it cost, does it meet the published rules, who is this: answers that keep, reserve and send nothing."""

from __future__ import annotations

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid
from entrepot.core.money import Money
from entrepot.core.passport import Act
from entrepot.core.settlement import Settlement
from entrepot.core.terms import Terms
from entrepot.regimes.regime import PartyFacts, evaluate, pauses
from entrepot.regimes.rules import RULES
from entrepot.screening.entity import NAME_CHARS_MAX, Subject
from entrepot.store.records import InboxItem

from ..checks.check import facts_of, payee_pauses, read_terms, stopped_until, used_by_others
from ..checks.figures import in_force
from ..step.answers import answered, require_role, text_in
from ..step.batch import Batch
from .propose import open_trade, own_settlement, quote_invoice

NOT_PART = "Screening runs once both have signed; it is no part of a dry run."


def quote(batch: Batch, item: InboxItem) -> Json:
    """An indication for an amount in major units: what the buyer would pay, what the seller would get."""
    currency = batch.ctx.assets.get(text_in(item.body, "currency", chars_max=3))
    made = quote_invoice(batch, Money.from_decimal(text_in(item.body, "amount", chars_max=40), currency, path="amount"))
    return answered(200, {"quote": made.to_json(), "total": made.total.to_json(), "fee_bps": str(made.fee_bps)})


def dry_run(batch: Batch, item: InboxItem) -> Json:
    """Quotes a proposal and holds it against the published rules, and undoes all of it; or a trade of yours."""
    require_role(item, "treasurer", "engineer")
    if item.settlement:
        settlement = own_settlement(batch, item)
        return answered(200, _said(batch, settlement, item))
    with batch.trial():
        said = _said(batch, open_trade(batch, item), item)
    return answered(200, said)


def _said(batch: Batch, settlement: Settlement, item: InboxItem) -> Json:
    """The price, and what the published rules say of it."""
    terms = read_terms(batch, settlement)
    reasons = _reasons(batch, settlement, terms, is_buyer=item.participant == settlement.buyer)
    said: Json = {"quote": terms.quote, "total": terms.total.to_json(), "rules_met": not reasons, "reasons": reasons}
    return said | {"not_part": NOT_PART}


def _reasons(batch: Batch, settlement: Settlement, terms: Terms, *, is_buyer: bool) -> list[Json]:
    """What stands against the terms by rules that anybody can read.

    Nobody is screened here, and the facts hold nothing of the other company beyond the terms: neither its hits, its
    standing nor its other payments, so that no answer and no duration tells of them. Only the buyer reads of its own
    payments of the window.
    """
    if stopped_until(batch):
        return [{"code": "payments_stopped"}]
    regime = in_force(batch.tx, batch.ctx.regime(batch.now), batch.now)
    facts = facts_of(
        batch,
        terms,
        Act.FUND,
        parties=tuple(
            PartyFacts(role, party.participant, "admitted", party.country, is_wallet_admitted=True)
            for role, party in (("seller", terms.seller), ("buyer", terms.buyer))
        ),
        used_minor=used_by_others(batch, settlement) if is_buyer else 0,
        hits=(),
    )
    if pauses(regime, facts) or payee_pauses(batch, terms, Act.FUND):
        return [{"code": "paused"}]
    return [
        {"code": entry.rule, "message": entry.message, "source": entry.source}
        for entry in evaluate(regime, facts, RULES, {})
    ]


def screen(batch: Batch, item: InboxItem) -> Json:
    """Hits of a name, identifiers or wallet against the current lists, explained; for officers."""
    require_role(item, "officer")
    body = item.body
    if body.get("kind", "organization") not in ("person", "organization", "vessel"):
        raise Invalid("malformed", "kind is person, organization or vessel.", path="kind")
    subject = Subject(
        kind=body.get("kind", "organization"),
        name=text_in(body, "name", chars_max=NAME_CHARS_MAX),
        country=body.get("country", ""),
        identifiers=tuple(sorted(body.get("identifiers", {}).items())),
        wallet=body.get("wallet", ""),
        role="screened",
    )
    lists = batch.tx.checks.lists(with_entities=False)
    hits = [
        {
            "source": hit.source,
            "entity": hit.entity,
            "basis": hit.basis,
            "score_bps": hit.score_bps,
            "explanation": hit.explanation,
            "compared": dict(hit.compared),
        }
        for hit in batch.ctx.screener.screen((subject,), lists)
    ]
    return answered(200, {"hits": hits, "lists": [[row.source, row.version, row.sha256] for row in lists]})
