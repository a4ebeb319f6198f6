"""Callers who share commits: each gets its own answer, and nobody fails for another's transfer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from made_up import NOW, Database, new_id

from entrepot.core.errors import Invalid, Unavailable
from entrepot.core.ledger import AccountClass, Answer, Phase, Transfer, account
from entrepot.store.memory import MemoryStore
from entrepot.store.shared_ledger import SharedLedger
from entrepot.store.store import Store

BUYER = account(AccountClass.OUTSIDE, "b" * 32, "USD")
ESCROW = account(AccountClass.ESCROW, "e" * 32, "USD")
CALLERS = 20


def pay(amount: int, **fields: Any) -> Transfer:
    """From the buyer to escrow."""
    return replace(Transfer(new_id(), BUYER.id, ESCROW.id, amount, Phase.POSTED, "funded", NOW), **fields)


def take(amount: int) -> Transfer:
    """From escrow to the buyer."""
    return pay(amount, debit=ESCROW.id, credit=BUYER.id)


class Books:
    """A store that counts its commits. Nobody's first post is done before all callers are there, so the rest gather."""

    def __init__(self, store: Store, callers: int) -> None:
        self.store = store
        self.commits = 0
        self.there = threading.Semaphore(0)
        self.callers = callers
        with store.work() as tx:
            tx.ledger.open_accounts([BUYER, ESCROW])

    def post(self, moves: Sequence[Transfer]) -> list[Answer]:
        """One batch, durable."""
        if self.commits == 0:
            for _ in range(self.callers - 1):
                self.there.acquire(timeout=10)
        self.commits += 1
        with self.store.work() as tx:
            return tx.ledger.post(moves)

    def together(self, batches: Sequence[Sequence[Transfer]]) -> list[Any]:
        """Each batch by a caller of its own, all at once: what each got, answers or an error."""
        shared, got = SharedLedger(self.post), [None] * len(batches)  # type: list[Any]

        def call(place: int) -> None:
            if place:
                self.there.release()
            try:
                got[place] = shared.post(batches[place])
            except Exception as error:
                got[place] = error

        threads = [threading.Thread(target=call, args=(place,)) for place in range(len(batches))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        return got


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.slow)])
def new_books(request: pytest.FixtureRequest) -> Callable[[int], Books]:
    """Books on either store."""
    if request.param == "memory":
        return lambda callers: Books(MemoryStore(), callers)
    database: Database = request.getfixturevalue("database")
    opened = database.open()
    request.addfinalizer(opened.close)
    return lambda callers: Books(opened, callers)


def test_callers_share_commits(new_books: Callable[[int], Books]) -> None:
    books = new_books(CALLERS)
    assert books.together([[pay(1)] for _ in range(CALLERS)]) == [[Answer.POSTED]] * CALLERS
    assert books.commits < CALLERS / 2
    with books.store.work() as tx:
        assert tx.ledger.balances([ESCROW.id])[ESCROW.id].posted_minor == CALLERS


def test_each_gets_its_own_answers(new_books: Callable[[int], Books]) -> None:
    one = pay(3)
    books = new_books(4)
    got = books.together([[one, replace(one, amount_minor=4), one], [take(50)], [pay(2), pay(0)], [take(60), pay(1)]])
    assert got == [
        [Answer.POSTED, Answer.EXISTS_DIFFERENT, Answer.EXISTS], [Answer.EXCEEDS_LIMIT],
        [Answer.POSTED, Answer.AMOUNT_OUT_OF_RANGE], [Answer.EXCEEDS_LIMIT, Answer.POSTED],
    ]  # fmt: skip


def test_what_is_malformed_fails_its_caller_only(new_books: Callable[[int], Books]) -> None:
    books = new_books(CALLERS)
    batches = [[pay(1)] for _ in range(CALLERS - 2)] + [[pay(1, id="no id")], [pay(1, event="a\0b")]]
    got = books.together(batches)
    assert got[: CALLERS - 2] == [[Answer.POSTED]] * (CALLERS - 2)
    assert isinstance(got[-2], Invalid)


def test_where_no_final_answer_came_all_of_the_group_hear_it_and_the_next_are_served() -> None:
    failing = iter([False, True])
    books = Books(MemoryStore(), 3)
    real = books.post

    def post(moves: Sequence[Transfer]) -> list[Answer]:
        if next(failing, False):
            raise Unavailable("store_unavailable", "No final answer.")
        return real(moves)

    books.post = post  # type: ignore[method-assign]
    mine = [[pay(1)] for _ in range(3)]
    got = books.together(mine)
    assert sorted(type(entry).__name__ for entry in got) == ["Unavailable", "Unavailable", "list"]
    again = SharedLedger(real)
    assert sorted(answer for one in mine for answer in again.post(one)) == [Answer.EXISTS, Answer.POSTED, Answer.POSTED]
