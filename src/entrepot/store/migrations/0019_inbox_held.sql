-- Who takes an item holds its row until the transaction ends, so there is no lease to write and to wait for.
ALTER TABLE inbox DROP COLUMN leased_until;

-- Only a statement that names what was asked could change it: an answer need not read the whole item again.
DROP TRIGGER keeps ON inbox;
DROP FUNCTION inbox_keeps();
CREATE FUNCTION inbox_keeps_asked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.id, OLD.source, OLD.key, OLD.kind, OLD.body, OLD.body_sha256, OLD.received_at, OLD.role,
        OLD.participant, OLD.person, OLD.settlement)
       IS DISTINCT FROM
       (NEW.id, NEW.source, NEW.key, NEW.kind, NEW.body, NEW.body_sha256, NEW.received_at, NEW.role,
        NEW.participant, NEW.person, NEW.settlement) THEN
        RAISE EXCEPTION 'an inbox item is never rewritten'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'inbox_keeps';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keeps_asked
    BEFORE UPDATE OF id, source, key, kind, body, body_sha256, received_at, role, participant, person, settlement
    ON inbox FOR EACH ROW EXECUTE FUNCTION inbox_keeps_asked();

CREATE FUNCTION inbox_keeps_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an inbox item is answered once and never rewritten'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'inbox_keeps';
END $$;
CREATE TRIGGER keeps_answer BEFORE UPDATE OF answer ON inbox FOR EACH ROW
    WHEN (OLD.answer IS NOT NULL AND OLD.answer IS DISTINCT FROM NEW.answer) EXECUTE FUNCTION inbox_keeps_answer();
