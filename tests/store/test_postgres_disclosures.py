"""No record, no disclosure: what cannot be written down is not shown, and the caller is told to come back."""

from __future__ import annotations

import psycopg
from made_up import Database

from entrepot.store.postgres import PostgresStore
from watched import as_role, opened

FULL = """
CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER disk_is_full BEFORE INSERT ON inbox FOR EACH ROW WHEN (NEW.kind = 'disclosed')
    EXECUTE FUNCTION disk_is_full()
"""


def test_nothing_is_shown_while_no_disclosure_can_be_written_down(
    postgres_store: PostgresStore, database: Database
) -> None:
    doors = opened(postgres_store)
    with psycopg.connect(database.owner_dsn, autocommit=True) as owner:
        owner.execute(FULL)
    refused = doors.get("/v1/participants", headers=as_role("officer"))
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert "Secretive" not in refused.text, "nobody's name goes out with it"
    own = doors.get("/v1/participants", headers=as_role("treasurer"))
    assert own.status_code == 200, "a party's own are shown: of those nothing is written down"
    with psycopg.connect(database.owner_dsn, autocommit=True) as owner:
        owner.execute("DROP TRIGGER disk_is_full ON inbox")
    shown = doors.get("/v1/participants", headers=as_role("officer"))
    assert shown.status_code == 200 and "Secretive" in shown.text
    with postgres_store.work() as tx:
        assert "disclosed" in [item.kind for item in tx.inbox.claim(limit=9)]
