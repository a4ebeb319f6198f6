"""What an integrating engineer works with: webhook endpoints, deliveries, requests, sandbox acts, and who keeps them.

Times are the machine's Unix seconds (milliseconds where the name says so): no sandbox clock moves a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from entrepot.core.canonical import Json

from .records import LoggedEvent

EndpointState = Literal["active", "paused", "failing", "deleted"]
DeliveryKind = Literal["event", "test", "replay"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a participant is told of events. `events` filters by kind, () means all; `cursor` is the last leaf done.

    `failing` is a pause that we made; `state_why` says it in a sentence. `url` is "" once the participant was erased.
    """

    id: str
    participant: str
    url: str
    events: tuple[str, ...]
    description: str
    state: EndpointState
    cursor: int
    created_at: int
    state_why: str = ""
    failures: int = 0
    failing_since: int = 0
    next_try_at: int = 0


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """A signing secret (`whsec_…`, sealed where it is kept). `ends_at` None: the newest."""

    id: str
    endpoint: str
    secret: str = field(repr=False)
    made_at: int
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A delivery that somebody asked for besides the log's order: leaf `index` again, or a test event."""

    id: str
    endpoint: str
    kind: Literal["test", "replay"]
    index: int
    asked_at: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: what was sent and what came back. `exchange` (headers, bodies) is sealed; `status` 0: no answer."""

    id: str
    endpoint: str
    participant: str
    message: str
    kind: DeliveryKind
    index: int
    event: str
    attempt: int
    at_ms: int
    duration_ms: int
    status: int
    error: str
    next_try_at: int
    exchange: Json

    @property
    def is_done(self) -> bool:
        """True if the receiver took it."""
        return 200 <= self.status < 300 and not self.error


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request to the API as its participant may read it. `route` is the door, `path` what was asked for."""

    id: str
    participant: str
    person: str
    method: str
    route: str
    path: str
    status: int
    code: str
    idempotency_key: str
    duration_ms: int
    at_ms: int
    is_portal: bool = False


@dataclass(frozen=True, slots=True)
class SandboxAct:
    """A move of the clock or a fault on purpose, on a development chain. It ends by itself at `ends_at`."""

    id: str
    kind: str
    body: Json
    participant: str
    person: str
    by_name: str
    started_at: int
    ends_at: int
    ended_at: int | None = None
    told: str = ""


class Webhooks(Protocol):
    """Endpoints, their secrets and deliveries. An endpoint is worked on under a lease, by one worker at a time."""

    def put_endpoint(self, endpoint: Endpoint) -> None:
        """Adds it, or writes everything but its participant and creation anew; a lease is left alone."""

    def endpoint(self, endpoint_id: str) -> Endpoint | None: ...

    def lock_endpoint(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint, locked until the transaction ends."""

    def endpoints(self, participant: str) -> list[Endpoint]:
        """Oldest first, without the deleted ones."""

    def put_secret(self, secret: WebhookSecret) -> None:
        """Adds a secret or moves its end; there is one without an end."""

    def secrets(self, endpoint_id: str, *, now: int) -> list[WebhookSecret]:
        """Those in force, newest first; a worker's alone."""

    def ask(self, asked: Asked) -> None: ...

    def asked(self, endpoint_id: str) -> list[Asked]:
        """What is not done yet, oldest first."""

    def asked_done(self, asked_id: str, *, at: int) -> None: ...

    def claim(self, *, now: int, limit: int, lease_s: int) -> list[Endpoint]:
        """Endpoints with something to send: active, behind the log and due for a try, or asked for a delivery."""

    def release(self, endpoint_id: str) -> None:
        """Ends the lease."""

    def visible(self, participant: str, *, after: int, limit: int) -> tuple[list[LoggedEvent], int]:
        """(what this participant may know of the next `limit` leaves, the last index looked at)."""

    def put_delivery(self, delivery: Delivery) -> None: ...

    def delivery(self, delivery_id: str) -> Delivery | None: ...

    def deliveries(self, endpoint_id: str, *, before: str = "", limit: int = 50) -> list[Delivery]:
        """Newest first; `before` is the last id of the page before."""

    def forget_deliveries(self, endpoint_id: str, *, keep: int) -> None:
        """Drops all but the newest."""


class Requests(Protocol):
    """The log of API requests."""

    def add(self, requests: Sequence[ApiRequest]) -> None:
        """A door's note of what it answered."""

    def of(self, participant: str, *, before: str = "", search: str = "", limit: int = 50) -> list[ApiRequest]:
        """Newest first; `search` is part of path, key, code or id, or a whole method or status."""

    def get(self, request_id: str) -> ApiRequest | None: ...

    def forget(self, *, before_ms: int) -> int:
        """Drops what is older; returns how many."""


class Sandbox(Protocol):
    """Clock moves and faults on purpose."""

    def start(self, act: SandboxAct) -> None: ...

    def end(self, act_id: str, *, at: int, told: str) -> None:
        """It ended; `told` says what it did. A second time changes nothing."""

    def active(self, *, now: int) -> list[SandboxAct]:
        """What lasts now, oldest first."""

    def overdue(self, *, now: int) -> list[SandboxAct]:
        """What is past its end and not ended yet."""

    def newest(self, *, kind: str = "", limit: int = 50) -> list[SandboxAct]:
        """Newest first."""
