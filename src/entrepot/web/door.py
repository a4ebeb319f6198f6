"""The REST API as one visitor sees it: the only way in which a page reads or changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from starlette.types import ASGIApp

TIMEOUT_S = 30.0
FROM_NOW = -2  # the cursor of /activity that begins with what comes next


class Problem(Exception):
    """A refusal as the API gives it. Source: RFC 9457."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body.get("detail", body.get("title", status))))
        self.status, self.body = status, body

    @property
    def code(self) -> str:
        """The stable code."""
        return str(self.body.get("code", ""))

    @property
    def title(self) -> str:
        """What the code means, a sentence that can be translated; "" if the API gave none."""
        return str(self.body.get("title", ""))

    @property
    def path(self) -> str:
        """What the refusal is about, "" if it is not about one thing."""
        return str(self.body.get("path", ""))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered to an act. `is_done` is False where the worker has not answered yet."""

    body: dict[str, Any]
    is_done: bool


class Api:
    """The application, called in this process over ASGI; one client for all visitors."""

    def __init__(self, app: ASGIApp) -> None:
        transport = httpx.ASGITransport(app=app, client=("portal", 0))
        self.http = httpx.AsyncClient(
            transport=transport, base_url="http://api.invalid", timeout=TIMEOUT_S, trust_env=False
        )

    def door(self, secret: str, purpose: str = "") -> Door:
        """The API for whoever holds this credential; `purpose` is recorded with what they are shown of others."""
        return Door(self, secret, purpose)


class Door:
    """One visitor's door. Every call raises Problem where the API refuses."""

    def __init__(self, api: Api, secret: str, purpose: str = "") -> None:
        self._api, self._secret, self._purpose = api, secret, purpose

    async def get(self, path: str, **query: Any) -> Any:
        """Reads /v1PATH."""
        return (await self.fetch(path, **query)).json()

    async def find(self, path: str, **query: Any) -> Any:
        """Reads /v1PATH, or None where there is nothing (404) for this visitor."""
        try:
            return await self.get(path, **query)
        except Problem as problem:
            if problem.status == 404:
                return None
            raise

    async def fetch(self, path: str, **query: Any) -> httpx.Response:
        """The response to a read, for bytes that are passed on."""
        return self._checked(await self._api.http.get(f"/v1{path}", params=query, headers=self._headers()))

    async def post(self, path: str, body: dict[str, Any] | None = None, *, once: str = "") -> Answer:
        """Acts; `once` is the idempotency key: the same click twice is one act."""
        response = await self._api.http.post(f"/v1{path}", json=body, headers=self._headers(once))
        return self._answer(response)

    async def patch(self, path: str, body: dict[str, Any], *, once: str) -> Answer:
        """Changes something."""
        response = await self._api.http.patch(f"/v1{path}", json=body, headers=self._headers(once))
        return self._answer(response)

    async def delete(self, path: str, *, once: str) -> Answer:
        """Ends something."""
        return self._answer(await self._api.http.delete(f"/v1{path}", headers=self._headers(once)))

    def _headers(self, once: str = "") -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._secret}"} if self._secret else {}
        headers |= {"Entrepot-Purpose": quote(self._purpose)} if self._purpose else {}
        return headers | ({"Idempotency-Key": once} if once else {})

    def _answer(self, response: httpx.Response) -> Answer:
        is_open = response.status_code == 202 and response.headers.get("location", "").startswith("/v1/requests/")
        return Answer(self._checked(response).json(), not is_open)

    @staticmethod
    def _checked(response: httpx.Response) -> httpx.Response:
        if response.status_code < 400:
            return response
        try:
            body = response.json()
        except ValueError:
            body = {"detail": response.text[:200]}
        raise Problem(response.status_code, body)
