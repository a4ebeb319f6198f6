"""What persons said of findings: four eyes are counted hit by hit, as a later case may hold known hits beside new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from entrepot.core.decision import DISPOSERS_REQUIRED
from entrepot.store.records import Disposition

Said = dict[str, dict[str, str]]


def said_of_hits(dispositions: Iterable[Disposition]) -> Said:
    """Hit → person → verdict; a person says something of a hit of a settlement once, and that stays."""
    said: Said = {}
    for entry in dispositions:
        for hit in entry.hits:
            said.setdefault(hit, {})[entry.person] = entry.verdict
    return said


def left_for(said: Said, person: str, hits: Sequence[str]) -> tuple[str, ...]:
    """Those of `hits` of which this person said nothing yet."""
    return tuple(hit for hit in hits if person not in said.get(hit, {}))


def agreed_on(said: Said, hits: Sequence[str]) -> str:
    """`clear` once two persons cleared each hit, `refuse` once two refuse the same one, "" before."""
    agreed = {
        verdict: [sum(one == verdict for one in said.get(hit, {}).values()) >= DISPOSERS_REQUIRED for hit in hits]
        for verdict in ("clear", "refuse")
    }
    return "refuse" if any(agreed["refuse"]) else "clear" if all(agreed["clear"]) else ""
