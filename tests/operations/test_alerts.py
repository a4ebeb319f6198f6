"""Every alert rule is about a metric that is really told, and leads to a runbook; a runbook names what exists."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from watched import as_role, opened

from entrepot.api.metrics import gauges
from entrepot.store.memory import MemoryStore
from entrepot.workflows.instruments import Instruments, Told, pool_gauges, process_gauges

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "operations" / "alerts.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"
OTHERS = {"up"}  # Prometheus's own
HEADINGS = ("**Shows as**", "**Safe meanwhile**", "**Do**", "**Over when**", "**Rehearsed by**")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


@cache
def names() -> frozenset[str]:
    """Every name that a door or a worker tells, with those of its samples; families without a sample too."""
    doors = opened(MemoryStore())
    reading = doors.get("/v1/metrics", headers=as_role("operator")).json()
    instruments, once = Instruments(), CollectorRegistry()
    once.register(Told(lambda: gauges(reading)))
    instruments.registry.register(Told(lambda: process_gauges(MemoryStore(), ROOT)))
    texts = [doors.get("/metrics", headers=as_role("operator")).text]
    texts += [generate_latest(registry).decode() for registry in (once, instruments.registry)]
    typed = [match for text in texts for match in re.findall(r"^# TYPE (\S+) (\S+)", text, re.M)]
    found = {family.name for family in pool_gauges([])}
    for name, kind in typed:
        found |= {name, f"{name}_bucket"} if kind == "histogram" else {name}
    return frozenset(found)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_rule_is_about_a_metric_that_is_told_and_has_a_runbook(rule: dict[str, Any]) -> None:
    used = set(re.findall(r"\b(entrepot_\w+|up)\b", rule["expr"].replace('"entrepot-', '"')))
    assert used and used <= names() | OTHERS, used - names()
    assert rule["labels"]["severity"] in ("page", "ticket")
    book = ROOT / rule["annotations"]["runbook"]
    assert book.parent == RUNBOOKS and book.is_file()
    assert f"`{rule['alert']}`" in book.read_text(), "the runbook names the alert that leads to it"


def test_a_metric_that_is_not_told_would_be_found() -> None:
    assert "entrepot_inbox_open" in names() and "entrepot_inbox_opened" not in names()


def books() -> list[Path]:
    return sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("book", books(), ids=lambda book: book.stem)
def test_each_runbook_is_whole_and_names_what_exists(book: Path) -> None:
    text = book.read_text()
    assert book.name == "backup-and-restore.md" or all(heading in text for heading in HEADINGS)
    assert book.name in (RUNBOOKS / "README.md").read_text(), "the table of runbooks has it"
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", text):
        assert f"def {name}(" in tests, name
    alerts = {rule["alert"] for rule in rules()}
    assert set(re.findall(r"`(Entrepot\w+)`", text)) <= alerts
    assert set(re.findall(r"`(entrepot_\w+)`", text)) <= names()


@pytest.mark.parametrize("book", books(), ids=lambda book: book.stem)
def test_each_command_of_a_runbook_is_one_of_ours(book: Path) -> None:
    from entrepot.__main__ import app

    known = set(app)
    for command in re.findall(r"`entrepot ([a-z-]+)", book.read_text()):
        assert command in known, command
