"""Traces: one a settlement over all processes, told to an OpenTelemetry collector where the environment names one.

A span is told once its work is committed, so that what was taken again leaves none. Spans carry ids, kinds, codes and
durations of what a party may be told of, and nothing else: traces have more readers than a case.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from entrepot.core.canonical import Json
from entrepot.store.records import STAFF_ROLES, InboxItem, LoggedEvent, OutboxItem

from .shown import told_events

CLOSE_S = 2.0  # how long the end of a process waits for spans on their way; a collector that is gone holds nobody up
ATTRIBUTES = frozenset(
    ("entrepot.settlement", "entrepot.item", "entrepot.kind", "entrepot.status", "entrepot.code", "entrepot.attempt")
)  # nothing else is ever said of a span
TOLD_EVENTS = frozenset(told_events())
# Operations that both parties know of. What an authority or an officer orders is not among them.
TOLD_OPERATIONS = frozenset(
    ("fund_with_authorization", "present", "reject_presentation", "waive", "release", "refund", "raise_dispute",
     "award", "return_payment", "claim_fee")
)  # fmt: skip
RAIL_SOURCE = "rail"
SPAN = "span"  # in the body of what goes out: the decision that sent it, 16 hex digits
SEEN = "seen_ns"  # in the body of what the rail did: when the watcher began to look, and when it had kept it


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of work, times in Unix ns. `parent` 0: it is its trace's root."""

    trace: int
    name: str
    began_ns: int
    ended_ns: int
    parent: int
    id: int = field(default_factory=lambda: _fresh())
    linked: tuple[int, int] | None = None  # the (trace, span) that it goes on from
    is_failed: bool = False
    attributes: Mapping[str, str | int] = field(default_factory=dict)


def trace_of(name: str) -> int:
    """The trace of a settlement's id, or of an inbox item's where no settlement is known yet: the same everywhere."""
    return _number(f"entrepot/trace/{name}", 16)


def span_of(name: str) -> int:
    """A span that several processes must name: the root of a settlement, or the request behind an inbox item."""
    return _number(f"entrepot/span/{name}", 8)


def _number(name: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:size], "big") or 1


def _fresh() -> int:
    return random.getrandbits(64) or 1


def _said(
    *, settlement: str = "", item: str = "", kind: str = "", code: str = "", **whole: int
) -> dict[str, str | int]:
    """Attributes; what is empty is left out."""
    named = {"settlement": settlement, "item": item, "kind": kind, "code": code} | whole
    return {f"entrepot.{name}": value for name, value in named.items() if value}


class Traces:
    """Where spans go. Without a collector nothing is told, and `is_on` says so."""

    def __init__(self, tell: Callable[[Span], None] | None = None, end: Callable[[], None] = lambda: None) -> None:
        self.is_on, self._tell, self._end = tell is not None, tell or (lambda _: None), end

    def tell(self, span: Span) -> None:
        """Hands a span to the thread that sends it; never waits."""
        assert span.attributes.keys() <= ATTRIBUTES, span.attributes.keys() - ATTRIBUTES
        self._tell(span)

    def close(self) -> None:
        """Sends what waits, for CLOSE_S at most."""
        ending = threading.Thread(target=self._end, name="end of traces", daemon=True)
        ending.start()
        ending.join(CLOSE_S)

    def asked(self, item: InboxItem, kept: InboxItem, answer: Json, *, status: int, began_ns: int) -> None:
        """A request about a settlement, until its answer. `kept` is what the inbox holds: `item`, or an earlier."""
        settlement = item.settlement or str(answer.get("settlement", ""))
        if not self.is_on or item.role in STAFF_ROLES or not (settlement or item.kind == "propose"):
            return
        code = str(answer.get("code", ""))
        self.tell(
            Span(
                trace=trace_of(settlement or kept.id),
                name=f"request {item.kind}",
                began_ns=began_ns,
                ended_ns=time.time_ns(),
                parent=span_of(settlement) if settlement else 0,
                id=span_of(kept.id) if kept.id == item.id else _fresh(),
                is_failed=status >= 500,
                attributes=_said(settlement=settlement, item=kept.id, kind=item.kind, status=status, code=code),
            )
        )

    def sent(
        self,
        items: Sequence[OutboxItem],
        tried: Mapping[str, tuple[int, int]],
        failed: Mapping[str, str],
        *,
        began_ns: int,
    ) -> None:
        """What was done outside: from the outbox until it was noted, and in it the try itself. `failed` holds codes."""
        for item in items if self.is_on else ():
            kind = _operation(item)
            if not kind or item.once not in tried:
                continue
            code, trace = failed.get(item.once, ""), trace_of(item.settlement)
            said = _said(settlement=item.settlement, kind=kind, code=code, attempt=item.attempts + 1)
            decision = int(item.body.get(SPAN, "0"), 16) or span_of(item.settlement)
            outbox = Span(
                trace, f"outbox {kind}", began_ns, time.time_ns(), decision, is_failed=bool(code), attributes=said
            )
            self.tell(outbox)
            name = f"{'submit' if item.kind == 'rail' else 'deliver'} {kind}"
            self.tell(Span(trace, name, *tried[item.once], outbox.id, is_failed=bool(code), attributes=said))


def _operation(item: OutboxItem) -> str:
    """What an outbox item does for a settlement, as far as both parties know of it; else ""."""
    if item.kind == "message":
        return "message"
    kind = str(item.body.get("kind", "")) if item.kind == "rail" else ""
    return kind if kind in TOLD_OPERATIONS else ""


class Decisions:
    """What one batch decided, as spans that are told once it is committed."""

    def __init__(self, traces: Traces) -> None:
        self.traces = traces
        self._spans: list[Span] = []
        self._began_ns = self._logged = self._id = 0

    def begin(self, logged: Sequence[LoggedEvent]) -> str:
        """Something is taken; returns the span that what it sends out carries, "" where nothing is traced."""
        if not self.traces.is_on:
            return ""
        self._began_ns, self._logged, self._id = time.time_ns(), len(logged), _fresh()
        return f"{self._id:016x}"

    def end(self, logged: Sequence[LoggedEvent], item: InboxItem | None, answer: Json | None) -> None:
        """It is decided; without an item, it was due. What only staff are told of leaves no span."""
        if not self.traces.is_on:
            return
        told = [one for one in logged[self._logged :] if one.event.kind in TOLD_EVENTS]
        asked = item if item is not None and answer is not None and _is_open(item) else None
        body = answer["body"] if answer else {}
        settlement = (
            told[0].settlement if told else str(body.get("settlement", "") or (asked and asked.settlement) or "")
        )
        if not settlement or not (told or asked):
            return
        ended_ns = time.time_ns()
        if asked is None:
            said = _said(settlement=settlement)
            decided = Span(trace_of(settlement), "decide", self._began_ns, ended_ns, span_of(settlement), self._id,
                           attributes=said)  # fmt: skip
        else:
            decided = self._answered(asked, settlement, body, int(answer["status"]) if answer else 0, ended_ns)
        self._spans.append(decided)
        for one in told:
            said = _said(settlement=one.settlement, kind=one.event.kind)
            self._spans.append(
                Span(trace_of(one.settlement), one.event.kind, ended_ns, ended_ns, self._id, attributes=said)
            )

    def _answered(self, item: InboxItem, settlement: str, body: Json, status: int, ended_ns: int) -> Span:
        """The decision about a request, or about what the rail did."""
        trace, root, linked = trace_of(settlement), span_of(settlement), None
        kind = str(item.body["kind"]) if item.source == RAIL_SOURCE else item.kind
        if item.source == RAIL_SOURCE:
            began_ns, kept_ns = item.body.get(SEEN, (self._began_ns, self._began_ns))
            said = _said(settlement=settlement, item=item.id, kind=kind)
            seen = Span(trace, f"watch {kind}", began_ns, kept_ns, root, attributes=said)
            self._spans.append(seen)
            parent = seen.id
        else:
            parent = span_of(item.id)
        if item.kind == "propose":  # a door that did not wait for this could not know the settlement
            began_ns, linked = min(item.received_at * 10**9, self._began_ns), (trace_of(item.id), parent)
            said = _said(settlement=settlement)
            self._spans.append(Span(trace, "settlement", began_ns, ended_ns, 0, root, attributes=said))
        said = _said(settlement=settlement, item=item.id, kind=kind, status=status, code=str(body.get("code", "")))
        return Span(trace, f"decide {kind}", self._began_ns, ended_ns, parent, self._id, linked, attributes=said)

    def tell(self) -> None:
        """The batch is committed."""
        for span in self._spans:
            self.traces.tell(span)


def _is_open(item: InboxItem) -> bool:
    """True for what a party did, and for what the rail did that parties are told of."""
    if item.source == RAIL_SOURCE:
        return item.kind == "rail" and item.body["kind"] in TOLD_EVENTS
    return bool(item.role) and item.role not in STAFF_ROLES
