"""How many things wait for this reader at each of their places: the small numbers beside the names of places."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from .door import Door, Problem
from .visitor import Visitor

Count = Callable[[Door], Awaitable[int]]


async def _cases(door: Door) -> int:
    return len((await door.get("/settlements", state="in_review", limit=200))["settlements"])


async def _exceptions(door: Door) -> int:
    return len((await door.get("/exceptions"))["exceptions"])


async def _changes(door: Door) -> int:
    found = (await door.get("/changes"))["changes"]
    return sum(one["state"] == "waiting" and one["may_end"] and not one["is_own"] for one in found)


async def _approvals(door: Door) -> int:
    return sum(not one["is_yours"] for one in (await door.get("/approvals"))["approvals"])


async def _requests(door: Door) -> int:
    found = (await door.get("/information-requests"))["requests"]
    return sum(not one["is_answered"] for one in found)


# Role → place → what is counted there. A count never opens anything of a party.
COUNTS: Mapping[str, Mapping[str, Count]] = {
    "treasurer": {"/approvals": _approvals, "/requests": _requests},
    "operator": {"/exceptions": _exceptions, "/changes": _changes},
    "officer": {"/queue": _cases, "/changes": _changes},
    "supervisor": {"/queue": _cases, "/changes": _changes},
}


async def waiting_for(visitor: Visitor) -> dict[str, int]:
    """Place → number, where something waits. What the API refuses is not counted."""
    counts = COUNTS.get(visitor.role, {})
    numbers = await asyncio.gather(*(_safely(count, visitor.door) for count in counts.values()))
    return {place: number for place, number in zip(counts, numbers, strict=True) if number}


async def _safely(count: Count, door: Door) -> int:
    try:
        return await count(door)
    except Problem:
        return 0
