"""What must be reported, and by when, once money is blocked or sent back: dates with the law that sets them.

Business days count Monday to Friday; holidays are not known here, so that a date is never later than the law's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAY_S = 86_400
FRIDAY = 4
BUSINESS_DAYS = 10
EU_DAYS = 14
YEARLY_MONTH, YEARLY_DAY = 9, 30


@dataclass(frozen=True, slots=True)
class Duty:
    """One report: what, by when (Unix s), the source, and its mark (T text seen, S secondary, U unverified)."""

    name: str
    due_at: int
    source: str
    mark: str


def duties_after_block(at: int) -> tuple[Duty, ...]:
    """What the holder of blocked money owes the authorities, the earliest first; `at` is when it was blocked."""
    found = (
        Duty(
            "Report of blocked property",
            business_days_after(at, BUSINESS_DAYS),
            "31 CFR 501.603: within 10 business days; the duty lies on the holder",
            "T",
        ),
        Duty(
            "Report of frozen assets to the national authority",
            at + EU_DAYS * DAY_S,
            "Reg. (EU) 269/2014 art. 8 as amended by 2023/426: within two weeks of acquiring the information",
            "S",
        ),
        Duty(
            "Yearly report of blocked property",
            _yearly(at),
            "31 CFR 501.603: by 30 September, as of 30 June",
            "T",
        ),
    )
    return tuple(sorted(found, key=lambda duty: duty.due_at))


def duties_after_reject(at: int) -> tuple[Duty, ...]:
    """What is owed when a prohibited payment was sent back."""
    return (
        Duty(
            "Report of a rejected transaction",
            business_days_after(at, BUSINESS_DAYS),
            "31 CFR 501.604: within 10 business days, with the instruction",
            "T",
        ),
    )


def business_days_after(at: int, days: int) -> int:
    """The same time of day, `days` weekdays later."""
    day = datetime.fromtimestamp(at, UTC)
    while days:
        day += timedelta(days=1)
        days -= day.weekday() <= FRIDAY
    return int(day.timestamp())


def _yearly(at: int) -> int:
    """The end of the next 30 September whose 30 June is not before `at`."""
    day = datetime.fromtimestamp(at, UTC)
    year = day.year + ((day.month, day.day) > (6, 30))
    return int(datetime(year, YEARLY_MONTH, YEARLY_DAY, 23, 59, 59, tzinfo=UTC).timestamp())
