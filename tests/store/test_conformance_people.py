"""People, wallets and papers on every store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import NOW, admit, happen, inbox_item, new_id, paper, settlement

from entrepot.core.errors import Invalid, Refused
from entrepot.store.many import Conflict
from entrepot.store.records import Credential, Membership, Participant, Person, Reader, Wallet
from entrepot.store.store import Store

ACCOUNT = "eip155:31337:0x" + "ab" * 20


def participant(**fields: object) -> Participant:
    """A company."""
    made = Participant(new_id(), "company", "DE", "admitted", NOW, {"name": "Acme GmbH", "lei": None})
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_participant_comes_back_and_a_new_version_replaces_it(store: Store) -> None:
    one = participant()
    moved = replace(one, status="suspended", profile={"name": "Acme SE"}, version=2)
    with store.work() as tx:
        tx.people.put_participant(one)
        assert tx.people.participant(one.id) == one
        assert tx.people.participant(new_id()) is None
        tx.people.put_participant(moved)
    with store.work() as tx:
        assert (tx.people.participant(one.id), tx.people.participants()) == (moved, [moved])


@pytest.mark.parametrize("broken", [{"status": "deleted"}, {"id": "nonsense"}])
def test_a_participant_of_no_known_status_or_id_is_refused(store: Store, broken: dict[str, str]) -> None:
    with pytest.raises((AssertionError, Invalid)), store.work() as tx:
        tx.people.put_participant(participant(**broken))


def test_participants_come_by_id(store: Store) -> None:
    first, second = participant(), participant()
    with store.work() as tx:
        tx.people.put_participant(second)
        tx.people.put_participant(first)
        assert tx.people.participants() == [first, second]


def test_a_company_sees_itself_and_those_it_trades_with(store: Store) -> None:
    one = settlement()
    stranger = new_id()
    for name in (one.seller, one.buyer, stranger):
        admit(store, name, name=name)
    with store.work() as tx:
        tx.settlements.insert(one)
    with store.read(Reader(one.seller, "treasurer")) as tx:
        assert [entry.id for entry in tx.people.participants()] == [one.seller, one.buyer]
        assert tx.people.participant(stranger) is None
        seen = tx.people.participant(one.buyer)
        assert seen is not None and seen.profile == {"name": one.buyer}
    with store.read(Reader("", "officer")) as tx:
        assert len(tx.people.participants()) == 3


def test_memberships_are_kept_once_and_found_both_ways(store: Store) -> None:
    person, other, company = new_id(), new_id(), new_id()
    rows = [Membership(person, company, "treasurer"), Membership(other, company, "officer"),
            Membership(person, new_id(), "treasurer")]  # fmt: skip
    with store.work() as tx:
        for row in (*rows, rows[0]):
            tx.people.put_person(Person(row.person, {"name": "x"}))
            tx.people.put_membership(row)
        assert tx.people.memberships() == rows
        assert tx.people.memberships(person=person) == [rows[0], rows[2]]
        assert tx.people.memberships(participant=company) == rows[:2]
        assert tx.people.memberships(person=person, participant=company) == rows[:1]
        assert tx.people.memberships(person="nonsense") == []
    with store.read(Reader(company, "treasurer")) as tx:
        assert tx.people.memberships() == rows[:2]
    with store.read(Reader(company, "officer")) as tx:
        assert tx.people.memberships() == rows


def test_two_workers_do_not_write_the_same_version_of_a_participant(store: Store) -> None:
    """A file and a payee confirmed at once: the later one reads again, and neither is lost."""
    one = participant()
    with store.work() as tx:
        tx.people.put_participant(one)
        tx.people.put_participant(replace(one, profile={"name": "by one"}, version=2))
    with pytest.raises(Conflict), store.work() as tx:
        tx.people.put_participant(replace(one, profile={"name": "by another"}, version=2))
    with store.work() as tx:
        assert tx.people.participant(one.id) == replace(one, profile={"name": "by one"}, version=2)


def test_a_credential_is_known_by_its_hash_to_the_door(store: Store) -> None:
    one = Credential("ab" * 32, new_id(), new_id(), "treasurer", NOW + 5)
    with store.work() as tx:
        tx.people.put_credential(one)
    with store.door() as tx:
        assert tx.people.credential(one.secret_sha256) == one
        assert tx.people.credential("cd" * 32) is None
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.people.credential(one.secret_sha256) is None


def test_a_credential_that_was_ended_stays_so_whoever_writes_last(store: Store) -> None:
    """One worker ends a key while another notes its last use, by what it read before."""
    one = Credential("ab" * 32, new_id(), new_id(), "treasurer", NOW + 5)
    with store.work() as tx:
        tx.people.put_credential(one)
        tx.people.put_credential(replace(one, expires_at=NOW - 1))
        tx.people.put_credential(replace(one, last_used_at=NOW))
    with store.door() as tx:
        assert tx.people.credential(one.secret_sha256) == replace(one, expires_at=NOW - 1, last_used_at=NOW)


@pytest.mark.parametrize("field", ["person", "participant", "role"])
def test_a_secret_never_comes_to_open_something_else(store: Store, field: str) -> None:
    one = Credential("ab" * 32, new_id(), new_id(), "treasurer", NOW + 5)
    other = replace(one, **{field: "operator" if field == "role" else new_id()})
    with store.work() as tx:
        tx.people.put_credential(one)
    with pytest.raises(Refused, match="another secret"), store.work() as tx:
        tx.people.put_credential(other)
    with store.door() as tx:
        assert tx.people.credential(one.secret_sha256) == one


def test_a_wallet_is_one_participants(store: Store) -> None:
    one = Wallet(ACCOUNT, new_id(), NOW)
    second = Wallet("eip155:1:0x" + "00" * 20, one.participant, NOW + 1)
    with store.work() as tx:
        tx.people.put_wallet(one)
        tx.people.put_wallet(replace(one, admitted_at=NOW + 9))
        tx.people.put_wallet(second)
        with pytest.raises(Refused) as refused, tx.savepoint():
            tx.people.put_wallet(replace(one, participant=new_id()))
        assert refused.value.code == "wallet_taken"
        assert tx.people.wallet(ACCOUNT) == one
        assert tx.people.wallet("eip155:1:0x") is None
        assert tx.people.wallets(one.participant) == [one, second]
        assert tx.people.wallets(new_id()) == []
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert (tx.people.wallet(ACCOUNT), tx.people.wallets(one.participant)) == (None, [])
    with store.read(Reader(one.participant, "treasurer")) as tx:
        assert tx.people.wallet(ACCOUNT) == one


def test_papers_come_back_oldest_first_and_by_kind(store: Store) -> None:
    one = settlement()
    papers = [paper(one, body=b"\x00\xff"), replace(paper(one), kind="terms"), paper(one, body=b"")]
    with store.work() as tx:
        tx.settlements.insert(one)
        for entry in papers:
            tx.papers.put(entry)
    with store.work() as tx:
        assert tx.papers.of(one.id) == papers
        assert tx.papers.of(one.id, kind="invoice") == [papers[0], papers[2]]
        assert tx.papers.get(papers[1].id) == papers[1]
        assert (tx.papers.of(new_id()), tx.papers.get(new_id()), tx.papers.of("nonsense")) == ([], None, [])
    with pytest.raises(AssertionError), store.work() as tx:
        tx.papers.put(papers[0])


def test_a_paper_is_read_by_those_it_is_addressed_to(store: Store) -> None:
    one = settlement()
    for name in (one.seller, one.buyer):
        admit(store, name, name=name)
    shared = paper(one, owner=one.seller, visible_to=(one.seller, one.buyer))
    internal = paper(one)
    with store.work() as tx:
        tx.settlements.insert(one)
        tx.papers.put(shared)
        tx.papers.put(internal)
    for reader, expected in ((Reader(one.buyer, "treasurer"), [shared]), (Reader(new_id(), "treasurer"), []),
                             (Reader("", "treasurer"), []), (Reader("", "officer"), [shared, internal])):  # fmt: skip
        with store.read(reader) as tx:
            assert tx.papers.of(one.id) == expected
            assert tx.papers.get(internal.id) == (internal if internal in expected else None)


def test_papers_of_a_kind_are_found_across_settlements_as_far_as_the_reader_may_see(store: Store) -> None:
    one, other = settlement(), settlement()
    for name in (one.seller, one.buyer, other.seller, other.buyer):
        admit(store, name, name=name)
    asked = [
        replace(paper(of, owner=of.buyer, visible_to=(of.buyer,)), kind="information_request") for of in (one, other)
    ]
    with store.work() as tx:
        for of, entry in zip((one, other), asked, strict=True):
            tx.settlements.insert(of)
            tx.papers.put(entry)
            tx.papers.put(paper(of))
        assert tx.papers.by_kind("information_request") == asked and tx.papers.by_kind("nothing") == []
    for reader, expected in ((Reader(one.buyer, "treasurer"), asked[:1]), (Reader(one.seller, "treasurer"), []),
                             (Reader("", "officer"), asked)):  # fmt: skip
        with store.read(reader) as tx:
            assert tx.papers.by_kind("information_request") == expected


def test_erasing_an_owner_empties_its_papers_and_profile_and_nothing_else(store: Store) -> None:
    one = settlement()
    for name in (one.seller, one.buyer):
        admit(store, name, name=name)
    theirs, ours = paper(one, owner=one.seller), paper(one, owner=one.buyer)
    request = inbox_item(participant=one.seller)
    with store.work() as tx:
        tx.settlements.insert(one)
        after = happen(tx, one, "quote_given")
        tx.papers.put(theirs)
        tx.papers.put(ours)
        tx.inbox.put(request)
    with store.work() as tx:
        leaf = tx.settlements.events(one.id)[0].leaf
        tx.papers.erase_owner(one.seller)
    with store.work() as tx:
        assert tx.papers.of(one.id) == [replace(theirs, body=b""), ours]
        erased, kept = tx.people.participant(one.seller), tx.people.participant(one.buyer)
        assert erased is not None and erased.profile == {} and erased.country == "DE"
        assert kept is not None and kept.profile == {"name": one.buyer}
        asked = tx.inbox.get(request.source, request.key)
        assert asked is not None and asked.body == {}
        assert (tx.settlements.get(one.id), tx.settlements.events(one.id)[0].leaf) == (after, leaf)
        again = paper(one, owner=one.seller, body=b"new")
        tx.papers.put(again)
        assert tx.papers.get(again.id) == again


def test_an_erasure_that_rolls_back_erases_nothing(store: Store) -> None:
    one = settlement()
    admit(store, one.seller, name="Acme")
    mine = paper(one, owner=one.seller)
    with store.work() as tx:
        tx.settlements.insert(one)
        tx.papers.put(mine)
    with pytest.raises(ZeroDivisionError), store.work() as tx:
        tx.papers.erase_owner(one.seller)
        raise ZeroDivisionError
    with store.work() as tx:
        assert tx.papers.get(mine.id) == mine


def test_readers_and_doors_admit_nobody(store: Store) -> None:
    one = participant()
    for opened in (lambda: store.read(Reader("", "operator")), store.door):
        with pytest.raises(AssertionError), opened() as tx:
            tx.people.put_participant(one)
        with pytest.raises(AssertionError), opened() as tx:
            tx.people.put_membership(Membership(new_id(), one.id, "operator"))
        with pytest.raises(AssertionError), opened() as tx:
            tx.people.put_credential(Credential("ab" * 32, new_id(), one.id, "operator", NOW))
        with pytest.raises(AssertionError), opened() as tx:
            tx.people.put_wallet(Wallet(ACCOUNT, one.id, NOW))
        with pytest.raises(AssertionError), opened() as tx:
            tx.papers.put(paper(settlement()))
        with pytest.raises(AssertionError), opened() as tx:
            tx.papers.erase_owner(one.id)
    with store.work() as tx:
        assert (tx.people.participants(), tx.people.memberships(), tx.people.wallets(one.id)) == ([], [], [])


def test_saved_views_are_a_persons_own_list_in_one_participant(store: Store) -> None:
    one, person, other = participant(), new_id(), new_id()
    views = [{"id": new_id(), "name": "Late", "query": "show=open"}, {"id": new_id(), "name": "USD", "query": ""}]
    with store.work() as tx:
        tx.people.put_participant(one)
        for name in (person, other):
            tx.people.put_person(Person(name, {"name": name}))
            tx.people.put_membership(Membership(name, one.id, "treasurer"))
        tx.people.put_saved_views(person, one.id, views)
        tx.people.put_saved_views(other, one.id, views[:1])
    with store.read(Reader(one.id, "treasurer")) as tx:
        assert tx.people.saved_views(person, one.id) == views
        assert (tx.people.saved_views(person, new_id()), tx.people.saved_views(new_id(), one.id)) == ([], [])
        with pytest.raises(AssertionError):
            tx.people.put_saved_views(person, one.id, [])
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.people.saved_views(person, one.id) == []
    with store.work() as tx:
        tx.people.put_saved_views(person, one.id, views[1:])
        assert tx.people.saved_views(person, one.id) == views[1:]


def test_an_arbiter_sees_the_papers_of_a_dispute_and_no_other(store: Store) -> None:
    disputed, other, house = settlement(), settlement(), new_id()
    for name in (disputed.seller, disputed.buyer, other.seller, other.buyer, house):
        admit(store, name, name=name)
    terms, case, theirs = (
        replace(paper(one, owner=one.seller), kind=kind)
        for one, kind in ((disputed, "terms"), (disputed, "case"), (other, "terms"))
    )
    with store.work() as tx:
        tx.settlements.insert(disputed)
        tx.settlements.insert(other)
        for one in (terms, case, theirs):
            tx.papers.put(one)
        tx.papers.put(replace(paper(disputed, owner=disputed.buyer, visible_to=(house,)), kind="dispute"))
    with store.read(Reader(house, "arbiter")) as tx:
        seen = tx.papers.get(terms.id)
        assert seen is not None and seen.body == terms.body
        assert (tx.papers.get(case.id), tx.papers.get(theirs.id)) == (None, None)
    with store.read(Reader(house, "treasurer")) as tx:
        assert tx.papers.get(terms.id) is None
