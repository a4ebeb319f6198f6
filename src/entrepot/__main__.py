"""`entrepot`: the command line. Objects on stdout with --json, logs on stderr; exits 0, 1 (defect), 2, 3, 4."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import cyclopts

from entrepot.commands import app
from entrepot.commands.line import tell, write_any_name
from entrepot.core.errors import EntrepotError, Invalid, Unavailable, declare

declare("Unavailable", no_room="There is no room where the output, or a file, was to be written.")


def main() -> None:
    """Runs one command; a refusal exits with its kind's code, anything else is our defect and exits 1."""
    write_any_name()
    sys.exit(run(lambda: app()))


def run(command: Callable[[], Any]) -> int:
    """The exit code of a command."""
    try:
        code = _done(command)
        sys.stdout.flush()  # here, as what cannot be written is told of below
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader had enough
        _write_nowhere()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            traceback.print_exc()
            return 1
        _write_nowhere()
        return tell(Unavailable("no_room", f"{error.filename or 'The output'} could not be written: {error.strerror}."))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except Exception:
        traceback.print_exc()
        return 1
    return code


def _done(command: Callable[[], Any]) -> int:
    try:
        result = command()
    except cyclopts.CycloptsError as error:
        named = error.argument.name.lstrip("-") if error.argument else ""
        return tell(Invalid("malformed", str(error), path=named))
    except EntrepotError as error:
        return tell(error)
    return result if isinstance(result, int) else 0


def _write_nowhere() -> None:
    """What is still in stdout's buffer would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
