"""A function fits a screen and a file has one subject; every module says what it is."""

from __future__ import annotations

import ast

import pytest
from tree import modules, texts

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
FORBIDDEN_NAMES = {"utils", "helpers", "manager", "service", "data", "info", "common"}
SOURCES = (".py", ".vy", ".sql", ".css", ".js", ".ts", ".html", ".jinja")


def long_functions(tree: ast.Module) -> list[tuple[str, int]]:
    return [
        (node.name, size)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def test_no_file_is_longer_than_500_lines() -> None:
    long = {path: text.count("\n") for path, text in texts(*SOURCES) if text.count("\n") > FILE_LINES_MAX}
    assert long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    found = {path: long for path, tree in modules("src", "tests", "tools", "run") if (long := long_functions(tree))}
    assert found == {}


@pytest.mark.parametrize(("lines", "is_long"), [(60, False), (61, True)])
def test_the_measure_of_a_function_counts_its_first_line(lines: int, is_long: bool) -> None:
    text = "def f():\n" + "    pass\n" * (lines - 1)
    assert bool(long_functions(ast.parse(text))) is is_long


def test_every_module_says_what_it_is() -> None:
    assert [path for path, tree in modules("src", "tests", "tools", "run") if not ast.get_docstring(tree)] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    paths = [path for path, _ in modules("src")]
    assert [path for path in paths if FORBIDDEN_NAMES & set(path.removesuffix(".py").split("/"))] == []
