-- Changes by two say what was before, expire, and may be declined; ended either way they are never rewritten.
ALTER TABLE changes
    ADD COLUMN expires_at bigint NOT NULL DEFAULT 0,
    ADD COLUMN before jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN declined_by uuid,
    ADD COLUMN declined_at bigint,
    ADD COLUMN declined_why text NOT NULL DEFAULT '',
    ADD CONSTRAINT changes_decline_dated CHECK ((declined_by IS NULL) = (declined_at IS NULL)),
    ADD CONSTRAINT changes_end_once CHECK (confirmed_by IS NULL OR declined_by IS NULL);
CREATE OR REPLACE FUNCTION changes_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.id, OLD.subject, OLD.body, OLD.reason, OLD.proposed_by, OLD.proposed_at, OLD.expires_at, OLD.before)
       IS DISTINCT FROM (NEW.id, NEW.subject, NEW.body, NEW.reason, NEW.proposed_by, NEW.proposed_at, NEW.expires_at,
                         NEW.before)
       OR OLD.confirmed_by IS NOT NULL OR OLD.declined_by IS NOT NULL THEN
        RAISE EXCEPTION 'a change is confirmed or declined once and never rewritten'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'changes_keep';
    END IF;
    RETURN NEW;
END $$;
GRANT UPDATE (declined_by, declined_at, declined_why) ON changes TO entrepot_work;
