"""The ledger's Protocol on every engine: each answer, beside it the nearest other one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engines import Books, EngineBooks
from made_up import NOW, admit, funded, new_id

from entrepot.core.bookkeeping import OPERATOR
from entrepot.core.errors import Invalid
from entrepot.core.ledger import Account, AccountClass, Answer, Balance, Phase, Transfer, account
from entrepot.core.money import AMOUNT_MINOR_MAX
from entrepot.store.records import Reader
from entrepot.store.store import Store

USD, EUR = "USD", "EUR"
BUYER = account(AccountClass.OUTSIDE, "b" * 32, USD)
SELLER = account(AccountClass.OUTSIDE, "5" * 32, USD)
ESCROW = account(AccountClass.ESCROW, "e" * 32, USD)
FEE = account(AccountClass.FEE_DUE, "e" * 32, USD)
EUROS = account(AccountClass.ESCROW, "e" * 32, EUR)
UNOPENED = account(AccountClass.ESCROW, "f" * 32, USD)
ALL = (BUYER, SELLER, ESCROW, FEE, EUROS)
P, X = Answer.POSTED, Answer.EXCEEDS_LIMIT


def move(debit: Account, credit: Account, amount: int, phase: Phase = Phase.POSTED, **fields: object) -> Transfer:
    """A transfer with a fresh id."""
    made = Transfer(new_id(), debit.id, credit.id, amount, phase, "funded", NOW)
    return replace(made, **fields)  # type: ignore[arg-type]


def end(hold: Transfer, phase: Phase, **fields: object) -> Transfer:
    """A transfer that ends a hold."""
    return replace(hold, id=new_id(), phase=phase, pending_id=hold.id, **fields)  # type: ignore[arg-type]


def post(store: Books, *moves: Transfer) -> list[Answer]:
    """Posts one batch in a transaction of its own."""
    with store.work() as tx:
        tx.ledger.open_accounts(ALL)
        return tx.ledger.post(moves)


def balance(store: Books, of: Account, at: int | None = None) -> Balance:
    """One balance."""
    with store.work() as tx:
        return tx.ledger.balances([of.id], at=at)[of.id]


def test_money_moves_from_debit_to_credit(books: Books) -> None:
    assert post(books, move(BUYER, ESCROW, 100)) == [P]
    assert balance(books, BUYER) == Balance(debits_posted=100)
    assert balance(books, ESCROW) == Balance(credits_posted=100)


def test_a_batch_is_answered_in_order_and_sees_itself(books: Books) -> None:
    batch = [move(BUYER, ESCROW, 100), move(ESCROW, SELLER, 90), move(ESCROW, SELLER, 11), move(ESCROW, FEE, 10)]
    assert post(books, *batch) == [P, P, X, P]
    assert balance(books, ESCROW).available_minor == 0


@pytest.mark.parametrize("size", [1, 8, 9, 40])
def test_one_refusal_leaves_the_others_posted(books: Books, size: int) -> None:
    batch = [*(move(BUYER, ESCROW, 1) for _ in range(size)), move(ESCROW, SELLER, size + 1), move(ESCROW, SELLER, size)]
    assert post(books, *batch) == [*[P] * size, X, P]
    assert balance(books, ESCROW).available_minor == 0


def test_taking_before_it_came_is_refused_even_if_the_batch_evens_out(books: Books) -> None:
    fill = [move(BUYER, FEE, 1) for _ in range(10)]
    assert post(books, *fill, move(ESCROW, SELLER, 5), move(BUYER, ESCROW, 5)) == [*[P] * 10, X, P]


def test_only_outside_may_go_below_zero(books: Books) -> None:
    assert post(books, move(SELLER, BUYER, 7), move(FEE, BUYER, 7), move(ESCROW, BUYER, 7)) == [P, X, X]


def test_the_same_transfer_twice_is_posted_once(books: Books) -> None:
    first = move(BUYER, ESCROW, 100)
    assert post(books, first, first) == [P, Answer.EXISTS]
    assert post(books, first) == [Answer.EXISTS]
    assert post(books, replace(first, at=NOW + 9)) == [Answer.EXISTS]  # a retry comes later
    assert balance(books, ESCROW).posted_minor == 100


@pytest.mark.parametrize(
    "other",
    [
        {"amount_minor": 101}, {"amount_minor": 0}, {"credit": FEE.id}, {"debit": UNOPENED.id},
        {"phase": Phase.PENDING}, {"event": "refunded"}, {"settlement": "a" * 32},
        {"phase": Phase.POST, "pending_id": "a" * 32},
    ],
)  # fmt: skip
def test_the_same_id_with_other_content_is_told(books: Books, other: dict[str, object]) -> None:
    first = move(BUYER, ESCROW, 100)
    assert post(books, first) == [P]
    assert post(books, replace(first, **other)) == [Answer.EXISTS_DIFFERENT]  # type: ignore[arg-type]
    assert balance(books, ESCROW).posted_minor == 100


def test_a_whole_batch_again_changes_nothing(books: Books) -> None:
    batch = [move(BUYER, ESCROW, n) for n in range(1, 30)]
    assert post(books, *batch) == [P] * 29
    assert post(books, *batch, move(BUYER, ESCROW, 1)) == [*[Answer.EXISTS] * 29, P]


def test_a_refused_id_may_be_used_again(books: Books) -> None:
    early = move(ESCROW, SELLER, 5)
    assert post(books, early, move(BUYER, ESCROW, 5), early) == [X, P, P]


@pytest.mark.parametrize(
    ("amount", "answer"),
    [(0, Answer.AMOUNT_OUT_OF_RANGE), (-1, Answer.AMOUNT_OUT_OF_RANGE), (1, P), (AMOUNT_MINOR_MAX, P),
     (AMOUNT_MINOR_MAX + 1, Answer.AMOUNT_OUT_OF_RANGE), (10**77, Answer.AMOUNT_OUT_OF_RANGE)],
)  # fmt: skip
def test_amounts_lie_between_one_and_two_to_the_127_less_one(books: Books, amount: int, answer: Answer) -> None:
    fill = [move(BUYER, ESCROW, 1) for _ in range(9)]
    assert post(books, move(BUYER, ESCROW, amount)) == [answer]
    assert post(books, *fill, move(BUYER, ESCROW, amount))[-1] == answer


def test_totals_may_exceed_what_one_transfer_may_move(books: Books) -> None:
    if isinstance(books, EngineBooks):
        pytest.skip("totals end at 2^128 - 1 there")
    assert post(books, *(move(BUYER, ESCROW, AMOUNT_MINOR_MAX) for _ in range(12))) == [P] * 12
    assert balance(books, ESCROW).posted_minor == 12 * AMOUNT_MINOR_MAX


def test_malformed_transfers_are_told_apart(books: Books) -> None:
    assert post(
        books, move(BUYER, BUYER, 1), move(UNOPENED, BUYER, 1), move(BUYER, UNOPENED, 1), move(BUYER, EUROS, 1)
    ) == [Answer.SAME_ACCOUNT, Answer.ACCOUNT_UNKNOWN, Answer.ACCOUNT_UNKNOWN, Answer.ASSETS_DIFFER]  # fmt: skip


def test_refusals_come_in_their_stated_order(books: Books) -> None:
    wrong = replace(move(UNOPENED, UNOPENED, 0, Phase.POST), pending_id="a" * 32)
    assert post(books, wrong) == [Answer.AMOUNT_OUT_OF_RANGE]
    assert post(books, replace(wrong, amount_minor=1)) == [Answer.SAME_ACCOUNT]
    assert post(books, replace(wrong, amount_minor=1, debit=ESCROW.id)) == [Answer.ACCOUNT_UNKNOWN]
    assert post(books, replace(wrong, amount_minor=1, debit=ESCROW.id, credit=EUROS.id)) == [Answer.ASSETS_DIFFER]
    assert post(books, replace(wrong, amount_minor=1, debit=ESCROW.id, credit=FEE.id)) == [Answer.PENDING_UNKNOWN]
    hold = move(BUYER, ESCROW, 9, Phase.PENDING)
    assert post(books, hold, end(hold, Phase.VOID), end(hold, Phase.POST, amount_minor=8), end(hold, Phase.POST)) == [
        P, P, Answer.PENDING_DIFFERENT, Answer.PENDING_ENDED
    ]  # fmt: skip


def test_a_hold_takes_room_and_posting_it_moves_the_money(books: Books) -> None:
    hold = move(ESCROW, SELLER, 60, Phase.PENDING)
    assert post(books, move(BUYER, ESCROW, 100), hold) == [P, P]
    assert balance(books, ESCROW) == Balance(credits_posted=100, debits_pending=60)
    assert balance(books, SELLER) == Balance(credits_pending=60)
    assert post(books, move(ESCROW, SELLER, 41), move(ESCROW, SELLER, 40), end(hold, Phase.POST)) == [X, P, P]
    assert balance(books, ESCROW) == Balance(credits_posted=100, debits_posted=100)
    assert balance(books, SELLER) == Balance(credits_posted=100)


def test_holds_that_exceed_the_balance_are_refused(books: Books) -> None:  # blnk issue 181
    holds = [move(ESCROW, SELLER, 60, Phase.PENDING) for _ in range(12)]
    assert post(books, move(BUYER, ESCROW, 100)) == [P]
    assert post(books, *holds) == [P, *[X] * 11]
    assert balance(books, ESCROW).available_minor == 40


def test_a_refused_hold_can_not_be_posted(books: Books) -> None:  # blnk issue 182
    hold = move(ESCROW, SELLER, 60, Phase.PENDING)
    assert post(books, move(BUYER, ESCROW, 50), hold) == [P, X]
    assert post(books, end(hold, Phase.POST), end(hold, Phase.VOID)) == [Answer.PENDING_UNKNOWN] * 2
    assert balance(books, ESCROW) == Balance(credits_posted=50)


def test_a_voided_hold_gives_its_room_back_and_can_not_be_posted(books: Books) -> None:  # mojaloop 868, blnk 182
    hold = move(ESCROW, SELLER, 100, Phase.PENDING)
    assert post(books, move(BUYER, ESCROW, 100), hold, move(ESCROW, SELLER, 1)) == [P, P, X]
    assert post(books, end(hold, Phase.VOID)) == [P]
    assert balance(books, ESCROW) == Balance(credits_posted=100)
    assert post(books, end(hold, Phase.POST)) == [Answer.PENDING_ENDED]
    assert post(books, move(ESCROW, SELLER, 100)) == [P]


@pytest.mark.parametrize("size", [1, 10])
def test_a_hold_ends_once(books: Books, size: int) -> None:
    holds = [move(BUYER, ESCROW, 5, Phase.PENDING) for _ in range(size)]
    assert post(books, *holds) == [P] * size
    assert post(books, *(end(hold, Phase.POST) for hold in holds)) == [P] * size
    assert post(books, *(end(hold, Phase.VOID) for hold in holds)) == [Answer.PENDING_ENDED] * size
    assert balance(books, ESCROW) == Balance(credits_posted=5 * size)


def test_two_ends_of_one_hold_in_one_batch_are_told_apart(books: Books) -> None:
    hold = move(BUYER, ESCROW, 5, Phase.PENDING)
    fill = [move(BUYER, FEE, 1) for _ in range(9)]
    assert post(books, hold) == [P]
    assert post(books, *fill, end(hold, Phase.VOID), end(hold, Phase.POST))[-2:] == [P, Answer.PENDING_ENDED]


def test_a_retried_end_of_a_hold_exists(books: Books) -> None:
    hold = move(BUYER, ESCROW, 5, Phase.PENDING)
    done = end(hold, Phase.POST)
    assert post(books, hold, done) == [P, P]
    assert post(books, done) == [Answer.EXISTS]


@pytest.mark.parametrize("other", [{"amount_minor": 4}, {"amount_minor": 6}, {"credit": FEE.id}, {"debit": SELLER.id}])
def test_an_end_repeats_its_hold(books: Books, other: dict[str, object]) -> None:
    hold = move(BUYER, ESCROW, 5, Phase.PENDING)
    assert post(books, hold, end(hold, Phase.POST, **other)) == [P, Answer.PENDING_DIFFERENT]
    assert balance(books, ESCROW) == Balance(credits_pending=5)


def test_only_ends_name_a_hold_and_only_holds_are_ended(books: Books) -> None:
    moved, hold = move(BUYER, ESCROW, 5), move(BUYER, ESCROW, 5, Phase.PENDING)
    assert post(books, moved, hold) == [P, P]
    assert post(books, end(moved, Phase.POST), end(hold, Phase.POSTED), end(hold, Phase.PENDING)) == [
        Answer.PENDING_UNKNOWN, Answer.PENDING_DIFFERENT, Answer.PENDING_DIFFERENT
    ]  # fmt: skip


def test_balances_at_a_time_count_what_is_not_later(books: Books) -> None:
    hold = move(ESCROW, SELLER, 30, Phase.PENDING, at=NOW + 20)
    post(books, move(BUYER, ESCROW, 100, at=NOW + 10), hold, end(hold, Phase.POST, at=NOW + 30))
    seen = [balance(books, ESCROW, at=NOW + at) for at in (9, 10, 19, 20, 29, 30)]
    came, held = Balance(credits_posted=100), Balance(credits_posted=100, debits_pending=30)
    assert seen == [Balance(), came, came, held, held, Balance(credits_posted=100, debits_posted=30)]
    assert balance(books, ESCROW) == seen[-1]


def test_transfers_posted_late_count_from_their_own_time(books: Books) -> None:
    post(books, move(BUYER, ESCROW, 1, at=NOW + 10))
    post(books, move(BUYER, ESCROW, 2, at=NOW + 5))
    assert balance(books, ESCROW, at=NOW + 5) == Balance(credits_posted=2)


def test_a_hold_and_its_end_stand_in_one_batch_in_their_order(books: Books) -> None:
    holds = [move(BUYER, ESCROW, 5, Phase.PENDING) for _ in range(10)]
    ends = [end(hold, Phase.POST) for hold in holds]
    assert post(books, *(entry for pair in zip(holds, ends, strict=True) for entry in pair)) == [P] * 20
    assert balance(books, ESCROW) == Balance(credits_posted=50)
    later = [move(BUYER, ESCROW, 5, Phase.PENDING) for _ in range(10)]
    before = [end(hold, Phase.POST) for hold in later]
    assert post(books, *before, *later) == [*[Answer.PENDING_UNKNOWN] * 10, *[P] * 10]


def test_history_holds_the_running_balances_in_order(books: Books) -> None:
    for at in (1, 2, 3):
        post(books, move(BUYER, ESCROW, 10, at=NOW + at))
    post(books, move(ESCROW, SELLER, 4, Phase.PENDING, at=NOW + 4), move(ESCROW, SELLER, 7, at=NOW + 5))
    with books.work() as tx:
        entries = tx.ledger.history(ESCROW.id)
        assert [entry.at for entry in entries] == [NOW + 1, NOW + 2, NOW + 3, NOW + 4, NOW + 5]
        assert [entry.balance.posted_minor for entry in entries] == [10, 20, 30, 30, 23]
        assert [entry.balance.available_minor for entry in entries] == [10, 20, 30, 26, 19]
        assert tx.ledger.history(ESCROW.id, limit=2) == entries[:2]
        assert tx.ledger.history(ESCROW.id, after=entries[1], limit=2) == entries[2:4]
        assert tx.ledger.history(ESCROW.id, after=entries[-1]) == tx.ledger.history(UNOPENED.id) == []


def test_history_shows_what_came_late_at_its_own_time(books: Books) -> None:
    post(books, move(BUYER, ESCROW, 1, at=NOW + 10))
    post(books, move(BUYER, ESCROW, 2, at=NOW + 5))
    post(books, move(BUYER, ESCROW, 4, at=NOW + 10))
    post(books, move(BUYER, ESCROW, 8, at=NOW + 7))
    with books.work() as tx:
        seen = [(entry.at, entry.seq, entry.balance.posted_minor) for entry in tx.ledger.history(ESCROW.id)]
    assert seen == [(NOW + 5, 2, 3), (NOW + 7, 4, 15), (NOW + 10, 1, 1), (NOW + 10, 3, 7)]
    found = [balance(books, ESCROW, at=NOW + at).posted_minor for at in (4, 5, 6, 7, 9, 10)]
    assert found == [0, 2, 2, 10, 10, 15]


def test_one_batch_may_have_many_times(books: Books) -> None:
    ats = (3, 1, 2, 2, 5, 4, 4, 9, 1, 7)
    assert post(books, *(move(BUYER, ESCROW, 1, at=NOW + at) for at in ats)) == [P] * 10
    found = [balance(books, ESCROW, at=NOW + at).posted_minor for at in range(10)]
    assert found == [sum(at <= limit for at in ats) for limit in range(10)]
    taken = [move(ESCROW, SELLER, 10, at=NOW + 20), move(BUYER, ESCROW, 1, at=NOW + 11), move(ESCROW, SELLER, 1)]
    assert post(books, *(move(BUYER, FEE, 1) for _ in range(10)), *taken) == [P] * 13


def test_accounts_open_once_and_unknown_ones_have_no_balance(books: Books) -> None:
    assert post(books, move(BUYER, ESCROW, 5)) == [P]
    with books.work() as tx:
        tx.ledger.open_accounts([ESCROW, ESCROW, FEE])
        tx.ledger.open_accounts([])
        assert tx.ledger.balances([ESCROW.id, FEE.id, UNOPENED.id, "nonsense"]) == {
            ESCROW.id: Balance(credits_posted=5), FEE.id: Balance()
        }  # fmt: skip
        assert tx.ledger.post([]) == []


def test_an_account_id_is_not_opened_for_another(books: Books) -> None:
    post(books)
    with pytest.raises(AssertionError), books.work() as tx:
        tx.ledger.open_accounts([replace(ESCROW, account_class=AccountClass.OUTSIDE)])


def test_what_is_no_id_is_malformed(books: Books) -> None:
    with pytest.raises(Invalid):
        post(books, replace(move(BUYER, ESCROW, 5), id="1"))


def test_transfers_of_a_settlement_come_back_whole_by_id(books: Books) -> None:
    one = new_id()
    hold = move(BUYER, ESCROW, 5, Phase.PENDING, settlement=one)
    done = end(hold, Phase.POST)
    post(books, hold, done, move(BUYER, ESCROW, 6, settlement=new_id()), move(BUYER, ESCROW, 7))
    with books.work() as tx:
        assert tx.ledger.transfers_of(one) == sorted([hold, done], key=lambda entry: entry.id)
        assert tx.ledger.transfers_of(new_id()) == tx.ledger.transfers_of("") == []


def test_a_rolled_back_batch_leaves_nothing(store: Store) -> None:
    moved = move(BUYER, ESCROW, 5)
    post(store)
    with pytest.raises(ZeroDivisionError), store.work() as tx:
        assert tx.ledger.post([moved]) == [P]
        raise ZeroDivisionError
    assert balance(store, ESCROW) == Balance()
    assert post(store, moved) == [P]


def test_a_party_sees_its_own_accounts_and_its_settlements(store: Store) -> None:
    one = funded()
    stranger = new_id()
    accounts = [
        account(AccountClass.ESCROW, one.id, USD), account(AccountClass.OUTSIDE, one.seller, USD),
        account(AccountClass.OUTSIDE, one.buyer, USD), account(AccountClass.OUTSIDE, OPERATOR, USD),
    ]  # fmt: skip
    for name in (one.seller, one.buyer, stranger):
        admit(store, name, name=name)
    paid = move(accounts[2], accounts[0], 5, settlement=one.id)
    with store.work() as tx:
        tx.settlements.insert(one)
        tx.ledger.open_accounts(accounts)
        assert tx.ledger.post([paid]) == [P]
    ids = [entry.id for entry in accounts]
    seen = {}
    for role, participant in (("treasurer", one.seller), ("treasurer", stranger), ("operator", stranger)):
        with store.read(Reader(participant, role)) as tx:
            seen[role, participant] = (set(tx.ledger.balances(ids)), tx.ledger.transfers_of(one.id))
            assert set(tx.ledger.balances(ids, at=NOW)) == set(tx.ledger.balances(ids))
            assert bool(tx.ledger.history(ids[0])) is (ids[0] in tx.ledger.balances(ids))
    assert seen["treasurer", one.seller] == ({ids[0], ids[1]}, [paid])
    assert seen["treasurer", stranger] == (set(), [])
    assert seen["operator", stranger] == (set(ids), [paid])


def test_a_reader_and_a_door_post_nothing(store: Store) -> None:
    post(store)
    for transaction in (store.read(Reader("", "operator")), store.door()):
        with pytest.raises(AssertionError), transaction as tx:
            tx.ledger.post([move(BUYER, ESCROW, 5)])
    for transaction in (store.read(Reader("", "operator")), store.door()):
        with pytest.raises(AssertionError), transaction as tx:
            tx.ledger.open_accounts([UNOPENED])
    assert balance(store, ESCROW) == Balance()
