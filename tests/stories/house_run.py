"""The house on real parts, and what is found in it: books, log and messages as they stand, nothing taken on trust."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg

from entrepot.core import log as merkle
from entrepot.core.note import open_checkpoint
from entrepot.settings import Settings
from entrepot.wire import House as Wired
from entrepot.wire import open_rail, open_store
from entrepot.workflows.books.reconcile import reconcile
from entrepot.workflows.books.sides import Difference

PAGE = 500


@contextmanager
def fresh_home() -> Iterator[Path]:
    """An empty home that the database's OS user may enter, gone afterwards; pytest's own folders keep others out."""
    with tempfile.TemporaryDirectory(prefix="entrepot-stories-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def environment(home: Path) -> Iterator[None]:
    """Runs in `home`; what the house writes into this process's environment is taken back."""
    kept = dict(os.environ)
    os.environ["ENTREPOT_HOME"] = str(home)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


@dataclass(frozen=True)
class Standing:
    """What stands in a house: log leaves in order, each settlement's sequence numbers, every checkpoint's root."""

    leaves: list[tuple[int, bytes]]
    seqs: dict[str, list[int]]
    checkpoints: list[tuple[int, bytes]]
    proofs: list[list[bytes]]  # of consistency, from each checkpoint to the next
    ledger: list[Any]  # differences between balances and transfers
    looked: int
    differences: list[Difference]  # of books, chain and messages


def standing(settings: Settings, owner_dsn: str) -> Standing:
    """Reads it; the rail is asked over `settings.rpc_url`."""
    with open_store("work", settings) as store:
        looked, differences = reconcile(store, open_rail(store, settings))
        checkpoints = all_checkpoints(settings, owner_dsn)
        with store.work() as tx:
            leaves, seqs = [], {}
            while page := tx.log.leaves(after=len(leaves) - 1, limit=PAGE):
                leaves += [(entry.index, entry.leaf) for entry in page]
                for entry in page:
                    seqs.setdefault(entry.settlement, []).append(entry.seq)
            sizes = [size for size, _ in checkpoints]
            proofs = [
                merkle.consistency_proof(old, new, tx.log.node) for old, new in zip(sizes, sizes[1:], strict=False)
            ]
            ledger = list(tx.ledger.check())
    return Standing(leaves, seqs, checkpoints, proofs, ledger, looked, differences)


def all_checkpoints(settings: Settings, owner_dsn: str) -> list[tuple[int, bytes]]:
    """(size, root) of each checkpoint that was ever signed, its signature checked, in order of size."""
    key = Wired(settings).verification_key()["checkpoint_key"]
    with psycopg.connect(owner_dsn) as connection:
        notes = connection.execute("SELECT note FROM checkpoints ORDER BY size").fetchall()
    return [open_checkpoint(note, [key])[1:] for (note,) in notes]


def require_consistent_log(found: Standing) -> None:
    """Leaves and sequence numbers without a gap, roots recomputed from the leaves, proofs between all."""
    assert [index for index, _ in found.leaves] == list(range(len(found.leaves)))
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in found.seqs.values()), found.seqs
    hashes = [merkle.leaf_hash(leaf) for _, leaf in found.leaves]
    frontier: list[bytes] = []
    roots = {0: merkle.tree_root(frontier)}
    for size, hash_ in enumerate(hashes):
        _, frontier = merkle.append(size, frontier, [hash_])
        roots[size + 1] = merkle.tree_root(frontier)
    assert found.checkpoints[-1][0] == len(found.leaves), "every leaf is under a checkpoint"
    assert all(roots[size] == root for size, root in found.checkpoints), "a checkpoint is not over these leaves"
    pairs = zip(found.checkpoints, found.checkpoints[1:], found.proofs, strict=False)
    for (old, old_root), (new, new_root), proof in pairs:
        assert merkle.verify_consistency(old, old_root, new, new_root, proof), f"{old} to {new}"
        assert not merkle.verify_consistency(old, old_root, new, merkle.leaf_hash(b""), proof), f"{old} to another log"


def require_books_agree(found: Standing) -> None:
    """Balances follow from transfers; books, chain and messages say the same."""
    assert found.ledger == []
    assert found.differences == []
    assert found.looked > 0


def second_verifier() -> ModuleType:
    """The independent verifier, which is no package of ours."""
    path = Path(__file__).parents[1] / "evidence" / "second_verifier.py"
    spec = importlib.util.spec_from_file_location("second_verifier", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
