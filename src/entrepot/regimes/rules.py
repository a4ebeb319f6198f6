"""The rules of the first regime, each one function. Confidential ones show to parties as one neutral code."""

from __future__ import annotations

from collections.abc import Iterator

from entrepot.core.decision import Reason, Verdict
from entrepot.core.passport import Act

from .regime import PaymentFacts, Regime, Rule, reason


def participants_admitted(regime: Regime, facts: PaymentFacts) -> Iterator[Reason]:
    """Both parties are admitted, and pay from and to their own admitted wallets."""
    for party in facts.parties:
        if party.status != "admitted":
            yield reason(
                "participant_admitted",
                Verdict.REFUSE,
                f"The {party.role} is {party.status}, not admitted.",
                regime.figures_source,
                subject=party.role,
            )
        if not party.is_wallet_admitted:
            yield reason(
                "wallet_admitted",
                Verdict.REFUSE,
                f"The {party.role}'s wallet is not admitted as its own.",
                regime.figures_source,
                subject=party.role,
            )


def asset_admitted(regime: Regime, facts: PaymentFacts) -> Iterator[Reason]:
    """The asset is of an admitted kind, and not one that is banned by name."""
    if facts.asset_symbol.upper() in regime.assets_banned.value:
        yield reason(
            "asset_banned", Verdict.REFUSE, f"Dealing in {facts.asset_symbol} is banned.", regime.assets_banned
        )
    if facts.asset_kind not in regime.kinds_admitted.value:
        yield reason("asset_kind", Verdict.REFUSE, f"A {facts.asset_kind} is not admitted.", regime.kinds_admitted)


def territory(regime: Regime, facts: PaymentFacts) -> Iterator[Reason]:
    """No party in a banned territory; some territories are reviewed."""
    for party in facts.parties:
        if party.country in regime.territories_banned.value:
            yield reason(
                "territory",
                Verdict.REFUSE,
                f"The {party.role} is in {party.country}.",
                regime.territories_banned,
                subject=party.role,
            )
        elif party.country in regime.territories_reviewed.value:
            yield reason(
                "territory",
                Verdict.REVIEW,
                f"The {party.role} is in {party.country}.",
                regime.territories_reviewed,
                subject=party.role,
            )


def corridor(regime: Regime, facts: PaymentFacts) -> Iterator[Reason]:
    """The trade crosses a border, in a corridor the pilot serves ("*" stands for any country)."""
    countries = {party.role: party.country for party in facts.parties}
    seller, buyer = countries.get("seller", ""), countries.get("buyer", "")
    if seller == buyer:
        yield reason(
            "corridor", Verdict.REFUSE, f"Both parties are in {seller}: this is not cross-border.", regime.corridors
        )
    elif not {f"{seller}-{buyer}", f"{seller}-*", f"*-{buyer}", "*-*"} & set(regime.corridors.value):
        yield reason("corridor", Verdict.REFUSE, f"The pilot has no corridor {seller} to {buyer}.", regime.corridors)


def caps(regime: Regime, facts: PaymentFacts) -> Iterator[Reason]:
    """Each payment, and the buyer's payments of the window, stay within the caps. Only new payments count."""
    if facts.act is not Act.FUND:
        return
    if facts.amount_minor > regime.cap_payment_minor:
        yield reason(
            "cap_payment",
            Verdict.REFUSE,
            f"{_major(facts.amount_minor)} {regime.reference} exceed the cap of "
            f"{_major(regime.cap_payment_minor)} {regime.reference} a payment.",
            regime.figures_source,
        )
    if facts.used_minor + facts.amount_minor > regime.cap_window_minor:
        yield reason(
            "cap_window",
            Verdict.REFUSE,
            f"With {_major(facts.used_minor)} {regime.reference} in {regime.window_days} days this exceeds the cap of "
            f"{_major(regime.cap_window_minor)} {regime.reference}.",
            regime.figures_source,
        )


def invoice_once(regime: Regime, facts: PaymentFacts) -> Iterator[Reason]:
    """The same invoice number of the same issuer with another date or amount is looked at by people."""
    if facts.act is Act.FUND and facts.invoice_conflict:
        yield reason(
            "invoice_number_reused",
            Verdict.REVIEW,
            f"Trade {facts.invoice_conflict} carries the same invoice number with another date or amount.",
            regime.figures_source,
        )


def hits(_: Regime, facts: PaymentFacts) -> Iterator[Reason]:
    """A listed wallet, or a listed identifier with any name hit, is REFUSE; any other hit is at least REVIEW."""
    for hit in facts.hits:
        is_certain = hit.basis == "wallet" or (hit.basis == "identifier" and hit.has_name_hit)
        yield Reason(
            rule="listed",
            verdict=Verdict.REFUSE if is_certain else Verdict.REVIEW,
            message=hit.explanation,
            source=f"{hit.source} list, entry {hit.entity}",
            subject=hit.subject,
            about="listed",
            hit=hit.hit,
            score_bps=hit.score_bps,
            is_confidential=True,
        )


def _major(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02d}"


RULES: tuple[Rule, ...] = (participants_admitted, asset_admitted, territory, corridor, caps, invoice_once, hits)
