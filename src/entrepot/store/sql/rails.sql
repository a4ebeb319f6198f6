-- name: sent
SELECT * FROM sent_transactions WHERE once = %(once)s;

-- name: unfinished
SELECT * FROM sent_transactions WHERE chain = %(chain)s AND state IN ('prepared', 'sent', 'mined')
 ORDER BY sender, nonce LIMIT %(limit)s;

-- name: put_sent
INSERT INTO sent_transactions (once, chain, sender, nonce, hash, raw, state, at, attempt, settlement, kind)
VALUES (%(once)s, %(chain)s, %(sender)s, %(nonce)s, %(hash)s, %(raw)s, %(state)s, %(at)s, %(attempt)s, %(settlement)s,
        %(kind)s)
ON CONFLICT (once) DO UPDATE SET hash = excluded.hash, raw = excluded.raw, state = excluded.state, at = excluded.at,
    attempt = excluded.attempt;

-- name: lock_sender
INSERT INTO senders (chain, sender, taken) VALUES (%(chain)s, %(sender)s, 1)
ON CONFLICT (chain, sender) DO UPDATE SET taken = senders.taken + 1;

-- name: highest_nonce
SELECT max(nonce) AS nonce FROM sent_transactions
 WHERE chain = %(chain)s AND sender = %(sender)s AND state <> 'replaced';

-- name: receipts
SELECT * FROM receipts WHERE settlement = %(settlement)s ORDER BY id;

-- name: cursor
SELECT * FROM cursors WHERE name = %(name)s;

-- name: put_cursor
INSERT INTO cursors (name, block, block_hash, final_block, final_hash, final_time, seen_at, alarm)
VALUES (%(name)s, %(block)s, %(block_hash)s, %(final_block)s, %(final_hash)s, %(final_time)s, %(seen_at)s, %(alarm)s)
ON CONFLICT (name) DO UPDATE SET block = excluded.block, block_hash = excluded.block_hash,
    final_block = excluded.final_block, final_hash = excluded.final_hash, final_time = excluded.final_time,
    seen_at = excluded.seen_at, alarm = excluded.alarm
 WHERE excluded.final_block >= cursors.final_block;

-- name: cursors
SELECT * FROM cursors ORDER BY name;

-- name: put_contract_settings
INSERT INTO contract_settings (registry, roles, block, block_time)
VALUES (%(registry)s, %(roles)s, %(block)s, %(block_time)s)
ON CONFLICT (registry) DO UPDATE SET roles = excluded.roles, block = excluded.block, block_time = excluded.block_time
 WHERE excluded.block >= contract_settings.block;

-- name: contract_settings
SELECT * FROM contract_settings ORDER BY block DESC LIMIT 1;

-- name: put_outcome
INSERT INTO change_outcomes (change, state, at, block, transaction, why)
VALUES (%(change)s, %(state)s, %(at)s, %(block)s, %(transaction)s, %(why)s)
ON CONFLICT (change) DO NOTHING;

-- name: outcomes
SELECT * FROM change_outcomes ORDER BY at, change;
