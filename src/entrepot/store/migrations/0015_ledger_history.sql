-- The ledger's history: what each account's four totals were after each batch. A balance at a time is one look into
-- it, whatever came later; the two indexes that summed it up from transfers are gone. A batch is posted at once, and
-- is looked through first only where that failed (docs/decisions/0011-ledger-history.md).

ALTER TABLE ledger_accounts
    ADD COLUMN no bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- short, and in order of opening: history lies together
    ADD COLUMN entries integer NOT NULL DEFAULT 0,
    ADD COLUMN last_at bigint,
    ADD COLUMN last_at_before bigint, -- as the last batch found it
    ALTER COLUMN debits_posted TYPE numeric, -- whole, as what is added is; to say so again costs a tenth of a batch
    ALTER COLUMN credits_posted TYPE numeric,
    ALTER COLUMN debits_pending TYPE numeric,
    ALTER COLUMN credits_pending TYPE numeric;

-- The totals of account `account` after its entry number `seq`. An entry is made by one batch, of transfers of one `at`.
-- `is_late`: its `at` is before that of an entry made earlier, whose totals do not hold it; so it says what it added.
CREATE TABLE ledger_entries (
    account bigint NOT NULL,
    at bigint NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    is_late boolean NOT NULL,
    debits_posted numeric NOT NULL,
    credits_posted numeric NOT NULL,
    debits_pending numeric NOT NULL,
    credits_pending numeric NOT NULL,
    added numeric[], -- the same four
    CHECK (is_late = (added IS NOT NULL))
);

INSERT INTO ledger_entries (account, at, seq, is_late, debits_posted, credits_posted, debits_pending, credits_pending)
SELECT a.no, e.at, row_number() OVER w, false, sum(e.debits_posted) OVER w, sum(e.credits_posted) OVER w,
       sum(e.debits_pending) OVER w, sum(e.credits_pending) OVER w
  FROM (SELECT leg.account, leg.at,
               sum(CASE WHEN leg.is_debit THEN leg.moved ELSE 0 END) AS debits_posted,
               sum(CASE WHEN leg.is_debit THEN 0 ELSE leg.moved END) AS credits_posted,
               sum(CASE WHEN leg.is_debit THEN leg.held ELSE 0 END) AS debits_pending,
               sum(CASE WHEN leg.is_debit THEN 0 ELSE leg.held END) AS credits_pending
          FROM (SELECT side.account, side.is_debit, t.at,
                       CASE WHEN t.phase IN ('posted', 'post') THEN t.amount_minor ELSE 0 END AS moved,
                       CASE t.phase WHEN 'posted' THEN 0 WHEN 'pending' THEN t.amount_minor
                                    ELSE -t.amount_minor END AS held
                  FROM ledger_transfers t
                 CROSS JOIN LATERAL (VALUES (t.debit, true), (t.credit, false)) AS side (account, is_debit)) AS leg
         GROUP BY leg.account, leg.at) AS e
  JOIN ledger_accounts a ON a.id = e.account
WINDOW w AS (PARTITION BY e.account ORDER BY e.at);

UPDATE ledger_accounts a SET entries = e.count, last_at = e.last_at, last_at_before = e.last_at
  FROM (SELECT account, count(*) AS count, max(at) AS last_at FROM ledger_entries GROUP BY account) AS e
 WHERE e.account = a.no;

CREATE UNIQUE INDEX ledger_entries_at ON ledger_entries (account, at, seq);
CREATE UNIQUE INDEX ledger_entries_late ON ledger_entries (account, seq) WHERE is_late;
SELECT make_append_only('ledger_entries');
SELECT make_private('ledger_entries', 'EXISTS (SELECT 1 FROM ledger_accounts a WHERE a.no = ledger_entries.account)');
CREATE POLICY keeper ON ledger_entries TO CURRENT_USER USING (true) WITH CHECK (true);
GRANT SELECT ON ledger_entries TO entrepot_serve, entrepot_work;

DROP INDEX ledger_transfers_debit;
DROP INDEX ledger_transfers_credit;

-- Opens what is not open yet. The same id for another class, owner or asset is a defect.
CREATE OR REPLACE FUNCTION ledger_open(ids uuid[], classes text[], owners text[], assets text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE opened bigint;
BEGIN
    INSERT INTO ledger_accounts (id, class, owner, asset)
    SELECT * FROM unnest(ids, classes, owners, assets) AS wanted (id, class, owner, asset) ORDER BY id
    ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS opened = ROW_COUNT;
    IF opened < cardinality(ids) AND EXISTS (
        SELECT 1 FROM unnest(ids, classes, owners, assets) AS wanted (id, class, owner, asset)
          JOIN ledger_accounts a USING (id)
         WHERE (a.class, a.owner, a.asset) <> (wanted.class, wanted.owner, wanted.asset)) THEN
        RAISE EXCEPTION 'an account is open under this id with another class, owner or asset'
            USING ERRCODE = 'check_violation';
    END IF;
END $$;

-- Posting --------------------------------------------------------------------------------------------------------------
-- A phase travels as its number: 0 posted, 1 pending, 2 post, 3 void. So `< 2` takes room, and even ones move money.

CREATE FUNCTION ledger_phase(kind smallint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT (ARRAY['posted', 'pending', 'post', 'void'])[kind + 1] $$;

-- True if both accounts of every transfer are in one asset; `accounts` and `assets` say in which each is. Hashes what it
-- is given, and reads no table.
CREATE FUNCTION ledger_assets_agree(debits uuid[], credits uuid[], accounts uuid[], assets text[]) RETURNS boolean
LANGUAGE sql SET enable_hashjoin = on SET enable_nestloop = off AS $$
    SELECT bool_and(d.asset = c.asset)
      FROM unnest(debits, credits) AS t (debit, credit)
      JOIN unnest(accounts, assets) AS d (account, asset) ON d.account = t.debit
      JOIN unnest(accounts, assets) AS c (account, asset) ON c.account = t.credit;
$$;

-- True if no transfer ends a hold that stands later in the same batch.
CREATE FUNCTION ledger_holds_come_first(ids uuid[], pendings uuid[]) RETURNS boolean
LANGUAGE sql SET enable_hashjoin = on SET enable_nestloop = off AS $$
    SELECT NOT EXISTS (SELECT 1 FROM unnest(ids) WITH ORDINALITY AS hold (id, place)
                         JOIN unnest(pendings) WITH ORDINALITY AS ends (pending, place) ON ends.pending = hold.id
                        WHERE hold.place >= ends.place);
$$;

-- True if no limited account, now that the batch is added to it, was short of room after one of its legs in between.
CREATE FUNCTION ledger_room_sufficed(debits uuid[], credits uuid[], amounts numeric[], kinds smallint[]) RETURNS boolean
LANGUAGE sql AS $$
    SELECT NOT EXISTS (
        SELECT 1 FROM (
            SELECT leg.room - sum(leg.gain) OVER (PARTITION BY leg.account)
                   + sum(leg.gain) OVER (PARTITION BY leg.account ORDER BY leg.place) AS room_after
              FROM (SELECT side.account, t.place, side.gain,
                           (SELECT a.credits_posted - a.debits_posted - a.debits_pending
                              FROM ledger_accounts a WHERE a.id = side.account AND a.class <> 'outside') AS room
                      FROM unnest(debits, credits, amounts, kinds) WITH ORDINALITY
                               AS t (debit, credit, amount, kind, place)
                     CROSS JOIN LATERAL (VALUES
                           (t.debit, CASE t.kind WHEN 3 THEN t.amount WHEN 2 THEN 0 ELSE -t.amount END),
                           (t.credit, CASE WHEN t.kind IN (0, 2) THEN t.amount ELSE 0 END)) AS side (account, gain)
                   ) AS leg
             WHERE leg.room IS NOT NULL) AS after_leg
         WHERE room_after < 0);
$$;

-- Adds to each account what transfers of one `at` move and hold, and makes its entry; locks the accounts in id order, so
-- that two batches never wait for each other in a circle. Raises an integrity violation unless all accounts are open,
-- each transfer stays in one asset, and every limited account has room for each of its legs in order.
CREATE FUNCTION ledger_move(debits uuid[], credits uuid[], amounts numeric[], kinds smallint[], new_at bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n CONSTANT integer := cardinality(debits);
    all_open boolean;
    one_asset boolean;
    in_doubt boolean;
BEGIN
    WITH m AS (
        SELECT leg.account,
               coalesce(sum(leg.amount) FILTER (WHERE leg.place <= n AND leg.kind & 1 = 0), 0) AS dp,
               coalesce(sum(leg.amount) FILTER (WHERE leg.place > n AND leg.kind & 1 = 0), 0) AS cp,
               coalesce(sum(CASE leg.kind WHEN 1 THEN leg.amount ELSE -leg.amount END)
                        FILTER (WHERE leg.place <= n AND leg.kind > 0), 0) AS dh,
               coalesce(sum(CASE leg.kind WHEN 1 THEN leg.amount ELSE -leg.amount END)
                        FILTER (WHERE leg.place > n AND leg.kind > 0), 0) AS ch,
               coalesce(sum(leg.amount) FILTER (WHERE leg.place <= n AND leg.kind < 2), 0) AS taken
          FROM unnest(debits || credits, amounts || amounts, kinds || kinds) WITH ORDINALITY
                   AS leg (account, amount, kind, place)
         GROUP BY leg.account ORDER BY leg.account),
    u AS (
        UPDATE ledger_accounts a
           SET debits_posted = a.debits_posted + m.dp, credits_posted = a.credits_posted + m.cp,
               debits_pending = a.debits_pending + m.dh, credits_pending = a.credits_pending + m.ch,
               entries = a.entries + 1, last_at_before = a.last_at, last_at = greatest(a.last_at, new_at)
          FROM m WHERE a.id = m.account
        RETURNING a.no, a.class, a.asset, a.entries, a.last_at_before > new_at IS TRUE AS is_late,
                  a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending,
                  m.dp, m.cp, m.dh, m.ch, m.taken),
    e AS (
        INSERT INTO ledger_entries (account, at, seq, is_late, debits_posted, credits_posted, debits_pending,
                                    credits_pending, added)
        SELECT no, new_at, entries, is_late, debits_posted, credits_posted, debits_pending, credits_pending,
               CASE WHEN is_late THEN ARRAY[dp, cp, dh, ch] END FROM u)
    SELECT count(*) = (SELECT count(*) FROM m), min(asset) = max(asset),
           -- the batch takes more than there was before it: did enough come in between?
           bool_or(class <> 'outside' AND credits_posted - cp - debits_posted + dp - debits_pending + dh < taken)
      INTO all_open, one_asset, in_doubt FROM u;
    IF all_open AND NOT one_asset THEN
        one_asset := ledger_assets_agree(debits, credits, held.ids, held.assets)
                FROM (SELECT array_agg(id) AS ids, array_agg(asset) AS assets
                        FROM ledger_accounts WHERE id = ANY (debits || credits)) AS held;
    END IF;
    IF NOT all_open OR NOT one_asset
        OR in_doubt AND NOT ledger_room_sufficed(debits, credits, amounts, kinds) THEN
        RAISE EXCEPTION 'a transfer names an account that is not open, of another asset or without room'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

-- Writes a batch of which all is sound; else raises an integrity violation, by a constraint of the tables or its own.
CREATE FUNCTION ledger_write(
    ids uuid[], debits uuid[], credits uuid[], amounts numeric[], kinds smallint[], pendings uuid[], events text[],
    ats bigint[], settlements uuid[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n CONSTANT integer := cardinality(ids);
    low integer := 1;
    high integer := n;
BEGIN
    IF ats[1] = ALL (ats) THEN
        PERFORM ledger_move(debits, credits, amounts, kinds, ats[1]);
    ELSE -- in runs of one time, so that entries come in the batch's order
        WHILE low <= n LOOP
            high := low;
            WHILE high < n AND ats[high + 1] = ats[low] LOOP high := high + 1; END LOOP;
            PERFORM ledger_move(debits[low:high], credits[low:high], amounts[low:high], kinds[low:high], ats[low]);
            low := high + 1;
        END LOOP;
    END IF;
    INSERT INTO ledger_transfers (id, debit, credit, amount_minor, phase, pending_id, event, at, settlement)
    SELECT t.id, t.debit, t.credit, t.amount, ledger_phase(t.kind), t.pending, t.event, t.at, t.settlement
      FROM unnest(ids, debits, credits, amounts, kinds, pendings, events, ats, settlements)
               AS t (id, debit, credit, amount, kind, pending, event, at, settlement);
    IF kinds && '{2,3}' AND (
        NOT ledger_holds_come_first(ids, pendings)
        OR EXISTS (SELECT 1 FROM unnest(debits, credits, amounts, kinds, pendings)
                             AS t (debit, credit, amount, kind, pending)
                    WHERE t.kind >= 2
                      AND (SELECT (h.debit, h.credit, h.amount_minor) = (t.debit, t.credit, t.amount)
                             FROM ledger_transfers h WHERE h.id = t.pending AND h.phase = 'pending') IS NOT TRUE)) THEN
        RAISE EXCEPTION 'a transfer ends what is no such hold' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

-- Posts one transfer and answers with one word. The order of the refusals is that of memory_ledger.py. The caller has
-- locked both accounts.
DROP FUNCTION ledger_post_one(uuid, uuid, uuid, numeric, text, uuid, text, bigint, uuid);
CREATE FUNCTION ledger_post_one(
    new_id uuid, new_debit uuid, new_credit uuid, new_amount numeric, kind smallint, new_pending uuid, new_event text,
    new_at bigint, new_settlement uuid
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    old ledger_transfers;
    hold ledger_transfers;
    d ledger_accounts;
    c ledger_accounts;
    new_phase text := ledger_phase(kind);
BEGIN
    SELECT * INTO old FROM ledger_transfers WHERE id = new_id;
    IF FOUND THEN
        RETURN CASE WHEN (old.debit, old.credit, old.amount_minor, old.phase, old.pending_id, old.event, old.settlement)
            IS NOT DISTINCT FROM (new_debit, new_credit, new_amount, new_phase, new_pending, new_event, new_settlement)
            THEN 'exists' ELSE 'exists_different' END;
    END IF;
    IF NOT (new_amount > 0 AND new_amount < 170141183460469231731687303715884105728) THEN
        RETURN 'amount_out_of_range';
    END IF;
    IF new_debit = new_credit THEN RETURN 'same_account'; END IF;
    SELECT * INTO d FROM ledger_accounts WHERE id = new_debit;
    SELECT * INTO c FROM ledger_accounts WHERE id = new_credit;
    IF d.id IS NULL OR c.id IS NULL THEN RETURN 'account_unknown'; END IF;
    IF d.asset <> c.asset THEN RETURN 'assets_differ'; END IF;
    IF kind >= 2 THEN
        SELECT * INTO hold FROM ledger_transfers WHERE id = new_pending AND phase = 'pending';
        IF NOT FOUND THEN RETURN 'pending_unknown'; END IF;
        IF (hold.debit, hold.credit, hold.amount_minor) <> (new_debit, new_credit, new_amount) THEN
            RETURN 'pending_different';
        END IF;
        IF EXISTS (SELECT 1 FROM ledger_transfers WHERE pending_id = new_pending) THEN RETURN 'pending_ended'; END IF;
    ELSIF new_pending IS NOT NULL THEN
        RETURN 'pending_different';
    ELSIF d.class <> 'outside' AND d.credits_posted - d.debits_posted - d.debits_pending < new_amount THEN
        RETURN 'exceeds_limit';
    END IF;
    INSERT INTO ledger_transfers (id, debit, credit, amount_minor, phase, pending_id, event, at, settlement)
    VALUES (new_id, new_debit, new_credit, new_amount, new_phase, new_pending, new_event, new_at, new_settlement)
    ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN -- posted meanwhile between two accounts that are not ours
        RETURN 'exists_different';
    END IF;
    PERFORM ledger_move(ARRAY[new_debit], ARRAY[new_credit], ARRAY[new_amount], ARRAY[kind], new_at);
    RETURN 'posted';
END $$;

-- What can be seen before writing: false if a transfer is known, malformed, between accounts that do not fit, or ends
-- what is no hold. Its subqueries are scalar, so that each row is looked up by its key.
DROP FUNCTION ledger_all_pass(uuid[], uuid[], uuid[], numeric[], text[], uuid[]);
CREATE FUNCTION ledger_may_pass(
    ids uuid[], debits uuid[], credits uuid[], amounts numeric[], kinds smallint[], pendings uuid[]
) RETURNS boolean LANGUAGE sql AS $$
    SELECT NOT EXISTS (
        SELECT 1 FROM unnest(ids, debits, credits, amounts, kinds, pendings) AS t (id, debit, credit, amount, kind, pending)
         WHERE (SELECT true FROM ledger_transfers WHERE id = t.id)
            OR NOT (t.amount > 0 AND t.amount < 170141183460469231731687303715884105728 AND t.debit <> t.credit)
            OR ((SELECT asset FROM ledger_accounts WHERE id = t.debit)
                = (SELECT asset FROM ledger_accounts WHERE id = t.credit)) IS NOT TRUE
            OR (t.kind >= 2) <> (t.pending IS NOT NULL)
            OR t.kind >= 2 AND (SELECT true FROM ledger_transfers WHERE pending_id = t.pending));
$$;

-- Posts a batch whole if all of it passes; else its two halves, and a few transfers one by one.
DROP FUNCTION ledger_post_halves(uuid[], uuid[], uuid[], numeric[], text[], uuid[], text[], bigint[], uuid[]);
DROP FUNCTION ledger_post_all(uuid[], uuid[], uuid[], numeric[], text[], uuid[], text[], bigint[], uuid[]);
CREATE FUNCTION ledger_post_halves(
    ids uuid[], debits uuid[], credits uuid[], amounts numeric[], kinds smallint[], pendings uuid[], events text[],
    ats bigint[], settlements uuid[]
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    few CONSTANT integer := 8;
    n CONSTANT integer := cardinality(ids);
    half CONSTANT integer := n / 2;
BEGIN
    IF n <= few THEN
        RETURN ARRAY(SELECT ledger_post_one(t.id, t.debit, t.credit, t.amount, t.kind, t.pending, t.event, t.at, t.settlement)
                       FROM unnest(ids, debits, credits, amounts, kinds, pendings, events, ats, settlements)
                                AS t (id, debit, credit, amount, kind, pending, event, at, settlement));
    END IF;
    IF ledger_may_pass(ids, debits, credits, amounts, kinds, pendings) THEN
        BEGIN
            PERFORM ledger_write(ids, debits, credits, amounts, kinds, pendings, events, ats, settlements);
            RETURN array_fill('posted'::text, ARRAY[n]);
        EXCEPTION WHEN integrity_constraint_violation OR data_exception THEN
            NULL; -- find out which
        END;
    END IF;
    RETURN ledger_post_halves(ids[:half], debits[:half], credits[:half], amounts[:half], kinds[:half], pendings[:half],
                              events[:half], ats[:half], settlements[:half])
        || ledger_post_halves(ids[half + 1:], debits[half + 1:], credits[half + 1:], amounts[half + 1:],
                              kinds[half + 1:], pendings[half + 1:], events[half + 1:], ats[half + 1:],
                              settlements[half + 1:]);
END $$;

-- Posts a batch: NULL if all of it is posted, else one answer for each transfer, in order; later ones see earlier ones.
-- One plan for any batch: rows by their keys.
DROP FUNCTION ledger_post(uuid[], uuid[], uuid[], numeric[], text[], uuid[], text[], bigint[], uuid[]);
CREATE FUNCTION ledger_post(
    ids uuid[], debits uuid[], credits uuid[], amounts numeric[], kinds smallint[], pendings uuid[], events text[],
    ats bigint[], settlements uuid[]
) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    half CONSTANT integer := cardinality(ids) / 2;
BEGIN
    BEGIN
        PERFORM ledger_write(ids, debits, credits, amounts, kinds, pendings, events, ats, settlements);
        RETURN NULL;
    EXCEPTION WHEN integrity_constraint_violation OR data_exception THEN
        NULL; -- at least one is refused or known: find out which, and write nothing that does not pass
    END;
    PERFORM 1 FROM ledger_accounts WHERE id = ANY (debits || credits) ORDER BY id FOR NO KEY UPDATE;
    -- what could not be written whole is not tried whole a second time: one refusal costs a third less
    RETURN ledger_post_halves(ids[:half], debits[:half], credits[:half], amounts[:half], kinds[:half], pendings[:half],
                              events[:half], ats[:half], settlements[:half])
        || ledger_post_halves(ids[half + 1:], debits[half + 1:], credits[half + 1:], amounts[half + 1:],
                              kinds[half + 1:], pendings[half + 1:], events[half + 1:], ats[half + 1:],
                              settlements[half + 1:]);
END $$;

DO $$
DECLARE call regprocedure;
BEGIN
    FOR call IN SELECT oid::regprocedure FROM pg_proc
                 WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ledger\_%' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', call);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO entrepot_work', call);
    END LOOP;
END $$;
