"""`entrepot`: the command line. Objects on stdout with --json, logs on stderr; exits 0, 1 defect, 2, 3, 4 as errors say."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import cyclopts

from entrepot.core.errors import EntrepotError

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


def main() -> None:
    """Runs one command; a refusal exits with its kind's code, anything else is our defect and exits 1."""
    from entrepot import commands  # noqa: F401  (registers itself)

    sys.exit(run(lambda: app()))


def run(command: Callable[[], Any]) -> int:
    """The exit code of a command."""
    try:
        result = command()
    except EntrepotError as error:
        problem = {"schema": "entrepot/error/1", "code": error.code, "kind": error.kind, "message": error.message, "path": error.path}
        if "--json" in sys.argv:
            print(json.dumps(problem, ensure_ascii=False))
        print(f"{error.code}: {error.message}{f' (at {error.path})' if error.path else ''}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except Exception:
        traceback.print_exc()
        return 1
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
