"""What would it cost, would it clear, who is this: answers that keep, reserve and send nothing."""

from __future__ import annotations

from entrepot.core.canonical import Json
from entrepot.core.decision import Decision
from entrepot.core.errors import Invalid
from entrepot.core.money import Money
from entrepot.core.passport import Act
from entrepot.screening.entity import NAME_CHARS_MAX, Subject
from entrepot.store.records import InboxItem

from ..checks.check import decide, read_terms
from ..step.answers import answered, require_role, text_in
from ..step.batch import Batch
from .propose import open_trade, own_settlement, quote_invoice

NEUTRAL_CODE = "cannot_proceed"
SHOWN_RULES = ("asset_banned", "asset_kind", "corridor", "cap_payment", "cap_window")


class _NothingKept(Exception):
    """Undoes a dry run."""


def quote(batch: Batch, item: InboxItem) -> Json:
    """An indication for an amount in major units: what the buyer would pay, what the seller would get."""
    currency = batch.ctx.assets.get(text_in(item.body, "currency", chars_max=3))
    made = quote_invoice(batch, Money.from_decimal(text_in(item.body, "amount", chars_max=40), currency, path="amount"))
    return answered(200, {"quote": made.to_json(), "total": made.total.to_json(), "fee_bps": str(made.fee_bps)})


def dry_run(batch: Batch, item: InboxItem) -> Json:
    """Runs proposal and checks as if both had signed, and undoes all of it; or the checks alone of a trade of yours."""
    require_role(item, "treasurer", "engineer")
    if item.settlement:
        settlement = own_settlement(batch, item)
        terms = read_terms(batch, settlement)
        decided = decide(batch, settlement, terms, Act.FUND)
        return answered(200, {"quote": terms.quote, "total": terms.total.to_json(), **_would(decided)})
    said: Json = {}
    try:
        with batch.attempt():
            settlement = open_trade(batch, item)
            terms = read_terms(batch, settlement)
            decided = decide(batch, settlement, terms, Act.FUND)
            said = {"quote": terms.quote, "total": terms.total.to_json(), **_would(decided)}
            raise _NothingKept
    except _NothingKept:
        pass
    return answered(200, said)


def _would(decided: Decision | tuple[object, ...]) -> Json:
    """Reasons about the payment itself in full; any about persons as the neutral code that ordinary causes share."""
    if not isinstance(decided, Decision):
        return {"would_clear": False, "reasons": [{"code": "paused"}]}
    shown = [
        {"code": entry.rule, "message": entry.message, "source": entry.source}
        for entry in decided.reasons
        if entry.rule in SHOWN_RULES
    ]
    hidden = any(entry.rule not in SHOWN_RULES and entry.weighs for entry in decided.reasons)
    clear = decided.verdict.name == "CLEAR"
    return {"would_clear": clear, "reasons": shown + ([{"code": NEUTRAL_CODE}] if hidden else [])}


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
