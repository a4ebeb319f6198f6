"""Who may do what in PostgreSQL: append-only, row-level security table by table, and roles that own nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from made_up import (
    NOW,
    Database,
    admit,
    api_request,
    delivery,
    endpoint,
    funded,
    happen,
    inbox_item,
    logged,
    new_id,
    outbox_item,
    paper,
    sent,
    settlement,
)
from psycopg import sql

from entrepot.core.bookkeeping import accounts_of
from entrepot.core.charter import ChangeOutcome, ContractSettings
from entrepot.core.errors import Refused, Unavailable
from entrepot.core.ledger import Phase, Transfer
from entrepot.core.settlement import Settlement
from entrepot.store.engineer_records import Asked, SandboxAct, WebhookSecret
from entrepot.store.migrate import check_role, migrate
from entrepot.store.postgres import PostgresStore
from entrepot.store.reconciliation_records import (
    BankEntry,
    BankStatement,
    ClosedPeriod,
    Reconciliation,
    ReconciliationCase,
)
from entrepot.store.records import Approval, Change, Disposition, KeptReceipt, ListRow, MandateSet, PayeeChange, Reader
from entrepot.store.reports import Disclosure
from entrepot.store.store import Transaction

# Reviewed: these tables hold no participant's rows.
NOBODYS = {"schema_version", "log_nodes", "checkpoints", "list_versions", "settings", "senders", "cursors"}
EVERYBODYS = {"sandbox_acts"}  # of everybody who is signed in: development chains only
WORKERS = {"webhook_secrets"}  # no door may ask for a row
APPEND_ONLY = {
    "events", "log_leaves", "log_nodes", "checkpoints", "papers", "dispositions", "disposed_hits", "receipts",
    "ledger_transfers", "mandate_sets", "payee_changes", "reconciliations", "change_outcomes",
}  # fmt: skip
NEVER_DELETED = {"data_keys", "approvals"}  # a key is erased in its row
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.IntegrityError)


def trade(store: PostgresStore) -> Settlement:
    """Two new participants and everything that one trade of theirs leaves in the tables."""
    put = funded(seq=0)
    for participant, name in ((put.seller, "Seller"), (put.buyer, "Buyer")):
        admit(store, participant, name=name)
    with store.work() as tx:
        tx.settlements.insert(put)
        put = happen(tx, put, "quote_given", "signed")
        for owner in (put.seller, put.buyer):
            tx.papers.put(paper(put, owner=owner, visible_to=(put.seller, put.buyer)))
            tx.inbox.put(inbox_item(participant=owner, settlement=put.id))
        _checks(tx, put)
        _mandates(tx, put)
        _rails(tx, put)
        _books(tx, put)
        _engineers(tx, put)
    return put


def _checks(tx: Transaction, put: Settlement) -> None:
    tx.checks.put_disposition(Disposition(put.id, (f"OFAC:{put.id}",), new_id(), "clear", "another person", NOW))
    ordered = Change(new_id(), "freeze", {"settlement": put.id}, "order", new_id(), NOW)
    tx.checks.put_change(ordered)
    tx.rails.put_outcome(ChangeOutcome(ordered.id, "executed", NOW, 1))
    tx.rails.put_contract_settings(ContractSettings("0x" + put.id, {}, 1, NOW))
    tx.checks.register_invoice(key=put.id, fingerprint="f", settlement=put.id)
    for participant in (put.seller, put.buyer):
        tx.checks.reserve(
            settlement=put.id, participant=participant, amount_minor=1, cap_minor=1, since=0, at=NOW
        )  # fmt: skip


def _mandates(tx: Transaction, put: Settlement) -> None:
    two = (new_id(), new_id())
    for participant in (put.seller, put.buyer):
        tx.mandates.put_set(MandateSet(participant, 1, (), two, NOW))
        tx.mandates.put_payee_change(PayeeChange(new_id(), participant, "bank", "", NOW, NOW, two))
        tx.mandates.put_approval(
            Approval(new_id(), participant, put.id, "fund", "api:x", new_id(), "ab", "0x", "", 0, "", False, two[0],
                     NOW, NOW + 1)
        )  # fmt: skip


def _rails(tx: Transaction, put: Settlement) -> None:
    tx.rails.put_sent(sent(put.id, int(put.id[:12], 16), settlement=put.id))
    tx.rails.put_receipt(
        KeptReceipt(put.id, "eip155:31337", "0x" + put.id, 1, "0xb", b"h", 0, (b"p", b""), "funded", NOW)
    )
    tx.outbox.put([outbox_item(put.id)])
    tx.reports.put_disclosure(
        Disclosure(new_id(), NOW, new_id(), "officer", new_id(), "case", put.id, (put.seller, put.buyer), "work", False)
    )
    run = Reconciliation(new_id(), new_id(), NOW, NOW, 1, (), ({"settlement": put.id},))
    tx.reconciliations.put(run)
    tx.reconciliations.open_case(ReconciliationCase(new_id(), run.id, put.id, "released", NOW))
    _closing(tx, put, run.id)


def _closing(tx: Transaction, put: Settlement, run: str) -> None:
    told = replace(paper(put), settlement="", kind="camt.053", id=new_id())
    tx.papers.put(told)
    kept = BankStatement(new_id(), told.id, "ab", put.id, put.id, put.id, "USD", "d", "d", 0, 1, 1, new_id(), NOW)
    entry = BankEntry(kept.id, 1, True, 1, "USD", "2026-11-26", "2026-11-26", put.id, "", "R1", False)
    assert tx.reconciliations.put_statement(kept, [entry])
    agreed = Change(new_id(), "close_period", {}, "why", new_id(), NOW)
    tx.checks.put_change(agreed)
    nth = len(tx.reconciliations.closed_periods()) + 1
    tx.reconciliations.put_closed(ClosedPeriod(f"2026-11-{nth:02d}", run, agreed.id, NOW, nth, b"{}", "ab"))


def _books(tx: Transaction, put: Settlement) -> None:
    entries = accounts_of(put)
    tx.ledger.open_accounts(entries)
    move = Transfer(put.id[:-1] + "1", entries[2].id, entries[0].id, 1000, Phase.POSTED, "funded", NOW, put.id)
    assert tx.ledger.post([move]) == ["posted"]
    assert tx.intents.catch_up() == 1


def _engineers(tx: Transaction, put: Settlement) -> None:
    for participant in (put.seller, put.buyer):
        made = endpoint(participant)
        tx.people.put_saved_views(new_id(), participant, [{"name": "Late"}])
        tx.webhooks.put_endpoint(made)
        tx.webhooks.put_secret(WebhookSecret(new_id(), made.id, "whsec_AAAA", NOW))
        tx.webhooks.ask(Asked(new_id(), made.id, "test", -1, NOW))
        tx.webhooks.put_delivery(delivery(made))
        tx.requests.add([api_request(participant)])
    tx.sandbox.start(SandboxAct(new_id(), "node_slow", {}, put.seller, new_id(), "Mara", NOW, NOW + 9))


def tables(database: Database) -> set[str]:
    query = (
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition"  # nobody reads a part by itself: test_ledger_parts.py
    )
    with psycopg.connect(database.owner_dsn) as connection:
        return {row[0] for row in connection.execute(query).fetchall()}


def seen(database: Database, table: str, reader: Reader) -> set[str]:
    """The rows of a table that a reader sees, as text."""
    with psycopg.connect(database.serve_dsn) as connection:
        connection.execute(
            "SELECT set_config('entrepot.role', %s, true), set_config('entrepot.participant', %s, true)",
            (reader.role, reader.participant),
        )
        query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
        return {row[0] for row in connection.execute(query).fetchall()}


def test_no_row_of_another_trade_is_seen_through_any_table(database: Database) -> None:
    store = database.open()
    first, second = trade(store), trade(store)
    store.close()
    staff = Reader(new_id(), "officer")
    for table in sorted(tables(database) - NOBODYS - WORKERS):
        every = seen(database, table, staff)
        assert len(every) >= 2, f"{table}: trade() above leaves too few rows to try whether they are kept apart"
        ours, theirs = (
            set().union(*(seen(database, table, Reader(party, "treasurer")) for party in (put.seller, put.buyer)))
            for put in (first, second)
        )
        assert table in EVERYBODYS or not ours & theirs, f"{table}: a row of one trade is seen by the other's parties"
        assert seen(database, table, Reader("", "treasurer")) == set(), f"{table}: nobody in particular sees rows"
        assert seen(database, table, Reader("", "")) == set(), f"{table}: without a reader rows are seen"
    for table in WORKERS:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            seen(database, table, staff)


def test_every_private_table_enables_and_forces_row_security(database: Database) -> None:
    query = (
        "SELECT relname FROM pg_class"
        " WHERE relkind IN ('r', 'p') AND NOT relispartition AND relrowsecurity AND relforcerowsecurity"
    )
    with psycopg.connect(database.owner_dsn) as connection:
        private = {row[0] for row in connection.execute(query).fetchall()}
    assert private == tables(database) - NOBODYS


def test_a_party_reads_its_own_and_nothing_else(postgres_store: PostgresStore) -> None:
    ours, theirs = trade(postgres_store), trade(postgres_store)
    with postgres_store.read(Reader(ours.seller, "treasurer")) as tx:
        assert tx.settlements.get(ours.id) == ours
        assert [entry.id for entry in tx.settlements.page()] == [ours.id]
        assert [entry.settlement for entry in tx.log.leaves(after=-1, limit=9)] == [ours.id] * 2
        assert [entry.body for entry in tx.papers.of(ours.id)] == [b"text"] * 2
        assert {entry.id for entry in tx.people.participants()} == {ours.seller, ours.buyer}
        assert len(tx.rails.receipts(ours.id)) == len(tx.ledger.transfers_of(ours.id)) == 1
        assert tx.checks.dispositions(ours.id) == [] and tx.checks.changes() == []
        assert tx.log.size() == 4  # the tree is nobody's
        assert tx.settlements.get(theirs.id) is None and tx.papers.of(theirs.id) == []
        assert tx.settlements.events(theirs.id) == [] and tx.rails.receipts(theirs.id) == []
        assert tx.people.participant(theirs.seller) is None and tx.ledger.transfers_of(theirs.id) == []
    for role in ("operator", "officer", "supervisor"):
        with postgres_store.read(Reader(new_id(), role)) as tx:
            assert len(tx.settlements.page()) == 2 and len(tx.checks.dispositions(theirs.id)) == 1


def test_an_examiner_sees_the_settlement_once_a_paper_is_addressed_to_it(postgres_store: PostgresStore) -> None:
    put, other, examiner = settlement(), settlement(), Reader(new_id(), "examiner")
    with postgres_store.work() as tx:
        for entry in (put, other):
            tx.settlements.insert(entry)
    with postgres_store.read(examiner) as tx:
        assert tx.settlements.page() == []
    with postgres_store.work() as tx:
        tx.papers.put(paper(put, visible_to=(put.seller, examiner.participant)))
        tx.papers.put(paper(put, visible_to=()))
    with postgres_store.read(examiner) as tx:
        assert tx.settlements.page() == [put] and len(tx.papers.of(put.id)) == 1
    with postgres_store.read(Reader(put.buyer, "treasurer")) as tx:
        assert tx.settlements.page() == [put] and tx.papers.of(put.id) == []


def test_a_party_is_not_shown_a_confidential_event(postgres_store: PostgresStore) -> None:
    put = settlement()
    with postgres_store.work() as tx:
        tx.settlements.insert(put)
        happen(tx, put, "quote_given", "referred")
    with postgres_store.read(Reader(put.seller, "treasurer")) as tx:
        assert [entry.event.kind for entry in tx.settlements.events(put.id)] == ["quote_given"]
        assert [entry.index for entry in tx.log.leaves(after=-1, limit=9)] == [0]
    with postgres_store.read(Reader("", "officer")) as tx:
        assert [entry.event.kind for entry in tx.settlements.events(put.id)] == ["quote_given", "referred"]


def test_the_reader_of_one_transaction_is_forgotten_in_the_next(database: Database) -> None:
    store = PostgresStore(master_key=bytes(32), work_dsn=database.work_dsn, serve_dsn=database.serve_dsn, pool_size=1)
    with store.work() as tx:
        tx.settlements.insert(settlement())
    with store.read(Reader("", "officer")) as tx:
        assert len(tx.settlements.page()) == 1
    with store.read(Reader(new_id(), "treasurer")) as tx:
        assert tx.settlements.page() == []
    with store.door() as tx:
        assert tx.settlements.page() == []
    store.close()


@pytest.mark.parametrize("table", sorted(APPEND_ONLY | NEVER_DELETED))
@pytest.mark.parametrize("role", ["serve", "work", "owner"])
def test_append_only_tables_refuse_change(database: Database, table: str, role: str) -> None:
    if role == "owner":
        trade_in(database)
    dsn = {"serve": database.serve_dsn, "work": database.work_dsn, "owner": database.owner_dsn}[role]
    with psycopg.connect(database.owner_dsn) as connection:
        columns = "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        row = connection.execute(columns + " ORDER BY ordinal_position DESC", (table,)).fetchone()
    assert row is not None
    update = "UPDATE {table} SET {column} = {column}"
    for statement in (update, "DELETE FROM {table}", "TRUNCATE {table} CASCADE"):
        if table in NEVER_DELETED and statement == update:
            continue
        composed = sql.SQL(statement).format(table=sql.Identifier(table), column=sql.Identifier(row[0]))
        with psycopg.connect(dsn) as connection, pytest.raises(REFUSED):
            connection.execute(composed)


def trade_in(database: Database) -> None:
    store = database.open()
    trade(store)
    store.close()


def test_a_key_is_erased_and_never_replaced(database: Database) -> None:
    trade_in(database)
    with (
        psycopg.connect(database.work_dsn) as connection,
        pytest.raises(psycopg.IntegrityError, match="only ever erased"),
    ):
        connection.execute("UPDATE data_keys SET wrapped = '\\x00'")
    with psycopg.connect(database.work_dsn) as connection:
        assert connection.execute("UPDATE data_keys SET wrapped = NULL").rowcount > 0


@pytest.mark.parametrize("table", ["inbox", "changes"])
def test_what_was_asked_or_proposed_is_never_rewritten(database: Database, table: str) -> None:
    trade_in(database)
    column = {"inbox": "kind", "changes": "subject"}[table]
    with (
        psycopg.connect(database.owner_dsn) as connection,
        pytest.raises(psycopg.IntegrityError, match="never rewritten"),
    ):
        connection.execute(f"UPDATE {table} SET {column} = 'award'".encode())


@pytest.mark.parametrize("column", ["body", "answer"])
def test_neither_a_request_nor_its_answer_is_replaced_and_the_rest_of_its_row_may_change(
    database: Database, column: str
) -> None:
    item = inbox_item()
    store = database.open()
    with store.work() as tx:
        tx.inbox.put(item)
        tx.inbox.answer(item.id, {"status": 200}, at=NOW)
    store.close()
    with psycopg.connect(database.owner_dsn) as connection:
        assert connection.execute("UPDATE inbox SET attempts = 2").rowcount == 1
        assert connection.execute(f"UPDATE inbox SET {column} = {column}".encode()).rowcount == 1
        with pytest.raises(psycopg.IntegrityError, match="never rewritten"):
            connection.execute(f"UPDATE inbox SET {column} = '\\x00'".encode())


@pytest.mark.parametrize(
    "act",
    [
        lambda tx: tx.settlements.insert(settlement()),
        lambda tx: tx.outbox.put([outbox_item("x")]),
        lambda tx: tx.log.put_checkpoint(1, "note", at=NOW),
        lambda tx: tx.checks.put_list(ListRow("OFAC", "1", "aa", None, NOW, NOW, 0, 0), after=""),
        lambda tx: tx.checks.put_change(Change(new_id(), "stop", {}, "r", new_id(), NOW)),
        lambda tx: tx.ledger.open_accounts(accounts_of(funded())),
    ],
)
def test_a_door_writes_the_inbox_only(postgres_store: PostgresStore, act: Callable[[Transaction], None]) -> None:
    item = inbox_item(participant=new_id())
    with postgres_store.door() as tx:
        assert tx.inbox.put(item) == tx.inbox.put(item) == tx.inbox.get(item.source, item.key) == item
    with pytest.raises(AssertionError, match="the database refuses"), postgres_store.door() as tx:
        act(tx)
    with pytest.raises(AssertionError, match="the database refuses"), postgres_store.read(Reader("", "operator")) as tx:
        act(tx)
    with postgres_store.work() as tx:
        act(tx)


def test_a_reader_may_not_write_even_the_inbox(postgres_store: PostgresStore) -> None:
    with pytest.raises(AssertionError), postgres_store.read(Reader("", "operator")) as tx:
        tx.inbox.put(inbox_item())


@pytest.mark.parametrize(("role", "may"), [("door", True), ("operator", False), ("treasurer", False), ("", False)])
def test_row_security_lets_only_the_door_write_the_inbox(database: Database, role: str, may: bool) -> None:
    insert = """INSERT INTO inbox (id, source, key, kind, body, body_sha256, received_at, role)
                VALUES (gen_random_uuid(), 's', 'k', 'sign', '', '', 1, '')"""
    with psycopg.connect(database.serve_dsn) as connection:
        connection.execute("SELECT set_config('entrepot.role', %s, true)", (role,))
        if may:
            connection.execute(insert)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
                connection.execute(insert)


def test_a_superuser_and_an_owner_are_refused(database: Database) -> None:
    with pytest.raises(Refused) as caught:
        PostgresStore(master_key=bytes(32), work_dsn=database.owner_dsn)
    assert caught.value.code == "role_too_mighty"
    with psycopg.connect(database.owner_dsn) as connection:
        check_as(connection, "entrepot_work")
        connection.execute("CREATE TABLE theirs (x int)")
        connection.execute("ALTER TABLE theirs OWNER TO entrepot_work")
        with pytest.raises(Refused, match="owns tables"):
            check_as(connection, "entrepot_work")
        check_as(connection, "entrepot_serve")
        connection.execute("GRANT CREATE ON SCHEMA public TO entrepot_serve")
        with pytest.raises(Refused, match="may create tables"):
            check_as(connection, "entrepot_serve")
        connection.rollback()


def check_as(connection: psycopg.Connection, role: str) -> None:
    connection.execute(f"SET LOCAL ROLE {role}".encode())
    try:
        check_role(connection)
    finally:
        connection.execute("RESET ROLE")


def test_another_schema_version_is_refused(database: Database) -> None:
    for change, code in (
        ("DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)", "schema_too_old"),
        ("INSERT INTO schema_version VALUES (99, '0099_later', 'x')", "schema_too_new"),
        ("UPDATE schema_version SET checksum = 'x' WHERE version = 1", "migration_changed"),
        ("DROP TABLE schema_version", "schema_too_old"),
    ):
        with psycopg.connect(database.owner_dsn) as connection:
            connection.execute(change.encode())
            with pytest.raises((Refused, Unavailable)) as caught:
                check_as(connection, "entrepot_work")
            assert caught.value.code == code
            connection.rollback()


@pytest.mark.parametrize("version", [18, 16])
def test_migrating_twice_changes_nothing(new_database: Callable[[int], Database], version: int) -> None:
    database = new_database(version)
    with psycopg.connect(database.owner_dsn) as connection:
        before = connection.execute("SELECT * FROM schema_version ORDER BY version").fetchall()
    assert migrate(database.owner_dsn) == []
    with psycopg.connect(database.owner_dsn) as connection:
        assert connection.execute("SELECT * FROM schema_version ORDER BY version").fetchall() == before
        assert connection.info.server_version // 10_000 == version


def test_a_checkpointed_settlement_is_whole_on_the_older_server(new_database: Callable[[int], Database]) -> None:
    store = new_database(16).open()
    put = trade(store)
    with store.read(Reader(put.seller, "treasurer")) as tx:
        assert tx.settlements.get(put.id) == put
        assert [entry.leaf for entry in tx.settlements.events(put.id)] == [logged(put, 1).leaf, logged(put, 2).leaf]
    store.close()
