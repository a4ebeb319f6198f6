-- name: put
INSERT INTO outbox (once, kind, settlement, body, due_at, attempts, done_at, error)
SELECT once, kind, settlement, body::jsonb, due_at, attempts, done_at, error
  FROM unnest(%(once)s::text[], %(kind)s::text[], %(settlement)s::uuid[], %(body)s::text[], %(due_at)s::bigint[],
      %(attempts)s::int[], %(done_at)s::bigint[], %(error)s::text[]) WITH ORDINALITY
    AS n (once, kind, settlement, body, due_at, attempts, done_at, error, place) ORDER BY place
ON CONFLICT (once) DO NOTHING;

-- name: claim
WITH free AS (
    SELECT once FROM outbox
     WHERE done_at IS NULL AND due_at <= %(now)s AND leased_until <= %(now)s
       AND (%(kind)s = '' OR kind = %(kind)s) AND kind <> ALL (%(but)s::text[])
     ORDER BY due_at, arrival LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED)
UPDATE outbox o SET leased_until = %(leased_until)s
  FROM free WHERE o.once = free.once
RETURNING o.*;

-- name: open_count
SELECT count(*) AS open FROM outbox WHERE done_at IS NULL;

-- name: newest
SELECT * FROM outbox WHERE kind = %(kind)s ORDER BY arrival DESC LIMIT 1;

-- name: waiting
SELECT * FROM outbox WHERE done_at IS NULL ORDER BY due_at, arrival LIMIT %(limit)s;

-- name: waiting_of
SELECT * FROM outbox WHERE done_at IS NULL AND settlement = %(settlement)s::uuid ORDER BY due_at, arrival;
