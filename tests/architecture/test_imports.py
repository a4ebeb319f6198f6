"""The arrows of ARCHITECTURE.md, and what the core may use: no network, database, clock or chance."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import ROOT, modules

# Third-party libraries of the core, each behind one file of ours (verifying a receipt needs RLP beside the trie).
CORE_LIBRARIES = {
    "canonical.py": {"orjson", "rfc8785"},
    "evidence.py": {"rfc8785"},
    "crypto.py": {"Crypto", "coincurve", "cryptography", "rlp", "trie"},
    "chainproof.py": {"rlp", "trie"},
}
IMPURE = {
    "asyncio", "concurrent", "datetime", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib",
    "random", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "threading", "time", "urllib", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"open", "input", "print", "exec", "eval"}


def imported(tree: ast.Module) -> Iterator[str]:
    """Top names of the absolute imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]


def test_arrows_point_to_the_core() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_the_core_uses_only_the_named_libraries() -> None:
    wrong = [
        f"{path}: {name}"
        for path, tree in modules("src/entrepot/core/")
        for name in imported(tree)
        if name not in sys.stdlib_module_names | {"entrepot"} | CORE_LIBRARIES.get(Path(path).name, set())
    ]
    assert wrong == []


def test_the_core_has_no_network_database_clock_or_chance() -> None:
    wrong = [
        f"{path}: {name}" for path, tree in modules("src/entrepot/core/") for name in imported(tree) if name in IMPURE
    ]
    wrong += [
        f"{path}:{node.lineno}: {node.func.id}()"
        for path, tree in modules("src/entrepot/core/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS
    ]
    assert wrong == []


def test_the_core_counts_no_money_in_floats() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path, tree in modules("src/entrepot/core/")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float")
        or (isinstance(node, ast.Name) and node.id == "float")
    ]
    assert wrong == [], "amounts are whole minor units; a score or rate belongs to Decimal or to an edge"
