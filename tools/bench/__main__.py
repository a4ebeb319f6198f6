"""`./run bench [--only PART,…] [--large] [--json]`: the table on stdout, progress on stderr.

With --json the last line is one JSON object. Limits are measured in every run. Amounts of work are bounded; without
--large the whole takes a few minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .frame import Figure, Run, as_json, table
from .ledger import ledger
from .limits import limits
from .parts import core, documents, messages, screening
from .settlement import settlement
from .settlement_large import large


def _settlement(run: Run) -> Iterator[Figure]:
    yield from settlement(run)
    if run.is_large:
        yield from large(run)


PARTS: dict[str, Callable[[Run], Iterable[Figure]]] = {
    "limits": limits,
    "core": core,
    "documents": documents,
    "messages": messages,
    "screening": screening,
    "ledger": ledger,
    "settlement": _settlement,
}
ALWAYS = ("limits",)


def main(arguments: list[str]) -> int:
    """Measures the parts asked for; 1 if one found a mismatch."""
    parser = argparse.ArgumentParser(prog="./run bench", description="How fast the parts are on this machine.")
    parser.add_argument("--only", default="", metavar="PART,…", help=f"some of {', '.join(PARTS)}; all if left out")
    parser.add_argument("--large", action="store_true", help="also at millions of rows: takes long and needs the disk")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    asked = parser.parse_args(arguments)
    only = [name for name in asked.only.split(",") if name] or list(PARTS)
    if unknown := [name for name in only if name not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="entrepot-bench-", ignore_cleanup_errors=True) as name:
        run = Run(Path(name), is_large=asked.large)
        run.folder.chmod(0o755)  # run by root, the server has an OS user of its own
        try:
            for part in PARTS:
                if part in only or part in ALWAYS:
                    run.say(part)
                    run.keep(PARTS[part](run))
        finally:
            run.stop()
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, load {load}\n")
    print(table(run.figures))
    if asked.json:
        print(json.dumps(as_json(run.figures)), flush=True)
    return 1 if any(key.endswith(".mismatches") and figure.value for key, figure in run.figures.items()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
