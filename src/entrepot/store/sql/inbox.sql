-- name: get
SELECT * FROM inbox WHERE source = %(source)s AND key = %(key)s;

-- An item of a settlement waits for every older open item of it, held or not. The condition inside is that of the index
-- inbox_waiting, so that each item costs one look-up at whatever size.
-- name: claim
SELECT * FROM inbox i
 WHERE i.answered_at IS NULL AND i.set_aside_at IS NULL
   AND (i.settlement IS NULL OR i.arrival = (
        SELECT o.arrival FROM inbox o
         WHERE o.settlement = i.settlement AND coalesce(o.answered_at, o.set_aside_at) IS NULL AND o.settlement IS NOT NULL
         ORDER BY o.arrival LIMIT 1))
 ORDER BY i.arrival LIMIT %(limit)s
   FOR NO KEY UPDATE SKIP LOCKED;

-- name: participant_of
SELECT participant FROM inbox WHERE id = %(id)s;

-- name: set_aside
UPDATE inbox SET set_aside = %(why)s, set_aside_at = %(at)s, attempts = attempts + 1 WHERE id = %(id)s AND answered_at IS NULL;

-- name: stuck
SELECT * FROM inbox WHERE set_aside_at IS NOT NULL AND dismissed_at IS NULL ORDER BY arrival;

-- Two conditions, as each has an index.
-- name: is_waiting
SELECT EXISTS (SELECT FROM inbox WHERE settlement = %(settlement)s AND kind = %(kind)s
                  AND coalesce(answered_at, set_aside_at) IS NULL AND settlement IS NOT NULL)
    OR EXISTS (SELECT FROM inbox WHERE set_aside_at IS NOT NULL AND dismissed_at IS NULL
                  AND settlement = %(settlement)s AND kind = %(kind)s) AS is_waiting;

-- name: take_again
UPDATE inbox SET set_aside = '', set_aside_at = NULL
 WHERE id = %(id)s AND set_aside_at IS NOT NULL AND dismissed_at IS NULL;

-- name: dismiss
UPDATE inbox SET dismissed_at = %(at)s WHERE id = %(id)s AND set_aside_at IS NOT NULL AND dismissed_at IS NULL;

-- name: open_since
SELECT count(*) AS open, min(received_at) AS since FROM inbox WHERE answered_at IS NULL AND set_aside_at IS NULL;
