-- A batch that could not be written whole is not tried whole a second time: one refusal costs it a third less.
CREATE OR REPLACE FUNCTION ledger_post(
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
    RETURN ledger_post_halves(ids[:half], debits[:half], credits[:half], amounts[:half], kinds[:half], pendings[:half],
                              events[:half], ats[:half], settlements[:half])
        || ledger_post_halves(ids[half + 1:], debits[half + 1:], credits[half + 1:], amounts[half + 1:],
                              kinds[half + 1:], pendings[half + 1:], events[half + 1:], ats[half + 1:],
                              settlements[half + 1:]);
END $$;
