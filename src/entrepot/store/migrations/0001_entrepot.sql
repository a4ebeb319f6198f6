-- Everything but the ledger. The constraints repeat the invariants of core; the policies say once more who sees what.
-- Ids are 128 bits, times are Unix seconds, amounts are minor units. The two roles are made by migrate.py before.

CREATE DOMAIN minor AS numeric(78, 0)
    CONSTRAINT minor_in_range CHECK (VALUE >= 0 AND VALUE < 170141183460469231731687303715884105728);  -- 2^127

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_TABLE_NAME || '_append_only';
END $$;

-- Makes a table append-only for everybody, its owner included.
CREATE FUNCTION make_append_only(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
                    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', target);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM PUBLIC, entrepot_serve, entrepot_work', target);
END $$;

REVOKE EXECUTE ON FUNCTION make_append_only(regclass) FROM PUBLIC;

-- Keys -------------------------------------------------------------------------------------------------------------

-- One live data key per owner (a participant, a person, or the zero id for the deployment), wrapped by the master key.
-- Erasing an owner empties `wrapped`: what was sealed with it is unreadable from then on.
CREATE TABLE data_keys (
    id uuid PRIMARY KEY,
    owner uuid NOT NULL,
    wrapped bytea
);
CREATE UNIQUE INDEX data_keys_live ON data_keys (owner) WHERE wrapped IS NOT NULL;
CREATE FUNCTION erase_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.wrapped IS NOT NULL OR NEW.id <> OLD.id OR NEW.owner <> OLD.owner THEN
        RAISE EXCEPTION 'a data key is only ever erased'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'data_keys_erase_only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erase_only BEFORE UPDATE ON data_keys FOR EACH ROW EXECUTE FUNCTION erase_only();
CREATE TRIGGER no_delete BEFORE DELETE OR TRUNCATE ON data_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Settlements and the log ------------------------------------------------------------------------------------------

-- `parties` are seller and buyer, and whoever a paper of the settlement is addressed to (the examiner of record).
CREATE TABLE settlements (
    id uuid PRIMARY KEY,
    seller uuid NOT NULL,
    buyer uuid NOT NULL,
    parties uuid[] NOT NULL,
    state text NOT NULL,
    created_at bigint NOT NULL,
    seq integer NOT NULL,
    step integer NOT NULL,
    asset text NOT NULL,
    price_minor minor NOT NULL,
    fee_minor minor NOT NULL,
    funded_minor minor NOT NULL,
    released_minor minor NOT NULL,
    fee_accrued_minor minor NOT NULL,
    refunded_minor minor NOT NULL,
    awarded_minor minor,
    held_minor numeric(78, 0) NOT NULL
        GENERATED ALWAYS AS (funded_minor - released_minor - fee_accrued_minor - refunded_minor) STORED,
    terms_hash text NOT NULL,
    escrow text NOT NULL,
    due_at bigint,
    due_act text,
    postponed_until bigint NOT NULL DEFAULT 0,
    next_at bigint GENERATED ALWAYS AS (greatest(due_at, postponed_until)) STORED,
    rest jsonb NOT NULL,
    CONSTRAINT settlements_state_known CHECK (state IN (
        'proposed', 'quoted', 'agreed', 'in_review', 'cleared', 'funding', 'funded', 'presented', 'discrepant',
        'releasing', 'released', 'refunding', 'refunded', 'rejecting', 'rejected', 'refused', 'lapsed', 'disputed',
        'frozen', 'blocked')),
    CONSTRAINT settlements_parties_named CHECK (seller = ANY (parties) AND buyer = ANY (parties)),
    CONSTRAINT settlements_two_parties CHECK (seller <> buyer),
    CONSTRAINT settlements_held_not_negative CHECK (held_minor >= 0),
    CONSTRAINT settlements_held_in_state CHECK (held_minor = 0 OR state IN (
        'in_review', 'funded', 'presented', 'discrepant', 'releasing', 'refunding', 'rejecting', 'disputed', 'frozen',
        'blocked')),
    CONSTRAINT settlements_next_act_dated CHECK (
        CASE WHEN state IN ('released', 'refunded', 'rejected', 'refused', 'lapsed')
             THEN due_at IS NULL AND due_act IS NULL
             ELSE due_at IS NOT NULL AND due_at > 0 AND due_act IS NOT NULL AND due_act <> '' END),
    CONSTRAINT settlements_steps_within_seq CHECK (0 <= step AND step <= seq)
);
CREATE INDEX settlements_due ON settlements (next_at) WHERE due_at IS NOT NULL;
CREATE INDEX settlements_state ON settlements (state, id DESC);
CREATE INDEX settlements_parties ON settlements USING gin (parties);
CREATE UNIQUE INDEX settlements_escrow ON settlements (escrow) WHERE escrow <> '';

CREATE TABLE events (
    settlement uuid NOT NULL REFERENCES settlements (id),
    seq integer NOT NULL,
    kind text NOT NULL,
    at bigint NOT NULL,
    by text NOT NULL,
    actor text NOT NULL,
    facts jsonb NOT NULL,
    dates jsonb NOT NULL,
    leaf bytea NOT NULL,
    is_confidential boolean NOT NULL,
    PRIMARY KEY (settlement, seq),
    CONSTRAINT events_seq_positive CHECK (seq > 0)
);
SELECT make_append_only('events');

-- A statement's events continue each settlement's numbers without a gap.
CREATE FUNCTION events_gapless() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken uuid;
BEGIN
    SELECT a.settlement INTO broken
      FROM (SELECT settlement, min(seq) AS low, max(seq) AS high, count(*) AS count FROM added GROUP BY settlement) a
     WHERE a.high - a.low + 1 <> a.count
        OR a.low <> 1 + coalesce((SELECT max(e.seq) FROM events e
                                   WHERE e.settlement = a.settlement AND e.seq < a.low), 0)
     LIMIT 1;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'the events of settlement % are not gapless', broken
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'events_gapless';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER gapless AFTER INSERT ON events REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION events_gapless();

CREATE TABLE log_leaves (
    index bigint PRIMARY KEY,
    settlement uuid NOT NULL,
    seq integer NOT NULL,
    UNIQUE (settlement, seq),
    FOREIGN KEY (settlement, seq) REFERENCES events (settlement, seq) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT log_leaves_index_not_negative CHECK (index >= 0)
);
SELECT make_append_only('log_leaves');

-- Each leaf's index is the one before it plus one, from 0.
CREATE FUNCTION log_leaves_gapless() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    low bigint;
    high bigint;
    count bigint;
BEGIN
    SELECT min(a.index), max(a.index), count(*) INTO low, high, count FROM added a;
    IF count > 0 AND (high - low + 1 <> count
        OR low <> 1 + coalesce((SELECT max(l.index) FROM log_leaves l WHERE l.index < low), -1)) THEN
        RAISE EXCEPTION 'the log would not be gapless at leaf %', low
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'log_leaves_gapless';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER gapless AFTER INSERT ON log_leaves REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION log_leaves_gapless();

CREATE TABLE log_nodes (
    level smallint NOT NULL,
    index bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (level, index),
    CONSTRAINT log_nodes_sha256 CHECK (level >= 0 AND index >= 0 AND octet_length(hash) = 32)
);
SELECT make_append_only('log_nodes');

CREATE TABLE checkpoints (
    size bigint PRIMARY KEY,
    note text NOT NULL,
    at bigint NOT NULL,
    CONSTRAINT checkpoints_size_not_negative CHECK (size >= 0)
);
SELECT make_append_only('checkpoints');

-- What arrives and what leaves --------------------------------------------------------------------------------------

CREATE TABLE inbox (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    source text NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    body bytea NOT NULL,
    body_sha256 text NOT NULL,
    received_at bigint NOT NULL,
    participant uuid,
    person uuid,
    role text NOT NULL,
    settlement uuid,
    attempts integer NOT NULL DEFAULT 0,
    leased_until bigint NOT NULL DEFAULT 0,
    answer bytea,
    answered_at bigint,
    set_aside text NOT NULL DEFAULT '',
    set_aside_at bigint,
    CONSTRAINT inbox_once UNIQUE (source, key),
    CONSTRAINT inbox_answer_dated CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE INDEX inbox_open ON inbox (arrival) WHERE answered_at IS NULL AND set_aside_at IS NULL;
CREATE INDEX inbox_open_settlement ON inbox (settlement, arrival) WHERE answered_at IS NULL AND set_aside_at IS NULL;
CREATE INDEX inbox_set_aside ON inbox (arrival) WHERE set_aside_at IS NOT NULL;

-- What was asked never changes, and an answer is given once.
CREATE FUNCTION inbox_keeps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.id, OLD.source, OLD.key, OLD.kind, OLD.body, OLD.body_sha256, OLD.received_at, OLD.role,
        OLD.participant, OLD.person, OLD.settlement)
       IS DISTINCT FROM
       (NEW.id, NEW.source, NEW.key, NEW.kind, NEW.body, NEW.body_sha256, NEW.received_at, NEW.role,
        NEW.participant, NEW.person, NEW.settlement)
       OR (OLD.answer IS NOT NULL AND OLD.answer IS DISTINCT FROM NEW.answer) THEN
        RAISE EXCEPTION 'an inbox item is answered once and never rewritten'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'inbox_keeps';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keeps BEFORE UPDATE ON inbox FOR EACH ROW EXECUTE FUNCTION inbox_keeps();

CREATE TABLE outbox (
    once text PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    settlement uuid,
    body jsonb NOT NULL,
    due_at bigint NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    leased_until bigint NOT NULL DEFAULT 0,
    done_at bigint,
    error text NOT NULL DEFAULT ''
);
CREATE INDEX outbox_open ON outbox (due_at, arrival) WHERE done_at IS NULL;

-- People -----------------------------------------------------------------------------------------------------------

CREATE TABLE participants (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    country text NOT NULL,
    status text NOT NULL,
    admitted_at bigint NOT NULL,
    profile bytea NOT NULL,
    version integer NOT NULL,
    CONSTRAINT participants_status_known CHECK (status IN ('admitted', 'suspended', 'left'))
);
CREATE TABLE persons (
    id uuid PRIMARY KEY,
    profile bytea NOT NULL
);
CREATE TABLE memberships (
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    person uuid NOT NULL,
    participant uuid NOT NULL,
    role text NOT NULL,
    PRIMARY KEY (person, participant, role)
);
CREATE INDEX memberships_participant ON memberships (participant);
CREATE TABLE credentials (
    secret_sha256 text PRIMARY KEY,
    person uuid NOT NULL,
    participant uuid NOT NULL,
    role text NOT NULL,
    expires_at bigint NOT NULL
);
CREATE TABLE wallets (
    account text PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    participant uuid NOT NULL,
    admitted_at bigint NOT NULL
);
CREATE INDEX wallets_participant ON wallets (participant, arrival);

-- Papers are append-only; erasing is done to the owner's data key.
CREATE TABLE papers (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    settlement uuid,
    kind text NOT NULL,
    owner uuid,
    visible_to uuid[] NOT NULL,
    media_type text NOT NULL,
    body bytea NOT NULL,
    sha256 text NOT NULL,
    at bigint NOT NULL,
    seq integer NOT NULL
);
CREATE INDEX papers_settlement ON papers (settlement, kind, arrival);
CREATE INDEX papers_owner ON papers (owner);
SELECT make_append_only('papers');

-- Checks -----------------------------------------------------------------------------------------------------------

CREATE TABLE list_versions (
    source text NOT NULL,
    version text NOT NULL,
    rank bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
    sha256 text NOT NULL,
    published_at bigint,
    loaded_at bigint NOT NULL,
    verified_at bigint NOT NULL,
    entity_count integer NOT NULL,
    orphan_count integer NOT NULL,
    entities json NOT NULL,
    PRIMARY KEY (source, version)
);
CREATE INDEX list_versions_current ON list_versions (source, rank DESC);

CREATE TABLE dispositions (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    settlement uuid NOT NULL,
    hits text[] NOT NULL,
    person uuid NOT NULL,
    verdict text NOT NULL,
    reason text NOT NULL,
    at bigint NOT NULL,
    CONSTRAINT dispositions_verdict_known CHECK (verdict IN ('clear', 'refuse'))
);
CREATE INDEX dispositions_settlement ON dispositions (settlement, id);
SELECT make_append_only('dispositions');

-- Four eyes: a person disposes of a hit of a settlement once. (One of the whole settlement would be too strict: a
-- second screening may find another hit, which the same two persons may dispose of.)
CREATE TABLE disposed_hits (
    settlement uuid NOT NULL,
    hit text NOT NULL,
    person uuid NOT NULL,
    disposition bigint NOT NULL REFERENCES dispositions (id),
    CONSTRAINT disposed_hits_four_eyes PRIMARY KEY (settlement, hit, person)
);
SELECT make_append_only('disposed_hits');
CREATE FUNCTION note_disposed_hits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO disposed_hits (settlement, hit, person, disposition)
    SELECT DISTINCT NEW.settlement, h.hit, NEW.person, NEW.id FROM unnest(NEW.hits) AS h (hit);
    RETURN NULL;
END $$;
CREATE TRIGGER four_eyes AFTER INSERT ON dispositions FOR EACH ROW EXECUTE FUNCTION note_disposed_hits();

CREATE TABLE reservations (
    settlement uuid NOT NULL,
    participant uuid NOT NULL,
    amount_minor minor NOT NULL,
    at bigint NOT NULL,
    freed_at bigint,
    PRIMARY KEY (settlement, participant)
);
CREATE INDEX reservations_participant ON reservations (participant, at) WHERE freed_at IS NULL;

CREATE TABLE invoices (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    key text NOT NULL,
    fingerprint text NOT NULL,
    settlement uuid NOT NULL,
    is_live boolean NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX invoices_once ON invoices (key) WHERE is_live;
CREATE INDEX invoices_settlement ON invoices (settlement);

CREATE TABLE changes (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    subject text NOT NULL,
    body jsonb NOT NULL,
    reason text NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_at bigint NOT NULL,
    confirmed_by uuid,
    confirmed_at bigint,
    CONSTRAINT changes_four_eyes CHECK (confirmed_by <> proposed_by),
    CONSTRAINT changes_confirmation_dated CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL))
);
CREATE FUNCTION changes_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.id, OLD.subject, OLD.body, OLD.reason, OLD.proposed_by, OLD.proposed_at)
       IS DISTINCT FROM (NEW.id, NEW.subject, NEW.body, NEW.reason, NEW.proposed_by, NEW.proposed_at)
       OR OLD.confirmed_by IS NOT NULL THEN
        RAISE EXCEPTION 'a change is confirmed once and never rewritten'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'changes_keep';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE ON changes FOR EACH ROW EXECUTE FUNCTION changes_keep();

CREATE TABLE settings (
    name text PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO settings VALUES ('clock_offset_s', 0);

-- Rails ------------------------------------------------------------------------------------------------------------

CREATE TABLE sent_transactions (
    once text PRIMARY KEY,
    chain text NOT NULL,
    sender text NOT NULL,
    nonce numeric(20, 0) NOT NULL,
    hash text NOT NULL,
    raw bytea NOT NULL,
    state text NOT NULL,
    at bigint NOT NULL,
    attempt integer NOT NULL,
    settlement uuid,
    kind text NOT NULL,
    CONSTRAINT sent_transactions_state_known
        CHECK (state IN ('prepared', 'sent', 'mined', 'final', 'failed', 'dropped', 'replaced')),
    CONSTRAINT sent_transactions_nonce_range CHECK (nonce >= 0 AND nonce < 18446744073709551615)  -- EIP-2681
);
CREATE UNIQUE INDEX sent_transactions_nonce ON sent_transactions (chain, sender, nonce) WHERE state <> 'replaced';
CREATE INDEX sent_transactions_unfinished ON sent_transactions (chain, sender, nonce)
    WHERE state IN ('prepared', 'sent', 'mined');

-- One row per sender, locked while it takes a nonce.
CREATE TABLE senders (
    chain text NOT NULL,
    sender text NOT NULL,
    taken bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (chain, sender)
);

CREATE TABLE receipts (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    settlement uuid NOT NULL,
    chain text NOT NULL,
    transaction text NOT NULL,
    block_number bigint NOT NULL,
    block_hash text NOT NULL,
    header bytea NOT NULL,
    index integer NOT NULL,
    proof bytea[] NOT NULL,
    kind text NOT NULL,
    at bigint NOT NULL,
    CONSTRAINT receipts_once UNIQUE (settlement, chain, transaction, kind)
);
SELECT make_append_only('receipts');

CREATE TABLE cursors (
    name text PRIMARY KEY,
    block bigint NOT NULL,
    block_hash text NOT NULL,
    final_block bigint NOT NULL,
    final_hash text NOT NULL,
    final_time bigint NOT NULL,
    seen_at bigint NOT NULL,
    alarm text NOT NULL
);
