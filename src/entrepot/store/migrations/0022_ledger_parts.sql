-- The ledger's history in parts, one after another in time: an entry is made anywhere in the index of its part, so a
-- part whose index fills the memory is closed and a new one begun (docs/decisions/0016-history-in-parts.md).

ALTER TABLE ledger_entries RENAME TO ledger_entries_0001;
ALTER INDEX ledger_entries_at RENAME TO ledger_entries_0001_at;
DROP INDEX ledger_entries_late;
REVOKE ALL ON ledger_entries_0001 FROM entrepot_serve, entrepot_work;

CREATE TABLE ledger_entries (LIKE ledger_entries_0001 INCLUDING CONSTRAINTS) PARTITION BY RANGE (at);
CREATE UNIQUE INDEX ledger_entries_at ON ledger_entries (account, at, seq);
CREATE INDEX ledger_entries_late ON ledger_entries (account, seq) WHERE is_late;
ALTER TABLE ledger_entries ATTACH PARTITION ledger_entries_0001 FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
SELECT make_append_only('ledger_entries');
SELECT make_private('ledger_entries', 'EXISTS (SELECT 1 FROM ledger_accounts a WHERE a.no = ledger_entries.account)');
CREATE POLICY keeper ON ledger_entries TO CURRENT_USER USING (true) WITH CHECK (true);
GRANT SELECT ON ledger_entries TO entrepot_serve, entrepot_work;

-- Closes the newest part of the history once its rows take `bytes_max`, at its latest time, and begins another; what
-- is posted late still goes to the part of its time. True if it did. Posting waits meanwhile: two scans of the part.
-- It does not wait longer than 200 ms for those who use the history, as others would queue behind it.
CREATE FUNCTION ledger_turn_page(bytes_max bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    newest regclass;
    number integer;
    since text;
    until bigint;
    following text;
BEGIN
    FOR turn IN 1..2 LOOP -- the second look is under the lock: another worker may have done it
        SELECT c.oid::regclass, right(c.relname, 4)::integer, substring(pg_get_expr(c.relpartbound, c.oid), 'FROM \((.*?)\)')
          INTO STRICT newest, number, since
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'ledger_entries'::regclass ORDER BY c.relname DESC LIMIT 1;
        IF pg_relation_size(newest) < bytes_max THEN RETURN false; END IF;
        BEGIN
            LOCK TABLE ledger_entries IN ACCESS EXCLUSIVE MODE;
        EXCEPTION WHEN lock_not_available THEN
            RETURN false; -- another time
        END;
    END LOOP;
    EXECUTE format('SELECT max(at) + 1 FROM %s', newest) INTO STRICT until;
    following := 'ledger_entries_' || lpad((number + 1)::text, 4, '0');
    EXECUTE format('ALTER TABLE ledger_entries DETACH PARTITION %s', newest);
    EXECUTE format('ALTER TABLE ledger_entries ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', newest, since, until);
    EXECUTE format('CREATE TABLE %I PARTITION OF ledger_entries FOR VALUES FROM (%s) TO (MAXVALUE)', following, until);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', following);
    EXECUTE format('CREATE POLICY keeper ON %I TO CURRENT_USER USING (true)', following);
    PERFORM make_append_only(following::regclass);
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_turn_page(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_turn_page(bigint) TO entrepot_work;
