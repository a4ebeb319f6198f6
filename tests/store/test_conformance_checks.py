"""Lists, four eyes, reservations, the duplicate registry, the clock, rails and wake-ups on every store."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from made_up import NOW, new_id, sent, settlement

from entrepot.core.charter import ROLES, ChangeOutcome, ContractSettings, Quorum
from entrepot.core.errors import Refused, Unknown
from entrepot.store.many import Conflict
from entrepot.store.records import Change, Cursor, Disposition, KeptReceipt, ListRow, Reader
from entrepot.store.store import Store

CHAIN = "eip155:31337"


def a_list(**fields: object) -> ListRow:
    """A list of one invented entry."""
    made = ListRow("demo", "1", "ab" * 32, None, NOW, NOW, 1, 0, ({"name": "Ivan Nobody", "aliases": ["I. N."]},))
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_new_list_version_becomes_current(store: Store) -> None:
    first, other = a_list(), a_list(source="another", published_at=NOW - 9)
    second = a_list(version="2", sha256="cd" * 32, loaded_at=NOW + 5, verified_at=NOW + 5, entities=(), entity_count=0)
    with store.work() as tx:
        assert tx.checks.lists(with_entities=True) == []
        tx.checks.put_list(first, after="")
        tx.checks.put_list(other, after="")
        assert tx.checks.lists(with_entities=True) == [other, first]
        assert tx.checks.lists(with_entities=False) == [replace(other, entities=()), replace(first, entities=())]
        tx.checks.put_list(second, after="1")
        assert tx.checks.lists(with_entities=True) == [other, second]


def test_the_same_version_again_only_moves_verified_at(store: Store) -> None:
    first = a_list()
    with store.work() as tx:
        tx.checks.put_list(first, after="")
        tx.checks.put_list(replace(first, loaded_at=NOW + 7, verified_at=NOW + 7), after="1")
        assert tx.checks.lists(with_entities=True) == [replace(first, verified_at=NOW + 7)]
    with pytest.raises(AssertionError), store.work() as tx:
        tx.checks.put_list(replace(first, sha256="ee" * 32), after="1")


def test_an_earlier_version_that_is_put_again_is_current_again(store: Store) -> None:
    first, second = a_list(), a_list(version="2", sha256="cd" * 32)
    with store.work() as tx:
        for row, after in ((first, ""), (second, "1"), (first, "2")):
            tx.checks.put_list(row, after=after)
        assert [row.version for row in tx.checks.lists(with_entities=False)] == ["1"]


def test_a_version_that_was_read_before_another_came_is_not_put(store: Store) -> None:
    first, second = a_list(), a_list(version="2", sha256="cd" * 32)
    with store.work() as tx:
        tx.checks.put_list(first, after="")
        tx.checks.put_list(second, after="1")
    for after in ("", "1"):
        with pytest.raises(Conflict), store.work() as tx:
            tx.checks.put_list(first, after=after)
    with store.work() as tx:
        assert [row.version for row in tx.checks.lists(with_entities=False)] == ["2"]


def disposition(of: str, person: str, *hits: str) -> Disposition:
    """A clearance."""
    return Disposition(of, hits, person, "clear", "another date of birth", NOW)


def test_a_person_disposes_of_a_hit_once(store: Store) -> None:
    one, first, second = new_id(), new_id(), new_id()
    said = [disposition(one, first, "h1", "h2"), disposition(one, second, "h1", "h2"), disposition(one, first, "h3")]
    with store.work() as tx:
        for entry in said:
            tx.checks.put_disposition(entry)
        tx.checks.put_disposition(disposition(new_id(), first, "h1"))
        with pytest.raises(Refused) as refused, tx.savepoint():
            tx.checks.put_disposition(disposition(one, first, "h2", "h9"))
        assert refused.value.code == "same_person"
        assert (tx.checks.dispositions(one), tx.checks.dispositions(new_id())) == (said, [])
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.checks.dispositions(one) == []
    with store.read(Reader("", "officer")) as tx:
        assert tx.checks.dispositions(one) == said


def test_what_was_said_of_the_same_hit_elsewhere_is_found_by_staff_only(store: Store) -> None:
    first, second, other = new_id(), new_id(), new_id()
    said = [
        disposition(first, new_id(), "h1", "h2"),
        disposition(second, new_id(), "h1"),
        disposition(other, first, "h3"),
    ]
    with store.work() as tx:
        for entry in said:
            tx.checks.put_disposition(entry)
        with pytest.raises(Refused), tx.savepoint():
            tx.checks.put_disposition(disposition(other, first, "h3", "h1"))
        assert tx.checks.dispositions_of(["h1"]) == said[:2]
        assert (tx.checks.dispositions_of(["h2", "h3"]), tx.checks.dispositions_of([])) == ([said[0], said[2]], [])
    with store.read(Reader("", "officer")) as tx:
        assert tx.checks.dispositions_of(["h1", "h9"]) == said[:2]
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.checks.dispositions_of(["h1"]) == []


def test_a_suspension_is_seen_by_whom_it_suspends_once_confirmed_and_by_staff(store: Store) -> None:
    own, officers = new_id(), (new_id(), new_id())
    made = Change(new_id(), "suspension", {"participant": own, "until": NOW + 9}, "why", officers[0], NOW)
    with store.work() as tx:
        tx.checks.put_change(made)
    with store.read(Reader(own, "treasurer")) as tx:
        assert tx.checks.changes(subject="suspension") == []
    with store.work() as tx:
        done = tx.checks.confirm_change(made.id, person=officers[1], at=NOW)
    for reader, expected in ((Reader(own, "treasurer"), [done]), (Reader(new_id(), "treasurer"), []),
                             (Reader("", "officer"), [done])):  # fmt: skip
        with store.read(reader) as tx:
            assert tx.checks.changes(subject="suspension", confirmed=True) == expected


def reserve(store: Store, of: str, who: str, amount: int, *, cap: int = 100, since: int = NOW, at: int = NOW) -> bool:
    """Reserves in a transaction of its own."""
    with store.work() as tx:
        return tx.checks.reserve(
            settlement=of, participant=who, amount_minor=amount, cap_minor=cap, since=since, at=at
        )  # fmt: skip


def test_headroom_is_taken_up_to_the_cap_and_not_beyond(store: Store) -> None:
    who, one = new_id(), new_id()
    assert reserve(store, one, who, 60)
    assert not reserve(store, new_id(), who, 41)
    assert reserve(store, new_id(), who, 40)
    assert not reserve(store, new_id(), who, 1)
    assert reserve(store, new_id(), new_id(), 100)
    with store.work() as tx:
        assert (tx.checks.reserved(who, since=NOW), tx.checks.reserved(who, since=NOW, but_not=one)) == (100, 40)


def test_a_settlement_reserves_once(store: Store) -> None:
    who, one = new_id(), new_id()
    assert reserve(store, one, who, 60)
    assert reserve(store, one, who, 60)
    with store.work() as tx:
        assert tx.checks.reserved(who, since=NOW) == 60


def test_only_reservations_of_the_window_count(store: Store) -> None:
    who = new_id()
    assert reserve(store, new_id(), who, 100, at=NOW - 1, since=NOW - 1)
    assert not reserve(store, new_id(), who, 1, since=NOW - 1)
    assert reserve(store, new_id(), who, 100)


def test_what_is_taken_again_counts_from_then_on(store: Store) -> None:
    who, one, other = new_id(), new_id(), new_id()
    assert reserve(store, one, who, 100, at=NOW - 50, since=NOW - 99)
    assert reserve(store, one, who, 100)
    assert not reserve(store, other, who, 1), "it was paid in this window, and cleared in the one before"
    assert reserve(store, other, who, 10, cap=110)
    assert not reserve(store, one, who, 100), "others took it"
    with store.work() as tx:
        assert tx.many.reserved([who], since=NOW) == {who: 110}


def test_room_that_is_given_back_is_there_again(store: Store) -> None:  # mojaloop issue 868
    who, one = new_id(), new_id()
    assert reserve(store, one, who, 100)
    assert not reserve(store, new_id(), who, 1)
    with store.work() as tx:
        tx.checks.free(one, at=NOW)
        tx.checks.free(one, at=NOW)
        assert tx.checks.reserved(who, since=NOW) == 0
    assert reserve(store, new_id(), who, 60)
    assert not reserve(store, one, who, 41)
    assert reserve(store, one, who, 40)


def test_a_reservation_that_rolls_back_takes_nothing(store: Store) -> None:
    who = new_id()
    with pytest.raises(ZeroDivisionError), store.work() as tx:
        assert tx.checks.reserve(
            settlement=new_id(), participant=who, amount_minor=100, cap_minor=100, since=NOW, at=NOW
        )  # fmt: skip
        raise ZeroDivisionError
    assert reserve(store, new_id(), who, 100)


def test_an_invoice_is_one_live_settlements(store: Store) -> None:
    one, other = new_id(), new_id()
    with store.work() as tx:
        assert tx.checks.register_invoice(key="k", fingerprint="f", settlement=one) is None
        assert tx.checks.register_invoice(key="k", fingerprint="g", settlement=other) == (one, "f")
        assert tx.checks.register_invoice(key="k", fingerprint="f", settlement=one) == (one, "f")
        assert tx.checks.register_invoice(key="k2", fingerprint="f", settlement=other) is None
        tx.checks.free_invoice(one)
        assert tx.checks.register_invoice(key="k2", fingerprint="f", settlement=one) == (other, "f")
        assert tx.checks.register_invoice(key="k", fingerprint="g", settlement=other) is None


def change(**fields: object) -> Change:
    """A proposal."""
    made = Change(new_id(), "stop", {"grade": 1}, "drill", new_id(), NOW)
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_change_takes_a_second_person_once(store: Store) -> None:
    one, other, second = change(), change(subject="freeze"), new_id()
    with store.work() as tx:
        tx.checks.put_change(one)
        tx.checks.put_change(other)
        with pytest.raises(Refused) as refused, tx.savepoint():
            tx.checks.confirm_change(one.id, person=one.proposed_by, at=NOW + 1)
        assert refused.value.code == "same_person"
        done = tx.checks.confirm_change(one.id, person=second, at=NOW + 1)
        assert done == replace(one, confirmed_by=second, confirmed_at=NOW + 1)
        for name in (one.id, new_id()):
            with pytest.raises(Unknown), tx.savepoint():
                tx.checks.confirm_change(name, person=new_id(), at=NOW + 2)
    with store.work() as tx:
        assert tx.checks.changes() == [done, other]
        assert tx.checks.changes(subject="stop") == [done]
        assert (tx.checks.changes(confirmed=True), tx.checks.changes(confirmed=False)) == ([done], [other])
        assert tx.checks.changes(subject="freeze", confirmed=True) == []
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.checks.changes() == [done], "whoever may be stopped may know of a stop, once two persons agreed"


def test_a_declined_change_waits_no_longer_and_is_kept_with_who_and_why(store: Store) -> None:
    one, somebody = change(before={"grade": 0}, expires_at=NOW + 9), new_id()
    with store.work() as tx:
        tx.checks.put_change(one)
        declined = tx.checks.decline_change(one.id, person=somebody, at=NOW + 1, why="not now")
    assert declined == replace(one, declined_by=somebody, declined_at=NOW + 1, declined_why="not now")
    assert not declined.is_open and one.is_open
    with store.work() as tx:
        assert tx.checks.changes() == [declined]
        assert tx.checks.changes(confirmed=True) == tx.checks.changes(confirmed=False) == []
        for act in (
            lambda: tx.checks.confirm_change(one.id, person=new_id(), at=NOW + 2),
            lambda: tx.checks.decline_change(one.id, person=new_id(), at=NOW + 2, why="again"),
            lambda: tx.checks.decline_change(new_id(), person=new_id(), at=NOW + 2, why="of nothing"),
        ):
            with pytest.raises(Unknown), tx.savepoint():
                act()


def test_whoever_proposed_a_change_may_withdraw_it(store: Store) -> None:
    one = change()
    with store.work() as tx:
        tx.checks.put_change(one)
        assert tx.checks.decline_change(one.id, person=one.proposed_by, at=NOW, why="mistaken").declined_by


def test_a_change_that_one_person_confirmed_alone_is_not_written(store: Store) -> None:
    person = new_id()
    for broken in ({"proposed_by": person, "confirmed_by": person, "confirmed_at": NOW}, {"confirmed_by": person}):
        with pytest.raises(AssertionError), store.work() as tx:
            tx.checks.put_change(change(**broken))


def test_the_sandbox_clock_is_kept(store: Store) -> None:
    with store.work() as tx:
        assert tx.checks.clock_offset_s() == 0
        tx.checks.set_clock_offset_s(3600)
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.checks.clock_offset_s() == 3600


def test_a_transaction_is_kept_before_it_is_sent_and_then_followed(store: Store) -> None:
    first, second = sent("a", 1, settlement=new_id(), kind="fund"), sent("b", 0)
    mined = replace(first, state="mined", hash="0x" + "cd" * 32, raw=b"\x03", attempt=2, at=NOW + 1)
    with store.work() as tx:
        tx.rails.put_sent(first)
        tx.rails.put_sent(second)
        assert (tx.rails.sent("a"), tx.rails.sent("c")) == (first, None)
        assert tx.rails.unfinished(CHAIN, limit=9) == [second, first]
        assert tx.rails.unfinished(CHAIN, limit=1) == [second]
        assert tx.rails.unfinished("eip155:1", limit=9) == []
        tx.rails.put_sent(replace(mined, nonce=7, kind="other"))  # only hash, raw, state, attempt and time move
        assert tx.rails.sent("a") == mined
        for state in ("final", "failed", "dropped"):
            tx.rails.put_sent(replace(second, state=state))
            assert tx.rails.unfinished(CHAIN, limit=9) == [mined]
    with pytest.raises(AssertionError), store.work() as tx:
        tx.rails.put_sent(sent("d", 5, state="lost"))


def test_a_nonce_is_used_once_among_those_not_replaced(store: Store) -> None:
    with store.work() as tx:
        assert tx.rails.next_nonce(CHAIN, "0xaa", at_least=0) == 0
        assert tx.rails.next_nonce(CHAIN, "0xaa", at_least=4) == 4
        tx.rails.put_sent(sent("a", 4))
        assert tx.rails.next_nonce(CHAIN, "0xaa", at_least=0) == 5
        assert tx.rails.next_nonce(CHAIN, "0xbb", at_least=0) == 0
        tx.rails.put_sent(sent("b", 4, sender="0xbb"))
    with pytest.raises(AssertionError), store.work() as tx:
        tx.rails.put_sent(sent("c", 4))
    with store.work() as tx:
        tx.rails.put_sent(sent("a", 4, state="replaced"))
        tx.rails.put_sent(sent("c", 4))


def receipt(of: str, **fields: object) -> KeptReceipt:
    """A receipt."""
    made = KeptReceipt(of, CHAIN, "0x01", 7, "0x02", b"\xf9", 0, (b"\x01", b"\x00"), "funded", NOW)
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_receipt_is_kept_once_for_each_thing_it_says(store: Store) -> None:
    one = settlement()
    first, second = receipt(one.id), receipt(one.id, kind="presented", proof=())
    with store.work() as tx:
        tx.settlements.insert(one)
        for entry in (first, second, replace(first, at=NOW + 1)):
            tx.rails.put_receipt(entry)
        assert (tx.rails.receipts(one.id), tx.rails.receipts(new_id())) == ([first, second], [])
    with store.read(Reader(one.buyer, "treasurer")) as tx:
        assert tx.rails.receipts(one.id) == [first, second]
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.rails.receipts(one.id) == []


def test_a_cursor_moves_forward_only_and_everybody_sees_it(store: Store) -> None:
    one = Cursor("evm", 9, "0x09", 7, "0x07", NOW, NOW)
    with store.work() as tx:
        assert tx.rails.cursor("evm") is None
        tx.rails.put_cursor(one)
        tx.rails.put_cursor(replace(one, name="btc"))
        tx.rails.put_cursor(replace(one, block=10, alarm="behind"))
        tx.rails.put_cursor(replace(one, block=8, final_block=6))  # of a watcher that was slower
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.rails.cursor("evm") == replace(one, block=10, alarm="behind")
        assert [cursor.name for cursor in tx.rails.cursors()] == ["btc", "evm"]


def test_contract_settings_go_forward_only_and_staff_alone_see_them(store: Store) -> None:
    roles = {role: Quorum((f"0x{place:040x}",), 1) for place, role in enumerate(ROLES, 1)}
    first = ContractSettings("0x" + "11" * 20, roles, 9, NOW)
    later = replace(first, block=10, block_time=NOW + 12, roles=roles | {"trustee": Quorum()})
    with store.work() as tx:
        assert tx.rails.contract_settings() is None
        for entry in (first, later, first):
            tx.rails.put_contract_settings(entry)
        assert tx.rails.contract_settings() == later
    with store.read(Reader("", "operator")) as tx:
        assert tx.rails.contract_settings() == later
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.rails.contract_settings() is None


def test_what_became_of_a_change_is_kept_once_and_staff_alone_see_it(store: Store) -> None:
    proposed = change()
    executed = ChangeOutcome(proposed.id, "executed", NOW, 12, "0x" + "ab" * 32)
    with store.work() as tx:
        tx.checks.put_change(proposed)
        tx.rails.put_outcome(executed)
        tx.rails.put_outcome(ChangeOutcome(proposed.id, "failed", NOW, why="the registry refuses"))
        assert tx.rails.outcomes() == {proposed.id: executed}
    with store.read(Reader("", "supervisor")) as tx:
        assert tx.rails.outcomes() == {proposed.id: executed}
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.rails.outcomes() == {}


@pytest.mark.parametrize("broken", [{"state": "perhaps"}, {"state": "failed"}, {"why": "no"}])
def test_an_outcome_is_of_a_known_kind_and_a_failure_says_why(store: Store, broken: dict[str, Any]) -> None:
    proposed = change()
    with pytest.raises(AssertionError), store.work() as tx:
        tx.checks.put_change(proposed)
        tx.rails.put_outcome(replace(ChangeOutcome(proposed.id, "executed", NOW, 12), **broken))
    with pytest.raises(AssertionError), store.work() as tx:
        tx.rails.put_outcome(ChangeOutcome(new_id(), "executed", NOW, 12))


def test_readers_and_doors_change_no_check_and_no_rail(store: Store) -> None:
    for opened in (lambda: store.read(Reader("", "officer")), store.door):
        with pytest.raises(AssertionError), opened() as tx:
            tx.checks.put_list(a_list(), after="")
        with pytest.raises(AssertionError), opened() as tx:
            tx.checks.put_disposition(disposition(new_id(), new_id(), "h"))
        with pytest.raises(AssertionError), opened() as tx:
            tx.checks.put_change(change())
        with pytest.raises(AssertionError), opened() as tx:
            tx.checks.set_clock_offset_s(5)
        with pytest.raises(AssertionError), opened() as tx:
            tx.checks.free(new_id(), at=NOW)
        with pytest.raises(AssertionError), opened() as tx:
            tx.checks.register_invoice(key="k", fingerprint="f", settlement=new_id())
        with pytest.raises(AssertionError), opened() as tx:
            tx.rails.put_sent(sent("a", 0))
        with pytest.raises(AssertionError), opened() as tx:
            tx.rails.next_nonce(CHAIN, "0xaa", at_least=0)
        with pytest.raises(AssertionError), opened() as tx:
            tx.rails.put_cursor(Cursor("evm", 9, "0x09", 7, "0x07", NOW, NOW))
        with pytest.raises(AssertionError), opened() as tx:
            tx.rails.put_contract_settings(ContractSettings("0x", {}, 1, NOW))
        with pytest.raises(AssertionError), opened() as tx:
            tx.rails.put_outcome(ChangeOutcome(new_id(), "executed", NOW, 12))
    with store.work() as tx:
        assert (tx.checks.lists(with_entities=False), tx.checks.clock_offset_s(), tx.rails.cursors()) == ([], 0, [])


def test_a_wake_up_is_heard_and_silence_is_not(store: Store) -> None:
    store.wait(timeout_s=0.2)  # listens from here on
    assert not store.wait(timeout_s=0.05)
    waker = threading.Timer(0.1, store.wake)
    waker.start()
    assert store.wait(timeout_s=10)
    waker.join()
    store.wake()
    assert store.wait(timeout_s=10)  # one that came before we waited


def test_a_wait_with_a_condition_ends_when_it_holds(store: Store) -> None:
    store.wait(timeout_s=0.2)
    answers: list[int] = []

    def answer() -> None:
        for number in range(2):
            time.sleep(0.05)
            answers.append(number)
            store.wake()

    thread = threading.Thread(target=answer)
    thread.start()
    assert store.wait(timeout_s=10, until=lambda: len(answers) == 2)
    thread.join()
    assert not store.wait(timeout_s=0.05, until=lambda: False)
