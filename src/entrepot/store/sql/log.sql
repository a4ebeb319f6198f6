-- Nodes are nobody's, so the size is the same for every reader.
-- name: size
SELECT coalesce(max(index) + 1, 0) AS size FROM log_nodes WHERE level = 0;

-- name: lock
SELECT pg_advisory_xact_lock(%(key)s);

-- The size, and the last full subtree of each level that has one, the largest first: each looked up by its key.
-- name: end
SELECT s.size, (SELECT hash FROM log_nodes n WHERE n.level = l.level AND n.index = (s.size >> l.level) - 1) AS hash
  FROM (SELECT coalesce(max(index) + 1, 0) AS size FROM log_nodes WHERE level = 0) AS s
  LEFT JOIN generate_series(62, 0, -1) AS l (level) ON s.size >> l.level & 1 = 1
 ORDER BY l.level DESC;

-- name: node
SELECT hash FROM log_nodes WHERE level = %(level)s AND index = %(index)s;

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
