"""Every alert rule is about a metric that is really told, and leads to a runbook; a runbook names what exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from entrepot.api.metrics import gauges
from entrepot.store.memory import MemoryStore
from entrepot.workflows.step.instruments import Instruments, Told, pool_gauges, process_gauges
from watched import as_role, opened

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "operations" / "alerts.yml"
CASES = RULES.with_name("alerts_test.yml")
MAKERS = [ROOT / "src" / "entrepot" / name for name in ("api/metrics.py", "workflows/step/instruments.py")]
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


def cases() -> dict[str, list[dict[str, Any]]]:
    """What promtool tries, by alert."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        (asked,) = case["alert_rule_test"]
        found.setdefault(asked["alertname"], []).append({"series": case["input_series"], "fires": asked["exp_alerts"]})
    return found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_rule_has_what_makes_it_fire_and_the_nearest_that_does_not(rule: dict[str, Any]) -> None:
    fires, is_quiet = cases()[rule["alert"]]
    assert fires["fires"] and not is_quiet["fires"]
    for case in (fires, is_quiet):
        for series in case["series"]:
            name, labels = re.fullmatch(r"(\w+)\{(.*)\}", series["series"]).groups()  # type: ignore[union-attr]
            assert name in rule["expr"], name
            told = set(re.findall(r"(\w+)=", labels)) - {"instance", "job", "le"}
            assert name in OTHERS or told == labels_of(name), name


def labels_of(name: str) -> set[str]:
    """The labels under which a metric is told, as its maker says."""
    source = "\n".join(path.read_text() for path in MAKERS)
    family = re.sub("_(total|bucket)$", "", name)
    said = re.search(rf'"{family}",\s*"[^"]*",?\s*(?:(?:labels=)?\[([^]]*)\]|"(\w+)")?', source)
    assert said is not None, name
    return set(re.findall(r"\w+", said[1] or said[2] or ""))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
@pytest.mark.parametrize("command", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]])
def test_prometheus_takes_the_rules_and_they_fire_as_they_should(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


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
def test_the_table_says_which_files_rehearse_a_runbook(book: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", book.read_text()))
    files = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if named & set(re.findall(r"def (test_\w+)\(", path.read_text()))
    } | set(re.findall(r"`(tests/\S+\.py)`", book.read_text()))
    (row,) = [line for line in RULES.with_name("README.md").read_text().splitlines() if f"/{book.name})" in line]
    assert files and set(re.findall(r"`(tests/\S+)`", row)) == files


@pytest.mark.parametrize("book", books(), ids=lambda book: book.stem)
def test_each_command_of_a_runbook_is_one_of_ours(book: Path) -> None:
    from entrepot.__main__ import app

    known = set(app)
    for command in re.findall(r"`entrepot ([a-z-]+)", book.read_text()):
        assert command in known, command
