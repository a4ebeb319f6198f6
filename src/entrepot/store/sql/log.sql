-- Nodes are nobody's, so the size is the same for every reader.
-- name: size
SELECT coalesce(max(index) + 1, 0) AS size FROM log_nodes WHERE level = 0;

-- name: lock
SELECT pg_advisory_xact_lock(%(key)s);

-- LIMIT has each looked up by its key, whatever the planner knows of the table's size.
-- name: nodes
SELECT n.hash FROM unnest(%(levels)s::int[], %(indexes)s::bigint[]) WITH ORDINALITY AS w (level, index, place)
 CROSS JOIN LATERAL (SELECT hash FROM log_nodes WHERE level = w.level AND index = w.index LIMIT 1) AS n
 ORDER BY w.place;

-- name: add_nodes
INSERT INTO log_nodes (level, index, hash)
SELECT * FROM unnest(%(levels)s::smallint[], %(indexes)s::bigint[], %(hashes)s::bytea[]);

-- name: add_leaves
INSERT INTO log_leaves (index, settlement, seq)
SELECT * FROM unnest(%(indexes)s::bigint[], %(settlements)s::uuid[], %(seqs)s::int[]);

-- name: leaves
SELECT e.*, l.index FROM log_leaves l JOIN events e USING (settlement, seq)
 WHERE l.index > %(after)s ORDER BY l.index LIMIT %(limit)s;

-- name: put_checkpoint
INSERT INTO checkpoints (size, note, at) VALUES (%(size)s, %(note)s, %(at)s) ON CONFLICT (size) DO NOTHING;

-- name: newest_checkpoint
SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1;

-- name: checkpoint_at
SELECT size, note FROM checkpoints WHERE size = %(size)s;

-- name: size_before
SELECT coalesce(max(size), 0) AS size FROM checkpoints WHERE at < %(at)s;
