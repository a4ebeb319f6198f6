-- name: put_passkey
INSERT INTO passkeys (id, person, public_key, sign_count, label, transports, is_synced, created_at, last_used_at)
VALUES (%(id)s, %(person)s, %(public_key)s, %(sign_count)s, %(label)s, %(transports)s, %(is_synced)s, %(created_at)s,
        %(last_used_at)s)
ON CONFLICT (id) DO NOTHING;

-- name: use_passkey
UPDATE passkeys SET sign_count = greatest(sign_count, %(sign_count)s), last_used_at = greatest(last_used_at, %(at)s)
 WHERE id = %(id)s;

-- name: name_passkey
UPDATE passkeys SET label = %(label)s WHERE id = %(id)s;

-- name: passkey
SELECT * FROM passkeys WHERE id = %(id)s;

-- name: passkeys
SELECT * FROM passkeys WHERE person = %(person)s ORDER BY created_at, id;

-- name: remove_passkey
DELETE FROM passkeys WHERE id = %(id)s;

-- name: put_identity
INSERT INTO identities (id, person, issuer, created_at, last_used_at)
VALUES (%(id)s, %(person)s, %(issuer)s, %(created_at)s, %(last_used_at)s)
ON CONFLICT (id) DO NOTHING;

-- name: use_identity
UPDATE identities SET last_used_at = greatest(last_used_at, %(at)s) WHERE id = %(id)s;

-- name: identity
SELECT * FROM identities WHERE id = %(id)s;

-- name: identities
SELECT * FROM identities WHERE person = %(person)s ORDER BY created_at, id;

-- name: remove_identity
DELETE FROM identities WHERE id = %(id)s;

-- name: put_invitation
INSERT INTO invitations (secret_sha256, person, participant, role, invited_at, expires_at)
VALUES (%(secret_sha256)s, %(person)s, %(participant)s, %(role)s, %(invited_at)s, %(expires_at)s);

-- name: invitation
SELECT * FROM invitations WHERE secret_sha256 = %(secret_sha256)s;

-- name: use_invitation
UPDATE invitations SET used_at = %(at)s WHERE secret_sha256 = %(secret_sha256)s AND used_at IS NULL;

-- name: put_attempt
INSERT INTO attempts (id, kind, state, person, invitation, facts, expires_at)
VALUES (%(id)s, %(kind)s, %(state)s, %(person)s, %(invitation)s, %(facts)s, %(expires_at)s)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, facts = excluded.facts;

-- name: attempt
SELECT * FROM attempts WHERE id = %(id)s;

-- name: move_attempt
UPDATE attempts SET state = %(after)s WHERE id = %(id)s AND state = %(before)s;

-- name: forget_attempts
DELETE FROM attempts WHERE expires_at < %(expired_before)s;
