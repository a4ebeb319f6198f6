"""The assets that amounts are in, as the API names them; read once, for they do not change while we run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from .visitor import Visitor


async def asset_of(request: Request, visitor: Visitor, asset_id: str) -> Mapping[str, Any]:
    """Symbol and decimals of an asset; before a quote there is none, and amounts are nothing."""
    known: dict[str, Any] | None = getattr(request.app.state, "assets", None)
    if known is None:
        rows = (await visitor.door.get("/assets"))["assets"]
        known = request.app.state.assets = {row["id"]: row for row in rows}
    found: Mapping[str, Any] = known.get(asset_id, {"id": asset_id, "symbol": "", "decimals": 0})
    return found
