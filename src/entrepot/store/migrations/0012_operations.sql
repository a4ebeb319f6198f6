-- What operators work with: set-aside items that are truly handled, reconciliations that are kept, cases they open.

-- A set-aside item is taken again (it is open as before) or dismissed; who and why stands in `changes`, append-only.
ALTER TABLE inbox
    ADD COLUMN dismissed_at bigint,
    ADD CONSTRAINT inbox_dismissed_was_set_aside CHECK (dismissed_at IS NULL OR set_aside_at IS NOT NULL);
GRANT UPDATE (dismissed_at) ON inbox TO entrepot_work;
CREATE INDEX events_beside ON events (at) WHERE kind IN ('mispaid', 'return_cleared', 'returned');

-- One run of the comparison of books, chain and messages; never edited.
CREATE TABLE reconciliations (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    asked_by uuid NOT NULL,
    asked_at bigint NOT NULL,
    done_at bigint NOT NULL,
    settlements integer NOT NULL,
    totals jsonb NOT NULL,
    differences jsonb NOT NULL,
    CONSTRAINT reconciliations_in_order CHECK (asked_at <= done_at)
);
SELECT make_append_only('reconciliations');

-- A difference opens one case of a settlement and subject, which only a change by two persons closes.
CREATE TABLE reconciliation_cases (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    run uuid NOT NULL REFERENCES reconciliations (id),
    settlement uuid NOT NULL,
    about text NOT NULL,
    opened_at bigint NOT NULL,
    closed_by uuid,
    closed_at bigint,
    CONSTRAINT reconciliation_cases_close_dated CHECK ((closed_by IS NULL) = (closed_at IS NULL))
);
CREATE UNIQUE INDEX reconciliation_cases_open ON reconciliation_cases (settlement, about) WHERE closed_at IS NULL;

GRANT SELECT ON reconciliations, reconciliation_cases TO entrepot_serve, entrepot_work;
GRANT INSERT ON reconciliations, reconciliation_cases TO entrepot_work;
GRANT UPDATE (closed_by, closed_at) ON reconciliation_cases TO entrepot_work;
SELECT make_private('reconciliations', 'false');
SELECT make_private('reconciliation_cases', 'false');

-- Whoever trades may know which caps hold, and which lists are followed.
CREATE POLICY figures ON changes FOR SELECT TO entrepot_serve
    USING (subject IN ('caps', 'list_source') AND confirmed_at IS NOT NULL);
