-- name: put_set
INSERT INTO mandate_sets (participant, version, mandates, decided_by, at)
VALUES (%(participant)s, %(version)s, %(mandates)s, %(decided_by)s, %(at)s);

-- name: sets
SELECT * FROM mandate_sets WHERE participant = %(participant)s ORDER BY version;

-- name: put_approval
INSERT INTO approvals (id, participant, settlement, act, source, key, body_sha256, terms_hash, asset, amount_minor, about,
    by_operator, asked_by, asked_at, expires_at, confirmed_by, status, closed_by, closed_at, why)
VALUES (%(id)s, %(participant)s, %(settlement)s, %(act)s, %(source)s, %(key)s, %(body_sha256)s, %(terms_hash)s, %(asset)s,
    %(amount_minor)s, %(about)s, %(by_operator)s, %(asked_by)s, %(asked_at)s, %(expires_at)s, %(confirmed_by)s,
    %(status)s, %(closed_by)s, %(closed_at)s, %(why)s);

-- name: save_approval
UPDATE approvals SET confirmed_by = %(confirmed_by)s, status = %(status)s, closed_by = %(closed_by)s,
    closed_at = %(closed_at)s, why = %(why)s
 WHERE id = %(id)s;

-- name: lock_approval
SELECT * FROM approvals WHERE id = %(id)s FOR UPDATE;

-- name: approval
SELECT * FROM approvals WHERE id = %(id)s;

-- name: approvals
SELECT * FROM approvals
 WHERE (%(all_participants)s OR participant = %(participant)s)
   AND (%(all_settlements)s OR settlement = %(settlement)s)
   AND (NOT %(is_open)s OR status = 'open')
 ORDER BY arrival DESC LIMIT %(limit)s;

-- name: put_payee_change
INSERT INTO payee_changes (id, participant, kind, account, changed_at, paid_from, decided_by)
VALUES (%(id)s, %(participant)s, %(kind)s, %(account)s, %(changed_at)s, %(paid_from)s, %(decided_by)s);

-- name: payee_changes
SELECT * FROM payee_changes WHERE participant = %(participant)s ORDER BY arrival;
