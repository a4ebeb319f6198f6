"""Error codes: declared once, of the kind that raises them, and on the page that is generated from them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

from tree import ROOT, modules

KINDS = {"Unknown", "Unauthenticated", "Invalid", "Refused", "Unavailable", "TooMany"}


def declared() -> list[tuple[str, str, str]]:
    """(code, kind, path) of every declaration."""
    return [
        (str(word.arg), ast.literal_eval(node.args[0]), path)
        for path, tree in modules("src")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "declare"
        for word in node.keywords
    ]


def raised() -> list[tuple[str, str, str]]:
    """(code, kind, place) of every `Kind("code", …)` whose code is written out."""
    return [
        (node.args[0].value, node.func.id, f"{path}:{node.lineno}")
        for path, tree in modules("src")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS
        and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    ]  # fmt: skip


def test_codes_are_declared_once() -> None:
    codes = [code for code, _, _ in declared()]
    assert sorted(codes) == sorted(set(codes))
    assert [code for code in codes if not re.fullmatch(r"[a-z][a-z0-9_]{2,40}", code)] == []
    assert {kind for _, kind, _ in declared()} <= KINDS


def test_a_code_is_raised_as_the_kind_it_is_declared_as() -> None:
    kinds = {code: kind for code, kind, _ in declared()}
    assert [(code, kind, place) for code, kind, place in raised() if kinds.get(code) != kind] == []


def test_no_declared_code_is_dead() -> None:
    """Each code is written outside its own declaration, whole or as the ending of an f-string (f"{noun}_missing")."""
    written = {
        node.value
        for _, tree in modules("src")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    endings = tuple(text for text in written if text.startswith("_") and len(text) > 4)
    dead = [(code, path) for code, _, path in declared() if code not in written and not code.endswith(endings)]
    assert dead == []


def test_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
