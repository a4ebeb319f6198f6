"""Whether the ledger's cost grows with its size: the rate as millions of transfers over a million accounts come in.

Another program may use the same (tests/store/test_ledger_slope.py, small): `grow` gives the rate of each stretch.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import psycopg

from entrepot.core.ledger import Account, AccountClass, Answer, Phase, Transfer, account
from entrepot.store.postgres import PostgresStore

from .frame import Figure, Run

BATCH = 8_000
ACCOUNTS = int(os.environ.get("ENTREPOT_BENCH_ACCOUNTS", "1000000"))
TRANSFERS = int(os.environ.get("ENTREPOT_BENCH_TRANSFERS", "20000000"))  # about 0.45 GB a million
STRETCH = 500_000
POINTS = 200


def large(run: Run) -> Iterator[Figure]:
    """The rate over the first and the last million transfers, and reads of balances then and long ago."""
    store = PostgresStore(master_key=bytes(32), work_dsn=run.server().work_dsn)
    accounts = spread(store, ACCOUNTS, say=run.say)
    since = int(time.time())  # after all that lies in the history already
    rates = grow(store, accounts, TRANSFERS, STRETCH, say=run.say, at=since)
    key = "ledger.postgres.large"
    yield Figure(f"{key}.accounts", "accounts", len(accounts), unit="")
    yield Figure(f"{key}.transfers", "transfers among them", TRANSFERS, unit="")
    yield Figure(f"{key}.first_per_s", f"… posted, the first {STRETCH:,}", rates[0])
    yield Figure(f"{key}.last_per_s", f"… posted, the last {STRETCH:,}", rates[-1], limit=f"{key}.first_per_s")
    with store.work() as tx:
        for name, at in (("now", None), ("in the middle", since + TRANSFERS // 2)):
            began = time.perf_counter()
            tx.ledger.balances([entry.id for entry in accounts[:POINTS]], at=at)
            rate = POINTS / (time.perf_counter() - began)
            yield Figure(f"{key}.balances_{name.split()[-1]}_per_s", f"… balances read, {name}", rate)
    with psycopg.connect(run.server().owner_dsn) as owner:
        row = owner.execute("SELECT pg_database_size(current_database()) / 1048576.0").fetchone()
        assert row is not None
        yield Figure(f"{key}.database_mib", "… size of the database", float(row[0]), unit="MiB")
    store.close()


def spread(store: PostgresStore, count: int, *, say: Callable[[str], None]) -> list[Account]:
    """Opens `count` accounts."""
    made = [account(AccountClass.OUTSIDE, f"large{place}", "bench") for place in range(count)]
    for low in range(0, count, BATCH):
        with store.work() as tx:
            tx.ledger.open_accounts(made[low : low + BATCH])
        if low % (25 * BATCH) == 0:
            say(f"  {low:,} of {count:,} accounts opened")
    return made


def grow(
    store: PostgresStore, among: Sequence[Account], total: int, stretch: int, *, say: Callable[[str], None], at: int = 0
) -> list[float]:
    """Posts `total` transfers, at times from `at` on; the median rate of the batches of each stretch (per second)."""
    base = int(time.time() * 1000) << 80
    rates, done, spread_over = [], 0, len(among)
    far = min(101, spread_over - 1)
    while done < total:
        found = []
        for _ in range(max(1, stretch // BATCH)):
            batch = [
                Transfer(
                    f"{base + number:032x}", among[number * 7919 % spread_over].id,
                    among[(number * 7919 + 1 + number % far) % spread_over].id, 1 + number % 1_000_000,
                    Phase.POSTED, "bench", at + done,
                )
                for number in range(done, done + BATCH)
            ]  # fmt: skip
            began = time.perf_counter()
            with store.work() as tx:
                answers = tx.ledger.post(batch)
            found.append(BATCH / (time.perf_counter() - began))
            assert answers == [Answer.POSTED] * BATCH
            done += BATCH
        rates.append(statistics.median(found))
        store.tend()  # as a worker does every ten seconds
        say(f"  {done:,} transfers; the last {len(found) * BATCH:,} at {rates[-1]:,.0f}/s")
    return rates
