"""Another ledger engine beside the books: told of each transfer once, whatever dies in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tigerbeetle as tb
from engines import FakeCluster
from made_up import MASTER_KEY, NOW, Database, new_id

from entrepot import wire
from entrepot.commands.books import check
from entrepot.core.errors import Invalid, Unavailable
from entrepot.core.ledger import Account, AccountClass, Answer, Ledger, Phase, Transfer, account
from entrepot.settings import read_settings
from entrepot.store.memory import MemoryStore
from entrepot.store.postgres import PostgresStore
from entrepot.store.standalone_ledger import post_lines
from entrepot.store.store import Store
from entrepot.store.tigerbeetle_ledger import TigerBeetleLedger
from entrepot.wire import ledger_engine
from entrepot.workflows.books.ledger_engine import Compared, compare, post_intents

BUYER = account(AccountClass.OUTSIDE, "b" * 32, "USD")
SELLER = account(AccountClass.OUTSIDE, "5" * 32, "USD")
ESCROW = account(AccountClass.ESCROW, "e" * 32, "USD")
ALL = (BUYER, SELLER, ESCROW)
EFFECTS = 8  # of one turn: begin and end of two transactions, before and after two calls of the engine


def pay(debit: Account, credit: Account, amount: int, **fields: Any) -> Transfer:
    """A transfer with a fresh id."""
    return replace(Transfer(new_id(), debit.id, credit.id, amount, Phase.POSTED, "funded", NOW), **fields)


def story() -> list[Transfer]:
    """Money comes, is held, goes and comes back: each needs the one before it."""
    paid, hold = pay(BUYER, ESCROW, 100), pay(ESCROW, SELLER, 60, phase=Phase.PENDING)
    posted = replace(hold, id=new_id(), phase=Phase.POST, pending_id=hold.id)
    return [paid, hold, posted, pay(ESCROW, BUYER, 40)]


class MemoryEngine:
    """The twin's ledger as an engine of its own: each batch is durable when it is answered."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.posted = 0

    def open_accounts(self, accounts: Sequence[Account]) -> None:
        with self.store.work() as tx:
            tx.ledger.open_accounts(accounts)

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        with self.store.work() as tx:
            answers = tx.ledger.post(transfers)
        self.posted += answers.count(Answer.POSTED)
        return answers


class Killed(BaseException):
    """The process died."""


class Dying:
    """Store and engine of a process that dies at its effect number `dies_at`."""

    def __init__(self, store: Store, engine: Any, dies_at: int) -> None:
        self.store, self.engine, self.left = store, engine, dies_at

    def effect(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1

    @contextmanager
    def work(self) -> Iterator[Any]:
        self.effect()
        with self.store.work() as tx:
            yield tx
        self.effect()

    def open_accounts(self, accounts: Sequence[Account]) -> None:
        self.effect()
        self.engine.open_accounts(accounts)
        self.effect()

    def post(self, transfers: Sequence[Transfer]) -> list[Answer]:
        self.effect()
        answers: list[Answer] = self.engine.post(transfers)
        self.effect()
        return answers


def turn(store: Any, engine: Any) -> int:
    """One turn of a worker."""
    return post_intents(SimpleNamespace(store=store, ledger_engine=engine, now=lambda: NOW))  # type: ignore[arg-type]


def post(store: Store, *moves: Transfer) -> None:
    """What a worker's batch does."""
    with store.work() as tx:
        tx.ledger.open_accounts(ALL)
        assert set(tx.ledger.post(moves)) == {Answer.POSTED}


def balances(ledger: Ledger) -> dict[str, Any]:
    """All of them."""
    return ledger.balances([entry.id for entry in ALL])


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.slow)])
def new_store(request: pytest.FixtureRequest) -> Callable[[bool], Store]:
    """A store that keeps intents, or none."""
    if request.param == "memory":
        return lambda keeps: MemoryStore(keeps_intents=keeps)
    database: Database = request.getfixturevalue("database")

    def new(keeps: bool) -> Store:
        opened = PostgresStore(master_key=MASTER_KEY, work_dsn=database.work_dsn, pool_size=2, keeps_intents=keeps)
        request.addfinalizer(opened.close)
        return opened

    return new


def test_a_crash_at_any_point_is_finished_once(new_store: Callable[[bool], Store]) -> None:
    store, engine = new_store(True), MemoryEngine()
    count = 0
    for dies_at in range(EFFECTS):
        post(store, *story())
        count += 4
        dying = Dying(store, engine, dies_at)
        with pytest.raises(Killed):
            turn(dying, dying)
        while turn(store, engine):
            pass
        with store.work() as tx, engine.store.work() as there:
            assert tx.intents.open(limit=10) == []
            assert balances(there.ledger) == balances(tx.ledger)
        assert engine.posted == count
    dying = Dying(store, engine, EFFECTS)
    post(store, *story())
    assert turn(dying, dying) == 4 and dying.left == 0, "every effect of a turn was died at"


def test_what_is_rolled_back_is_never_told(new_store: Callable[[bool], Store]) -> None:
    store, engine = new_store(True), MemoryEngine()
    with pytest.raises(ZeroDivisionError), store.work() as tx:
        tx.ledger.open_accounts(ALL)
        assert tx.ledger.post([pay(BUYER, ESCROW, 5)]) == [Answer.POSTED]
        raise ZeroDivisionError
    with store.work() as tx:
        tx.ledger.open_accounts(ALL)
        assert tx.ledger.post([pay(ESCROW, BUYER, 5)]) == [Answer.EXCEEDS_LIMIT]
    assert turn(store, engine) == 0 and engine.posted == 0


def test_intents_come_in_order_and_are_answered_once(new_store: Callable[[bool], Store]) -> None:
    store, moves = new_store(True), story()
    for move in moves:
        post(store, move)
    with store.work() as tx:
        assert tx.ledger.post(moves) == [Answer.EXISTS] * 4
        intents = tx.intents.open(limit=10)
        assert [intent.transfer for intent in intents] == moves
        assert [intent.debit for intent in intents] == [BUYER, ESCROW, ESCROW, ESCROW]
        assert [intent.no for intent in tx.intents.open(limit=2)] == [intent.no for intent in intents[:2]]
        tx.intents.confirm([(intents[0].no, Answer.POSTED), (intents[2].no, Answer.EXISTS)], at=NOW)
        tx.intents.confirm([(intents[0].no, Answer.EXISTS)], at=NOW)
        assert [intent.no for intent in tx.intents.open(limit=10)] == [intents[1].no, intents[3].no]


def test_an_engine_that_comes_later_is_told_of_what_was_there(new_store: Callable[[bool], Store]) -> None:
    store, engine = new_store(False), MemoryEngine()
    post(store, *story())
    assert turn(store, engine) == 0
    with store.work() as tx:
        assert (tx.intents.catch_up(), tx.intents.catch_up()) == (4, 0)
    assert turn(store, engine) == 4
    with store.work() as tx, engine.store.work() as there:
        assert balances(there.ledger) == balances(tx.ledger)


@pytest.mark.slow
def test_an_engine_that_refuses_shows_in_the_check(database: Database) -> None:
    store, engine = PostgresStore(master_key=MASTER_KEY, work_dsn=database.work_dsn, keeps_intents=True), MemoryEngine()
    moves = story()
    post(store, *moves)
    engine.open_accounts(ALL)
    engine.post([replace(moves[0], amount_minor=101)])  # somebody used the engine beside the books
    assert turn(store, engine) == 4
    with store.work() as tx:
        assert [(one.about, one.subject.replace("-", ""), one.computed) for one in tx.ledger.check()] == [
            ("the other engine refuses", moves[0].id, "exists_different")
        ]
    store.close()


def compared(store: Any, engine: Any) -> tuple[int, set[str]]:
    """How many accounts were moving, and which are otherwise in the engine."""
    found = Compared()
    compare(store, engine, [entry.id for entry in ALL], found)
    assert found.accounts == 3
    return found.moving, set(found.differences)


def test_balances_of_the_engine_are_held_against_the_books(new_store: Callable[[bool], Store]) -> None:
    store, engine = new_store(True), TigerBeetleLedger(FakeCluster())  # type: ignore[arg-type]
    assert compared(store, engine) == (0, set()), "accounts that nobody opened yet"
    post(store, *story())
    assert compared(store, engine) == (3, set()), "it has not been told"
    assert turn(store, engine) == 4
    assert compared(store, engine) == (0, set())
    engine.post([pay(BUYER, ESCROW, 7)])  # somebody used the engine beside the books
    assert compared(store, engine) == (0, {BUYER.id, ESCROW.id})
    post(store, pay(BUYER, SELLER, 1))
    assert compared(store, engine) == (2, {ESCROW.id})


def test_what_is_posted_while_balances_are_compared_is_no_difference(new_store: Callable[[bool], Store]) -> None:
    store, engine = new_store(True), MemoryEngine()

    def asked(accounts: Sequence[str]) -> dict[str, Any]:
        post(store, pay(BUYER, ESCROW, 5))
        turn(store, engine)
        with engine.store.work() as there:
            return there.ledger.balances(accounts)

    assert compared(store, SimpleNamespace(balances=asked)) == (2, set())


@pytest.mark.slow
def test_the_check_tells_what_the_engine_holds_otherwise(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, engine = PostgresStore(master_key=MASTER_KEY, work_dsn=database.work_dsn, keeps_intents=True), MemoryEngine()
    monkeypatch.setattr(wire, "open_store", lambda _: nullcontext(store))
    monkeypatch.setattr(wire, "ledger_engine", lambda _: TigerBeetleLedger(FakeCluster()))  # type: ignore[arg-type]
    post(store, *story())
    assert turn(store, engine) == 4  # another cluster than the check asks: that one lost everything
    assert check(json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["other_engine"] == {"accounts": 3, "moving": 0}
    assert {"about": "the other engine", "subject": BUYER.id, "kept": "0 0 0 0", "computed": "100 40 0 0"} in (
        told["differences"]
    )
    assert len(told["differences"]) == 3
    store.close()


class Stale(FakeCluster):
    """A cluster where a neighbour takes the room after we looked."""

    taken = 0

    def lookup_accounts(self, ids: list[int]) -> list[tb.Account]:
        found = super().lookup_accounts(ids)
        return [replace(entry, credits_posted=entry.credits_posted + self.taken) for entry in found]


def test_a_neighbour_that_was_faster_is_told_in_the_same_words() -> None:
    cluster = Stale()
    engine = TigerBeetleLedger(cluster)  # type: ignore[arg-type]
    engine.open_accounts(ALL)
    assert engine.post([pay(BUYER, ESCROW, 5)]) == [Answer.POSTED]
    cluster.taken = 100
    late = pay(ESCROW, SELLER, 50)
    assert engine.post([late, pay(ESCROW, SELLER, 5)]) == [Answer.EXCEEDS_LIMIT, Answer.POSTED]
    assert engine.post([pay(BUYER, ESCROW, 100)]) == [Answer.POSTED]
    assert engine.post([late]) == [Answer.EXCEEDS_LIMIT], "the cluster never takes a refused id again"


def test_the_same_id_posted_by_a_neighbour_meanwhile_is_compared_without_its_time() -> None:
    cluster = FakeCluster()
    engine = TigerBeetleLedger(cluster)  # type: ignore[arg-type]
    engine.open_accounts(ALL)
    one = pay(BUYER, ESCROW, 5)
    assert engine.post([one]) == [Answer.POSTED]
    seen = cluster.lookup_transfers
    calls = iter([lambda ids: [], seen, lambda ids: [], seen])  # first nothing is there, then it is
    cluster.lookup_transfers = lambda ids: next(calls)(ids)  # type: ignore[method-assign]
    assert engine.post([replace(one, at=NOW + 9)]) == [Answer.EXISTS]
    assert engine.post([replace(one, event="released", at=NOW + 9)]) == [Answer.EXISTS_DIFFERENT]


def test_settings_name_the_engine_or_none() -> None:
    assert ledger_engine(read_settings({})) is None
    for wrong in ({"ENTREPOT_LEDGER": "tigerbeetle"}, {"ENTREPOT_LEDGER": "paper"}):
        with pytest.raises(Invalid) as caught:
            ledger_engine(read_settings(wrong))
        assert caught.value.code == "ledger_engine_unknown"


def line(id_: int, debit: str, credit: str, amount: int, **more: str) -> str:
    """A line of a ledger file."""
    return json.dumps({"id": f"{id_:032x}", "debit": debit, "credit": credit, "amount": amount, "asset": "USD"} | more)


def test_a_file_is_answered_in_the_same_words_on_another_engine(tmp_path: Path) -> None:
    path, hold = tmp_path / "moves.jsonl", f"{3:032x}"
    lines = [
        line(1, "outside:a", "escrow:1", 10), line(1, "outside:a", "escrow:1", 10),
        line(1, "outside:a", "escrow:1", 11),
        line(2, "escrow:1", "outside:b", 11), line(3, "escrow:1", "outside:b", 4, phase="pending"),
        line(4, "escrow:1", "outside:b", 4, phase="void", pending_id=hold),
        line(5, "escrow:1", "outside:b", 4, phase="post", pending_id=hold), line(6, "outside:a", "outside:a", 1),
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    cluster = FakeCluster()
    for engine in (MemoryEngine(), TigerBeetleLedger(cluster)):  # type: ignore[arg-type]
        assert [answer.value for _, answer in post_lines(path, engine, now=NOW)] == [  # type: ignore[arg-type]
            "posted", "exists", "exists_different", "exceeds_limit", "posted", "posted", "pending_ended",
            "same_account",
        ]  # fmt: skip
    assert int(account(AccountClass.OUTSIDE, "a", "USD").id, 16) not in cluster.accounts, "apart from the books"


def test_a_cluster_that_ends_gives_no_final_answer() -> None:
    class Gone(FakeCluster):
        def create_accounts(self, accounts: list[tb.Account]) -> list[Any]:
            raise tb.ClientClosedError

    with pytest.raises(Unavailable):
        TigerBeetleLedger(Gone()).open_accounts(ALL)  # type: ignore[arg-type]
