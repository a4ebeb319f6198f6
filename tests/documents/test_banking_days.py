"""Banking days on named calendars, against published dates."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.core.errors import Invalid
from entrepot.documents.banking_days import CALENDARS, add_banking_days, calendar_named, easter_sunday, examine_by


@pytest.mark.parametrize(
    "easter",
    [
        "1818-03-22",
        "1943-04-25",
        "2000-04-23",
        "2008-03-23",
        "2011-04-24",
        "2024-03-31",
        "2026-04-05",
        "2027-03-28",
        "2038-04-25",
    ],
)
def test_easter_is_when_it_was(easter: str) -> None:
    assert easter_sunday(int(easter[:4])).isoformat() == easter


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        ("2026-01-01", False),
        ("2026-01-02", True),
        ("2026-04-02", True),  # Maundy Thursday
        ("2026-04-03", False),  # Good Friday
        ("2026-04-06", False),  # Easter Monday
        ("2026-04-07", True),
        ("2026-05-01", False),
        ("2026-05-14", True),  # Ascension: a holiday in many places, not in TARGET
        ("2026-12-24", True),
        ("2026-12-25", False),
        ("2026-12-26", False),
        ("2026-11-21", False),  # Saturday
        ("2026-11-23", True),
    ],
)
def test_target_is_open_when_the_ecb_says(day: str, is_open: bool) -> None:
    assert calendar_named("TARGET").is_open(date.fromisoformat(day)) is is_open


@pytest.mark.parametrize(
    ("start", "calendar", "end"),
    [
        ("2026-11-23", "TARGET", "2026-11-30"),  # Monday to Monday
        ("2026-11-21", "TARGET", "2026-11-27"),  # a Saturday does not count itself
        ("2026-04-01", "TARGET", "2026-04-10"),  # over Easter
        ("2026-04-01", "demo", "2026-04-08"),  # the same without holidays
        ("2026-12-23", "TARGET", "2026-12-31"),
        ("2026-12-24", "TARGET", "2027-01-04"),
    ],
)
def test_five_banking_days_to_examine(start: str, calendar: str, end: str) -> None:
    assert examine_by(date.fromisoformat(start), calendar) == date.fromisoformat(end)


@given(st.dates(date(2002, 1, 1), date(2090, 1, 1)), st.integers(1, 30), st.sampled_from(sorted(CALENDARS)))
def test_counting_lands_on_an_open_day_and_counts_each_once(start: date, count: int, name: str) -> None:
    end = add_banking_days(start, count, name)
    between = (start + timedelta(days=offset) for offset in range(1, (end - start).days + 1))
    assert CALENDARS[name].is_open(end)
    assert sum(CALENDARS[name].is_open(day) for day in between) == count


def test_no_banking_day_is_the_day_itself() -> None:
    assert add_banking_days(date(2026, 11, 21), 0, "TARGET") == date(2026, 11, 21)


def test_an_unknown_calendar_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        examine_by(date(2026, 11, 23), "Mars")
    assert caught.value.code == "calendar_unknown"


def test_every_calendar_names_its_source() -> None:
    assert all(calendar.source for calendar in CALENDARS.values())
