"""The tables of personal names are loaded when a worker says so, and loading leaves no more than they need."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json
import threading
from pathlib import Path
from entrepot.screening.names import readings
from entrepot.screening.tables import load_tables

def mib():
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if line[:2] == "Vm")
    return [int(lines[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM")]

load_tables()
loaded = mib()
assert readings("person", "Maria Example Tanaka")
stays = [one.daemon for one in threading.enumerate() if one.name == "tables"]
print(json.dumps([*loaded, *mib(), stays]))
"""


def test_loading_gives_back_what_only_loading_needed_and_the_first_name_loads_nothing_more() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    kept, peak, kept_then, peak_then, stays = json.loads(said.stdout)
    assert kept < 300 < peak < 512, said.stdout
    assert stays == [True], (
        "the thread that loads them stays, so that nobody else is given its holes; no exit waits for it"
    )
    assert kept_then - kept < 8 and peak_then == peak, said.stdout
