"""All proofs of a block at once are those that a trie gives one by one."""

from __future__ import annotations

import random

import pytest

from entrepot.core.chainproof import receipt_proof, receipt_proofs
from entrepot.core.trie import proofs_of


@pytest.mark.parametrize("count", [1, 2, 3, 16, 17, 127, 128, 129, 300])
def test_the_proofs_of_a_block_are_those_of_each_receipt(count: int) -> None:
    chance = random.Random(count)
    receipts = [chance.randbytes(chance.randrange(32, 700)) for _ in range(count)]
    proofs = receipt_proofs(receipts)
    assert len(proofs) == count
    for place in {0, 1, count // 2, count - 1, *chance.choices(range(count), k=5)} & set(range(count)):
        assert list(proofs[place]) == receipt_proof(receipts, place)


def test_an_empty_block_has_no_proofs_and_a_short_value_is_refused() -> None:
    assert receipt_proofs([]) == []
    with pytest.raises(AssertionError, match="too short"):
        proofs_of([(b"\x01", bytes(31))])
