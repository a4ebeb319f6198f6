"""`entrepot`: the command line. Objects on stdout with --json, logs on stderr; exits 0, 1 (defect), 2, 3, 4."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from entrepot.commands import app
from entrepot.core.errors import EntrepotError


def main() -> None:
    """Runs one command; a refusal exits with its kind's code, anything else is our defect and exits 1."""
    sys.exit(run(lambda: app()))


def run(command: Callable[[], Any]) -> int:
    """The exit code of a command."""
    try:
        result = command()
    except EntrepotError as error:
        problem = {
            "schema": "entrepot/error/1",
            "code": error.code,
            "kind": error.kind,
            "message": error.message,
            "path": error.path,
        }
        if "--json" in sys.argv:
            print(json.dumps(problem, ensure_ascii=False))
        print(f"{error.code}: {error.message}{f' (at {error.path})' if error.path else ''}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except Exception:
        traceback.print_exc()
        return 1
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
