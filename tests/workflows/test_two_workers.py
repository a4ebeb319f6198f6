"""Two workers on one PostgreSQL: every trade is settled once, whoever takes which step."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from trading_house import House, Town, open_house, sign
from trading_sale import Trade, sale

from entrepot.core.acts import EXAMINATION
from entrepot.core.lifecycle import State
from entrepot.rails.anvil import mine
from entrepot.store.embedded import start
from entrepot.store.migrate import migrate
from entrepot.store.postgres import PostgresStore
from entrepot.wire import context_of, open_rail
from entrepot.workflows.chain import observe
from entrepot.workflows.step.context import Context
from entrepot.workflows.work import send_out, step

TRADES = 6
TURNS_MAX = 60


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresStore]:
    """A migrated server of its own."""
    home = Path(tempfile.mkdtemp(prefix="entrepot-workers-"))
    home.chmod(0o755)  # run by root, the server has an OS user of its own
    server = start(home / "pg")
    try:
        migrate(server.owner_dsn)
        store = PostgresStore(master_key=bytes(range(32)), work_dsn=server.work_dsn, serve_dsn=server.serve_dsn)
        yield store
        store.close()
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def test_two_workers_settle_each_trade_once(town: Town, postgres: PostgresStore, tmp_path: Path) -> None:
    house = open_house(town, postgres, tmp_path / "house")
    second = context_of(house.settings, postgres, open_rail(postgres, house.settings))
    house.ctx.screener.warm()
    second.screener.warm()
    workers = (house.ctx, second)
    trades = [sale(house, share=10).propose() for _ in range(TRADES)]
    for trade in trades:
        trade.sign("seller")
    for trade in trades:
        body = {"signature": sign(house.people["buyer"].key, house.terms(trade.id).digest())}
        house.put("sign", house.people["buyer"], body, trade.id)
    together(house, workers)
    assert {trade.one.state for trade in trades} == {State.CLEARED}
    for trade in trades:
        house.put("fund", house.people["buyer"], trade.funding(), trade.id)
    together(house, workers)
    assert {trade.one.state for trade in trades} == {State.FUNDED}
    for trade in trades:
        house.put("present", house.people["seller"], trade.presenting(trade.documents()), trade.id)
    together(house, workers)
    for trade in trades:
        trade.is_sound(State.PRESENTED)
        house.put("examine", house.people["examiner"], examination(trade), trade.id)
    together(house, workers)
    paid = sum(trade.one.price_minor for trade in trades)
    for trade in trades:
        trade.is_sound(State.RELEASED)
        assert max(Counter(house.kinds(trade.id)).values()) == 1, "something happened twice"
    assert house.tokens(house.people["seller"].address) == 10**15 + paid
    with postgres.work() as tx:
        assert tx.inbox.stuck() == [] and tx.outbox.open_count() == 0


def examination(trade: Trade) -> dict[str, object]:
    """A signed yes, as a request."""
    signature = trade.signed(EXAMINATION, trade.about(complies=True), "examiner")
    return {"complies": True, "signature": signature}


def together(house: House, workers: tuple[Context, Context]) -> None:
    """Both workers take turns at the same time, until neither finds anything to do."""
    quiet = 0
    for _ in range(TURNS_MAX):
        counts: list[int] = []
        failed: list[BaseException] = []
        threads = [threading.Thread(target=turn, args=(ctx, counts, failed)) for ctx in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed, failed
        mine(house.node, 2)
        quiet = quiet + 1 if not sum(counts) else 0
        if quiet == 3:
            return
    raise AssertionError("the workers find no end")


def turn(ctx: Context, counts: list[int], failed: list[BaseException]) -> None:
    """One turn of one worker."""
    try:
        counts.append(step(ctx) + send_out(ctx) + observe.watch(ctx))
    except BaseException as error:
        failed.append(error)
