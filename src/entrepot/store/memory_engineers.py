"""Webhooks, the request log and the sandbox in memory: the same acts and visibility as PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from entrepot.core.lifecycle import CONFIDENTIAL

from .engineer_records import ApiRequest, Asked, Delivery, Endpoint, SandboxAct, WebhookSecret
from .memory_settlements import SettlementTables, shown_event
from .memory_tables import Access, Journal, Table, known_id, plain
from .records import LoggedEvent

Row = TypeVar("Row", ApiRequest, Delivery)


class EngineerTables:
    """Endpoints with their secrets, leases and deliveries; requests; sandbox acts."""

    def __init__(self, journal: Journal) -> None:
        self.endpoints: Table[str, Endpoint] = Table(journal)
        self.leases: Table[str, int] = Table(journal)
        self.secrets: Table[str, WebhookSecret] = Table(journal)
        self.asked: Table[str, Asked] = Table(journal)
        self.deliveries: Table[str, Delivery] = Table(journal)
        self.requests: Table[str, ApiRequest] = Table(journal)
        self.acts: Table[str, SandboxAct] = Table(journal)

    def erase_owner(self, participant: str) -> None:
        """Empties what the participant's key would open."""
        for name, row in self.endpoints.items():
            if row.participant == participant:
                self.endpoints.put(name, replace(row, url="", events=(), description=""))
                for key, secret in self.secrets.items():
                    if secret.endpoint == name:
                        self.secrets.drop(key)
        for name, sent in self.deliveries.items():
            if sent.participant == participant:
                self.deliveries.put(name, replace(sent, exchange={}))


class MemoryWebhooks:
    """Endpoints, their secrets and deliveries."""

    def __init__(self, tables: EngineerTables, settlements: SettlementTables, access: Access) -> None:
        self._tables = tables
        self._settlements = settlements
        self._access = access

    def put_endpoint(self, endpoint: Endpoint) -> None:
        """Adds it, or writes everything but its participant and creation anew; a lease is left alone."""
        self._access.require_worker()
        assert known_id(endpoint.id) and known_id(endpoint.participant), "an endpoint is a participant's"
        self._tables.endpoints.put(endpoint.id, endpoint)

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint, deleted or not."""
        row = self._tables.endpoints.get(endpoint_id)
        return row if row and self._access.sees_own(row.participant) else None

    def lock_endpoint(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint; the whole store is locked until the transaction ends."""
        self._access.require_worker()
        return self.endpoint(endpoint_id)

    def endpoints(self, participant: str) -> list[Endpoint]:
        """Oldest first, without the deleted ones."""
        return [
            row for row in self._tables.endpoints
            if row.participant == participant and row.state != "deleted" and self._access.sees_own(participant)
        ]  # fmt: skip

    def put_secret(self, secret: WebhookSecret) -> None:
        """Adds a secret or moves its end; there is one without an end."""
        self._access.require_worker()
        assert secret.endpoint in self._tables.endpoints, "a secret is an endpoint's"
        newest = [one.id for one in self._tables.secrets if one.endpoint == secret.endpoint and one.ends_at is None]
        assert secret.ends_at is not None or newest in ([], [secret.id]), "there is a newest secret already"
        self._tables.secrets.put(secret.id, secret)

    def secrets(self, endpoint_id: str, *, now: int) -> list[WebhookSecret]:
        """Those in force, newest first; a worker's alone."""
        if self._access.reader is not None:
            return []
        rows = [
            row for row in self._tables.secrets
            if row.endpoint == endpoint_id and (row.ends_at is None or row.ends_at > now)
        ]  # fmt: skip
        return sorted(rows, key=lambda row: (row.ends_at is not None, -(row.ends_at or 0), -row.made_at))

    def ask(self, asked: Asked) -> None:
        """Asks once for one delivery."""
        self._access.require_worker()
        if asked.id not in self._tables.asked:
            self._tables.asked.put(asked.id, asked)

    def asked(self, endpoint_id: str) -> list[Asked]:
        """What is not done yet, oldest first."""
        if self.endpoint(endpoint_id) is None:
            return []
        return [row for row in self._tables.asked if row.endpoint == endpoint_id]

    def asked_done(self, asked_id: str, *, at: int) -> None:
        """It was tried."""
        self._access.require_worker()
        self._tables.asked.drop(asked_id)

    def claim(self, *, now: int, limit: int, lease_s: int) -> list[Endpoint]:
        """Endpoints with something to send: active, behind the log and due for a try, or asked for a delivery."""
        self._access.require_worker()
        size = len(self._settlements.leaves)
        wanted = {row.endpoint for row in self._tables.asked}
        due = [
            row for row in self._tables.endpoints
            if row.state != "deleted" and (self._tables.leases.get(row.id) or 0) <= now
            and ((row.state == "active" and row.next_try_at <= now and row.cursor + 1 < size) or row.id in wanted)
        ]  # fmt: skip
        due = sorted(due, key=lambda row: row.next_try_at)[:limit]
        for row in due:
            self._tables.leases.put(row.id, now + lease_s)
        return due

    def release(self, endpoint_id: str) -> None:
        """Ends the lease."""
        self._access.require_worker()
        self._tables.leases.put(endpoint_id, 0)

    def visible(self, participant: str, *, after: int, limit: int) -> tuple[list[LoggedEvent], int]:
        """(what this participant may know of the next `limit` leaves, the last index looked at)."""
        until = min(after + limit, len(self._settlements.leaves) - 1)
        found = []
        for index in range(after + 1, until + 1):
            logged = self._settlements.leaves.get(index)
            assert logged is not None, f"leaf {index} is missing"
            is_party = participant in self._settlements.parties_of(logged.settlement)
            if is_party and logged.event.kind not in CONFIDENTIAL:
                found.append(shown_event(self._settlements, logged))
        return found, max(after, until)

    def put_delivery(self, delivery: Delivery) -> None:
        """Keeps one attempt."""
        self._access.require_worker()
        assert delivery.id not in self._tables.deliveries, f"delivery {delivery.id} is there already"
        self._tables.deliveries.put(delivery.id, replace(delivery, exchange=plain(delivery.exchange)))

    def delivery(self, delivery_id: str) -> Delivery | None:
        """One attempt."""
        row = self._tables.deliveries.get(delivery_id)
        return row if row and self._access.sees_own(row.participant) else None

    def deliveries(self, endpoint_id: str, *, before: str = "", limit: int = 50) -> list[Delivery]:
        """Newest first; `before` is the last id of the page before."""
        rows = [
            row for row in self._tables.deliveries
            if row.endpoint == endpoint_id and self._access.sees_own(row.participant)
        ]  # fmt: skip
        return _older([*reversed(rows)], before, limit)

    def forget_deliveries(self, endpoint_id: str, *, keep: int) -> None:
        """Drops all but the newest."""
        self._access.require_worker()
        rows = [row.id for row in self._tables.deliveries if row.endpoint == endpoint_id]
        for name in rows[: max(0, len(rows) - keep)]:
            self._tables.deliveries.drop(name)


class MemoryRequests:
    """The log of API requests."""

    def __init__(self, tables: EngineerTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def add(self, requests: Sequence[ApiRequest]) -> None:
        """A door's note of what it answered."""
        assert self._access.reader is None or self._access.is_door, "a reader does not write"
        for one in requests:
            assert known_id(one.id) and one.id not in self._tables.requests, f"request {one.id} is there already"
            self._tables.requests.put(one.id, one)

    def of(self, participant: str, *, before: str = "", search: str = "", limit: int = 50) -> list[ApiRequest]:
        """Newest first; `search` is part of path, key, code or id, or a whole method or status."""
        rows = [
            row for row in self._tables.requests
            if row.participant == participant and self._access.sees_own(participant)
        ]  # fmt: skip
        return [row for row in _older([*reversed(rows)], before, len(rows)) if _fits(row, search)][:limit]

    def get(self, request_id: str) -> ApiRequest | None:
        """One request."""
        row = self._tables.requests.get(request_id)
        return row if row and self._access.sees_own(row.participant) else None

    def forget(self, *, before_ms: int) -> int:
        """Drops what is older; returns how many."""
        self._access.require_worker()
        old = [row.id for row in self._tables.requests if row.at_ms < before_ms]
        for name in old:
            self._tables.requests.drop(name)
        return len(old)


class MemorySandbox:
    """Clock moves and faults on purpose."""

    def __init__(self, tables: EngineerTables, access: Access) -> None:
        self._tables = tables
        self._access = access

    def start(self, act: SandboxAct) -> None:
        """It begins."""
        self._access.require_worker()
        assert known_id(act.id) and act.id not in self._tables.acts, f"act {act.id} is there already"
        self._tables.acts.put(act.id, replace(act, body=plain(act.body)))

    def end(self, act_id: str, *, at: int, told: str) -> None:
        """It ended; `told` says what it did. A second time changes nothing."""
        self._access.require_worker()
        row = self._tables.acts.get(act_id)
        if row is not None and row.ended_at is None:
            self._tables.acts.put(act_id, replace(row, ended_at=at, told=told))

    def active(self, *, now: int) -> list[SandboxAct]:
        """What lasts now, oldest first."""
        return [row for row in self._tables.acts if row.ended_at is None and row.ends_at > now]

    def overdue(self, *, now: int) -> list[SandboxAct]:
        """What is past its end and not ended yet."""
        return [row for row in self._tables.acts if row.ended_at is None and row.ends_at <= now]

    def newest(self, *, kind: str = "", limit: int = 50) -> list[SandboxAct]:
        """Newest first."""
        return [row for row in reversed([*self._tables.acts]) if kind in ("", row.kind)][:limit]


def _fits(row: ApiRequest, search: str) -> bool:
    text = f"{row.path} {row.idempotency_key} {row.code} {row.id}".lower()
    return not search or row.method == search.upper() or str(row.status) == search or search.lower() in text


def _older(rows: list[Row], before: str, limit: int) -> list[Row]:
    names = [row.id for row in rows]
    after = names.index(before) + 1 if before in names else len(rows) if before else 0
    return rows[after:][:limit]
