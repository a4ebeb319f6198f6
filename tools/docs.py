"""Writes docs/lifecycle.md and docs/errors.md from the code; with --check says which are stale and exits 1.

Nothing in those pages is written by hand: the life-cycle table and the declared error codes are the only source.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from entrepot.core.errors import Code, EntrepotError
from entrepot.core.lifecycle import CONFIDENTIAL, LIFECYCLE, STATES, Line

ROOT = Path(__file__).resolve().parent.parent
DOCS, SOURCES = ROOT / "docs", ROOT / "src" / "entrepot"
MADE = "<!-- Made by `./run docs` from {source}; do not edit. -->\n"


def lifecycle_page() -> str:
    """The states, then the table: when it is, this happens, by whom, it becomes."""
    lines = [
        "# Life-cycle of a settlement",
        MADE.format(source="src/entrepot/core/lifecycle.py"),
        "A state ending in *-ing* waits for the rail; every other is final there. A state that may hold money always "
        "has a dated next act, which the clock makes happen if nobody acts.",
        "",
        "## States",
        "",
        "| state | parties see | may hold money | if nobody acts | at | in words |",
        "|---|---|---|---|---|---|",
    ]
    for state, facts in STATES.items():
        act = f"`{facts.next_act}`" if facts.next_act else "–"
        at = "at once" if facts.is_due_now else (f"`{facts.deadline}`" if facts.deadline else "–")
        holds = "yes" if facts.holds_money else "no"
        lines.append(f"| {state.value} | {facts.public} | {holds} | {act} | {at} | {facts.says} |")
    lines += [
        "",
        "## What may happen",
        "",
        "*(same)*: the state stays. *(resumes)*: it goes back to the state it was suspended from. A **confidential** "
        "event stands in the log under a salted commitment instead of the settlement's id.",
        "",
        "| when it is | and this happens | by | it becomes |",
        "|---|---|---|---|",
    ]
    lines += [_row(event, list(found)) for event, found in groupby(LIFECYCLE, key=_outcome)]
    return "\n".join(lines) + "\n"


def _outcome(line: Line) -> tuple[str, str, str, bool]:
    return line.event, ", ".join(role.value for role in line.by), line.becomes.value, line.suspends


def _row(outcome: tuple[str, str, str, bool], found: list[Line]) -> str:
    event, by, becomes, suspends = outcome
    when = "any state" if len(found) == len(STATES) else ", ".join(line.when.value for line in found)
    marks = ("; suspends" if suspends else "") + ("; **confidential**" if event in CONFIDENTIAL else "")
    return f"| {when} | `{event}`{marks} | {by} | {becomes} |"


def errors_page() -> str:
    """Every declared code under its kind, with what the caller does about it."""
    codes = declared_codes()
    lines = [
        "# Error codes",
        MADE.format(source="every `declare(...)` in src/entrepot"),
        "Every refusal that leaves a door carries one of these codes: in `code` of a problem document (RFC 9457), "
        "and in the message of a command. Anything else is a defect of ours: HTTP 500, exit code 1.",
    ]
    for kind in _kinds(EntrepotError):
        found = sorted((code.code, code.meaning) for code in codes if code.kind == kind.__name__)
        if found:
            about = f"{kind.__doc__} HTTP {kind.http_status}, exit code {kind.exit_code}."
            lines += ["", f"## {kind.__name__}", "", about, "", "| code | meaning |", "|---|---|"]
            lines += [f"| `{code}` | {meaning} |" for code, meaning in found]
    return "\n".join(lines) + "\n"


def declared_codes() -> list[Code]:
    """The codes of every `declare(KIND, code=meaning)` in the sources, read without running them."""
    codes = []
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "declare":
                kind = ast.literal_eval(node.args[0])
                codes += [Code(str(word.arg), kind, ast.literal_eval(word.value)) for word in node.keywords]
    return codes


def _kinds(base: type[EntrepotError]) -> list[type[EntrepotError]]:
    return [found for kind in base.__subclasses__() for found in (kind, *_kinds(kind))]


PAGES: dict[str, Callable[[], str]] = {"lifecycle.md": lifecycle_page, "errors.md": errors_page}


def main(arguments: list[str]) -> int:
    """Writes the pages, or with --check compares them."""
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
    if stale:
        said = "are stale: run `./run docs`" if "--check" in arguments else "written"
        print(f"docs/{', docs/'.join(stale)} {said}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
