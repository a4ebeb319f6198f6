-- With another ledger engine beside these books, each posted transfer is an intent until that engine has answered: it
-- becomes durable in the transaction that posts it, the engine is asked after the commit, then its answer is committed.
-- In the order of `no` no transfer comes before one that made room for it, as its accounts were locked until then.
CREATE TABLE ledger_intents (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer uuid NOT NULL UNIQUE,
    answer text,
    answered_at bigint,
    CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE INDEX ledger_intents_open ON ledger_intents (no) WHERE answer IS NULL;

GRANT SELECT ON ledger_intents TO entrepot_serve, entrepot_work;
GRANT INSERT ON ledger_intents TO entrepot_work;
GRANT UPDATE (answer, answered_at) ON ledger_intents TO entrepot_work;
SELECT make_private('ledger_intents', 'false');
