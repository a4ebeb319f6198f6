"""Spans: what is told and what never is, and that a collector that is gone holds nobody up.

That one settlement is one trace over API, worker, rail and back is told by tests/stories/test_demo.py, on real parts.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from entrepot.core.lifecycle import CONFIDENTIAL, LIFECYCLE, Role
from entrepot.core.settlement import Event
from entrepot.rails.anvil import free_port
from entrepot.store.records import InboxItem, LoggedEvent, OutboxItem
from entrepot.workflows.step.collector import traces_of
from entrepot.workflows.step.traces import CLOSE_S, TOLD_OPERATIONS, Decisions, Span, Traces, span_of, trace_of
from otlp_receiver import receiving

SETTLEMENT, ITEM = "1" * 26 + "0" * 6, "2" * 32
SPANS = 20_000  # far more than wait in a queue


def item(what: str, role: str, *, source: str = "api:x", **body: object) -> InboxItem:
    return InboxItem(
        id=ITEM, source=source, key="k", kind=what, body=body, body_sha256="", received_at=1, role=role,
        settlement=SETTLEMENT, person="p" * 32, participant="c" * 32,
    )  # fmt: skip


def logged(kind: str) -> LoggedEvent:
    return LoggedEvent(SETTLEMENT, 4, Event(kind=kind, at=1, by=Role.OPERATOR, facts={"amount_minor": "7"}), b"")


def decided(one: InboxItem | None, *kinds: str, status: int = 200, code: str = "") -> list[Span]:
    """The spans of one decision after which these events stand in the log."""
    told: list[Span] = []
    decisions = Decisions(Traces(told.append))
    decisions.begin([])
    body = {"settlement": SETTLEMENT, "state": "in_review"} | (
        {"code": code, "detail": "Secretive Ltd"} if code else {}
    )
    decisions.end([logged(kind) for kind in kinds], one, {"status": status, "body": body} if one else None)
    assert told == [], "nothing is told before it is committed"
    decisions.tell()
    return told


@contextmanager
def environment(**named: str) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.update(named)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def test_a_partys_decision_follows_from_its_request_and_its_events_from_it() -> None:
    decision, event = decided(item("sign", "treasurer"), "signed")
    assert (decision.name, decision.parent, decision.trace) == ("decide sign", span_of(ITEM), trace_of(SETTLEMENT))
    assert (event.name, event.parent, event.trace) == ("signed", decision.id, decision.trace)
    assert decision.attributes == {
        "entrepot.settlement": SETTLEMENT, "entrepot.item": ITEM, "entrepot.kind": "sign", "entrepot.status": 200,
    }  # fmt: skip


def test_a_refusal_is_told_by_its_code_and_never_by_its_words() -> None:
    (decision,) = decided(item("sign", "treasurer"), status=409, code="not_in_this_state")
    assert decision.attributes["entrepot.code"] == "not_in_this_state" and "Secretive" not in str(decision)


@pytest.mark.parametrize("kind", sorted(CONFIDENTIAL))
def test_no_span_tells_of_a_confidential_event(kind: str) -> None:
    assert decided(None, kind) == [] and decided(item("rail_failed", "", source="rail"), kind) == []
    for role in ("officer", "operator", "supervisor"):
        assert decided(item("dispose", role), kind) == []
    beside = decided(item("sign", "treasurer"), "signed", kind)
    assert [one.name for one in beside] == ["decide sign", "signed"] and kind not in str(beside)


def test_what_staff_decide_looks_like_what_the_clock_does() -> None:
    by_officer, by_clock = decided(item("dispose", "officer"), "review_cleared", "cleared"), decided(None, "cleared")
    same = [
        [(one.name, one.parent == span_of(SETTLEMENT), one.attributes) for one in spans]
        for spans in (by_officer, by_clock)
    ]
    assert same[0] == same[1] and [one.name for one in by_clock] == ["decide", "cleared"]


@pytest.mark.parametrize(("kind", "count"), [("released", 3), ("frozen", 0), ("blocked", 0), ("held", 0)])
def test_of_the_rail_only_what_parties_are_told_leaves_a_span(kind: str, count: int) -> None:
    spans = decided(item("rail", "", source="rail", kind=kind, seen_ns=[5, 9]), *(["released"] if count else []))
    assert [one.name for one in spans] == ["watch released", "decide released", "released"][:count]
    if spans:
        assert (spans[0].began_ns, spans[0].ended_ns, spans[1].parent) == (5, 9, spans[0].id)


def sent(*items: OutboxItem, failed: str = "") -> list[Span]:
    told: list[Span] = []
    tried = {one.once: (5, 9) for one in items}
    Traces(told.append).sent(items, tried, {one.once: failed for one in items if failed}, began_ns=2)
    return told


def test_an_effect_follows_from_the_decision_that_its_outbox_item_carries() -> None:
    carried = {"kind": "release", "arguments": {"amount_minor": "7"}, "span": f"{77:016x}"}
    effect, rail = sent(OutboxItem("x:1:release", "rail", SETTLEMENT, carried, 0), failed="rail_not_ready")
    assert (effect.name, effect.parent, rail.name, rail.parent) == ("outbox release", 77, "submit release", effect.id)
    assert (
        effect.is_failed and effect.attributes["entrepot.code"] == "rail_not_ready" and "arguments" not in str(effect)
    )
    assert (rail.began_ns, rail.ended_ns) == (5, 9)


@pytest.mark.parametrize("kind", ["hold", "reject"])
def test_no_effect_of_an_order_is_told(kind: str) -> None:
    assert kind not in TOLD_OPERATIONS
    assert sent(OutboxItem(f"x:1:{kind}", "rail", SETTLEMENT, {"kind": kind, "arguments": {}}, 0)) == []


@pytest.mark.parametrize("role", ["treasurer", "officer"])
def test_a_door_tells_of_parties_requests_only(role: str) -> None:
    told: list[Span] = []
    asked = item("block" if role == "officer" else "sign", role)
    Traces(told.append).asked(asked, asked, {"state": "checking"}, status=200, began_ns=3)
    assert [one.name for one in told] == ([] if role == "officer" else ["request sign"])
    assert all((one.id, one.parent) == (span_of(ITEM), span_of(SETTLEMENT)) for one in told)


def test_an_attribute_that_is_not_on_the_list_is_our_defect() -> None:
    span = Span(1, "x", 0, 0, 0, attributes={"entrepot.amount": 7})
    with pytest.raises(AssertionError, match="amount"):
        Traces(lambda _: None).tell(span)


def test_every_event_is_told_or_confidential() -> None:
    assert {line.event for line in LIFECYCLE} - CONFIDENTIAL == {
        line.event for line in LIFECYCLE if decided(None, line.event)
    }


def test_a_collector_is_sent_spans_under_the_ids_that_they_bring() -> None:
    span = Span(trace_of(SETTLEMENT), "decide", 10, 20, span_of(SETTLEMENT), linked=(3, 4), is_failed=True)
    with receiving() as receiver, environment(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url):
        traces = traces_of(os.environ, process="work")
        traces.tell(span)
        traces.tell(dataclasses.replace(span, name="settlement", parent=0, id=span_of(SETTLEMENT)))
        traces.close()
    first, root = receiver.told
    assert receiver.requests == ["/v1/traces"] and first.service == "entrepot-work"
    assert (first.trace, first.id, first.parent) == (f"{span.trace:032x}", f"{span.id:016x}", f"{span.parent:016x}")
    assert (first.began_ns, first.ended_ns, first.is_failed, first.links) == (
        10,
        20,
        True,
        ((f"{3:032x}", f"{4:016x}"),),
    )
    assert (root.id, root.parent, root.trace) == (first.parent, "", first.trace)
    assert not {"host.name", "process.command_line", "process.owner"} & root.resource.keys()


@pytest.mark.parametrize(("ratio", "count"), [("0", 0), ("1", 2)])
def test_sampling_is_asked_of_the_whole_trace(ratio: str, count: int) -> None:
    named = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": ratio}
    with receiving() as receiver, environment(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **named):
        traces = traces_of(os.environ, process="work")
        traces.tell(Span(trace_of(SETTLEMENT), "settlement", 1, 2, 0))
        traces.tell(Span(trace_of(SETTLEMENT), "decide", 1, 2, span_of(SETTLEMENT)))
        traces.close()
    assert len(receiver.told) == count


def test_a_collector_that_is_gone_holds_nobody_up() -> None:
    with environment(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}"):
        traces = traces_of(os.environ, process="work")
        began = time.monotonic()
        for number in range(SPANS):
            traces.tell(Span(number + 1, "decide", 1, 2, 5))
        told_s = time.monotonic() - began
        began = time.monotonic()
        traces.close()
        closed_s = time.monotonic() - began
    assert told_s / SPANS < 0.001, f"{told_s:.2f} s for {SPANS} spans"
    assert closed_s < CLOSE_S + 1, f"{closed_s:.2f} s"


@pytest.mark.parametrize(
    "named", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}]
)
def test_without_a_collector_nothing_is_loaded_or_told(named: dict[str, str]) -> None:
    program = (
        "import os, sys; from entrepot.workflows.step.collector import traces_of; "
        "assert not traces_of(os.environ, process='work').is_on; "
        "assert not any(name.startswith('opentelemetry.sdk') for name in sys.modules)"
    )
    without = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    subprocess.run([sys.executable, "-c", program], env=without | named, check=True, timeout=60)
