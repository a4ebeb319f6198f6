"""Arrays in PostgreSQL's binary form, made of whole columns at once: a batch of thousands costs the driver little.

The driver's own way makes each element by itself, which takes longer than the ledger takes to post it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from entrepot.core.errors import Invalid
from entrepot.core.ids import parse_id

_HEX_DIGITS = 32
_UUID, _TEXT, _INT2, _INT8, _BYTEA = 2950, 25, 21, 20, 17  # types, and the arrays of each
_ARRAY_OF = {_UUID: 2951, _TEXT: 1009, _INT2: 1005, _INT8: 1016, _BYTEA: 1001}
_NULL = b"\xff\xff\xff\xff"
_NUMERIC_ARRAY = 1231


class Packed(bytes):
    """An array as it travels, with the type it has there."""

    oid: int


class _Uuids(Packed):
    oid = _ARRAY_OF[_UUID]


class _Texts(Packed):
    oid = _ARRAY_OF[_TEXT]


class _Smallints(Packed):
    oid = _ARRAY_OF[_INT2]


class _Bigints(Packed):
    oid = _ARRAY_OF[_INT8]


class _Byteas(Packed):
    oid = _ARRAY_OF[_BYTEA]


class Numerics(Packed):
    """Whole numbers as the text of a numeric[]."""

    oid = _NUMERIC_ARRAY


def uuids(ids: Sequence[str]) -> Packed:
    """Ids of 32 hex digits; "" is NULL. Raises: Invalid(malformed)."""
    try:
        body = bytes.fromhex("".join(["00000010" + id_ if id_ else "ffffffff" for id_ in ids]))
    except ValueError:
        body = b""
    given = len(ids) - ids.count("")
    if len(body) != 4 * len(ids) + 16 * given or {len(id_) for id_ in ids} - {0, _HEX_DIGITS}:
        for id_ in filter(None, ids):
            parse_id(id_)
        raise Invalid("malformed", "An id is 32 hex digits.")
    return _Uuids(_head(_UUID, len(ids), has_null=given < len(ids)) + body)


def texts(words: Sequence[str | None]) -> Packed:
    """Texts; few different ones cost least. Raises: Invalid(malformed) for a NUL character or half of one."""
    made: dict[str | None, bytes] = {None: _NULL}
    try:
        for word in set(words) - {None}:
            raw = word.encode()  # type: ignore[union-attr]
            made[word] = struct.pack(">i", len(raw)) + raw
    except UnicodeEncodeError:
        raise Invalid("malformed", "A text holds what is no character.") from None
    return _Texts(_head(_TEXT, len(words), has_null=None in words) + b"".join([made[word] for word in words]))


def byteas(parts: Sequence[bytes]) -> Packed:
    """Bytes as they are."""
    packed = [piece for part in parts for piece in (struct.pack(">i", len(part)), part)]
    return _Byteas(_head(_BYTEA, len(parts)) + b"".join(packed))


def smallints(numbers: Sequence[int]) -> Packed:
    """Numbers of 16 bits."""
    made = {number: struct.pack(">ih", 2, number) for number in set(numbers)}
    return _Smallints(_head(_INT2, len(numbers)) + b"".join([made[number] for number in numbers]))


def bigints(numbers: Sequence[int | None]) -> Packed:
    """Numbers of 64 bits. Raises: Invalid(malformed) beyond them."""
    try:
        made: dict[int | None, bytes] = {number: struct.pack(">iq", 8, number) for number in set(numbers) - {None}}
    except struct.error:
        raise Invalid("malformed", "A number does not fit 64 bits.") from None
    made[None] = _NULL
    return _Bigints(_head(_INT8, len(numbers), has_null=None in numbers) + b"".join([made[one] for one in numbers]))


def numerics(numbers: Sequence[int]) -> Packed:
    """Whole numbers of any size."""
    return Numerics(f"{{{','.join(map(str, numbers))}}}".encode())


def _head(oid: int, count: int, *, has_null: bool = False) -> bytes:
    """One dimension from 1; an empty array has none. Source: PostgreSQL, array_recv."""
    return struct.pack(">iiiii", 1, has_null, oid, count, 1) if count else struct.pack(">iii", 0, 0, oid)


class _BinaryDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Packed) -> bytes:
        return bytes(obj)


class _TextDumper(_BinaryDumper):
    format = Format.TEXT


def _register() -> None:
    for kind in (_Uuids, _Texts, _Smallints, _Bigints, _Byteas, Numerics):
        base = _TextDumper if kind is Numerics else _BinaryDumper
        psycopg.adapters.register_dumper(kind, type(f"{kind.__name__}Dumper", (base,), {"oid": kind.oid}))


_register()
