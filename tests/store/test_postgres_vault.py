"""Personal data is sealed in the tables, opens only in its own place, and is gone when its owner is erased."""

from __future__ import annotations

import os
from dataclasses import replace

import psycopg
import pytest
from made_up import NOW, Database, happen, inbox_item, new_id, paper, settlement

from entrepot.core import log
from entrepot.core.errors import Refused
from entrepot.store.postgres import PostgresStore
from entrepot.store.records import Participant, Person, Reader
from entrepot.store.vault import Vault, seal, unseal

SECRET = "Zephyrine Quartermaine"


def test_a_sealed_text_opens_only_in_its_place() -> None:
    vault = Vault(bytes(32))
    key, wrapped = vault.new_key("ab" * 16)
    sealed = seal(key, b"text", table="papers.body", row="1")
    assert unseal(key, sealed, table="papers.body", row="1") == b"text"
    for table, row in (("papers.body", "2"), ("inbox.body", "1")):
        with pytest.raises(AssertionError):
            unseal(key, sealed, table=table, row=row)
    for place in range(0, len(sealed), 5):
        with pytest.raises(AssertionError):
            unseal(key, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :], table="papers.body", row="1")
    assert vault.unwrap(key.id, key.owner, wrapped) == key
    for other, owner in ((Vault(os.urandom(32)), key.owner), (vault, "cd" * 16)):
        with pytest.raises(AssertionError):
            other.unwrap(key.id, owner, wrapped)
    assert key.secret.hex() not in repr(key) and SECRET not in repr(vault)


def test_the_same_text_is_never_sealed_alike() -> None:
    key, _ = Vault(bytes(32)).new_key("ab" * 16)
    assert len({seal(key, b"text", table="t", row="1") for _ in range(50)}) == 50


def test_no_name_stands_readable_in_any_table(database: Database) -> None:
    store, put, item = database.open(), settlement(), inbox_item(body={"name": SECRET})
    with store.work() as tx:
        tx.people.put_participant(Participant(put.seller, "company", "DE", "admitted", NOW, {"name": SECRET}))
        tx.people.put_person(Person(new_id(), {"name": SECRET}))
        tx.settlements.insert(put)
        tx.papers.put(paper(put, owner=put.seller, body=SECRET.encode()))
        tx.inbox.put(item)
        tx.inbox.answer(item.id, {"status": 200, "body": {"name": SECRET}}, at=NOW)
    with store.work() as tx:
        kept = tx.inbox.get(item.source, item.key)
        assert kept == replace(item, answer={"status": 200, "body": {"name": SECRET}})
    store.close()
    with psycopg.connect(database.owner_dsn) as connection:
        names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        for (table,) in connection.execute(names).fetchall():
            rows = connection.execute(f"SELECT to_json(t)::text FROM {table} t".encode()).fetchall()
            for (text,) in rows:
                assert SECRET not in text and SECRET.encode().hex() not in text, table


def test_erasing_an_owner_leaves_proofs_and_others_whole(postgres_store: PostgresStore) -> None:
    put = settlement()
    mine, theirs = (paper(put, owner=owner, visible_to=(put.buyer,)) for owner in (put.seller, put.buyer))
    with postgres_store.work() as tx:
        for owner in (put.seller, put.buyer):
            tx.people.put_participant(Participant(owner, "company", "DE", "admitted", NOW, {"name": SECRET}))
        tx.settlements.insert(put)
        put = happen(tx, put, "quote_given")
        for entry in (mine, theirs):
            tx.papers.put(entry)
    with postgres_store.work() as tx:
        tx.papers.erase_owner(put.seller)
        assert tx.papers.get(mine.id) == replace(mine, body=b"")
    with postgres_store.read(Reader(put.buyer, "treasurer")) as tx:
        assert tx.papers.of(put.id) == [replace(mine, body=b""), theirs]
        erased, whole = tx.people.participant(put.seller), tx.people.participant(put.buyer)
        assert erased is not None and erased.profile == {} and erased.country == "DE"
        assert whole is not None and whole.profile == {"name": SECRET}
        (logged,) = tx.settlements.events(put.id)
        assert log.verify_inclusion(log.leaf_hash(logged.leaf), 0, 1, [], log.tree_root(tx.log.end()[1]))


def test_an_erased_owner_that_comes_back_gets_another_key(postgres_store: PostgresStore) -> None:
    put = settlement()
    with postgres_store.work() as tx:
        tx.settlements.insert(put)
        tx.papers.put(paper(put, owner=put.seller, body=b"before"))
        tx.papers.erase_owner(put.seller)
        tx.papers.put(paper(put, owner=put.seller, body=b"after"))
    with postgres_store.work() as tx:
        assert [entry.body for entry in tx.papers.of(put.id)] == [b"", b"after"]


def test_another_master_key_opens_nothing(database: Database) -> None:
    store, put = database.open(), settlement()
    with store.work() as tx:
        tx.settlements.insert(put)
        tx.papers.put(paper(put))
    store.close()
    for dsn in ({"work_dsn": database.work_dsn}, {"serve_dsn": database.serve_dsn}):
        with pytest.raises(Refused) as refused:
            PostgresStore(master_key=os.urandom(32), **dsn)
        assert refused.value.code == "master_key_differs"
    database.open().close()
