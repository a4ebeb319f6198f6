"""Figures over time, decisions and checkpoints in order, and the disclosure log in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from entrepot.core.settlement import Settlement

from .memory_checks import CheckTables
from .memory_people import PeopleTables
from .memory_settlements import SettlementTables, shows_event
from .memory_tables import Access, Journal, Table, known_id
from .records import Paper
from .reports import PLACE_MAX, ROWS_MAX, Archive, Cost, Disclosure, Headroom, Held, ReservedDay, Spread, Volume

DAY_S = 86_400


class ReportTables:
    """The disclosure log."""

    def __init__(self, journal: Journal) -> None:
        self.disclosures: Table[str, Disclosure] = Table(journal)


class MemoryReports:
    """Figures of a period: of all settlements for staff, of its own for a party."""

    def __init__(
        self, tables: ReportTables, settlements: SettlementTables, checks: CheckTables, people: PeopleTables,
        access: Access,
    ) -> None:  # fmt: skip
        self._tables = tables
        self._settlements = settlements
        self._checks = checks
        self._people = people
        self._access = access

    def volumes(self, *, since: int, until: int) -> list[Volume]:
        """Paid out, by day and asset."""
        found: dict[tuple[int, str], list[int]] = defaultdict(list)
        for one in self._seen():
            for at in self._times(one, "released"):
                if since <= at < until:
                    found[at // DAY_S * DAY_S, one.asset].append(one.released_minor)
        return [Volume(*key, len(amounts), sum(amounts)) for key, amounts in sorted(found.items())]

    def steps(self, *, since: int, until: int, bounds: tuple[int, ...]) -> list[Spread]:
        """How long the steps took of what was paid in the period, over all and by bucket."""
        spans: dict[tuple[str, int | None], list[int]] = defaultdict(list)
        for one in self._seen():
            paid = [at for at in self._times(one, "released") if since <= at < until]
            for step, seconds in self._spans(one, max(paid)) if paid else ():
                spans[step, None].append(seconds)
                spans[step, bisect_right(bounds, seconds)].append(seconds)
        ordered = sorted(spans.items(), key=lambda entry: (entry[0][0], -1 if entry[0][1] is None else entry[0][1]))
        return [Spread(*key, len(all_s), _share(all_s, 50), _share(all_s, 90)) for key, all_s in ordered]

    def costs(self, *, since: int, until: int, percent: int) -> list[Cost]:
        """Cost all in at agreement; `percent` a year for tied-up money."""
        found: dict[int | None, list[int]] = defaultdict(list)
        for one in self._seen():
            agreed = [at for at in self._times(one, "countersigned") if since <= at < until]
            if not agreed or not one.price_minor or "present_by" not in one.dates:
                continue
            days = max(0, -(-(one.dates["present_by"] - one.created_at) // DAY_S))
            tied = (one.price_minor + one.fee_minor) * percent * days // 36500
            tenths = ((one.fee_minor + tied) * 200_000 + one.price_minor) // (one.price_minor * 2)
            found[None].append(tenths)
            found[min(agreed) // DAY_S * DAY_S].append(tenths)
        ordered = sorted(found.items(), key=lambda entry: -1 if entry[0] is None else entry[0])
        return [Cost(day, len(tenths), _share(tenths, 50), _share(tenths, 90)) for day, tenths in ordered]

    def outcomes(self, *, since: int, until: int) -> dict[str, int]:
        """How many settlements that began in the period stand in which state."""
        found = Counter(one.state.value for one in self._seen() if since <= one.created_at < until)
        return dict(sorted(found.items()))

    def open_states(self) -> dict[str, int]:
        """How many settlements that are not ended are shown in which state."""
        return dict(sorted(Counter(one.shown_state.value for one in self._seen() if not one.is_ended).items()))

    def archive(self) -> Archive | None:
        """How the log is archived: in memory there is none."""
        return None

    def held(self) -> list[Held]:
        """What lies in escrow now, by asset."""
        found: dict[str, list[int]] = defaultdict(list)
        for one in self._seen():
            if one.held_minor:
                found[one.asset].append(one.held_minor)
        return [Held(asset, len(amounts), sum(amounts)) for asset, amounts in sorted(found.items())]

    def headroom(self, *, since: int, limit: int = ROWS_MAX) -> list[Headroom]:
        """Who uses how much of the window's cap, the most used first."""
        held: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
        for row in self._checks.reservations:
            if row.is_live and row.at >= since and self._access.sees_own(row.participant):
                held[row.participant].append((row.at, row.settlement, row.amount_minor))
        found = [
            Headroom(who, len(rows), sum(row[2] for row in rows), min(rows)[0], min(rows)[2])
            for who, rows in held.items()
        ]
        return sorted(found, key=lambda one: (-one.used_minor, one.participant))[:limit]

    def reserved_by_day(self, *, since: int, until: int) -> list[ReservedDay]:
        """Headroom taken, by day."""
        days: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for row in self._checks.reservations:
            if since <= row.at < until and self._access.sees_own(row.participant):
                days[row.at // DAY_S * DAY_S][0 if row.is_live else 1] += row.amount_minor
        return [ReservedDay(day, *amounts) for day, amounts in sorted(days.items())]

    def checkpoints(self, *, before: int = PLACE_MAX, limit: int = ROWS_MAX) -> list[tuple[int, str, int]]:
        """(size, note, Unix seconds), largest first, smaller than `before`."""
        kept = [(size, note, at) for size, (note, at) in self._settlements.checkpoints.items() if size < before]
        return sorted(kept, reverse=True)[:limit]

    def decisions(self, *, before: int = PLACE_MAX, limit: int = ROWS_MAX) -> list[tuple[int, Paper]]:
        """Papers of decisions with their places, newest first, before a place."""
        found = [
            (place, paper)
            for place, paper in enumerate(self._people.papers, 1)
            if paper.kind.startswith("decision_") and place < before
            and (self._access.sees_all or any(self._access.is_reader(name) for name in paper.visible_to))
        ]  # fmt: skip
        return found[::-1][:limit]

    def put_disclosure(self, disclosure: Disclosure) -> None:
        """Keeps it; one with an id that is there already is the same one."""
        self._access.require_worker()
        assert known_id(disclosure.id) and known_id(disclosure.person), "a disclosure names its person"
        assert disclosure.what and disclosure.purpose, "a disclosure states its purpose"
        if disclosure.id not in self._tables.disclosures:
            place = len(self._tables.disclosures) + 1
            self._tables.disclosures.put(disclosure.id, replace(disclosure, place=place))

    def disclosures(self, *, before: int = PLACE_MAX, limit: int = ROWS_MAX) -> list[Disclosure]:
        """Newest first, before a place."""
        shown = [
            row for row in self._tables.disclosures
            if row.place < before and (
                self._access.sees_all
                or (not row.is_confidential and any(self._access.is_reader(name) for name in row.whose))
            )
        ]  # fmt: skip
        return shown[::-1][:limit]

    def _seen(self) -> Iterator[Settlement]:
        for row in self._settlements.snapshots:
            if self._access.sees_settlement(row.settlement.id):
                yield row.settlement

    def _times(self, one: Settlement, kind: str) -> list[int]:
        logged = self._settlements.events.of(one.id)
        return [entry.event.at for entry in logged if entry.event.kind == kind and shows_event(self._access, entry)]

    def _spans(self, one: Settlement, paid: int) -> Iterator[tuple[str, int]]:
        """The steps whose both ends are known."""
        first = {kind: min(self._times(one, kind), default=None) for kind in ("countersigned", "cleared", "funded")}
        agreed, cleared, funded = first.values()
        presented = max(self._times(one, "presented"), default=None)
        for step, start, end in (
            ("cleared", agreed, cleared),
            ("funded", cleared, funded),
            ("presented", funded, presented),
            ("paid", presented, paid),
            ("all", agreed, paid),
        ):
            if start is not None and end is not None:
                yield step, end - start


def _share(values: Sequence[int], percent: int) -> int:
    """The smallest value that `percent` of them do not exceed. Source: SQL percentile_disc."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]
