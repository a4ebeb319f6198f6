"""The command line's groups, and how a command shows its result: an object with its schema, or lines for people."""

from __future__ import annotations

import json
from typing import Any

import cyclopts

app = cyclopts.App(name="entrepot", help="Settlement of cross-border trade with digital assets.", version_flags=[])
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
    print(json.dumps(body, ensure_ascii=False) if as_json else "\n".join(lines))
