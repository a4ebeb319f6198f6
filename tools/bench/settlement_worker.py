"""A worker of the settlement bench, a process of its own: `Worker.run`'s main loop, until its input ends.

It says `{}` on its output when it is ready, and at its end what it measured: steps in s, CPU in s, memory in MiB.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path

MASTER_KEY = bytes(range(32))
IDLE_S = 0.05


def rss_mib() -> float:
    """The most memory this process ever had itself, MiB: rusage also counts who started it."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _hear_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def main() -> None:
    """Loads what a worker loads first, opens its parts, and works."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("dsn", "home", "examiner", "seed", "profile"):
        parser.add_argument(f"--{name}", default="")
    asked = parser.parse_args()

    from entrepot.screening.tables import load_tables

    load_tables()
    from entrepot.messages.schemas import message_types
    from entrepot.signers.keystore import Keystore
    from entrepot.store.postgres import PostgresStore
    from entrepot.workflows.work import collect_seldom, step

    from .trading_floor import open_context, open_rail

    store, home = PostgresStore(master_key=MASTER_KEY, work_dsn=asked.dsn), Path(asked.home)
    rail = open_rail(Keystore(home / "keys"), int(asked.seed))  # who only decides asks it for addresses, nothing else
    ctx = open_context(home, store, rail, asked.examiner)
    message_types()
    ctx.screener.warm()
    collect_seldom()
    print("{}", flush=True)
    ended = threading.Event()
    threading.Thread(target=_hear_the_end, args=(ended,), daemon=True).start()
    durations: list[float] = []
    profiler = None
    if asked.profile:
        import cProfile

        profiler = cProfile.Profile()
        profiler.enable()
    began_cpu = time.process_time()
    while not ended.is_set():
        began = time.perf_counter()
        if step(ctx):
            durations.append(time.perf_counter() - began)
        else:
            store.wait(timeout_s=IDLE_S)
    measured = {"steps_s": durations, "rss_mib": rss_mib(), "cpu_s": time.process_time() - began_cpu}
    if profiler:
        profiler.disable()
        profiler.dump_stats(f"{asked.profile}.{os.getpid()}")
    print(json.dumps(measured), flush=True)
    store.close()


if __name__ == "__main__":
    main()
