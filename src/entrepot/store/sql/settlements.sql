-- name: insert
INSERT INTO settlements (id, seller, buyer, parties, state, created_at, seq, step, asset, price_minor, fee_minor,
    funded_minor, released_minor, fee_accrued_minor, refunded_minor, awarded_minor, terms_hash, escrow, due_at, due_act, rest)
VALUES (%(id)s, %(seller)s, %(buyer)s, ARRAY[%(seller)s::uuid, %(buyer)s::uuid], %(state)s, %(created_at)s, %(seq)s,
    %(step)s, %(asset)s, %(price_minor)s, %(fee_minor)s, %(funded_minor)s, %(released_minor)s, %(fee_accrued_minor)s,
    %(refunded_minor)s, %(awarded_minor)s, %(terms_hash)s, %(escrow)s, %(due_at)s, %(due_act)s, %(rest)s);

-- name: get
SELECT * FROM settlements WHERE id = %(id)s;

-- name: lock
SELECT * FROM settlements WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- An event ends a postponement: what is due next follows from the new state.
-- name: save
UPDATE settlements SET state = %(state)s, seq = %(seq)s, step = %(step)s, asset = %(asset)s, price_minor = %(price_minor)s,
    fee_minor = %(fee_minor)s, funded_minor = %(funded_minor)s, released_minor = %(released_minor)s,
    fee_accrued_minor = %(fee_accrued_minor)s, refunded_minor = %(refunded_minor)s, awarded_minor = %(awarded_minor)s,
    terms_hash = %(terms_hash)s, escrow = %(escrow)s, due_at = %(due_at)s, due_act = %(due_act)s, rest = %(rest)s,
    postponed_until = 0
 WHERE id = %(id)s AND seller = %(seller)s AND buyer = %(buyer)s AND created_at = %(created_at)s AND seq = %(seq_before)s;

-- name: add_event
INSERT INTO events (settlement, seq, kind, at, by, actor, facts, dates, leaf, is_confidential)
VALUES (%(settlement)s, %(seq)s, %(kind)s, %(at)s, %(by)s, %(actor)s, %(facts)s, %(dates)s, %(leaf)s, %(is_confidential)s);

-- name: claim_due
SELECT * FROM settlements WHERE due_at IS NOT NULL AND next_at <= %(now)s
 ORDER BY next_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED;

-- name: by_escrow
SELECT * FROM settlements WHERE escrow = %(escrow)s AND escrow <> '';

-- name: unpaid
SELECT id FROM settlements
 WHERE (seller = %(participant)s OR buyer = %(participant)s) AND funded_minor = 0 AND state = ANY (%(states)s)
 ORDER BY id;

-- name: postpone
UPDATE settlements SET postponed_until = %(until)s WHERE id = %(id)s;

-- name: events
SELECT e.*, coalesce(l.index, -1) AS index FROM events e LEFT JOIN log_leaves l USING (settlement, seq)
 WHERE e.settlement = %(settlement)s ORDER BY e.seq;

-- name: beside
SELECT e.*, coalesce(l.index, -1) AS index FROM events e LEFT JOIN log_leaves l USING (settlement, seq)
 WHERE e.kind IN ('mispaid', 'return_cleared', 'returned') ORDER BY e.at, e.settlement, e.seq;

-- name: page
SELECT * FROM settlements WHERE id < coalesce(%(after)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
 ORDER BY id DESC LIMIT %(limit)s;

-- Ordered as only the index by state is: see `escrows` in many.sql.
-- name: page_in_state
SELECT * FROM settlements WHERE state >= %(state)s AND state <= %(state)s
   AND id < coalesce(%(after)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
 ORDER BY state, id DESC LIMIT %(limit)s;

-- name: many
SELECT * FROM settlements WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id;

-- name: touched
SELECT id FROM settlements WHERE due_at IS NOT NULL
 UNION
SELECT settlement FROM log_leaves WHERE index >= %(since)s
 ORDER BY id;
