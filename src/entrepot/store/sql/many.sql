-- One statement for many rows. Arrays of ids come as text, so that a server of ours parses them and not Python.
-- A version that is put again gets a new rank, or its time of verification moves.
-- name: standing
SELECT (SELECT coalesce(max(rank), 0) FROM list_versions) AS rank,
       (SELECT coalesce(sum(verified_at), 0) FROM list_versions) AS verified,
       (SELECT count(*) FROM changes WHERE confirmed_by IS NOT NULL) AS confirmed;

-- name: papers
SELECT * FROM papers WHERE settlement = ANY (%(settlements)s::uuid[]) AND kind = ANY (%(kinds)s::text[]) ORDER BY arrival;

-- name: papers_by_id
SELECT * FROM papers WHERE id = ANY (%(ids)s::uuid[]);

-- name: settlements
SELECT * FROM settlements WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id;

-- LIMIT has each looked up by its key, whatever the planner knows of the table's size.
-- name: by_escrow
SELECT s.id, s.escrow FROM unnest(%(escrows)s::text[]) AS w (escrow)
 CROSS JOIN LATERAL (SELECT id, escrow FROM settlements WHERE escrow = w.escrow AND escrow <> '' LIMIT 1) AS s;

-- The order that only the index by state has: with `state =` the planner takes it for a constant, and beside a million
-- settlements that are ended it walks through all of them by id, looking for the few that are not.
-- name: escrows
SELECT s.escrow FROM unnest(%(states)s::text[]) AS w (state)
 CROSS JOIN LATERAL (SELECT escrow FROM settlements WHERE state >= w.state AND state <= w.state
                      ORDER BY state, id DESC LIMIT %(limit)s) AS s
 WHERE s.escrow <> '';

-- name: participants
SELECT * FROM participants WHERE id = ANY (%(ids)s::uuid[]);

-- name: wallets
SELECT * FROM wallets WHERE participant = ANY (%(ids)s::uuid[]) ORDER BY arrival;

-- name: mandate_sets
SELECT * FROM mandate_sets WHERE participant = ANY (%(ids)s::uuid[]) ORDER BY version;

-- name: payee_changes
SELECT * FROM payee_changes WHERE participant = ANY (%(ids)s::uuid[]) ORDER BY arrival;

-- name: dispositions
SELECT * FROM dispositions WHERE settlement = ANY (%(settlements)s::uuid[]) ORDER BY id;

-- name: invoices
SELECT key, settlement, fingerprint FROM invoices WHERE key = ANY (%(keys)s::text[]) AND is_live;

-- name: reserved
SELECT participant, sum(amount_minor) AS reserved FROM reservations
 WHERE participant = ANY (%(participants)s::uuid[]) AND freed_at IS NULL AND at >= %(since)s
   AND settlement <> ALL (%(but_not)s::uuid[]) GROUP BY participant;

-- name: reservations
SELECT settlement, participant, amount_minor, at FROM reservations
 WHERE settlement = ANY (%(settlements)s::uuid[]) AND freed_at IS NULL;

-- name: insert_settlements
INSERT INTO settlements (id, seller, buyer, parties, state, created_at, seq, step, asset, price_minor, fee_minor,
    funded_minor, released_minor, fee_accrued_minor, refunded_minor, awarded_minor, terms_hash, escrow, due_at, due_act, rest)
SELECT id, seller, buyer, ARRAY[seller, buyer], state, created_at, seq, step, asset, price, fee, funded, released, accrued,
       refunded, awarded, terms_hash, escrow, due_at, due_act, rest::jsonb
  FROM unnest(%(id)s::uuid[], %(seller)s::uuid[], %(buyer)s::uuid[], %(state)s::text[], %(created_at)s::bigint[],
      %(seq)s::int[], %(step)s::int[], %(asset)s::text[], %(price_minor)s::numeric[], %(fee_minor)s::numeric[],
      %(funded_minor)s::numeric[], %(released_minor)s::numeric[], %(fee_accrued_minor)s::numeric[],
      %(refunded_minor)s::numeric[], %(awarded_minor)s::numeric[], %(terms_hash)s::text[], %(escrow)s::text[],
      %(due_at)s::bigint[], %(due_act)s::text[], %(rest)s::text[])
    AS n (id, seller, buyer, state, created_at, seq, step, asset, price, fee, funded, released, accrued, refunded, awarded,
          terms_hash, escrow, due_at, due_act, rest);

-- name: save_settlements
UPDATE settlements s SET state = n.state, seq = n.seq, step = n.step, asset = n.asset, price_minor = n.price,
    fee_minor = n.fee, funded_minor = n.funded, released_minor = n.released, fee_accrued_minor = n.accrued,
    refunded_minor = n.refunded, awarded_minor = n.awarded, terms_hash = n.terms_hash, escrow = n.escrow,
    due_at = n.due_at, due_act = n.due_act, rest = n.rest::jsonb, postponed_until = 0
  FROM unnest(%(id)s::uuid[], %(seller)s::uuid[], %(buyer)s::uuid[], %(state)s::text[], %(created_at)s::bigint[],
      %(seq)s::int[], %(step)s::int[], %(asset)s::text[], %(price_minor)s::numeric[], %(fee_minor)s::numeric[],
      %(funded_minor)s::numeric[], %(released_minor)s::numeric[], %(fee_accrued_minor)s::numeric[],
      %(refunded_minor)s::numeric[], %(awarded_minor)s::numeric[], %(terms_hash)s::text[], %(escrow)s::text[],
      %(due_at)s::bigint[], %(due_act)s::text[], %(rest)s::text[], %(seq_before)s::int[])
    AS n (id, seller, buyer, state, created_at, seq, step, asset, price, fee, funded, released, accrued, refunded, awarded,
          terms_hash, escrow, due_at, due_act, rest, seq_before)
 WHERE s.id = n.id AND s.seller = n.seller AND s.buyer = n.buyer AND s.created_at = n.created_at AND s.seq = n.seq_before;

-- name: add_events
INSERT INTO events (settlement, seq, kind, at, by, actor, facts, dates, leaf, is_confidential)
SELECT settlement, seq, kind, at, by, actor, facts::jsonb, dates::jsonb, leaf, is_confidential
  FROM unnest(%(settlement)s::uuid[], %(seq)s::int[], %(kind)s::text[], %(at)s::bigint[], %(by)s::text[],
      %(actor)s::text[], %(facts)s::text[], %(dates)s::text[], %(leaf)s::bytea[], %(is_confidential)s::boolean[])
    AS n (settlement, seq, kind, at, by, actor, facts, dates, leaf, is_confidential);

-- name: postpone
UPDATE settlements s SET postponed_until = n.until
  FROM unnest(%(ids)s::uuid[], %(untils)s::bigint[]) AS n (id, until) WHERE s.id = n.id;

-- name: put_papers
INSERT INTO papers (id, settlement, kind, owner, visible_to, media_type, body, sha256, at, seq)
SELECT id, settlement, kind, owner, readers::uuid[], media_type, body, sha, at, seq
  FROM unnest(%(id)s::uuid[], %(settlement)s::uuid[], %(kind)s::text[], %(owner)s::uuid[], %(reader)s::text[],
      %(media_type)s::text[], %(body)s::bytea[], %(sha)s::text[], %(at)s::bigint[], %(seq)s::int[])
    WITH ORDINALITY AS n (id, settlement, kind, owner, readers, media_type, body, sha, at, seq, place) ORDER BY place;

-- Whoever a paper is addressed to sees its settlement from then on.
-- name: join_settlements
UPDATE settlements s SET parties = ARRAY(SELECT DISTINCT unnest(s.parties || n.readers::uuid[]))
  FROM unnest(%(settlement)s::uuid[], %(reader)s::text[]) AS n (id, readers)
 WHERE s.id = n.id AND NOT s.parties @> n.readers::uuid[];

-- name: put_receipts
INSERT INTO receipts (settlement, chain, transaction, block_number, block_hash, header, index, proof, kind, at)
SELECT settlement, chain, transaction, block_number, block_hash, header, index, proof::bytea[], kind, at
  FROM unnest(%(settlement)s::uuid[], %(chain)s::text[], %(transaction)s::text[], %(block_number)s::bigint[],
      %(block_hash)s::text[], %(header)s::bytea[], %(index)s::int[], %(proof)s::text[], %(kind)s::text[],
      %(at)s::bigint[]) WITH ORDINALITY
    AS n (settlement, chain, transaction, block_number, block_hash, header, index, proof, kind, at, place) ORDER BY place
ON CONFLICT (settlement, chain, transaction, kind) DO NOTHING;

-- name: register
INSERT INTO invoices (key, fingerprint, settlement)
SELECT * FROM unnest(%(key)s::text[], %(fingerprint)s::text[], %(settlement)s::uuid[])
ON CONFLICT (key) WHERE is_live DO NOTHING;

-- In one order, so that two workers never wait for each other in a circle.
-- name: lock_participants
SELECT pg_advisory_xact_lock(hashtextextended('reserve ' || participant::uuid, 0))
  FROM unnest(%(participants)s::text[]) AS p (participant);

-- name: reserve
INSERT INTO reservations (settlement, participant, amount_minor, at)
SELECT * FROM unnest(%(settlement)s::uuid[], %(participant)s::uuid[], %(amount)s::numeric[], %(at)s::bigint[])
ON CONFLICT (settlement, participant)
DO UPDATE SET amount_minor = excluded.amount_minor, at = excluded.at, freed_at = NULL;

-- name: put_items
INSERT INTO inbox (id, source, key, kind, body, body_sha256, received_at, participant, person, role, settlement)
SELECT id, source, key, kind, body, sha, received_at, participant, person, role, settlement
  FROM unnest(%(id)s::uuid[], %(source)s::text[], %(key)s::text[], %(kind)s::text[], %(body)s::bytea[],
      %(sha)s::text[], %(received_at)s::bigint[], %(participant)s::uuid[], %(person)s::uuid[], %(role)s::text[],
      %(settlement)s::uuid[]) WITH ORDINALITY
    AS n (id, source, key, kind, body, sha, received_at, participant, person, role, settlement, place) ORDER BY place
ON CONFLICT (source, key) DO NOTHING;

-- name: answer
UPDATE inbox i SET answer = n.answer, answered_at = %(at)s
  FROM unnest(%(ids)s::uuid[], %(answers)s::bytea[]) AS n (id, answer) WHERE i.id = n.id AND i.answered_at IS NULL;

-- name: done
UPDATE outbox SET done_at = coalesce(done_at, %(at)s), leased_until = 0 WHERE once = ANY (%(onces)s::text[]);

-- name: retry
UPDATE outbox o SET due_at = %(due_at)s, error = n.error, attempts = o.attempts + %(counts)s, leased_until = 0
  FROM unnest(%(onces)s::text[], %(errors)s::text[]) AS n (once, error) WHERE o.once = n.once AND o.done_at IS NULL;
