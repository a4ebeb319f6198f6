-- name: get
SELECT * FROM papers WHERE id = %(id)s;

-- name: of
SELECT * FROM papers WHERE settlement = %(settlement)s AND (%(kind)s = '' OR kind = %(kind)s) ORDER BY arrival;

-- name: by_kind
SELECT * FROM (SELECT * FROM papers WHERE kind = %(kind)s ORDER BY arrival DESC LIMIT %(limit)s) AS newest
 ORDER BY arrival;

-- A message has gone out once its outbox item is done.
-- name: messages
SELECT p.*, o.done_at IS NOT NULL AS is_delivered
  FROM papers p LEFT JOIN outbox o
    ON o.once = replace(p.settlement::text, '-', '') || ':' || p.seq || ':' || p.kind
 WHERE p.settlement = ANY (%(settlements)s::uuid[]) AND p.kind = ANY (%(kinds)s)
 ORDER BY p.settlement, p.arrival;
