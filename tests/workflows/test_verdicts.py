"""What the screening found once is not asked again, and is forgotten with the versions that it was found in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from entrepot.screening.entity import Entity, ListedName, Subject
from entrepot.store.buffered import Buffered
from entrepot.store.many import Conflict
from entrepot.store.memory import MemoryStore
from entrepot.store.records import Change, ListRow
from entrepot.workflows.checks.screen import ListScreener
from entrepot.workflows.step.context import ListsChanged

NOW = 1_790_000_000
SELLER = Subject("organization", "Ban Mai Coffee Export JSC", "VN", role="seller")


def a_list(version: str, *names: str) -> ListRow:
    """A version that lists these names."""
    entities = tuple(
        Entity(
            id=f"E-{name}", source="L", schema="organization", names=(ListedName(name, "primary", "strong"),)
        ).to_json()
        for name in names
    )
    return ListRow("L", version, version * 32, None, NOW, NOW, len(names), 0, entities)


def put(store: MemoryStore, row: ListRow) -> list[ListRow]:
    """Makes it current; returns what a decision pins."""
    with store.work() as tx:
        current = {one.source: one.version for one in tx.checks.lists(with_entities=False)}
        tx.checks.put_list(row, after=current.get(row.source, ""))
        return tx.checks.lists(with_entities=False)


def test_a_list_change_is_seen_at_once_and_so_is_a_changed_party() -> None:
    store = MemoryStore()
    screener, first = ListScreener(store), put(store, a_list("aa", "Quillon Brackwater Ltd"))
    screener.warm()
    assert screener.screen([SELLER], first) == screener.screen([SELLER], first) == ()
    renamed = replace(SELLER, name="Quillon Brackwater Ltd")
    assert [hit.entity for hit in screener.screen([renamed], first)] == ["E-Quillon Brackwater Ltd"]
    second = put(store, a_list("bb", "Quillon Brackwater Ltd", SELLER.name))
    with pytest.raises(ListsChanged):
        screener.screen([SELLER], second)
    screener.warm()
    assert [hit.entity for hit in screener.screen([SELLER], second)] == [f"E-{SELLER.name}"]
    delisted = put(store, a_list("cc", "Quillon Brackwater Ltd"))
    screener.warm()
    assert screener.screen([SELLER], delisted) == ()


@pytest.mark.parametrize("what", ["list", "verified", "change", "nothing"])
def test_a_batch_is_not_kept_if_a_list_or_a_stop_came_meanwhile(what: str) -> None:
    store = MemoryStore()
    put(store, a_list("aa"))
    with store.work() as tx:
        batch = Buffered(tx)
        assert batch.checks.changes(subject="stop", confirmed=True) == []
        if what == "list":
            tx.checks.put_list(a_list("bb", "Somebody"), after="aa")
        elif what == "verified":
            tx.checks.put_list(replace(a_list("aa"), verified_at=NOW + 60), after="aa")
        elif what == "change":
            tx.checks.put_change(Change("1" * 32, "stop", {"grade": "all"}, "why", "2" * 32, NOW, "3" * 32, NOW))
        if what == "nothing":
            batch.require_standing()
        else:
            with pytest.raises(Conflict):
                batch.require_standing()


def test_a_batch_that_makes_such_a_change_itself_is_kept() -> None:
    store = MemoryStore()
    with store.work() as tx:
        batch = Buffered(tx)
        batch.checks.put_change(Change("1" * 32, "stop", {"grade": "all"}, "why", "2" * 32, NOW, "3" * 32, NOW))
        batch.settle_up()
        batch.require_standing()
        assert len(batch.checks.changes(subject="stop", confirmed=True)) == 1
