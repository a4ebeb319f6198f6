"""The Merkle log against a naive recursive definition, and against everything that is nearly right."""

from __future__ import annotations

import pytest

from entrepot.core import log

LEAVES = [log.leaf_hash(bytes([number])) for number in range(70)]


def naive(hashes: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word by word."""
    if not hashes:
        return log.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return log.node_hash(naive(hashes[:half]), naive(hashes[half:]))


@pytest.fixture(scope="module")
def nodes() -> dict[tuple[int, int], bytes]:
    kept: dict[tuple[int, int], bytes] = {}
    frontier: list[bytes] = []
    for size, leaf in enumerate(LEAVES):
        new, frontier = log.append(size, frontier, [leaf])
        kept |= {(level, index): hash_ for level, index, hash_ in new}
        assert log.tree_root(frontier) == naive(LEAVES[: size + 1])
    return kept


# Source: the inputs and roots of the Certificate Transparency reference implementation (merkle_tree_test).
CT_INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOT_8 = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_root_of_the_reference_inputs() -> None:
    _, frontier = log.append(0, [], [log.leaf_hash(bytes.fromhex(text)) for text in CT_INPUTS])
    assert log.tree_root(frontier).hex() == CT_ROOT_8
    assert log.tree_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_batch_gives_the_same_tree_as_one_by_one(nodes: dict[tuple[int, int], bytes]) -> None:
    first, frontier = log.append(0, [], LEAVES[:13])
    rest, frontier = log.append(13, frontier, LEAVES[13:])
    assert {(level, index): hash_ for level, index, hash_ in first + rest} == nodes
    assert log.tree_root(frontier) == naive(LEAVES)


def test_every_leaf_of_every_size_is_proven_and_no_other(nodes: dict[tuple[int, int], bytes]) -> None:
    for size in range(1, len(LEAVES) + 1):
        root = naive(LEAVES[:size])
        for index in range(size):
            proof = log.inclusion_proof(index, size, lambda level, place: nodes[level, place])
            assert log.verify_inclusion(LEAVES[index], index, size, proof, root)
            assert not log.verify_inclusion(LEAVES[index], index, size, [*proof, root], root)
            assert not log.verify_inclusion(LEAVES[index - 1], index, size, proof, root) or size == 1
            if proof:
                assert not log.verify_inclusion(LEAVES[index], index, size, proof[:-1], root)


def test_every_size_is_consistent_with_every_earlier_one(nodes: dict[tuple[int, int], bytes]) -> None:
    for new in range(1, len(LEAVES) + 1):
        for old in range(1, new + 1):
            proof = log.consistency_proof(old, new, lambda level, place: nodes[level, place])
            roots = naive(LEAVES[:old]), naive(LEAVES[:new])
            assert log.verify_consistency(old, roots[0], new, roots[1], proof)
            assert not log.verify_consistency(old, roots[0], new, log.EMPTY_ROOT, proof)
            assert not log.verify_consistency(old, log.EMPTY_ROOT, new, roots[1], proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_place_outside_the_log_is_never_proven(index: int, size: int) -> None:
    assert not log.verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])
