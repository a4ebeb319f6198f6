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

from entrepot.core.ledger import LIMITED, AccountClass, Answer, Phase, Transfer, account
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

    def __init__(self) -> None:
        super().__init__()
        self.connection.rollback()
        self.postgres = PostgresLedger(self.connection)
        self.store = MemoryStore()
        self.seen: list[Transfer] = []
        self.posted: list[Transfer] = []
        self.postgres.open_accounts(OPEN)
        with self.store.work() as tx:
            tx.ledger.open_accounts(OPEN)

    def post(self, batch: list[Transfer]) -> None:
        """Posts to both and compares."""
        with self.store.work() as tx:
            answers = tx.ledger.post(batch)
        assert self.postgres.post(batch) == answers
        self.seen += batch
        self.posted += [move for move, answer in zip(batch, answers, strict=True) if answer is Answer.POSTED]

    @rule(batch=st.lists(FRESH, min_size=1, max_size=24))
    def post_anything(self, batch: list[Transfer]) -> None:
        """A batch of whatever comes."""
        self.post(batch)

    @rule(
        amounts=st.lists(st.integers(1, 9), min_size=9, max_size=20),
        debit=st.sampled_from(OPEN[:3]),
        at=st.integers(0, 9),
    )
    def post_sound(self, amounts: list[int], debit: Any, at: int) -> None:
        """A batch of fresh ids that may pass whole."""
        first = 1000 + len(self.seen)
        credit = OPEN[2 if debit is not OPEN[2] else 4]
        self.post(
            [
                Transfer(f"{first + n:032x}", debit.id, credit.id, amount, Phase.POSTED, "x", at)
                for n, amount in enumerate(amounts)
            ]
        )

    @rule(
        picks=st.data(), size=st.integers(1, 12), phase=st.sampled_from((Phase.POST, Phase.VOID)), at=st.integers(0, 9)
    )
    def end_holds(self, picks: st.DataObject, size: int, phase: Phase, at: int) -> None:
        """Ends of holds: open, ended, refused, or no holds at all."""
        if not self.seen:
            return
        holds = [picks.draw(st.sampled_from(self.seen)) for _ in range(size)]
        first = 100_000 + len(self.seen)
        self.post([replace(hold, id=f"{first + n:032x}", phase=phase, pending_id=hold.id, at=at)
                   for n, hold in enumerate(holds)])  # fmt: skip

    @rule()
    def retry(self) -> None:
        """Everything that was posted, again."""
        if self.posted:
            with self.store.work() as tx:
                assert set(tx.ledger.post(self.posted)) == {Answer.EXISTS}
            assert set(self.postgres.post(self.posted)) == {Answer.EXISTS}

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
        yield type("Connected", (Engines,), {"connection": connection})


def test_both_engines_answer_alike(machine: type[Engines]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=12, deadline=None, derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )  # fmt: skip
