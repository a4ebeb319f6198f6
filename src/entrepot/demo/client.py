"""A small REST client: one credential, one wallet key. What any integrator could write in an hour."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from entrepot.core.canonical import hex0x, unhex
from entrepot.core.crypto import secp256k1_address, secp256k1_sign

TIMEOUT_S = 20.0
POLL_S = 0.1
STATE_TIMEOUT_S = 90.0
AUTHORIZED_S = 6 * 3600


class Problem(Exception):
    """A refusal as the API gives it (RFC 9457)."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(f"{body.get('code')}: {body.get('detail', body.get('title'))}")
        self.body = body

    @property
    def code(self) -> str:
        """The stable code."""
        return str(self.body.get("code", ""))


@dataclass
class Client:
    """Acts as one person in one role; `wallet_key` signs what its participant signs."""

    base_url: str
    secret: str
    wallet_key: bytes = b""
    name: str = ""
    participant: str = ""
    sign_digest: Callable[[bytes], bytes] | None = None  # in the place of a wallet key held here
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(
            base_url=self.base_url,
            timeout=TIMEOUT_S,
            headers={"Authorization": f"Bearer {self.secret}"},
            trust_env=False,
        )

    @property
    def address(self) -> str:
        """The wallet's 0x address."""
        return secp256k1_address(self.wallet_key)

    def get(self, path: str, **query: Any) -> Any:
        """Reads. Raises: Problem."""
        return self._json(self.http.get(f"/v1{path}", params=query))

    def post(self, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> Any:
        """Asks for a change and waits for its answer. Raises: Problem."""
        key = key or uuid.uuid4().hex
        response = self.http.post(f"/v1{path}", json=body, headers={"Idempotency-Key": key})
        until = time.monotonic() + STATE_TIMEOUT_S
        while response.status_code == 202 and response.headers.get("location", "").startswith("/v1/requests/"):
            if time.monotonic() > until:
                raise TimeoutError(f"no answer to {path}")
            response = self.http.get(response.headers["location"])
        return self._json(response)

    def sign(self, digest: str) -> str:
        """The wallet's signature over a digest: 0x-hex."""
        raw = unhex(digest, size=32)
        return hex0x(self.sign_digest(raw) if self.sign_digest else secp256k1_sign(self.wallet_key, raw))

    def propose(self, invoice: bytes, buyer: str, **options: Any) -> str:
        """Proposes an invoice; returns the settlement's id."""
        body = {"invoice_base64": base64.b64encode(invoice).decode(), "buyer": buyer, **options}
        return str(self.post("/trades", body)["settlement"])

    def sign_terms(self, settlement: str) -> dict[str, Any]:
        """Signs the terms last quoted."""
        digest = self.get(f"/trades/{settlement}")["to_sign"]["digest"]
        return dict(self.post(f"/trades/{settlement}/signatures", {"signature": self.sign(digest)}))

    def fund(self, settlement: str) -> dict[str, Any]:
        """Pays into escrow by a signed authorisation."""
        about = {"act": "funding", "valid_before": self.get("/clock")["now"] + AUTHORIZED_S}
        signature = self.signature(settlement, about)
        body = {"signature": signature, "attempt": 0, "valid_after": 0, "valid_before": about["valid_before"]}
        return dict(self.post(f"/settlements/{settlement}/funding", body))

    def present(self, settlement: str, documents: list[bytes]) -> dict[str, Any]:
        """Presents documents."""
        texts = [base64.b64encode(body).decode() for body in documents]
        signature = self.signature(settlement, {"act": "presentation", "documents_base64": texts})
        return dict(
            self.post(f"/settlements/{settlement}/presentations", {"documents_base64": texts, "signature": signature})
        )

    def examine(self, settlement: str, *, complies: bool) -> dict[str, Any]:
        """Signs and posts an examination."""
        signature = self.signature(settlement, {"act": "examination", "complies": complies})
        return dict(
            self.post(f"/settlements/{settlement}/examinations", {"complies": complies, "signature": signature})
        )

    def signature(self, settlement: str, about: dict[str, Any]) -> str:
        """The wallet's signature over what an act needs signed."""
        statement = self.http.post(f"/v1/settlements/{settlement}/statements", json=about)
        return self.sign(self._json(statement)["digest"])

    def wait(self, settlement: str, *states: str, timeout_s: float = STATE_TIMEOUT_S) -> dict[str, Any]:
        """Waits until the settlement is in one of `states`. Raises: TimeoutError naming where it stands."""
        found = self.until(
            lambda: self.get(f"/settlements/{settlement}"), lambda view: view["state"] in states, timeout_s
        )
        return dict(found)

    def until(
        self, read: Callable[[], Any], is_there: Callable[[Any], bool], timeout_s: float = STATE_TIMEOUT_S
    ) -> Any:
        """Reads again and again until it is there."""
        until = time.monotonic() + timeout_s
        while True:
            found = read()
            if is_there(found):
                return found
            if time.monotonic() > until:
                raise TimeoutError(f"still {found}")
            time.sleep(POLL_S)

    @staticmethod
    def _json(response: httpx.Response) -> Any:
        body = response.json()
        if response.status_code >= 400:
            raise Problem(body)
        return body
