"""The command line's groups, and how a command shows its result: an object with its schema, or lines for people."""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Sequence
from typing import Any

import cyclopts

from entrepot.core.errors import EntrepotError


def as_typed(wanted: Any, tokens: Sequence[cyclopts.Token]) -> Any:
    """A word of the command line as what its command takes; a fraction is no whole number and is not rounded to one."""
    if wanted is int and not tokens[0].value.removeprefix("-").isdecimal():
        raise ValueError(f"{tokens[0].value!r} is no whole number.")
    return cyclopts.convert(wanted, tokens)


app = cyclopts.App(
    name="entrepot",
    help="Settlement of cross-border trade with digital assets.",
    version_flags=[],
    default_parameter=cyclopts.Parameter(converter=as_typed),
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
)
invoice_app = cyclopts.App(name="invoice", help="Read invoices.")
lists_app = cyclopts.App(name="lists", help="Sanctions lists: load them, see their age.")
ledger_app = cyclopts.App(name="ledger", help="The books.")
log_app = cyclopts.App(name="log", help="The log and its proofs.")
messages_app = cyclopts.App(name="messages", help="ISO 20022 messages.")
screening_app = cyclopts.App(name="screening", help="Measure the screening.")
decision_app = cyclopts.App(name="decision", help="Decisions.")
regime_app = cyclopts.App(name="regime", help="The regime in force.")
for part in (invoice_app, lists_app, ledger_app, log_app, messages_app, screening_app, decision_app, regime_app):
    app.command(part)

Row = dict[str, Any]


def show(body: Row, lines: list[str], *, as_json: bool) -> None:
    """Prints an object with its schema, or the lines for people."""
    assert str(body.get("schema", "")).startswith("entrepot/")
    print(_object(body) if as_json else "\n".join(lines))


def tell(error: EntrepotError) -> int:
    """Says a refusal on stderr, and its object on stdout where --json asks for one; returns its kind's exit code."""
    print(f"{error.code}: {error.message}{f' (at {error.path})' if error.path else ''}", file=sys.stderr)
    if "--json" in sys.argv:
        facts = {"code": error.code, "kind": error.kind, "message": error.message, "path": error.path}
        print(_object({"schema": "entrepot/error/1"} | facts))
    return error.exit_code


def write_any_name() -> None:
    """A name that the terminal's encoding does not have is written escaped, and stops nobody."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _object(body: Row) -> str:
    """JSON with names as they are where stdout is UTF-8, and in JSON's own escapes elsewhere."""
    takes_all = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    return json.dumps(body, ensure_ascii=not takes_all)
