-- A company's own mandates, acts that wait for its second person, and changes of where it is paid.

-- One row is one version of all mandates of a company; the newest one counts.
CREATE TABLE mandate_sets (
    participant uuid NOT NULL,
    version integer NOT NULL,
    mandates jsonb NOT NULL,
    decided_by uuid[] NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (participant, version),
    CONSTRAINT mandate_sets_from_one CHECK (version >= 1),
    CONSTRAINT mandate_sets_by_two CHECK (cardinality(decided_by) >= 2)
);

-- An act that waits for another person. Its request, signature and all, is the inbox's item under source and key.
CREATE TABLE approvals (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    participant uuid NOT NULL,
    settlement uuid,
    act text NOT NULL,
    source text NOT NULL,
    key text NOT NULL,
    body_sha256 text NOT NULL,
    terms_hash text NOT NULL,
    asset text NOT NULL,
    amount_minor minor NOT NULL,
    about text NOT NULL,
    by_operator boolean NOT NULL,
    asked_by uuid NOT NULL,
    asked_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    confirmed_by uuid[] NOT NULL,
    status text NOT NULL,
    closed_by uuid,
    closed_at bigint,
    why text NOT NULL,
    CONSTRAINT approvals_status_known CHECK (status IN ('open', 'done', 'declined', 'refused', 'replaced')),
    CONSTRAINT approvals_another_person CHECK (NOT asked_by = ANY (confirmed_by)),
    CONSTRAINT approvals_done_by_two CHECK (status <> 'done' OR cardinality(confirmed_by) >= 1),
    CONSTRAINT approvals_closing_dated CHECK ((status = 'open') = (closed_at IS NULL)),
    CONSTRAINT approvals_end CHECK (expires_at > asked_at)
);
CREATE INDEX approvals_participant ON approvals (participant, arrival);
CREATE INDEX approvals_settlement ON approvals (settlement) WHERE settlement IS NOT NULL;
CREATE FUNCTION approvals_close_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'open' OR NOT NEW.confirmed_by @> OLD.confirmed_by THEN
        RAISE EXCEPTION 'an approval is closed once and its confirmations stay'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'approvals_close_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER close_once BEFORE UPDATE ON approvals FOR EACH ROW EXECUTE FUNCTION approvals_close_once();
CREATE TRIGGER no_delete BEFORE DELETE OR TRUNCATE ON approvals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Where a participant is paid from a date on: another wallet, or another bank (named in its profile).
CREATE TABLE payee_changes (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    participant uuid NOT NULL,
    kind text NOT NULL,
    account text NOT NULL,
    changed_at bigint NOT NULL,
    paid_from bigint NOT NULL,
    decided_by uuid[] NOT NULL,
    CONSTRAINT payee_changes_kind_known CHECK (kind IN ('wallet', 'bank')),
    CONSTRAINT payee_changes_account CHECK ((kind = 'wallet') = (account <> '')),
    CONSTRAINT payee_changes_by_two CHECK (cardinality(decided_by) >= 2),
    CONSTRAINT payee_changes_cooling CHECK (paid_from >= changed_at)
);
CREATE INDEX payee_changes_participant ON payee_changes (participant, arrival);

GRANT SELECT ON mandate_sets, approvals, payee_changes TO entrepot_serve, entrepot_work;
GRANT INSERT ON mandate_sets, approvals, payee_changes TO entrepot_work;
GRANT UPDATE (confirmed_by, status, closed_by, closed_at, why) ON approvals TO entrepot_work;
SELECT make_append_only('mandate_sets');
SELECT make_append_only('payee_changes');
SELECT make_private('mandate_sets', 'participant = (SELECT reader_participant())');
SELECT make_private('approvals', 'participant = (SELECT reader_participant())');
-- Whoever trades with a company is told that it is paid elsewhere, and from when on.
SELECT make_private('payee_changes', 'participant = (SELECT reader_participant())
    OR EXISTS (SELECT 1 FROM settlements s WHERE s.parties @> ARRAY[payee_changes.participant])');
