"""Reads a list in our own JSON, for the invented list and for a deployment's own additions.

    {"schema": "entrepot/list/1", "source": "INVENTED", "published": "2026-01-01T00:00:00Z", "about": "…",
     "entities": [{"id": "INV-1", "schema": "person | organization | vessel | wallet",
                   "names": [{"text": "…", "kind": "primary | alias", "quality": "strong | weak"}],
                   "identifiers": [{"type": "lei", "value": "…", "country": "CY"}],
                   "countries": ["CY"], "birth_dates": ["1948-12-10"], "programs": ["…"],
                   "wallets": [{"asset": "ETH", "address": "0x…"}]}]}

Only `id` and `schema` and one of names, identifiers and wallets are needed; an unknown key is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from .birth import from_notation
from .content import Content, malformed, text_of
from .entity import SCHEMAS, Entity, Identifier, ListedName, NameKind, NameQuality, Schema, Wallet
from .identifiers import country_of, normalise_identifier, wallet_of

OWN_SCHEMA = "entrepot/list/1"
RESERVED = ("OFAC", "OFAC_WALLETS", "UN", "EU", "UK")  # a list of our own never stands in for a publisher's
HEAD_KEYS = {"schema", "source", "published", "about", "entities"}
ENTITY_KEYS = {"id", "schema", "names", "identifiers", "countries", "birth_dates", "programs", "wallets"}


class _Wrong(Exception):
    """What is wrong with one entry."""


@lru_cache(maxsize=2)  # one is read again and again as it was: the invented list, twice at each verification
def read_own(name: str, raw: bytes) -> Content:
    """The list out of one file. Raises: Invalid(list_malformed) with the line, or the entry's id."""
    text = text_of(name, raw)
    try:
        body = json.loads(text)
    except json.JSONDecodeError as wrong:
        raise malformed(name, wrong.lineno, wrong.msg) from wrong
    except RecursionError as wrong:
        raise malformed(name, 1, "the JSON is nested too deep.") from wrong
    try:
        return _content(body)
    except _Wrong as wrong:
        raise malformed(name, _line_of(text, wrong), str(wrong.args[0])) from wrong


def _content(body: Any) -> Content:
    _need(isinstance(body, dict) and body.get("schema") == OWN_SCHEMA, f"the schema is not {OWN_SCHEMA}.")
    _need(set(body) <= HEAD_KEYS, f"unknown keys {sorted(set(body) - HEAD_KEYS)}.")
    source, published = str(body.get("source", "")), str(body.get("published", ""))
    _need(source.isidentifier() and source not in RESERVED, f"{source!r:.40} is not a source of our own.")
    try:
        at = datetime.fromisoformat(published)
    except ValueError as wrong:
        raise _Wrong(f"published {published!r:.40} is not a time.") from wrong
    _need(at.tzinfo is not None, f"published {published} has no time zone.")
    entries = body.get("entities")
    _need(isinstance(entries, list), "entities is not an array.")
    entities = []
    for entry in cast(list[Any], entries):
        try:
            entities.append(_entity(source, entry))
        except (TypeError, KeyError, AttributeError) as wrong:
            raise _Wrong(f"entry {_id(entry)!r:.40}: {wrong!r}", _id(entry)) from wrong
        except _Wrong as wrong:
            raise _Wrong(f"entry {_id(entry)!r:.40}: {wrong.args[0]}", _id(entry)) from wrong
    return Content(source, tuple(entities), published_at=int(at.timestamp()), version=published)


def _entity(source: str, entry: dict[str, Any]) -> Entity:
    _need(set(entry) <= ENTITY_KEYS, f"unknown keys {sorted(set(entry) - ENTITY_KEYS)}.")
    _need(isinstance(entry["id"], str) and entry["id"] != "", "the id is empty.")
    _need(entry["schema"] in SCHEMAS, f"{entry['schema']!r:.40} is no schema.")
    entity = Entity(
        id=entry["id"],
        source=source,
        schema=cast(Schema, entry["schema"]),
        names=tuple(_name(**name) for name in entry.get("names", [])),
        identifiers=tuple(_identifier(**number) for number in entry.get("identifiers", [])),
        countries=_each(entry.get("countries", []), _country),
        birth_dates=_each(entry.get("birth_dates", []), from_notation),
        programs=_each(entry.get("programs", []), str),
        wallets=tuple(_wallet(**wallet) for wallet in entry.get("wallets", [])),
    )
    _need(bool(entity.names or entity.identifiers or entity.wallets), "nothing by which it could be found.")
    return entity


def _name(*, text: str, kind: str = "primary", quality: str = "strong") -> ListedName:
    _need(kind in ("primary", "alias") and quality in ("strong", "weak") and text.strip() != "", f"name {text!r:.60}.")
    return ListedName(text, cast(NameKind, kind), cast(NameQuality, quality))


def _identifier(*, type: str, value: str, country: str = "") -> Identifier:
    found = normalise_identifier(type, value, _country(country) if country else "")
    if found is None:
        raise _Wrong(f"{value!r:.60} is no {type}.")
    return found


def _wallet(*, asset: str, address: str) -> Wallet:
    found = wallet_of(asset, address)
    if found is None:
        raise _Wrong(f"{address!r:.80} is not an address of {asset}.")
    return found


def _country(code: str) -> str:
    return code if len(code) == len("CY") and country_of(code) == code else ""


def _each(values: Iterable[str], read: Any) -> tuple[str, ...]:
    found = [(value, read(value)) for value in values]
    for value, said in found:
        _need(bool(said), f"{value!r:.40} is not understood.")
    return tuple(said for _, said in found)


def _need(is_right: bool, otherwise: str) -> None:
    if not is_right:
        raise _Wrong(otherwise)


def _id(entry: Any) -> str:
    return str(entry.get("id", "")) if isinstance(entry, dict) else ""


def _line_of(text: str, wrong: _Wrong) -> int:
    """The line on which the entry's id stands, 1 if it is not about an entry."""
    at = text.find(json.dumps(wrong.args[1], ensure_ascii=False)) if len(wrong.args) > 1 and wrong.args[1] else -1
    return text.count("\n", 0, at) + 1 if at >= 0 else 1
