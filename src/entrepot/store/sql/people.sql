-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('name ' || %(name)s, 0));

-- name: put_participant
INSERT INTO participants (id, kind, country, status, admitted_at, profile, version)
VALUES (%(id)s, %(kind)s, %(country)s, %(status)s, %(admitted_at)s, %(profile)s, %(version)s)
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, country = excluded.country, status = excluded.status,
    admitted_at = excluded.admitted_at, profile = excluded.profile, version = excluded.version
 WHERE participants.version = excluded.version - 1;

-- name: participant
SELECT * FROM participants WHERE id = %(id)s;

-- name: participants
SELECT * FROM participants ORDER BY id;

-- name: put_person
INSERT INTO persons (id, profile) VALUES (%(id)s, %(profile)s)
ON CONFLICT (id) DO UPDATE SET profile = excluded.profile;

-- name: put_membership
INSERT INTO memberships (person, participant, role) VALUES (%(person)s, %(participant)s, %(role)s) ON CONFLICT DO NOTHING;

-- name: memberships
SELECT * FROM memberships
 WHERE (%(all_persons)s OR person = %(person)s) AND (%(all_participants)s OR participant = %(participant)s)
 ORDER BY arrival;

-- name: put_credential
INSERT INTO credentials (secret_sha256, person, participant, role, expires_at, kind, label, opened_at, session,
    last_used_at)
VALUES (%(secret_sha256)s, %(person)s, %(participant)s, %(role)s, %(expires_at)s, %(kind)s, %(label)s, %(opened_at)s,
    %(session)s, %(last_used_at)s)
ON CONFLICT (secret_sha256) DO UPDATE SET expires_at = least(credentials.expires_at, excluded.expires_at),
    last_used_at = greatest(credentials.last_used_at, excluded.last_used_at)
 WHERE (credentials.person, credentials.participant, credentials.role)
     = (excluded.person, excluded.participant, excluded.role);

-- name: credential
SELECT * FROM credentials WHERE secret_sha256 = %(secret_sha256)s;

-- name: credentials
SELECT * FROM credentials WHERE person = %(person)s ORDER BY opened_at, secret_sha256;

-- name: person
SELECT * FROM persons WHERE id = %(id)s;

-- name: put_wallet
INSERT INTO wallets (account, participant, admitted_at) VALUES (%(account)s, %(participant)s, %(admitted_at)s)
ON CONFLICT (account) DO NOTHING;

-- name: wallet
SELECT * FROM wallets WHERE account = %(account)s;

-- name: wallets
SELECT * FROM wallets WHERE participant = %(participant)s ORDER BY arrival;

-- name: put_saved_views
INSERT INTO saved_views (person, participant, views) VALUES (%(person)s, %(participant)s, %(views)s)
ON CONFLICT (person, participant) DO UPDATE SET views = excluded.views;

-- name: saved_views
SELECT * FROM saved_views WHERE person = %(person)s AND participant = %(participant)s;
