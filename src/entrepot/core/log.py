"""The Merkle log: leaves in order, a root that commits to all of them, and proofs. Source: RFC 9162 section 2.1.

Nodes are addressed (level, index): level 0 are leaf hashes, and a node exists once its whole subtree is full. The
frontier is the list of full subtrees' roots, largest first; it is all that appending needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .crypto import sha256

ReadNode = Callable[[int, int], bytes]
Node = tuple[int, int, bytes]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"")


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf)."""
    return sha256(b"\x00" + leaf)


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right)


def append(size: int, frontier: Sequence[bytes], leaf_hashes: Sequence[bytes]) -> tuple[list[Node], list[bytes]]:
    """Appends to a log of `size` leaves: (the new full nodes to store, the new frontier)."""
    assert len(frontier) == size.bit_count(), "a frontier has one root for each full subtree"
    nodes: list[Node] = []
    roots = list(frontier)
    for index, hash_ in enumerate(leaf_hashes, size):
        nodes.append((0, index, hash_))
        roots.append(hash_)
        level, place = 0, index
        while place % 2 == 1:
            right, left = roots.pop(), roots.pop()
            level, place = level + 1, place // 2
            nodes.append((level, place, node_hash(left, right)))
            roots.append(nodes[-1][2])
    return nodes, roots


def tree_root(frontier: Sequence[bytes]) -> bytes:
    """The root over all leaves: the full subtrees folded from the right."""
    if not frontier:
        return EMPTY_ROOT
    root = frontier[-1]
    for left in reversed(frontier[:-1]):
        root = node_hash(left, root)
    return root


def inclusion_proof(index: int, size: int, read_node: ReadNode) -> list[bytes]:
    """The audit path of leaf `index` in a log of `size` leaves. Source: RFC 9162 section 2.1.3.1."""
    assert 0 <= index < size, f"leaf {index} of {size}"
    return _path(index, 0, size, read_node)


def consistency_proof(old: int, new: int, read_node: ReadNode) -> list[bytes]:
    """Proves that a log of `new` leaves begins with its first `old`. Source: RFC 9162 section 2.1.4.1."""
    assert 0 < old <= new, f"{old} of {new}"
    return [] if old == new else _subproof(old, 0, new, read_node, is_known=True)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True if `proof` leads from the leaf hash to the root. Source: RFC 9162 section 2.1.3.2.

    Size and root belong together: take both from one checkpoint. A path can fit two sizes that have the same shape
    above this leaf (leaf 0 of 3 and of 4), so the proof itself does not show the size.
    """
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    place, last, hash_ = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place % 2 == 1 or place == last:
            hash_ = node_hash(sibling, hash_)
            while place % 2 == 0 and place != 0:
                place, last = place >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and hash_ == root


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """True if the log of `new_root` begins with that of `old_root`. Source: RFC 9162 section 2.1.4.2."""
    if not 0 < old <= new or not _are_hashes(old_root, new_root, *proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place % 2 == 1:
        place, last = place >> 1, last >> 1
    from_old = from_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place % 2 == 1 or place == last:
            from_old, from_new = node_hash(sibling, from_old), node_hash(sibling, from_new)
            while place % 2 == 0 and place != 0:
                place, last = place >> 1, last >> 1
        else:
            from_new = node_hash(from_new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and from_old == old_root and from_new == new_root


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return int(1 << (size - 1).bit_length() - 1)


def _path(index: int, start: int, end: int, read_node: ReadNode) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, read_node), _range_root(middle, end, read_node)]
    return [*_path(index, middle, end, read_node), _range_root(start, middle, read_node)]


def _subproof(old: int, start: int, end: int, read_node: ReadNode, *, is_known: bool) -> list[bytes]:
    if old == end - start:
        return [] if is_known else [_range_root(start, end, read_node)]
    half = _split(end - start)
    if old <= half:
        return [
            *_subproof(old, start, start + half, read_node, is_known=is_known),
            _range_root(start + half, end, read_node),
        ]
    left = _range_root(start, start + half, read_node)
    return [*_subproof(old - half, start + half, end, read_node, is_known=False), left]


def _range_root(start: int, end: int, read_node: ReadNode) -> bytes:
    """The root of leaves [start, end), whose start is a multiple of the largest power of two within."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return read_node(level, start >> level)
    middle = start + _split(size)
    return node_hash(_range_root(start, middle, read_node), _range_root(middle, end, read_node))
