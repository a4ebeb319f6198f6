"""What was read is read once while it is kept, the same bytes only, and never more is kept than said."""

from __future__ import annotations

import pytest

from entrepot.documents import kept as module
from entrepot.documents.kept import kept


class Reader:
    """Counts what it reads; an empty file cannot be read."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, raw: bytes) -> list[bytes]:
        self.asked.append(raw)
        if not raw:
            raise ValueError("empty")
        return [raw]


@pytest.fixture
def reader() -> Reader:
    """A reader that has read nothing."""
    return Reader()


def test_the_same_bytes_are_read_once_and_others_are_read(reader: Reader) -> None:
    read = kept(lambda raw: reader(raw))
    first = read(b"one")
    assert read(bytes(bytearray(b"one"))) is first and read(b"One") == [b"One"]
    assert reader.asked == [b"one", b"One"]


def test_what_could_not_be_read_is_tried_again(reader: Reader) -> None:
    read = kept(lambda raw: reader(raw))
    for _ in range(2):
        with pytest.raises(ValueError, match="empty"):
            read(b"")
    assert reader.asked == [b"", b""]


def test_the_oldest_makes_room(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DOCUMENTS_KEPT", 2)
    read = kept(lambda raw: reader(raw))
    for raw in (b"a", b"b", b"c", b"b", b"a"):
        read(raw)
    assert reader.asked == [b"a", b"b", b"c", b"a"]
