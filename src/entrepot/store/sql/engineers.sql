-- name: put_endpoint
INSERT INTO webhook_endpoints (id, participant, config, state, state_why, cursor, failures, failing_since, next_try_at, created_at)
VALUES (%(id)s, %(participant)s, %(config)s, %(state)s, %(state_why)s, %(cursor)s, %(failures)s, %(failing_since)s,
        %(next_try_at)s, %(created_at)s)
ON CONFLICT (id) DO UPDATE SET config = excluded.config, state = excluded.state, state_why = excluded.state_why,
    cursor = excluded.cursor, failures = excluded.failures, failing_since = excluded.failing_since,
    next_try_at = excluded.next_try_at;

-- name: endpoint
SELECT * FROM webhook_endpoints WHERE id = %(id)s;

-- name: lock_endpoint
SELECT * FROM webhook_endpoints WHERE id = %(id)s FOR UPDATE;

-- name: endpoints
SELECT * FROM webhook_endpoints WHERE participant = %(participant)s AND state <> 'deleted' ORDER BY arrival;

-- name: put_secret
INSERT INTO webhook_secrets (id, endpoint, secret, made_at, ends_at)
VALUES (%(id)s, %(endpoint)s, %(secret)s, %(made_at)s, %(ends_at)s)
ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at;

-- name: secrets
SELECT s.*, e.participant FROM webhook_secrets s JOIN webhook_endpoints e ON e.id = s.endpoint
 WHERE s.endpoint = %(endpoint)s AND (s.ends_at IS NULL OR s.ends_at > %(now)s)
 ORDER BY s.ends_at DESC NULLS FIRST, s.made_at DESC;

-- name: ask
INSERT INTO webhook_asked (id, endpoint, kind, index, asked_at)
VALUES (%(id)s, %(endpoint)s, %(kind)s, %(index)s, %(asked_at)s) ON CONFLICT (id) DO NOTHING;

-- name: asked
SELECT * FROM webhook_asked WHERE endpoint = %(endpoint)s AND done_at IS NULL ORDER BY arrival;

-- name: asked_done
UPDATE webhook_asked SET done_at = %(at)s WHERE id = %(id)s AND done_at IS NULL;

-- name: claim
WITH due AS (
    SELECT e.id FROM webhook_endpoints e
     WHERE e.leased_until <= %(now)s AND e.state <> 'deleted'
       AND ((e.state = 'active' AND e.next_try_at <= %(now)s
             AND e.cursor + 1 < (SELECT coalesce(max(index) + 1, 0) FROM log_leaves))
            OR EXISTS (SELECT 1 FROM webhook_asked a WHERE a.endpoint = e.id AND a.done_at IS NULL))
     ORDER BY e.next_try_at, e.arrival LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED)
UPDATE webhook_endpoints e SET leased_until = %(leased_until)s FROM due WHERE e.id = due.id RETURNING e.*;

-- name: release
UPDATE webhook_endpoints SET leased_until = 0 WHERE id = %(id)s;

-- What row-level security shows a party, said for a worker: it tells the participant, who does not ask.
-- name: visible
SELECT e.*, l.index FROM log_leaves l JOIN events e USING (settlement, seq) JOIN settlements s ON s.id = l.settlement
 WHERE l.index > %(after)s AND l.index <= %(until)s
   AND NOT e.is_confidential AND %(participant)s = ANY (s.parties) ORDER BY l.index;

-- name: last_leaf
SELECT coalesce(max(index), -1) AS index FROM log_leaves;

-- name: put_delivery
INSERT INTO webhook_deliveries (id, endpoint, participant, message, kind, index, event, attempt, at_ms, duration_ms, status,
    error, next_try_at, exchange)
VALUES (%(id)s, %(endpoint)s, %(participant)s, %(message)s, %(kind)s, %(index)s, %(event)s, %(attempt)s, %(at_ms)s,
    %(duration_ms)s, %(status)s, %(error)s, %(next_try_at)s, %(exchange)s);

-- name: delivery
SELECT * FROM webhook_deliveries WHERE id = %(id)s;

-- name: deliveries
SELECT * FROM webhook_deliveries
 WHERE endpoint = %(endpoint)s
   AND (%(before)s::uuid IS NULL OR arrival < (SELECT d.arrival FROM webhook_deliveries d WHERE d.id = %(before)s))
 ORDER BY arrival DESC LIMIT %(limit)s;

-- name: forget_deliveries
DELETE FROM webhook_deliveries
 WHERE endpoint = %(endpoint)s
   AND arrival <= (SELECT d.arrival FROM webhook_deliveries d WHERE d.endpoint = %(endpoint)s
                    ORDER BY d.arrival DESC OFFSET %(keep)s LIMIT 1);

-- name: add_request
INSERT INTO api_requests (id, participant, person, method, route, path, status, code, idempotency_key, duration_ms, at_ms,
    is_portal)
VALUES (%(id)s, %(participant)s, %(person)s, %(method)s, %(route)s, %(path)s, %(status)s, %(code)s, %(idempotency_key)s,
    %(duration_ms)s, %(at_ms)s, %(is_portal)s);

-- name: requests
SELECT * FROM api_requests
 WHERE participant = %(participant)s
   AND (%(before)s::uuid IS NULL OR arrival < (SELECT r.arrival FROM api_requests r WHERE r.id = %(before)s))
   AND (%(search)s = '' OR method = upper(%(search)s) OR status::text = %(search)s
        OR strpos(lower(path || ' ' || idempotency_key || ' ' || code || ' ' || replace(id::text, '-', '')), lower(%(search)s)) > 0)
 ORDER BY arrival DESC LIMIT %(limit)s;

-- name: request
SELECT * FROM api_requests WHERE id = %(id)s;

-- name: forget_requests
DELETE FROM api_requests WHERE at_ms < %(before_ms)s;

-- name: start
INSERT INTO sandbox_acts (id, kind, body, participant, person, by_name, started_at, ends_at, ended_at, told)
VALUES (%(id)s, %(kind)s, %(body)s, %(participant)s, %(person)s, %(by_name)s, %(started_at)s, %(ends_at)s, %(ended_at)s,
    %(told)s);

-- name: end
UPDATE sandbox_acts SET ended_at = %(at)s, told = %(told)s WHERE id = %(id)s AND ended_at IS NULL;

-- name: active
SELECT * FROM sandbox_acts WHERE ended_at IS NULL AND ends_at > %(now)s ORDER BY arrival;

-- name: overdue
SELECT * FROM sandbox_acts WHERE ended_at IS NULL AND ends_at <= %(now)s ORDER BY arrival;

-- name: newest
SELECT * FROM sandbox_acts WHERE %(kind)s = '' OR kind = %(kind)s ORDER BY arrival DESC LIMIT %(limit)s;
