-- name: keys
SELECT id, owner, wrapped FROM data_keys WHERE id = ANY (%(ids)s);

-- name: any_key
SELECT id, owner, wrapped FROM data_keys WHERE wrapped IS NOT NULL LIMIT 1;

-- name: key_of_owner
SELECT id, owner, wrapped FROM data_keys WHERE owner = %(owner)s AND wrapped IS NOT NULL;

-- name: keys_of_owners
SELECT id, owner, wrapped FROM data_keys WHERE owner = ANY (%(owners)s::uuid[]) AND wrapped IS NOT NULL;

-- name: add_key
INSERT INTO data_keys (id, owner, wrapped) VALUES (%(id)s, %(owner)s, %(wrapped)s) ON CONFLICT DO NOTHING;

-- name: erase_keys
UPDATE data_keys SET wrapped = NULL WHERE owner = %(owner)s AND wrapped IS NOT NULL;
