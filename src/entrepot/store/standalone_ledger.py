"""A ledger of its own in one directory: accounts and transfers from JSON lines, never the settlement books.

A line is one transfer; docs/ledger-lines.md says what stands in it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from entrepot.core.canonical import Json
from entrepot.core.errors import Invalid, Refused, declare
from entrepot.core.ledger import Account, AccountClass, Answer, Balance, Ledger, Phase, Transfer, account

from .embedded import start
from .migrate import migrate
from .postgres_ledger import LedgerDifference, PostgresLedger
from .postgres_rows import Connection, translated

BATCH_MAX = 8000
LINE_BYTES_MAX = 10_000
NAME_CHARS_MAX = 200
AT_MAX = 2**62
_APART = "stand-alone/"
_FOLDER = "stand-alone-ledger"
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\Z")
_WHOLE = re.compile(r"-?[0-9]{1,78}\Z")
REQUIRED = frozenset(("id", "debit", "credit", "amount", "asset"))
KNOWN = REQUIRED | {"phase", "pending_id", "event", "at", "settlement"}

declare(
    "Invalid",
    ledger_file_unreadable="The ledger file cannot be read.",
    ledger_line_malformed="A line of the ledger file is not a transfer; the path names the line and the field.",
)
declare(
    "Refused", settlement_books="The directory holds other database files: a stand-alone ledger has one of its own."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a ledger file: the transfer and its two accounts."""

    number: int
    transfer: Transfer
    accounts: tuple[Account, Account]


@dataclass(frozen=True, slots=True)
class Posted:
    """What the ledger answered to one line."""

    line: int
    id: str
    answer: Answer


def post_lines(path: Path, engine: Ledger, *, now: int | None = None) -> list[tuple[str, Answer]]:
    """Posts a file to an engine of its own right: (transfer id, answer) for each line, in the words of every engine.

    Its assets are other ones there, so that no account is one of the settlement books'.
    Raises: Invalid(ledger_file_unreadable, ledger_line_malformed), Unavailable (post the same file again).
    """
    at = int(time.time()) if now is None else now
    for _ in read_lines(path, now=at):  # what cannot be read is not posted in part
        pass
    lines, answers = read_lines(path, now=at, apart=_APART), []
    while batch := list(islice(lines, BATCH_MAX)):
        engine.open_accounts(list({entry.id: entry for line in batch for entry in line.accounts}.values()))
        posted = engine.post([line.transfer for line in batch])
        answers += [(line.transfer.id, answer) for line, answer in zip(batch, posted, strict=True)]
    return answers


class StandaloneLedger:
    """The ledger of one directory, while its server runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ledger = PostgresLedger(connection)

    def post(self, path: Path, *, now: int) -> Iterator[Posted]:
        """Posts a file's lines in order, opening accounts as needed; each stands or falls alone, and again is fine.

        The whole file is read before the first line is posted. `now` is Unix seconds.
        Raises: Invalid(ledger_file_unreadable, ledger_line_malformed).
        """
        for _ in read_lines(path, now=now):
            pass
        lines = read_lines(path, now=now)
        while batch := list(islice(lines, BATCH_MAX)):
            with translated(), self._connection.transaction():
                self._ledger.open_accounts(
                    list({entry.id: entry for line in batch for entry in line.accounts}.values())
                )
                answers = self._ledger.post([line.transfer for line in batch])
            for line, answer in zip(batch, answers, strict=True):
                yield Posted(line.number, line.transfer.id, answer)

    def balances(self, *, at: int | None = None) -> Iterator[tuple[Account, Balance]]:
        """Every account with its balance, by id, now or after all transfers not later than `at` (Unix s)."""
        after = ""
        while page := self._ledger.accounts(after=after):
            held = self._ledger.balances([entry.id for entry in page], at=at)
            yield from ((entry, held[entry.id]) for entry in page)
            after = page[-1].id

    def check(self) -> list[LedgerDifference]:
        """Where the books disagree with the transfers: nothing, if they are sound."""
        return self._ledger.check()


@contextmanager
def open_ledger(directory: Path) -> Iterator[StandaloneLedger]:
    """Starts the ledger's own server, and stops it afterwards. Raises: Refused(settlement_books)."""
    if (directory / "PG_VERSION").exists():
        raise Refused(
            "settlement_books", f"{directory} holds the files of a database; name a directory for the ledger."
        )
    server = start(directory / _FOLDER)
    try:
        migrate(server.owner_dsn)
        with translated(), psycopg.connect(server.work_dsn, autocommit=True, row_factory=dict_row) as connection:
            yield StandaloneLedger(connection)
    finally:
        server.leave()


def post_file(path: Path, directory: Path, *, now: int | None = None) -> list[tuple[str, Answer]]:
    """Posts a file to the ledger in `directory`, made if need be: (transfer id, answer) for each line, in order.

    Raises: Invalid(ledger_file_unreadable, ledger_line_malformed), Refused(settlement_books).
    """
    at = int(time.time()) if now is None else now
    for _ in read_lines(path, now=at):  # what cannot be read starts no server
        pass
    with open_ledger(directory) as ledger:
        return [(posted.id, posted.answer) for posted in ledger.post(path, now=at)]


def read_lines(path: Path, *, now: int, apart: str = "") -> Iterator[Line]:
    """The transfers of a file; `apart` stands before the names of their assets.

    Raises: Invalid(ledger_file_unreadable, ledger_line_malformed).
    """
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(LINE_BYTES_MAX + 1):
                number += 1
                if len(raw) > LINE_BYTES_MAX:
                    raise _malformed(number, "", f"it is longer than {LINE_BYTES_MAX} bytes")
                if raw.strip():
                    yield _line(raw, number, now, apart)
    except OSError as error:
        raise Invalid("ledger_file_unreadable", f"{path}: {error.strerror}.", path=str(path)) from None


def _line(raw: bytes, number: int, now: int, apart: str) -> Line:
    body = _object(raw, number)
    unknown, missing = sorted(set(body) - KNOWN), sorted(REQUIRED - set(body))
    if unknown or missing:
        raise _malformed(number, (missing or unknown)[0], "it is missing" if missing else "no such field is known")
    asset = apart + _text(body, "asset", number)
    debit, credit = (_account(body, name, asset, number) for name in ("debit", "credit"))
    phase = _one_of(Phase, body.get("phase", Phase.POSTED.value), number, "phase")
    ends = phase in (Phase.POST, Phase.VOID)
    if ends != bool(body.get("pending_id")):
        raise _malformed(number, "pending_id", "post and void name a pending transfer, posted and pending name none")
    transfer = Transfer(
        id=_id(body, "id", number),
        debit=debit.id,
        credit=credit.id,
        amount_minor=_amount(body["amount"], number),
        phase=phase,
        event=_text(body, "event", number, is_optional=True),
        at=_at(body.get("at", now), number),
        settlement=_id(body, "settlement", number) if body.get("settlement") else "",
        pending_id=_id(body, "pending_id", number) if ends else "",
    )
    return Line(number, transfer, (debit, credit))


def _object(raw: bytes, number: int) -> Json:
    def once(pairs: list[tuple[str, Any]]) -> Json:
        assert len(dict(pairs)) == len(pairs), "a field stands twice"
        return dict(pairs)

    try:
        body = json.loads(raw.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, AssertionError, RecursionError) as error:
        raise _malformed(number, "", f"it is not JSON ({error!s:.80})") from None
    if not isinstance(body, dict):
        raise _malformed(number, "", "it is not a JSON object")
    return body


def _account(body: Json, name: str, asset: str, number: int) -> Account:
    account_class, _, owner = _text(body, name, number).partition(":")
    if not owner:
        raise _malformed(number, name, f"an account is CLASS:OWNER with a class of {', '.join(AccountClass)}")
    return account(_one_of(AccountClass, account_class, number, name), owner, asset)


def _one_of(kind: Any, value: Any, number: int, name: str) -> Any:
    if value not in [entry.value for entry in kind]:
        raise _malformed(number, name, f"{value!r:.60} is none of {', '.join(entry.value for entry in kind)}")
    return kind(value)


def _text(body: Json, name: str, number: int, *, is_optional: bool = False) -> str:
    text = body.get(name, "")
    if not isinstance(text, str) or len(text) > NAME_CHARS_MAX or not (text or is_optional) or not text.isprintable():
        raise _malformed(number, name, f"it is not a printable text of 1 to {NAME_CHARS_MAX} characters")
    return text


def _id(body: Json, name: str, number: int) -> str:
    text = body[name].lower() if isinstance(body[name], str) else ""
    if not _UUID.match(text):
        raise _malformed(number, name, "an id is 32 hex digits or a UUID")
    return text.replace("-", "")


def _amount(value: Any, number: int) -> int:
    """Any whole number: the ledger answers for those out of range."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _WHOLE.match(text):
        raise _malformed(number, "amount", "an amount is a whole number of minor units")
    return int(text)


def _at(value: Any, number: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < AT_MAX:
        raise _malformed(number, "at", "a time is Unix seconds")
    return value


def _malformed(number: int, name: str, why: str) -> Invalid:
    where = f"line {number}, {name}" if name else f"line {number}"
    return Invalid("ledger_line_malformed", f"{where}: {why}.", path=where)
