-- name: get
SELECT * FROM settlements WHERE id = %(id)s;

-- name: lock
SELECT * FROM settlements WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: claim_due
SELECT * FROM settlements WHERE due_at IS NOT NULL AND next_at <= %(now)s
 ORDER BY next_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED;

-- name: unpaid
SELECT id FROM settlements
 WHERE (seller = %(participant)s OR buyer = %(participant)s) AND funded_minor = 0 AND state = ANY (%(states)s)
 ORDER BY id;

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

-- name: touched
SELECT id FROM settlements WHERE due_at IS NOT NULL
 UNION
SELECT settlement FROM log_leaves WHERE index >= %(since)s
 ORDER BY id;
