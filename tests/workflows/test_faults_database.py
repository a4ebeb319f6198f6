"""PostgreSQL is killed with -9 under load, or its disk is full: afterwards books, chain and messages say the same.

A worker runs all its loops; parties ask with one key until they are answered, as an integrator should.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from test_two_workers import examination
from trading_house import House, Town, open_house, sign
from trading_sale import Trade, sale

from entrepot.core.errors import Unavailable
from entrepot.core.lifecycle import State
from entrepot.rails.anvil import mine
from entrepot.store.embedded import Embedded, start
from entrepot.store.migrate import migrate
from entrepot.store.postgres import PostgresStore
from entrepot.workflows.books.reconcile import reconcile
from entrepot.workflows.work import Worker

IS_LARGE = "ENTREPOT_FAULTS_LARGE" in os.environ
TRADES, KILLS = (12, 6) if IS_LARGE else (2, 1)
PATIENCE_S = 240.0  # of machines that have other things to do
RETRY_S = 0.1
DISK_MIB = 192
SPARE_KIB = 64  # what is left to PostgreSQL on a full disk
Answer = TypeVar("Answer")


@contextmanager
def database(folder: Path) -> Iterator[tuple[Embedded, PostgresStore]]:
    """A migrated server of its own with a store over it."""
    server = start(folder)
    try:
        migrate(server.owner_dsn)
        store = PostgresStore(master_key=bytes(range(32)), work_dsn=server.work_dsn, serve_dsn=server.serve_dsn)
        yield server, store
        store.close()
    finally:
        with suppress(Exception):
            server.stop()


def again(act: Callable[[], Answer]) -> Answer:
    """Repeats what got no final answer."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except Unavailable:
            if time.monotonic() > until:
                raise
            time.sleep(RETRY_S)


def asked(house: House, kind: str, by: str, body: dict[str, Any], trade: Trade) -> dict[str, Any]:
    """A request that is put with one key until it is kept, and whose answer is waited for."""
    key, until = f"{kind}:{trade.id}:{by}", time.monotonic() + PATIENCE_S
    item = again(lambda: house.put(kind, house.people[by], body, trade.id, key=key))
    while time.monotonic() < until:
        kept = again(lambda: _kept(house, item.source, key))
        assert kept is not None and not kept.set_aside, kept
        if kept.answer is not None:
            assert kept.answer["status"] < 400, kept.answer
            return dict(kept.answer["body"])
        time.sleep(RETRY_S)
    raise AssertionError(f"no answer to {kind}")


def _kept(house: House, source: str, key: str) -> Any:
    with house.store.door() as tx:
        return tx.inbox.get(source, key)


def reached(house: House, trade: Trade, state: State) -> None:
    """Waits until it stands there."""
    until = time.monotonic() + PATIENCE_S
    while again(lambda: house.settlement(trade.id)).state is not state:
        assert time.monotonic() < until, f"{trade.one.state}, not {state}"
        time.sleep(RETRY_S)


def played(house: House, trade: Trade) -> None:
    """From the second signature to the seller's money."""
    digest = again(lambda: house.terms(trade.id)).digest()
    asked(house, "sign", "buyer", {"signature": sign(house.people["buyer"].key, digest)}, trade)
    reached(house, trade, State.CLEARED)
    asked(house, "fund", "buyer", again(trade.funding), trade)
    reached(house, trade, State.FUNDED)
    asked(house, "present", "seller", again(lambda: trade.presenting(trade.documents())), trade)
    reached(house, trade, State.PRESENTED)
    asked(house, "examine", "examiner", again(lambda: examination(trade)), trade)
    reached(house, trade, State.RELEASED)


@contextmanager
def at_work(house: House) -> Iterator[Worker]:
    """A worker with all its loops, and a chain that goes on."""
    worker, over = Worker(house.ctx), threading.Event()

    def go_on() -> None:
        while not over.wait(0.3):
            mine(house.node, 2)

    threads = [threading.Thread(target=worker.run), threading.Thread(target=go_on)]
    for thread in threads:
        thread.start()
    try:
        yield worker
    finally:
        worker.stopping.set()
        over.set()
        with suppress(Unavailable):
            worker.stop()
        for thread in threads:
            thread.join()


def agreed_by_sellers(house: House, count: int) -> list[Trade]:
    house.ctx.screener.warm()
    trades = [sale(house, share=10).propose() for _ in range(count)]
    for trade in trades:
        trade.sign("seller")
    return trades


def require_nothing_lost(house: House, trades: list[Trade]) -> None:
    """Each is paid once; books follow from transfers and agree with chain and messages; nothing is stuck."""
    until = time.monotonic() + PATIENCE_S
    while _open(house):  # messages go out after the release
        assert time.monotonic() < until, "the outbox does not drain"
        time.sleep(RETRY_S)
    for trade in trades:
        trade.is_sound(State.RELEASED)
        assert max(Counter(house.kinds(trade.id)).values()) == 1, "something happened twice"
    paid = sum(trade.one.price_minor for trade in trades)
    assert house.tokens(house.people["seller"].address) == 10**15 + paid
    looked, differences = reconcile(house.store, house.rail)
    assert looked >= len(trades) and differences == []
    with house.store.work() as tx:
        assert tx.inbox.stuck() == [] and list(tx.ledger.check()) == []
        leaves = tx.log.leaves(after=-1, limit=10_000)
        checkpoint = tx.log.checkpoint()
        assert [entry.index for entry in leaves] == list(range(tx.log.size()))
        assert checkpoint is not None and checkpoint[0] == len(leaves), "every leaf is under a checkpoint"


def _open(house: House) -> int:
    with house.store.work() as tx:
        return tx.outbox.open_count()


def kill_backend(dsn: str) -> None:
    """kill -9 of one of the server's processes that serves a client: the server recovers by itself."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
    for (pid,) in rows[:1]:
        os.kill(pid, signal.SIGKILL)


def kill_server(folder: Path) -> None:
    """kill -9 of the postmaster, and its children follow."""
    pid = int((folder / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + PATIENCE_S
    while subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=False).stdout or _lives(pid):
        assert time.monotonic() < until, "the server's processes live on"
        time.sleep(RETRY_S)


def _lives(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def started_again(folder: Path) -> None:
    """Starts the server on its files, as soon as what it left behind allows it."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            start(folder)
            return
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(RETRY_S)


def test_nothing_is_lost_when_postgres_is_killed_under_load(town: Town, home: Path, tmp_path: Path) -> None:
    with database(home / "pg") as (server, store):
        house = open_house(town, store, tmp_path / "house")
        trades = agreed_by_sellers(house, TRADES)
        with at_work(house), ThreadPoolExecutor(TRADES) as pool:
            plays = [pool.submit(played, house, trade) for trade in trades]
            time.sleep(1.0)
            kill_backend(server.owner_dsn)
            time.sleep(2.0)
            for _ in range(KILLS):
                kill_server(home / "pg")
                with pytest.raises(Unavailable):  # nobody is told that it worked
                    house.settlement(trades[0].id)
                started_again(home / "pg")
                time.sleep(1.0)
            assert not all(play.done() for play in plays), "it was killed under load"
            for play in plays:
                play.result(PATIENCE_S)
            require_nothing_lost(house, trades)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own that is small; skips where it may not be mounted."""
    folder.mkdir()
    options = f"size={DISK_MIB}m,mode=755"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Takes all the room but a little."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file, suppress(OSError):  # the server took the rest meanwhile: full as well
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(folder).free - SPARE_KIB * 1024))
    return ballast


def make_room(ballast: Path) -> None:
    """What is not ours is taken away."""
    ballast.unlink()


def make_larger(ballast: Path) -> None:
    """The file system grows by half, and what fills it stays."""
    options = f"remount,size={DISK_MIB * 3 // 2}m"
    subprocess.run(["mount", "-o", options, str(ballast.parent)], check=True)


@pytest.mark.parametrize("mend", [make_room, make_larger])
def test_a_full_disk_stops_everything_and_loses_nothing(
    town: Town, home: Path, tmp_path: Path, mend: Callable[[Path], None]
) -> None:
    with small_disk(home / "disk") as disk, database(disk / "pg") as (_, store):
        house = open_house(town, store, tmp_path / "house")
        trades = agreed_by_sellers(house, 2)
        with at_work(house), ThreadPoolExecutor(2) as pool:
            plays = [pool.submit(played, house, trade) for trade in trades]
            time.sleep(1.0)
            ballast = fill(disk)
            assert not all(play.done() for play in plays), "it was filled under load"
            refused = until_unavailable(house)
            mend(ballast)
            started_again(disk / "pg")  # it may have stopped, rather than go on without its log
            for play in plays:
                play.result(PATIENCE_S)
            require_nothing_lost(house, trades)
        assert refused.code == "store_unavailable"


def until_unavailable(house: House) -> Unavailable:
    """Writes until there is no room: the answer is that there is none, and never a success that is not kept."""
    for number in range(20_000):
        try:
            item = house.put("quote", house.people["buyer"], {"pad": "x" * 2000, "n": number}, key=f"pad{number}")
        except Unavailable as refused:
            return refused
        assert item.key == f"pad{number}"
    raise AssertionError("the disk never filled")
