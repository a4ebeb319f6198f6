-- name: lock_list
SELECT pg_advisory_xact_lock(hashtextextended('list ' || %(source)s, 0));

-- name: current_version
SELECT version FROM list_versions WHERE source = %(source)s ORDER BY rank DESC LIMIT 1;

-- The same version again only moves `verified_at`; one that was current before becomes current again.
-- name: put_list
INSERT INTO list_versions AS kept (source, version, sha256, published_at, loaded_at, verified_at, entity_count,
    orphan_count, entities)
VALUES (%(source)s, %(version)s, %(sha256)s, %(published_at)s, %(loaded_at)s, %(verified_at)s, %(entity_count)s,
    %(orphan_count)s, %(entities)s)
ON CONFLICT (source, version) DO UPDATE SET verified_at = excluded.verified_at,
    rank = CASE WHEN kept.rank = (SELECT max(l.rank) FROM list_versions l WHERE l.source = kept.source) THEN kept.rank
                ELSE excluded.rank END
  WHERE kept.sha256 = excluded.sha256;

-- name: lists
SELECT DISTINCT ON (source) source, version, sha256, published_at, loaded_at, verified_at, entity_count, orphan_count
  FROM list_versions ORDER BY source, rank DESC;

-- name: lists_with_entities
SELECT DISTINCT ON (source) * FROM list_versions ORDER BY source, rank DESC;

-- name: disposed
SELECT hit FROM disposed_hits
 WHERE settlement = %(settlement)s AND person = %(person)s AND hit = ANY (%(hits)s::text[]) LIMIT 1;

-- name: put_disposition
INSERT INTO dispositions (settlement, hits, person, verdict, reason, at)
VALUES (%(settlement)s, %(hits)s, %(person)s, %(verdict)s, %(reason)s, %(at)s);

-- name: dispositions
SELECT * FROM dispositions WHERE settlement = %(settlement)s ORDER BY id;

-- name: dispositions_of
SELECT * FROM dispositions
 WHERE id IN (SELECT disposition FROM disposed_hits WHERE hit = ANY (%(hits)s::text[])) ORDER BY id;

-- name: lock_settlement_disposition
SELECT pg_advisory_xact_lock(hashtextextended('dispose ' || %(settlement)s::uuid, 0));

-- name: reserved
SELECT coalesce(sum(amount_minor), 0) AS reserved FROM reservations
 WHERE participant = %(participant)s AND freed_at IS NULL AND at >= %(since)s
   AND settlement IS DISTINCT FROM %(but_not)s::uuid;

-- name: free
UPDATE reservations SET freed_at = %(at)s WHERE settlement = %(settlement)s AND freed_at IS NULL;

-- name: invoice
SELECT settlement, fingerprint FROM invoices WHERE key = %(key)s AND is_live;

-- name: free_invoice
UPDATE invoices SET is_live = false WHERE settlement = %(settlement)s AND is_live;

-- name: put_change
INSERT INTO changes (id, subject, body, reason, proposed_by, proposed_at, confirmed_by, confirmed_at, expires_at, before)
VALUES (%(id)s, %(subject)s, %(body)s, %(reason)s, %(proposed_by)s, %(proposed_at)s, %(confirmed_by)s, %(confirmed_at)s,
        %(expires_at)s, %(before)s);

-- name: lock_change
SELECT * FROM changes WHERE id = %(id)s FOR UPDATE;

-- name: confirm_change
UPDATE changes SET confirmed_by = %(person)s, confirmed_at = %(at)s WHERE id = %(id)s RETURNING *;

-- name: decline_change
UPDATE changes SET declined_by = %(person)s, declined_at = %(at)s, declined_why = %(why)s WHERE id = %(id)s RETURNING *;

-- name: changes
SELECT * FROM changes
 WHERE (%(subject)s = '' OR subject = %(subject)s)
   AND (%(confirmed)s::boolean IS NULL
        OR (%(confirmed)s AND confirmed_by IS NOT NULL)
        OR (NOT %(confirmed)s AND confirmed_by IS NULL AND declined_by IS NULL))
 ORDER BY arrival;

-- name: setting
SELECT value FROM settings WHERE name = %(name)s;

-- name: set_setting
UPDATE settings SET value = %(value)s WHERE name = %(name)s;
