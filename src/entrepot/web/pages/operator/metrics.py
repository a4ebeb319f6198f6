"""The operator's page of metrics: what is open, what waits and for how long, how fast the log grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...charts import Chart, Reference, Series, Tone
from ...language import Language, Shown, marked
from ...page import page, shown
from ...visitor import Visitor
from ..supervisor.measures import by_state

HOUR_S = 3_600
MIB = 2**20


async def metrics(request: Request, visitor: Visitor) -> Response:
    """All figures of now, each as a picture with its table."""
    told, language = await visitor.door.get("/metrics"), visitor.language
    return page(
        request,
        visitor,
        "operator/metrics.html",
        at="/dashboard",
        sentence=sentence(told, language),
        archive=archive(told, language),
        charts=[open_settlements(told, language), waiting(told, language), ages(told, language),
                growth(told, language), lists(told, language), connections(told, language)],
        live="*",
    )  # fmt: skip


def sentence(told: Mapping[str, Any], language: Language) -> Shown:
    """How much is open, in one."""
    return language.tell(
        "Open settlements: {settlements}; waiting requests: {inbox}; waiting acts outside: {outbox}.",
        settlements=language.number(sum(row["count"] for row in told["settlements"])),
        inbox=language.number(told["inbox"]["open"]),
        outbox=language.number(told["outbox"]["open"]),
    )


def archive(told: Mapping[str, Any], language: Language) -> Shown | None:
    """How the database's log is archived, where it is."""
    found = told["archive"]
    if found is None:
        return None
    span, waiting = language.span(found["age_s"]), language.number((found["waiting_bytes"] or 0) // MIB)
    if found["is_failing"]:
        return language.tell(
            "The database's log cannot be archived: last done {span} ago, {waiting} MiB wait.",
            span=span,
            waiting=waiting,
        )
    return language.tell(
        "The database's log was last archived {span} ago; {waiting} MiB wait.", span=span, waiting=waiting
    )


def open_settlements(told: Mapping[str, Any], language: Language) -> Chart:
    """By state, the most first."""
    says = language.say("By state, as the parties read it.")
    chart = by_state("open", language.say("Open settlements"), says, told["settlements"], language)
    return replace(chart, when_empty=language.say("No settlement is open."))


def waiting(told: Mapping[str, Any], language: Language) -> Chart:
    """How much waits in the inbox and in the outbox, over time."""
    series = (_curve(told, language, marked("Inbox"), "inbox_open", "harbour"),
              _curve(told, language, marked("Outbox"), "outbox_open", "waiting"))  # fmt: skip
    return Chart(
        "waiting",
        str(language.say("What waits")),
        language.say(
            "Set aside: {count}; failed outside: {failed}.",
            count=language.number(told["set_aside"]),
            failed=language.number(told["outbox"]["failed"]),
        ),
        "lines",
        str(language.say("Time")),
        _times(told, language),
        series,
        zero_counts=True,
        counted=str(language.say("things that wait")),
    )


def ages(told: Mapping[str, Any], language: Language) -> Chart:
    """How long the oldest waits, and how long ago the chain was read, over time."""
    series = (_curve(told, language, marked("Inbox"), "inbox_oldest_s", "harbour"),
              _curve(told, language, marked("Outbox"), "outbox_oldest_s", "waiting"),
              _curve(told, language, marked("Watcher"), "watcher_lag_s", "final"))  # fmt: skip
    return Chart(
        "ages",
        str(language.say("How long it waits")),
        language.say("Seconds that the oldest waits, and since the chain was read."),
        "lines",
        str(language.say("Time")),
        _times(told, language),
        series,
        str(language.say("seconds")),
        zero_counts=True,
    )


def growth(told: Mapping[str, Any], language: Language) -> Chart:
    """Entries of the log per second, between two readings."""
    points = told["points"]
    rates = [
        max(0.0, (new["log_entries"] - old["log_entries"]) / max(1, new["at"] - old["at"]))
        for old, new in zip(points, points[1:], strict=False)
    ]
    says = tuple(language.number(Decimal(f"{rate:.2f}"), 2) for rate in rates)
    return Chart(
        "growth",
        str(language.say("Log")),
        language.say(
            "Entries: {entries}; last checkpoint {span} ago.",
            entries=language.number(told["log"]["entries"]),
            span=language.span(told["log"]["checkpoint_age_s"]),
        ),
        "lines",
        str(language.say("Time")),
        _times(told, language)[1:],
        (Series(str(language.say("entries per second")), tuple(rates), says),),
        str(language.say("entries per second")),
        zero_counts=True,
        when_empty=language.say("The curve begins with the second reading, within half a minute."),
    )


def lists(told: Mapping[str, Any], language: Language) -> Chart:
    """Hours since each list was verified, beside the most that is allowed."""
    rows = told["lists"]
    hours = tuple(None if row["age_s"] is None else round(row["age_s"] / HOUR_S, 2) for row in rows)
    says = tuple(
        str(language.say("not loaded")) if row["age_s"] is None else language.span(row["age_s"]) for row in rows
    )
    limits = sorted({row["age_s_max"] for row in rows})
    stale = sum(row["is_stale"] for row in rows)
    return Chart(
        "lists",
        str(language.say("Lists")),
        language.say(
            "Hours since each list was verified; too old or not loaded: {count}.", count=language.number(stale)
        ),
        "bars",
        str(language.say("List")),
        tuple(row["source"] for row in rows),
        (Series(str(language.say("hours since verified")), hours, says),),
        str(language.say("hours")),
        tuple(
            Reference(
                str(language.say("at most {time}", time=language.span(one))), "the regime in force", value=one / HOUR_S
            )
            for one in limits
        ),
        zero_counts=True,
    )


def connections(told: Mapping[str, Any], language: Language) -> Chart:
    """The database connections of the process that answered."""
    rows = told["pools"]

    def series(name: str, field: str, tone: Tone) -> Series:
        counts = tuple(int(row[field]) for row in rows)
        return Series(str(language.say(name)), tuple(map(float, counts)), tuple(map(language.number, counts)), tone)

    return Chart(
        "connections",
        str(language.say("Database connections")),
        language.say("Of the process that answered; who waits has none yet."),
        "columns",
        str(language.say("Database role")),
        tuple(row["role"] for row in rows),
        (series(marked("busy"), "busy", "harbour"), series(marked("free"), "free", "soft"),
         series(marked("waiting"), "waiting", "waiting")),
        counted=str(language.say("connections")),
    )  # fmt: skip


def _times(told: Mapping[str, Any], language: Language) -> tuple[str, ...]:
    return tuple(language.clock(one["at"]) for one in told["points"])


def _curve(told: Mapping[str, Any], language: Language, name: str, field: str, tone: Tone) -> Series:
    figures = tuple(int(one[field]) for one in told["points"])
    return Series(str(language.say(name)), tuple(map(float, figures)), tuple(map(language.number, figures)), tone)


ROUTES = [Route("/dashboard", shown(metrics))]
