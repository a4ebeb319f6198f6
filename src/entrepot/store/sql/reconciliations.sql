-- name: put_run
INSERT INTO reconciliations (id, asked_by, asked_at, done_at, settlements, totals, differences)
VALUES (%(id)s, %(asked_by)s, %(asked_at)s, %(done_at)s, %(settlements)s, %(totals)s, %(differences)s);

-- name: runs
SELECT * FROM reconciliations ORDER BY arrival DESC LIMIT %(limit)s;

-- name: run
SELECT * FROM reconciliations WHERE id = %(id)s;

-- name: open_case
INSERT INTO reconciliation_cases (id, run, settlement, about, opened_at)
VALUES (%(id)s, %(run)s, %(settlement)s, %(about)s, %(opened_at)s)
ON CONFLICT (settlement, about) WHERE closed_at IS NULL DO NOTHING;

-- name: close_case
UPDATE reconciliation_cases SET closed_by = %(change)s, closed_at = %(at)s WHERE id = %(id)s AND closed_at IS NULL;

-- name: cases
SELECT * FROM reconciliation_cases WHERE NOT %(is_open)s OR closed_at IS NULL ORDER BY arrival;
