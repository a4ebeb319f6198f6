"""The Merkle log against the published values, the RFC's own recursive words, and everything that is nearly right."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.core import log

SIZE_MAX = 130
LEAVES = [log.leaf_hash(bytes([number])) for number in range(SIZE_MAX)]
VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "merkle.json").read_text())
VECTOR_LEAVES = [log.leaf_hash(bytes.fromhex(text)) for text in VECTORS["inputs"]]
Nodes = dict[tuple[int, int], bytes]


def half_of(size: int) -> int:
    half = 1
    while half * 2 < size:
        half *= 2
    return half


@functools.cache
def mth(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of LEAVES, word by word. Source: RFC 9162 section 2.1.1."""
    if end == start:
        return log.EMPTY_ROOT
    if end - start == 1:
        return LEAVES[start]
    middle = start + half_of(end - start)
    return log.node_hash(mth(start, middle), mth(middle, end))


def path(index: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D_n), word by word. Source: RFC 9162 section 2.1.3.1."""
    if end - start == 1:
        return []
    middle = start + half_of(end - start)
    if start + index < middle:
        return [*path(index, start, middle), mth(middle, end)]
    return [*path(index - (middle - start), middle, end), mth(start, middle)]


def subproof(old: int, start: int, end: int, *, is_whole: bool) -> list[bytes]:
    """SUBPROOF(m, D_n, b), word by word. Source: RFC 9162 section 2.1.4.1."""
    if old == end - start:
        return [] if is_whole else [mth(start, end)]
    middle = start + half_of(end - start)
    if start + old <= middle:
        return [*subproof(old, start, middle, is_whole=is_whole), mth(middle, end)]
    return [*subproof(old - (middle - start), middle, end, is_whole=False), mth(start, middle)]


def turns(index: int, size: int) -> str:
    """Which side the sibling stands on at each step up from the leaf: all of the size that a path depends on."""
    if size == 1:
        return ""
    half = half_of(size)
    return turns(index, half) + "R" if index < half else turns(index - half, size - half) + "L"


def grown(leaves: list[bytes]) -> tuple[Nodes, list[bytes]]:
    nodes, frontier = log.append(0, [], leaves)
    return {(level, index): hash_ for level, index, hash_ in nodes}, frontier


def included(nodes: Nodes, index: int, size: int) -> list[bytes]:
    return log.inclusion_proof(index, size, lambda level, place: nodes[level, place])


def consistent(nodes: Nodes, old: int, new: int) -> list[bytes]:
    return log.consistency_proof(old, new, lambda level, place: nodes[level, place])


def flipped(raw: bytes, bit: int) -> bytes:
    return (int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big")


@pytest.fixture(scope="module")
def nodes() -> Nodes:
    return grown(LEAVES)[0]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert log.tree_root(grown(VECTOR_LEAVES[:size])[1]).hex() == VECTORS["roots"][size]


@pytest.mark.parametrize("case", VECTORS["inclusion"], ids=str)
def test_inclusion_proofs_are_the_published_ones(case: dict[str, Any]) -> None:
    proof = included(grown(VECTOR_LEAVES)[0], case["index"], case["size"])
    assert [node.hex() for node in proof] == case["proof"]
    root = bytes.fromhex(VECTORS["roots"][case["size"]])
    assert log.verify_inclusion(VECTOR_LEAVES[case["index"]], case["index"], case["size"], proof, root)


@pytest.mark.parametrize("case", VECTORS["consistency"], ids=str)
def test_consistency_proofs_are_the_published_ones(case: dict[str, Any]) -> None:
    proof = consistent(grown(VECTOR_LEAVES)[0], case["old"], case["new"])
    assert [node.hex() for node in proof] == case["proof"]
    old_root, new_root = (bytes.fromhex(VECTORS["roots"][case[side]]) for side in ("old", "new"))
    assert log.verify_consistency(case["old"], old_root, case["new"], new_root, proof)


def test_appending_stores_each_full_node_once_and_gives_the_roots_of_the_definition(nodes: Nodes) -> None:
    kept: Nodes = {}
    frontier: list[bytes] = []
    for size, leaf in enumerate(LEAVES):
        new, frontier = log.append(size, frontier, [leaf])
        assert len(new) <= (size + 1).bit_length() and not kept.keys() & {node[:2] for node in new}
        kept |= {(level, index): hash_ for level, index, hash_ in new}
        assert log.tree_root(frontier) == mth(0, size + 1)
    assert kept == nodes
    assert all(hash_ == mth(index << level, (index + 1) << level) for (level, index), hash_ in kept.items())


@given(st.lists(st.integers(0, 40), max_size=8))
def test_batches_give_the_same_tree_as_one_by_one(sizes: list[int]) -> None:
    kept: Nodes = {}
    frontier: list[bytes] = []
    size = 0
    leaves = [log.leaf_hash(number.to_bytes(2, "big")) for number in range(sum(sizes))]
    for count in sizes:
        new, frontier = log.append(size, frontier, leaves[size : size + count])
        kept |= {(level, index): hash_ for level, index, hash_ in new}
        size += count
    assert (kept, frontier) == grown(leaves)


def test_a_frontier_of_another_size_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        log.append(3, [LEAVES[0]], [LEAVES[1]])


def test_every_leaf_of_every_size_is_proven_as_the_rfc_says(nodes: Nodes) -> None:
    for size in range(1, SIZE_MAX + 1):
        for index in range(size):
            proof = included(nodes, index, size)
            assert proof == path(index, 0, size)
            assert log.verify_inclusion(LEAVES[index], index, size, proof, mth(0, size))


def test_every_size_is_consistent_with_every_earlier_one_as_the_rfc_says(nodes: Nodes) -> None:
    for new in range(1, SIZE_MAX + 1):
        for old in range(1, new + 1):
            proof = consistent(nodes, old, new)
            assert proof == subproof(old, 0, new, is_whole=True)
            assert log.verify_consistency(old, mth(0, old), new, mth(0, new), proof)


def test_no_leaf_is_proven_at_another_index(nodes: Nodes) -> None:
    for size in range(1, 34):
        for index in range(size):
            proof = included(nodes, index, size)
            fits = [
                at for at in range(-1, size + 2) if log.verify_inclusion(LEAVES[index], at, size, proof, mth(0, size))
            ]
            assert fits == [index]


def test_another_size_fits_only_if_its_tree_has_the_same_shape_above_the_leaf(nodes: Nodes) -> None:
    for size in range(1, 34):
        for index in range(size):
            proof = included(nodes, index, size)
            for other in range(70):
                same = index < other and turns(index, other) == turns(index, size)
                assert log.verify_inclusion(LEAVES[index], index, other, proof, mth(0, size)) == same


def test_a_proof_that_is_longer_shorter_or_not_of_hashes_is_refused(nodes: Nodes) -> None:
    for size in (1, 2, 7, 8, 13):
        root = mth(0, size)
        for index in range(size):
            proof = included(nodes, index, size)
            near = [[*proof, root], [root, *proof], [*proof, b""], [b"", *proof]]
            near += [proof[:-1], proof[1:], [proof[0][:-1], *proof[1:]]] if proof else []
            assert not any(log.verify_inclusion(LEAVES[index], index, size, other, root) for other in near)
            assert not log.verify_inclusion(LEAVES[index] + b"\x00", index, size, proof, root)


@given(st.data())
def test_one_flipped_bit_breaks_an_inclusion_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, SIZE_MAX))
    index = data.draw(st.integers(0, size - 1))
    parts = [LEAVES[index], mth(0, size), *path(index, 0, size)]
    place, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[place] = flipped(parts[place], bit)
    assert not log.verify_inclusion(parts[0], index, size, parts[2:], parts[1])


@given(st.data())
def test_one_flipped_bit_breaks_a_consistency_proof(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, SIZE_MAX))
    old = data.draw(st.integers(1, new))
    parts = [mth(0, old), mth(0, new), *subproof(old, 0, new, is_whole=True)]
    place, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[place] = flipped(parts[place], bit)
    assert not log.verify_consistency(old, parts[0], new, parts[1], parts[2:])


def test_consistency_is_refused_for_other_sizes_lengths_and_orders(nodes: Nodes) -> None:
    for new in range(2, 34):
        for old in range(1, new):
            proof, roots = consistent(nodes, old, new), (mth(0, old), mth(0, new))
            near = [[*proof, roots[0]], [*proof, b""], [roots[1], *proof], [b"", *proof], proof[:-1], proof[1:], []]
            assert not any(log.verify_consistency(old, roots[0], new, roots[1], other) for other in near)
            assert not log.verify_consistency(new, roots[1], old, roots[0], proof)
            assert not log.verify_consistency(old, roots[1], new, roots[0], proof)
            assert not log.verify_consistency(0, log.EMPTY_ROOT, new, roots[1], proof)
            others = (at for at in range(1, new + 1) if at != old)
            assert not any(log.verify_consistency(at, roots[0], new, roots[1], proof) for at in others)


def test_a_log_that_was_rewritten_is_not_consistent() -> None:
    rewritten = [LEAVES[0], log.leaf_hash(b"another"), *LEAVES[2:9]]
    forged, frontier = grown(rewritten)
    for old in range(2, 9):
        assert not log.verify_consistency(old, mth(0, old), 9, log.tree_root(frontier), consistent(forged, old, 9))
    assert log.verify_consistency(1, mth(0, 1), 9, log.tree_root(frontier), consistent(forged, 1, 9))


def test_the_same_size_is_consistent_with_itself_only() -> None:
    assert log.verify_consistency(3, mth(0, 3), 3, mth(0, 3), [])
    assert not log.verify_consistency(3, mth(0, 3), 3, mth(0, 4), [])
    assert not log.verify_consistency(3, mth(0, 3), 3, mth(0, 3), [mth(0, 3)])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (1, 1)])
def test_a_place_outside_the_log_is_never_proven(index: int, size: int) -> None:
    assert not log.verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])


@pytest.mark.parametrize("short", [b"", b"x", LEAVES[0][:-1], LEAVES[0] + b"\x00"])
def test_what_is_no_hash_is_never_a_root(short: bytes) -> None:
    assert not log.verify_inclusion(short, 0, 1, [], short)
    assert not log.verify_consistency(1, short, 1, short, [])


def test_a_node_is_not_taken_for_a_leaf() -> None:
    inner = LEAVES[0] + LEAVES[1]
    assert log.leaf_hash(inner) != log.node_hash(LEAVES[0], LEAVES[1])
