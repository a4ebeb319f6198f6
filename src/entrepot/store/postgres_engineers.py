"""Webhooks, the request log and the sandbox in PostgreSQL: addresses, secrets and what was sent are sealed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from .engineer_records import ApiRequest, Asked, Delivery, Endpoint, SandboxAct, WebhookSecret
from .named_sql import load_sql
from .postgres_keys import Keyring
from .postgres_rows import Connection, Row, Rows, find_uuid, to_bytes, to_uuid
from .postgres_settlements import event_from_row
from .records import LoggedEvent

_SQL = load_sql("engineers")


class PostgresWebhooks:
    """Endpoints, their secrets and deliveries."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._rows = Rows(connection, _SQL)
        self._keyring = keyring

    def put_endpoint(self, endpoint: Endpoint) -> None:
        """Adds it, or writes everything but its participant and creation anew; a lease is left alone."""
        config = {"url": endpoint.url, "events": list(endpoint.events), "description": endpoint.description}
        sealed = self._keyring.seal(
            endpoint.participant, to_bytes(config), table="webhook_endpoints.config", row=endpoint.id
        )
        self._rows.run(
            "put_endpoint",
            id=to_uuid(endpoint.id),
            participant=to_uuid(endpoint.participant),
            config=sealed,
            state=endpoint.state,
            state_why=endpoint.state_why,
            cursor=endpoint.cursor,
            failures=endpoint.failures,
            failing_since=endpoint.failing_since,
            next_try_at=endpoint.next_try_at,
            created_at=endpoint.created_at,
        )

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint, deleted or not."""
        row = self._rows.one("endpoint", id=find_uuid(endpoint_id))
        return self._endpoint(row) if row else None

    def lock_endpoint(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint, locked until the transaction ends."""
        row = self._rows.one("lock_endpoint", id=find_uuid(endpoint_id))
        return self._endpoint(row) if row else None

    def endpoints(self, participant: str) -> list[Endpoint]:
        """Oldest first, without the deleted ones."""
        return [self._endpoint(row) for row in self._rows.all("endpoints", participant=find_uuid(participant))]

    def put_secret(self, secret: WebhookSecret) -> None:
        """Adds a secret or moves its end; there is one without an end."""
        found = self.endpoint(secret.endpoint)
        assert found is not None, "a secret is an endpoint's"
        sealed = self._keyring.seal(
            found.participant, secret.secret.encode(), table="webhook_secrets.secret", row=secret.id
        )
        self._rows.run(
            "put_secret",
            id=to_uuid(secret.id),
            endpoint=to_uuid(secret.endpoint),
            secret=sealed,
            made_at=secret.made_at,
            ends_at=secret.ends_at,
        )

    def secrets(self, endpoint_id: str, *, now: int) -> list[WebhookSecret]:
        """Those in force, newest first; a worker's alone."""
        found = []
        for row in self._rows.all("secrets", endpoint=find_uuid(endpoint_id), now=now):
            text = self._keyring.unseal(row["secret"], table="webhook_secrets.secret", row=row["id"].hex)
            if text is not None:
                found.append(
                    WebhookSecret(row["id"].hex, row["endpoint"].hex, text.decode(), row["made_at"], row["ends_at"])
                )
        return found

    def ask(self, asked: Asked) -> None:
        """Asks once for one delivery."""
        self._rows.run(
            "ask",
            id=to_uuid(asked.id),
            endpoint=to_uuid(asked.endpoint),
            kind=asked.kind,
            index=asked.index,
            asked_at=asked.asked_at,
        )

    def asked(self, endpoint_id: str) -> list[Asked]:
        """What is not done yet, oldest first."""
        return [
            Asked(row["id"].hex, row["endpoint"].hex, row["kind"], row["index"], row["asked_at"])
            for row in self._rows.all("asked", endpoint=find_uuid(endpoint_id))
        ]

    def asked_done(self, asked_id: str, *, at: int) -> None:
        """It was tried."""
        self._rows.run("asked_done", id=to_uuid(asked_id), at=at)

    def claim(self, *, now: int, limit: int, lease_s: int) -> list[Endpoint]:
        """Endpoints with something to send: active, behind the log and due for a try, or asked for a delivery."""
        rows = self._rows.all("claim", now=now, limit=limit, leased_until=now + lease_s)
        return [self._endpoint(row) for row in sorted(rows, key=lambda row: (row["next_try_at"], row["arrival"]))]

    def release(self, endpoint_id: str) -> None:
        """Ends the lease."""
        self._rows.run("release", id=to_uuid(endpoint_id))

    def visible(self, participant: str, *, after: int, limit: int) -> tuple[list[LoggedEvent], int]:
        """(what this participant may know of the next `limit` leaves, the last index looked at)."""
        newest = self._rows.one("last_leaf")
        until = min(after + limit, int(newest["index"]) if newest else -1)
        rows = self._rows.all("visible", participant=find_uuid(participant), after=after, until=until)
        return [event_from_row(row) for row in rows], max(after, until)

    def put_delivery(self, delivery: Delivery) -> None:
        """Keeps one attempt."""
        exchange = self._keyring.seal(
            delivery.participant, to_bytes(delivery.exchange), table="webhook_deliveries.exchange", row=delivery.id
        )
        self._rows.run(
            "put_delivery",
            id=to_uuid(delivery.id),
            endpoint=to_uuid(delivery.endpoint),
            participant=to_uuid(delivery.participant),
            message=delivery.message,
            kind=delivery.kind,
            index=delivery.index,
            event=delivery.event,
            attempt=delivery.attempt,
            at_ms=delivery.at_ms,
            duration_ms=delivery.duration_ms,
            status=delivery.status,
            error=delivery.error,
            next_try_at=delivery.next_try_at,
            exchange=exchange,
        )

    def delivery(self, delivery_id: str) -> Delivery | None:
        """One attempt."""
        row = self._rows.one("delivery", id=find_uuid(delivery_id))
        return self._delivery(row) if row else None

    def deliveries(self, endpoint_id: str, *, before: str = "", limit: int = 50) -> list[Delivery]:
        """Newest first; `before` is the last id of the page before."""
        rows = self._rows.all("deliveries", endpoint=find_uuid(endpoint_id), before=find_uuid(before), limit=limit)
        self._keyring.fetch(row["exchange"] for row in rows)
        return [self._delivery(row) for row in rows]

    def forget_deliveries(self, endpoint_id: str, *, keep: int) -> None:
        """Drops all but the newest."""
        self._rows.run("forget_deliveries", endpoint=to_uuid(endpoint_id), keep=keep)

    def _endpoint(self, row: Row) -> Endpoint:
        text = self._keyring.unseal(row["config"], table="webhook_endpoints.config", row=row["id"].hex)
        config: dict[str, Any] = json.loads(text) if text is not None else {"url": "", "events": [], "description": ""}
        return Endpoint(
            id=row["id"].hex,
            participant=row["participant"].hex,
            url=config["url"],
            events=tuple(config["events"]),
            description=config["description"],
            state=row["state"],
            cursor=row["cursor"],
            created_at=row["created_at"],
            state_why=row["state_why"],
            failures=row["failures"],
            failing_since=row["failing_since"],
            next_try_at=row["next_try_at"],
        )

    def _delivery(self, row: Row) -> Delivery:
        text = self._keyring.unseal(row["exchange"], table="webhook_deliveries.exchange", row=row["id"].hex)
        plain = {
            name: row[name]
            for name in ("message", "kind", "index", "event", "attempt", "at_ms", "duration_ms", "status", "error")
        }
        return Delivery(
            id=row["id"].hex,
            endpoint=row["endpoint"].hex,
            participant=row["participant"].hex,
            next_try_at=row["next_try_at"],
            exchange=json.loads(text) if text is not None else {},
            **plain,
        )


class PostgresRequests:
    """The log of API requests."""

    def __init__(self, connection: Connection) -> None:
        self._rows = Rows(connection, _SQL)

    def add(self, requests: Sequence[ApiRequest]) -> None:
        """A door's note of what it answered."""
        for one in requests:
            self._rows.run(
                "add_request",
                id=to_uuid(one.id),
                participant=to_uuid(one.participant),
                person=to_uuid(one.person),
                method=one.method,
                route=one.route,
                path=one.path,
                status=one.status,
                code=one.code,
                idempotency_key=one.idempotency_key,
                duration_ms=one.duration_ms,
                at_ms=one.at_ms,
                is_portal=one.is_portal,
            )

    def of(self, participant: str, *, before: str = "", search: str = "", limit: int = 50) -> list[ApiRequest]:
        """Newest first; `search` is part of path, key, code or id, or a whole method or status."""
        rows = self._rows.all(
            "requests", participant=find_uuid(participant), before=find_uuid(before), search=search, limit=limit
        )
        return [_request(row) for row in rows]

    def get(self, request_id: str) -> ApiRequest | None:
        """One request."""
        row = self._rows.one("request", id=find_uuid(request_id))
        return _request(row) if row else None

    def forget(self, *, before_ms: int) -> int:
        """Drops what is older; returns how many."""
        return self._rows.run("forget_requests", before_ms=before_ms)


class PostgresSandbox:
    """Clock moves and faults on purpose."""

    def __init__(self, connection: Connection) -> None:
        self._rows = Rows(connection, _SQL)

    def start(self, act: SandboxAct) -> None:
        """It begins."""
        self._rows.run(
            "start",
            id=to_uuid(act.id),
            kind=act.kind,
            body=Jsonb(act.body),
            participant=to_uuid(act.participant),
            person=to_uuid(act.person),
            by_name=act.by_name,
            started_at=act.started_at,
            ends_at=act.ends_at,
            ended_at=act.ended_at,
            told=act.told,
        )

    def end(self, act_id: str, *, at: int, told: str) -> None:
        """It ended; `told` says what it did. A second time changes nothing."""
        self._rows.run("end", id=to_uuid(act_id), at=at, told=told)

    def active(self, *, now: int) -> list[SandboxAct]:
        """What lasts now, oldest first."""
        return [_act(row) for row in self._rows.all("active", now=now)]

    def overdue(self, *, now: int) -> list[SandboxAct]:
        """What is past its end and not ended yet."""
        return [_act(row) for row in self._rows.all("overdue", now=now)]

    def newest(self, *, kind: str = "", limit: int = 50) -> list[SandboxAct]:
        """Newest first."""
        return [_act(row) for row in self._rows.all("newest", kind=kind, limit=limit)]


def _request(row: Row) -> ApiRequest:
    ids = {name: row[name].hex for name in ("id", "participant", "person")}
    names = ("method", "route", "path", "status", "code", "idempotency_key", "duration_ms", "at_ms", "is_portal")
    return ApiRequest(**ids, **{name: row[name] for name in names})


def _act(row: Row) -> SandboxAct:
    ids = {name: row[name].hex for name in ("id", "participant", "person")}
    names = ("kind", "body", "by_name", "started_at", "ends_at", "ended_at", "told")
    return SandboxAct(**ids, **{name: row[name] for name in names})
