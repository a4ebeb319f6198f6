"""`./run words`: brings the catalogues of the portal (web/words/CODE.po) to what its pages say; --check only compares.

A sentence is what a template gives to `_` or `tell`, what Python gives to `say`, `tell` or `marked` or keeps in a table
that is `Marked`, the declared sentence of every error code, and what a party may be asked to provide.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import nodes

from docs import declared_codes
from entrepot.api.journal import COLUMNS
from entrepot.regimes.yardsticks import YARDSTICKS
from entrepot.workflows.house.disclose import PURPOSES
from entrepot.workflows.house.inform import TEMPLATES

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "src" / "entrepot" / "web"
WORDS = WEB / "words"
LANGUAGES = ("ar",)
SPEAKING = ("_", "tell", "say", "marked")
WIDTH = 116
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)
_VALUE = re.compile(r"\{(\w+)\}")


def main(arguments: list[str]) -> int:
    """Exit 1 with --check if a catalogue lacks a sentence, keeps a stale one, or loses a value."""
    wanted, code = sentences(), 0
    for language in LANGUAGES:
        path = WORDS / f"{language}.po"
        kept = read(path)
        missing = [sentence for sentence in wanted if not kept.get(sentence)]
        if "--check" not in arguments:
            write(path, language, {sentence: kept.get(sentence, "") for sentence in wanted})
            print(f"{path.name}: {len(wanted)} sentences, {len(missing)} not translated")
            continue
        stale = sorted(set(kept) - set(wanted))
        wrong = [one for one in wanted if kept.get(one) and values(one) != values(kept[one])]
        for why, found in (("not translated", missing), ("no longer said", stale), ("values differ", wrong)):
            for sentence in found:
                print(f"{path.name}: {why}: {sentence}")
                code = 1
    return code


def sentences() -> list[str]:
    """Every sentence, in the order of places, once."""
    found: dict[str, None] = {}
    for path in sorted(WEB.rglob("*.html")):
        found |= dict.fromkeys(in_template(path.read_text()))
    for path in sorted(WEB.rglob("*.py")):
        found |= dict.fromkeys(in_python(path.read_text()))
    found |= dict.fromkeys(code.meaning for code in declared_codes())
    found |= dict.fromkeys(TEMPLATES.values())
    found |= dict.fromkeys((*COLUMNS.values(), *PURPOSES.values(), *(one.says for one in YARDSTICKS)))
    return [sentence for sentence in found if sentence.strip()]


def in_template(text: str) -> Iterator[str]:
    """What a template says."""
    for call in jinja2.Environment(autoescape=True).parse(text).find_all(nodes.Call):
        name = call.node.name if isinstance(call.node, nodes.Name) else getattr(call.node, "attr", "")
        if name in SPEAKING and call.args:
            yield from _texts(call.args[0])


def _texts(node: nodes.Node) -> Iterator[str]:
    """The texts that an expression of a template may have."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.CondExpr):
        yield from _texts(node.expr1)
        if node.expr2 is not None:
            yield from _texts(node.expr2)
    elif isinstance(node, nodes.Dict):
        for pair in node.items:
            yield from _texts(pair.value)
    elif isinstance(node, nodes.Getitem | nodes.Getattr | nodes.Call):
        yield from _texts(node.node)
    elif isinstance(node, nodes.Or | nodes.And):
        yield from _texts(node.left)
        yield from _texts(node.right)


def in_python(text: str) -> Iterator[str]:
    """What a module says."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SPEAKING:
                yield from _constants(node.args[0])
        elif isinstance(node, ast.AnnAssign) and node.value and _is_marked(node.annotation):
            yield from _constants(node.value)


def _is_marked(annotation: ast.expr) -> bool:
    return isinstance(annotation, ast.Subscript) and getattr(annotation.value, "id", "") == "Marked"


def _constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
    elif isinstance(node, ast.Dict):
        for row in node.values:
            yield from _constants(row)
    elif isinstance(node, ast.Tuple) and node.elts:
        yield from _constants(node.elts[-1])


def values(sentence: str) -> set[str]:
    """The names of the values that a sentence takes."""
    return set(_VALUE.findall(sentence))


def read(path: Path) -> dict[str, str]:
    """A catalogue: sentence → its translation."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file) if entry.id}


def write(path: Path, language: str, rows: dict[str, str]) -> None:
    """Writes a catalogue, sorted by sentence so that changes are easy to read."""
    catalog = Catalog(
        locale=language,
        header_comment="# The portal's sentences. Made by `./run words`.",
        creation_date=UNDATED,  # the same sentences make the same file
        fuzzy=False,
    )
    for sentence, translation in sorted(rows.items()):
        catalog.add(sentence, translation)
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=WIDTH, omit_header=False, no_location=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
