"""Figures that people would rather look at: volume, time to funds, cost, caps, outcomes; each with its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...assets import asset_of
from ...charts import Chart, Reference, Series, Tone
from ...language import Language, Shown, marked
from ...page import page, shown
from ...visitor import Visitor
from ..shared import sentences

PERIODS = (7, 30, 90, 365)
DAYS = 30
DAY_S = 86_400
REFERENCE = {"symbol": "USD", "decimals": 2}
TONES: tuple[Tone, ...] = ("harbour", "waiting", "final", "soft")
UNITS = ((marked("days"), 86_400), (marked("hours"), 3_600), (marked("minutes"), 60), (marked("seconds"), 1))
STEPS = {
    "cleared": marked("agreed to cleared"),
    "funded": marked("cleared to paid into escrow"),
    "presented": marked("paid in to documents presented"),
    "paid": marked("presented to paid out"),
    "all": marked("agreed to paid out"),
}


async def measures(request: Request, visitor: Visitor) -> Response:
    """All figures of a period."""
    asked = request.query_params.get("days", "")
    days = int(asked) if asked.isdigit() and int(asked) in PERIODS else DAYS
    now, language = visitor.language.now, visitor.language
    told = await visitor.door.get("/measures", since=max(1, now - days * DAY_S), until=now + 1)
    return page(
        request,
        visitor,
        "supervisor/measures.html",
        at="/measures",
        sentence=sentence(told, language),
        charts=await charts_of(request, visitor, told),
        since=told["since"],
        until=told["until"],
        days=days,
        periods=PERIODS,
    )


async def charts_of(request: Request, visitor: Visitor, told: Mapping[str, Any]) -> list[Chart]:
    """The pictures of what /v1/measures told: for any page that shows figures."""
    assets = {row["asset"]: await asset_of(request, visitor, row["asset"]) for row in told["volume"]}
    language = visitor.language
    return [volume(told, assets, language), waiting(told, language), steps(told, language), cost(told, language),
            outcomes(told, language), taken(told, language)]  # fmt: skip


def sentence(told: Mapping[str, Any], language: Language) -> Shown:
    """How fast and how dear, in one."""
    over_all = next((row for row in told["steps"] if row["step"] == "all"), None)
    if over_all is None:
        return language.say("No settlement was paid out in this period.")
    if over_all["count"] == 1:
        return language.tell(
            "One settlement was paid out, {median} after agreement.", median=language.span(over_all["median_s"])
        )
    if over_all["count"] < 10:
        return language.tell(
            "{count} settlements were paid out, typically within {median} of agreement.",
            count=language.number(over_all["count"]),
            median=language.span(over_all["median_s"]),
        )
    return language.tell(
        "Half of {count} settlements were paid out within {median} of agreement, nine of ten within {p90}.",
        count=language.number(over_all["count"]),
        median=language.span(over_all["median_s"]),
        p90=language.span(over_all["p90_s"]),
    )


def volume(told: Mapping[str, Any], assets: Mapping[str, Mapping[str, Any]], language: Language) -> Chart:
    """Paid out by day, each asset a series."""
    days = _days(told)
    paid = {(row["day"], row["asset"]): row for row in told["volume"]}
    series = []
    for place, (name, asset) in enumerate(assets.items()):
        rows = [paid.get((day, name)) for day in days]
        minor = [int(row["amount_minor"]) if row else 0 for row in rows]
        values = tuple(float(Decimal(one).scaleb(-int(asset["decimals"]))) for one in minor)
        says = tuple(language.amount(one, asset) for one in minor)
        series.append(Series(str(asset["symbol"]), values, says, TONES[place % len(TONES)]))
    count = sum(row["count"] for row in told["volume"])
    return Chart(
        "volume",
        str(language.say("Volume")),
        language.say("One settlement was paid out.")
        if count == 1
        else language.say("{count} settlements were paid out.", count=language.number(count)),
        "stack",
        str(language.say("Day (UTC)")),
        tuple(language.short_day(day) for day in days),
        tuple(series),
        language.listed([str(asset["symbol"]) for asset in assets.values()]),
    )


def waiting(told: Mapping[str, Any], language: Language) -> Chart:
    """From agreement to money with the seller: how many within which time, beside the G20's hour and day."""
    over_all = next((row for row in told["steps"] if row["step"] == "all"), None)
    bounds = told["bounds_s"]
    labels = [str(language.say("under {time}", time=language.span(bound))) for bound in bounds]
    labels.append(str(language.say("longer")))
    counts = over_all["buckets"] if over_all else [0] * len(labels)
    within = sum(counts[: bounds.index(3_600) + 1])
    share = within / over_all["count"] if over_all else 0.0
    lines = tuple(
        Reference(f"G20: {one['share_percent']}%", _source(one, language), label=labels[bounds.index(one["value"])])
        for one in told["yardsticks"]
        if one["unit"] == "s"
    )
    return Chart(
        "time",
        str(language.say("Time to funds")),
        language.say("{share} were paid out within an hour of agreement.", share=language.percent(share)),
        "columns",
        str(language.say("From agreement to paid out")),
        tuple(labels),
        (Series(str(language.say("Settlements")), tuple(map(float, counts)), tuple(map(language.number, counts))),),
        references=lines,
        counted=str(language.say("settlements")),
    )


def steps(told: Mapping[str, Any], language: Language) -> Chart:
    """Which step takes how long."""
    found = {row["step"]: row for row in told["steps"]}
    rows = [found[step] for step in STEPS if step in found]

    longest = max((row["p90_s"] for row in rows), default=0)
    unit, unit_s = next((unit, size) for unit, size in UNITS if longest >= 2 * size or size == 1)

    def series(name: str, field: str, tone: Tone) -> Series:
        values = tuple(round(row[field] / unit_s, 2) for row in rows)
        return Series(str(language.say(name)), values, tuple(language.span(row[field]) for row in rows), tone)

    return Chart(
        "steps",
        str(language.say("Where the time goes")),
        language.say(
            "Half took no longer than the first bar, nine of ten no longer than the second; in {unit}.",
            unit=language.say(unit),
        ),
        "bars",
        str(language.say("Step")),
        tuple(str(language.say(STEPS[row["step"]])) for row in rows),
        (series(marked("median"), "median_s", "harbour"), series(marked("9 of 10"), "p90_s", "waiting")),
        str(language.say(unit)),
    )


def cost(told: Mapping[str, Any], language: Language) -> Chart:
    """Cost all in at agreement, beside the G20's targets."""
    days, over_all = told["cost"]["days"], told["cost"]
    none = over_all["median_bps"] is None

    def series(name: str, field: str, tone: Tone) -> Series:
        values = tuple(float(row[field]) for row in days)
        return Series(str(language.say(name)), values, tuple(_bps(row[field], language) for row in days), tone)

    return Chart(
        "cost",
        str(language.say("Cost, all in at agreement")),
        language.say("No terms were agreed.") if none else language.say(
            "{median} at the median: the fee, and the money tied up at {percent}% a year.",
            median=_bps(over_all["median_bps"], language), percent=over_all["percent_a_year"],
        ),
        "lines",
        str(language.say("Day (UTC)")),
        tuple(language.short_day(row["day"]) for row in days),
        (series(marked("median"), "median_bps", "harbour"), series(marked("9 of 10"), "p90_bps", "waiting")),
        str(language.say("basis points")),
        tuple(
            Reference(f"G20: {one['value'] / 100:g}%", _source(one, language), value=float(one["value"]))
            for one in told["yardsticks"] if one["name"] == "cost_average"
        ),
    )  # fmt: skip


def outcomes(told: Mapping[str, Any], language: Language) -> Chart:
    """How the period's settlements stand."""
    says = language.say("How the settlements stand that began in this period.")
    return by_state("outcomes", language.say("Outcomes"), says, told["outcomes"], language)


def by_state(name: str, title: str, says: Shown, counted: Sequence[Mapping[str, Any]], language: Language) -> Chart:
    """Settlements counted by state, the most first."""
    rows = sorted(counted, key=lambda row: -row["count"])
    states = [sentences.CHIPS.get(row["state"], ("", marked("Open")))[1] for row in rows]
    counts = tuple(row["count"] for row in rows)
    return Chart(
        name,
        str(title),
        says,
        "bars",
        str(language.say("State")),
        tuple(str(language.say(one)) for one in states),
        (Series(str(language.say("Settlements")), tuple(map(float, counts)), tuple(map(language.number, counts))),),
        counted=str(language.say("settlements")),
    )


def taken(told: Mapping[str, Any], language: Language) -> Chart:
    """Headroom taken by day: kept, and given back since."""
    rows = told["taken"]

    def series(name: str, field: str, tone: Tone) -> Series:
        minor = [int(row[field]) for row in rows]
        says = tuple(language.amount(one, REFERENCE) for one in minor)
        return Series(str(language.say(name)), tuple(one / 100 for one in minor), says, tone)

    return Chart(
        "taken",
        str(language.say("Headroom taken")),
        language.say("By day of clearing; what ended unpaid was given back."),
        "stack",
        str(language.say("Day (UTC)")),
        tuple(language.short_day(row["day"]) for row in rows),
        (series(marked("in use"), "kept_minor", "harbour"), series(marked("given back"), "freed_minor", "soft")),
        str(REFERENCE["symbol"]),
    )


def _days(told: Mapping[str, Any]) -> list[int]:
    """Every day from the first on which something was paid to the last: one without is a gap that is seen."""
    paid = [row["day"] for row in told["volume"]]
    return list(range(min(paid), max(paid) + DAY_S, DAY_S)) if paid else []


def _source(one: Mapping[str, Any], language: Language) -> Markup:
    """What is aimed at, in the reader's language, and where that is written, as it is called there."""
    cited = Markup('<span lang="en" dir="auto">{} [{}]</span>').format(one["source"], one["mark"])
    return Markup("{}. {}").format(language.say(one["says"]), cited)


def _bps(text: str, language: Language) -> str:
    return str(language.say("{figure} bps", figure=language.number(Decimal(text), 1)))


ROUTES = [Route("/measures", shown(measures))]
