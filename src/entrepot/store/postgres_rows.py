"""The edge between Python and PostgreSQL: ids, settlements as rows, errors, and one way to run a named query."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any
from uuid import UUID

import psycopg

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Unavailable, declare
from entrepot.core.ids import is_id, parse_id
from entrepot.core.lifecycle import State
from entrepot.core.settlement import Settlement

from .postgres_arrays import Packed, bigints, byteas, texts, uuids
from .records import Disposition

declare("Unavailable", store_unavailable="The database gave no final answer; the same request may be sent again.")

Row = dict[str, Any]
Connection = psycopg.Connection[Row]

_DEFECTS = (psycopg.IntegrityError, psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into ours.

    Raises: Unavailable(store_unavailable) where no final answer came (a lost reply to COMMIT too), Invalid(malformed)
    for what no column can hold, AssertionError where a constraint or privilege says that we are wrong.
    """
    try:
        yield
    except _DEFECTS as error:
        raise AssertionError(f"the database refuses: {_constraint(error)}{error}") from error
    except psycopg.DataError as error:
        raise Invalid("malformed", "The input holds what cannot be stored (such as a NUL character).") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise Unavailable("store_unavailable", f"No final answer: {type(error).__name__}.") from error


def _constraint(error: psycopg.Error) -> str:
    return f"{error.diag.constraint_name}: " if error.diag.constraint_name else ""


class Rows:
    """Runs the named queries of one subject on one connection."""

    def __init__(self, connection: Connection, queries: Mapping[str, bytes]) -> None:
        self.connection = connection
        self._queries = queries

    def all(self, name: str, /, **parameters: Any) -> list[Row]:
        """Every row."""
        with translated():
            return self.connection.execute(self._queries[name], parameters, binary=True).fetchall()

    def each(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[Row]]:
        """The rows of several queries, in one round trip."""
        with translated():
            with self.connection.pipeline():
                found = [self.connection.execute(self._queries[name], what, binary=True) for name, what in asked]
            return [cursor.fetchall() for cursor in found]

    def one(self, name: str, /, **parameters: Any) -> Row | None:
        """The only row, or None."""
        rows = self.all(name, **parameters)
        assert len(rows) <= 1, f"{name} gave {len(rows)} rows"
        return rows[0] if rows else None

    def run(self, name: str, /, **parameters: Any) -> int:
        """How many rows it touched."""
        with translated():
            return self.connection.execute(self._queries[name], parameters).rowcount


def to_uuid(hex_id: str) -> UUID | None:
    """An id as it is written, "" as NULL. Raises: Invalid(malformed)."""
    return UUID(parse_id(hex_id)) if hex_id else None


def find_uuid(hex_id: str) -> UUID | None:
    """An id as it is looked up: what is no id finds nothing."""
    try:
        return to_uuid(hex_id)
    except Invalid:
        return None


def find_uuids(hex_ids: Iterable[str]) -> Packed:
    """As `find_uuid`, for many: an array of those that are ids."""
    return uuids([hex_id for hex_id in hex_ids if is_id(hex_id)])


def from_uuid(value: UUID | None) -> str:
    """Reads `to_uuid`."""
    return value.hex if value is not None else ""


_PLAIN = ("created_at", "seq", "step", "asset", "terms_hash", "escrow")
_AMOUNTS = ("price_minor", "fee_minor", "funded_minor", "released_minor", "fee_accrued_minor", "refunded_minor")
_COLUMNS = {"id", "seller", "buyer", "state", "awarded_minor", *_PLAIN, *_AMOUNTS}
_REST = tuple(entry.name for entry in fields(Settlement) if entry.name not in _COLUMNS)


def settlement_to_row(settlement: Settlement) -> Row:
    """A snapshot as columns: what is queried or constrained apart, everything else in `rest`.

    Texts and whole numbers, for arrays of many: PostgreSQL reads the ids and the JSON.
    """
    act = settlement.next_act()
    row: Row = {name: getattr(settlement, name) for name in ("id", "seller", "buyer", *_PLAIN)}
    row |= {name: str(getattr(settlement, name)) for name in _AMOUNTS}
    row["awarded_minor"] = None if settlement.awarded_minor is None else str(settlement.awarded_minor)
    row |= {"state": settlement.state.value, "due_act": act[0] if act else None, "due_at": act[1] if act else None}
    row["rest"] = json.dumps({name: _plain(getattr(settlement, name)) for name in _REST})
    return row


_IDS = frozenset(("id", "settlement", "seller", "buyer", "owner", "participant", "person"))


def columns_of(rows: Iterable[Row]) -> dict[str, Any]:
    """Rows of one shape (at least one) as an array for each column; ids are 32 hex digits, None is NULL."""
    listed = list(rows)
    return {name: _column(name, [row[name] for row in listed]) for name in listed[0]}


def _column(name: str, values: list[Any]) -> Any:
    if name in _IDS:
        return uuids([value or "" for value in values])
    kind = next((type(value) for value in values if value is not None), None)
    if kind is bytes:
        return byteas(values)
    if kind is str:
        return texts(values)
    return bigints(values) if kind is int else values


def settlement_from_row(row: Row) -> Settlement:
    """Reads `settlement_to_row`, exactly."""
    rest: Row = {name: tuple(value) if isinstance(value, list) else value for name, value in row["rest"].items()}
    rest["suspended"] = tuple((State(state), since) for state, since in rest["suspended"])
    kept: Row = {name: row[name].hex for name in ("id", "seller", "buyer")}
    kept |= {name: row[name] for name in _PLAIN} | {name: int(row[name]) for name in _AMOUNTS}
    awarded = row["awarded_minor"]
    kept |= {"state": State(row["state"]), "awarded_minor": None if awarded is None else int(awarded)}
    return Settlement(**kept, **rest)


def disposition_from_row(row: Row) -> Disposition:
    """Reads one disposition."""
    return Disposition(
        settlement=row["settlement"].hex,
        hits=tuple(row["hits"]),
        person=row["person"].hex,
        verdict=row["verdict"],
        reason=row["reason"],
        at=row["at"],
    )


def _plain(value: Any) -> Any:
    """A mapping as a dict, so that it is written as JSON; all else as it is."""
    return dict(value) if isinstance(value, Mapping) else value


def to_bytes(body: Json) -> bytes:
    """JSON to be sealed."""
    return json.dumps(body, separators=(",", ":")).encode()
