-- What an integrating engineer works with: webhook endpoints and their deliveries, the log of requests, the sandbox.
-- Times here are the machine's (Unix seconds, or milliseconds where the name says so): no sandbox clock moves a network.

ALTER TABLE credentials ADD COLUMN last_used_at bigint NOT NULL DEFAULT 0;
CREATE INDEX inbox_participant ON inbox (participant, arrival);

-- Webhooks ---------------------------------------------------------------------------------------------------------

-- `cursor` is the last leaf of the log that this endpoint was told of, or that is not for it.
CREATE TABLE webhook_endpoints (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    participant uuid NOT NULL,
    config bytea NOT NULL,
    state text NOT NULL,
    state_why text NOT NULL DEFAULT '',
    cursor bigint NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    failing_since bigint NOT NULL DEFAULT 0,
    next_try_at bigint NOT NULL DEFAULT 0,
    leased_until bigint NOT NULL DEFAULT 0,
    created_at bigint NOT NULL,
    CONSTRAINT webhook_endpoints_state_known CHECK (state IN ('active', 'paused', 'failing', 'deleted')),
    CONSTRAINT webhook_endpoints_cursor_range CHECK (cursor >= -1)
);
CREATE INDEX webhook_endpoints_participant ON webhook_endpoints (participant, arrival);
CREATE INDEX webhook_endpoints_due ON webhook_endpoints (next_try_at) WHERE state = 'active';

-- Two secrets sign while one is being replaced; `ends_at` is NULL for the newest.
CREATE TABLE webhook_secrets (
    id uuid PRIMARY KEY,
    endpoint uuid NOT NULL REFERENCES webhook_endpoints (id),
    secret bytea NOT NULL,
    made_at bigint NOT NULL,
    ends_at bigint
);
CREATE UNIQUE INDEX webhook_secrets_newest ON webhook_secrets (endpoint) WHERE ends_at IS NULL;

-- What somebody asked for besides the log's order: one delivery again, or a test event. Each is tried once.
CREATE TABLE webhook_asked (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    endpoint uuid NOT NULL REFERENCES webhook_endpoints (id),
    kind text NOT NULL,
    index bigint NOT NULL,
    asked_at bigint NOT NULL,
    done_at bigint,
    CONSTRAINT webhook_asked_kind_known CHECK (kind IN ('test', 'replay'))
);
CREATE INDEX webhook_asked_open ON webhook_asked (endpoint, arrival) WHERE done_at IS NULL;

CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    endpoint uuid NOT NULL REFERENCES webhook_endpoints (id),
    participant uuid NOT NULL,
    message text NOT NULL,
    kind text NOT NULL,
    index bigint NOT NULL,
    event text NOT NULL,
    attempt integer NOT NULL,
    at_ms bigint NOT NULL,
    duration_ms integer NOT NULL,
    status integer NOT NULL,
    error text NOT NULL,
    next_try_at bigint NOT NULL,
    exchange bytea NOT NULL,
    CONSTRAINT webhook_deliveries_kind_known CHECK (kind IN ('event', 'test', 'replay'))
);
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint, arrival);

-- Requests ---------------------------------------------------------------------------------------------------------

CREATE TABLE api_requests (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    participant uuid NOT NULL,
    person uuid NOT NULL,
    method text NOT NULL,
    route text NOT NULL,
    path text NOT NULL,
    status integer NOT NULL,
    code text NOT NULL,
    idempotency_key text NOT NULL,
    duration_ms integer NOT NULL,
    at_ms bigint NOT NULL,
    is_portal boolean NOT NULL
);
CREATE INDEX api_requests_participant ON api_requests (participant, arrival);
CREATE INDEX api_requests_at ON api_requests (at_ms);

-- Sandbox ----------------------------------------------------------------------------------------------------------

-- Clock moves and faults on purpose; development chains only. Whoever is on such a chain sees all of them.
CREATE TABLE sandbox_acts (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    body jsonb NOT NULL,
    participant uuid NOT NULL,
    person uuid NOT NULL,
    by_name text NOT NULL,
    started_at bigint NOT NULL,
    ends_at bigint NOT NULL,
    ended_at bigint,
    told text NOT NULL DEFAULT ''
);
CREATE INDEX sandbox_acts_open ON sandbox_acts (ends_at) WHERE ended_at IS NULL;

GRANT SELECT ON webhook_endpoints, webhook_deliveries, webhook_asked, api_requests, sandbox_acts TO entrepot_serve;
GRANT INSERT ON api_requests TO entrepot_serve;
GRANT SELECT, INSERT ON webhook_endpoints, webhook_secrets, webhook_asked, webhook_deliveries, api_requests, sandbox_acts
    TO entrepot_work;
GRANT UPDATE (config, state, state_why, cursor, failures, failing_since, next_try_at, leased_until) ON webhook_endpoints
    TO entrepot_work;
GRANT UPDATE (ends_at) ON webhook_secrets TO entrepot_work;
GRANT DELETE ON webhook_deliveries, api_requests TO entrepot_work;
GRANT UPDATE (done_at) ON webhook_asked TO entrepot_work;
GRANT UPDATE (ended_at, told) ON sandbox_acts TO entrepot_work;

SELECT make_private('webhook_endpoints', 'participant = (SELECT reader_participant())');
SELECT make_private('webhook_secrets', 'false');
SELECT make_private('webhook_asked',
    'EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.id = webhook_asked.endpoint)');
SELECT make_private('webhook_deliveries', 'participant = (SELECT reader_participant())');
SELECT make_private('api_requests', 'participant = (SELECT reader_participant())');
SELECT make_private('sandbox_acts', '(SELECT reader_participant()) IS NOT NULL');
CREATE POLICY doors ON api_requests FOR INSERT TO entrepot_serve WITH CHECK ((SELECT reader_is_door()));
