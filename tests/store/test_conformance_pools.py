"""What a store tells of its connections: by role, and busy while a transaction is open; nothing where none are kept."""

from __future__ import annotations

from entrepot.store.records import Reader
from entrepot.store.store import Store

ROLES = ("work", "serve")


def busy(store: Store) -> dict[str, int]:
    """Busy connections by role."""
    return {row["role"]: row["busy"] for row in store.pools()}


def test_each_row_is_of_one_role_and_counts(store: Store) -> None:
    with store.work():
        pass
    with store.door():
        pass
    rows = store.pools()
    assert [row["role"] for row in rows] in ([], list(ROLES))
    for row in rows:
        assert row.keys() == {"role", "busy", "free", "waiting"}
        assert all(isinstance(row[name], int) and row[name] >= 0 for name in ("busy", "free", "waiting"))


def test_a_connection_is_busy_while_its_transaction_is_open_and_free_afterwards(store: Store) -> None:
    with store.work():
        pass
    is_pooled = bool(store.pools())
    before = busy(store)
    with store.work():
        assert busy(store).get("work", 0) == before.get("work", 0) + is_pooled
        assert busy(store).get("serve", 0) == before.get("serve", 0), "of another role"
    with store.read(Reader("", "operator")):
        assert busy(store).get("serve", 0) == before.get("serve", 0) + is_pooled
        assert busy(store).get("work", 0) == before.get("work", 0)
    assert busy(store) == before
