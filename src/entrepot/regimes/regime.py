"""What a regime is: dated figures with their sources, and rules that turn the facts of a payment into reasons.

A version that has been in force is never edited; a new one says only what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from entrepot.core.decision import Reason, Verdict
from entrepot.core.passport import Act

DEVELOPMENT_CHAINS = (31337, 31338)  # anvil, and the simulated rail; known by chain id, never by a setting
FLOOR_LISTS = ("UN", "OFAC", "EU", "UK")  # what a deployment may add to and never subtract from
INVENTED = "invented for the demo"
CLOCK_SKEW_S = 60  # by which the clocks of two machines may differ


@dataclass(frozen=True, slots=True)
class Cited:
    """A figure or set of the regime with where it comes from; `mark` is T, S or U as in the law page, or `invented`."""

    value: tuple[str, ...]
    source: str
    mark: str = "invented"


@dataclass(frozen=True, slots=True)
class Regime:
    """The charter and the figures of one version. Amounts are minor units of `reference` (ISO 4217)."""

    name: str
    version: str
    in_force_from: int
    in_force_until: int | None
    operator: str
    escrow_holder: str
    examiner: str
    reference: str
    cap_payment_minor: int
    cap_window_minor: int
    window_days: int
    lists_required: tuple[str, ...]
    lists_age_s_max: int
    review_s: int
    kinds_admitted: Cited
    assets_banned: Cited
    territories_banned: Cited
    territories_reviewed: Cited
    corridors: Cited
    figures_source: str = INVENTED

    @property
    def id(self) -> str:
        """`name@version`, as it stands in terms and decisions."""
        return f"{self.name}@{self.version}"

    def is_in_force(self, at: int) -> bool:
        """True from `in_force_from` until just before `in_force_until` (Unix s)."""
        return self.in_force_from <= at and (self.in_force_until is None or at < self.in_force_until)


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """What rules know of a party: `role` seller or buyer, admission status, country, whether its wallet is its own."""

    role: str
    participant: str
    status: str
    country: str
    is_wallet_admitted: bool


@dataclass(frozen=True, slots=True)
class HitFacts:
    """A hit of the screening: `basis` is identifier, wallet or name. `has_name_hit`: the entity's name matched too.

    `compared` holds both sides for the people who look at it (workflows/checks/screen.py); no rule reads it.
    """

    subject: str
    source: str
    entity: str
    basis: str
    has_name_hit: bool
    score_bps: int
    hit: str
    explanation: str
    compared: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListFacts:
    """The version of a list that was screened against; `verified_at` is Unix seconds."""

    source: str
    version: str
    sha256: str
    verified_at: int


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop until a time: `new` and `fund` hold up new trades and fundings, `all` payouts too."""

    grade: str
    until: int
    reason: str

    def holds_up(self, act: Act, at: int) -> bool:
        """True while it lasts, for a payout under `all`, for a funding under any."""
        return at < self.until and (self.grade == "all" or act is Act.FUND)


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """Everything the rules may look at for one act. `amount_minor`, `used_minor` are in the regime's reference."""

    act: Act
    at: int
    chain_id: int
    parties: tuple[PartyFacts, ...]
    asset_id: str
    asset_symbol: str
    asset_kind: str
    amount_minor: int
    used_minor: int
    hits: tuple[HitFacts, ...]
    lists: tuple[ListFacts, ...]
    stops: tuple[Stop, ...]
    invoice_conflict: str = ""  # "", or the id of another live trade that carries the invoice's number
    hs_codes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


Rule = Callable[[Regime, PaymentFacts], Iterable[Reason]]


@dataclass(frozen=True, slots=True)
class Pause:
    """Why nothing may be decided now; it passes by itself or by somebody's act, and then the check runs again."""

    code: str
    message: str


def required_lists(required: Iterable[str], chain_id: int) -> tuple[str, ...]:
    """The lists that must be loaded and fresh: outside development chains the floor, whatever else is asked for."""
    floor = () if chain_id in DEVELOPMENT_CHAINS else FLOOR_LISTS
    return tuple(dict.fromkeys((*required, *floor)))


def pauses(regime: Regime, facts: PaymentFacts) -> tuple[Pause, ...]:
    """What stops all payments for now: no regime in force, lists missing or stale, a stop. Empty: go on."""
    found: list[Pause] = []
    if not regime.is_in_force(facts.at):
        found.append(Pause("regime_not_in_force", f"{regime.id} is not in force at {facts.at} (Unix s)."))
    loaded: Mapping[str, ListFacts] = {entry.source: entry for entry in facts.lists}
    for source in required_lists(regime.lists_required, facts.chain_id):
        entry = loaded.get(source)
        if entry is None:
            found.append(Pause("lists_missing", f"The list {source} is not loaded."))
        elif entry.verified_at > facts.at + CLOCK_SKEW_S:
            found.append(Pause("lists_stale", f"The list {source} was verified later than now: a clock was wrong."))
        elif facts.at - entry.verified_at > regime.lists_age_s_max:
            age_h = (facts.at - entry.verified_at) // 3600
            found.append(
                Pause(
                    "lists_stale",
                    f"The list {source} was verified {age_h} h ago; {regime.lists_age_s_max // 3600} h are allowed.",
                )
            )
    found += [
        Pause("stopped", f"The supervisor stopped {stop.grade} until {stop.until} (Unix s): {stop.reason}")
        for stop in facts.stops
        if stop.holds_up(facts.act, facts.at)
    ]
    return tuple(found)


def evaluate(
    regime: Regime, facts: PaymentFacts, rules: Iterable[Rule], cleared: Mapping[str, tuple[str, ...]]
) -> tuple[Reason, ...]:
    """All reasons of all rules, strictest first; an empty result is CLEAR.

    `cleared` maps a hit to the persons who cleared exactly it.
    """
    found = (reason for rule in rules for reason in rule(regime, facts))
    reasons = [replace(reason, cleared_by=cleared.get(reason.hit, ())) if reason.hit else reason for reason in found]
    return tuple(sorted(reasons, key=lambda reason: (-reason.weighs, reason.rule, reason.subject, reason.hit)))


def reason(rule: str, verdict: Verdict, message: str, cited: Cited | str, *, subject: str = "") -> Reason:
    """A reason about a rule without names; its source carries the mark of how far it was verified."""
    source = cited if isinstance(cited, str) else f"{cited.source} [{cited.mark}]"
    hit = f"{rule}:{subject}" if verdict is Verdict.REVIEW else ""
    return Reason(rule=rule, verdict=verdict, message=message, source=source, subject=subject, hit=hit)
