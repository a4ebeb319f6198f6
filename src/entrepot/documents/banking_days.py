"""On which days a bank is open: named calendars, and counting banking days on them.

A banking day is a day on which a bank is regularly open at the place of performance (UCP 600 art. 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from ..core.errors import Invalid, declare

SATURDAY = 5
BANKING_DAYS_MAX = 366
EXAMINATION_BANKING_DAYS = 5  # UCP 600 art. 14(b)
_DAY = timedelta(days=1)

declare("Invalid", calendar_unknown="There is no banking calendar of that name.")


@dataclass(frozen=True)
class Calendar:
    """Saturdays, Sundays and `holidays(year)` are closed. `source` says who decided that."""

    name: str
    source: str
    holidays: Callable[[int], frozenset[date]]

    def is_open(self, day: date) -> bool:
        """True on a banking day."""
        return day.weekday() < SATURDAY and day not in self.holidays(day.year)


def easter_sunday(year: int) -> date:
    """Easter Sunday of the Gregorian calendar. Source: the computus of Meeus, Jones and Butcher."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _target(year: int) -> frozenset[date]:
    easter = easter_sunday(year)
    fixed = {date(year, 1, 1), date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)}
    return frozenset(fixed | {easter - 2 * _DAY, easter + _DAY})


def _none(year: int) -> frozenset[date]:
    del year
    return frozenset()


CALENDARS: Mapping[str, Calendar] = {
    calendar.name: calendar
    for calendar in (
        Calendar(
            "TARGET",
            "ECB press release of 2000-12-14, long-term calendar for TARGET closing days, from 2002; seen 2026-11-23",
            _target,
        ),
        Calendar("demo", "invented for the demo: weekends only", _none),
    )
}


def calendar_named(name: str) -> Calendar:
    """The calendar. Raises: Invalid(calendar_unknown)."""
    if name not in CALENDARS:
        raise Invalid("calendar_unknown", f"{name!r:.40} is none of {', '.join(sorted(CALENDARS))}.")
    return CALENDARS[name]


def add_banking_days(day: date, count: int, calendar: str) -> date:
    """The `count`-th banking day after `day`, which itself is not counted; 0 gives `day`."""
    assert 0 <= count <= BANKING_DAYS_MAX, count
    open_on = calendar_named(calendar).is_open
    while count:
        day += _DAY
        count -= open_on(day)
    return day


def examine_by(presented_on: date, calendar: str, *, banking_days: int = EXAMINATION_BANKING_DAYS) -> date:
    """The last day of the examination: the fifth banking day after presentation. Source: UCP 600 art. 14(b)."""
    return add_banking_days(presented_on, banking_days, calendar)
