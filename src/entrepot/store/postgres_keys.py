"""The data keys of one transaction: fetched once, made when an owner first needs one, gone when erased."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from entrepot.core.errors import Refused, declare

from .named_sql import load_sql
from .postgres_arrays import uuids
from .postgres_rows import Connection, Rows, to_uuid
from .vault import DEPLOYMENT, DataKey, Vault, key_id_of, seal, unseal

_SQL = load_sql("keys")
_TRIES_MAX = 3

declare("Refused", master_key_differs="The master key opens no data key of this database: restore it from its backup.")


class Keyring:
    """Seals for an owner ("" is the deployment) and opens what was sealed, None once its key is erased."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._rows = Rows(connection, _SQL)
        self._vault = vault
        self._by_id: dict[str, DataKey | None] = {}
        self._by_owner: dict[str, DataKey] = {}

    def require_master_key(self) -> None:
        """Raises: Refused(master_key_differs) if the data keys that are there were wrapped by another."""
        row = self._rows.one("any_key")
        if row is not None and not self._vault.opens(row["id"].hex, row["owner"].hex, row["wrapped"]):
            raise Refused("master_key_differs", "The master key opens none of the data keys of this database.")

    def seal(self, owner: str, text: bytes, *, table: str, row: str) -> bytes:
        """The sealed text; it opens only at the same table and row."""
        return seal(self._key_of(owner or DEPLOYMENT), text, table=table, row=row)

    def fetch(self, sealed: Iterable[bytes]) -> None:
        """Fetches the keys of many sealed texts in one query."""
        missing = {key_id_of(text) for text in sealed} - set(self._by_id)
        if missing:
            rows = self._rows.all("keys", ids=uuids(sorted(missing)))
            found = {row["id"].hex: self._unwrapped(row["id"], row["owner"], row["wrapped"]) for row in rows}
            self._by_id |= {key_id: found.get(key_id) for key_id in missing}
            self._by_owner |= {key.owner: key for key in found.values() if key is not None}  # one lives for each

    def fetch_owners(self, owners: Iterable[str]) -> None:
        """Fetches the keys of many owners in one query; one that has none yet gets it when something is sealed."""
        missing = {owner or DEPLOYMENT for owner in owners} - set(self._by_owner)
        if missing:
            for row in self._rows.all("keys_of_owners", owners=uuids(sorted(missing))):
                key = self._unwrapped(row["id"], row["owner"], row["wrapped"])
                assert key is not None
                self._by_owner[row["owner"].hex] = self._by_id[key.id] = key

    def unseal(self, sealed: bytes, *, table: str, row: str) -> bytes | None:
        """The text, or None if its key was erased (or is not this reader's)."""
        self.fetch([sealed])
        key = self._by_id[key_id_of(sealed)]
        return None if key is None else unseal(key, sealed, table=table, row=row)

    def erase(self, owner: str) -> None:
        """Destroys the owner's keys for good."""
        self._rows.run("erase_keys", owner=to_uuid(owner))
        self.forget()

    def forget(self) -> None:
        """Drops what was fetched: after a rollback a key made since may not exist."""
        self._by_id.clear()
        self._by_owner.clear()

    def _key_of(self, owner: str) -> DataKey:
        for _ in range(_TRIES_MAX):
            if owner in self._by_owner:
                return self._by_owner[owner]
            row = self._rows.one("key_of_owner", owner=UUID(owner))
            if row is None:
                fresh, wrapped = self._vault.new_key(owner)
                self._rows.run("add_key", id=UUID(fresh.id), owner=UUID(owner), wrapped=wrapped)
                continue  # another transaction may have been first: read what stands
            key = self._unwrapped(row["id"], row["owner"], row["wrapped"])
            assert key is not None
            self._by_owner[owner] = self._by_id[key.id] = key
        return self._by_owner[owner]

    def _unwrapped(self, key_id: UUID, owner: UUID, wrapped: bytes | None) -> DataKey | None:
        return None if wrapped is None else self._vault.unwrap(key_id.hex, owner.hex, wrapped)
