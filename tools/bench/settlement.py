"""Complete settlements a second: real workflows, real PostgreSQL with fsync, the simulated rail, one or more workers.

In each round every cohort of trades takes its next step; the clock stands while the parties sign, who do that on
machines of their own, and runs for all that is ours until nothing is left to do. Afterwards the database is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from entrepot.core.terms import Terms
from entrepot.signers.keystore import Keystore
from entrepot.store import embedded
from entrepot.store.migrate import migrate
from entrepot.store.postgres import PostgresStore
from entrepot.workflows.chain import observe
from entrepot.workflows.step.context import Context
from entrepot.workflows.work import send_out

from .frame import Figure, Run
from .settlement_rows import write_again
from .settlement_worker import MASTER_KEY, rss_mib
from .trading_floor import Floor, Trade, open_context, open_rail

Wrong = dict[str, tuple[int, int]]  # what there is, and what there should be
SECONDS, WORKERS, COHORT, COMPANIES = 60.0, 2, 1_000, 1_000
STAGES = ("propose", "sign", "fund", "present", "examine")
PUT_MANY = 200
QUIET_S = 0.02
ENDING_S = 60
ROOT = Path(__file__).parents[2]
WORKER = "tools.bench.settlement_worker"
EVENTS, TRANSFERS, MESSAGES, DECISIONS = 11, 6, 3, 3  # of one settlement that goes well


@dataclass
class Measured:
    """What one run saw."""

    settled: int = 0
    clock_s: float = 0.0
    steps_s: list[float] = field(default_factory=list)
    rss_mib: dict[str, float] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    rows_s: tuple[float, float] = (0.0, 0.0)  # that the rows of all of it take alone, and CPU of PostgreSQL for them
    cpu_s: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Settlements a second: the median of the rounds in which every stage had its cohort."""
        return statistics.median(self.rates) if self.rates else self.settled / self.clock_s

    @property
    def step_p99_s(self) -> float:
        """The 99th percentile of the workers' steps."""
        return sorted(self.steps_s)[int(len(self.steps_s) * 0.99)] if self.steps_s else 0.0


class Bench:
    """One database, one rail, some workers, and trades that come in cohorts."""

    def __init__(self, home: Path, *, workers: int, cohort: int, companies: int, seed: int, profile: str = "") -> None:
        self.home, self.cohort = home, cohort
        self.server = embedded.start(home / "pg")
        migrate(self.server.owner_dsn)
        self.store = PostgresStore(
            master_key=MASTER_KEY, work_dsn=self.server.work_dsn, serve_dsn=self.server.serve_dsn
        )
        keys = Keystore(home / "keys")
        self.rail = open_rail(keys, seed)
        self.floor = Floor(self.store, self.rail, keys, companies=companies, seed=seed)
        self.ctx: Context = open_context(home, self.store, self.rail, self.floor.examiner)
        asked = {"dsn": self.server.work_dsn, "home": home, "examiner": self.floor.examiner, "seed": seed}
        asked |= {"profile": profile}
        self._command = [sys.executable, "-m", WORKER, *(f"--{name}={value}" for name, value in asked.items())]
        self._count, self.workers = workers, list[subprocess.Popen[str]]()
        self.hire()

    def hire(self) -> None:
        """Starts the workers; again after `stop`."""
        self.workers = [
            subprocess.Popen(self._command, text=True, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(self._count)
        ]
        for worker in self.workers:
            assert _said(worker) == {}, "a worker did not begin"

    def run(self, seconds: float, say: Callable[[str], None]) -> Measured:
        """Rounds until the clock has run for so long; cohorts that are under way are finished."""
        measured, cohorts = Measured(), deque[tuple[int, list[Trade]]]()
        while measured.clock_s < seconds or cohorts:
            if measured.clock_s < seconds:
                cohorts.append((0, self.floor.trades(self.cohort)))
            items = [
                item
                for stage, trades in cohorts
                for trade in trades
                for item in getattr(self.floor, STAGES[stage])(trade)
            ]
            began, cpu, server = time.perf_counter(), time.process_time(), self.server_cpu_s()
            self._put(items)
            self._drain()
            took = time.perf_counter() - began
            for name, used in (("outside", time.process_time() - cpu), ("postgres", self.server_cpu_s() - server)):
                measured.cpu_s[name] = measured.cpu_s.get(name, 0.0) + used
            measured.clock_s += took
            self._read_answers([trade for stage, trades in cohorts if stage == 0 for trade in trades])
            finished = [trades for stage, trades in cohorts if stage == len(STAGES) - 1]
            cohorts = deque((stage + 1, trades) for stage, trades in cohorts if stage < len(STAGES) - 1)
            done = sum(map(len, finished))
            self.rail.forget_operations()
            measured.settled += done
            if done and len(cohorts) == len(STAGES) - 1:
                measured.rates.append(done / took)
            say(f"  {len(items)} requests, {done} settled in {took:.2f} s")
        return measured

    def stop(self, measured: Measured) -> None:
        """Ends the workers and hears what they measured."""
        for number, worker in enumerate(self.workers, 1):
            assert worker.stdin is not None
            worker.stdin.close()
            told = _said(worker)
            measured.cpu_s["workers"] = measured.cpu_s.get("workers", 0.0) + told["cpu_s"]
            measured.steps_s += told["steps_s"]
            measured.rss_mib[f"worker {number}"] = told["rss_mib"]
            worker.wait(timeout=ENDING_S)
        measured.rss_mib["outside"] = rss_mib()

    def close(self) -> None:
        """Stops the workers that are left, and the server."""
        for worker in self.workers:
            worker.kill()
        self.store.close()
        self.server.stop()

    def server_cpu_s(self) -> float:
        """CPU seconds of all of PostgreSQL's processes so far."""
        postmaster = (self.home / "pg" / "postmaster.pid").read_text().split()[0]
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(") ")[2].split()
                if fields[1] == postmaster:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _put(self, items: list[Any]) -> None:
        """As doors put them, many in a transaction."""
        for place in range(0, len(items), PUT_MANY):
            with self.store.door() as tx:
                tx.many.put_items(items[place : place + PUT_MANY])
            self.store.wake()

    def _drain(self) -> None:
        """Outside work, blocks and watching, until nothing is left."""
        while True:
            sent = send_out(self.ctx)
            if sent:
                self.rail.mine(1, after_s=max(0, int(time.time()) - self.rail.now()))
            else:
                self.rail.mine(self.rail.final_blocks, after_s=0)
            seen = observe.watch(self.ctx)
            if sent or seen:
                continue
            with self.store.work() as tx:
                is_open = tx.inbox.open_since()[0] + tx.outbox.open_count()
            if not is_open:
                return
            time.sleep(QUIET_S)

    def _read_answers(self, trades: list[Trade]) -> None:
        """What the parties read: the new settlement's id and terms."""
        if not trades:
            return
        with self.store.work() as tx:
            for trade in trades:
                item = tx.inbox.get(*trade.asked)
                assert item is not None and item.answer is not None, "a proposal was not answered"
                assert item.answer["status"] == 201, item.answer
                trade.id = item.answer["body"]["settlement"]
                paper = tx.papers.of(trade.id, kind="terms")[-1]
                trade.terms = Terms.from_json(json.loads(paper.body), self.ctx.assets)

    def mismatches(self, sent: int, *, past: int = 0) -> Wrong:
        """What the database holds and what it should; empty if all of it is there. `past` were copied, not sent."""
        settled = sent + past
        wanted = {
            "settlements released": ("SELECT count(*) FROM settlements WHERE state = 'released'", settled),
            "events": ("SELECT count(*) FROM events", settled * EVENTS),
            "leaves": ("SELECT count(*) FROM log_leaves", settled * EVENTS),
            "gapless": ("SELECT max(index) + 1 FROM log_leaves", settled * EVENTS),
            "transfers": ("SELECT count(*) FROM ledger_transfers", settled * TRANSFERS),
            "decisions": ("SELECT count(*) FROM papers WHERE kind LIKE 'decision\\_%'", settled * DECISIONS),
            "messages": ("SELECT count(*) FROM papers WHERE kind ~ '^(pacs|camt)[.]'", settled * MESSAGES),
            "messages sent": ("SELECT count(done_at) FROM outbox WHERE kind = 'message'", settled * MESSAGES),
            "set aside": ("SELECT count(*) FROM inbox WHERE set_aside_at IS NOT NULL", 0),
            "open": ("SELECT count(*) FROM outbox WHERE done_at IS NULL", 0),
            "books": ("SELECT count(*) FROM (SELECT asset FROM ledger_accounts GROUP BY asset HAVING "
                      "sum(debits_posted) <> sum(credits_posted) OR sum(debits_pending) <> 0) AS uneven", 0),
        }  # fmt: skip
        found = {}
        with psycopg.connect(self.server.owner_dsn) as connection:
            for name, (query, right) in wanted.items():
                row = connection.execute(query).fetchone() or (0,)
                if int(row[0] or 0) != right:
                    found[name] = (int(row[0] or 0), right)
        files = len(list((self.home / "messages").glob("*.xml")))
        if files != sent * MESSAGES:
            found["message files"] = (files, sent * MESSAGES)
        return found


def _said(worker: Any) -> dict[str, Any]:
    """The next line that a worker says."""
    return dict(json.loads(worker.stdout.readline()))


def settlement(run: Run) -> Iterator[Figure]:
    """Complete settlements a second for a minute; the database is counted afterwards."""
    measured, wrong = measure(run.folder / "settlement", say=run.say)
    for name, (found, right) in wrong.items():
        run.say(f"MISMATCH {name}: {found}, not {right}")
    key, of = "settlement", f"{WORKERS} workers, {COMPANIES:,} companies"
    rows_s, rows_cpu_s = measured.rows_s
    limit = f"limits.{key}_rows_per_s"
    yield Figure(limit, "rows of complete settlements alone, one connection", measured.settled / rows_s)
    yield Figure(f"{key}.per_s", f"complete settlements ({of})", measured.rate, limit=limit)
    yield Figure(f"{key}.step_p99_s", "one step of a worker, 99th percentile", measured.step_p99_s, unit="s")
    yield Figure(f"{key}.rss_max_mib", "the most memory of a process", max(measured.rss_mib.values()), unit="MiB")
    for name, used in measured.cpu_s.items():
        each = used * 1000 / max(1, measured.settled)
        yield Figure(f"{key}.cpu_ms.{name}", f"CPU of a settlement: {name}", each, unit="ms")
    rows_each = rows_cpu_s * 1000 / max(1, measured.settled)
    yield Figure(f"{key}.cpu_ms.rows_alone", "… PostgreSQL, its rows alone", rows_each, unit="ms")
    yield Figure(f"{key}.settled", "settlements counted", measured.settled, unit="")
    yield Figure(f"{key}.mismatches", "mismatches in the database", len(wrong), unit="")


def measure(
    home: Path,
    *,
    say: Callable[[str], None],
    seconds: float = SECONDS,
    workers: int = WORKERS,
    cohort: int = COHORT,
    companies: int = COMPANIES,
    seed: int = 1,
    profile: str = "",
) -> tuple[Measured, Wrong]:
    """One run in a fresh deployment in `home`, and what the database lacks after it."""
    home.mkdir(parents=True)
    home.chmod(0o755)  # run by root, the server has an OS user of its own
    bench = Bench(home, workers=workers, cohort=cohort, companies=companies, seed=seed, profile=profile)
    try:
        measured = bench.run(seconds, say)
        bench.stop(measured)
        wrong = bench.mismatches(measured.settled)
        measured.rows_s = write_again(bench.server.owner_dsn, bench.server_cpu_s)
        return measured, wrong
    finally:
        bench.close()


def main() -> None:
    """One run with other figures, to look into: `--profile FILE` writes a profile of each worker."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    for name, value in (("seconds", SECONDS), ("workers", WORKERS), ("cohort", COHORT), ("companies", COMPANIES)):
        parser.add_argument(f"--{name}", type=type(value), default=value)
    parser.add_argument("--profile", default="")
    asked = vars(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="entrepot-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        measured, wrong = measure(Path(name) / "home", say=lambda words: print(words, file=sys.stderr), **asked)
    cpu = {name: round(used * 1000 / max(1, measured.settled), 2) for name, used in measured.cpu_s.items()}
    print(f"{measured.rate:.1f}/s, p99 {measured.step_p99_s:.3f} s, {measured.settled} in {measured.clock_s:.1f} s")
    rows_s, rows_cpu_s = (one * 1000 / max(1, measured.settled) for one in measured.rows_s)
    print(f"rows alone: {rows_s:.2f} ms, {rows_cpu_s:.2f} ms of CPU each")
    print(f"CPU ms each {cpu}, MiB {measured.rss_mib}, load {os.getloadavg()[0]:.1f}, mismatches {wrong}")


if __name__ == "__main__":
    main()
