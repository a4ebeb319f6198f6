"""Screen: an index over exactly the list versions that a decision pins, kept in memory until a version changes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from entrepot.core.canonical import sha256_of
from entrepot.core.errors import Refused, declare
from entrepot.regimes.regime import HitFacts
from entrepot.screening.entity import Entity, Subject
from entrepot.screening.highlight import marked_names
from entrepot.screening.lists import ListVersion, LoadedList, invented, load_folder
from entrepot.screening.matching import REVIEW_SCORE, Hit, Index, screen
from entrepot.store.many import Conflict
from entrepot.store.records import ListRow
from entrepot.store.store import Store

from ..step.context import ListsChanged

log = structlog.get_logger(__name__)

SHRINK_SHARE_MAX = 0.10
SUBJECTS_KEPT = 20_000
ROLES = (
    "seller",
    "buyer",
    "seller_bank",
    "buyer_bank",
    "vessel",
    "carrier",
    "shipper",
    "consignee",
    "notify",
    "invoice_seller",
    "invoice_buyer",
    "origin",
    *(f"{side}_{what}" for side in ("seller", "buyer") for what in ("owner", "director")),
)

declare("Refused", list_shrinks="The new version of a list loses more than a tenth of its entries; it is not taken.")


class ListScreener:
    """Screens against pinned versions; loads their entries once for each new set of versions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock, self._warming = threading.Lock(), threading.Lock()  # a decision never waits for a transaction
        self._versions: tuple[tuple[str, str], ...] = ()
        self._index = Index(())
        self._found: dict[Subject, tuple[HitFacts, ...]] = {}  # in this index: another index begins with none

    def warm(self) -> None:
        """Builds the index of the current versions outside of other transactions: real lists take seconds."""
        with self._warming:
            with self._store.work() as tx:
                current = _versions(tx.checks.lists(with_entities=False))
            if current == self._versions:
                return
            with self._store.work() as tx:
                rows = tx.checks.lists(with_entities=True)
            index = Index(_loaded(row) for row in rows)
            with self._lock:
                self._index, self._versions, self._found = index, _versions(rows), {}

    def screen(self, subjects: Sequence[Subject], lists: Sequence[ListRow]) -> tuple[HitFacts, ...]:
        """All hits of all subjects; `lists` are the versions that must be used. Raises: ListsChanged."""
        with self._lock:
            if _versions(lists) != self._versions:
                raise ListsChanged
            index, found = self._index, self._found
        return tuple(hit for subject in subjects for hit in _hits(subject, index, found))


def _hits(subject: Subject, index: Index, found: dict[Subject, tuple[HitFacts, ...]]) -> tuple[HitFacts, ...]:
    """What the index says of a subject, which depends on these two alone: it is asked once for each."""
    kept = found.get(subject)
    if kept is None:
        kept = tuple(_facts(subject, hit) for hit in screen(subject, index))
        if len(found) >= SUBJECTS_KEPT:
            found.clear()
        found[subject] = kept
    return kept


def _versions(rows: Sequence[ListRow]) -> tuple[tuple[str, str], ...]:
    return tuple((row.source, row.sha256) for row in rows)


def load_lists(store: Store, folder: Path, *, now: int) -> list[dict[str, Any]]:
    """Loads the invented list and every list in `folder` (if there is one), all of them or none.

    A copy of the invented list in `folder` is not loaded a second time. Where another process loads one while this one
    reads, the folder is read again: what was read before never takes the place of what was read after it.

    Raises: Invalid(list_malformed, list_misnamed, list_unrecognised), Refused(list_shrinks).
    """
    while (loaded := _load(store, folder, now)) is None:
        log.info("lists are read again, as others were loaded meanwhile")
    store.wake()
    return [
        {
            "source": entry.version.source,
            "version": entry.version.version,
            "sha256": entry.version.sha256,
            "entities": entry.version.entities,
            "orphans": entry.version.orphans,
        }
        for entry in loaded
    ]


def _load(store: Store, folder: Path, now: int) -> list[LoadedList] | None:
    """What was loaded; None, and nothing, if another version of one of them came meanwhile."""
    with store.work() as tx:
        kept = {row.source: row for row in tx.checks.lists(with_entities=False)}
    bundled = invented(now=now)
    followed = load_folder(folder, now=now) if folder.is_dir() else []
    loaded = [bundled, *(entry for entry in followed if entry.version.source != bundled.version.source)]
    try:
        with store.work() as tx:
            for entry in loaded:
                before = kept.get(entry.version.source)
                _require_whole(entry, before)
                tx.checks.put_list(_row(entry, before), after=before.version if before else "")
    except Conflict:
        return None
    return loaded


def _require_whole(entry: LoadedList, before: ListRow | None) -> None:
    """Raises: Refused(list_shrinks) for a list that has lost more than a tenth."""
    if before is not None and len(entry.entities) < before.entity_count * (1 - SHRINK_SHARE_MAX):
        raise Refused(
            "list_shrinks", f"{before.source} falls from {before.entity_count} to {len(entry.entities)} entries."
        )


def _row(entry: LoadedList, before: ListRow | None) -> ListRow:
    version = entry.version
    return ListRow(
        source=version.source,
        version=_version_name(version, before),
        sha256=version.sha256,
        published_at=version.published_at,
        loaded_at=version.loaded_at,
        verified_at=version.verified_at,
        entity_count=version.entities,
        orphan_count=version.orphans,
        entities=tuple(entity.to_json() for entity in entry.entities),
    )


def _version_name(new: ListVersion, before: ListRow | None) -> str:
    """The publisher's name of the version; what it publishes again under that name with other content gets its own."""
    if before is None or before.version.partition("+")[0] != new.version:
        return new.version
    return before.version if before.sha256 == new.sha256 else f"{new.version}+{new.sha256[:16]}"


def _loaded(row: ListRow) -> LoadedList:
    version = ListVersion(
        source=row.source,
        version=row.version,
        sha256=row.sha256,
        published_at=row.published_at,
        loaded_at=row.loaded_at,
        verified_at=row.verified_at,
        entities=row.entity_count,
        orphans=row.orphan_count,
    )
    return LoadedList(version, tuple(Entity.from_json(dict(body)) for body in row.entities))


def _facts(subject: Subject, hit: Hit) -> HitFacts:
    """A hit as rules see it. Its id names list, entry, role and pair: another name, wallet or entry is another hit."""
    return HitFacts(
        subject=subject.role,
        source=hit.source,
        entity=hit.entity,
        basis=hit.basis,
        has_name_hit=hit.has_name_hit,
        score_bps=hit.score_bps,
        hit=f"{hit.source}:{hit.entity}:{subject.role}:{_pair_digest(subject, hit)}",
        explanation=hit.explanation,
        compared=_compared(subject, hit),
    )


def _pair_digest(subject: Subject, hit: Hit) -> str:
    """16 hex digits over who was compared with which content of the entry: what a disposition is about."""
    said = (subject.kind, subject.name, subject.country, subject.wallet, repr(subject.identifiers))
    compared = "|".join((*said, subject.birth_date) if subject.birth_date else said)
    return sha256_of({"schema": "entrepot/pair/1", "subject": compared, "entry": hit.listed.to_json()}).hex()[:16]


def alike(hit: str) -> tuple[str, ...]:
    """The ids of the same pair in every role: the same party as it was, the same content of the entry."""
    source, _, rest = hit.partition(":")
    entity, _, digest = rest.rpartition(":")
    entity = entity.rpartition(":")[0]
    return tuple(f"{source}:{entity}:{role}:{digest}" for role in ROLES)


def _compared(subject: Subject, hit: Hit) -> dict[str, Any]:
    """Both sides of a hit, with what of the names was paired and what speaks for and against."""
    mine, listed = marked_names(subject.name, hit.listed_name, hit.pairs, kinds=(subject.kind, hit.listed.schema))
    return {
        "subject": asdict(subject),
        "entry": hit.listed.to_json(),
        "list": {"source": hit.source, "version": hit.list_version, "sha256": hit.list_sha256},
        "listed_name": hit.listed_name,
        "marks": {"subject": mine, "listed": listed},
        "features": [
            {
                "name": feature.name,
                "figure": f"{feature.figure:.2f}",
                "adds_bps": round(feature.adds * 10_000),
                "says": feature.text,
            }
            for feature in hit.features
        ],
        "basis": hit.basis,
        "score_bps": hit.score_bps,
        "threshold_bps": round(REVIEW_SCORE * 10_000),
    }
