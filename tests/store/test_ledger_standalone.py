"""The stand-alone ledger: JSON lines in, an answer for each, again is fine; a malformed line is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from entrepot.core.errors import Invalid, Refused
from entrepot.core.ledger import Answer, Balance, account
from entrepot.store.standalone_ledger import LINE_BYTES_MAX, open_ledger, post_file, read_lines

NOW = 1_800_000_000
FUND = {"id": f"{1:032x}", "debit": "outside:acme", "credit": "escrow:4711", "amount": "100", "asset": "USD"}
HOLD = {
    "id": f"{2:032x}",
    "debit": "escrow:4711",
    "credit": "outside:bob",
    "amount": 60,
    "asset": "USD",
    "phase": "pending",
}
OVER = HOLD | {"id": f"{3:032x}"}
POST = HOLD | {"id": f"{4:032x}", "phase": "post", "pending_id": HOLD["id"], "event": "released", "at": NOW + 5}


@pytest.fixture
def folder(home: Path) -> Path:
    return home


def written(folder: Path, *lines: Any) -> Path:
    """A file of lines: objects as JSON, bytes as they are."""
    path = folder / "transfers.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return path


@pytest.mark.slow
def test_a_file_is_posted_line_by_line_and_again_is_fine(folder: Path) -> None:
    path = written(folder, FUND, HOLD, b"", OVER, POST, FUND | {"amount": "99"})
    posted, exists = Answer.POSTED, Answer.EXISTS
    ids = [line["id"] for line in (FUND, HOLD, OVER, POST, FUND)]
    first = post_file(path, folder / "books", now=NOW)
    assert first == list(zip(ids, [posted, posted, Answer.EXCEEDS_LIMIT, posted, Answer.EXISTS_DIFFERENT], strict=True))
    again = post_file(path, folder / "books", now=NOW + 50)
    assert [answer for _, answer in again] == [exists, exists, Answer.EXCEEDS_LIMIT, exists, Answer.EXISTS_DIFFERENT]
    with open_ledger(folder / "books") as ledger:
        escrow = account("escrow", "4711", "USD")  # type: ignore[arg-type]
        assert dict(ledger.balances())[escrow] == Balance(credits_posted=100, debits_posted=60)
        assert dict(ledger.balances(at=NOW))[escrow] == Balance(credits_posted=100, debits_pending=60)
        assert ledger.check() == []
        with pytest.raises(Invalid):
            list(ledger.post(written(folder, OVER | {"amount": "1"}, b"[]"), now=NOW))
        assert dict(ledger.balances())[escrow].debits_pending == 0


def test_a_uuid_is_an_id(folder: Path) -> None:
    path = written(folder, FUND | {"id": "00000000-0000-0000-0000-00000000000A"})
    assert [line.transfer.id for line in read_lines(path, now=NOW)] == [f"{10:032x}"]


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (b"{", "line 2"),
        (b"[]", "line 2"),
        (b"\xff", "line 2"),
        (b"[" * 9000, "line 2"),
        (b'{"id": "a", "id": "b"}', "line 2"),
        (b" " * (LINE_BYTES_MAX + 1), "line 2"),
        ({**FUND, "amuont": 1}, "line 2, amuont"),
        ({name: FUND[name] for name in FUND if name != "asset"}, "line 2, asset"),
        (FUND | {"asset": ""}, "line 2, asset"),
        (FUND | {"asset": "U\nSD"}, "line 2, asset"),
        (FUND | {"asset": "x" * 201}, "line 2, asset"),
        (FUND | {"id": "1"}, "line 2, id"),
        (FUND | {"id": 1}, "line 2, id"),
        (FUND | {"debit": "acme"}, "line 2, debit"),
        (FUND | {"debit": "bank:acme"}, "line 2, debit"),
        (FUND | {"credit": "escrow:"}, "line 2, credit"),
        (FUND | {"credit": None}, "line 2, credit"),
        (FUND | {"amount": 1.0}, "line 2, amount"),
        (FUND | {"amount": "1.0"}, "line 2, amount"),
        (FUND | {"amount": True}, "line 2, amount"),
        (FUND | {"amount": "1" * 79}, "line 2, amount"),
        (FUND | {"phase": "settled"}, "line 2, phase"),
        (FUND | {"phase": []}, "line 2, phase"),
        (FUND | {"pending_id": "a" * 32}, "line 2, pending_id"),
        (FUND | {"phase": "void"}, "line 2, pending_id"),
        (FUND | {"phase": "void", "pending_id": 7}, "line 2, pending_id"),
        (FUND | {"at": "yesterday"}, "line 2, at"),
        (FUND | {"at": -1}, "line 2, at"),
        (FUND | {"settlement": "x"}, "line 2, settlement"),
        (FUND | {"event": 5}, "line 2, event"),
    ],
)
def test_a_malformed_line_is_named_with_its_field(folder: Path, line: Any, where: str) -> None:
    with pytest.raises(Invalid) as refused:
        post_file(written(folder, FUND, line), folder / "books", now=NOW)
    assert (refused.value.code, refused.value.path) == ("ledger_line_malformed", where)
    assert not (folder / "books").exists()


@pytest.mark.parametrize("amount", [0, "-5", 2**127, "9" * 78])
def test_an_amount_out_of_range_is_the_ledgers_to_refuse(folder: Path, amount: Any) -> None:
    lines = list(read_lines(written(folder, FUND | {"amount": amount}), now=NOW))
    assert [line.transfer.has_valid_amount() for line in lines] == [False]


def test_a_file_that_is_not_there_is_invalid(folder: Path) -> None:
    with pytest.raises(Invalid) as refused:
        post_file(folder / "nothing.jsonl", folder / "books", now=NOW)
    assert refused.value.code == "ledger_file_unreadable"


def test_the_settlement_books_are_never_a_stand_alone_ledger(folder: Path) -> None:
    (folder / "PG_VERSION").write_text("18")
    with pytest.raises(Refused) as refused:
        post_file(written(folder, FUND), folder, now=NOW)
    assert refused.value.code == "settlement_books"
