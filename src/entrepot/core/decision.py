"""May this payment be made? Reasons from rules and hits, and the strictest of them wins.

CLEAR < REVIEW < REFUSE. Once money has arrived a REFUSE is either a reject (prohibited, nobody listed: back to
where it came from) or a block (a listed person's interest: neither released nor refunded).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from .canonical import hex0x, sha256_of
from .passport import Act

Outcome = Literal["clear", "review", "refuse", "reject", "block"]


class Verdict(IntEnum):
    """The order is the strictness."""

    CLEAR = 0
    REVIEW = 1
    REFUSE = 2


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rule spoke: `rule` cites `source`; `subject` is the party's role, never a name.

    `about` is `listed` for a hit on a list, `rule` for all else. `hit` identifies a hit for a disposition: list
    source, entity, subject's party version. `is_confidential` reasons show to parties as one neutral code.
    """

    rule: str
    verdict: Verdict
    message: str
    source: str
    subject: str = ""
    about: Literal["listed", "rule"] = "rule"
    hit: str = ""
    score_bps: int = 0
    is_confidential: bool = False
    cleared_by: tuple[str, ...] = ()

    @property
    def weighs(self) -> Verdict:
        """What the reason counts for: a REVIEW cleared by two persons counts as CLEAR, a REFUSE always stands."""
        if self.verdict is Verdict.REVIEW and len(set(self.cleared_by)) >= DISPOSERS_REQUIRED:
            return Verdict.CLEAR
        return self.verdict

    def to_json(self) -> dict[str, Any]:
        """As it stands in the decision that is hashed into the passport."""
        return {
            "rule": self.rule,
            "verdict": self.verdict.name,
            "message": self.message,
            "source": self.source,
            "subject": self.subject,
            "about": self.about,
            "hit": self.hit,
            "score_bps": self.score_bps,
            "is_confidential": self.is_confidential,
            "cleared_by": list(self.cleared_by),
        }


DISPOSERS_REQUIRED = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one act of one settlement under one regime version and pinned list versions.

    `lists` maps a list's source to its version and SHA-256; `nexuses` names who and where the payment touches.
    `salt` keeps the published hash from giving away what it commits to.
    """

    settlement: str
    act: Act
    at: int
    regime: str
    lists: tuple[tuple[str, str, str], ...]
    nexuses: tuple[tuple[str, str], ...]
    reasons: tuple[Reason, ...]
    salt: str

    @property
    def verdict(self) -> Verdict:
        """The strictest reason; no reason at all is CLEAR."""
        return strictest(reason.weighs for reason in self.reasons)

    @property
    def touches_listed(self) -> bool:
        """True if a reason that still stands is about a listed person's interest."""
        return any(reason.about == "listed" and reason.weighs > Verdict.CLEAR for reason in self.reasons)

    def outcome(self, *, holds_money: bool) -> Outcome:
        """clear, review, and for REFUSE: refuse before money has arrived, block or reject after."""
        if self.verdict is Verdict.CLEAR:
            return "clear"
        if self.verdict is Verdict.REVIEW:
            return "review"
        if not holds_money:
            return "refuse"
        return "block" if self.touches_listed else "reject"

    def open_hits(self) -> tuple[str, ...]:
        """The hits that two persons must dispose of before this may proceed."""
        return tuple(reason.hit for reason in self.reasons if reason.hit and reason.weighs is Verdict.REVIEW)

    def to_json(self) -> dict[str, Any]:
        """The canonical body; its SHA-256 stands in the passport."""
        return {
            "schema": "entrepot/decision/1",
            "settlement": self.settlement,
            "act": self.act.name,
            "at": self.at,
            "regime": self.regime,
            "lists": [{"source": source, "version": version, "sha256": sha} for source, version, sha in self.lists],
            "nexuses": [{"role": role, "is": what} for role, what in self.nexuses],
            "reasons": [reason.to_json() for reason in self.reasons],
            "verdict": self.verdict.name,
            "salt": self.salt,
        }

    def sha256(self) -> str:
        """0x-hex SHA-256 of the canonical decision."""
        return hex0x(sha256_of(self.to_json()))


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The strictest of `verdicts`, CLEAR if there is none."""
    return max(verdicts, default=Verdict.CLEAR)
