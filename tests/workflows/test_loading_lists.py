"""Loading lists: all of a folder or nothing, never much shorter, and never an older reading after a newer one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from entrepot.api.health import lists_stale
from entrepot.core.errors import Refused
from entrepot.store.memory import MemoryStore
from entrepot.store.store import Store
from entrepot.workflows.checks import screen
from entrepot.workflows.checks.screen import load_lists

NOW, DAY_S = 1_790_000_000, 86_400


def publish(folder: Path, day: int, count: int, *, source: str = "FOLLOWED") -> None:
    """The list as of one day, with so many entries."""
    entities = [
        {"id": f"F-{place}", "schema": "organization", "names": [{"text": f"Gossamer {place} Kft"}]}
        for place in range(count)
    ]
    body = {"schema": "entrepot/list/1", "source": source, "published": f"2026-02-{day:02d}T00:00:00Z",
            "about": "Invented for a test.", "entities": entities}  # fmt: skip
    (folder / f"{source}.json").write_text(json.dumps(body))


def in_force(store: Store) -> dict[str, tuple[int, int]]:
    """(entries, verified at) of each followed list."""
    with store.work() as tx:
        rows = tx.checks.lists(with_entities=False)
    return {row.source: (row.entity_count, row.verified_at) for row in rows if row.source.startswith("FOLLOWED")}


def test_a_list_that_loses_more_than_a_tenth_is_refused_and_nothing_beside_it_is_loaded(tmp_path: Path) -> None:
    store = MemoryStore()
    publish(tmp_path, 1, 100)
    load_lists(store, tmp_path, now=NOW)
    publish(tmp_path, 2, 90)
    load_lists(store, tmp_path, now=NOW + 1)
    assert in_force(store) == {"FOLLOWED": (90, NOW + 1)}
    publish(tmp_path, 3, 80)
    publish(tmp_path, 3, 5, source="FOLLOWED_TOO")
    with pytest.raises(Refused) as refused:
        load_lists(store, tmp_path, now=NOW + 2)
    assert refused.value.code == "list_shrinks" and "from 90 to 80" in refused.value.message
    assert in_force(store) == {"FOLLOWED": (90, NOW + 1)}


def test_what_a_slow_loader_has_read_never_takes_the_place_of_what_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was listed in between would be paid by the older list until somebody loads again."""
    store, read = MemoryStore(), screen.load_folder
    publish(tmp_path, 1, 3)
    load_lists(store, tmp_path, now=NOW)

    def slow(folder: Path, *, now: int) -> Any:
        found = read(folder, now=now)
        monkeypatch.setattr(screen, "load_folder", read)
        publish(folder, 2, 4)
        load_lists(store, folder, now=NOW + 2)  # another process, in the midst
        return found

    monkeypatch.setattr(screen, "load_folder", slow)
    told = load_lists(store, tmp_path, now=NOW + 1)
    assert {row["source"]: row["entities"] for row in told}["FOLLOWED"] == 4
    assert in_force(store)["FOLLOWED"][0] == 4


def test_what_a_publisher_takes_back_is_in_force_again(tmp_path: Path) -> None:
    store = MemoryStore()
    for at, (day, count) in enumerate([(1, 10), (2, 11), (1, 10)]):
        publish(tmp_path, day, count)
        load_lists(store, tmp_path, now=NOW + at)
        assert in_force(store) == {"FOLLOWED": (count, NOW + at)}


@pytest.mark.parametrize(
    ("now", "since"), [(NOW - 61, 0), (NOW - 60, None), (NOW + DAY_S, None), (NOW + DAY_S + 1, NOW + DAY_S)]
)
def test_health_shows_what_is_too_old_or_was_verified_in_advance(tmp_path: Path, now: int, since: int | None) -> None:
    store = MemoryStore()
    publish(tmp_path, 1, 1)
    load_lists(store, tmp_path, now=NOW)
    facts: Any = SimpleNamespace(lists_required=("FOLLOWED",), lists_age_s_max=DAY_S)
    with store.work() as tx:
        assert dict(lists_stale(tx, facts, now)).get("FOLLOWED") == since
