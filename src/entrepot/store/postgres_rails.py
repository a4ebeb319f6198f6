"""Signed transactions before they are broadcast, receipts and cursors in PostgreSQL."""

from __future__ import annotations

from dataclasses import asdict

from psycopg.types.json import Jsonb

from entrepot.core.charter import ChangeOutcome, ContractSettings, roles_of

from .many import Many
from .named_sql import load_sql
from .postgres_rows import Connection, Row, Rows, find_uuid, from_uuid, to_uuid
from .records import Cursor, KeptReceipt, SentTransaction

_SQL = load_sql("rails")


class PostgresRails:
    """Signed transactions before they are broadcast, receipts, cursors."""

    def __init__(self, connection: Connection, many: Many) -> None:
        self._rows = Rows(connection, _SQL)
        self._many = many

    def sent(self, once: str) -> SentTransaction | None:
        """The transaction kept under `once`."""
        row = self._rows.one("sent", once=once)
        return _sent(row) if row else None

    def unfinished(self, chain: str, *, limit: int) -> list[SentTransaction]:
        """Those prepared, sent or mined, by sender and nonce."""
        return [_sent(row) for row in self._rows.all("unfinished", chain=chain, limit=limit)]

    def put_sent(self, transaction: SentTransaction) -> None:
        """Keeps it, or what became of it, under its `once`; a nonce is used once among those not replaced."""
        self._rows.run("put_sent", **asdict(transaction) | {"settlement": to_uuid(transaction.settlement)})

    def next_nonce(self, chain: str, sender: str, *, at_least: int) -> int:
        """The next unused nonce; other workers wait for this sender until the transaction ends."""
        self._rows.run("lock_sender", chain=chain, sender=sender)
        row = self._rows.one("highest_nonce", chain=chain, sender=sender)
        used = int(row["nonce"]) if row and row["nonce"] is not None else -1
        return max(used + 1, at_least)

    def put_receipt(self, receipt: KeptReceipt) -> None:
        """Keeps it once per settlement, transaction and kind."""
        self._many.put_receipts([receipt])

    def receipts(self, settlement_id: str) -> list[KeptReceipt]:
        """In the order in which they were kept."""
        return [_receipt(row) for row in self._rows.all("receipts", settlement=find_uuid(settlement_id))]

    def cursor(self, name: str) -> Cursor | None:
        """How far the watcher of this name has read."""
        row = self._rows.one("cursor", name=name)
        return Cursor(**row) if row else None

    def put_cursor(self, cursor: Cursor) -> None:
        """Moves it forward; what a slower watcher has read is not kept."""
        self._rows.run("put_cursor", **asdict(cursor))

    def cursors(self) -> list[Cursor]:
        """All of them, by name."""
        return [Cursor(**row) for row in self._rows.all("cursors")]

    def put_contract_settings(self, settings: ContractSettings) -> None:
        """Keeps what was read; what is older than that is not kept."""
        self._rows.run(
            "put_contract_settings",
            registry=settings.registry,
            roles=Jsonb(settings.roles_json()),
            block=settings.block,
            block_time=settings.block_time,
        )

    def contract_settings(self) -> ContractSettings | None:
        """As last read; for staff."""
        row = self._rows.one("contract_settings")
        return ContractSettings(**row | {"roles": roles_of(row["roles"])}) if row else None

    def put_outcome(self, outcome: ChangeOutcome) -> None:
        """What became of a change, once."""
        self._rows.run("put_outcome", **asdict(outcome) | {"change": to_uuid(outcome.change)})

    def outcomes(self) -> dict[str, ChangeOutcome]:
        """By change; for staff."""
        rows = [ChangeOutcome(**row | {"change": from_uuid(row["change"])}) for row in self._rows.all("outcomes")]
        return {row.change: row for row in rows}


def _sent(row: Row) -> SentTransaction:
    fields = row | {"nonce": int(row["nonce"]), "raw": bytes(row["raw"]), "settlement": from_uuid(row["settlement"])}
    return SentTransaction(**fields)


def _receipt(row: Row) -> KeptReceipt:
    fields = {name: value for name, value in row.items() if name != "id"}
    fields |= {"settlement": row["settlement"].hex, "header": bytes(row["header"])}
    fields["proof"] = tuple(bytes(node) for node in row["proof"])
    return KeptReceipt(**fields)
