-- What the two application roles may do, and which rows a door's reader sees. serve: reads, writes the inbox only.
-- work: reads and writes, but cannot change what is append-only. Neither owns anything.

-- On whose behalf rows are read: set LOCAL in each transaction of a door.
CREATE FUNCTION reader_role() RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT coalesce(current_setting('entrepot.role', true), '') $$;
CREATE FUNCTION reader_participant() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('entrepot.participant', true), '')::uuid $$;
CREATE FUNCTION reader_is_staff() RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT reader_role() IN ('operator', 'officer', 'supervisor') $$;
CREATE FUNCTION reader_is_door() RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT reader_role() = 'door' $$;

-- Row-level security: workers see all, staff too, other readers of a door what `shown` says.
CREATE FUNCTION make_private(target regclass, shown text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY workers ON %s TO entrepot_work USING (true) WITH CHECK (true)', target);
    EXECUTE format('CREATE POLICY readers ON %s FOR SELECT TO entrepot_serve
                    USING ((SELECT reader_is_staff()) OR (%s))', target, shown);
END $$;
REVOKE EXECUTE ON FUNCTION make_private(regclass, text) FROM PUBLIC;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO entrepot_serve, entrepot_work;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO entrepot_serve, entrepot_work;
GRANT INSERT ON inbox, data_keys TO entrepot_serve;
GRANT INSERT ON data_keys, settlements, events, log_leaves, log_nodes, checkpoints, inbox, outbox, participants, persons,
    memberships, credentials, wallets, papers, list_versions, dispositions, disposed_hits, reservations, invoices, changes,
    sent_transactions, senders, receipts, cursors TO entrepot_work;
GRANT UPDATE ON settlements, participants, persons, credentials, list_versions, reservations, settings, sent_transactions,
    senders, cursors TO entrepot_work;
GRANT UPDATE (wrapped) ON data_keys TO entrepot_work;
GRANT UPDATE (attempts, leased_until, answer, answered_at, set_aside, set_aside_at) ON inbox TO entrepot_work;
GRANT UPDATE (due_at, attempts, leased_until, done_at, error) ON outbox TO entrepot_work;
GRANT UPDATE (is_live) ON invoices TO entrepot_work;
GRANT UPDATE (confirmed_by, confirmed_at) ON changes TO entrepot_work;

-- Staff see all, a party only its own. Settlements name their parties, and what belongs to a settlement follows it:
-- the policy of settlements holds inside these subqueries too. (SELECT …) asks once a statement, not once a row.
SELECT make_private('settlements', '(SELECT reader_participant()) = ANY (parties)');
SELECT make_private('events',
    'NOT is_confidential AND EXISTS (SELECT 1 FROM settlements s WHERE s.id = events.settlement)');
SELECT make_private('log_leaves', 'EXISTS (SELECT 1 FROM events e
    WHERE e.settlement = log_leaves.settlement AND e.seq = log_leaves.seq)');
SELECT make_private('receipts', 'EXISTS (SELECT 1 FROM settlements s WHERE s.id = receipts.settlement)');
SELECT make_private('invoices', 'EXISTS (SELECT 1 FROM settlements s WHERE s.id = invoices.settlement)');
SELECT make_private('papers', '(SELECT reader_participant()) = ANY (visible_to)');
-- A company sees itself and those it trades with; the door shows names only.
SELECT make_private('participants', 'id = (SELECT reader_participant())
    OR EXISTS (SELECT 1 FROM settlements s WHERE s.parties @> ARRAY[participants.id])');
SELECT make_private('memberships', 'participant = (SELECT reader_participant())');
SELECT make_private('persons', 'EXISTS (SELECT 1 FROM memberships m WHERE m.person = persons.id)');
SELECT make_private('wallets', 'participant = (SELECT reader_participant())');
SELECT make_private('reservations', 'participant = (SELECT reader_participant())');
SELECT make_private('credentials', 'participant = (SELECT reader_participant()) OR (SELECT reader_is_door())');
SELECT make_private('inbox', 'participant = (SELECT reader_participant()) OR (SELECT reader_is_door())');
SELECT make_private('outbox', 'false');
SELECT make_private('sent_transactions', 'false');
SELECT make_private('dispositions', 'false');
SELECT make_private('disposed_hits', 'false');
SELECT make_private('changes', 'false');
-- A key is seen by whoever sees something sealed with it.
SELECT make_private('data_keys', '(SELECT reader_is_door())
    OR EXISTS (SELECT 1 FROM participants p WHERE p.id = data_keys.owner)
    OR EXISTS (SELECT 1 FROM papers p WHERE p.owner = data_keys.owner)
    OR EXISTS (SELECT 1 FROM persons p WHERE p.id = data_keys.owner)');
CREATE POLICY doors ON inbox FOR INSERT TO entrepot_serve WITH CHECK ((SELECT reader_is_door()));
CREATE POLICY doors ON data_keys FOR INSERT TO entrepot_serve WITH CHECK ((SELECT reader_is_door()));

-- The ledger's functions run with the owner's rights, so the owner sees its rows too; only workers may call them.
SELECT make_private('ledger_transfers', 'EXISTS (SELECT 1 FROM settlements s WHERE s.id = ledger_transfers.settlement)');
SELECT make_private('ledger_accounts', $$owner = replace((SELECT reader_participant())::text, '-', '')
    OR EXISTS (SELECT 1 FROM settlements s WHERE replace(s.id::text, '-', '') = ledger_accounts.owner)$$);
CREATE POLICY keeper ON ledger_transfers TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY keeper ON ledger_accounts TO CURRENT_USER USING (true) WITH CHECK (true);
DO $$
DECLARE call regprocedure;
BEGIN
    FOR call IN SELECT oid::regprocedure FROM pg_proc
                 WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ledger\_%' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', call);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO entrepot_work', call);
    END LOOP;
END $$;
