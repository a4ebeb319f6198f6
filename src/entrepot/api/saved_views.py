"""/v1/views: a person's named ways of looking at the list of settlements."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from .ask import ask
from .trades import Id, Key, Signed, Strict, given

router = APIRouter(prefix="/v1", tags=["settlements"])


class NewView(Strict):
    """A name and the list's query, as it stands in the address after `?`."""

    name: str = Field(min_length=1, max_length=60)
    query: str = Field(max_length=500)


@router.get("/views")
def views(request: Request, caller: Signed) -> dict[str, Any]:
    """Your saved views in this membership."""
    with request.app.state.store.read(caller.reader) as tx:
        return {"views": tx.people.saved_views(caller.person, caller.participant)}


@router.post("/views", status_code=201)
def save_view(request: Request, body: NewView, caller: Signed, key: Key) -> JSONResponse:
    """Saves a view; the same name again replaces it."""
    return ask(request, caller, "save_view", given(body))


@router.delete("/views/{view}")
def delete_view(request: Request, view: Id, caller: Signed, key: Key) -> JSONResponse:
    """Forgets a view."""
    return ask(request, caller, "delete_view", {"view": view})
