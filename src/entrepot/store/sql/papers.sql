-- name: put
INSERT INTO papers (id, settlement, kind, owner, visible_to, media_type, body, sha256, at, seq)
VALUES (%(id)s, %(settlement)s, %(kind)s, %(owner)s, %(visible_to)s, %(media_type)s, %(body)s, %(sha256)s, %(at)s, %(seq)s);

-- Whoever a paper is addressed to sees its settlement from then on.
-- name: join_settlement
UPDATE settlements SET parties = ARRAY(SELECT DISTINCT unnest(parties || %(visible_to)s::uuid[]))
 WHERE id = %(settlement)s AND NOT parties @> %(visible_to)s::uuid[];

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
