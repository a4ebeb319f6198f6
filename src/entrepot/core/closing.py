"""A closed period's packet: what two persons agreed on when books, chain, messages and bank said the same. Pure.

A period ends at a place in the log, not at a clock's midnight: what comes after that leaf belongs to the next period,
whatever its own date. Each packet names the hash of the one before it, and is signed by the closing key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from . import note
from .canonical import Json, canonical, hex0x, parse_canonical, unhex
from .crypto import ed25519_verify, sha256
from .errors import EntrepotError, Invalid, declare

PACKET, SIGNED = "entrepot/closed-period/1", "entrepot/signed-closed-period/1"
PACKETS_MAX = 1_000
_DAY, _MONTH = re.compile(r"\d{4}-\d{2}-\d{2}\Z"), re.compile(r"\d{4}-\d{2}\Z")
MONTHS, _DAYS = 12, (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SUMS = ("opening_minor", "closing_minor")

declare(
    "Invalid",
    packet_unreadable="The file is not a signed packet of a closed period.",
    closing_key_missing="The verification key names no closing key: it was written before periods were closed.",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that was checked of a packet."""

    period: str
    name: str
    is_ok: bool


def last_day_of(period: str) -> str:
    """The last day of a day (itself) or month. Raises: Invalid(malformed)."""
    month = int(period[5:7]) if _MONTH.match(period[:7]) else 0
    if 1 <= month <= MONTHS:
        days = _days_in(int(period[:4]), month)
        if _MONTH.match(period):
            return f"{period}-{days}"
        if _DAY.match(period) and 1 <= int(period[8:]) <= days:
            return period
    raise Invalid("malformed", "A period is a day as 2026-12-31, or a month as 2026-12.", path="body.period")


def _days_in(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and is_leap else _DAYS[month - 1]


def balances_of(opening: Sequence[Json], sums: Sequence[Json]) -> list[Json]:
    """Rows per account class and asset: what the period before closed with, and what this one closes with."""
    before = {(row["class"], row["asset"]): row["closing_minor"] for row in opening}
    now = {(row["class"], row["asset"]): row for row in sums}
    return [
        {
            "class": name,
            "asset": asset,
            "opening_minor": before.get((name, asset), "0"),
            "closing_minor": now[name, asset]["posted_minor"] if (name, asset) in now else "0",
            "held_minor": now[name, asset]["held_minor"] if (name, asset) in now else "0",
        }
        for name, asset in sorted(before.keys() | now.keys())
    ]


def sealed(packet: Json, sign: Callable[[bytes], bytes]) -> bytes:
    """The canonical bytes of a signed packet."""
    assert packet["schema"] == PACKET, packet["schema"]
    return canonical({"schema": SIGNED, "packet": packet, "signature": hex0x(sign(canonical(packet)))})


def opened(raw: bytes) -> Json:
    """The packet inside signed bytes, not yet checked. Raises: Invalid(packet_unreadable)."""
    try:
        body = parse_canonical(raw)
    except Invalid as error:
        raise Invalid("packet_unreadable", error.message) from None
    packet = body.get("packet")
    if body.get("schema") != SIGNED or not isinstance(packet, dict) or packet.get("schema") != PACKET:
        raise Invalid("packet_unreadable", f"The file is not {SIGNED}.")
    return packet


def packet_sha256(raw: bytes) -> str:
    """0x-hex SHA-256 over the packet inside signed bytes: what the next one names."""
    return hex0x(sha256(canonical(opened(raw))))


def verify(files: Sequence[bytes], key: Json) -> list[Verdict]:
    """Checks packets of one kind (days, or months) against the key file alone.

    Raises: Invalid(packet_unreadable, closing_key_missing).
    """
    assert 0 < len(files) <= PACKETS_MAX, f"from 1 to {PACKETS_MAX} packets"
    if "closing_key" not in key:
        says = "The key file names no closing key. Its operator runs `entrepot init`, which adds it, and publishes it."
        raise Invalid("closing_key_missing", says, path="closing_key")
    verdicts: list[Verdict] = []
    before: bytes | None = None
    try:
        for raw in sorted(files, key=lambda one: int(opened(one)["number"])):
            verdicts += [Verdict(str(opened(raw)["period"]), *said) for said in _checks(raw, before, key)]
            before = raw
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid("packet_unreadable", f"The packet has another shape: {error!r:.80}") from None
    return verdicts


def _checks(raw: bytes, before: bytes | None, key: Json) -> Iterator[tuple[str, bool]]:
    packet = opened(raw)
    yield "is signed by the closing key", _is_signed(raw, key)
    yield "its last leaf and the log's root are signed by the checkpoint key", _log_is_signed(packet, key)
    sums: dict[str, list[int]] = {}
    for row in packet["balances"]:
        total = sums.setdefault(row["asset"], [0, 0])
        for place, name in enumerate(_SUMS):
            total[place] += int(row[name])
    yield "per asset, all accounts add up to zero", not any(any(total) for total in sums.values())
    yield "every difference was explained by two", all(row["explained_by"] for row in packet["differences"])
    yield "two persons closed it", packet["proposed_by"] != packet["confirmed_by"] and bool(packet["confirmed_by"])
    if before is None:
        is_first = packet["number"] == 1
        opening = all(row["opening_minor"] == "0" for row in packet["balances"]) and packet["log"]["from_size"] == 0
        yield "begins where the one before ended", (not is_first or (opening and not packet["previous"]))
        return
    last = opened(before)
    is_next = packet["number"] == last["number"] + 1 and packet["previous"] == packet_sha256(before)
    yield "names the packet before it", is_next and len(packet["period"]) == len(last["period"])
    follows = packet["log"]["from_size"] == last["log"]["to_size"] and packet["period"] > last["period"]
    yield "begins where the one before ended", follows and _opening(packet) == _closing(last)


def _opening(packet: Json) -> dict[tuple[str, str], int]:
    rows = {(row["class"], row["asset"]): int(row["opening_minor"]) for row in packet["balances"]}
    return {name: minor for name, minor in rows.items() if minor}


def _closing(packet: Json) -> dict[tuple[str, str], int]:
    rows = {(row["class"], row["asset"]): int(row["closing_minor"]) for row in packet["balances"]}
    return {name: minor for name, minor in rows.items() if minor}


def _is_signed(raw: bytes, key: Json) -> bool:
    try:
        _, public = note.parse_key(key["closing_key"])
        signature = unhex(parse_canonical(raw)["signature"], size=64)
        return ed25519_verify(public, signature, canonical(opened(raw)))
    except EntrepotError:
        return False


def _log_is_signed(packet: Json, key: Json) -> bool:
    """An empty log has no checkpoint yet."""
    said = packet["log"]
    if said["to_size"] == 0:
        return bool(said["checkpoint"] == "" and said["root"] == "")
    try:
        _, size, root = note.open_checkpoint(said["checkpoint"], [key["checkpoint_key"]])
    except EntrepotError:
        return False
    return bool(size == said["to_size"] and hex0x(root) == said["root"] and said["from_size"] <= size)
