"""Contract calls and logs as bytes, by the contract's ABI. The one file that knows eth_abi."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi.abi import decode, encode

from entrepot.core.canonical import hex0x
from entrepot.core.crypto import keccak256

from .words import read_word, word_of

_ERROR = bytes.fromhex("08c379a0")  # Error(string). Source: Solidity and Vyper ABI
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)

Abi = Sequence[Mapping[str, Any]]


class Undecodable(ValueError):
    """Bytes that are not what the ABI says."""


@dataclass(frozen=True)
class Function:
    """One function of a contract."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    output_names: tuple[str, ...]

    @cached_property
    def selector(self) -> bytes:
        """4 bytes."""
        return keccak256(f"{self.name}({','.join(self.inputs)})".encode())[:4]

    def encode(self, *args: Any) -> bytes:
        """Call data. Raises: Undecodable if an argument does not fit."""
        try:
            return self.selector + encode(self.inputs, args)
        except Exception as error:  # eth_abi raises its own and the built-in kinds
            raise Undecodable(f"{self.name}: {error!s:.200}") from None

    def decode(self, raw: bytes) -> Any:
        """The only output; a struct as a dict by field. Raises: Undecodable."""
        try:
            (value,) = decode(self.outputs, raw)
        except Exception as error:
            raise Undecodable(f"{self.name} answered {raw[:64].hex()}: {error!s:.200}") from None
        return dict(zip(self.output_names, value, strict=True)) if self.output_names else value


@dataclass(frozen=True)
class Event:
    """One event of a contract: its fields as (type, name, is it indexed)."""

    name: str
    fields: tuple[tuple[str, str, bool], ...]

    @cached_property
    def topic(self) -> bytes:
        """The first topic: 32 bytes."""
        return keccak256(f"{self.name}({','.join(kind for kind, _, _ in self.fields)})".encode())

    def encode(self, values: Mapping[str, Any]) -> tuple[list[bytes], bytes]:
        """(topics, data): what `decode` reads. bytes32 may be 0x-hex."""
        raw = {
            name: bytes.fromhex(values[name][2:])
            if kind == "bytes32" and isinstance(values[name], str)
            else values[name]
            for kind, name, _ in self.fields
        }
        words = {name: word_of(kind, raw[name]) or encode([kind], [raw[name]]) for kind, name, _ in self.fields}
        topics = [self.topic, *[words[name] for _, name, is_indexed in self.fields if is_indexed]]
        return topics, b"".join(words[name] for _, name, is_indexed in self.fields if not is_indexed)

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """The fields by name; addresses and bytes as 0x-hex. Raises: Undecodable for any other shape."""
        indexed, plain = self._places
        if len(topics) != len(indexed) + 1 or len(data) != 32 * len(plain):  # all our events have static fields
            raise Undecodable(f"{self.name} with {len(topics)} topics and {len(data)} bytes of data")
        words = [data[place : place + 32] for place in range(0, len(data), 32)]
        try:
            values = {name: _read(kind, word) for (kind, name), word in zip(plain, words, strict=True)}
            values |= {name: _read(kind, topic) for (kind, name), topic in zip(indexed, topics[1:], strict=True)}
        except Exception as error:
            raise Undecodable(f"{self.name}: {error!s:.200}") from None
        return values

    @cached_property
    def _places(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """The fields that are topics, and those in the data."""
        places: tuple[list[tuple[str, str]], list[tuple[str, str]]] = [], []
        for kind, name, is_indexed in self.fields:
            places[not is_indexed].append((kind, name))
        return places


def _read(kind: str, word: bytes) -> Any:
    value = read_word(kind, word)
    if value is None:
        (value,) = decode([kind], word)
    return hex0x(value) if isinstance(value, bytes) else value


class Contract:
    """The functions and events of an ABI. An overloaded function is found by its number of arguments."""

    def __init__(self, abi: Abi) -> None:
        self.functions = {(entry["name"], len(entry["inputs"])): _function(entry) for entry in _of("function", abi)}
        self.events = {event.topic: event for event in map(_event, _of("event", abi))}
        self.constructor = tuple(type_of(item) for entry in _of("constructor", abi) for item in entry["inputs"])

    def function(self, name: str, arguments: int) -> Function:
        """A function by name and number of arguments. Raises: KeyError."""
        return self.functions[name, arguments]

    def call(self, name: str, *args: Any) -> bytes:
        """Call data. Raises: KeyError, Undecodable."""
        return self.function(name, len(args)).encode(*args)

    def init_code(self, bytecode: str, *args: Any) -> bytes:
        """Init code with its constructor's arguments."""
        return bytes.fromhex(bytecode.removeprefix("0x")) + encode(self.constructor, args)


def type_of(item: Mapping[str, Any]) -> str:
    """The canonical type of an ABI entry, tuples spelt out."""
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    return "(" + ",".join(type_of(part) for part in item["components"]) + ")" + kind[5:]


def revert_reason(raw: bytes) -> str:
    """What a contract said when it reverted; "" if it said nothing readable."""
    try:
        if raw[:4] == _ERROR:
            return str(decode(["string"], raw[4:])[0])[:300]
        if raw[:4] == _PANIC:
            return f"panic 0x{decode(['uint256'], raw[4:])[0]:02x}"
    except Exception:  # whatever a stranger's contract put there is not a reason
        return ""
    return ""


def _function(entry: Mapping[str, Any]) -> Function:
    outputs = entry["outputs"]
    names = tuple(part["name"] for part in outputs[0]["components"]) if outputs and "components" in outputs[0] else ()
    return Function(entry["name"], tuple(map(type_of, entry["inputs"])), tuple(map(type_of, outputs)), names)


def _event(entry: Mapping[str, Any]) -> Event:
    return Event(entry["name"], tuple((type_of(item), item["name"], item["indexed"]) for item in entry["inputs"]))


def _of(kind: str, abi: Abi) -> Iterable[Mapping[str, Any]]:
    return (entry for entry in abi if entry["type"] == kind)
