"""The hand-written pages name only what exists: code, constraints, refusals, tests, commands, linked files."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from entrepot.commands import app
from entrepot.commands.line import ledger_app
from entrepot.store.standalone_ledger import KNOWN, REQUIRED, read_lines

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "ARCHITECTURE.md", "docs/invariants.md", "docs/known-limits.md", "docs/invoices.md")
SOURCES = ROOT / "src" / "entrepot"


@cache
def text_of(folder: Path, ending: str) -> str:
    """All files of a kind in one string."""
    return "\n".join(path.read_text() for path in sorted(folder.rglob(f"*.{ending}")))


def rows() -> list[list[str]]:
    """The cells of the invariants' table."""
    lines = (ROOT / "docs" / "invariants.md").read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]


def test_the_readme_names_every_command() -> None:
    table = re.findall(r"^\| (`.*?) \|", (ROOT / "README.md").read_text(), re.M)
    words = {text.split()[0] for cell in table for text in named(cell)}
    assert {name for name in app if not name.startswith("-")} <= words


def test_the_page_of_a_ledger_file_and_the_help_name_each_field_and_its_examples_are_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "ledger-lines.md").read_text()
    fields = [field for row in re.findall(r"^\| (`.*?) \|", page, re.M) for field in named(row)]
    assert sorted(fields) == sorted(KNOWN) and fields[:5] == ["id", "debit", "credit", "amount", "asset"]
    assert set(fields[:5]) == REQUIRED
    assert set(re.findall(r"\w+", str(ledger_app["post"].help))) >= KNOWN
    file = tmp_path / "example.jsonl"
    file.write_text("\n".join(re.findall(r"^\{.*\}$", page, re.M)))
    assert [line.transfer.amount_minor for line in read_lines(file, now=0)] == [100, 60, 60]


def named(cell: str) -> list[str]:
    """What stands in back-quotes."""
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:50])
def test_each_invariant_names_what_exists(row: list[str]) -> None:
    """The file and the name in it; the constraint; the refusal; a test that is really there."""
    _, code, database, contract, tests = row
    file, *names = named(code)
    path = SOURCES / file if (SOURCES / file).exists() else ROOT / file
    assert all(name in path.read_text() for name in names), f"{names} in {file}"
    assert all(name in text_of(SOURCES / "store", "sql") for name in named(database)), database
    refusals = (SOURCES / "rails" / "contracts" / "refusals.vy").read_text()
    assert all(f"{name}:" in refusals for name in named(contract)), contract
    assert named(tests), "every claim has a test"
    assert all(f"def {name}(" in text_of(ROOT / "tests", "py") for name in named(tests)), tests


def test_there_are_invariants() -> None:
    """The table is read as a table."""
    assert len(rows()) > 20


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    """Links and pictures inside the repository."""
    path = ROOT / page
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
    assert all((path.parent / link).exists() for link in links), [
        link for link in links if not (path.parent / link).exists()
    ]
