"""What cross-border payments are measured against: targets that authorities set, with their source and mark.

Marks as in the law page: T text seen, S secondary source, U unverified. They judge nothing: no rule reads them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Yardstick:
    """A target: `value` in `unit` (s or bps), `share_percent` of payments that are to meet it (100: all)."""

    name: str
    says: str
    value: int
    unit: str
    share_percent: int
    source: str
    mark: str


_FSB = "FSB, G20 targets for cross-border payments, 13 October 2021, by end-2027"
YARDSTICKS = (
    Yardstick(
        "hour", "75% usable within one hour of initiation", 3_600, "s", 75, f"{_FSB}; retail incl. business", "T"
    ),
    Yardstick("day", "the rest within one business day", 86_400, "s", 100, f"{_FSB}; retail incl. business", "T"),
    Yardstick(
        "cost_average", "cost on average at most 1%", 100, "bps", 100, f"{_FSB}; segment from a secondary source", "S"
    ),
    Yardstick(
        "cost_corridor", "no corridor above 3%", 300, "bps", 100, f"{_FSB}; segment from a secondary source", "S"
    ),
)
