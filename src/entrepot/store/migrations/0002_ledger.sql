-- Double entry: accounts with four running totals, append-only transfers, and one call that posts a batch.
-- The functions run with the owner's rights: the two application roles may call them and read, and write nothing else.

CREATE TABLE ledger_accounts (
    id uuid PRIMARY KEY,
    class text NOT NULL CHECK (class IN ('outside', 'escrow', 'fee_due', 'mispaid')),
    owner text NOT NULL CHECK (owner <> ''),
    asset text NOT NULL CHECK (asset <> ''),
    debits_posted numeric(78, 0) NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
    credits_posted numeric(78, 0) NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
    debits_pending numeric(78, 0) NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
    credits_pending numeric(78, 0) NOT NULL DEFAULT 0 CHECK (credits_pending >= 0),
    -- all but `outside` are limited: what has gone and what is held never exceed what came
    CONSTRAINT ledger_accounts_limit
        CHECK (class = 'outside' OR credits_posted - debits_posted - debits_pending >= 0)
) WITH (fillfactor = 50); -- totals change often, and in place
CREATE INDEX ledger_accounts_owner ON ledger_accounts (owner);

-- No foreign keys to accounts: `ledger_post` has locked both rows, nothing else writes here, and no account is deleted.
CREATE TABLE ledger_transfers (
    id uuid PRIMARY KEY,
    debit uuid NOT NULL,
    credit uuid NOT NULL,
    amount_minor numeric(78, 0) NOT NULL
        CHECK (amount_minor > 0 AND amount_minor < 170141183460469231731687303715884105728),
    phase text NOT NULL CHECK (phase IN ('posted', 'pending', 'post', 'void')),
    pending_id uuid,
    event text NOT NULL,
    at bigint NOT NULL,
    settlement uuid,
    CHECK (debit <> credit),
    CHECK ((phase IN ('post', 'void')) = (pending_id IS NOT NULL))
);
CREATE UNIQUE INDEX ledger_transfers_hold_ends_once ON ledger_transfers (pending_id) WHERE pending_id IS NOT NULL;
CREATE INDEX ledger_transfers_debit ON ledger_transfers (debit, at); -- balances at a time: now, less what came later
CREATE INDEX ledger_transfers_credit ON ledger_transfers (credit, at);
CREATE INDEX ledger_transfers_settlement ON ledger_transfers (settlement) WHERE settlement IS NOT NULL;

SELECT make_append_only('ledger_transfers');
CREATE TRIGGER accounts_stay BEFORE DELETE OR TRUNCATE ON ledger_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Opens what is not open yet. The same id for another class, owner or asset is a defect.
CREATE FUNCTION ledger_open(ids uuid[], classes text[], owners text[], assets text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO ledger_accounts (id, class, owner, asset)
    SELECT * FROM unnest(ids, classes, owners, assets) AS wanted (id, class, owner, asset) ORDER BY id
    ON CONFLICT (id) DO NOTHING;
    IF EXISTS (SELECT 1 FROM unnest(ids, classes, owners, assets) AS wanted (id, class, owner, asset)
                 JOIN ledger_accounts a USING (id)
                WHERE (a.class, a.owner, a.asset) <> (wanted.class, wanted.owner, wanted.asset)) THEN
        RAISE EXCEPTION 'an account is open under this id with another class, owner or asset'
            USING ERRCODE = 'check_violation';
    END IF;
END $$;

-- Posts one transfer and answers with one word. The order of the refusals is that of memory_ledger.py. The caller has
-- locked both accounts.
CREATE FUNCTION ledger_post_one(
    new_id uuid, new_debit uuid, new_credit uuid, new_amount numeric, new_phase text, new_pending uuid, new_event text,
    new_at bigint, new_settlement uuid
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    old ledger_transfers;
    hold ledger_transfers;
    d ledger_accounts;
    c ledger_accounts;
    moves boolean := new_phase IN ('posted', 'post');
    held numeric := CASE new_phase WHEN 'pending' THEN new_amount WHEN 'posted' THEN 0 ELSE -new_amount END;
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
    IF new_phase IN ('post', 'void') THEN
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
    UPDATE ledger_accounts SET debits_posted = debits_posted + CASE WHEN moves THEN new_amount ELSE 0 END,
                               debits_pending = debits_pending + held WHERE id = new_debit;
    UPDATE ledger_accounts SET credits_posted = credits_posted + CASE WHEN moves THEN new_amount ELSE 0 END,
                               credits_pending = credits_pending + held WHERE id = new_credit;
    RETURN 'posted';
END $$;

-- True if every transfer of the batch, taken in order, would be posted. Its subqueries are scalar, so that each row is
-- looked up by its key and no plan ever reads a whole table.
CREATE FUNCTION ledger_all_pass(
    ids uuid[], debits uuid[], credits uuid[], amounts numeric[], phases text[], pendings uuid[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM unnest(ids, debits, credits, amounts, phases, pendings) AS t (id, debit, credit, amount, phase, pending)
         WHERE (SELECT true FROM ledger_transfers WHERE id = t.id)
            OR NOT (t.amount > 0 AND t.amount < 170141183460469231731687303715884105728 AND t.debit <> t.credit)
            OR ((SELECT asset FROM ledger_accounts WHERE id = t.debit)
                = (SELECT asset FROM ledger_accounts WHERE id = t.credit)) IS NOT TRUE
            -- a hold that is ended was placed between the same accounts, before this batch
            OR CASE WHEN t.phase IN ('post', 'void')
                    THEN (SELECT (h.debit, h.credit, h.amount_minor) = (t.debit, t.credit, t.amount)
                            FROM ledger_transfers h WHERE h.id = t.pending AND h.phase = 'pending') IS NOT TRUE
                    ELSE t.pending IS NOT NULL END
    ) THEN RETURN false; END IF;
    -- the room of every limited account after each of its legs, in order
    RETURN NOT EXISTS (
        SELECT 1 FROM (
            SELECT leg.room + sum(leg.gain) OVER (PARTITION BY leg.account ORDER BY leg.place) AS room_after
              FROM (SELECT side.account, t.place, side.gain,
                           (SELECT a.credits_posted - a.debits_posted - a.debits_pending
                              FROM ledger_accounts a WHERE a.id = side.account AND a.class <> 'outside') AS room
                      FROM unnest(debits, credits, amounts, phases) WITH ORDINALITY
                               AS t (debit, credit, amount, phase, place)
                     CROSS JOIN LATERAL (VALUES
                           (t.debit, CASE t.phase WHEN 'void' THEN t.amount WHEN 'post' THEN 0 ELSE -t.amount END),
                           (t.credit, CASE WHEN t.phase IN ('posted', 'post') THEN t.amount ELSE 0 END)
                           ) AS side (account, gain)) AS leg
             WHERE leg.room IS NOT NULL) AS after_leg
         WHERE room_after < 0);
END $$;

-- Posts a whole batch that passes: one insert, one update for each account.
CREATE FUNCTION ledger_post_all(
    ids uuid[], debits uuid[], credits uuid[], amounts numeric[], phases text[], pendings uuid[], events text[],
    ats bigint[], settlements uuid[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_transfers (id, debit, credit, amount_minor, phase, pending_id, event, at, settlement)
    SELECT * FROM unnest(ids, debits, credits, amounts, phases, pendings, events, ats, settlements);
    UPDATE ledger_accounts a
       SET debits_posted = a.debits_posted + m.debit_moves, debits_pending = a.debits_pending + m.debit_holds,
           credits_posted = a.credits_posted + m.credit_moves, credits_pending = a.credits_pending + m.credit_holds
      FROM (SELECT leg.account,
                   sum(CASE WHEN leg.is_debit THEN leg.moved ELSE 0 END) AS debit_moves,
                   sum(CASE WHEN leg.is_debit THEN leg.held ELSE 0 END) AS debit_holds,
                   sum(CASE WHEN leg.is_debit THEN 0 ELSE leg.moved END) AS credit_moves,
                   sum(CASE WHEN leg.is_debit THEN 0 ELSE leg.held END) AS credit_holds
              FROM (SELECT side.account, side.is_debit,
                           CASE WHEN t.phase IN ('posted', 'post') THEN t.amount ELSE 0 END AS moved,
                           CASE t.phase WHEN 'posted' THEN 0 WHEN 'pending' THEN t.amount ELSE -t.amount END AS held
                      FROM unnest(debits, credits, amounts, phases) AS t (debit, credit, amount, phase)
                     CROSS JOIN LATERAL (VALUES (t.debit, true), (t.credit, false)) AS side (account, is_debit)) AS leg
             GROUP BY leg.account) AS m
     WHERE a.id = m.account;
END $$;

-- Posts a batch whole if all of it passes; else its two halves, and a few transfers one by one.
CREATE FUNCTION ledger_post_halves(
    ids uuid[], debits uuid[], credits uuid[], amounts numeric[], phases text[], pendings uuid[], events text[],
    ats bigint[], settlements uuid[]
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    few CONSTANT integer := 8;
    n integer := cardinality(ids);
    half integer := n / 2;
    answers text[] := '{}';
    t record;
BEGIN
    IF n <= few THEN
        FOR t IN SELECT * FROM unnest(ids, debits, credits, amounts, phases, pendings, events, ats, settlements)
                   WITH ORDINALITY AS b (id, debit, credit, amount, phase, pending, event, at, settlement, place)
                  ORDER BY place LOOP
            answers := answers || ledger_post_one(t.id, t.debit, t.credit, t.amount, t.phase, t.pending, t.event, t.at,
                                                  t.settlement);
        END LOOP;
        RETURN answers;
    END IF;
    IF ledger_all_pass(ids, debits, credits, amounts, phases, pendings) THEN
        BEGIN
            PERFORM ledger_post_all(ids, debits, credits, amounts, phases, pendings, events, ats, settlements);
            RETURN array_fill('posted'::text, ARRAY[n]);
        EXCEPTION WHEN unique_violation THEN
            NULL; -- the same id, or two ends of one hold, within the batch or from a neighbour: find out which
        END;
    END IF;
    RETURN ledger_post_halves(ids[:half], debits[:half], credits[:half], amounts[:half], phases[:half], pendings[:half],
                              events[:half], ats[:half], settlements[:half])
        || ledger_post_halves(ids[half + 1:], debits[half + 1:], credits[half + 1:], amounts[half + 1:],
                              phases[half + 1:], pendings[half + 1:], events[half + 1:], ats[half + 1:],
                              settlements[half + 1:]);
END $$;

-- Posts a batch, one answer for each transfer, in order; later ones see earlier ones. Accounts are locked in id order
-- first, so that two batches never wait for each other in a circle. One plan for any batch: rows by their keys.
CREATE FUNCTION ledger_post(
    ids uuid[], debits uuid[], credits uuid[], amounts numeric[], phases text[], pendings uuid[], events text[],
    ats bigint[], settlements uuid[]
) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM 1 FROM ledger_accounts WHERE id = ANY (debits || credits) ORDER BY id FOR NO KEY UPDATE;
    RETURN ledger_post_halves(ids, debits, credits, amounts, phases, pendings, events, ats, settlements);
END $$;
