-- The registry's settings as a worker last read them (doors have no node), and what became of changes of them.

CREATE TABLE contract_settings (
    registry text PRIMARY KEY,
    roles jsonb NOT NULL,
    block bigint NOT NULL,
    block_time bigint NOT NULL,
    CONSTRAINT contract_settings_place CHECK (block >= 0 AND block_time >= 0)
);

-- One outcome of a confirmed change, written once.
CREATE TABLE change_outcomes (
    change uuid PRIMARY KEY REFERENCES changes (id),
    state text NOT NULL,
    at bigint NOT NULL,
    block bigint NOT NULL,
    transaction text NOT NULL,
    why text NOT NULL,
    CONSTRAINT change_outcomes_state_known CHECK (state IN ('executed', 'failed')),
    CONSTRAINT change_outcomes_failed_say_why CHECK ((state = 'failed') = (why <> ''))
);
SELECT make_append_only('change_outcomes');

GRANT SELECT ON contract_settings, change_outcomes TO entrepot_serve, entrepot_work;
GRANT INSERT ON contract_settings, change_outcomes TO entrepot_work;
GRANT UPDATE ON contract_settings TO entrepot_work;
SELECT make_private('contract_settings', 'false');
SELECT make_private('change_outcomes', 'false');
