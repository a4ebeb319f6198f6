"""The ledger's two engines, transfer by transfer: whatever comes, the same answers and balances, then and now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from made_up import Database
from psycopg.rows import dict_row

from entrepot.core.ledger import LIMITED, Account, AccountClass, Answer, Phase, Transfer, account
from entrepot.core.money import AMOUNT_MINOR_MAX
from entrepot.store.memory import MemoryStore
from entrepot.store.postgres_ledger import PostgresLedger

pytestmark = pytest.mark.slow

OPEN = (
    account(AccountClass.OUTSIDE, "buyer", "USD"),
    account(AccountClass.OUTSIDE, "seller", "USD"),
    account(AccountClass.ESCROW, "one", "USD"),
    account(AccountClass.ESCROW, "two", "USD"),
    account(AccountClass.FEE_DUE, "one", "USD"),
    account(AccountClass.MISPAID, "one", "EUR"),
)
UNOPENED = account(AccountClass.ESCROW, "three", "USD")
IDS = [f"{n:032x}" for n in range(1, 41)]
AMOUNTS = st.one_of(st.integers(1, 9), st.sampled_from((0, -1, AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX + 1)))
# Mostly sound, so that batches pass whole as often as one by one.
ACCOUNTS = st.sampled_from([entry.id for entry in (*OPEN[:5] * 4, *OPEN[5:], UNOPENED)])
FRESH = st.builds(
    Transfer,
    id=st.sampled_from(IDS),
    debit=st.one_of(st.just(OPEN[0].id), ACCOUNTS),
    credit=ACCOUNTS,
    amount_minor=st.one_of(st.integers(1, 9), AMOUNTS),
    phase=st.sampled_from((Phase.POSTED, Phase.POSTED, Phase.PENDING, Phase.PENDING, Phase.POST)),
    event=st.sampled_from(("funded", "released")),
    at=st.integers(0, 9),
    settlement=st.sampled_from(("", IDS[0])),
    pending_id=st.sampled_from(("",) * 9 + tuple(IDS[:3])),
)


class Engines(RuleBasedStateMachine):
    """Posts the same to both engines, each example in a PostgreSQL transaction that is rolled back."""

    connection: psycopg.Connection[dict[str, Any]]
    answered: set[Answer]

    def __init__(self) -> None:
        super().__init__()
        self.connection.rollback()
        self.postgres = PostgresLedger(self.connection)
        self.store = MemoryStore()
        self.seen: list[Transfer] = []
        self.posted: list[Transfer] = []
        self.count = 1000
        self.postgres.open_accounts(OPEN)
        with self.store.work() as tx:
            tx.ledger.open_accounts(OPEN)

    def post(self, batch: list[Transfer]) -> list[Answer]:
        """Posts to both and compares."""
        with self.store.work() as tx:
            answers = tx.ledger.post(batch)
        assert self.postgres.post(batch) == answers
        self.answered.update(answers)
        self.seen += batch
        self.posted += [move for move, answer in zip(batch, answers, strict=True) if answer is Answer.POSTED]
        return answers

    @rule(batch=st.lists(FRESH, min_size=1, max_size=24))
    def post_anything(self, batch: list[Transfer]) -> None:
        """A batch of whatever comes."""
        self.post(batch)

    def fresh_id(self) -> str:
        """An id that was never used."""
        self.count += 1
        return f"{self.count:032x}"

    @rule(
        legs=st.lists(st.tuples(st.sampled_from(OPEN[:5]), st.sampled_from(OPEN[:5]), st.integers(1, 9)), max_size=20),
        phase=st.sampled_from((Phase.POSTED, Phase.PENDING)),
        at=st.integers(0, 9),
    )
    def post_sound(self, legs: list[tuple[Account, Account, int]], phase: Phase, at: int) -> None:
        """A batch between open accounts, with fresh ids: what stands in the way is the room."""
        self.post(
            [
                Transfer(self.fresh_id(), debit.id, credit.id, amount, phase, "x", at)
                for debit, credit, amount in legs
                if debit != credit
            ]
        )

    @rule(amount=st.integers(1, 40), to=st.sampled_from(OPEN[2:5]), at=st.integers(0, 9))
    def fund(self, amount: int, to: Account, at: int) -> None:
        """Room to take from."""
        self.post([Transfer(self.fresh_id(), OPEN[0].id, to.id, amount, Phase.POSTED, "funded", at)])

    @rule(of=st.sampled_from(OPEN[2:5]), over=st.integers(-1, 1), phase=st.sampled_from((Phase.POSTED, Phase.PENDING)))
    def take_about_all(self, of: Account, over: int, phase: Phase) -> None:
        """All that is available, one less or one more."""
        with self.store.work() as tx:
            amount = tx.ledger.balances([of.id])[of.id].available_minor + over
        self.post([Transfer(self.fresh_id(), of.id, OPEN[1].id, amount, phase, "released", 5)])

    @rule(
        picks=st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from((Phase.POST, Phase.VOID))), max_size=14),
        amount_off=st.sampled_from((0, 0, 0, 1)),
        at=st.integers(0, 9),
    )
    def end_holds(self, picks: list[tuple[int, Phase]], amount_off: int, at: int) -> None:
        """Ends of holds, open or ended, and now and then of what is no hold."""
        named = [move for move in self.seen if move.phase is Phase.PENDING] + self.seen[-1:]
        holds = [(named[pick % len(named)], phase) for pick, phase in picks] if named else []
        self.post(
            [
                replace(
                    hold, id=self.fresh_id(), phase=phase, pending_id=hold.id, at=at,
                    amount_minor=hold.amount_minor + amount_off,
                )
                for hold, phase in holds
            ]
        )  # fmt: skip

    @rule()
    def retry(self) -> None:
        """Everything that was posted, again."""
        if self.posted:
            later = [replace(move, at=move.at + 1) for move in self.posted]
            assert set(self.post(later)) == {Answer.EXISTS}

    @invariant()
    def balances_agree_and_add_up(self) -> None:
        """The same balances; per asset the sum is zero; nobody limited is below zero."""
        ids = [entry.id for entry in (*OPEN, UNOPENED)]
        with self.store.work() as tx:
            held = tx.ledger.balances(ids)
        assert self.postgres.balances(ids) == held and len(held) == len(OPEN)
        for asset in ("USD", "EUR"):
            of_asset = [held[entry.id] for entry in OPEN if entry.asset == asset]
            assert sum(entry.posted_minor for entry in of_asset) == 0
            assert sum(entry.credits_pending - entry.debits_pending for entry in of_asset) == 0
        assert all(held[entry.id].available_minor >= 0 for entry in OPEN if entry.account_class in LIMITED)

    def teardown(self) -> None:
        """At the end: the same balances at every time, the same transfers, and books that follow from them."""
        ids = [entry.id for entry in OPEN]
        with self.store.work() as tx:
            for at in range(-1, 10):
                assert self.postgres.balances(ids, at=at) == tx.ledger.balances(ids, at=at)
            assert self.postgres.balances(ids, at=9) == tx.ledger.balances(ids)
            assert self.postgres.transfers_of(IDS[0]) == tx.ledger.transfers_of(IDS[0])
        assert self.postgres.check() == []


@pytest.fixture
def machine(database: Database) -> Iterator[type[Engines]]:
    with psycopg.connect(database.work_dsn, row_factory=dict_row) as connection:
        yield type("Connected", (Engines,), {"connection": connection, "answered": set()})


def test_both_engines_answer_alike(machine: type[Engines]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=15, deadline=None, derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )  # fmt: skip
    assert machine.answered == set(Answer), f"never answered: {set(Answer) - machine.answered}"
