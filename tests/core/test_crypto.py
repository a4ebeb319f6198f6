"""keccak-256 by the library's own C: the same as by its Python, whoever else hashes meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from Crypto.Hash import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.core.crypto import keccak256


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=300) | st.integers(0, 4).map(lambda blocks: b"\1" * (136 * blocks)))
def test_keccak_is_the_librarys_own_at_every_length(raw: bytes) -> None:
    assert keccak256(raw) == keccak.new(digest_bits=256, data=raw).digest()


def test_threads_do_not_meet_in_one_hash() -> None:
    texts = [bytes([number % 256]) * (number % 300) for number in range(4_000)]
    with ThreadPoolExecutor(max_workers=6) as pool:
        found = list(pool.map(keccak256, texts))
    assert found == [keccak.new(digest_bits=256, data=text).digest() for text in texts]


def test_what_is_no_bytes_leaves_no_trace_in_the_next_hash() -> None:
    with pytest.raises(TypeError):
        keccak256("text")  # type: ignore[arg-type]
    assert keccak256(b"").hex().startswith("c5d24601")
