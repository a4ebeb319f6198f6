-- Reconciliation four ways and the closing of periods: nightly runs, banks' statements, signed packets.

-- A night's run was asked by nobody, and each night has one. `facts` are what a period is closed on.
ALTER TABLE reconciliations
    ALTER COLUMN asked_by DROP NOT NULL,
    ADD COLUMN night text,
    ADD COLUMN open_count integer NOT NULL DEFAULT 0,
    ADD COLUMN facts jsonb NOT NULL DEFAULT '{}',
    ADD CONSTRAINT reconciliations_asked CHECK (asked_by IS NOT NULL OR night IS NOT NULL);
CREATE UNIQUE INDEX reconciliations_night ON reconciliations (night) WHERE night IS NOT NULL;
CREATE INDEX reconciliations_agreed ON reconciliations (arrival) WHERE open_count = 0;

-- A case may be about a bank's entry that belongs to no settlement; `sides` is what each side said.
ALTER TABLE reconciliation_cases
    ALTER COLUMN settlement DROP NOT NULL,
    ADD COLUMN reference text NOT NULL DEFAULT '',
    ADD COLUMN sides jsonb NOT NULL DEFAULT '{}';
DROP INDEX reconciliation_cases_open;
CREATE UNIQUE INDEX reconciliation_cases_open ON reconciliation_cases (settlement, about, reference) NULLS NOT DISTINCT
    WHERE closed_at IS NULL;

-- Statements as banks sent them (their bytes are papers), taken once each, never edited.
CREATE TABLE bank_statements (
    id uuid PRIMARY KEY,
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
    paper uuid NOT NULL REFERENCES papers (id) DEFERRABLE INITIALLY DEFERRED,
    sha256 text NOT NULL,
    message_id text NOT NULL,
    statement_id text NOT NULL,
    account text NOT NULL,
    currency text NOT NULL,
    first_day text NOT NULL,
    last_day text NOT NULL,
    opening_minor numeric(78, 0) NOT NULL,
    closing_minor numeric(78, 0) NOT NULL,
    entry_count integer NOT NULL,
    taken_by uuid NOT NULL,
    taken_at bigint NOT NULL,
    CONSTRAINT bank_statements_once UNIQUE (account, statement_id),
    CONSTRAINT bank_statements_in_order CHECK (first_day <= last_day)
);
SELECT make_append_only('bank_statements');
CREATE TABLE bank_entries (
    statement uuid NOT NULL REFERENCES bank_statements (id),
    number integer NOT NULL,
    is_credit boolean NOT NULL,
    amount_minor minor NOT NULL,
    currency text NOT NULL,
    value_date text NOT NULL,
    booked_on text NOT NULL,
    end_to_end_id text NOT NULL,
    uetr text NOT NULL,
    reference text NOT NULL,
    is_reversal boolean NOT NULL,
    settlement uuid,
    PRIMARY KEY (statement, number)
);
CREATE INDEX bank_entries_settlement ON bank_entries (settlement) WHERE settlement IS NOT NULL;
SELECT make_append_only('bank_entries');

-- Periods that two persons closed, each once, each covering the log from where the one before ended.
CREATE TABLE closed_periods (
    period text PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    run uuid NOT NULL REFERENCES reconciliations (id),
    change uuid NOT NULL UNIQUE REFERENCES changes (id),
    closed_at bigint NOT NULL,
    log_size bigint NOT NULL,
    packet bytea NOT NULL,
    sha256 text NOT NULL,
    CONSTRAINT closed_periods_named CHECK (period ~ '^\d{4}-\d{2}(-\d{2})?$')
);
SELECT make_append_only('closed_periods');
CREATE FUNCTION closed_periods_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM closed_periods c
                WHERE c.log_size > NEW.log_size OR (length(c.period) = length(NEW.period) AND c.period >= NEW.period)) THEN
        RAISE EXCEPTION 'a closed period is not opened again'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'closed_periods_follow';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER follow BEFORE INSERT ON closed_periods FOR EACH ROW EXECUTE FUNCTION closed_periods_follow();

CREATE INDEX checkpoints_at ON checkpoints (at);
GRANT SELECT ON bank_statements, bank_entries, closed_periods TO entrepot_serve, entrepot_work;
GRANT INSERT ON bank_statements, bank_entries, closed_periods TO entrepot_work;
SELECT make_private('bank_statements', 'false');
SELECT make_private('bank_entries', 'false');
SELECT make_private('closed_periods', 'false');
